"""Every identity that the state of a machine keeps, in one place.

Source: the kernel's own bookkeeping (``adjust_present_page_count``, ``update_pgdat_span``);
what a historical rule is known to break is a finding instead (see :func:`span_findings`).
"""

from __future__ import annotations

import numpy as np

from pfnmap.engine.finding import Finding
from pfnmap.engine.kinds import KERNEL_ZONES, BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory.runs import (
    Rows,
    RunMap,
    joined_ranges,
    joined_rows,
    outside,
    ranges_of,
)
from pfnmap.engine.memory.spans import span_text, zone_ranges
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.memory.unplugged import unplugged_rows

# As plain numbers: numpy looks at a member of an enum at length, once for every comparison.
_NO_ZONE, _ONLINE = int(ZoneType.NONE), int(BlockState.ONLINE)
_GOING_OFFLINE = int(BlockState.GOING_OFFLINE)
_PER_BLOCK, _PER_DEVICE = int(MemmapKind.PER_BLOCK), int(MemmapKind.PER_DEVICE)


def broken_identities(state: State) -> list[str]:
    """Sentences about what does not hold; empty when the state is sound."""
    broken = [f"blocks: {text}" for text in state.blocks.check()]
    for name in ("taken", "homes", "device_ranges", "lost", "leaked"):
        broken += [f"{name}: {text}" for text in getattr(state, name).check()]
    for number, node in enumerate(state.nodes):
        for zone_type, zone in enumerate(node.zones):
            name = f"{ZoneType(zone_type).label} of node {number}"
            if not 0 <= zone.managed <= zone.present:
                broken.append(
                    f"{name}: managed {zone.managed} is not within present {zone.present}"
                )
            if zone.present > zone.spanned:
                broken.append(f"{name}: present {zone.present} > spanned {zone.spanned}")
            if not 0 <= zone.present_early <= zone.present:
                broken.append(f"{name}: present_early {zone.present_early} > present")
            if not zone.spanned and zone.start_pfn:
                broken.append(f"{name}: an empty span starts at {zone.start_pfn:#x}")
        if node.zones[ZoneType.DEVICE].present:
            broken.append(f"Device of node {number} has present pages")
    broken += _block_identities(state)
    broken += _present_identities(state)
    broken += _hugetlb_identities(state)
    broken += _device_identities(state)
    if state.profile.shrink == "merged" and not state.profile.zone_shifting:
        broken += _span_identities(state)
    if not state.recorded:
        broken += _free_identities(state)
        broken += _memmap_identities(state)
    return broken


def _block_identities(state: State) -> list[str]:
    broken: dict[str, None] = {}
    moving: list[tuple[int, int]] = []
    for rows in state.blocks.pieces():
        broken |= dict.fromkeys(_broken_of_rows(state, rows))
        under_way = rows[rows["state"] > _ONLINE]
        moving += zip(under_way["start"].tolist(), under_way["count"].tolist(), strict=True)
    if moving != ([] if state.pending is None else [(state.pending.block, 1)]):
        broken["a block is in a transient state between commands"] = None
    return list(broken)


def _broken_of_rows(state: State, rows: Rows) -> list[str]:
    pages = state.geometry.block_pages
    broken = []
    online = (rows["state"] == _ONLINE) | (rows["state"] == _GOING_OFFLINE)
    if (~online & (rows["zone"] != _NO_ZONE)).any():
        broken.append("an offline block has a zone")
    if (online & (rows["zone"] == _NO_ZONE) & (rows["early"] == 0)).any():
        broken.append("an online hot-added block has no zone")
    if ((rows["present"] > pages) | (rows["vmemmap"] > rows["present"])).any():
        broken.append("a block has more present or vmemmap pages than pages")
    owners = rows["device"][rows["early"] == 0]
    changes = owners[np.append(True, owners[1:] != owners[:-1])[: len(owners)]]
    known = {*state.devices, -1}.issuperset(changes.tolist())
    if not known or (not state.recorded and (changes < 0).any()):
        broken.append("a hot-added block belongs to no device")
    own = (rows["memmap"] == _PER_BLOCK) | (rows["memmap"] == _PER_DEVICE)
    if ((rows["vmemmap"] > 0) & ~own).any():
        broken.append("a block with vmemmap pages does not host its memmap")
    return broken


