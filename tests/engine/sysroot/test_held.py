"""Pages that were seen not to move are taken in the machine that stands for the real one."""

from __future__ import annotations

import zlib
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.commands import Command
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.checks import broken_identities
from pfnmap.engine.sysroot.held import (
    MAX_HELD_PAGES,
    coded_runs,
    decoded_runs,
    held_runs,
    with_held,
)
from pfnmap.engine.sysroot.history import ObservedHistory, open_root
from pfnmap.engine.sysroot.page_kinds import CANNOT_MOVE, PageKinds, bit
from tests.engine.sysroot.trees import Tree, x86_tree

PAGES = 32768
IMAGE, BLOCK = 0x1000, 2 * PAGES
"""First pfn of the kernel image, and of memory block 2, of the tree."""
MOVABLE, VMEMMAP = 32 * PAGES, 512
"""First pfn of memory block 32, and how many pages hold the block's struct pages."""
NOT_ALLOCATED = (9 * PAGES, MOVABLE + VMEMMAP - 1, 34 * PAGES, 99 * PAGES)
"""Pages where no block is, of struct pages, of an offline block, and behind all memory."""
UNMOVABLE = int(PageState.UNMOVABLE)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = x86_tree(tmp_path / "root")
    flags = np.full(4 * PAGES, bit("LRU"), "<u8")
    flags[IMAGE - 3 : IMAGE + 5] = bit("RESERVED")
    flags[BLOCK + 7] = flags[BLOCK + 9] = bit("SLAB")
    flags[BLOCK + 8] = bit("PGTABLE")
    tree.write("proc/kpageflags", flags.tobytes())
    return tree


def looked(tree: Tree, low: int = 0, high: int = 3 * PAGES) -> ObservedHistory:
    session = open_root(tree.root)
    session.show_pages(session.look(low, high))
    return session


def command(words: str) -> Command:
    parsed = parse_line(words)
    assert parsed is not None
    return parsed


def refusal(session: ObservedHistory, words: str) -> str | None:
    return session.predict(command(words)).errno


def test_what_cannot_move_is_taken_and_nothing_else(tree: Tree) -> None:
    state = looked(tree).state
    rows = state.taken.slice(BLOCK, BLOCK + PAGES).tolist()
    assert [(start, count, PageState(kind)) for start, count, kind, *_ in rows] == [
        (BLOCK + 7, 3, PageState.UNMOVABLE)
    ]
    assert broken_identities(state) == []


def test_the_kernel_image_is_taken_once(tree: Tree) -> None:
    before, after = open_root(tree.root).state, looked(tree).state
    image = before.taken.at(IMAGE)
    assert image is not None
    assert after.taken.at(IMAGE) is not None
    assert after.taken.nr_keys == before.taken.nr_keys + 3 + 3


def test_a_prediction_and_a_branch_know_of_them(tree: Tree) -> None:
    blind, session = open_root(tree.root), looked(tree)
    assert (refusal(blind, "offline 2"), refusal(session, "offline 2")) == (None, "EBUSY")
    assert refusal(session, "offline 3") is None
    branch = session.branch()
    assert branch.run(command("offline 2")).errno == "EBUSY"
    assert branch.view.page(BLOCK + 7).state == PageState.UNMOVABLE


# -- as a pin takes them -----------------------------------------------------------------
def kinds_of(kind: PageState, *pfns: int) -> PageKinds:
    where = np.array(sorted(pfns), np.int64)
    kinds = np.full(len(pfns), int(kind), np.int8)
    return PageKinds(where, where, where + 1, kinds, np.zeros(len(pfns), np.uint64), None)


@pytest.mark.parametrize("first", [BLOCK + 7, MOVABLE + VMEMMAP - 3, IMAGE - 3])
def test_they_are_taken_and_no_longer_free_as_a_pin_does_it(tree: Tree, first: int) -> None:
    state = open_root(tree.root).state
    held = with_held(state, kinds_of(PageState.UNMOVABLE, *range(first, first + 6)))
    pinned = Machine(state)
    for pfn in range(first, first + 6):  # one by one: what a pin refuses is left out
        pinned.apply(command(f"pin pfn={pfn:#x}"))
    assert held.taken == pinned.state.taken
    assert held.free_pages == pinned.state.free_pages != state.free_pages


def test_unpinning_them_gives_back_what_was_free(tree: Tree) -> None:
    state = open_root(tree.root).state
    pfns = (BLOCK + 7, BLOCK + 8, MOVABLE + VMEMMAP, MOVABLE + VMEMMAP + 5)
    machine = Machine(with_held(state, kinds_of(PageState.UNMOVABLE, *pfns)))
    (kernel, movable), *_ = state.free_pages
    assert machine.state.free_pages[0] == (kernel - 2, movable - 2)
    assert machine.apply(command("unpin 2")).errno is None
    assert machine.apply(command("unpin 32")).errno is None
    assert machine.state.free_pages == state.free_pages
    assert machine.state.taken == state.taken


