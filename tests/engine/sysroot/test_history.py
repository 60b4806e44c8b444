"""A real machine as a session: followed, walked, never changed, branched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.commands import Note, Offline, Ref
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory.state import State
from pfnmap.engine.session import History
from pfnmap.engine.sysroot.capture import save_capture
from pfnmap.engine.sysroot.history import MAX_DISAGREEMENTS, MOST_VIEWS, ObservedHistory, open_root
from pfnmap.engine.sysroot.observe import Watcher, page_size
from pfnmap.engine.sysroot.open_machine import open_watcher
from pfnmap.engine.sysroot.page_kinds import bit
from pfnmap.engine.view import View
from tests.engine.sysroot.trees import Tree, x86_tree, zone


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def block_33_goes_offline(tree: Tree) -> None:
    tree.block(33, "offline", "Normal Movable")
    text = (tree.root / "proc/zoneinfo").read_text()
    old = zone(0, "Movable", 0x100000, 65536, 65536, 64512)
    new = zone(0, "Movable", 0x100000, 32768, 32768, 32256)
    tree.write("proc/zoneinfo", text.replace(old, new))


def test_it_starts_where_the_machine_is(tree: Tree) -> None:
    session = open_root(tree.root)
    assert isinstance(session, History)
    assert (session.position, session.outcomes, session.phase, session.last) == (0, [], None, None)
    assert session.live
    assert session.before is None
    assert session.view.block_counts() == {"online": 10, "offline": 2}
    assert session.title == session.view.title


def test_a_reading_that_finds_nothing_is_no_step(tree: Tree) -> None:
    session = open_root(tree.root)
    assert not session.poll()
    assert session.outcomes == []


def test_a_change_is_a_step_that_says_what_changed(tree: Tree) -> None:
    session = open_root(tree.root)
    block_33_goes_offline(tree)
    assert session.poll()
    assert (session.position, len(session.outcomes)) == (1, 1)
    last = session.last
    assert last is not None
    assert last.ok
    assert last.command == Note("memory33 state: online -> offline and 4 more")
    assert last.events[0].function == "observed"
    assert (last.events[0].first_block, last.events[0].nr_blocks) == (33, 1)
    assert session.view.block_counts() == {"online": 9, "offline": 3}
    assert session.before is not None
    assert session.before.block_counts() == {"online": 10, "offline": 2}
    assert session.view.disagreements == ()
    assert session.state.blocks.row_at(33)["state"] == 0


def test_like_changes_of_neighbours_are_one_event(tree: Tree) -> None:
    session = open_root(tree.root)
    tree.blocks(40, 47, "offline", "Normal Movable")
    session.poll()
    (event,) = session.outcomes[0].events
    assert event.text == "memory40-47 state: absent -> offline"
    assert (event.first_block, event.nr_blocks) == (40, 8)


def test_history_is_walked_like_that_of_a_simulated_session(tree: Tree) -> None:
    session = open_root(tree.root)
    for total in (9, 10, 11):
        tree.pool(2048, total, 0)
        session.poll()
    assert session.undo(2) == 2
    assert session.view.observation.pools[0].total == 9
    assert not session.live
    assert session.redo() == 1
    session.seek(0)
    assert session.view.observation.pools[0].total == 8
    with pytest.raises(InputError, match="there are steps 0 to 3"):
        session.seek(4)


def test_slow_motion_goes_through_the_changes(tree: Tree) -> None:
    session = open_root(tree.root)
    block_33_goes_offline(tree)
    session.poll()
    session.seek(0)
    session.step_phase(1)
    assert session.phase == 1
    assert session.view.block_counts() == {"online": 9, "offline": 3}
    assert session.before is not None
    assert session.before.block_counts() == {"online": 10, "offline": 2}
    session.step_phase(-1)
    assert session.phase is None
    assert session.view.block_counts() == {"online": 10, "offline": 2}


def test_who_looks_at_the_past_keeps_looking_at_it(tree: Tree) -> None:
    session = open_root(tree.root)
    tree.pool(2048, 9, 0)
    session.poll()
    session.undo()
    tree.pool(2048, 10, 0)
    assert session.poll()
    assert session.position == 0
    assert len(session.outcomes) == 2


def test_the_oldest_readings_are_forgotten(tree: Tree) -> None:
    session = ObservedHistory(Watcher(tree.root), max_history=3)
    for total in range(9, 14):
        tree.pool(2048, total, 0)
        session.poll()
    assert len(session.outcomes) == 2
    assert session.position == 2
    session.seek(0)
    assert session.view.observation.pools[0].total == 11
    assert session.start is session.view.state


def many_changes(tree: Tree) -> Iterator[int]:
    """One thing after another changes; how many blocks each is about."""
    for step in range(40):
        match step % 8:
            case 0:
                tree.block(33, "offline" if step % 16 else "going-offline", "Movable Normal")
                yield 1
            case 1:
                for block in range(40 + step, 44 + step):
                    tree.block(block, "offline", "Normal Movable", node=step % 3)
                yield 4
            case 2:
                tree.remove_block(39 + step)
                yield 1
            case 3:
                tree.block(40 + step - 1, "online", "Movable", node=None, phys_device="7")
                yield 1
            case 4:
                tree.pool(2048, step, 1)
                yield 0
            case 5:
                tree.zoneinfo(zone(0, "Movable", 0x100000, 65536 + step, 65536))
                yield 0
            case 6:
                tree.iomem(*(f"{n:02x}0000000-{n:02x}fffffff : System RAM" for n in range(step)))
                yield 0
            case _:
                tree.params(auto_movable_ratio=str(200 + step))
                yield 0


def same(one: State, other: State) -> bool:
    names = [name for name in State.__struct_fields__ if name != "early_ram"]
    equal = [getattr(one, name) == getattr(other, name) for name in names]
    return all(equal) and np.array_equal(one.early_ram, other.early_ram)


def test_each_earlier_reading_is_made_again_as_it_was(tree: Tree) -> None:
    session = open_root(tree.root)
    whole = [session.view]
    for _ in many_changes(tree):
        assert session.poll()
        whole.append(session.view)
    for at in (0, 3, 2, 17, 40, 16, 39, *range(41), *range(40, -1, -1)):
        again = session.view_at(at)
        assert again.observation == whole[at].observation
        assert same(again.state, whole[at].state)
        assert again.findings == whole[at].findings
    for number, outcome in enumerate(session.outcomes):
        assert same(outcome.before, whole[number].state)
        assert same(outcome.after, whole[number + 1].state)
        assert outcome.events[-1].state is outcome.after
    assert len(session._views) <= MOST_VIEWS


def test_a_step_keeps_what_changed_and_no_more(tree: Tree) -> None:
    session = open_root(tree.root)
    sizes = []
    for size in many_changes(tree):
        assert session.poll()
        sizes.append(size)
    for size, past in zip(sizes, session._past, strict=True):
        kept = 0 if past.back.rows is None else len(past.back.rows)
        assert kept + len(past.back.come) <= size
        assert past.known is None


# -- single pages ----------------------------------------------------------------------------
FIRST, LAST = 0x100000 + 512, 0x100000 + 1024
"""Pages of the first Movable block, behind its struct pages."""


def flags(tree: Tree, value: int) -> None:
    """``/proc/kpageflags`` with one value for all of these pages, sparse before them."""
    path = tree.write("proc/kpageflags", b"")
    with path.open("r+b") as file:
        file.seek(FIRST * 8)
        file.write(np.full(LAST - FIRST, value, "<u8").tobytes())


def kinds(view: View) -> dict[PageState, int]:
    row = view.page_counts(np.array([FIRST, LAST]))[0].tolist()
    return {PageState(state): count for state, count in enumerate(row) if count}


def test_pages_that_were_looked_at_are_shown_with_the_newest_reading(tree: Tree) -> None:
    flags(tree, int(bit("BUDDY")))
    session = open_root(tree.root)
    pages = session.look(FIRST, LAST)
    assert kinds(session.view) == {PageState.ONLINE: 512}
    assert session.show_pages(pages)
    assert kinds(session.view) == {PageState.FREE_MOVABLE: 512}
    assert session.view.page_source == "pages read"
    assert not session.show_pages(session.look(FIRST, LAST))
    flags(tree, int(bit("LRU")))
    assert session.show_pages(session.look(FIRST, LAST))
    assert kinds(session.view) == {PageState.MOVABLE: 512}
    assert session.position == 0


def test_that_pages_are_used_marks_no_change(tree: Tree) -> None:
    flags(tree, int(bit("BUDDY")))
    session = open_root(tree.root)
    block_33_goes_offline(tree)
    assert session.poll()
    session.show_pages(session.look(FIRST, LAST))
    assert session.before is not None
    assert kinds(session.before) == kinds(session.view) == {PageState.FREE_MOVABLE: 512}
    session.undo()
    assert kinds(session.view) == {PageState.ONLINE: 512}
    assert session.view.page_source == ""


def test_pages_of_a_capture_cannot_be_looked_at(tree: Tree, tmp_path: Path) -> None:
    flags(tree, int(bit("BUDDY")))
    file = tmp_path / "machine.json"
    save_capture(open_root(tree.root).view.observation, file)
    session = open_root(file)
    assert session.look(FIRST, LAST) is None
    assert not session.show_pages(None)


def test_any_two_readings_can_be_looked_at(tree: Tree) -> None:
    session = open_root(tree.root)
    block_33_goes_offline(tree)
    assert session.poll()
    assert [session.view_at(step).block_counts()["offline"] for step in (0, 1)] == [2, 3]


def test_commands_only_foresee(tree: Tree) -> None:
    session = open_root(tree.root)
    assert session.read_only
    assert session.predict(Offline((Ref(33),), text="offline 33")).ok
    assert session.outcomes == []


def test_a_branch_is_a_simulated_machine_that_starts_here(tree: Tree) -> None:
    session = open_root(tree.root)
    branch = session.branch()
    command = parse_line("offline 33")
    assert command is not None
    assert branch.run(command).ok
    assert branch.view.block_counts() == {"online": 9, "offline": 3}
    assert session.view.block_counts() == {"online": 10, "offline": 2}
    assert branch.title == f"what if: {session.view.title}"
    assert "where unmovable pages are is not known" in session.assumptions[0]


def test_what_the_model_does_not_foresee_stays_a_finding(tree: Tree) -> None:
    session = open_root(tree.root)
    tree.block(0, "offline", "DMA Movable")
    session.poll()
    assert session.view.disagreements
    assert session.view.findings[0].code == "model-disagrees"
    last = session.last
    assert last is not None
    assert "the model refuses it" in last.notes[0]
    tree.pool(2048, 9, 0)
    session.poll()
    assert session.view.disagreements


def test_what_a_moving_machine_did_otherwise_is_said_once_and_stays_bounded(tree: Tree) -> None:
    session = open_root(tree.root)
    for number in range(8):
        tree.block(0, *(("offline", "DMA Movable"), ("online", "Normal"))[number % 2])
        assert session.poll()
    known = session.view.disagreements
    assert len(set(known)) == len(known)
    earlier = [session.view_at(at).disagreements for at in range(5, 9)]
    assert [len(told) for told in earlier] == [len(known)] * 4
    for number in range(2 * MAX_DISAGREEMENTS):
        tree.masks(has_memory=f"0,{number + 1}")
        assert session.poll()
    assert len(session.view.disagreements) <= MAX_DISAGREEMENTS
    assert max(len(outcome.notes) for outcome in session.outcomes) <= len(known)


def test_explaining_can_be_left_out(tree: Tree) -> None:
    session = ObservedHistory(Watcher(tree.root), explaining=False)
    tree.block(0, "offline", "DMA Movable")
    session.poll()
    assert session.view.disagreements == ()


# -- sources ----------------------------------------------------------------------------------
def test_a_capture_opens_like_the_machine_and_never_changes(tree: Tree, tmp_path: Path) -> None:
    file = tmp_path / "machine.json.gz"
    save_capture(open_watcher(tree.root).view.observation, file)
    session = open_root(file)
    assert session.view.block_counts() == {"online": 10, "offline": 2}
    assert not session.poll()
    assert session.watcher.tree is None
    assert session.branch().view.block_counts() == {"online": 10, "offline": 2}


def test_a_file_that_is_neither_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello\n")
    with pytest.raises(InputError, match="neither a capture"):
        open_watcher(file)
    with pytest.raises(InputError, match="there is no such directory"):
        open_watcher(tmp_path / "absent")


def test_the_page_size_can_be_said(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0)
    assert open_watcher(tree.root, page_bytes=65536).view.geometry.page_bytes == 65536
    assert [page_size(word) for word in ("4K", "16k", "65536")] == [4096, 16384, 65536]
    for word in ("", "K", "5K", "4M", "-4K", "٤K", "9" * 50):
        with pytest.raises(InputError, match="expected 4K, 16K or 64K"):
            page_size(word)


def test_a_prediction_says_what_no_file_shows(tmp_path: Path) -> None:
    session = open_root(x86_tree(tmp_path / "root").root)
    command = parse_line("offline 33")
    assert command is not None
    outcome = session.predict(command)
    assert outcome.ok
    assert any("until a signal comes (EINTR)" in note for note in outcome.notes)
