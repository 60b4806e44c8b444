"""Cells: what a handful of pages looks like as one code."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.kinds import PageState
from pfnmap.engine.view import NR_PAGE_STATES
from pfnmap.tui.map import cells
from pfnmap.tui.map.viewport import Viewport
from tests.tui.fake_view import BLOCK, FakeView, dimm_view

S = PageState


def cell(**pages: int) -> cells.Cell:
    counts = np.zeros((1, NR_PAGE_STATES), dtype=np.int64)
    for name, number in pages.items():
        counts[0, PageState[name]] = number
    return cells.unpack(int(cells.classify(counts)[0]))


def view_of(view: FakeView, columns: int = 64, rows: int = 20) -> Viewport:
    return Viewport(view.extents(), BLOCK).resized(columns, rows)


# -- one cell ----------------------------------------------------------------------------
@pytest.mark.parametrize("state", list(PageState))
def test_a_cell_of_one_state_is_that_state(state: PageState) -> None:
    assert cell(**{state.name: 512}) == cells.Cell(state, state, 0)
    assert cells.unpack(cells.glyph_code(state)) == cells.Cell(state, state, 0)


@pytest.mark.parametrize(
    ("memmap", "eighths"),
    [(1, 1), (64, 1), (95, 1), (96, 2), (256, 4), (448, 7), (511, 7)],
)
def test_the_share_of_memmap_in_eighths(memmap: int, eighths: int) -> None:
    """Never none where there is some, never all where there is something else."""
    assert cell(VMEMMAP=memmap, OFFLINE=512 - memmap) == cells.Cell(S.OFFLINE, S.VMEMMAP, eighths)


def test_memory_shows_before_holes_however_little_it_is() -> None:
    assert cell(HOLE=511, FREE_NORMAL=1).under == S.FREE_NORMAL
    assert cell(HOLE=511, VMEMMAP=1) == cells.Cell(S.VMEMMAP, S.VMEMMAP, 0)


def test_the_most_frequent_state_wins() -> None:
    assert cell(FREE_NORMAL=300, OFFLINE=212).under == S.FREE_NORMAL
    assert cell(FREE_NORMAL=212, OFFLINE=300).under == S.OFFLINE


def test_one_pinned_page_owns_its_cell_and_a_broken_one_even_that() -> None:
    assert cell(FREE_NORMAL=511, UNMOVABLE=1) == cells.Cell(S.UNMOVABLE, S.UNMOVABLE, 0)
    assert cell(VMEMMAP=500, UNMOVABLE=12).eighths == 0
    assert cell(FREE_NORMAL=510, UNMOVABLE=1, BROKEN=1).under == S.BROKEN


@given(st.lists(st.integers(0, 1000), min_size=NR_PAGE_STATES, max_size=NR_PAGE_STATES))
def test_a_cell_never_shows_a_state_that_is_not_there(pages: list[int]) -> None:
    counts = np.array([pages], dtype=np.int64)
    shown = cells.unpack(int(cells.classify(counts)[0]))
    if counts.sum():
        assert pages[shown.under] > 0
    if shown.eighths:
        assert shown.over == S.VMEMMAP
        assert pages[S.VMEMMAP] > 0


# -- a grid ------------------------------------------------------------------------------
def test_the_grid_of_a_machine() -> None:
    view = dimm_view()
    made = cells.grid(view, view_of(view))
    assert made.codes.shape == (11, 64)
    assert made.lines.is_fold.tolist() == [False] * 8 + [True, False, False]
    states = made.codes & cells.STATE_MASK
    assert states[0].tolist() == [S.FREE_DMA] * 8 + [S.FREE_DMA32] * 56
    assert states[9].tolist() == [S.VMEMMAP] + [S.FREE_MOVABLE] * 63
    assert states[10].tolist() == [S.OFFLINE] * 64
    assert bool((made.codes[8] & cells.FOLD).all())


def test_counts_of_a_line_are_those_of_its_pages() -> None:
    view = dimm_view()
    made = cells.grid(view, view_of(view))
    assert made.counts[9, S.VMEMMAP] == 512
    assert made.counts[9, S.FREE_MOVABLE] == BLOCK - 512
    assert made.counts[8, S.HOLE] == 24 * BLOCK


@pytest.mark.parametrize("cut", [0, 1, 5, 12])
def test_a_grid_in_parts_is_the_grid(cut: int) -> None:
    view, before = dimm_view(), dimm_view()
    before.runs = before.runs[:-1]
    port = view_of(view, rows=12)
    whole = cells.grid(view, port, before)
    nr_lines = len(whole.lines)
    parts = [
        cells.grid_of(view, port.rows.lines(first, end - first), port, before)
        for first, end in ((0, min(cut, nr_lines)), (cut, nr_lines))
        if first < end
    ]
    again = cells.joined(parts)
    kept = cells.part(whole, 0, nr_lines)
    for made in (again, kept):
        assert made.codes.tolist() == whole.codes.tolist()
        assert made.counts.tolist() == whole.counts.tolist()
        assert made.lines.start_pfn.tolist() == whole.lines.start_pfn.tolist()
        assert made.lines.is_fold.tolist() == whole.lines.is_fold.tolist()


def test_half_a_cell_of_memmap_at_half_the_columns() -> None:
    view = dimm_view()
    made = cells.grid(view, view_of(view, columns=32))
    assert cells.unpack(int(made.codes[9, 0])) == cells.Cell(S.FREE_MOVABLE, S.VMEMMAP, 4)


def test_cells_that_the_last_step_changed_are_marked() -> None:
    before, after = dimm_view(), dimm_view()
    runs = [*after.runs[:-1], (33 * BLOCK, 512, S.VMEMMAP)]
    after.runs = [*runs, (33 * BLOCK + 512, BLOCK - 512, S.OFFLINE)]
    made = cells.grid(after, view_of(after), before)
    changed = (made.codes & cells.CHANGED) != 0
    assert changed.sum() == 1
    assert changed[10, 0]


def test_memory_that_vanished_is_marked_as_changed() -> None:
    before, after = dimm_view(), dimm_view()
    after.runs = after.runs[:-1]
    vp = Viewport(before.extents(), BLOCK).resized(64, 20)
    made = cells.grid(after, vp, before)
    assert bool((made.codes[10] & cells.CHANGED).all())


def test_cursor_and_selection_are_marked_on_a_copy() -> None:
    view = dimm_view()
    vp = view_of(view).at(7 * BLOCK).selecting(True).down(2)
    made = cells.grid(view, vp)
    marked = cells.marked(made.codes, made.lines, vp)
    assert not (made.codes & (cells.CURSOR | cells.SELECTED)).any()
    selected = (marked & cells.SELECTED) != 0
    assert selected[7].all()
    assert selected[8].all()
    assert selected[9].tolist() == [True] + [False] * 63
    cursor = (marked & cells.CURSOR) != 0
    assert np.argwhere(cursor).tolist() == [[9, 0]]


def test_the_cursor_fills_a_fold() -> None:
    view = dimm_view()
    vp = view_of(view).at(10 * BLOCK)
    made = cells.grid(view, vp)
    marked = cells.marked(made.codes, made.lines, vp)
    assert bool((marked[8] & cells.CURSOR).all())


# -- runs --------------------------------------------------------------------------------
@given(
    st.integers(1, 6).flatmap(
        lambda w: st.lists(
            st.lists(st.integers(0, 3), min_size=w, max_size=w), min_size=1, max_size=5
        )
    )
)
def test_runs_spell_every_line_and_never_cross_one(rows: list[list[int]]) -> None:
    runs = cells.run_lengths(np.array(rows, dtype=np.int32))
    for index, row in enumerate(rows):
        first, last = runs.first[index], runs.first[index + 1]
        pieces = list(zip(runs.codes[first:last], runs.lengths[first:last], strict=True))
        assert [code for code, length in pieces for _ in range(length)] == row
        assert all(a != b for (a, _), (b, _) in pairwise(pieces))
