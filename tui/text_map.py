"""The pfn map as letters: one line a memory block, or several blocks a line on large machines.

Holes fold into one line, and so do lines that repeat. Only numpy and the view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.kinds import PageState
from engine.view import View
from tui.cells import CHANGED, EIGHTHS_MASK, EIGHTHS_SHIFT, OVER_SHIFT, STATE_MASK, Codes, Grid
from tui.cells import grid as cell_grid
from tui.text_words import count, size, span
from tui.viewport import Viewport

LABEL_COLUMNS: Final = 6
"""Room for a label, left of the mark; longer labels take from the cells."""
MAX_CELLS: Final = 256
MAX_ROWS: Final = 512
"""Rows that are computed; a machine with more gets more pages to a cell."""
MAX_LINES: Final = 40
"""Lines that are written, folded and repeated ones counted once."""
CHANGE_MARK: Final = "*"

STATE_WORDS: Final[dict[PageState, str]] = {
    PageState.HOLE: "hole (no memory)",
    PageState.OFFLINE: "offline (struct pages not initialised)",
    PageState.VMEMMAP: "vmemmap (holds struct pages)",
    PageState.FREE_DMA: "free in DMA",
    PageState.FREE_DMA32: "free in DMA32",
    PageState.FREE_NORMAL: "free in Normal",
    PageState.FREE_MOVABLE: "free in Movable",
    PageState.MOVABLE: "movable allocation",
    PageState.UNMOVABLE: "unmovable allocation",
    PageState.HUGETLB: "HugeTLB page",
    PageState.HUGETLB_OPTIMISED: "HugeTLB page, vmemmap given back",
    PageState.ISOLATED: "isolated",
    PageState.DEVICE: "ZONE_DEVICE",
    PageState.RESERVED: "reserved at boot",
    PageState.BROKEN: "broken (struct page gone or wrong)",
    PageState.ONLINE: "online (contents unknown)",
    PageState.PAGE_OFFLINE: "PageOffline",
}


@dataclass(frozen=True, slots=True)
class TextMap:
    """The map's lines, and what stands above and below them."""

    title: str
    lines: Sequence[str]
    legend: Sequence[str]


def text_map(
    view: View,
    glyphs: Sequence[str],
    *,
    width: int,
    pages_per_cell: int | None = None,
    before: View | None = None,
) -> TextMap:
    """Draw the map of all memory.

    Args:
        view: the machine.
        glyphs: one ASCII character for each :class:`PageState`.
        width: longest line.
        pages_per_cell: pages to a character; None shows a block to a line, or as many blocks
            as it takes to stay within :data:`MAX_LINES` lines. A given number is a lower bound:
            a map of more than :data:`MAX_ROWS` rows is drawn coarser, and its title says so.
        before: mark the lines that differ from this view.
    """
    window = _window(view, width, pages_per_cell)
    while True:
        while window.rows.nr_lines > MAX_ROWS:
            window = window.with_cell(window.pages_per_cell * 2)
        grid = cell_grid(view, replace(window, nr_rows=window.rows.nr_lines), before)
        lines = list(_lines(grid, window, glyphs))
        if len(lines) <= MAX_LINES or pages_per_cell is not None:
            return TextMap(_title(window, view), lines, _legend(grid, glyphs))
        window = window.with_cell(window.pages_per_cell * 2)


