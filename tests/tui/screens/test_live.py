"""A real machine on the main screen: followed, branched, and written to only after a question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event, current_thread

import numpy as np
import pytest
from textual.events import Key

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.sysroot import operate
from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.page_kinds import bit
from pfnmap.engine.sysroot.shell_machine import ShellMachine
from pfnmap.engine.sysroot.shell_process import ShellProcess
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.themes import load_theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.dialogs.compare import CompareScreen
from pfnmap.tui.dialogs.confirm import Confirm
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.screens.audit import Audit
from pfnmap.tui.screens.live import LOOK_READINGS, Live
from pfnmap.tui.testing import settle
from tests.engine.sysroot.trees import MEMORY, Tree, dimm_tree, ratio_tree, x86_tree
from tests.examples import some
from tests.tui.stage import Stage


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return dimm_tree(tmp_path / "root")


@pytest.fixture(autouse=True)
def prompt_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who reads a question in no time."""
    monkeypatch.setattr(Confirm, "QUIET_SECONDS", 0.0)


@asynccontextmanager
async def live_stage(
    tree: Tree,
    *,
    allow_writes: bool = False,
    size: tuple[int, int] = (120, 40),
    via: ShellMachine | None = None,
) -> AsyncIterator[tuple[Stage, Live]]:
    session = ObservedHistory(Watcher(via or tree.root))
    app = PfnmapApp(session, load_theme("dark"), source_title="tree")
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        live = Live(app.main, session, allow_writes=allow_writes)
        live._audit = Audit(tree.root.parent / "writes.log", clock=lambda: 0.0)
        app.main.follow(live)
        live.follow()
        await settle(pilot)
        yield Stage(app, pilot), live


async def test_the_map_shows_the_zones_of_a_real_machine(tmp_path: Path) -> None:
    """What its pages are used for is not known; that must not be all that is seen of it."""
    async with live_stage(x86_tree(tmp_path / "root")) as (on, _):
        cells = "".join(line[15:90] for line in on.lines if line.startswith(" 0x"))
        assert all(glyph * 8 in cells for glyph in "═≈·") and "▒" not in cells
        assert "≈≈ Movable ══ DMA32 ── DMA" in on.text


def state(tree: Tree, block: int) -> str:
    return (tree.root / MEMORY / f"memory{block}/state").read_text().strip()


def audit(tree: Tree) -> list[str]:
    file = tree.root.parent / "writes.log"
    return file.read_text().splitlines() if file.exists() else []


# -- comparing ---------------------------------------------------------------------------
async def test_a_real_machine_and_a_branch_of_it_are_compared_in_one_step(tmp_path: Path) -> None:
    async with live_stage(x86_tree(tmp_path / "x86", memmap_on_memory="N")) as (on, _):
        for branched in (False, True):
            if branched:
                await on.keys("b")
            await on.command("compare memmap_on_memory=Y")
            assert isinstance(on.app.screen, CompareScreen)
            assert "hot-added again: add ram" in on.text
            assert "memmap_on_memory=Y: costs 8M of 2 devices; saves 8M of node 0" in on.text
            await on.keys("q")


# -- following ---------------------------------------------------------------------------
async def test_a_change_is_a_step_that_can_be_walked_back(tree: Tree) -> None:
    async with live_stage(tree) as (on, live):
        assert not await live.read()
        tree.block(32, "offline", "Normal Movable")
        assert await live.read()
        await settle(on.pilot)
        assert "step 1/1" in on.lines[0]
        assert "memory32" in on.text
        await on.keys("[")
        assert "step 0/1" in on.lines[0]
        assert "block 32" not in on.text or "online" in on.text


async def test_who_looks_at_the_past_is_not_pulled_away(tree: Tree) -> None:
    async with live_stage(tree) as (on, live):
        for number in (34, 35):
            tree.block(number, "offline", "Movable")
            await live.read()
            await settle(on.pilot)
            await on.keys("[")
        assert "step 0/2" in on.lines[0]


async def test_a_tree_that_goes_away_is_said_once(tree: Tree) -> None:
    async with live_stage(tree) as (on, live):
        (tree.root / MEMORY).rename(tree.root / "gone")
        assert not await live.read()
        await settle(on.pilot)
        assert "memory" in on.text
        count = len(on.app._notifications)
        assert not await live.read()
        assert len(on.app._notifications) == count


