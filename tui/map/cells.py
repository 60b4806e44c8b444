"""A view and a viewport become a grid of cell codes. Numpy only: no Textual, no colours.

The letters that the codes get are ``tui/widgets/paint.py``'s.

A *cell* stands for ``pages_per_cell`` pages. Its code says which state most of its pages
are in (``under``; memory before holes, other memory before memmap) and, where some of them
hold struct pages, how many eighths of the cell those take: at least one, however few.

=====  ==========  ==========================================================
bits   field       meaning
=====  ==========  ==========================================================
0-4    under       ``PageState`` of the cell
5-9    over        VMEMMAP where a part of the cell is memmap, else the same as ``under``
10-12  eighths     size of that part, 0 (none) to 7
13     CHANGED     the last command changed pages of this cell
14     SELECTED    inside the selection (set by painters, never cached)
15     CURSOR      under the cursor (set by painters, never cached)
16     FOLD        the line stands for a folded hole
17     RIGHT       the part that is memmap is at the right end of the cell
=====  ==========  ==========================================================
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import PageState
from pfnmap.engine.memory.runs import sorted_set
from pfnmap.engine.view import NR_PAGE_STATES, View
from pfnmap.tui.map.viewport import Lines, Viewport

Codes = NDArray[np.int32]
Counts = NDArray[np.int64]
Cells = slice | NDArray[np.int64]
"""Which of the intervals between edges are cells; a slice when all of them are."""

OVER_SHIFT = 5
EIGHTHS_SHIFT = 10
STATE_MASK = 0x1F
EIGHTHS_MASK = 0x7
CHANGED = 1 << 13
SELECTED = 1 << 14
CURSOR = 1 << 15
FOLD = 1 << 16
RIGHT = 1 << 17

SALIENT = (PageState.UNMOVABLE, PageState.BROKEN)
"""States that own their cell however few their pages are, the last one first: one pinned
page decides whether a block can be offlined, one broken struct page is a crash."""


class Grid(Struct, frozen=True):
    """The visible part of the map."""

    lines: Lines
    codes: Codes
    """int32 (lines, columns)."""
    counts: Counts
    """int64 (lines, states): pages of each state on each line."""


def grid(view: View, viewport: Viewport, before: View | None = None) -> Grid:
    """The codes of every visible cell; those that differ from ``before`` are marked."""
    return grid_of(view, viewport.lines(), viewport, before)


def grid_of(view: View, lines: Lines, viewport: Viewport, before: View | None = None) -> Grid:
    """The same for any lines of the viewport's sheet."""
    columns = viewport.columns
    shown = np.flatnonzero(~lines.is_fold)
    codes = np.full((len(lines), columns), int(PageState.HOLE) | FOLD, dtype=np.int32)
    line_counts = np.zeros((len(lines), NR_PAGE_STATES), dtype=np.int64)
    line_counts[:, PageState.HOLE] = lines.end_pfn - lines.start_pfn
    if len(shown):
        edges, cells = _cell_edges(lines.start_pfn[shown], columns, viewport.pages_per_cell)
        counts = _picked(view.page_counts(edges), cells)
        flat = classify(counts)
        _mark_right_halves(flat, view, lines.start_pfn[shown], viewport)
        if before is not None:
            flat |= _differs(counts, before.page_counts(edges), cells) * np.int32(CHANGED)
        codes[shown] = flat.reshape(-1, columns)
        line_counts[shown] = 0
        for state in _states_in(counts):
            line_counts[shown, state] = counts[:, state].reshape(-1, columns).sum(axis=1)
    return Grid(lines, codes, line_counts)


def with_zones(grid: Grid, view: View, viewport: Viewport) -> Grid:
    """Cells of which it is only known that they are online as what they are in the figure.

    Of a real machine nobody says what a page is used for, but its zone is known.
    """
    at, columns = np.nonzero((grid.codes & STATE_MASK) == PageState.ONLINE)
    if not len(at):
        return grid
    pages = viewport.pages_per_cell
    middles = grid.lines.start_pfn[at] + columns * pages + pages // 2
    states = view.free_states(middles).astype(np.int32)
    old, codes = grid.codes[at, columns], grid.codes.copy()
    whole = (old >> OVER_SHIFT & STATE_MASK) == PageState.ONLINE
    codes[at, columns] = old + (states - int(PageState.ONLINE)) * (1 + (whole << OVER_SHIFT))
    return replace(grid, codes=codes)


