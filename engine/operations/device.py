"""ZONE_DEVICE memory: mapping and unmapping it.

Sources: ``mm/memremap.c:memremap_pages`` of 6.12; ``add_device_memory``/``del_device_memory``
of post "[RFC v2 2/2] mm/memory_hotplug: Shrink spanned pages when offlining memory" (2018).
Since 5.5 a ZONE_DEVICE span never shrinks (feee6b298916).
"""

from __future__ import annotations

import itertools
from typing import Final

from msgspec.structs import replace

from pfnmap.engine.commands import DeviceAdd, DeviceDel
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import MemmapKind, PageState, ZoneType
from pfnmap.engine.memory import (
    free_memory,
    memmap,
    memmap_from_ram,
    resources,
    spans_history,
)
from pfnmap.engine.memory.spans import grow, span_text
from pfnmap.engine.memory.state import Device, Resource, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations.add import make_way, occupied
from pfnmap.engine.operations.refs import default_address
from pfnmap.engine.outcome import Refusal

_LOCK: Final = "the caller takes the lock of memory hotplug"


def check(state: State, command: DeviceAdd, start: int) -> Refusal | None:
    """The checks of ``pagemap_range``, first failure wins; bytes."""
    shift = state.geometry.page_shift
    first, last = _mapped(state, start, command.size_bytes)
    low, end = first << shift, (last << shift) - 1
    if command.size_bytes <= 0 or end > state.geometry.physmem_end:
        return Refusal("EINVAL", "mhp_range_allowed", f"[{low:#x}-{end:#x}] is not addressable")
    if len(state.device_ranges.slice(first, last)):
        return Refusal("ENOMEM", "pagemap_range", "the range overlaps another pagemap")
    for resource in state.resources:
        if resource.system_ram and resource.start <= end and low <= resource.end:
            return Refusal(
                "ENXIO",
                "pagemap_range",
                f"[{low:#x}-{end:#x}] overlaps {resource.name} "
                f"[{resource.start:#x}-{resource.end:#x}]",
            )
    if (refusal := occupied(state, low, end + 1 - low)) is not None:
        return refusal
    unit = state.geometry.subsection_pages * state.geometry.page_bytes
    if state.profile.device_subsections and (start % unit or command.size_bytes % unit):
        return Refusal(
            "EINVAL",
            "check_pfn_span",
            f"start {start:#x} and size {command.size_bytes:#x} must be multiples of "
            f"{unit >> 20} MiB",
        )
    if not 0 <= (command.node or 0) < len(state.nodes):
        return Refusal("EINVAL", "memremap_pages", f"node {command.node} is not possible")
    altmap = (command.altmap_bytes or 0) >> shift
    whole = sum(b - a for a, b in _parts(state, first, last) if _whole(state, a, b))
    needed = state.geometry.memmap_pages(whole)
    if command.altmap_bytes is not None and altmap < needed:
        rule = f"the altmap of {altmap} pages is smaller than the {needed} pages of struct pages"
        return Refusal("ENOMEM", "altmap_alloc_block_buf", rule)
    if altmap > last - first:
        rule = f"an altmap of {altmap} pages in a range of {last - first} pages"
        return Refusal("ENXIO", "nd_pfn_init", rule)
    return None


def _mapped(state: State, start: int, size: int) -> tuple[int, int]:
    """[first, end) pfns that are mapped for a device: itself, before 5.3 its whole sections."""
    shift = state.geometry.page_shift
    first, end = start >> shift, (start + size) >> shift
    if state.profile.device_subsections:
        return first, end
    section = state.geometry.section_pages
    return first // section * section, -(-end // section) * section


def add(tx: Transaction, command: DeviceAdd) -> Refusal | None:
    """``memremap_pages``: sections and struct pages, then the zone and node spans grow."""
    state = tx.state
    if state.device_named(command.name) is not None:
        return Refusal("EEXIST", "device-add", f"there is a device {command.name} already")
    start = command.address
    if start is None:
        start = default_address(state, command.size_bytes)
    mapping = command.mapping or ""
    if mapping and (why := _no_mapping(state, mapping)):
        raise InputError(f"device-add mapping={mapping}: {why}")
    if (refusal := check(state, command, start)) is not None:
        return refusal
    node = command.node or 0
    altmap = (command.altmap_bytes or 0) >> state.geometry.page_shift
    first, end = _mapped(state, start, command.size_bytes)
    shift = state.geometry.page_shift
    make_way(tx, first << shift, (end - first) << shift)
    device = Device(
        state.next_id,
        command.name,
        "pmem",
        first,
        end - first,
        node,
        MemmapKind.PER_DEVICE if altmap else MemmapKind.RAM,
        altmap_pages=altmap,
        mapping=mapping,
    )
    line = Resource(
        start,
        start + command.size_bytes - 1,
        command.name if mapping else f"Persistent Memory ({command.name})",
        system_ram=False,
        owner=device.id,
    )
    return map_range(tx, device, line)