def test_free_pages_never_fall_below_zero(tree: Tree) -> None:
    state = open_root(tree.root).state
    state = replace(state, free_pages=tuple((1, 1) for _ in state.nodes))
    held = with_held(state, kinds_of(PageState.UNMOVABLE, *range(BLOCK, BLOCK + 9)))
    assert held.free_pages == tuple((0, 0) for _ in state.nodes)


def test_reserved_pages_were_never_counted_as_free(tree: Tree) -> None:
    state = open_root(tree.root).state
    held = with_held(state, kinds_of(PageState.RESERVED, BLOCK + 1, BLOCK + 2))
    assert held.taken.at(BLOCK + 1) is not None
    assert held.free_pages == state.free_pages


def test_nothing_is_taken_where_a_pin_takes_nothing(tree: Tree) -> None:
    state = open_root(tree.root).state
    assert with_held(state, kinds_of(PageState.UNMOVABLE, *NOT_ALLOCATED)) is state
    assert with_held(state, kinds_of(PageState.MOVABLE, BLOCK)) is state
    for pfn in NOT_ALLOCATED:
        assert Machine(state).apply(command(f"pin pfn={pfn:#x}")).refusal is not None


# -- in a journal ------------------------------------------------------------------------
@given(
    st.lists(
        st.tuples(st.integers(1, 9999), st.sampled_from(CANNOT_MOVE), st.integers(1, 999)),
        max_size=40,
    )
)
def test_runs_survive_being_coded(steps: list[tuple[int, int, int]]) -> None:
    runs, pfn = np.zeros((len(steps), 3), np.int64), 0
    for row, (gap, kind, count) in zip(runs, steps, strict=True):
        row[:] = pfn + gap, kind, count
        pfn = int(row[0] + count)
    text = coded_runs(runs)
    assert text.isascii() and " " not in text
    assert np.array_equal(decoded_runs(text), runs)


def test_pages_that_are_neighbours_and_alike_are_one_run() -> None:
    pages = kinds_of(PageState.UNMOVABLE, 5, 6, 7, 9)
    pages.states[2] = int(PageState.RESERVED)
    kind, other = int(PageState.UNMOVABLE), int(PageState.RESERVED)
    assert held_runs(pages).tolist() == [[5, kind, 2], [7, other, 1], [9, kind, 1]]


@pytest.mark.parametrize(
    "runs",
    [
        [[-1, UNMOVABLE, 1]],
        [[1 << 53, UNMOVABLE, 1]],
        [[5, UNMOVABLE, 0]],
        [[5, UNMOVABLE, -1]],
        [[5, int(PageState.MOVABLE), 1]],
        [[5, 255, 1]],
        [[5, UNMOVABLE, 2], [6, UNMOVABLE, 1]],
        [[9, UNMOVABLE, 1], [5, UNMOVABLE, 1]],
        [[5, UNMOVABLE, MAX_HELD_PAGES + 1]],
        [[5, UNMOVABLE, MAX_HELD_PAGES], [MAX_HELD_PAGES + 9, UNMOVABLE, 1]],
        [[5, UNMOVABLE, (1 << 63) - 1], [9, UNMOVABLE, (1 << 63) - 1]],
    ],
)
def test_runs_that_no_reading_gives_are_refused(runs: list[list[int]]) -> None:
    with pytest.raises(InputError, match="the pages that were held when it began cannot be read"):
        decoded_runs(coded_runs(np.array(runs, np.int64)))


@pytest.mark.parametrize(
    "data",
    [
        b"no stream",
        zlib.compress(bytes(25)),
        zlib.compress(bytes(24))[:-5],
        zlib.compress(bytes((MAX_HELD_PAGES + 1) * 24)),
    ],
    ids=["no stream", "odd", "cut", "too long"],
)
def test_texts_that_are_no_runs_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        decoded_runs(b64encode(data).decode())


@pytest.mark.parametrize("text", ["!", "A", "é"])
def test_texts_that_are_not_coded_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        decoded_runs(text)


# -- what is not known -------------------------------------------------------------------
def test_pages_out_of_sight_are_not_known(tree: Tree) -> None:
    assert refusal(looked(tree, 3 * PAGES, 4 * PAGES), "offline 2") is None


def test_the_past_knows_nothing_of_the_pages_of_now(tree: Tree) -> None:
    session = open_root(tree.root)
    tree.block(33, "offline", "Normal Movable")
    assert session.poll()
    session.show_pages(session.look(0, 3 * PAGES))
    assert refusal(session, "offline 2") == "EBUSY"
    session.undo()
    assert refusal(session, "offline 2") is None


def test_what_is_known_is_no_assumption(tree: Tree) -> None:
    assert open_root(tree.root).assumptions[0].startswith("where unmovable pages are is not known")
    assert looked(tree).assumptions[0] == (
        "no pages are unmovable but the kernel image and those of /proc/kpageflags (pages read)"
    )
