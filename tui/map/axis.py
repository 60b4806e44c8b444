"""A line of columns that stands for all of memory, for bars under a common scale.

Memory is drawn to scale; holes are squeezed, so that a DIMM far up in the address space
does not shrink everything else to nothing. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]

LARGEST_HOLE = 1 / 16
"""A hole is never drawn longer than this share of all memory …"""
ALL_HOLES = 1 / 3
"""… and all of them together not longer than this."""


def reaching(extents: Int64s, spans: Iterable[tuple[int, int]]) -> Int64s:
    """Extents that reach to both ends of every span, also where a span outlived its memory.

    Args:
        extents: int64 (n, 2) of [start_pfn, end_pfn), ascending and disjoint.
        spans: [start_pfn, end_pfn) of zones and nodes.
    """
    ends = [(start, end) for start, end in spans if start < end]
    if not ends:
        return extents
    lowest, highest = min(start for start, _ in ends), max(end for _, end in ends)
    if len(extents) == 0:
        return np.array([[lowest, highest]], dtype=np.int64)
    parts = [extents]
    if lowest < int(extents[0, 0]):
        parts.insert(0, np.array([[lowest, lowest + 1]], dtype=np.int64))
    if highest > int(extents[-1, 1]):
        parts.append(np.array([[highest - 1, highest]], dtype=np.int64))
    return np.concatenate(parts)


class Axis:
    """Columns and pfns of one scale."""

    __slots__ = ("_at", "_pfns", "edges", "width")

    def __init__(self, extents: Int64s, width: int) -> None:
        """``extents``: int64 (n, 2) of [start_pfn, end_pfn), ascending and disjoint."""
        if len(extents) == 0:
            extents = np.array([[0, 1]], dtype=np.int64)
        memory = extents[:, 1] - extents[:, 0]
        holes = extents[1:, 0] - extents[:-1, 1]
        total = int(memory.sum())
        cap = min(total * LARGEST_HOLE, total * ALL_HOLES / max(1, len(holes)))
        weights = np.zeros(2 * len(extents) - 1)
        weights[0::2] = memory
        weights[1::2] = np.minimum(holes, cap)
        at = np.concatenate(([0.0], np.cumsum(weights)))
        self.width = max(1, min(width, int(extents[-1, 1] - extents[0, 0])))
        self._at = at / at[-1] * self.width
        self._pfns = extents.reshape(-1)
        self.edges: Int64s = self._edges()
        """int64 (width + 1,): where each column begins, strictly ascending."""

    def _edges(self) -> Int64s:
        places = np.arange(self.width + 1, dtype=float)
        pfns = np.rint(np.interp(places, self._at, self._pfns)).astype(np.int64)
        # Rounding may give two columns one beginning on a machine of very few pages.
        steps = np.arange(self.width + 1, dtype=np.int64)
        ascending = np.maximum.accumulate(pfns - steps) + steps
        edges: Int64s = np.minimum(ascending, self._pfns[-1] - steps[::-1])
        return edges

    def columns(self, start_pfn: int, end_pfn: int) -> tuple[int, int]:
        """The columns [first, end) of a pfn range; a range that is not empty gets one."""
        if end_pfn <= start_pfn:
            return 0, 0
        first, last = np.interp([start_pfn, end_pfn], self._pfns, self._at)
        begin = min(int(first), self.width - 1)
        return begin, min(max(int(np.ceil(last - 1e-9)), begin + 1), self.width)
