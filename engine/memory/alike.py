"""Runs of memory blocks that the model says the same about.

What the model answers for a block depends on its row, on which zones' spans touch it and on
what is placed in it. Between the places where any of these changes all blocks are alike, so a
question about thirty thousand of them is a handful of questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from operator import eq
from typing import TypeVar

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import BlockState
from pfnmap.engine.memory.runs import Rows, one_by_one, sorted_set
from pfnmap.engine.memory.state import BLOCK_DTYPE, State
from pfnmap.engine.view import BlockKinds

What = TypeVar("What")
Ids = NDArray[np.int64]

_MOST_CODES = 1 << 62
"""Combinations that fit a number."""


def joined(
    parts: Iterable[tuple[int, int, What]], same: Callable[[What, What], bool] = eq
) -> Iterator[tuple[int, int, What]]:
    """Ascending (first, last, what), neighbours with the same ``what`` as one, the first one's."""
    run: tuple[int, int, What] | None = None
    for first, last, what in parts:
        if run is not None and run[1] + 1 == first and same(run[2], what):
            run = (run[0], last, run[2])
            continue
        if run is not None:
            yield run
        run = (first, last, what)
    if run is not None:
        yield run


def kinds_of(firsts: Ids, lasts: Ids, columns: Iterable[NDArray[np.integer]]) -> BlockKinds:
    """Runs that are of one kind where these columns have the same numbers."""
    codes, nr_codes = np.zeros(len(firsts), np.int64), 1
    for column in columns if len(firsts) else ():
        low = int(column.min())
        width = int(column.max()) - low + 1
        if nr_codes * width > _MOST_CODES:
            codes, nr_codes = _numbered(codes)
        if nr_codes * width > _MOST_CODES:
            column, width = _numbered(column.astype(np.int64))
            low = 0
        if width > 1:
            codes = codes * width + (column.astype(np.int64) - low)
            nr_codes *= width
    return BlockKinds(firsts, lasts, _numbered(codes)[0])


def _numbered(values: Ids) -> tuple[Ids, int]:
    """Each value as the number, from 0, in which it comes first; and how many there are."""
    known = sorted_set(values)
    at = known.searchsorted(values)
    first = np.zeros(len(known), np.int64)
    first[at[::-1]] = np.arange(len(values))[::-1]
    return first.argsort().argsort()[at], len(known)


def block_kinds(state: State) -> BlockKinds:
    """The blocks of a machine, of one kind where the rules for zones say the same of them."""
    rows = state.blocks.rows
    if not len(rows):
        none = np.zeros(0, np.int64)
        return BlockKinds(none, none, none)
    cuts = _cuts(state, rows[:0], state.taken.rows[:0], state.kept.rows[:0])
    firsts = sorted_set(np.concatenate((rows["start"], cuts)))
    at = rows["start"].searchsorted(firsts, side="right") - 1
    inside = (at >= 0) & (firsts < (rows["start"] + rows["count"])[at])
    firsts, at = firsts[inside], at[inside]
    ends = (rows["start"] + rows["count"])[at]
    ends[:-1] = np.minimum(ends[:-1], firsts[1:])
    said = [rows[name] for name in BLOCK_DTYPE.names or () if name not in ("start", "count")]
    alike = kinds_of(rows["start"], rows["start"], said).kinds[at]
    # A rule that looks at the block's own place tells every run apart.
    dynamic = [device.id for device in state.devices.values() if device.is_dynamic]
    own = np.isin(rows["device"], dynamic)[at] | state.profile.zone_shifting
    place = np.where(own, np.arange(len(firsts)), -1)
    columns = (alike, cuts.searchsorted(firsts, side="right"), place)
    return kinds_of(firsts, ends - 1, columns)


def alike(state: State, runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs of block ids (first, last) cut wherever the model may answer otherwise."""
    cuts = _cuts(state, state.blocks.rows, state.taken.rows, state.kept.rows)
    for first, last in runs:
        yield from _cut(cuts, first, last + 1)


def alike_blocks(state: State, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The existing blocks of [first, last] in runs that the model says the same about.

    Found as they are asked for, so that who needs few of many does not wait for all.
    """
    pages = state.geometry.block_pages
    for rows in state.blocks.chunks_upward(first, last + 1):
        low, high = int(rows["start"][0]), int(rows["start"][-1] + rows["count"][-1])
        taken = state.taken.slice(low * pages, high * pages)
        cuts = _cuts(state, rows, taken, state.kept.slice(low, high))
        for start, count in zip(rows["start"].tolist(), rows["count"].tolist(), strict=True):
            yield from _cut(cuts, start, start + count)


def _cut(cuts: Ids, first: int, end: int) -> Iterator[tuple[int, int]]:
    """[first, end) as (first, last) between the cuts inside it."""
    low, high = np.searchsorted(cuts, (first + 1, end)).tolist()
    return ((a, b - 1) for a, b in pairwise([first, *cuts[low:high].tolist(), end]))


def _cuts(state: State, rows: Rows, taken: Rows, kept: Rows) -> Ids:
    """Block ids, ascending, at which one of these rows or a span begins or has ended."""
    pages = state.geometry.block_pages
    spans = [
        (zone.start_pfn, zone.end_pfn)
        for node in state.nodes
        for zone in node.zones
        if zone.spanned
    ]
    edges = np.array(spans, np.int64).ravel()
    # The block at an edge, the one before and the one behind: a rule may ask for any of them.
    near = [edges // pages + step for step in (-1, 0, 1, 2)]
    held = [taken["start"] // pages, -(-(taken["start"] + taken["count"]) // pages)]
    held += [kept["start"], kept["start"] + kept["count"]]
    return sorted_set(np.concatenate([rows["start"], rows["start"] + rows["count"], *near, *held]))


def offline_in_model(state: State, ids: Ids) -> NDArray[np.bool_]:
    """Which of these blocks are offline in the model; those it does not have are not."""
    index = state.blocks.indices(ids)
    offline = np.append(state.blocks.rows["state"] == BlockState.OFFLINE, False)  # of none: not
    return np.asarray(offline[index])


def offlined(before: State, after: State) -> list[tuple[int, int]]:
    """(block, zone it left) of the blocks that went offline or away, ascending."""
    if before.blocks is after.blocks:
        return []
    rows = before.blocks.rows
    rows = rows[rows["state"] == BlockState.ONLINE]
    which, offsets = one_by_one(rows["count"])
    ids = rows["start"][which] + offsets
    online = np.append(after.blocks.rows["state"] == BlockState.ONLINE, False)  # of none: not
    gone = ~online[after.blocks.indices(ids)]
    return list(zip(ids[gone].tolist(), rows["zone"][which][gone].tolist(), strict=True))