def map_range(tx: Transaction, device: Device, line: Resource | None = None) -> Refusal | None:
    """``memremap_pages`` for a device that its driver takes; ``line``: a new one of iomem."""
    tx.event("mem_hotplug_begin", _LOCK)
    if kasan := _kasan(tx.state, device.mapping):
        tx.event("kasan_add_zero_shadow", kasan)
    refusal = _build(tx, device, line)
    tx.event("mem_hotplug_done", "the lock is given back")
    if refusal is not None and kasan:  # kernel/memremap.c, err_add_memory
        tx.event("kasan_remove_zero_shadow", "taken away again, without the lock")
    return refusal


def _kasan(state: State, mapping: str) -> str:
    """What KASAN does about memory of a device, empty where the kernel does not ask it.

    0207df4fa1a8 "kernel/memremap, kasan: make ZONE_DEVICE with work with KASAN" (4.19). HMM's own
    functions had no such call, and private memory has no linear mapping to shadow.
    """
    hmm = mapping == "private" or (mapping and not state.profile.is_since("5.3"))
    if hmm or not state.profile.is_since("4.19"):
        return ""
    return "with CONFIG_KASAN a shadow of zeroes for the range, the lock held"


def _build(tx: Transaction, device: Device, line: Resource | None) -> Refusal | None:
    """What the lock is held for: sections with struct pages, and their zone.

    The posts of 2018 made a function of it, ``add_device_memory``, with the lock outside.
    """
    state, node = tx.state, device.node
    first, end = device.start_pfn, device.end_pfn
    if (refusal := tx.injected("arch_add_memory")) is not None:
        return refusal
    if len(state.leaked.slice(first, end)) and state.profile.mapped_sections_fail:
        why = "sections of the range are still mapped after an earlier failed add"
        return Refusal("EEXIST", "section_activate", why)
    if (refusal := _memmap(tx, device)) is not None:
        return refusal
    tx.state = replace(
        tx.state.with_device(device),
        leaked=tx.state.leaked.delete(first, end),
        next_id=max(tx.state.next_id, device.id + 1),
        device_ranges=tx.state.device_ranges.insert(
            first, device.nr_pages, node=node, device=device.id, altmap=device.altmap_pages
        ),
    )
    if line is not None:
        tx.state = resources.insert(tx.state, line)
    if device.mapping == "private":
        tx.event("add_pages", "the sections, without a linear mapping")
    else:
        tx.event("arch_add_memory", "the sections, with a linear mapping")
    posted = state.profile.shrink in ("rfc2", "oct2018")
    if posted:
        tx.event("online_mem_sections", "the sections are marked online, although no block is")
    tx.state = grow(tx.state, node, ZoneType.DEVICE, first, device.nr_pages)
    if not tx.state.nodes[node].online:
        tx.state = tx.state.with_node(node, replace(tx.state.nodes[node], online=True))
    zone = tx.state.zone(node, ZoneType.DEVICE)
    text = f"Device of node {node} spans {span_text(zone)}; present and managed stay 0"
    tx.event("move_pfn_range_to_zone", text)
    if posted:
        tx.event("add_device_memory", "set up; that is not what onlining means elsewhere")
    return None


def _no_mapping(state: State, mapping: str) -> str:
    """Why the kernel has no such memory of HMM, empty where it has.

    Both came with 5042db43cc26 "mm/ZONE_DEVICE: new type of ZONE_DEVICE for unaddressable memory"
    and d3df0a423397 "mm/hmm: add new helper to hotplug CDM memory region" (4.14), public memory
    went with 25b2995a35b6 "mm: remove MEMORY_DEVICE_PUBLIC support" (5.3).
    """
    profile = state.profile
    if not profile.is_since("4.14"):
        return f"{profile.name} has no HMM, it came with 4.14"
    if mapping == "public" and profile.is_since("5.3"):
        return f"{profile.name} has no public memory of devices, it was taken out in 5.3"
    return ""


def _whole(state: State, low: int, high: int) -> bool:
    """Whether [low, high) is whole sections."""
    section = state.geometry.section_pages
    return low % section == 0 and high % section == 0


