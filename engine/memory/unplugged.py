"""Pages of virtio-mem's memory blocks that are not plugged: online as they are, nobody has them.

Source: ``drivers/virtio/virtio_mem.c`` of 6.12, ``virtio_mem_fake_offline``: in its sub-block mode
the driver keeps what is not plugged of a block PageOffline; recorded on 6.12 and 7.3.
"""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.kinds import BlockState, PageState, ZoneType
from pfnmap.engine.memory.runs import Rows
from pfnmap.engine.memory.state import State

DRIVER = "System RAM (virtio_mem)"


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
    online = state.blocks.rows[state.blocks.rows["state"] == BlockState.ONLINE]
    lacking: dict[tuple[int, int], int] = {}
    for row in (row for rows in reversed(driven) for row in rows[::-1]):
        key = int(row["node"]), int(row["zone"])
        if row["state"] != BlockState.ONLINE or key[1] == ZoneType.NONE:
            continue
        if key not in lacking:
            zone = state.zone(key[0], ZoneType(key[1]))
            mine = online[(online["node"] == key[0]) & (online["zone"] == key[1])]
            inside = int((mine["vmemmap"] * mine["count"]).sum())
            # Of boot memory it is not known what the kernel never gave to the allocator.
            sure = not zone.present_early
            lacking[key] = max(0, zone.present - zone.managed - inside) if sure else 0
        count = min(lacking[key], int(row["count"]) * pages)
        if count:
            end = int(row["start"] + row["count"]) * pages
            taken = taken.insert(end - count, count, kind=int(PageState.PAGE_OFFLINE), owner=-1)
            lacking[key] -= count
    return replace(state, taken=taken)
