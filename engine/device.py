"""ZONE_DEVICE memory: mapping and unmapping it.

Sources: ``mm/memremap.c:memremap_pages`` of 6.12; ``add_device_memory``/``del_device_memory``
of post "[RFC v2 2/2] mm/memory_hotplug: Shrink spanned pages when offlining memory" (2018).
Since 5.5 a ZONE_DEVICE span never shrinks (feee6b298916).
"""

from __future__ import annotations

from dataclasses import replace

from engine import free_memory, memmap, resources, spans_history
from engine.add import default_address
from engine.commands import DeviceAdd
from engine.geometry import MIB
from engine.kinds import MemmapKind, PageState, ZoneType
from engine.outcome import Refusal
from engine.remove import try_offline_node
from engine.spans import grow, span_text
from engine.state import Device, Resource, State
from engine.transaction import Transaction


def check(state: State, command: DeviceAdd, start: int) -> Refusal | None:
    """The checks of ``pagemap_range``, first failure wins; bytes."""
    end = start + command.size_bytes - 1
    shift = state.geometry.page_shift
    if command.size_bytes <= 0 or end > state.geometry.physmem_end:
        return Refusal("EINVAL", "mhp_range_allowed", f"[{start:#x}-{end:#x}] is not addressable")
    first, last = start >> shift, (end + 1) >> shift
    if len(state.device_ranges.slice(first, last)):
        return Refusal("ENOMEM", "pagemap_range", "the range overlaps another pagemap")
    for resource in state.resources:
        if resource.system_ram and resource.start <= end and start <= resource.end:
            return Refusal(
                "ENXIO",
                "pagemap_range",
                f"[{start:#x}-{end:#x}] overlaps {resource.name} "
                f"[{resource.start:#x}-{resource.end:#x}]",
            )
    if start % (2 * MIB) or command.size_bytes % (2 * MIB):
        return Refusal(
            "EINVAL",
            "check_pfn_span",
            f"start {start:#x} and size {command.size_bytes:#x} must be multiples of 2 MiB",
        )
    if not 0 <= (command.node or 0) < len(state.nodes):
        return Refusal("EINVAL", "memremap_pages", f"node {command.node} is not possible")
    altmap = (command.altmap_bytes or 0) >> shift
    needed = state.geometry.memmap_pages(last - first)
    if command.altmap_bytes is not None and altmap < needed:
        return Refusal(
            "ENOMEM",
            "altmap_alloc_block_buf",
            f"the altmap of {altmap} pages is smaller than the {needed} pages of struct pages",
        )
    return None


def add(tx: Transaction, command: DeviceAdd) -> Refusal | None:
    """``memremap_pages``: sections and struct pages, then the zone and node spans grow."""
    state = tx.state
    if state.device_named(command.name) is not None:
        return Refusal("EEXIST", "device-add", f"there is a device {command.name} already")
    start = command.address
    if start is None:
        start = default_address(state, command.size_bytes)
    refusal = check(state, command, start)
    if refusal is not None:
        return refusal
    shift, node = state.geometry.page_shift, command.node or 0
    altmap = (command.altmap_bytes or 0) >> shift
    device = Device(
        state.next_id,
        command.name,
        "pmem",
        start >> shift,
        command.size_bytes >> shift,
        node,
        MemmapKind.PER_DEVICE if altmap else MemmapKind.RAM,
        altmap_pages=altmap,
    )
    if (refusal := tx.injected("arch_add_memory")) is not None:
        return refusal
    refusal = _memmap(tx, device)
    if refusal is not None:
        return refusal
    tx.state = replace(
        tx.state,
        devices={**tx.state.devices, device.id: device},
        next_id=device.id + 1,
        device_ranges=tx.state.device_ranges.insert(
            device.start_pfn, device.nr_pages, node=node, device=device.id, altmap=altmap
        ),
    )
    tx.state = resources.insert(
        tx.state,
        Resource(
            start,
            start + command.size_bytes - 1,
            f"Persistent Memory ({command.name})",
            system_ram=False,
            owner=device.id,
        ),
    )
    posted = state.profile.shrink in ("rfc2", "oct2018")
    if posted:
        tx.event("add_device_memory", "the sections are marked online, although no block is")
    tx.state = grow(tx.state, node, ZoneType.DEVICE, device.start_pfn, device.nr_pages)
    if not tx.state.nodes[node].online:
        tx.state = tx.state.with_node(node, replace(tx.state.nodes[node], online=True))
    zone = tx.state.zone(node, ZoneType.DEVICE)
    tx.event(
        "move_pfn_range_to_zone",
        f"Device of node {node} spans {span_text(zone)}; present and managed stay 0",
    )
    return None


def _memmap(tx: Transaction, device: Device) -> Refusal | None:
    """Struct pages: from the altmap at the start of the range, or from RAM."""
    state, per_frame = tx.state, tx.state.geometry.pages_per_struct_page_frame
    if device.altmap_pages:
        homes = state.homes.insert(
            device.start_pfn,
            device.nr_pages,
            bias=device.start_pfn * (per_frame - 1),
            node=device.node,
        )
        tx.state = replace(state, homes=homes)
        tx.event(
            "__populate_section_memmap",
            f"struct pages in the device's first {device.altmap_pages} pages (altmap)",
        )
        return None
    needed = memmap.chunk_pages(state, device.start_pfn, device.end_pfn)
    for node in free_memory.kernel_nodes(state, device.node):
        if free_memory.free_of(state, node)[free_memory.KERNEL] < needed:
            continue
        state = free_memory.change(state, node, free_memory.KERNEL, -needed)
        if not state.recorded:
            extents = free_memory.locate(state, node, needed, 1)
            state = free_memory.place(state, extents, PageState.VMEMMAP, device.id)
            described = device.start_pfn
            for low, high in extents.tolist():
                count = min((high - low) * per_frame, device.end_pfn - described)
                state = replace(
                    state,
                    homes=state.homes.insert(
                        described, count, bias=low * per_frame - described, node=node
                    ),
                )
                described += count
        tx.state = state
        tx.event("__populate_section_memmap", f"{needed} pages of node {node} for struct pages")
        return None
    return Refusal("ENOMEM", "vmemmap_populate", f"{needed} pages for struct pages are missing")


def delete(tx: Transaction, device: Device) -> Refusal | None:
    """``memunmap_pages``: who shrinks which span depends on the rule in force."""
    rule = tx.state.profile.shrink
    start, end = device.start_pfn, device.end_pfn
    if rule == "merged":
        tx.event("remove_pfn_range_from_zone", "ZONE_DEVICE is never shrunk: spans stay")
    else:
        if rule != "remove-valid":
            tx.event("del_device_memory", "the sections' online bits are cleared")
        spans_history.shrink_sections(tx, device.node, ZoneType.DEVICE, start, end)
    shift = tx.state.geometry.page_shift
    tx.state = free_memory.give_back_memmap(tx.state, start, end)
    devices = {k: v for k, v in tx.state.devices.items() if k != device.id}
    kept = tuple(r for r in tx.state.resources if r.owner != device.id or r.system_ram)
    tx.state = replace(
        tx.state,
        devices=devices,
        resources=kept,
        device_ranges=tx.state.device_ranges.delete(start, end),
    )
    tx.event("arch_remove_memory", f"[{start << shift:#x}-{(end << shift) - 1:#x}] is unmapped")
    tx.event(
        "release_mem_region_adjustable",
        "not IORESOURCE_SYSRAM: the driver that claimed the region releases it",
    )
    try_offline_node(tx, device.node)
    return None