@pytest.mark.parametrize("name", ["observe", "look"])
async def test_a_reading_that_fails_for_no_known_reason_is_said_once_and_tried_again(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tries = 0
    async with live_stage(tree) as (on, live):

        def broken(*_: object) -> None:
            nonlocal tries
            tries += 1
            raise ValueError("odd\x1b[2J")

        with monkeypatch.context() as patch:
            patch.setattr(live.session, name, broken)
            for _ in range(3):
                assert not await live.read()
            await settle(on.pilot)
        assert tries == 3
        said = [each.message for each in on.app._notifications if "failed" in each.message]
        assert len(said) == 1
        assert said[0].endswith("failed: ValueError: odd?[2J")
        tree.block(34, "offline", "Movable")
        assert await live.read()
        await settle(on.pilot)
        assert "memory34" in on.text


async def test_a_machine_behind_a_shell_is_followed_and_written_to(tree: Tree) -> None:
    line = ShellProcess("sh")
    via = ShellMachine(line, str(tree.root))
    async with live_stage(tree, allow_writes=True, via=via) as (on, live):
        await on.command("goto block 33")
        await on.keys("m")
        await on.type("online_movable", "enter")
        await on.app.workers.wait_for_complete()
        assert state(tree, 33) == "online_movable"
        with pytest.raises(InputError):
            line.run("exit 5")
        tree.block(33, "online", "Movable")
        assert await live.read(), "it is started again"
        line._words = ["/no/shell"]
        with pytest.raises(InputError):
            line.run("exit 5")
        for _ in range(2):
            assert not await live.read()
        await settle(on.pilot)
        said = [each.message for each in on.app._notifications]
        assert said == ["--via sh: /no/shell: there is no such command"]
        line._words = ["sh"]
        assert not await live.read()
        await settle(on.pilot)
        assert "the machine can be read again" in on.text
        await on.keys("b")
        assert "what if" in on.lines[0]
    with pytest.raises(InputError, match="closed"):
        line.run("true")


# -- single pages ------------------------------------------------------------------------
def page_flags(tree: Tree, *values: tuple[int, int]) -> None:
    """``/proc/kpageflags``: (pages, flags) from the first block on."""
    whole = np.concatenate([np.full(count, flags, "<u8") for count, flags in values])
    tree.write("proc/kpageflags", whole.tobytes())


async def test_pages_in_sight_are_what_their_flags_say(tree: Tree) -> None:
    page_flags(tree, (32768, int(bit("BUDDY"))), (32768, int(bit("LRU"))))
    async with live_stage(tree, size=(160, 50)) as (on, live):
        assert await live.look()
        await settle(on.pilot)
        assert "pages sampled, 1 of 5" in on.text
        assert on.session.position == 0
        await on.keys("+", "+", "+")
        assert await live.look()
        await settle(on.pilot)
        assert "pages read" in on.text
        assert not await live.look()


async def test_what_cannot_be_known_of_pages_is_said_once(tree: Tree) -> None:
    async with live_stage(tree) as (on, live):
        await live.look()
        await live.read()
        await settle(on.pilot)
        words = " ".join(on.text.split())
        assert words.count("page kinds: not there: proc/{kpageflags,kpagecount}") == 1
        assert any("kpageflags" in finding.text for finding in on.session.view.findings)


async def test_pages_are_read_when_the_machine_changed_or_the_view_moved_else_rarely(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[tuple[int, int]] = []

    def look(session: ObservedHistory, low_pfn: int, high_pfn: int) -> None:
        looks.append((low_pfn, high_pfn))

    monkeypatch.setattr(ObservedHistory, "look", look)
    async with live_stage(tree, size=(160, 50)) as (on, live):
        await live.read()
        looks.clear()
        for _ in range(LOOK_READINGS - 1):
            await live.read()
        assert looks == []
        await live.read()
        assert len(looks) == 1
        tree.block(33, "online", "Movable")
        await live.read()
        assert len(looks) == 2
        await on.keys("+", "+")
        await live.read()
        assert len(looks) == 3
        assert looks[2] != looks[1]


async def test_pages_that_became_readable_are_seen_after_a_while(tree: Tree) -> None:
    async with live_stage(tree, size=(160, 50)) as (on, live):
        await live.read()
        page_flags(tree, (10 * 32768, int(bit("BUDDY"))))
        for _ in range(LOOK_READINGS):
            await live.read()
        await settle(on.pilot)
        assert "pages sampled" in on.text


async def test_a_simulation_knows_nothing_of_pages(tree: Tree) -> None:
    page_flags(tree, (10 * 32768, int(bit("BUDDY"))))
    async with live_stage(tree, size=(160, 50)) as (on, live):
        await live.look()
        await on.keys("b")
        assert not await live.look()
        await settle(on.pilot)
        assert "MiB, pages sampled" not in on.text


# -- walking back ------------------------------------------------------------------------
async def test_the_difference_of_two_readings_is_that_of_the_machine(tree: Tree) -> None:
    tree.kernel("6.12.9", "x86_64")
    async with live_stage(tree, size=(160, 50)) as (on, live):
        tree.block(32, "going-offline", "Movable")
        assert await live.read()
        await settle(on.pilot)
        await on.command("diff 0 1")
        words = " ".join(on.text.split())
        assert "from step 0 to step 1" in words
        # A model knows no block on its way.
        assert "+blocks going-offline 1" in words
        await on.keys("escape")
        await on.command("diff 0 7")
        assert "there is no step 7; steps are 0 to 1" in " ".join(on.text.split())


# -- branching ---------------------------------------------------------------------------
async def test_b_turns_it_into_a_simulation_and_back(tree: Tree) -> None:
    async with live_stage(tree, size=(120, 60)) as (on, live):
        assert "press b to try things in a simulation" in on.text
        assert "b branch" in on.lines[-1]
        await on.keys("b")
        assert "what if" in on.lines[0]
        assert on.main.shown.hint().startswith("press a to hot-add a DIMM")
        assert "simulated from here on; assumed:" in on.text
        await on.command("online 33 movable")
        assert on.last.errno is None
        assert state(tree, 33) == "offline"
        await on.keys("b")
        assert "back to the real machine" in on.text
        await on.keys("enter")
        assert live.shown
        assert "what if" not in on.lines[0]


async def test_what_changes_meanwhile_waits_for_the_way_back(tree: Tree) -> None:
    async with live_stage(tree) as (on, live):
        await on.keys("b")
        tree.block(34, "offline", "Movable")
        assert await live.read()
        await settle(on.pilot)
        assert on.session.view.block(34) is None
        await on.keys("b", "enter")
        assert on.session.view.block(34) is not None


# -- operating ---------------------------------------------------------------------------
@pytest.mark.parametrize("key", some(["o", "O", "m", "f", "x", "s", "t"], 3))
async def test_without_the_flag_no_key_asks_or_writes(tree: Tree, key: str) -> None:
    async with live_stage(tree) as (on, _):
        await on.command("goto block 33")
        await on.keys(key)
        assert on.on_main
        assert "this is a real machine; press b" in " ".join(on.text.split())
    assert state(tree, 33) == "offline"
    assert audit(tree) == []


async def test_the_colon_line_never_writes(tree: Tree) -> None:
    async with live_stage(tree, allow_writes=True) as (on, _):
        await on.command("online 33")
        await on.command(f"echo online > /{MEMORY}/memory33/state")
        assert on.session.position == 0
    assert state(tree, 33) == "offline"


async def test_a_write_is_asked_for_with_block_zone_and_consequence(tree: Tree) -> None:
    async with live_stage(tree, allow_writes=True) as (on, _):
        await on.command("goto block 33")
        await on.keys("m")
        assert isinstance(on.app.screen, Confirm)
        words = " ".join(on.text.split())
        assert "write online_movable to memory33" in words
        assert "zone Movable" in words
        await on.type("online_movable", "enter")
        await on.app.workers.wait_for_complete()
        await settle(on.pilot)
    assert state(tree, 33) == "online_movable"
    lines = audit(tree)
    assert len(lines) == 2
    assert lines[0].endswith("confirmed write online_movable > memory33/state")
    assert lines[0].startswith("1970-01-01T00:00:00Z ")
    assert "kernel=success" in lines[1]


@pytest.mark.parametrize("answer", some(["", "y", "yes", "onlin", "online_movable", "n"], 3))
async def test_every_other_answer_means_no(tree: Tree, answer: str) -> None:
    async with live_stage(tree, allow_writes=True) as (on, _):
        await on.command("goto block 33")
        await on.keys("o")
        await on.type(answer, "enter")
        assert isinstance(on.app.screen, Confirm)
        await on.keys("escape")
        assert on.on_main
    assert state(tree, 33) == "offline"
    assert audit(tree) == []


async def test_a_predicted_refusal_warns_first(tree: Tree) -> None:
    async with live_stage(tree, allow_writes=True) as (on, _):
        await on.command("goto block 33")
        await on.keys("f")
        assert "the kernel would refuse" in " ".join(on.text.split())
        await on.keys("escape")


async def test_only_the_selected_blocks_are_written_and_a_refusal_ends_it(tree: Tree) -> None:
    tree.block(34, "offline", "Movable")
    tree.block(35, "offline", "Movable")
    (tree.root / MEMORY / "memory34/state").unlink()
    (tree.root / MEMORY / "memory34/state").mkdir()
    async with live_stage(tree, allow_writes=True) as (on, _):
        await on.command("goto block 33")
        await on.keys("v", "L", "L")
        await on.keys("o")
        assert isinstance(on.app.screen, Confirm)
        await on.type("online", "enter")
        await on.app.workers.wait_for_complete()
        await settle(on.pilot)
        assert "memory34" in on.text
    assert (state(tree, 33), state(tree, 35)) == ("online", "offline")
    assert state(tree, 32) == "online"


async def test_one_question_for_several_blocks_says_where_each_would_go(tmp_path: Path) -> None:
    async with live_stage(ratio_tree(tmp_path / "root"), allow_writes=True) as (on, _):
        await on.command("goto block 32")
        await on.keys("v", "G", "o")
        assert isinstance(on.app.screen, Confirm)
        words = " ".join(on.app.screen._questions)
        assert "16 blocks, memory32-47 [0x100000000-0x17fffffff]? It puts their memory" in words
        assert "24 blocks, memory48-71 [0x180000000-0x23fffffff]? It puts their memory" in words
        assert words.count("into zone Movable") == words.count("into zone Normal") == 1


async def test_the_machine_is_read_again_between_two_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write is foreseen on the machine as the one before it left it, or the audit lies."""
    tree = ratio_tree(tmp_path / "root")
    tree.blocks(32, 45, zones="Movable")
    zones: list[str] = []

    def kernel(_tree: object, path: str, _word: str) -> None:
        block = int(path.split("/memory")[-1].removesuffix("/state"))
        zones.append("Movable" if len(zones) < 2 else "Normal")
        tree.block(block, "online", zones[-1])

    monkeypatch.setattr(DirectoryTree, "write", kernel)
    async with live_stage(tree, allow_writes=True) as (on, live):
        foreseen = operate.foresee(live.session.view, range(46, 50), "online")
        answers = await live.write(foreseen, live.session.newest)
        went = [answer.prediction.after.blocks.at(answer.block) for answer in answers]
        assert [ZoneType(int(row["zone"])).label for row in went if row is not None] == zones
        assert zones == ["Movable", "Movable", "Normal", "Normal"]
        assert live.session.position == 4, "one reading after each write"
        await settle(on.pilot)


async def test_what_follows_a_surprise_is_foreseen_and_asked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ratio_tree(tmp_path / "root")

    def kernel(_tree: object, path: str, _word: str) -> None:
        block = int(path.split("/memory")[-1].removesuffix("/state"))
        tree.blocks(32, 47, "online", "Movable")  # somebody else was quicker
        tree.block(block, "online", "Movable")

    monkeypatch.setattr(DirectoryTree, "write", kernel)
    async with live_stage(tree, allow_writes=True) as (on, live):
        foreseen = operate.foresee(live.session.view, [48, 49], "online")
        assert foreseen[1].zone == ZoneType.MOVABLE
        answers = await live.write(foreseen, live.session.newest)
        assert [answer.block for answer in answers] == [48]
        await settle(on.pilot)
        assert isinstance(on.app.screen, Confirm)
        words = " ".join(on.text.split())
        assert "the machine has changed meanwhile" in words
        assert "memory49" in words and "into zone Normal" in words
        await on.type("online", "enter")
        await on.app.workers.wait_for_complete()
        row = live.session.newest.block(49)
        assert row is not None and row.state == "online"


async def test_blocks_behind_a_refusal_are_counted_as_not_written(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.block(34, "offline", "Movable")
    tree.remove_block(33)
    async with live_stage(tree, allow_writes=True) as (on, live):
        monkeypatch.setattr(DirectoryTree, "write", lambda *_: "ENOMEM")
        foreseen = operate.foresee(live.session.view, [34, 32], "online")
        answers = await live.write(foreseen, live.session.newest)
        assert [answer.errno for answer in answers] == ["ENOMEM"]
        await settle(on.pilot)
        assert "1 block not written" in on.text


@pytest.mark.parametrize("change", ["online", "gone"])
async def test_a_machine_that_moves_under_the_question_is_asked_about_again(
    tree: Tree, change: str
) -> None:
    async with live_stage(tree, allow_writes=True) as (on, _):
        await on.command("goto block 33")
        await on.keys("o")
        if change == "online":
            tree.block(33, "online", "Movable")
        else:
            tree.remove_block(33)
        was = tree.root / MEMORY / "memory33/state"
        before = was.read_text() if was.exists() else None
        await on.type("online", "enter")
        await on.app.workers.wait_for_complete()
        await settle(on.pilot)
        assert (was.read_text() if was.exists() else None) == before
        assert audit(tree) == []
        if change == "gone":
            assert "there is no such memory block" in " ".join(on.text.split())
        else:
            assert isinstance(on.app.screen, Confirm)
            assert "the machine has changed meanwhile" in on.text
            await on.keys("escape")


@pytest.mark.parametrize("burst", some(["online_movable", "memory", "offline", "yyyy", "foffline"]))
async def test_no_burst_of_letters_writes(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, burst: str
) -> None:
    monkeypatch.setattr(Confirm, "QUIET_SECONDS", 3600.0)
    async with live_stage(tree, allow_writes=True) as (on, _):
        await on.command("goto block 33")
        for letter in ("m", *burst):
            on.app.post_message(Key(textual_key(letter), letter))
        on.app.post_message(Key("enter", "\r"))
        await settle(on.pilot)
        assert isinstance(on.app.screen, Confirm)
        await on.type("online_movable", "enter")  # the screen is there, but no pause was made
        assert isinstance(on.app.screen, Confirm)
        await on.keys("escape")
        assert on.on_main
    assert state(tree, 33) == "offline"
    assert audit(tree) == []


async def test_what_cannot_be_recorded_is_not_written(tree: Tree) -> None:
    async with live_stage(tree, allow_writes=True) as (on, live):
        live._audit = Audit(tree.root / MEMORY / "memory33/state/no.log")
        await on.command("goto block 33")
        await on.keys("o")
        await on.type("online", "enter")
        await on.app.workers.wait_for_complete()
        await settle(on.pilot)
        assert "writes cannot be recorded" in " ".join(on.text.split())
    assert state(tree, 33) == "offline"


async def test_the_past_is_not_operated(tree: Tree) -> None:
    async with live_stage(tree, allow_writes=True) as (on, live):
        tree.block(34, "offline", "Movable")
        await live.read()
        await settle(on.pilot)
        await on.keys("[")
        await on.command("goto block 33")
        await on.keys("o")
        assert on.on_main
        assert "an earlier reading is shown" in " ".join(on.text.split())


async def test_a_reading_that_hangs_keeps_nobody_from_quitting(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, over, daemons = Event(), Event(), list[bool]()

    def hang(_in_sight: object) -> None:
        daemons.append(current_thread().daemon)
        hanging.set()
        over.wait()

    async with live_stage(tree) as (on, live):
        monkeypatch.setattr(live.session, "observe", hang)
        on.app.main.run_worker(live.read(), exit_on_error=False)
        await settle(on.pilot)
        assert hanging.is_set()
        await on.pilot.press("q")
    over.set()
    # Threads that are no daemons are waited for where Python ends.
    assert daemons == [True]


async def test_what_is_slow_to_read_is_read_more_seldom(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, begun = 100.0, list[object]()

    def observe(_in_sight: object) -> None:
        nonlocal now
        now += 3

    async with live_stage(tree) as (on, live):
        monkeypatch.setattr("pfnmap.tui.screens.live.monotonic", lambda: now)
        monkeypatch.setattr(live.session, "observe", observe)
        await live.read()
        monkeypatch.setattr(on.app.main, "run_worker", lambda work, **_: begun.append(work.close()))
        for later, readings in ((103 + 11, 0), (103 + 13, 1)):
            now = later
            live._tick()
            assert len(begun) == readings
