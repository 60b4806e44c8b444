"""The pfn map as letters: one line a memory block, or several blocks a line on large machines.

Holes fold into one line, and so do lines that repeat. Only numpy and the view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.kinds import PageState
from pfnmap.engine.notation import format_size
from pfnmap.engine.sizes import counted
from pfnmap.engine.view import View
from pfnmap.tui.map.cells import CHANGED, EIGHTHS_MASK, EIGHTHS_SHIFT, OVER_SHIFT, STATE_MASK, Grid
from pfnmap.tui.map.cells import grid as cell_grid
from pfnmap.tui.map.viewport import Viewport
from pfnmap.tui.say.glossary import LETTERS
from pfnmap.tui.text.ascii import span

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


class MapRow(Struct, frozen=True):
    """Consecutive pfns on one line of the map."""

    start_pfn: int
    end_pfn: int
    is_hole: bool
    """Stands for a run of lines without memory."""
    letters: str
    changed: bool


class TextMap(Struct, frozen=True):
    """The map's lines, and what stands above and below them."""

    title: str
    lines: Sequence[str]
    legend: Sequence[str]


def text_map(
    view: View,
    *,
    width: int,
    pages_per_cell: int | None = None,
    before: View | None = None,
) -> TextMap:
    """Draw the map of all memory.

    Args:
        view: the machine.
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
        lines = list(_lines(_rows(view, window, before), window))
        if len(lines) <= MAX_LINES or pages_per_cell is not None:
            return TextMap(_scale_title(window, view), lines, _legend(view))
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


def _rows(view: View, window: Viewport, before: View | None) -> list[MapRow]:
    """Every line of the window's sheet, holes folded, nothing else."""
    grid = cell_grid(view, replace(window, nr_rows=window.rows.nr_lines), before)
    lines = grid.lines
    return [
        MapRow(*facts)
        for facts in zip(
            lines.start_pfn.tolist(),
            lines.end_pfn.tolist(),
            lines.is_fold.tolist(),
            _letters(grid),
            ((grid.codes & CHANGED) != 0).any(axis=1).tolist(),
            strict=True,
        )
    ]


def _letters(grid: Grid) -> list[str]:
    """A string for each line.

    A letter is the state of most of its cell's pages; memmap counts from a half on.
    """
    under = grid.codes & STATE_MASK
    over = grid.codes >> OVER_SHIFT & STATE_MASK
    half = (grid.codes >> EIGHTHS_SHIFT & EIGHTHS_MASK) >= 4
    states = np.where(half & (over == PageState.VMEMMAP), over, under)
    return [
        "".join(row).rstrip()
        for row in np.array([LETTERS[state] for state in PageState])[states].tolist()
    ]


def _lines(rows: Sequence[MapRow], window: Viewport) -> Iterator[str]:
    """The rows as text; rows that repeat more than once are written once."""
    width = max(len(_label(window, rows[-1].end_pfn)), LABEL_COLUMNS)
    at = 0
    while at < len(rows):
        row = rows[at]
        if row.is_hole:
            yield f"{'':{width}} ({_range(window, row.start_pfn, row.end_pfn)}: no memory)"
            at += 1
            continue
        mark = CHANGE_MARK if row.changed else " "
        yield f"{_label(window, row.start_pfn):>{width}}{mark}{row.letters}"
        last = at + _repeats(rows, at)
        if last > at + 1:
            words = _range(window, rows[at + 1].start_pfn, rows[last].end_pfn)
            yield f"{'':{width}}{mark}({words}: the same)"
            at = last
        at += 1


def _repeats(rows: Sequence[MapRow], at: int) -> int:
    """How many rows after this one say the same."""
    row, count = rows[at], 0
    for other in rows[at + 1 :]:
        if other.is_hole or other.letters != row.letters or other.changed != row.changed:
            break
        count += 1
    return count


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


def _scale_title(window: Viewport, view: View) -> str:
    """The scale, in one line."""
    page_bytes, block_bytes = view.geometry.page_bytes, view.geometry.block_bytes
    cell = window.pages_per_cell
    blocks = window.pages_per_row // window.block_pages
    line = format_size(window.pages_per_row * page_bytes)
    if _by_block(window):
        line = counted(blocks, "block") + (
            f" of {format_size(block_bytes)}" if blocks == 1 else f", {line}"
        )
    size = format_size(cell * page_bytes)
    return f"pfn map, 1 letter = {counted(cell, 'page')} = {size}, 1 line = {line}"


def _legend(view: View) -> list[str]:
    """One line for each state that there is, with the number of its pages."""
    edges = np.array([view.first_pfn, view.end_pfn], dtype=np.int64)
    totals = view.page_counts(edges)[0].tolist()
    shown = [state for state in PageState if totals[state] and state is not PageState.HOLE]
    lines = [f"  {LETTERS[state]} {STATE_WORDS[state]:<42}{totals[state]:>15}" for state in shown]
    return [*lines, f"  {LETTERS[PageState.HOLE]} {STATE_WORDS[PageState.HOLE]}"]
