"""A view and a viewport become a grid of cell codes. Numpy only: no Textual, no colours.

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
=====  ==========  ==========================================================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kinds import PageState
from engine.values import dataclass
from engine.view import NR_PAGE_STATES, View
from tui.viewport import Lines, Viewport

Codes = NDArray[np.int32]
Counts = NDArray[np.int64]

OVER_SHIFT = 5
EIGHTHS_SHIFT = 10
STATE_MASK = 0x1F
EIGHTHS_MASK = 0x7
CHANGED = 1 << 13
SELECTED = 1 << 14
CURSOR = 1 << 15
FOLD = 1 << 16

SALIENT = (PageState.UNMOVABLE, PageState.BROKEN)
"""States that own their cell however few their pages are, the last one first: one pinned
page decides whether a block can be offlined, one broken struct page is a crash."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The visible part of the map."""

    lines: Lines
    codes: Codes
    """int32 (lines, columns)."""
    counts: Counts
    """int64 (lines, states): pages of each state on each line."""


def grid(view: View, viewport: Viewport, before: View | None = None) -> Grid:
    """The codes of every visible cell; those that differ from ``before`` are marked."""
    lines = viewport.lines()
    columns = viewport.columns
    shown = np.flatnonzero(~lines.is_fold)
    codes = np.full((len(lines), columns), int(PageState.HOLE) | FOLD, dtype=np.int32)
    line_counts = np.zeros((len(lines), NR_PAGE_STATES), dtype=np.int64)
    line_counts[:, PageState.HOLE] = lines.end_pfn - lines.start_pfn
    if len(shown):
        edges, cells = _cell_edges(lines.start_pfn[shown], columns, viewport.pages_per_cell)
        counts = view.page_counts(edges)[cells]
        flat = classify(counts)
        if before is not None:
            differs = (before.page_counts(edges)[cells] != counts).any(axis=1)
            flat |= np.where(differs, CHANGED, 0).astype(np.int32)
        codes[shown] = flat.reshape(-1, columns)
        line_counts[shown] = counts.reshape(-1, columns, NR_PAGE_STATES).sum(axis=1)
    return Grid(lines, codes, line_counts)


def _cell_edges(
    row_starts: NDArray[np.int64], columns: int, pages_per_cell: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ascending edges for whole rows of cells, and which intervals are the cells.

    Rows that follow each other share an edge; between others lies one interval that is
    nobody's cell.
    """
    steps = np.arange(columns + 1, dtype=np.int64) * pages_per_cell
    edges = row_starts[:, None] + steps
    wanted = np.ones(edges.shape, dtype=bool)
    wanted[:-1, -1] = edges[:-1, -1] != edges[1:, 0]
    first = np.concatenate(([0], np.cumsum(wanted.sum(axis=1))))[:-1]
    cells = (first[:, None] + np.arange(columns)).reshape(-1)
    return edges[wanted], cells


def classify(counts: Counts) -> Codes:
    """Codes of cells from their page counts, int64 (n, states)."""
    width = counts.sum(axis=1)
    ranked = counts.astype(np.int64, copy=True)
    ranked[:, PageState.HOLE] = 0
    memmap = ranked[:, PageState.VMEMMAP].copy()
    ranked[:, PageState.VMEMMAP] = 0
    under = ranked.argmax(axis=1)
    for state in SALIENT:
        under = np.where(counts[:, state] > 0, state, under)
    rows = np.arange(len(counts))
    # A cell without memory, or with nothing but memmap.
    bare = ranked[rows, under] == 0
    under = np.where(bare & (memmap > 0), PageState.VMEMMAP, under)
    under = np.where(bare & (memmap == 0), PageState.HOLE, under)
    part = (memmap > 0) & (under != PageState.VMEMMAP) & ~np.isin(under, SALIENT)
    eighths = (memmap * 16 + width) // np.maximum(2 * width, 1)
    eighths = np.where(part, np.clip(eighths, 1, EIGHTHS_MASK), 0)
    over = np.where(part, PageState.VMEMMAP, under)
    codes: Codes = (under | over << OVER_SHIFT | eighths << EIGHTHS_SHIFT).astype(np.int32)
    return codes


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


@dataclass(frozen=True, slots=True)
class Cell:
    """A code taken apart."""

    under: PageState
    over: PageState
    eighths: int
    changed: bool = False
    selected: bool = False
    cursor: bool = False
    fold: bool = False


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
    )


@dataclass(frozen=True, slots=True)
class Runs:
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
