"""Maps of several machines side by side, row by row of the same pfns. Numpy only, no Textual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from pfnmap.engine.memory.runs import joined_ranges
from pfnmap.engine.view import View
from pfnmap.tui.map.cells import CHANGED, Codes, grid
from pfnmap.tui.map.viewport import Viewport

MAX_ROWS = 512
"""Rows that are computed; of more memory than that each cell stands for more pages."""
MIN_CELLS = 8
MAX_CELLS = 128


class SideRow(Struct, frozen=True):
    """Consecutive pfns on one row of all maps."""

    start_pfn: int
    end_pfn: int
    is_hole: bool
    """Stands for a run of rows without memory on any machine."""
    codes: tuple[Codes, ...]
    """int32 (columns,) for each machine; cells in which two of them differ are marked."""
    differs: bool
    repeats: int = 0
    """How many further rows, up to ``end_pfn``, are the same."""


def side_by_side(
    views: Sequence[View], columns: int, pages_per_cell: int | None = None
) -> tuple[int, list[SideRow]]:
    """Rows of ``columns`` cells for every machine; rows that repeat are folded.

    Args:
        views: the machines.
        columns: cells to a row, a power of two.
        pages_per_cell: None for a block of the first machine to a row.

    Returns:
        The pages of a cell, which may be more than asked for (see :data:`MAX_ROWS`), and the
        rows.
    """
    block_pages = views[0].geometry.block_pages
    cell = pages_per_cell or max(1, block_pages // columns)
    window = Viewport(union(views), block_pages, columns=columns, pages_per_cell=cell)
    while window.rows.nr_lines > MAX_ROWS:
        window = window.with_cell(window.pages_per_cell * 2)
    window = replace(window, nr_rows=window.rows.nr_lines)
    grids = [grid(view, window) for view in views]
    stacked = np.stack([each.codes for each in grids])
    unlike = (stacked != stacked[:1]).any(axis=0)
    stacked |= np.where(unlike, CHANGED, 0).astype(np.int32)
    lines = grids[0].lines
    rows = [
        SideRow(start, end, hole, tuple(stacked[:, index]), bool(unlike[index].any()))
        for index, (start, end, hole) in enumerate(
            zip(
                lines.start_pfn.tolist(),
                lines.end_pfn.tolist(),
                lines.is_fold.tolist(),
                strict=True,
            )
        )
    ]
    return window.pages_per_cell, _folded(rows)


def _folded(rows: Sequence[SideRow]) -> list[SideRow]:
    """Rows that repeat the one before folded into it."""
    folded: list[SideRow] = []
    for row in rows:
        last = folded[-1] if folded else None
        if last is not None and not row.is_hole and not last.is_hole and _same(row, last):
            folded[-1] = replace(last, end_pfn=row.end_pfn, repeats=last.repeats + 1)
        else:
            folded.append(row)
    return folded


def _same(one: SideRow, other: SideRow) -> bool:
    pairs = zip(one.codes, other.codes, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def union(views: Sequence[View]) -> NDArray[np.int64]:
    """The ranges that hold memory on any machine: int64 (n, 2), ascending and disjoint."""
    return joined_ranges(np.concatenate([view.extents() for view in views]))


def cells_that_fit(width: int, machines: int) -> int:
    """Cells for each of ``machines`` maps in a width, a gap before each; 0 where too narrow."""
    room = width // machines - 2
    if room < MIN_CELLS:
        return 0
    return min(1 << (room.bit_length() - 1), MAX_CELLS)