def _mark_right_halves(
    codes: Codes, view: View, row_starts: NDArray[np.int64], viewport: Viewport
) -> None:
    """Set RIGHT in cells whose memmap is for the most part in their second half."""
    cells = np.flatnonzero(codes >> EIGHTHS_SHIFT & EIGHTHS_MASK)
    pages = viewport.pages_per_cell
    if not len(cells) or pages < 2:
        return
    starts = row_starts[cells // viewport.columns] + cells % viewport.columns * pages
    halves = np.stack((starts, starts + pages // 2, starts + pages), axis=1)
    edges = sorted_set(halves.reshape(-1))
    memmap = view.page_counts(edges)[:, PageState.VMEMMAP]
    first, second = np.searchsorted(edges, halves[:, :2]).T
    codes[cells] |= (memmap[second] > 2 * memmap[first]) * np.int32(RIGHT)


def _picked(counts: Counts, cells: Cells) -> Counts:
    """The counts of the intervals that are cells, all of one state side by side in memory."""
    if isinstance(cells, slice):
        return np.ascontiguousarray(counts.T).T
    picked = np.zeros((NR_PAGE_STATES, len(cells)), dtype=np.int64).T
    for state in _states_in(counts):
        picked[:, state] = counts[:, state][cells]
    return picked


def _differs(counts: Counts, before: Counts, cells: Cells) -> NDArray[np.bool_]:
    """Which cells hold other pages than ``before``, which has all intervals; bool (n,)."""
    differs = np.zeros(len(counts), dtype=bool)
    # A cell has the same number of pages in all: what one state lost, another one gained.
    for state in _states_in(counts):
        differs |= counts[:, state] != before[:, state][cells]
    return differs


def _states_in(counts: Counts) -> list[int]:
    """The states that any cell holds pages of."""
    states: list[int] = np.flatnonzero(counts.any(axis=0)).tolist()
    return states


def part(grid: Grid, first: int, end: int) -> Grid:
    """Some consecutive lines of a grid."""
    lines = grid.lines
    if (first, end) == (0, len(lines)):
        return grid
    return Grid(lines.part(first, end), grid.codes[first:end], grid.counts[first:end])


def joined(grids: Sequence[Grid]) -> Grid:
    """Grids of lines that follow each other as one."""
    names = Lines.__struct_fields__
    lines = Lines(
        *(np.concatenate([getattr(part.lines, name) for part in grids]) for name in names)
    )
    codes = np.concatenate([part.codes for part in grids])
    return Grid(lines, codes, np.concatenate([part.counts for part in grids]))


def _cell_edges(
    row_starts: NDArray[np.int64], columns: int, pages_per_cell: int
) -> tuple[NDArray[np.int64], Cells]:
    """Ascending edges for whole rows of cells, and which intervals are the cells.

    Rows that follow each other share an edge; between others lies one interval that is
    nobody's cell.
    """
    steps = np.arange(columns + 1, dtype=np.int64) * pages_per_cell
    edges = row_starts[:, None] + steps
    wanted = np.ones(edges.shape, dtype=bool)
    wanted[:-1, -1] = edges[:-1, -1] != edges[1:, 0]
    if not wanted[:-1, -1].any():
        return edges[wanted], slice(None)
    first = np.concatenate(([0], np.cumsum(wanted.sum(axis=1))))[:-1]
    cells = (first[:, None] + np.arange(columns)).reshape(-1)
    return edges[wanted], cells


def classify(
    counts: Counts, salient: Sequence[int] = SALIENT, pages: Counts | None = None
) -> Codes:
    """Codes of cells from their page counts, int64 (n, states).

    ``salient``: states that own their cell, the last one first; ``pages``: of each cell, where
    that is not the sum of the counts.
    """
    states = _states_in(counts)
    under = np.full(len(counts), int(PageState.HOLE), dtype=np.int32)
    most = np.zeros(len(counts), dtype=np.int64)
    for state in states:
        if state not in (PageState.HOLE, PageState.VMEMMAP):
            np.copyto(under, state, where=counts[:, state] > most)
            most = np.maximum(most, counts[:, state])
    salient = [state for state in salient if state in states]
    for state in salient:
        np.copyto(under, state, where=counts[:, state] > 0)
    codes: Codes = under | under << OVER_SHIFT
    if PageState.VMEMMAP in states:
        _lay_memmap_over(codes, counts, most, salient, pages)
    return codes


def _lay_memmap_over(
    codes: Codes, counts: Counts, most: Counts, salient: Sequence[int], pages: Counts | None
) -> None:
    """Show memmap in cells that hold some; ``most``: pages of the state each shows so far."""
    memmap = counts[:, PageState.VMEMMAP]
    np.copyto(codes, glyph_code(PageState.VMEMMAP), where=(memmap > 0) & (most == 0))
    part = (memmap > 0) & (most > 0)
    for state in salient:
        part &= counts[:, state] == 0
    cells = np.flatnonzero(part)
    width = (counts.sum(axis=1) if pages is None else pages)[cells]
    eighths = (memmap[cells] * 16 + width) // (2 * width)
    eighths = np.minimum(np.maximum(eighths, 1), EIGHTHS_MASK)
    over = int(PageState.VMEMMAP) << OVER_SHIFT | eighths << EIGHTHS_SHIFT
    codes[cells] = codes[cells] & STATE_MASK | over


def marked(codes: Codes, lines: Lines, viewport: Viewport) -> Codes:
    """A copy of the codes with selection and cursor set."""
    result = codes.copy()
    selection = viewport.selection
    if selection is not None:
        result |= _selected_bits(lines, viewport, selection)
    row = viewport.cursor_row
    if 0 <= row < len(lines):
        if bool(lines.is_fold[row]):
            result[row] |= CURSOR
        else:
            result[row, viewport.cursor_column] |= CURSOR
    return result


def _selected_bits(lines: Lines, viewport: Viewport, selection: tuple[int, int]) -> Codes:
    start, end = selection
    cell = viewport.pages_per_cell
    starts = lines.start_pfn[:, None] + np.arange(viewport.columns, dtype=np.int64) * cell
    inside = (starts >= start) & (starts < end)
    whole = (lines.start_pfn >= start) & (lines.start_pfn < end)
    inside[lines.is_fold] = whole[lines.is_fold, None]
    return np.where(inside, SELECTED, 0).astype(np.int32)


def glyph_code(state: PageState) -> int:
    """The code of a cell that is all of one state."""
    return int(state) | int(state) << OVER_SHIFT


class Cell(Struct, frozen=True):
    """A code taken apart."""

    under: PageState
    over: PageState
    eighths: int
    changed: bool = False
    selected: bool = False
    cursor: bool = False
    fold: bool = False
    right: bool = False


def unpack(code: int) -> Cell:
    """What a code says."""
    return Cell(
        PageState(code & STATE_MASK),
        PageState(code >> OVER_SHIFT & STATE_MASK),
        code >> EIGHTHS_SHIFT & EIGHTHS_MASK,
        bool(code & CHANGED),
        bool(code & SELECTED),
        bool(code & CURSOR),
        bool(code & FOLD),
        bool(code & RIGHT),
    )


class Runs(Struct, frozen=True):
    """Run-length form of a grid: runs never cross a line."""

    codes: list[int]
    lengths: list[int]
    first: list[int]
    """Index of each line's first run, with one entry more for the end."""


def run_lengths(codes: Codes) -> Runs:
    """All lines of a grid in one vectorised pass."""
    nr_lines, columns = codes.shape
    flat = codes.ravel()
    begins = np.empty(nr_lines * columns, dtype=bool)
    begins[1:] = flat[1:] != flat[:-1]
    begins[::columns] = True
    start = np.flatnonzero(begins)
    lengths = np.diff(start, append=nr_lines * columns)
    first = np.searchsorted(start, np.arange(0, nr_lines * columns + 1, columns))
    return Runs(flat[start].tolist(), lengths.tolist(), first.tolist())
