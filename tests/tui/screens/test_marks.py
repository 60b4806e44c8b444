"""Named places: set, listed, gone to, kept with the session."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key

from pfnmap.engine.commands import Interactive
from pfnmap.engine.errors import ParseError
from pfnmap.engine.journal.journal import keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.results import Results
from pfnmap.engine.journal.resume import replay, resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import format_command, parse_line
from pfnmap.engine.sysroot.history import ObservedHistory, coded
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.themes import load_theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.keys.actions import completions
from pfnmap.tui.testing import settle
from tests.engine.sysroot.trees import x86_tree
from tests.tui.stage import DIMM, MACHINE, session_of, stage

BLOCK = 32768


async def test_the_mark_under_the_cursor_is_named_in_the_status_line() -> None:
    async with stage(*DIMM) as on:
        await on.keys("L", '"')
        await on.type("k", "enter")
        assert "· mark k ·" in on.lines[-2]
        await on.keys("L")
        assert "mark k" not in on.lines[-2]


async def test_the_way_back_goes_to_where_the_last_jump_began_and_forth_again() -> None:
    async with stage(*DIMM) as on:
        await on.keys("'")
        assert "there was no jump to go back from yet" in " ".join(on.text.split())
        await on.keys("L", "L")
        await on.command("goto block 32")
        assert on.cursor == 32 * BLOCK
        await on.keys("'")
        assert on.cursor == 2 * BLOCK
        await on.keys("'")
        assert on.cursor == 32 * BLOCK


async def test_the_way_to_the_struct_pages_has_a_way_back() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G", "w")
        home = on.cursor
        await on.keys("'")
        assert on.cursor != home and on.cursor // BLOCK == 33


async def test_keys_typed_right_behind_the_closing_key_reach_the_map() -> None:
    async with stage() as on:
        await on.keys('"')
        for name, letter in (("escape", "\x1b"), ("L", "L"), ("L", "L")):
            on.app.post_message(Key(name, letter))
        await settle(on.pilot)
        assert on.on_main and not on.session.marks
        assert on.cursor == 2 * BLOCK


async def test_marks_by_command_may_have_whole_words() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G")
        await on.command("mark the-end")
        await on.keys("g")
        await on.command("goto mark the-end")
        assert on.cursor // BLOCK == 33
        await on.command("goto mark nowhere")
        assert "there is no mark 'nowhere'; marks are the-end" in " ".join(on.text.split())


async def test_a_mark_behind_the_end_of_memory_is_not_gone_to() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G")
        await on.command("mark a")
        await on.keys("u", "u", "g")
        await on.command("goto mark a")
        assert "is behind the end of memory now" in " ".join(on.text.split())
        assert on.cursor < BLOCK


async def test_the_palette_goes_to_marks() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G")
        await on.command("mark the-end")
        await on.keys("g", "ctrl+p")
        await on.type("mark: the", "enter")
        assert on.cursor // BLOCK == 33


# -- the language ------------------------------------------------------------------------
@pytest.mark.parametrize("line", ["mark a", "goto mark a", "mark the-end_2"])
def test_the_lines_are_for_a_session(line: str) -> None:
    command = parse_line(line)
    assert isinstance(command, Interactive)
    assert format_command(command) == line


@pytest.mark.parametrize(
    "line", ["mark 1", "mark", "mark a b", "goto mark", "goto mark 'x'", "mark é"]
)
def test_a_wrong_name_is_refused(line: str) -> None:
    with pytest.raises(ParseError):
        parse_line(line)


def test_goto_offers_the_marks() -> None:
    assert "goto mark" in completions("goto ma", [], [])
    assert completions("goto mark ", [], ["a", "end"]) == ["goto mark a", "goto mark end"]
    assert completions("goto mark e", [], ["a", "end"]) == ["goto mark end"]
    assert completions("mark e", [], ["a", "end"]) == ["mark end"]


# -- kept --------------------------------------------------------------------------------
def test_marks_are_kept_with_the_session(tmp_path: Path) -> None:
    start = parse_line(MACHINE)
    store = JournalStore(tmp_path)
    session = keep(session_of(*DIMM), Origin("kept", start), store.directory)  # type: ignore[arg-type]
    session.mark("a", 5)
    session.mark("b", 33 * BLOCK)
    session.mark("a", 7)
    session.close()
    again = resume(store).session
    assert again.marks == {"a": 7, "b": 33 * BLOCK}
    assert again.position == 2


@pytest.mark.parametrize("line", ["mark a", "mark a -1", "mark a x", "mark é 1", "mark 7"])
def test_a_mark_that_no_session_wrote_ends_the_replay(line: str, tmp_path: Path) -> None:
    start = parse_line(MACHINE)
    store = JournalStore(tmp_path)
    session = keep(session_of(*DIMM), Origin("kept", start), store.directory)  # type: ignore[arg-type]
    session._journal.append(line)
    session.close()
    journal = store.journals()[0]
    replayed = replay(store.read(journal), journal, Results(journal.path, writes=False))
    assert replayed.lines.damage is not None
    assert not replayed.session.marks


async def test_marks_of_a_real_machine_are_kept_with_its_simulation(tmp_path: Path) -> None:
    real = ObservedHistory(Watcher(x86_tree(tmp_path / "root").root))
    app = PfnmapApp(real, load_theme("dark"))
    real.mark("a", 5)
    real.mark("b", BLOCK)
    simulation = real.branch()
    store = JournalStore(tmp_path / "sessions")
    session = keep(
        simulation, Origin.of_machine(*coded(real.view), simulation.title), store.directory
    )
    session.mark("b", 7)
    async with app.run_test() as pilot:
        app.main.show_other(session, "what if")
        await settle(pilot)
    assert session.marks == {"a": 5, "b": 7}, "a mark that it has already stays"
    session.close()
    assert resume(store).session.marks == {"a": 5, "b": 7}


async def test_marks_go_along_into_another_session() -> None:
    async with stage(*DIMM) as on:
        await on.keys("L")
        await on.command("mark a")
        on.main.show_other(session_of(*DIMM), "other")
        await settle(on.pilot)
        assert on.session.marks == {"a": BLOCK}