def _present_identities(state: State) -> list[str]:
    """present(zone) = early present + the sizes of the zone's online hot-added blocks."""
    pages, zones = state.geometry.block_pages, len(ZoneType) - 1
    total = np.zeros(len(state.nodes) * zones)
    for rows in state.blocks.pieces():
        going = rows["state"] == _GOING_OFFLINE
        mine = (rows["early"] == 0) & (rows["zone"] != _NO_ZONE)
        mine &= going | (rows["state"] == _ONLINE)
        each = rows["count"][mine] * pages
        if state.profile.is_since("5.14"):  # as ``memmap.vmemmap_apart`` has it
            each -= (rows["count"] * rows["vmemmap"] * going)[mine]
        place = rows["node"][mine].astype(np.int64) * zones + rows["zone"][mine]
        # Sums of whole pages far below 2**53: exact.
        total += np.bincount(place, each, len(total))
    sizes = total.reshape(-1, zones)
    broken = []
    for number, (node, added) in enumerate(zip(state.nodes, sizes.tolist(), strict=True)):
        for zone_type, (zone, size) in enumerate(zip(node.zones, added, strict=True)):
            expected = zone.present_early + int(size)
            if zone.present != expected and zone_type != ZoneType.DEVICE:
                broken.append(
                    f"{ZoneType(zone_type).label} of node {number}: present {zone.present}, but "
                    f"early memory and online blocks make {expected}"
                )
    return broken


def _span_identities(state: State) -> list[str]:
    """Spans cover every online block of their zone; the node's span covers its zones'."""
    broken = []
    for number, node in enumerate(state.nodes):
        end = node.start_pfn + node.spanned
        for zone_type, zone in enumerate(node.zones):
            name = f"{ZoneType(zone_type).label} of node {number}"
            if zone.spanned and not (node.start_pfn <= zone.start_pfn and zone.end_pfn <= end):
                broken.append(f"{name} {span_text(zone)} is outside its node's span")
            if not zone.present or (zone_type <= ZoneType.NORMAL and zone.present_early):
                continue
            parts = (
                zone_ranges(state, rows, number, ZoneType(zone_type))
                for rows in state.blocks.pieces()
            )
            reach = [(ranges[0, 0], ranges[:, 1].max()) for ranges in parts if len(ranges)]
            if any(low < zone.start_pfn or high > zone.end_pfn for low, high in reach):
                broken.append(f"{name} {span_text(zone)} does not cover its online blocks")
    return broken


def _free_identities(state: State) -> list[str]:
    """Free pages are no more than managed ones; struct pages from RAM are where they are said."""
    broken = []
    for node, (kernel, movable) in enumerate(state.free_pages):
        zones = state.nodes[node].zones
        limits = (sum(zones[z].managed for z in KERNEL_ZONES), zones[ZoneType.MOVABLE].managed)
        if not 0 <= kernel <= limits[0] or not 0 <= movable <= limits[1]:
            broken.append(f"node {node}: {(kernel, movable)} free of {limits} managed pages")
    per_frame = state.geometry.pages_per_struct_page_frame
    for home in state.homes.rows:
        first = (int(home["start"]) + int(home["bias"])) // per_frame
        if first < 0:
            broken.append(f"the struct pages of pfn {int(home['start']):#x} have no home")
    held = state.taken.rows
    if (held["kind"] > int(max(PageState))).any():
        broken.append("a taken page is of no known kind")
    return broken


