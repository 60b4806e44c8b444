"""What a recording shows at one moment, as a machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import ZONE_BY_LABEL, BlockState, MemmapKind, ZoneType
from pfnmap.engine.memory.boot import highest_kernel_zone
from pfnmap.engine.memory.runs import Rows, RunMap, merge_rows, one_by_one, unbroken
from pfnmap.engine.memory.spans import update_pgdat_span
from pfnmap.engine.memory.state import BLOCK_DTYPE, Node, Pending, State, Zone
from pfnmap.engine.memory.unplugged import with_unplugged
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.traces.trace import RecordedBlock, RecordedState


def as_recorded(state: State, said: RecordedState) -> State:
    """The state with the zones, blocks, nodes and resources that were recorded."""
    state = _with_blocks(state, said)
    number = max((zone.node for zone in said.zones), default=0) + 1
    if number > len(state.nodes):
        state = replace(state, nodes=(*state.nodes, *[Node()] * (number - len(state.nodes))))
    state = _with_zones(state, said)
    online = parse_mask(said.masks.online) or ()
    for node, has in enumerate(state.nodes):
        if has.online != (node in online):
            state = state.with_node(node, replace(has, online=node in online))
    ours = [r for r in state.resources if r.system_ram]
    if {(r.start, r.end, r.name) for r in ours} != {
        (r.start, r.end, r.name) for r in said.resources if r.system_ram
    }:
        owners = {(r.start, r.end): r.owner for r in state.resources}
        lines = (replace(r, owner=owners.get((r.start, r.end), -1)) for r in said.resources)
        state = replace(state, resources=tuple(lines))
    highest = max(state.policy_zone, highest_kernel_zone(state.nodes))
    return with_unplugged(replace(state, policy_zone=highest))


def _with_zones(state: State, said: RecordedState) -> State:
    """Each zone's counters; what the kernel does not print of an empty one stays."""
    rows, pages = state.blocks.rows, state.geometry.block_pages
    hot = rows[(rows["early"] == 0) & (rows["state"] == BlockState.ONLINE)]
    recorded = {(zone.node, ZONE_BY_LABEL[zone.zone]): zone for zone in said.zones}
    for node in range(len(state.nodes)):
        changed = False
        for kind in ZoneType:
            if kind == ZoneType.NONE:
                continue
            old, seen = state.zone(node, kind), recorded.get((node, kind))
            zone = Zone()
            if seen is not None:
                start = seen.start_pfn if seen.present else old.start_pfn * bool(seen.spanned)
                zone = replace(
                    old,
                    start_pfn=start,
                    spanned=seen.spanned,
                    present=seen.present,
                    managed=seen.managed,
                    cma=seen.cma,
                )
            if zone == old:
                continue
            mine = hot["count"][(hot["node"] == node) & (hot["zone"] == kind)]
            early = max(0, zone.present - int(mine.sum()) * pages)
            state = state.with_zone(node, kind, replace(zone, present_early=early))
            changed = True
        if changed:
            state = update_pgdat_span(state, node)
    return state


def _with_blocks(state: State, said: RecordedState) -> State:
    """The blocks that were recorded, each in its state; of those that stay the rest is kept."""
    pages = state.geometry.block_pages
    ids = np.array([block.id for block in said.blocks], np.int64)
    before = _one_by_one(state.blocks.rows)
    rows = observed_rows(said.blocks, np.zeros((0, 3), np.int64), pages)
    rows["early"], rows["present"], rows["memmap"] = 0, pages, int(MemmapKind.RAM)
    known = np.isin(ids, before["start"])
    going = [block.id for block in said.blocks if block.state == "going-offline"]
    place = {block: index for index, block in enumerate(before["start"].tolist())}
    for row, block in zip(rows, said.blocks, strict=True):
        if block.id not in place:
            continue
        state_word, zone, node = row["state"], row["zone"], block.node
        for name in BLOCK_DTYPE.names or ():
            row[name] = before[name][place[block.id]]
        if node is not None:
            row["node"] = node
        row["state"] = int(BlockState.GOING_OFFLINE) if block.id in going else state_word
        if row["state"] == BlockState.OFFLINE:
            row["zone"] = int(ZoneType.NONE)
        elif block.id not in going and len(block.valid_zones) == 1:
            row["zone"] = zone
    if known.all() and len(ids) == len(before) and np.array_equal(rows, before):
        return state
    gone = np.setdiff1d(before["start"], ids)
    taken, huge = state.taken, state.hugetlb
    for first, last in unbroken(gone):
        taken = taken.delete(first * pages, (last + 1) * pages)
    devices = {
        number: device
        for number, device in state.devices.items()
        if device.kind != "dimm" or (rows["device"] == number).any()
    }
    pending = state.pending if going else None
    if going and (pending is None or pending.block not in going):
        pending = Pending(going[0])
    huge = {number: each for number, each in huge.items() if taken.at(each.start_pfn) is not None}
    blocks = RunMap.from_rows(merge_rows(rows))
    return replace(
        state, blocks=blocks, taken=taken, hugetlb=huge, devices=devices, pending=pending
    )


def _one_by_one(rows: Rows) -> Rows:
    """A row for each block."""
    which, offsets = one_by_one(rows["count"])
    out = rows[which]
    out["start"] += offsets
    out["count"] = 1
    return out


def observed_rows(blocks: Sequence[RecordedBlock], ram: NDArray[np.int64], pages: int) -> Rows:
    """Block rows of boot memory: state, zone and node as shown, present pages from iomem."""
    rows = np.zeros(len(blocks), BLOCK_DTYPE)
    for row, block in zip(rows, blocks, strict=True):
        low, high = block.id * pages, (block.id + 1) * pages
        inside = np.clip(np.minimum(ram[:, 1], high) - np.maximum(ram[:, 0], low), 0, None)
        online = block.state == "online"
        zone = ZoneType.NONE
        if online and len(block.valid_zones) == 1:
            zone = ZONE_BY_LABEL.get(block.valid_zones[0], ZoneType.NONE)
        row["start"], row["count"], row["node"] = block.id, 1, block.node or 0
        row["state"] = int(BlockState.ONLINE if online else BlockState.OFFLINE)
        row["zone"], row["link_zone"], row["link_node"] = zone, max(zone, 0), block.node or 0
        row["present"] = int(inside.sum())
    rows["early"], rows["device"], rows["initialised"] = 1, -1, 1
    rows["memmap"] = int(MemmapKind.BOOT)
    return rows
