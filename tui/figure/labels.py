"""What stands above the axis: ids of blocks, and pfns at edges, where there is room."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from pfnmap.tui.figure.axis import Axis, Column


class Label(Struct, frozen=True):
    """Words at a column; of two that would touch, the one of lower rank is drawn."""

    column: int
    words: str
    rank: int


def piece_labels(axis: Axis) -> list[Label]:
    """Ids of memory blocks: one where each block begins that has an edge, a range for others."""
    pages, found = axis.block_pages, []
    edges = dict(zip(*_edges(axis), strict=True))
    for piece in axis.pieces:
        if piece.hole:
            continue
        column = edges[piece.start_pfn]
        first, last = piece.start_pfn // pages, (piece.end_pfn - 1) // pages
        if piece.ruled or first == last:
            found.append(Label(column, str(first), 0 if piece.focus else 3))
            found += [
                Label(column_, str(pfn // pages), 1)
                for pfn, column_ in edges.items()
                if piece.start_pfn < pfn < piece.end_pfn
            ]
            continue
        found.append(Label(column, f"{first}-{last}", 0 if piece.focus else 2))
    return found


def pfn_labels(axis: Axis) -> list[Label]:
    """The pfn of each edge; those of the focus first."""
    ends = {pfn for piece in axis.pieces if piece.focus for pfn in (piece.start_pfn, piece.end_pfn)}
    pieces = {pfn for piece in axis.pieces for pfn in (piece.start_pfn, piece.end_pfn)}
    return [
        Label(column, f"{pfn:#x}", 0 if pfn in ends else 1 if pfn in pieces else 2)
        for pfn, column in zip(*_edges(axis), strict=True)
    ]


def _edges(axis: Axis) -> tuple[list[int], list[int]]:
    """(pfns, columns) of all edges."""
    columns = np.flatnonzero(axis.kinds == Column.EDGE)
    return axis.starts[columns].tolist(), columns.tolist()


def placed(labels: Iterable[Label], width: int) -> str:
    """The labels as one line, as many as fit; one that would pass the end is moved left."""
    line = [" "] * width
    for label in sorted(labels, key=lambda label: (label.rank, label.column)):
        at = min(label.column, width - len(label.words))
        before, behind = max(0, at - 1), at + len(label.words) + 1
        if at >= 0 and not "".join(line[before:behind]).strip():
            line[at : at + len(label.words)] = label.words
    return "".join(line)
