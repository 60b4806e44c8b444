"""Rows that look alike: which they are, and how the window on them moves."""

from __future__ import annotations

import numpy as np
import pytest

from pfnmap.engine.view import View
from pfnmap.tui.map import cells
from pfnmap.tui.map.alike import alike_ranges
from pfnmap.tui.map.viewport import FEWEST_ALIKE, Viewport
from tests.tui.stage import session_of

BLOCK = 32768
LINES = (
    "add dimm0 2G",
    "online dimm0 movable",
    "offline dimm0[5]",
    "pin pfn=0x140000",
    "remove dimm0[12]",
    "offline dimm0[8-10]",
)


def window(view: View, before: View | None = None, nr_rows: int = 50) -> Viewport:
    alike = alike_ranges(view, before)
    return Viewport(view.extents(), BLOCK, alike=alike).resized(64, nr_rows)


def test_a_machine_of_petabytes_is_a_few_rows_its_memmap_among_them() -> None:
    view = session_of("add dimm0 64G", machine="machine ram=3P block=2G").view
    drawn = Viewport(view.extents(), 1 << 19, alike=alike_ranges(view)).resized(64, 12)
    assert drawn.rows.nr_lines < 12


@pytest.mark.parametrize("count", range(len(LINES) + 1))
def test_blocks_that_one_row_stands_for_look_like_it(count: int) -> None:
    """And so they did before the last step; as many as there are in a row are joined."""
    session = session_of(*LINES[:count], machine="machine ram=4G memmap_on_memory=Y")
    view, before = session.view, session.before
    drawn = Viewport(view.extents(), BLOCK).resized(64, 200)
    grid = cells.grid(view, drawn, before)
    rows = zip(grid.lines.start_pfn.tolist(), grid.codes.tolist(), strict=True)
    look = {pfn // BLOCK: codes for pfn, codes in rows}
    told = {b: (row.state, row.zone, row.device) for b in look if (row := view.block(b))}
    hidden = set()
    for start, end in alike_ranges(view, before).tolist():
        first, last = start // BLOCK, end // BLOCK - 1
        assert last - first + 1 >= FEWEST_ALIKE
        for block in range(first + 1, last + 1):
            assert look[block] == look[first]
            assert told[block] == told[first]
            hidden.add(block)
    alone = [
        block
        for block in told
        if {block - 1, block, block + 1} <= told.keys() - hidden
        and look[block - 1] == look[block] == look[block + 1]
        and told[block - 1] == told[block] == told[block + 1]
    ]
    assert alone == []


def test_patchwork_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    view = session_of("add dimm0 2G").view
    assert len(alike_ranges(view)) == 2
    monkeypatch.setattr("pfnmap.tui.map.alike.MOST_RUNS", 3)
    assert len(alike_ranges(view)) == 0


def test_a_run_is_one_line_that_begins_with_its_first_row() -> None:
    view = session_of("add dimm0 2G").view
    vp = window(view)
    lines = vp.lines()
    assert lines.is_alike.tolist() == [False, True, False, False, True]
    assert (lines.start_pfn // BLOCK).tolist() == [0, 1, 7, 8, 32]
    assert (lines.end_pfn // BLOCK).tolist() == [1, 7, 8, 32, 48]
    assert vp.rows.hides(40 * BLOCK) and not vp.rows.hides(32 * BLOCK)
    assert vp.rows.line_of(40 * BLOCK) == 4


def test_the_cursor_passes_over_what_a_row_stands_for() -> None:
    vp = window(session_of("add dimm0 2G").view).at(BLOCK)
    assert vp.cursor_cell == (BLOCK, BLOCK + 512)
    assert vp.row_end().cursor_pfn == 2 * BLOCK - 512
    assert vp.row_end().across(1).cursor_pfn == 7 * BLOCK
    assert vp.at(7 * BLOCK).across(-1).cursor_pfn == 2 * BLOCK - 512
    assert vp.down(1).cursor_pfn == 7 * BLOCK
    last = vp.at(32 * BLOCK).row_end()
    assert last.across(1).cursor_pfn == last.cursor_pfn


def test_going_to_a_row_that_is_hidden_opens_it() -> None:
    vp = window(session_of("add dimm0 2G").view)
    there = vp.at(40 * BLOCK + 700)
    lines = there.lines()
    assert (lines.start_pfn // BLOCK).tolist() == [0, 1, 7, 8, 32, 40, 41]
    assert there.cursor_cell == (40 * BLOCK + 512, 40 * BLOCK + 1024)
    assert there.at(36 * BLOCK).rows.hides(40 * BLOCK)
    assert there.resized(128, 50).cursor_pfn == there.cursor_pfn


def test_zooming_and_unfolding_draw_all_rows() -> None:
    vp = window(session_of("add dimm0 2G").view)
    assert not vp.zoomed(1).lines().is_alike.any()
    assert not vp.folded(False).lines().is_alike.any()
    assert vp.zoomed(1).by_block().lines().is_alike.any()


def test_a_range_is_shown_with_its_end_where_there_is_room() -> None:
    session = session_of("add dimm0 2G", "online 33,35,37,39,41 movable")
    vp = window(session.view, session.before, nr_rows=6)
    shown = vp.showing(np.array([(33 * BLOCK, 36 * BLOCK)]))
    assert shown.cursor_pfn == 33 * BLOCK
    assert shown.shows(33 * BLOCK) and shown.shows(35 * BLOCK)
    far = vp.showing(np.array([(33 * BLOCK, 42 * BLOCK)]))
    assert far.cursor_pfn == 33 * BLOCK and far.shows(33 * BLOCK)
    assert shown.showing(np.array([(33 * BLOCK, 36 * BLOCK)])).is_at(shown)


def test_memmap_at_the_end_of_a_cell_is_marked() -> None:
    view = session_of("add dimm0 384M", machine="machine ram=1G").view
    codes = cells.grid(view, Viewport(view.extents(), BLOCK).resized(32, 50)).codes
    part = codes[(codes >> cells.EIGHTHS_SHIFT & cells.EIGHTHS_MASK) > 0]
    assert [(cells.unpack(code).eighths, cells.unpack(code).right) for code in part.tolist()] == [
        (4, True)
    ]
