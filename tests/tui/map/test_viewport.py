"""The window on the map: lines, folds, motions, zoom, selection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.arrays import Int64s
from pfnmap.tui.map.viewport import RowMap, Viewport, edges_of

BLOCK = 32768
PIB4 = 1 << 40
"""Page frames of 4 PiB."""


def extents(*ranges: tuple[int, int]) -> Int64s:
    return np.array(ranges, dtype=np.int64).reshape(-1, 2)


SMALL = extents((0, 2 * BLOCK), (32 * BLOCK, 34 * BLOCK))
"""Two blocks at 0 and two at 4 GiB."""


def window(ranges: Int64s = SMALL, width: int = 64, rows: int = 10) -> Viewport:
    return Viewport(ranges, BLOCK).resized(width, rows)


# -- the sheet ---------------------------------------------------------------------------
def test_a_run_of_rows_without_memory_is_one_line() -> None:
    lines = RowMap(SMALL, BLOCK).lines(0, 100)
    assert lines.start_pfn.tolist() == [0, BLOCK, 2 * BLOCK, 32 * BLOCK, 33 * BLOCK]
    assert lines.end_pfn.tolist() == [BLOCK, 2 * BLOCK, 32 * BLOCK, 33 * BLOCK, 34 * BLOCK]
    assert lines.is_fold.tolist() == [False, False, True, False, False]


def test_unfolded_holes_have_all_their_rows() -> None:
    rowmap = RowMap(SMALL, BLOCK, fold=False)
    assert rowmap.nr_lines == 34
    assert not rowmap.lines(0, 34).is_fold.any()


def test_rows_that_hold_any_memory_are_never_folded() -> None:
    lines = RowMap(extents((10, 11), (5 * BLOCK - 1, 5 * BLOCK + 1)), BLOCK).lines(0, 9)
    assert lines.start_pfn.tolist() == [0, BLOCK, 4 * BLOCK, 5 * BLOCK]
    assert lines.is_fold.tolist() == [False, True, False, False]


def test_a_machine_without_memory_has_one_line() -> None:
    assert RowMap(extents(), BLOCK).nr_lines == 1


def test_every_line_finds_itself() -> None:
    rowmap = RowMap(SMALL, BLOCK)
    for number, start in enumerate(rowmap.lines(0, 5).start_pfn.tolist()):
        assert rowmap.line_of(start) == number


ranges_strategy = st.lists(st.integers(1, 300), min_size=2, max_size=20).map(
    lambda steps: np.cumsum(steps)[: len(steps) // 2 * 2].reshape(-1, 2).astype(np.int64)
)


@given(ranges_strategy, st.sampled_from([8, 16, 64]), st.booleans())
def test_lines_tile_the_sheet_and_only_folds_are_without_memory(
    ranges: Int64s, pages_per_row: int, fold: bool
) -> None:
    rowmap = RowMap(ranges, pages_per_row, fold=fold)
    lines = rowmap.lines(0, rowmap.nr_lines)
    assert len(lines) == rowmap.nr_lines
    assert lines.start_pfn[1:].tolist() == lines.end_pfn[:-1].tolist()
    assert lines.start_pfn[0] <= ranges[0, 0]
    assert lines.end_pfn[-1] >= ranges[-1, 1]
    for start, end, is_fold in zip(lines.start_pfn, lines.end_pfn, lines.is_fold, strict=True):
        holds = bool(((ranges[:, 0] < end) & (ranges[:, 1] > start)).any())
        assert is_fold == (not holds) or not fold


# -- sizes -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("width", "columns", "cell"),
    [(64, 64, 512), (100, 64, 512), (63, 32, 1024), (130, 128, 256), (300, 256, 128), (3, 8, 4096)],
)
def test_one_block_a_row_whatever_the_width(width: int, columns: int, cell: int) -> None:
    vp = window(width=width)
    assert (vp.columns, vp.pages_per_cell) == (columns, cell)
    assert vp.pages_per_row == BLOCK


def test_a_zoom_that_was_chosen_survives_resizing() -> None:
    vp = window().zoomed(2).resized(32, 5)
    assert (vp.columns, vp.pages_per_cell) == (32, 128)


def test_resizing_keeps_the_cursor_in_sight() -> None:
    vp = window().at(33 * BLOCK).resized(64, 1)
    assert vp.top_line == vp.cursor_line == 4
    assert vp.resized(64, 40).top_line == 0


# -- motions -----------------------------------------------------------------------------
def test_left_and_right_go_over_the_ends_of_lines() -> None:
    vp = window()
    assert vp.across(1).cursor_pfn == 512
    assert vp.across(-1).cursor_pfn == 0
    assert vp.row_end().across(1).cursor_pfn == BLOCK
    assert vp.at(BLOCK).across(-1).cursor_pfn == BLOCK - 512


def test_a_fold_is_one_place() -> None:
    fold = window().at(2 * BLOCK - 1).across(1)
    assert fold.cursor_cell == (2 * BLOCK, 32 * BLOCK)
    assert fold.across(1).cursor_pfn == 32 * BLOCK
    assert fold.across(-1).cursor_cell == (2 * BLOCK - 512, 2 * BLOCK)
    assert fold.across(1).across(-1).cursor_cell == fold.cursor_cell


def test_up_and_down_keep_the_column_over_a_fold() -> None:
    vp = window().at(BLOCK + 5 * 512)
    assert vp.down(1).cursor_cell == (2 * BLOCK, 32 * BLOCK)
    assert vp.down(2).cursor_pfn == 32 * BLOCK + 5 * 512
    assert vp.down(2).down(-2).cursor_pfn == vp.cursor_pfn
    assert vp.down(1000).cursor_line == 4
    assert vp.down(-1000).cursor_line == 0


def test_row_start_and_end() -> None:
    vp = window().at(BLOCK + 700)
    assert vp.row_start().cursor_pfn == BLOCK
    assert vp.row_end().cursor_pfn == 2 * BLOCK - 512


def test_blocks_that_do_not_exist_are_jumped_over() -> None:
    vp = window()
    assert vp.next_block().cursor_pfn == BLOCK
    assert vp.next_block().next_block().cursor_pfn == 32 * BLOCK
    assert vp.at(32 * BLOCK).previous_block().cursor_pfn == BLOCK
    assert vp.at(32 * BLOCK + 600).previous_block().cursor_pfn == 32 * BLOCK
    assert vp.at(33 * BLOCK).next_block().cursor_pfn == 34 * BLOCK - 1


def test_edges_stop_where_memory_or_a_zone_begins_or_ends() -> None:
    edges = edges_of(SMALL, [(4096, 2 * BLOCK)])
    assert edges.tolist() == [0, 4096, 2 * BLOCK, 32 * BLOCK, 34 * BLOCK]
    vp = window()
    assert vp.next_edge(edges).cursor_pfn == 4096
    assert vp.at(4096).next_edge(edges).cursor_cell == (2 * BLOCK, 32 * BLOCK)
    assert vp.at(33 * BLOCK).next_edge(edges).cursor_pfn == 34 * BLOCK - 1
    assert vp.at(33 * BLOCK).previous_edge(edges).cursor_pfn == 32 * BLOCK
    assert vp.at(0).previous_edge(edges).cursor_pfn == 0


# -- zoom --------------------------------------------------------------------------------
def test_zoom_keeps_the_page_and_the_screen_line_of_the_cursor() -> None:
    vp = window(rows=5).at(33 * BLOCK + 12345)
    for steps in (1, 3, 9, -1, -4):
        there = vp.zoomed(steps)
        assert there.cursor_pfn == vp.cursor_pfn
        assert there.cursor_cell[0] <= vp.cursor_pfn < there.cursor_cell[1]
    assert vp.zoomed(3).zoomed(-3).cursor_cell == vp.cursor_cell


def test_zoom_ends_at_one_page_and_at_everything_on_a_line() -> None:
    vp = window()
    assert vp.zoomed(50).pages_per_cell == 1
    far = vp.zoomed(-50)
    assert far.pages_per_row >= 34 * BLOCK
    assert far.rows.nr_lines == 1


def test_fit_is_the_closest_zoom_with_everything_in_sight() -> None:
    vp = window(rows=3).fitted()
    assert vp.rows.nr_lines <= 3
    assert vp.zoomed(1).rows.nr_lines > 3


# -- selection ---------------------------------------------------------------------------
def test_a_selection_is_whole_cells_in_either_direction() -> None:
    vp = window().at(BLOCK).selecting(True)
    assert vp.selection == (BLOCK, BLOCK + 512)
    assert vp.across(2).selection == (BLOCK, BLOCK + 3 * 512)
    assert vp.across(-2).selection == (BLOCK - 2 * 512, BLOCK + 512)
    assert vp.down(2).selecting(False).selection is None


def test_the_mouse_finds_the_cell() -> None:
    vp = window()
    assert vp.pfn_at(1, 3) == BLOCK + 3 * 512
    assert vp.pfn_at(2, 40) == 2 * BLOCK
    assert vp.pfn_at(9, 0) is None
    assert vp.pfn_at(0, 64) is None
    assert vp.pfn_at(-1, 0) is None


# -- change and size ---------------------------------------------------------------------
def test_the_cursor_stays_when_memory_comes_and_is_moved_when_it_goes() -> None:
    vp = window().at(33 * BLOCK + 100)
    assert vp.on(extents((0, 40 * BLOCK))).cursor_pfn == vp.cursor_pfn
    assert vp.on(extents((0, 2 * BLOCK))).cursor_pfn == 2 * BLOCK - 1


@given(
    ranges_strategy,
    st.lists(st.sampled_from("hjklHL0$gG+-zvuf"), max_size=30),
    st.integers(1, 40),
    st.integers(1, 12),
)
def test_any_keys_leave_the_cursor_in_the_window(
    ranges: Int64s, keys: list[str], width: int, rows: int
) -> None:
    vp = Viewport(ranges, 16).resized(width, rows)
    steps = {
        "h": lambda v: v.across(-1),
        "l": lambda v: v.across(1),
        "j": lambda v: v.down(1),
        "k": lambda v: v.down(-1),
        "H": lambda v: v.previous_block(),
        "L": lambda v: v.next_block(),
        "0": lambda v: v.row_start(),
        "$": lambda v: v.row_end(),
        "g": lambda v: v.at(v.first_pfn),
        "G": lambda v: v.at(v.end_pfn - 1),
        "+": lambda v: v.zoomed(1),
        "-": lambda v: v.zoomed(-1),
        "z": lambda v: v.folded(not v.fold),
        "v": lambda v: v.selecting(v.anchor_pfn is None),
        "u": lambda v: v.down(-rows),
        "f": lambda v: v.fitted(),
    }
    for key in keys:
        vp = steps[key](vp)
        assert 0 <= vp.cursor_row < vp.nr_rows
        assert 0 <= vp.cursor_column < vp.columns
        start, end = vp.cursor_cell
        assert start <= vp.cursor_pfn < end
        assert len(vp.lines()) <= rows


def test_four_pebibytes_cost_nothing_extra() -> None:
    vp = window(extents((0, PIB4)), rows=50)
    assert vp.rows.nr_lines == PIB4 // BLOCK
    last = vp.at(PIB4 - 1)
    assert last.cursor_cell == (PIB4 - 512, PIB4)
    assert last.lines().end_pfn[-1] == PIB4
    assert vp.fitted().rows.nr_lines <= 50
