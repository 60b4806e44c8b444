"""Which memory is where, and whose: one run a stretch of memory that is alike throughout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory.runs import sorted_set
from pfnmap.engine.view import View, ZoneRow

Int64s = NDArray[np.int64]

MOST_RUNS = 1 << 12
"""Runs whose edges are looked at one by one."""
_BELOW_NODE = 6
"""Bits of a key below those of the node: zone and state."""
_NO_BLOCK = len(BlockState)
"""Stands for the state of memory without memory blocks (ZONE_DEVICE)."""
_NOT_THERE = -1
"""Key of an address at which there is no memory."""


class Memory(Struct, frozen=True, eq=False, dict=True):
    """All memory of a machine in ascending, disjoint runs; every column has one entry a run.

    Two neighbours differ in something that can be seen: owner, state of the blocks, device, or
    how much of each block holds struct pages.
    """

    starts: Int64s
    """First pfn."""
    ends: Int64s
    """First pfn behind it."""
    zones: NDArray[np.int8]
    """ZoneType; NONE for blocks that are in no zone."""
    nodes: Int64s
    states: NDArray[np.int8]
    """BlockState; one more than the last of them where there are no blocks."""
    keys: Int64s
    """Two stretches of memory are alike where these are equal."""
    vmemmap: Int64s
    """Pages at the start of each block that hold its struct pages."""

    def at(self, pfns: Int64s) -> tuple[Int64s, Int64s]:
        """(key, vmemmap) of the memory at each pfn; -1 and 0 where there is none."""
        if not len(self.starts):
            return np.full(len(pfns), _NOT_THERE, np.int64), np.zeros(len(pfns), np.int64)
        index = np.maximum(np.searchsorted(self.starts, pfns, side="right") - 1, 0)
        inside = (pfns >= self.starts[index]) & (pfns < self.ends[index])
        return np.where(inside, self.keys[index], _NOT_THERE), self.vmemmap[index] * inside

    @cached_property
    def edges(self) -> Int64s:
        """The pfns at which a run begins or ends, ascending.

        Of more than :data:`MOST_RUNS` runs only those at which a device or a node does, or a
        hole: no drawing has a place for them all.
        """
        starts, ends = self.starts, self.ends
        if len(starts) > MOST_RUNS:
            coarse = self.keys >> _BELOW_NODE
            apart = (coarse[1:] != coarse[:-1]) | (starts[1:] != ends[:-1])
            starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
        if len(starts) > MOST_RUNS:
            starts, ends = starts[:1], ends[-1:]
        return sorted_set(np.concatenate((starts, ends)))

    def of(self, node: int, zone: ZoneType) -> tuple[Int64s, Int64s, Int64s]:
        """(starts, ends, pages before each and in all) of the runs that a zone of a node has.

        With NONE, of the node's blocks that are in no zone.
        """
        found = self._of.get((node, zone))
        if found is None:
            mine = (self.zones == zone) & (self.nodes == node)
            starts, ends = self.starts[mine], self.ends[mine]
            sums = np.concatenate(([0], np.cumsum(ends - starts)))
            found = self._of[node, zone] = starts, ends, sums
        return found

    @cached_property
    def _of(self) -> dict[tuple[int, ZoneType], tuple[Int64s, Int64s, Int64s]]:
        """What was asked for: drawings of one moment ask for the same."""
        return {}

    @cached_property
    def offline_nodes(self) -> list[int]:
        """The nodes with blocks that are in no zone, ascending."""
        nodes: list[int] = sorted_set(self.nodes[self.zones == ZoneType.NONE]).tolist()
        return nodes


def memory_of(view: View) -> Memory:
    """The memory of a machine."""
    state = view.state
    pages, rows = state.geometry.block_pages, state.blocks.rows
    starts = rows["start"] * pages
    ends = starts + rows["count"] * pages
    columns = {
        "zone": rows["zone"].astype(np.int64),
        "node": rows["node"].astype(np.int64),
        "state": rows["state"].astype(np.int64),
        "device": rows["device"].astype(np.int64),
        "vmemmap": rows["vmemmap"].astype(np.int64),
    }
    spans = [zone for zone in view.zones if zone.spanned]
    shared = (columns["zone"] == ZoneType.NONE) & (columns["state"] != BlockState.OFFLINE)
    if shared.any():
        starts, ends, columns = _cut(starts, ends, columns, shared, spans)
    devices = state.device_ranges.rows
    if len(devices):
        nothing = np.zeros(len(devices), np.int64)
        starts = np.concatenate((starts, devices["start"]))
        ends = np.concatenate((ends, devices["start"] + devices["count"]))
        more = {
            "zone": nothing + int(ZoneType.DEVICE),
            "node": devices["node"].astype(np.int64),
            "state": nothing + _NO_BLOCK,
            "device": devices["device"].astype(np.int64),
            "vmemmap": devices["altmap"].astype(np.int64),
        }
        order = np.argsort(starts, kind="stable")
        starts, ends = starts[order], ends[order]
        columns = {k: np.concatenate((v, more[k]))[order] for k, v in columns.items()}
    return _joined(starts, ends, columns)


def _cut(
    starts: Int64s,
    ends: Int64s,
    columns: dict[str, Int64s],
    shared: NDArray[np.bool_],
    spans: Sequence[ZoneRow],
) -> tuple[Int64s, Int64s, dict[str, Int64s]]:
    """Cut boot blocks that several zones share at the zones' edges, and name the zone of each."""
    at_edges = [pfn for zone in spans for pfn in (zone.start_pfn, zone.end_pfn)]
    edges = sorted_set(np.array(at_edges, np.int64))
    index = np.searchsorted(starts, edges, side="right") - 1
    inner = (index >= 0) & (edges > starts[index]) & (edges < ends[index]) & shared[index]
    at, index = edges[inner], index[inner]
    order = np.argsort(np.concatenate((starts, at)), kind="stable")
    ends = np.concatenate((ends, ends[index]))[order]
    columns = {k: np.concatenate((v, v[index]))[order] for k, v in columns.items()}
    starts = np.concatenate((starts, at))[order]
    ends[:-1] = np.minimum(ends[:-1], starts[1:])
    open_ = (columns["zone"] == ZoneType.NONE) & (columns["state"] != BlockState.OFFLINE)
    for zone in spans:
        mine = open_ & (starts < zone.end_pfn) & (ends > zone.start_pfn)
        columns["zone"][mine], columns["node"][mine] = int(zone.zone), zone.node
        open_ &= ~mine
    # What no span covers is no memory: the first page of x86, which is the firmware's.
    kept = ~open_
    return starts[kept], ends[kept], {name: column[kept] for name, column in columns.items()}


def _joined(starts: Int64s, ends: Int64s, columns: dict[str, Int64s]) -> Memory:
    """The columns as runs: neighbours that are alike are one."""
    keys = columns["device"] + 2
    for name, size in (("node", 1 << 12), ("zone", 1 << 3), ("state", 1 << 3)):
        keys = keys * size + columns[name] + 1
    vmemmap = columns["vmemmap"]
    first = np.ones(len(starts), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (vmemmap[1:] != vmemmap[:-1]) | (starts[1:] != ends[:-1])
    last = np.append(first[1:], True)[: len(first)]
    return Memory(
        starts[first],
        ends[last],
        columns["zone"][first].astype(np.int8),
        columns["node"][first],
        columns["state"][first].astype(np.int8),
        keys[first],
        vmemmap[first],
    )
