"""Pages of virtio-mem's memory blocks that are not plugged: online as they are, nobody has them.

Source: ``drivers/virtio/virtio_mem.c`` of 6.12, ``virtio_mem_fake_offline``: in its sub-block mode
the driver keeps what is not plugged of a block PageOffline; recorded on 6.12 and 7.3.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import BlockState, PageState, ZoneType
from pfnmap.engine.memory.runs import Rows, joined_ranges, ranges_of
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.view import DrivenRow

DRIVER = "System RAM (virtio_mem)"


def unplugged_rows(state: State, device: Device) -> Rows:
    """What is not plugged of the memory blocks that a virtio-mem device has, in pages."""
    rows = state.taken.slice(device.start_pfn, device.end_pfn)
    mine: Rows = rows[(rows["kind"] == PageState.PAGE_OFFLINE) & (rows["owner"] == device.id)]
    return mine


def unplugged_pages(state: State, low: int, high: int) -> int:
    """How many of the pages [low, high) belong to a virtio-mem device and are not plugged."""
    rows = state.taken.slice(low, high)
    mine = (rows["kind"] == PageState.PAGE_OFFLINE) & (rows["owner"] >= 0)
    return int(rows["count"][mine].sum())


def virtio_unplugged(state: State) -> NDArray[np.int64]:
    """What is not plugged of all virtio-mem devices: [start, end) pfns, ascending."""
    devices = [device for device in state.devices.values() if device.is_dynamic]
    ranges = [ranges_of(unplugged_rows(state, device)) for device in devices]
    return joined_ranges(np.concatenate([np.zeros((0, 2), np.int64), *ranges]))


def plugged_pages(state: State, device: Device) -> int:
    """How much of a virtio-mem device is plugged."""
    added = int(state.blocks.slice(*state.blocks_of(device))["count"].sum())
    return added * state.geometry.block_pages - int(unplugged_rows(state, device)["count"].sum())


def driven_rows(state: State) -> list[DrivenRow]:
    """The devices whose drivers add memory, those without any too."""
    found: list[DrivenRow] = []
    for device in state.devices.values():
        if device.kind not in ("virtio-mem", "kmem"):
            continue
        rows, page = state.blocks.slice(*state.blocks_of(device)), state.geometry.page_bytes
        rows = rows[rows["device"] == device.id]
        start = device.start_pfn * page
        above = (line for line in state.resources if line.start <= start <= line.end)
        sizes = (plugged_pages(state, device) * page, device.requested_pages * page)
        found.append(
            DrivenRow(
                device.name,
                device.kind.replace("-", "_"),
                int(rows["count"][rows["state"] == BlockState.ONLINE].sum()),
                int(rows["count"].sum()),
                next((line.name for line in above if line.name.startswith("CXL Window")), ""),
                *(sizes if device.is_dynamic else ()),
            )
        )
    return found


def virtio_rows(state: State) -> list[Rows]:
    """Rows of the blocks that lie in memory of virtio-mem, those of each line of iomem."""
    size = state.geometry.block_bytes
    found = (
        state.blocks.slice(line.start // size, (line.end + 1) // size)
        for line in state.resources
        if line.name == DRIVER and line.end < 1 << 62
    )
    return [rows for rows in found if len(rows)]


def with_unplugged(state: State) -> State:
    """The state with what its zones lack taken for not plugged, from the last block downwards.

    A zone's managed pages are fewer than its present ones by these and by struct pages inside.
    """
    driven = virtio_rows(state)
    if not driven:
        return state
    pages, taken = state.geometry.block_pages, state.taken
    for rows in driven:
        low, high = int(rows["start"][0]), int(rows["start"][-1] + rows["count"][-1])
        held = taken.slice(low * pages, high * pages)
        taken = taken.delete_rows(held[held["kind"] == PageState.PAGE_OFFLINE])
    lacking, known = _lacking(state, driven)
    if lacking == known:
        return state
    for row in (row for rows in reversed(driven) for row in rows[::-1]):
        key = int(row["node"]), int(row["zone"])
        count = min(lacking.get(key, 0), int(row["count"]) * pages)
        if count and row["state"] == BlockState.ONLINE:
            device = state.devices.get(int(row["device"]))
            owner = device.id if device is not None and device.is_dynamic else -1
            end = int(row["start"] + row["count"]) * pages
            kind = int(PageState.PAGE_OFFLINE)
            taken = taken.insert(end - count, count, kind=kind, owner=owner)
            lacking[key] -= count
    return replace(state, taken=taken)


Pages = dict[tuple[int, int], int]
"""By node and zone."""


def _lacking(state: State, driven: list[Rows]) -> tuple[Pages, Pages]:
    """What each zone with memory of virtio-mem lacks, and what is marked as not plugged there."""
    pages = state.geometry.block_pages
    online = state.blocks.rows[state.blocks.rows["state"] == BlockState.ONLINE]
    lacking: Pages = {}
    known: Pages = {}
    for row in (row for rows in driven for row in rows):
        key = int(row["node"]), int(row["zone"])
        if row["state"] != BlockState.ONLINE or key[1] == ZoneType.NONE:
            continue
        zone = state.zone(key[0], ZoneType(key[1]))
        mine = online[(online["node"] == key[0]) & (online["zone"] == key[1])]
        inside = int((mine["vmemmap"] * mine["count"]).sum())
        # Of boot memory it is not known what the kernel never gave to the allocator.
        sure = not zone.present_early
        lacking[key] = max(0, zone.present - zone.managed - inside) if sure else 0
        held = state.taken.slice(row["start"] * pages, (row["start"] + row["count"]) * pages)
        marked = int(held["count"][held["kind"] == PageState.PAGE_OFFLINE].sum())
        known[key] = known.get(key, 0) + marked
    return lacking, known
