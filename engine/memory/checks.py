"""Every identity that the state of a machine keeps, in one place.

Source: the kernel's own bookkeeping (``adjust_present_page_count``, ``update_pgdat_span``);
what a historical rule is known to break is a finding instead (see :func:`span_findings`).
"""

from __future__ import annotations

import numpy as np

from pfnmap.engine.finding import Finding
from pfnmap.engine.kinds import KERNEL_ZONES, BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory.runs import RunMap, joined_ranges, outside, ranges_of
from pfnmap.engine.memory.spans import span_text, zone_ranges
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.memory.unplugged import unplugged_rows


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
    rows = state.blocks.rows
    pages = state.geometry.block_pages
    broken = []
    online = rows["state"] == BlockState.ONLINE
    moving = rows[rows["state"] > BlockState.ONLINE]
    under_way = [] if state.pending is None else [(state.pending.block, 1)]
    if list(zip(moving["start"].tolist(), moving["count"].tolist(), strict=True)) != under_way:
        broken.append("a block is in a transient state between commands")
    online |= rows["state"] == BlockState.GOING_OFFLINE
    if (~online & (rows["zone"] != ZoneType.NONE)).any():
        broken.append("an offline block has a zone")
    if (online & (rows["zone"] == ZoneType.NONE) & (rows["early"] == 0)).any():
        broken.append("an online hot-added block has no zone")
    if ((rows["present"] > pages) | (rows["vmemmap"] > rows["present"])).any():
        broken.append("a block has more present or vmemmap pages than pages")
    owners = rows["device"][rows["early"] == 0]
    changes = owners[np.append(True, owners[1:] != owners[:-1])[: len(owners)]]
    known = {*state.devices, -1}.issuperset(changes.tolist())
    if not known or (not state.recorded and (changes < 0).any()):
        broken.append("a hot-added block belongs to no device")
    own = (rows["memmap"] == MemmapKind.PER_BLOCK) | (rows["memmap"] == MemmapKind.PER_DEVICE)
    if ((rows["vmemmap"] > 0) & ~own).any():
        broken.append("a block with vmemmap pages does not host its memmap")
    return broken


def _present_identities(state: State) -> list[str]:
    """present(zone) = early present + the sizes of the zone's online hot-added blocks."""
    rows, pages = state.blocks.rows, state.geometry.block_pages
    going = rows["state"] == BlockState.GOING_OFFLINE
    mine = (rows["early"] == 0) & (rows["zone"] != ZoneType.NONE)
    mine &= going | (rows["state"] == BlockState.ONLINE)
    each = rows["count"][mine] * pages
    if state.profile.is_since("5.14"):  # as ``memmap.vmemmap_apart`` has it
        each -= (rows["count"] * rows["vmemmap"] * going)[mine]
    zones = len(ZoneType) - 1
    place = rows["node"][mine].astype(np.int64) * zones + rows["zone"][mine]
    # Sums of whole pages far below 2**53: exact.
    sizes = np.bincount(place, each, len(state.nodes) * zones).reshape(-1, zones)
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
            ranges = zone_ranges(state, state.blocks.rows, number, ZoneType(zone_type))
            if (
                len(ranges)
                and (ranges[0, 0] != zone.start_pfn or ranges[:, 1].max() != zone.end_pfn)
                and not (ranges[0, 0] >= zone.start_pfn and ranges[:, 1].max() <= zone.end_pfn)
            ):
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
    rows, pages = state.blocks.rows, state.geometry.block_pages
    if state.geometry.vmemmap_chunk_pages:
        return []
    elsewhere = (rows["state"] == BlockState.ONLINE) & (rows["vmemmap"] == 0)
    added = ranges_of(rows)[elsewhere & (rows["early"] == 0)] * pages
    early = RunMap.from_rows(rows[elsewhere & (rows["early"] != 0)])
    homes = joined_ranges(np.concatenate((ranges_of(state.homes.rows), ranges_of(state.lost.rows))))
    inside = homes[:, 0].searchsorted(added[:, 0], side="right") - 1
    inside_one = (inside >= 0) & (added[:, 1] <= np.append(homes[:, 1], 0)[inside])
    added = added[~inside_one]
    missing = [int(row["start"]) for row in outside(state.homes.rows_over(added), homes)]
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
    pages, rows = state.geometry.block_pages, state.blocks.rows
    for device in state.devices.values():
        places = ranges_of(rows)[rows["device"] == device.id] * pages
        out = (places[:, 0] < device.start_pfn) | (places[:, 1] > device.end_pfn)
        for low, high in places[out].tolist():
            broken.append(f"blocks of {device.name} lie outside of it: pfns {low:#x}-{high - 1:#x}")
        if device.is_dynamic and len(places):
            broken += _plugged_identities(state, device)
    return broken


def _plugged_identities(state: State, device: Device) -> list[str]:
    """What is not plugged of a virtio-mem device is whole sub-blocks of blocks that are there."""
    gone, pages = unplugged_rows(state, device), state.geometry.block_pages
    broken = []
    if (ranges_of(gone) % device.unit_pages).any():
        broken.append(f"a part of a sub-block of {device.name} is not plugged")
    there = joined_ranges(ranges_of(state.blocks.slice(*state.blocks_of(device)))) * pages
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
