"""Which memory blocks look the same on the map, now and before the last step.

What a view says about its blocks in runs is looked at through the first block of each, once for
a state: the cost is that of the runs, not of the blocks.
"""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Final

import numpy as np

from pfnmap.engine.arrays import Int64s
from pfnmap.engine.memory.runs import sorted_set
from pfnmap.engine.view import View
from pfnmap.tui.map.viewport import FEWEST_ALIKE, MAX_COLUMNS, NO_RANGES

MOST_RUNS: Final = 256
"""A machine of more pieces than this is patchwork: a row that stands for many is rare in it."""


def alike_ranges(view: View, before: View | None = None) -> Int64s:
    """Ranges of memory, int64 (n, 2) of [start_pfn, end_pfn), of whole blocks that look the same.

    Blocks that look the same hold the same pages in every cell of a row, did so before the last
    step, and have one state, zone, node and device.
    """
    views = [view] if before is None else [view, before]
    blocks = _runs(views)
    if not len(blocks):
        return NO_RANGES
    ranges = blocks * view.geometry.block_pages
    looks, uniform = zip(*(_looks(each, ranges) for each in views), strict=True)
    rows = [view.block(first) for first in blocks[:, 0].tolist()]
    told = [row and (row.state, row.zone, row.node, row.device) for row in rows]
    joins = np.all(uniform, axis=0)
    follows = ranges[1:, 0] == ranges[:-1, 1]
    same = np.array([a == b for a, b in pairwise(told)], dtype=bool)
    follows &= joins[1:] & joins[:-1] & same
    for look in looks:
        follows &= (look[1:] == look[:-1]).all(axis=(1, 2))
    begins = np.flatnonzero(np.append(True, ~follows))
    ends = np.append(begins[1:], len(ranges)) - 1
    joined = np.stack((ranges[begins, 0], ranges[ends, 1]), axis=1)[joins[begins]]
    blocks_of = (joined[:, 1] - joined[:, 0]) // view.geometry.block_pages
    many: Int64s = joined[blocks_of >= FEWEST_ALIKE]
    return many


def _runs(views: list[View]) -> Int64s:
    """The first view's blocks as [first, end) of ids, cut where any view says something else."""
    # Each row of the model's blocks is a run at least: they need not be looked at to be many.
    if any(not view.real and view.state.blocks.nr_rows > MOST_RUNS for view in views):
        return NO_RANGES
    runs = [list(islice(view.block_runs(), MOST_RUNS + 1)) for view in views]
    if max(map(len, runs)) > MOST_RUNS:
        return NO_RANGES
    edges = {cut for each in runs for first, last in each for cut in (first, last + 1)}
    inner = {cut for view in views for cut in _within(view)}
    cuts = sorted(edges | {cut for cut in inner if runs[0][0][0] < cut <= runs[0][-1][1]})
    there = np.array(cuts, dtype=np.int64)
    result = []
    for first, last in runs[0]:
        low, high = np.searchsorted(there, (first, last + 1)).tolist()
        result += list(pairwise(cuts[low : high + 1]))
    return np.array(result, dtype=np.int64).reshape(-1, 2)


def _within(view: View) -> list[int]:
    """The blocks at which a long stretch of pages in one use begins or ends: boot's vmemmap."""
    if view.real or view.state.taken.nr_rows > MOST_RUNS:
        return []
    rows, pages = view.state.taken.rows, view.geometry.block_pages
    firsts, ends = -(-rows["start"] // pages), (rows["start"] + rows["count"]) // pages
    long = ends - firsts >= FEWEST_ALIKE
    first, end = firsts[long], ends[long]
    # The blocks on both sides of its edges hold a part of it and are apart from the others.
    return [int(cut) for cut in np.concatenate((first - 1, first, end, end + 1))]


def _looks(view: View, ranges: Int64s) -> tuple[Int64s, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The pages in each cell of the first block of each range; whether the others hold as many."""
    pages = view.geometry.block_pages
    cells = min(MAX_COLUMNS, pages)
    steps = np.arange(cells + 1, dtype=np.int64) * (pages // cells)
    inside = ranges[:, :1] + steps
    edges = sorted_set(np.append(inside.reshape(-1), ranges[:, 1]))
    counts = view.page_counts(edges)
    at = np.searchsorted(edges, ranges[:, 0])
    looks: Int64s = counts[at[:, None] + np.arange(cells)]
    others = (ranges[:, 1] - ranges[:, 0]) // pages - 1
    rest = counts[np.minimum(at + cells, len(counts) - 1)] * (others > 0)[:, None]
    return looks, (rest == looks.sum(axis=1) * others[:, None]).all(axis=1)
