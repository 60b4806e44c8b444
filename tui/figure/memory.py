"""Which memory is where, and whose."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import Int64s
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory.runs import (
    Rows,
    picked,
    ranges_of,
    rows_apart,
    sorted_set,
    span_apart,
    units_of,
)
from pfnmap.engine.memory.totals import Totals, are_shared, totals_of
from pfnmap.engine.view import View, ZoneRow

Owner = tuple[int, ZoneType]
"""Node and zone; NONE for blocks that are in no zone."""

MOST_RUNS = 1 << 12
"""Rows of blocks whose edges are looked at one by one."""
_ZONE_BITS = 3
_ZONE_MASK = (1 << _ZONE_BITS) - 1
_NO_BLOCK = len(BlockState)
"""Stands for the state of memory without memory blocks (ZONE_DEVICE)."""
_NOT_THERE = -1
"""Key of an address at which there is no memory."""


class Memory(Struct, frozen=True, eq=False, dict=True):
    """All memory of a machine, asked at pfns: whose it is there, and how much lies in between.

    A stretch of it is a *run*: memory blocks or ZONE_DEVICE memory of one owner, one state of
    the blocks, one device, and as many struct pages in each block.
    """

    view: View

    def at(self, pfns: Int64s) -> tuple[Int64s, Int64s]:
        """(key, vmemmap) of the memory at each of these ascending pfns; -1 and 0 without any.

        Two stretches of memory are alike where both are equal. ``vmemmap``: pages at the start
        of each block that hold its struct pages.
        """
        runs = self._near(pfns)
        if not len(runs.starts):
            return np.full(len(pfns), _NOT_THERE, np.int64), np.zeros(len(pfns), np.int64)
        index = np.maximum(np.searchsorted(runs.starts, pfns, side="right") - 1, 0)
        inside = (pfns >= runs.starts[index]) & (pfns < runs.ends[index])
        keys = np.where(inside, runs.keys[index], _NOT_THERE)
        return keys, runs.columns["vmemmap"][index] * inside

    def pages(self, edges: Int64s) -> dict[Owner, Int64s]:
        """Pages of every owner between successive ones of these ascending pfns."""
        runs = self._near(edges)
        cells, sums = self._totals.far(edges // self._block_pages)
        kept = np.flatnonzero(~sums["shared"])
        cells, sums = cells[kept], picked(sums, kept)
        far, near = _owners(sums), _owners(runs.columns)
        owners, nr_cells = sorted_set(np.concatenate((near, far))), len(edges) - 1
        places = owners.searchsorted(far) * nr_cells + cells
        # As floats, which hold more blocks than there can be.
        more = np.bincount(places, sums["blocks"], len(owners) * nr_cells).astype(np.int64)
        found: dict[Owner, Int64s] = {}
        for index, owner in enumerate(owners.tolist()):
            mine = near == owner
            starts, ends = runs.starts[mine], runs.ends[mine]
            below = np.concatenate(([0], np.cumsum(ends - starts)))
            at = starts.searchsorted(edges, side="right")
            over = np.maximum(np.append(0, ends)[at] - edges, 0)
            whole = more[index * nr_cells : (index + 1) * nr_cells]
            pages = np.diff(below[at] - over) + whole * self._block_pages
            found[owner >> _ZONE_BITS, ZoneType((owner & _ZONE_MASK) - 1)] = pages
        return found

    @cached_property
    def edges(self) -> Int64s:
        """The pfns at which a run begins or ends, ascending.

        Of more than :data:`MOST_RUNS` rows of blocks only those at which a device or a node
        does, or a hole: no drawing has a place for them all.
        """
        blocks = self.view.state.blocks
        if blocks.nr_rows <= MOST_RUNS:
            runs = self._with_pieces(blocks.rows)
            starts, ends = runs.starts, runs.ends
            apart = (runs.keys[1:] != runs.keys[:-1]) | (starts[1:] != ends[:-1])
            apart |= runs.columns["vmemmap"][1:] != runs.columns["vmemmap"][:-1]
        else:
            extents, devices = self._totals.extents, self.view.state.device_ranges.rows
            ranges = [
                ranges_of(extents) * self._block_pages,
                ranges_of(devices),
            ]
            starts, ends = np.concatenate(ranges).T
            order = np.argsort(starts, kind="stable")
            starts, ends = starts[order], ends[order]
            apart = starts[1:] != ends[:-1]
            for name in ("node", "device"):
                each = np.concatenate((extents[name], devices[name]))[order]
                apart |= each[1:] != each[:-1]
        if len(starts):
            starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
        if len(starts) > MOST_RUNS:
            starts, ends = starts[:1], ends[-1:]
        return sorted_set(np.concatenate((starts, ends)))

    def run_at(self, pfn: int) -> tuple[int, int] | None:
        """[start_pfn, end_pfn) of the run that holds a page."""
        runs = self._near(np.array([pfn], np.int64))
        at = int(np.searchsorted(runs.starts, pfn, side="right")) - 1
        return (int(runs.starts[at]), int(runs.ends[at])) if at >= 0 else None

    def differs_in(self, other: Memory) -> Int64s:
        """[start_pfn, end_pfn) outside of which another memory is as this one; int64 (n, 2)."""
        mine, its = self.view.state, other.view.state
        pages = self._block_pages
        low, high = span_apart(mine.device_ranges, its.device_ranges)
        ranges = [
            np.array([span_apart(mine.blocks, its.blocks)], np.int64) * pages,
            units_of(np.array([(low, high)], np.int64), pages) * pages,
        ]
        if tuple(self.view.zones) != tuple(other.view.zones):  # their edges cut boot blocks
            shared = [each._totals.odd_rows(holes=False) for each in (self, other)]
            ranges += [ranges_of(rows) * pages for rows in shared]
        return np.concatenate(ranges)

    def apart(self, other: Memory) -> Int64s:
        """The pfns, ascending, between which this memory and another may differ."""
        pairs = rows_apart(self.view.state.blocks, other.view.state.blocks)
        runs = [each._with_pieces(rows) for each, rows in zip((self, other), pairs, strict=True)]
        return sorted_set(np.concatenate([e for each in runs for e in (each.starts, each.ends)]))

    @cached_property
    def offline_blocks(self) -> dict[int, int]:
        """How many blocks are in no zone, by node, ascending; no node that has none."""
        sums = self._totals.sums
        mine = (sums["zone"] == ZoneType.NONE) & ~sums["shared"]
        counts = np.bincount(sums["node"][mine], sums["blocks"][mine])
        return {node: int(counts[node]) for node in np.flatnonzero(counts).tolist()}

    # -- where it comes from ---------------------------------------------------------------
    @property
    def _block_pages(self) -> int:
        return self.view.state.geometry.block_pages

    @cached_property
    def _totals(self) -> Totals:
        return totals_of(self.view.state.blocks, self._block_pages)

    def _near(self, pfns: Int64s) -> _Runs:
        """The runs that hold any of these ascending pfns, and their neighbours."""
        return self._with_pieces(self._totals.near(pfns // self._block_pages))

    def _with_pieces(self, rows: Rows) -> _Runs:
        """The runs of these blocks, and the other pieces of memory."""
        return _runs_of(picked(rows, ~are_shared(rows)), self._block_pages).joined(self._pieces)

    @cached_property
    def _pieces(self) -> _Runs:
        """Boot blocks that several zones share, cut at the zones' edges; ZONE_DEVICE memory."""
        shared = self._totals.odd_rows(holes=False)
        spans = [zone for zone in self.view.zones if zone.spanned]
        devices = self.view.state.device_ranges.rows
        nothing = np.zeros(len(devices), np.int64)
        columns = {
            "zone": nothing + int(ZoneType.DEVICE),
            "node": devices["node"].astype(np.int64),
            "state": nothing + _NO_BLOCK,
            "device": devices["device"].astype(np.int64),
            "vmemmap": devices["altmap"].astype(np.int64),
        }
        starts, ends = ranges_of(devices).T
        pieces = _Runs(starts, ends, columns)
        if len(shared):
            pieces = _cut(_runs_of(shared, self._block_pages), spans).joined(pieces)
        return pieces


