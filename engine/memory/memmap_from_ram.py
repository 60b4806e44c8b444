"""Struct pages of a hot-added DIMM taken from memory that is there already.

Source: ``mm/sparse-vmemmap.c`` (``vmemmap_alloc_block``, base page fallback) and
``mm/memory_hotplug.c:__add_pages`` of 6.12; what powerpc and arm64 did before their
fallbacks: ``pfnmap.engine.geometry``.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import PageState
from pfnmap.engine.memory import free_memory, memmap, resources
from pfnmap.engine.memory.page_map import zone_pieces
from pfnmap.engine.memory.runs import ranges_of
from pfnmap.engine.memory.state import IN_USE, Device, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.outcome import Refusal


def take_memmap(tx: Transaction, device: Device, start: int, end: int) -> Refusal | None:
    """Take the memmap of pfns [start, end) of a device from free kernel memory, nearest node first.

    Sections that an earlier failed add left mapped keep the struct pages they have.
    """
    geometry, mapped = tx.state.geometry, tx.state.leaked.slice(start, end)
    held = ranges_of(mapped)
    edges = [start, *held.ravel().tolist(), end]
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        if low < high and (refusal := _take_for(tx, device, low, high)) is not None:
            return refusal
    tx.state = replace(tx.state, leaked=tx.state.leaked.delete(start, end))
    if geometry.vmemmap_chunk_pages and not tx.state.recorded:
        chunks = _chunks_of(tx.state, device)
        tx.state = memmap.with_chunk_homes(tx.state, start, end, chunks)
    return None


def _take_for(tx: Transaction, device: Device, low: int, high: int) -> Refusal | None:
    """Take the struct pages of [low, high), a part of the device."""
    geometry = tx.state.geometry
    unit = geometry.memmap_unit_pages
    needed = memmap.chunk_pages(tx.state, low, high)
    described = low
    for node in free_memory.kernel_nodes(tx.state, device.node):
        while needed:
            kernel_free, _ = free_memory.free_of(tx.state, node)
            listed = free_memory.freelist_pages(tx.state, node)
            available = kernel_free if listed is None else min(listed, kernel_free)
            whole = free_memory.has_order(tx.state, node, geometry.memmap_order)
            if available < unit + (geometry.base_page_fallback and not whole):
                break  # base pages need a page table page as well
            pages = needed if listed is None else unit
            pages = min(pages, available // unit * unit)
            refused = _take(tx, device, node, described, pages)
            if refused is not None:
                return leak(tx, device, described, refused)
            described += pages * geometry.pages_per_struct_page_frame
            needed -= pages
        if not needed:
            return None
    total = sum(pair[free_memory.KERNEL] for pair in tx.state.free_pages)
    tables = " and one for a page table" if total == needed else ""
    refusal = Refusal(
        "ENOMEM",
        "vmemmap_populate",
        f"out of memory: {needed} pages for struct pages{tables} are missing, {total} kernel pages "
        f"are free (order {geometry.memmap_order} per section)",
        described // geometry.block_pages,
    )
    return leak(tx, device, described, refusal)


def _chunks_of(state: State, device: Device) -> NDArray[np.int64]:
    """int64 (n, 2): first page frame and node of each fixed memmap chunk taken for a device."""
    rows, unit = state.taken.rows, state.geometry.vmemmap_chunk_pages
    rows = rows[(rows["kind"] == PageState.VMEMMAP) & (rows["owner"] == device.id)]
    chunks = [np.zeros((0, 2), np.int64)]
    for low, high in ranges_of(rows).tolist():
        for first, end, node, _ in zone_pieces(state, low, high):
            frames = np.arange(first, end, unit)
            chunks.append(np.stack((frames, np.full(len(frames), node)), axis=1))
    return np.concatenate(chunks)


def _take(tx: Transaction, device: Device, node: int, described: int, pages: int) -> Refusal | None:
    """Take ``pages`` on ``node`` for the struct pages from pfn ``described`` on."""
    geometry = tx.state.geometry
    order = geometry.memmap_order
    how, tables = f"order-{order} blocks", 0
    if free_memory.has_order(tx.state, node, order):
        tx.state = free_memory.take_from_freelist(tx.state, node, order, pages)
    elif geometry.base_page_fallback:
        tables = 1
        tx.state = free_memory.take_from_freelist(tx.state, node, 0, pages + tables)
        how = "base pages and a page table page, because no block of that order is free"
    else:
        free = free_memory.freelist_pages(tx.state, node) or 0
        return Refusal(
            "ENOMEM",
            "vmemmap_alloc_block",
            f"vmemmap alloc failure: order:{order}; {free} pages are free, but none in a block "
            f"of order {order}, and {geometry.arch} does not fall back to base pages",
            described // geometry.block_pages,
        )
    tx.state = free_memory.change(tx.state, node, free_memory.KERNEL, -pages - tables)
    if not tx.state.recorded:
        # Whole units, so that what is taken is what was counted and each section has one home.
        extents = free_memory.locate(tx.state, node, pages, geometry.memmap_unit_pages)
        tx.state = free_memory.place(tx.state, extents, PageState.VMEMMAP, device.id)
        missing = pages - int((extents[:, 1] - extents[:, 0]).sum())
        if missing > 0 and not geometry.vmemmap_chunk_pages:  # the rest is page by page
            rest = free_memory.locate(tx.state, node, missing, 1, last=True)
            tx.state = free_memory.place(tx.state, rest, PageState.VMEMMAP, device.id)
            extents = np.concatenate((extents, rest))
        if tables:
            one = free_memory.locate(tx.state, node, tables, 1, last=True)
            tx.state = free_memory.place(tx.state, one, PageState.UNMOVABLE, IN_USE)
        if not geometry.vmemmap_chunk_pages:
            tx.state = record_homes(
                tx.state, node, described, device.end_pfn, extents, base=tables > 0
            )
    remote = "" if node == device.node else f" (remote: the memory is on node {device.node})"
    tx.event(
        "vmemmap_populate",
        f"{pages} pages of node {node} for struct pages, {how}{remote}",
        block=described // geometry.block_pages,
    )
    return None


def record_homes(
    state: State,
    node: int,
    described: int,
    end_pfn: int,
    extents: NDArray[np.int64],
    *,
    base: bool = False,
) -> State:
    """Remember that the struct pages of [described, end_pfn) lie in these page frames, in order.

    ``extents``: [first, end) of page frames, int64 (n, 2); behind end_pfn they describe nothing.
    ``base``: they are base pages.
    """
    homes, per_frame = state.homes, state.geometry.pages_per_struct_page_frame
    for low, high in extents.tolist():
        count = min((high - low) * per_frame, end_pfn - described)
        if count <= 0:
            break
        homes = homes.insert(
            described, count, bias=low * per_frame - described, node=node, base=base
        )
        described += count
    return replace(state, homes=homes)


def leak(tx: Transaction, device: Device, described: int, refusal: Refusal) -> Refusal:
    """A section that fails leaves the sections before it mapped, without block devices.

    ``__add_pages`` stops, ``add_memory_resource`` releases the region, nobody removes the
    sections: the same range then fails with EEXIST.
    """
    shift = tx.state.geometry.page_shift
    section = tx.state.geometry.section_pages
    built = min(described - device.start_pfn, device.nr_pages) // section * section
    start, size = device.start_pfn << shift, device.nr_pages << shift
    tx.state, _ = resources.release(tx.state, start, start + size - 1)
    # The page frames taken so far stay taken: no later device may be mistaken for their owner.
    tx.state = replace(tx.state, next_id=max(tx.state.next_id, device.id + 1))
    if built:
        tx.state = replace(
            tx.state,
            leaked=tx.state.leaked.insert(
                device.start_pfn, built, kind=int(PageState.BROKEN), owner=-1
            ),
        )
        tx.finding(
            "leaked-sections",
            f"{built // section} sections from pfn {device.start_pfn:#x} stay mapped after the "
            f"failed add of {device.name}: adding the range again gives EEXIST",
            device.start_pfn,
            built,
        )
    if refusal.function == "vmemmap_populate":
        tx.finding(
            "oom",
            f"out of memory while adding {device.name}: its struct pages need "
            "memory that is not free yet",
            device.start_pfn,
            device.nr_pages,
        )
    tx.event("__add_pages", f"stops with {refusal.errno}; {built} pages of sections stay behind")
    return refusal
