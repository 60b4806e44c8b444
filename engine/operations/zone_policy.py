"""Which zone a block goes to when it is onlined, and the rule that decided it.

Sources: ``mm/memory_hotplug.c`` of 6.12 and 6.1 (the same in both): ``zone_for_pfn_range``,
``default_kernel_zone_for_pfn``, ``default_zone_for_pfn``, ``auto_movable_zone_for_pfn``,
``auto_movable_can_online_movable``; ``drivers/base/memory.c:valid_zones_show``.
Auto-movable came with e83a437faa62 (5.15).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.kinds import BlockState, OnlineType, ZoneType
from pfnmap.engine.memory.spans import span_text
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.operations import zone_shifting


class ZoneChoice(Struct, frozen=True):
    """A zone and why: the rule in words, with the numbers that entered it."""

    zone: ZoneType
    rule: str
    function: str


def default_kernel_zone(state: State, node: int, start_pfn: int, nr_pages: int) -> ZoneChoice:
    """The first of DMA and DMA32 whose span the range touches, else Normal."""
    function = "default_kernel_zone_for_pfn"
    for zone_type in (ZoneType.DMA, ZoneType.DMA32):
        zone = state.zone(node, zone_type)
        if zone.intersects(start_pfn, nr_pages):
            rule = f"the range touches the span {span_text(zone)} of {zone_type.label}"
            return ZoneChoice(zone_type, rule, function)
    rule = "kernel memory outside the spans of DMA and DMA32 is Normal"
    return ZoneChoice(ZoneType.NORMAL, rule, function)


def default_zone(state: State, node: int, start_pfn: int, nr_pages: int) -> ZoneChoice:
    """Policy contig-zones: keep zones contiguous where exactly one zone's span touches."""
    kernel = default_kernel_zone(state, node, start_pfn, nr_pages)
    kernel_zone = state.zone(node, kernel.zone)
    movable_zone = state.zone(node, ZoneType.MOVABLE)
    in_kernel = kernel_zone.intersects(start_pfn, nr_pages)
    in_movable = movable_zone.intersects(start_pfn, nr_pages)
    function = "default_zone_for_pfn"
    if in_kernel != in_movable:
        zone_type = kernel.zone if in_kernel else ZoneType.MOVABLE
        span = span_text(kernel_zone if in_kernel else movable_zone)
        rule = f"contig-zones: only the span {span} of {zone_type.label} touches the range"
        return ZoneChoice(zone_type, rule, function)
    touching = (
        f"the spans of {kernel.zone.label} and Movable both touch the range"
        if in_kernel
        else f"neither {kernel.zone.label} {span_text(kernel_zone)} nor Movable "
        f"{span_text(movable_zone)} touches the range"
    )
    if state.params.movable_node:
        rule = f"contig-zones: {touching}, and movable_node is set"
        return ZoneChoice(ZoneType.MOVABLE, rule, function)
    return ZoneChoice(kernel.zone, f"contig-zones: {touching}, so kernel memory", function)


def group_present(state: State, device: Device) -> tuple[int, int]:
    """(present_kernel_pages, present_movable_pages) of the memory group of a device."""
    rows = state.blocks.slice(*state.blocks_of(device))
    online = rows[(rows["state"] == BlockState.ONLINE) & (rows["device"] == device.id)]
    present = online["count"] * online["present"]
    movable = int(present[online["zone"] == ZoneType.MOVABLE].sum())
    return int(present.sum()) - movable, movable


def _budget(state: State, node: int | None, wanted: int, device: Device | None) -> tuple[bool, str]:
    """``auto_movable_can_online_movable`` for the machine (None) or one node."""
    numbers = range(len(state.nodes)) if node is None else (node,)
    kernel = movable = 0
    for number in numbers:
        for zone_type, zone in enumerate(state.nodes[number].zones):
            if zone_type == ZoneType.MOVABLE:
                movable += zone.present
            elif zone_type < ZoneType.MOVABLE and zone.present:
                # CMA counts as Movable (auto_movable_stats_account_zone, recorded on arm64).
                kernel += zone.present_early - zone.cma
                movable += zone.cma
    ratio = state.params.auto_movable_ratio
    needed, theirs = _other_groups(state, numbers, device)
    kernel, movable = kernel - needed, movable - theirs
    allowed, words = kernel > 0, "early kernel pages"
    if needed or theirs:
        words += f", without {needed} for {theirs} Movable ones of other virtio-mem devices"
    if device is not None and device.is_dynamic and (own := group_present(state, device)[0]):
        kernel += own
        words += f", {own} of {device.name} among them"
    limit = ratio * kernel // 100
    allowed = allowed and movable + wanted <= limit
    scope = "machine" if node is None else f"node {node}"
    sign = "<=" if movable + wanted <= limit else ">"
    return allowed, (
        f"{scope}: Movable {movable} + wanted {wanted} {sign} {ratio} % of {kernel} {words} = "
        f"{limit}"
    )