def _memmap_identities(state: State) -> list[str]:
    """The struct page of every online page lies somewhere.

    Chunks of a fixed size may be those of the boot, of which is not known where they lie; what the
    layouts of 2019 lose (``State.lost``) is a finding.
    """
    pages = state.geometry.block_pages
    if state.geometry.vmemmap_chunk_pages:
        return []
    homes = joined_ranges(np.concatenate((ranges_of(state.homes.rows), ranges_of(state.lost.rows))))
    missing: list[int] = []
    boot: list[Rows] = []
    for rows in state.blocks.pieces():
        elsewhere = (rows["state"] == _ONLINE) & (rows["vmemmap"] == 0)
        boot.append(rows[elsewhere & (rows["early"] != 0)])
        added = ranges_of(rows)[elsewhere & (rows["early"] == 0)] * pages
        inside = homes[:, 0].searchsorted(added[:, 0], side="right") - 1
        inside_one = (inside >= 0) & (added[:, 1] <= np.append(homes[:, 1], 0)[inside])
        added = state.homes.rows_over(added[~inside_one])
        missing += outside(added, homes)["start"].tolist()
    early = RunMap.from_rows(joined_rows(boot, state.blocks.dtype))
    missing += [
        int(row["start"])
        for row in outside(state.homes.rows_over(state.early_ram), homes)
        if len(early.slice(row["start"] // pages, -(-(row["start"] + row["count"]) // pages)))
    ]
    return [f"the struct page of pfn {pfn:#x} lies nowhere" for pfn in missing]


def _device_identities(state: State) -> list[str]:
    """No two plugged devices share an address; every hot-added block lies in its device."""
    broken = []
    reach, last = 0, ""
    for name, start, end in sorted(state.plugged(), key=lambda place: place[1:]):
        if start < reach:
            broken.append(f"{name} lies over {last}")
        if end > reach:
            reach, last = end, name
    pages = state.geometry.block_pages
    devices = sorted(state.devices.values(), key=lambda device: device.id)
    # One more in front: of blocks that belong to no device.
    bounds = [(-1, 0, 1 << 62), *((each.id, each.start_pfn, each.end_pfn) for each in devices)]
    ids, starts, ends = np.array(bounds, np.int64).T
    for rows in state.blocks.pieces():
        mine = ids.searchsorted(rows["device"], side="right") - 1
        low, high = rows["start"] * pages, (rows["start"] + rows["count"]) * pages
        out = ((low < starts[mine]) | (high > ends[mine])) & (ids[mine] == rows["device"])
        broken += [
            f"blocks of {devices[at - 1].name} lie outside of it: pfns {first:#x}-{end - 1:#x}"
            for at, first, end in zip(mine[out], low[out].tolist(), high[out].tolist(), strict=True)
        ]
    for device in devices:
        if device.is_dynamic:
            broken += _plugged_identities(state, device)
    return broken


def _plugged_identities(state: State, device: Device) -> list[str]:
    """What is not plugged of a virtio-mem device is whole sub-blocks of blocks that are there."""
    pages = state.geometry.block_pages
    there = joined_ranges(ranges_of(state.blocks.slice(*state.blocks_of(device)))) * pages
    if not len(there):
        return []
    gone = unplugged_rows(state, device)
    broken = []
    if (ranges_of(gone) % device.unit_pages).any():
        broken.append(f"a part of a sub-block of {device.name} is not plugged")
    if len(outside(gone, there)):
        broken.append(f"a sub-block of {device.name} lies in no memory block")
    return broken


def _hugetlb_identities(state: State) -> list[str]:
    """Every page of a huge page is taken by it and by nothing else."""
    if not state.hugetlb:
        return []
    rows = state.taken.rows
    huge = rows[np.isin(rows["kind"], (PageState.HUGETLB, PageState.HUGETLB_OPTIMISED))]
    return [
        f"huge pages {held.name} have {have} page frames, not {held.nr_pages}"
        for held in state.hugetlb.values()
        if (have := int(huge["count"][huge["owner"] == held.id].sum())) != held.nr_pages
    ]


def span_findings(state: State) -> tuple[Finding, ...]:
    """What the spans of a historical rule break, as findings.

    A zone larger than its node, a span without memory, zones that overlap where no block
    was put into both: each is known of some rule and shown in place.
    """
    out = []
    for number, node in enumerate(state.nodes):
        end = node.start_pfn + node.spanned
        for zone_type, zone in enumerate(node.zones):
            name = f"{ZoneType(zone_type).label} of node {number}"
            if not zone.spanned:
                continue
            if zone.start_pfn < node.start_pfn or zone.end_pfn > end:
                out.append(
                    Finding(
                        "zone-outside-node",
                        f"{name} {span_text(zone)} is larger than its node "
                        f"[{node.start_pfn:#x},{end:#x})",
                        zone.start_pfn,
                        zone.spanned,
                    )
                )
            if not zone.present and zone_type != ZoneType.DEVICE:
                out.append(
                    Finding(
                        "span-without-memory",
                        f"{name} spans {span_text(zone)} but has no page",
                        zone.start_pfn,
                        zone.spanned,
                    )
                )
        if node.spanned and not any(zone.spanned for zone in node.zones):
            out.append(
                Finding(
                    "node-without-zone",
                    f"node {number} spans [{node.start_pfn:#x},{end:#x}), none of its zones does",
                    node.start_pfn,
                    node.spanned,
                )
            )
    return tuple(out)
