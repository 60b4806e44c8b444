"""What the block table holds, added up chunk by chunk.

A question about a stretch of memory looks at the rows of the chunks in which it begins and
ends; of the chunks in between their sums are enough. The sums of one state are made from those
of the state asked before it: chunks that both have are not added up again, so that after an
edit a question costs what changed, not how fragmented the machine is.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import Int64s, NDArray
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory.runs import (
    Rows,
    RunMap,
    joined_rows,
    one_by_one,
    picked,
    shared_ends,
    sorted_set,
)

SUM_DTYPE = np.dtype(
    [
        ("chunk", "<i8"),
        ("node", "<i2"),
        ("zone", "i1"),  # ZoneType
        ("state", "u1"),  # BlockState
        ("shared", "?"),  # see are_shared
        ("holes", "?"),  # fewer pages are present than a block has
        ("early", "?"),
        ("device", "<i4"),  # Device.id
        ("memmap", "u1"),  # MemmapKind
        ("blocks", "<i8"),
        ("vmemmap", "<i8"),  # pages that hold struct pages of their own block
    ]
)
"""The blocks of a chunk that are alike in these; a row a kind of blocks."""

EXTENT_DTYPE = np.dtype(
    [
        ("chunk", "<i8"),
        ("start", "<i8"),
        ("count", "<i8"),
        ("node", "<i2"),
        ("device", "<i4"),
        ("memmap", "u1"),
        ("vmemmap", "<i8"),
    ]
)
"""Blocks of a chunk with no hole between them that are alike, whatever their state."""


def are_shared(rows: Rows) -> NDArray[np.bool_]:
    """Which blocks are of several zones, as the first ones of a machine are: of none by name."""
    return np.asarray((rows["zone"] == ZoneType.NONE) & (rows["state"] != BlockState.OFFLINE))


class Totals(Struct, frozen=True, eq=False):
    """The sums of one block table."""

    blocks: RunMap
    block_pages: int
    firsts: Int64s
    """First block of each chunk."""
    sums: Rows
    """SUM_DTYPE, by chunk."""
    extents: Rows
    """EXTENT_DTYPE, ascending."""

    def chunks_of(self, blocks: Int64s) -> Int64s:
        """The chunk that holds each block or would, of ascending ones; int64 (n,)."""
        return np.maximum(self.firsts.searchsorted(blocks, side="right") - 1, 0)

    def rows_of(self, chunks: Int64s) -> Rows:
        """The rows of some chunks, ascending."""
        return joined_rows([self.blocks.chunks[at] for at in chunks.tolist()], self.blocks.dtype)

    def near(self, blocks: Int64s) -> Rows:
        """The rows of those chunks that hold any of these ascending blocks, or would.

        Without those before the row that holds the first of them, and behind the last.
        """
        chunks = self.chunks_of(blocks)
        first = np.full(len(chunks), len(self.firsts) > 0)
        first[1:] &= chunks[1:] != chunks[:-1]
        rows = self.rows_of(chunks[first])
        low, end = rows["start"].searchsorted(blocks[[0, -1]], side="right").tolist()
        return rows[max(0, low - 1) : end]

    def far(self, blocks: Int64s) -> tuple[Int64s, Rows]:
        """The sums of the chunks between successive ones of these ascending blocks.

        Those of :meth:`near` are not among them: (for each sum the index of its pair, sums).
        """
        chunks, column = self.chunks_of(blocks), self.sums["chunk"]
        behind = column.searchsorted(chunks[:-1], side="right")
        before = column.searchsorted(chunks[1:], side="left")
        pair, place = one_by_one(np.maximum(before - behind, 0))
        return pair, picked(self.sums, behind[pair] + place)

    def within(self, first: int, end: int) -> tuple[Rows, Rows]:
        """The blocks [first, end): the rows of the chunks at either end, and sums of the others."""
        edges = np.array((first, end), np.int64)
        at_ends = sorted_set(self.chunks_of(edges)) if self.blocks else edges[:0]
        rows = RunMap(self.blocks.dtype, tuple(self.blocks.chunks[at] for at in at_ends.tolist()))
        return rows.slice(first, end), self.far(edges)[1]

    def chunks_online_in(self, node: int, zone: ZoneType, early: bool | None) -> Int64s:
        """The chunks with online blocks of a zone, ascending; with ``early`` only such of those."""
        sums = self.sums
        mine = (sums["node"] == node) & (sums["zone"] == int(zone)) | sums["shared"]
        mine &= sums["state"] == int(BlockState.ONLINE)
        if early is not None:
            mine &= sums["early"] == early
        return np.flatnonzero(np.bincount(sums["chunk"][mine]))

    def extents_of(self, first: int, end: int) -> Rows:
        """The extents that begin among the blocks [first, end)."""
        low, high = self.extents["start"].searchsorted((first, end)).tolist()
        return self.extents[low:high]

    def odd_rows(self, *, holes: bool) -> Rows:
        """The rows of blocks of several zones, and with ``holes`` those with holes."""
        odd = self.sums["shared"] | (self.sums["holes"] & holes)
        rows = self.rows_of(np.flatnonzero(np.bincount(self.sums["chunk"][odd])))
        found = are_shared(rows)
        return rows[found | ((rows["present"] < self.block_pages) & holes)]


_lately: list[Totals] = []
"""Those asked last, the latest first: the state of now and that of before."""
_KEPT = 3


def totals_of(blocks: RunMap, block_pages: int) -> Totals:
    """The sums of a block table."""
    for found in _lately:
        if found.blocks.chunks is blocks.chunks and found.block_pages == block_pages:
            return found
    near = [
        (shared_ends(blocks, each.blocks), each)
        for each in _lately
        if each.block_pages == block_pages
    ]
    (low, high), last = max(near, key=lambda pair: sum(pair[0]), default=((0, 0), None))
    made = _made(blocks, block_pages, last, low, high)
    _lately.insert(0, made)
    del _lately[_KEPT:]
    return made


def _made(blocks: RunMap, block_pages: int, last: Totals | None, low: int, high: int) -> Totals:
    """The sums; those of so many chunks at either end are taken from ``last``."""
    chunks = blocks.chunks
    middle = range(low, len(chunks) - high)
    pieces = [chunks[at] for at in middle]
    rows = joined_rows(pieces, blocks.dtype)
    which = np.repeat(np.array(middle, np.int64), np.array([len(p) for p in pieces], np.int64))
    firsts = np.array([int(piece["start"][0]) for piece in pieces], np.int64)
    sums, extents = _sums(rows, which, block_pages), _extents(rows, which)
    if last is not None:
        moved = len(chunks) - len(last.blocks.chunks)
        end = len(last.blocks.chunks) - high
        firsts = np.concatenate((last.firsts[:low], firsts, last.firsts[end:]))
        sums = _patched(last.sums, low, end, sums, moved)
        extents = _patched(last.extents, low, end, extents, moved)
    return Totals(blocks, block_pages, firsts, sums, extents)


def _patched(table: Rows, low: int, end: int, middle: Rows, moved: int) -> Rows:
    """A table with the rows of chunks [low, end) replaced; those behind are ``moved`` chunks."""
    first, last = table["chunk"].searchsorted((low, end)).tolist()
    behind = table[last:].copy()
    behind["chunk"] += moved
    return joined_rows([table[:first], middle, behind], table.dtype)


def _sums(rows: Rows, which: Int64s, block_pages: int) -> Rows:
    """The sums of rows, ``which``: the chunk of each."""
    table = np.zeros(len(rows), SUM_DTYPE)
    table["chunk"] = which
    for name in ("node", "zone", "state", "early", "device", "memmap"):
        table[name] = rows[name]
    table["shared"], table["holes"] = are_shared(rows), rows["present"] < block_pages
    table["blocks"], table["vmemmap"] = rows["count"], rows["count"] * rows["vmemmap"]
    if not len(table):
        return table
    order_by = "memmap device early holes shared state zone node chunk"
    keys = [table[name] for name in order_by.split()]
    order = np.lexsort(keys)
    table = table[order]
    first = np.ones(len(table), bool)
    first[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    at = np.flatnonzero(first)
    found = table[at]
    for name in ("blocks", "vmemmap"):
        found[name] = np.add.reduceat(table[name], at)
    return found


def _extents(rows: Rows, which: Int64s) -> Rows:
    """The extents of rows, ``which``: the chunk of each."""
    if not len(rows):
        return np.zeros(0, EXTENT_DTYPE)
    first = np.ones(len(rows), bool)
    first[1:] = (which[1:] != which[:-1]) | (
        rows["start"][1:] != rows["start"][:-1] + rows["count"][:-1]
    )
    keys = EXTENT_DTYPE.names[3:] if EXTENT_DTYPE.names else ()
    for name in keys:
        first[1:] |= rows[name][1:] != rows[name][:-1]
    at = np.flatnonzero(first)
    found = np.zeros(len(at), EXTENT_DTYPE)
    found["chunk"], found["count"] = which[at], np.add.reduceat(rows["count"], at)
    for name in ("start", *keys):
        found[name] = rows[name][at]
    return found