def _window(view: View, width: int, pages_per_cell: int | None) -> Viewport:
    """A window on all memory at the finest scale wanted."""
    block_pages = view.geometry.block_pages
    by_block = pages_per_cell is None or pages_per_cell * MAX_CELLS > block_pages
    longest = str(view.end_pfn // block_pages) if by_block else f"{view.end_pfn:#x}"
    room = min(max(width - max(len(longest), LABEL_COLUMNS) - 1, 8), MAX_CELLS)
    columns = min(1 << (room.bit_length() - 1), block_pages)
    cell = pages_per_cell or max(1, block_pages // columns)
    return Viewport(view.extents(), block_pages, columns=columns, pages_per_cell=cell)


def _lines(grid: Grid, window: Viewport, glyphs: Sequence[str]) -> Iterator[str]:
    """The lines of the map; a line that repeats more than once is written once."""
    letters = np.array(list(glyphs))[_states(grid.codes)]
    rows = ["".join(row).rstrip() for row in letters.tolist()]
    changed = ((grid.codes & CHANGED) != 0).any(axis=1)
    width = max(len(_label(window, int(grid.lines.end_pfn[-1]))), LABEL_COLUMNS)
    at = 0
    while at < len(rows):
        start = int(grid.lines.start_pfn[at])
        if grid.lines.is_fold[at]:
            yield f"{'':{width}} {_hole(grid, at, window)}"
            at += 1
            continue
        mark = CHANGE_MARK if changed[at] else " "
        yield f"{_label(window, start):>{width}}{mark}{rows[at]}"
        last = at
        while (
            last + 1 < len(rows)
            and not grid.lines.is_fold[last + 1]
            and rows[last + 1] == rows[at]
            and changed[last + 1] == changed[at]
        ):
            last += 1
        if last > at + 1:
            first_pfn, end_pfn = int(grid.lines.start_pfn[at + 1]), int(grid.lines.end_pfn[last])
            yield f"{'':{width}}{mark}({_range(window, first_pfn, end_pfn)}: the same)"
            at = last
        at += 1


def _states(codes: Codes) -> Codes:
    """The one state a cell's letter stands for: most of its pages, memmap from a half on."""
    under = codes & STATE_MASK
    over = codes >> OVER_SHIFT & STATE_MASK
    half = (codes >> EIGHTHS_SHIFT & EIGHTHS_MASK) >= 4
    return np.where(half & (over == PageState.VMEMMAP), over, under)


def _by_block(window: Viewport) -> bool:
    """Whether a line is one or more whole blocks, and so is labelled with a block id."""
    return window.pages_per_row % window.block_pages == 0


def _label(window: Viewport, pfn: int) -> str:
    return str(pfn // window.block_pages) if _by_block(window) else f"{pfn:#x}"


def _range(window: Viewport, start_pfn: int, end_pfn: int) -> str:
    """What lines from ``start_pfn`` to before ``end_pfn`` are about."""
    if not _by_block(window):
        return f"pfn {start_pfn:#x}-{end_pfn - 1:#x}"
    first, last = start_pfn // window.block_pages, (end_pfn - 1) // window.block_pages
    return f"block{'s' if last > first else ''} {span(first, last)}"


def _hole(grid: Grid, at: int, window: Viewport) -> str:
    start, end = int(grid.lines.start_pfn[at]), int(grid.lines.end_pfn[at])
    return f"({_range(window, start, end)}: no memory)"


def _title(window: Viewport, view: View) -> str:
    """The scale, in one line."""
    page_bytes, block_bytes = view.geometry.page_bytes, view.geometry.block_bytes
    cell = window.pages_per_cell
    blocks = window.pages_per_row // window.block_pages
    line = size(window.pages_per_row * page_bytes)
    if _by_block(window):
        line = count(blocks, "block") + (f" of {size(block_bytes)}" if blocks == 1 else f", {line}")
    return f"pfn map, 1 letter = {count(cell, 'page')} = {size(cell * page_bytes)}, 1 line = {line}"


def _legend(grid: Grid, glyphs: Sequence[str]) -> list[str]:
    """One line for each state on the map, with the number of its pages."""
    totals = grid.counts.sum(axis=0)
    shown = [state for state in PageState if totals[state] and state is not PageState.HOLE]
    lines = [
        f"  {glyphs[state]} {STATE_WORDS[state]:<42}{int(totals[state]):>15}" for state in shown
    ]
    return [*lines, f"  {glyphs[PageState.HOLE]} {STATE_WORDS[PageState.HOLE]}"]