def _other_groups(state: State, nodes: Collection[int], device: Device | None) -> tuple[int, int]:
    """``auto_movable_stats_account_group`` over the dynamic groups of other devices.

    Early kernel pages that their Movable memory needs beyond their own, and that memory; pages.
    """
    needed = theirs = 0
    for other in state.devices.values():
        if other.is_dynamic and other.node in nodes and other != device:
            kernel, movable = group_present(state, other)
            needed += max(0, movable * 100 // state.params.auto_movable_ratio - kernel)
            theirs += movable
    return needed, theirs


def auto_movable_zone(
    state: State, node: int, device: Device | None, start_pfn: int, nr_pages: int
) -> ZoneChoice:
    """Policy auto-movable: Movable while the ratio of Movable to early kernel memory allows.

    ``nr_pages`` is the size of the block. Hot-added kernel memory never raises the budget, but
    that of a virtio-mem device the device's own.
    """
    function = "auto_movable_zone_for_pfn"
    kernel = default_kernel_zone(state, node, start_pfn, nr_pages).zone
    if state.params.auto_movable_ratio == 0:
        return ZoneChoice(kernel, "auto-movable: auto_movable_ratio is 0", function)
    wanted = nr_pages
    if device is not None and (device.group_pages or device.unit_pages > nr_pages):
        whole, what = device.group_pages, device.name
        present_kernel, present_movable = group_present(state, device)
        if device.is_dynamic:
            whole, what = device.unit_pages, "the big block"
            low = start_pfn // whole * whole
            unit = replace(device, start_pfn=low, nr_pages=whole)
            present_kernel, present_movable = group_present(state, unit)
        if present_kernel:
            rule = f"auto-movable: {present_kernel} pages of {what} are kernel memory already"
            return ZoneChoice(kernel, rule, function)
        wanted = whole - present_movable
    allowed, words = _budget(state, None, wanted, device)
    if allowed and state.params.auto_movable_numa_aware:
        allowed, node_words = _budget(state, node, wanted, device)
        words = f"{words}; {node_words}"
    zone_type = ZoneType.MOVABLE if allowed else kernel
    return ZoneChoice(zone_type, f"auto-movable: {words}", function)


def zone_for_pfn_range(
    state: State,
    online_type: OnlineType,
    node: int,
    device: Device | None,
    start_pfn: int,
    nr_pages: int,
) -> ZoneChoice:
    """The zone for onlining a block; ``nr_pages`` includes its vmemmap."""
    if online_type == OnlineType.ONLINE_KERNEL:
        return default_kernel_zone(state, node, start_pfn, nr_pages)
    if online_type == OnlineType.ONLINE_MOVABLE:
        return ZoneChoice(ZoneType.MOVABLE, "online_movable was asked for", "zone_for_pfn_range")
    if state.params.online_policy == "auto-movable" and state.profile.auto_movable:
        return auto_movable_zone(state, node, device, start_pfn, nr_pages)
    return default_zone(state, node, start_pfn, nr_pages)


def block_device(state: State, row: Any) -> Device | None:
    """The device a block row belongs to."""
    return state.devices.get(int(row["device"]))


def valid_zones(state: State, block: int, row: Any) -> tuple[tuple[str, ...], str]:
    """What ``valid_zones`` reads for a block, and the rule that decided it."""
    if state.profile.zone_shifting and not row["early"] and row["initialised"]:
        return zone_shifting.valid_zones(state, block, row)
    if row["state"] == BlockState.ONLINE:
        zone_type = ZoneType(int(row["zone"]))
        if zone_type == ZoneType.NONE:
            return ("none",), "the block spans several zones or nodes"
        return (zone_type.label,), "the zone it is online in"
    node = int(row["node"])
    start_pfn, nr_pages = state.block_pfn(block), state.geometry.block_pages
    choice = zone_for_pfn_range(
        state, OnlineType.ONLINE, node, block_device(state, row), start_pfn, nr_pages
    )
    kernel = default_kernel_zone(state, node, start_pfn, nr_pages).zone
    names = [choice.zone]
    names += [zone for zone in (kernel, ZoneType.MOVABLE) if zone != choice.zone]
    return tuple(zone.label for zone in names), choice.rule
