"""Memory of virtio-mem that leaves the allocator, or comes back to it, while it is online.

Source: ``drivers/virtio/virtio_mem.c`` of 6.12: ``virtio_mem_fake_offline`` (it allocates a range
with ``alloc_contig_range``), ``virtio_mem_fake_online``. Unit is the sub-block or the big block.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.page_map import zone_pieces
from pfnmap.engine.memory.runs import Rows, joined_ranges, outside, ranges_of, units_of
from pfnmap.engine.memory.state import IN_USE, Device, State
from pfnmap.engine.memory.unplugged import unplugged_rows


def obstacles(state: State, device: Device, low: int, high: int) -> Rows:
    """What ``alloc_contig_range`` cannot take in [low, high): all but free and movable pages.

    Other than offlining it takes neither poisoned pages nor those of a balloon. That it may have
    a huge page replaced is not modelled: those stay.
    """
    rows = state.taken.slice(low, high)
    ours = (rows["kind"] == PageState.PAGE_OFFLINE) & (rows["owner"] == device.id)
    stays: Rows = rows[(rows["kind"] != PageState.MOVABLE) & ~ours]
    return stays


def pluggable(state: State, device: Device, low: int, high: int) -> NDArray[np.int64]:
    """[start, end) ranges of [low, high) that are plugged and that nothing keeps, ascending."""
    unit, stays = device.unit_pages, ranges_of(obstacles(state, device, low, high))
    kept = units_of(stays, unit) * unit
    gone = unplugged_rows(state, replace(device, start_pfn=low, nr_pages=high - low))
    never = joined_ranges(np.concatenate((kept, ranges_of(gone))))
    return ranges_of(outside(state.taken.row(low, high - low), never))


def highest(ranges: NDArray[np.int64], nr_pages: int) -> list[tuple[int, int]]:
    """The last ``nr_pages`` of these ranges, the highest first."""
    chosen: list[tuple[int, int]] = []
    for low, high in reversed(ranges.tolist()):
        size = min(nr_pages, high - low)
        if size:
            chosen.append((high - size, high))
        nr_pages -= size
    return chosen


def mark(state: State, device: Device, low: int, high: int) -> State:
    """[low, high) is not plugged from here on."""
    kind = int(PageState.PAGE_OFFLINE)
    return replace(state, taken=state.taken.insert(low, high - low, kind=kind, owner=device.id))


def fake_offline(state: State, device: Device, low: int, high: int) -> State:
    """[low, high), plugged and without obstacles: allocated, PageOffline, not managed."""
    for first, end, node, zone_type in zone_pieces(state, low, high):
        if zone_type == ZoneType.NONE:
            continue  # of a big block that part is offline
        held = state.taken.slice(first, end)
        moved = int(held["count"][held["owner"] == IN_USE].sum())
        kind = free_memory.zone_class(zone_type)
        state = mark(state, device, first, end)
        # What was movable is free before the range leaves; where a pin's page went is not modelled.
        lifted = int(held["count"][held["kind"] == PageState.MOVABLE].sum())
        state = free_memory.change(state, node, kind, lifted)
        state = free_memory.change(state, node, kind, first - end)
        state = free_memory.move_in(state, node, kind, moved)
        state = state.with_managed(node, zone_type, first - end)
    return state


def fake_online(state: State, low: int, high: int) -> State:
    """[low, high), not plugged until now: free memory where its block is online."""
    state = replace(state, taken=state.taken.delete(low, high))
    for first, end, node, zone_type in zone_pieces(state, low, high):
        if zone_type == ZoneType.NONE:
            continue
        state = free_memory.change(state, node, free_memory.zone_class(zone_type), end - first)
        state = state.with_managed(node, zone_type, end - first)
    return state


def by_block(rows: Rows, pages: int) -> list[tuple[int, int]]:
    """[start, end) of rows, cut where a memory block of so many pages ends; ascending."""
    pieces: list[tuple[int, int]] = []
    for low, high in ranges_of(rows).tolist():
        cuts = [low, *range(-(-(low + 1) // pages) * pages, high, pages), high]
        pieces += pairwise(cuts)
    return pieces