def _parts(state: State, low: int, high: int) -> list[tuple[int, int]]:
    """[low, high) cut into a part of a section, whole sections, a part of a section."""
    section = state.geometry.section_pages
    first, last = -(-low // section) * section, high // section * section
    cuts = [low, min(first, high), max(last, min(first, high)), high]
    return [(a, b) for a, b in itertools.pairwise(cuts) if a < b]


def _memmap(tx: Transaction, device: Device) -> Refusal | None:
    """Struct pages: of whole sections from the altmap if there is one, otherwise from RAM.

    A part of a section is described by base pages of RAM whatever the altmap
    (``vmemmap_populate`` of x86), and by the memmap that is there already in a boot section.
    """
    before = tx.state
    for low, high in _parts(before, device.start_pfn, device.end_pfn):
        whole = _whole(before, low, high)
        row = before.block_at(low)
        if whole and device.altmap_pages:
            _from_altmap(tx, device, low, high)
        elif not whole and row is not None and row["early"]:
            tx.event("section_activate", f"pfns {low:#x}-{high - 1:#x} use the boot memmap")
        elif (refusal := _from_ram(tx, device, low, high)) is not None:
            tx.state = before
            return refusal
    return None


def _from_altmap(tx: Transaction, device: Device, low: int, high: int) -> None:
    """The struct pages of [low, high) fill the altmap at the start of the device."""
    per_frame = tx.state.geometry.pages_per_struct_page_frame
    bias = device.start_pfn * per_frame - low
    homes = tx.state.homes.insert(low, high - low, bias=bias, node=device.node)
    tx.state = replace(tx.state, homes=homes)
    text = f"struct pages in the device's first {device.altmap_pages} pages (altmap)"
    tx.event("__populate_section_memmap", text)


def _from_ram(tx: Transaction, device: Device, low: int, high: int) -> Refusal | None:
    """The struct pages of [low, high) from free kernel memory, nearest node first."""
    state = tx.state
    needed = memmap.chunk_pages(state, low, high)
    for node in free_memory.kernel_nodes(state, device.node):
        if free_memory.free_of(state, node)[free_memory.KERNEL] < needed:
            continue
        state = free_memory.change(state, node, free_memory.KERNEL, -needed)
        if not state.recorded:
            extents = free_memory.locate(state, node, needed, 1)
            state = free_memory.place(state, extents, PageState.VMEMMAP, device.id)
            state = memmap_from_ram.record_homes(
                state, node, low, high, extents, base=not _whole(state, low, high)
            )
        tx.state = state
        tx.event("__populate_section_memmap", f"{needed} pages of node {node} for struct pages")
        return None
    return Refusal("ENOMEM", "vmemmap_populate", f"{needed} pages for struct pages are missing")


def delete(tx: Transaction, command: DeviceDel) -> Refusal | None:
    """The device is gone; one whose memory is System RAM does not go."""
    device = tx.state.device_named(command.name)
    if device is not None and device.kind == "kmem":
        how = f"kmem-del {device.name}" if device.state else "until the next reboot"
        rule = f"the memory of {device.name} is System RAM: {how}"
        return Refusal("EBUSY", "device-del", rule)
    if device is None or device.is_ram:
        raise InputError(f"{command.name}: there is no ZONE_DEVICE memory of that name")
    if device.kind == "pmem":
        unmap_range(tx, device, None)
    else:
        tx.state = unclaimed(_with(tx.state, device, None), device)
        tx.event("device_unregister", f"{device.name} is gone; no driver held it")
    return None


def _with(state: State, device: Device, becomes: Device | None) -> State:
    """The state with what becomes of a device, nothing for None."""
    return state.without_device(device) if becomes is None else state.with_device(becomes)


def unclaimed(state: State, device: Device) -> State:
    """The state without the lines of iomem that the device's driver has claimed."""
    kept = tuple(line for line in state.resources if line.owner != device.id)
    return replace(state, resources=kept)


def unmap_range(tx: Transaction, device: Device, becomes: Device | None) -> None:
    """``memunmap_pages``, and the driver lets go of the range where nothing ``becomes`` of it."""
    tx.event("mem_hotplug_begin", _LOCK)
    _tear_down(tx, device, becomes)
    if _kasan(tx.state, device.mapping):
        tx.event("kasan_remove_zero_shadow", "the shadow is taken away, the lock held")
    tx.event("mem_hotplug_done", "the lock is given back")
    if becomes is None:
        tx.state = unclaimed(tx.state, device)
        tx.event("__release_region", "the driver that claimed the region gives it back")


def _tear_down(tx: Transaction, device: Device, becomes: Device | None) -> None:
    """What the lock is held for, ``del_device_memory`` of the posts of 2018."""
    rule, profile = tx.state.profile.shrink, tx.state.profile
    start, end = device.start_pfn, device.end_pfn
    posted = rule in ("rfc2", "oct2018")
    if rule == "merged":
        tx.event("remove_pfn_range_from_zone", "ZONE_DEVICE is never shrunk: spans stay")
    elif posted:
        tx.event("offline_mem_sections", "the sections' online bits are cleared")
        spans_history.shrink_sections(tx, device.node, ZoneType.DEVICE, start, end)
        tx.event(
            "release_mem_region_adjustable",
            "not IORESOURCE_SYSRAM: it backs off with 0, the driver that claimed the region "
            "releases it",
        )
    else:
        if not profile.is_since("5.2"):
            tx.event(
                "__remove_pages", "ZONE_DEVICE: the driver owns the region, it is not released"
            )
        spans_history.shrink_sections(tx, device.node, ZoneType.DEVICE, start, end)
    shift = tx.state.geometry.page_shift
    tx.state = free_memory.give_back_memmap(tx.state, start, end, early=False)
    tx.state = replace(
        _with(tx.state, device, becomes),
        device_ranges=tx.state.device_ranges.delete(start, end),
    )
    unmap = "__remove_pages" if device.mapping == "private" else "arch_remove_memory"
    tx.event(unmap, f"[{start << shift:#x}-{(end << shift) - 1:#x}] is unmapped")
    if posted:
        tx.event("del_device_memory", "taken down")