class _Runs(Struct, frozen=True, eq=False):
    """Stretches of memory; int64 columns with an entry for each."""

    starts: Int64s
    """First pfn."""
    ends: Int64s
    """First pfn behind it."""
    columns: dict[str, Int64s]
    """zone (ZoneType, NONE of blocks in no zone), node, state (BlockState, or _NO_BLOCK),
    device (Device.id), vmemmap (pages of each block)."""

    @property
    def keys(self) -> Int64s:
        """What differs where anything but ``vmemmap`` does."""
        keys = self.columns["device"] + 2
        for name, size in (("node", 1 << 12), ("zone", 1 << 3), ("state", 1 << 3)):
            keys = keys * size + self.columns[name] + 1
        return keys

    def joined(self, other: _Runs) -> _Runs:
        """The stretches of both, ascending."""
        starts = np.concatenate((self.starts, other.starts))
        order = np.argsort(starts, kind="stable")
        columns = {
            name: np.concatenate((column, other.columns[name]))[order]
            for name, column in self.columns.items()
        }
        return _Runs(starts[order], np.concatenate((self.ends, other.ends))[order], columns)


def _runs_of(rows: Rows, block_pages: int) -> _Runs:
    starts, ends = ranges_of(rows).T * block_pages
    names = ("zone", "node", "state", "device", "vmemmap")
    return _Runs(starts, ends, {name: rows[name].astype(np.int64) for name in names})


def _owners(columns: Any) -> Int64s:
    """The owner of each entry as a number."""
    node, zone = columns["node"].astype(np.int64), columns["zone"].astype(np.int64)
    return np.asarray(node << _ZONE_BITS | zone + 1)


def _cut(shared: _Runs, spans: Sequence[ZoneRow]) -> _Runs:
    """The blocks cut at the edges of these spans, with the zone of each piece."""
    starts, ends, columns = shared.starts, shared.ends, dict(shared.columns)
    at_edges = [pfn for zone in spans for pfn in (zone.start_pfn, zone.end_pfn)]
    edges = sorted_set(np.array(at_edges, np.int64))
    index = np.searchsorted(starts, edges, side="right") - 1
    inner = (index >= 0) & (edges > starts[index]) & (edges < ends[index])
    at, index = edges[inner], index[inner]
    order = np.argsort(np.concatenate((starts, at)), kind="stable")
    ends = np.concatenate((ends, ends[index]))[order]
    columns = {k: np.concatenate((v, v[index]))[order] for k, v in columns.items()}
    starts = np.concatenate((starts, at))[order]
    ends[:-1] = np.minimum(ends[:-1], starts[1:])
    open_ = np.ones(len(starts), bool)
    for zone in spans:
        mine = open_ & (starts < zone.end_pfn) & (ends > zone.start_pfn)
        columns["zone"][mine], columns["node"][mine] = int(zone.zone), zone.node
        open_ &= ~mine
    # What no span covers is no memory: the first page of x86, which is the firmware's.
    kept = ~open_
    return _Runs(starts[kept], ends[kept], {k: column[kept] for k, column in columns.items()})
