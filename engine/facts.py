"""Facts about a machine that no single screen row holds: devices, huge pages, totals.

Everything is computed from the state's runs; nothing here changes a machine.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import Int64s, NDArray
from pfnmap.engine.kinds import FREE_BY_ZONE, BlockState, MemmapKind, PageState
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.runs import Rows, joined_ranges, outside, ranges_of
from pfnmap.engine.memory.state import POISONED, Device, State
from pfnmap.engine.memory.totals import totals_of
from pfnmap.engine.memory.unplugged import plugged_pages, unplugged_rows
from pfnmap.engine.notation import PAGE_FLAGS


class DeviceFacts(Struct, frozen=True):
    """How a device's memory is laid out, whether online or not.

    ``heads`` counts the vmemmap chunks of the posted designs of 2019. ``refcount`` (sections that
    use it, fewer while they are removed) and ``private`` (its pages) are fields of the first
    chunk's head page. The merged design has no heads: all three are 0, the block counts its
    ``nr_vmemmap_pages``.
    """

    usable_bytes: int
    """Memory that does not hold struct pages of the device itself."""
    largest_run_bytes: int
    """The longest usable range without a vmemmap page in it."""
    vmemmap_pages: int
    """Pages of the device that hold its own struct pages."""
    heads: int = 0
    refcount: int = 0
    private: int = 0
    all_vmemmap_blocks: int = 0
    """Memory blocks with nothing but struct pages in them."""
    online_blocks: int = 0
    local_bytes: int = 0
    """Struct pages of the device's memory on its own node."""
    remote_bytes: int = 0
    """Those on another node."""


def device_facts(state: State, name: str) -> DeviceFacts | None:
    """The layout of a DIMM or ZONE_DEVICE range, None when there is no such device."""
    if (device := state.device_named(name)) is None:
        return None
    if device.is_ram:
        return _ram_facts(state, device)
    page_bytes = state.geometry.page_bytes
    usable = (device.nr_pages - device.altmap_pages) * page_bytes
    local, remote = _homes(state, device.start_pfn, device.end_pfn)
    local_bytes = (local + device.altmap_pages) * page_bytes
    return DeviceFacts(
        usable,
        usable,
        device.altmap_pages,
        local_bytes=local_bytes,
        remote_bytes=remote * page_bytes,
    )


def _ram_facts(state: State, device: Device) -> DeviceFacts:
    geometry = state.geometry
    pages = geometry.block_pages
    totals = totals_of(state.blocks, pages)
    rows = totals.extents_of(*state.blocks_of(device))
    online = (totals.sums["device"] == device.id) & (totals.sums["state"] == BlockState.ONLINE)
    vmemmap_pages = int((rows["count"] * rows["vmemmap"]).sum())
    heads = refcount = private = 0
    if device.head_pages:
        # The series of 2019: each chunk has a head page. The merged design only counts pages.
        start, end = device.parts[0]
        heads, sections = int(vmemmap_pages > 0), (end - start) // geometry.section_pages
        if device.resources:
            first = (state.block_at(low) for low, _ in device.resources)
            heads = sum(row is not None and int(row["vmemmap"]) > 0 for row in first)
        if device.memmap == MemmapKind.PER_BLOCK:
            heads = int(rows["count"][rows["vmemmap"] > 0].sum())
            sections = geometry.sections_per_block
        private = device.head_pages
        refcount = state.heads.get(device.start_pfn, sections)
    if not device.is_dynamic:
        nr_pages, longest = int(rows["count"].sum()) * pages, _longest_run(rows, pages)
    else:
        nr_pages = plugged_pages(state, device)
        gone = ranges_of(unplugged_rows(state, device))
        there = state.taken.rows_over(joined_ranges(ranges_of(rows)) * pages)
        longest = int(outside(there, gone)["count"].max(initial=0))
    hosted = rows[rows["memmap"] == MemmapKind.PER_BLOCK]
    local, remote = _homes(state, device.start_pfn, device.end_pfn)
    local += int((hosted["count"] * hosted["vmemmap"]).sum())
    return DeviceFacts(
        usable_bytes=(nr_pages - vmemmap_pages) * geometry.page_bytes,
        largest_run_bytes=longest * geometry.page_bytes,
        vmemmap_pages=vmemmap_pages,
        heads=heads,
        refcount=refcount,
        private=private,
        all_vmemmap_blocks=int(rows["count"][rows["vmemmap"] >= pages].sum()),
        online_blocks=int(totals.sums["blocks"][online].sum()),
        local_bytes=local * geometry.page_bytes,
        remote_bytes=remote * geometry.page_bytes,
    )


def _longest_run(rows: Rows, pages: int) -> int:
    """Pages of the longest range of blocks without a vmemmap page in it."""
    if not len(rows):
        return 0
    hosts = rows["vmemmap"] > 0
    # What follows the vmemmap of a block goes on into the blocks behind it.
    sizes = np.where(hosts, pages - rows["vmemmap"], rows["count"] * pages)
    begins = hosts.copy()
    begins[0] = True
    begins[1:] |= rows["start"][1:] != rows["start"][:-1] + rows["count"][:-1]
    return int(np.add.reduceat(sizes, np.flatnonzero(begins)).max())


class TotalFacts(Struct, frozen=True):
    """The whole machine: pages and bytes over all nodes and zones."""

    managed: int
    """Pages the page allocator manages (``MemTotal``)."""
    present: int
    usable_bytes: int
    """Managed memory less the part of it that holds struct pages of hot-added memory."""
    memmap_bytes: int
    """Struct pages of hot-added memory, wherever they live."""
    remote_memmap_bytes: int
    """The part of them that lives on another node than the memory they describe."""


def total_facts(state: State) -> TotalFacts:
    """Sums over the machine."""
    page_bytes = state.geometry.page_bytes
    zones = [zone for node in state.nodes for zone in node.zones]
    managed = sum(zone.managed for zone in zones)
    taken = state.taken.rows
    # Struct pages of boot memory have no owner; they were never managed.
    hot = taken[(taken["kind"] == PageState.VMEMMAP) & (taken["owner"] >= 0)]
    in_ram = int(hot["count"].sum())
    pages, lies, described, _ = _memmaps(state, state.homes.rows)
    return TotalFacts(
        managed=managed,
        present=sum(zone.present for zone in zones),
        usable_bytes=(managed - in_ram) * page_bytes,
        memmap_bytes=(in_ram + _self_hosted_pages(state)) * page_bytes,
        remote_memmap_bytes=int(pages[lies != described].sum()) * page_bytes,
    )


def free_kernel_bytes(state: State, node: int) -> int:
    """Free memory of a node that struct pages can be taken from: not Movable."""
    return free_memory.free_of(state, node)[free_memory.KERNEL] * state.geometry.page_bytes


def _self_hosted_pages(state: State) -> int:
    """Pages of hot-added memory that hold its own struct pages."""
    rows = state.blocks.rows
    hot = rows[rows["device"] >= 0]
    altmaps = sum(device.altmap_pages for device in state.devices.values())
    return int((hot["count"] * hot["vmemmap"]).sum()) + altmaps


class NodeMemmap(Struct, frozen=True):
    """Pages of struct pages of hot-added memory that are paid from RAM, as one node sees them."""

    pending: int
    """Taken of this node for memory that is not online yet."""
    foreign: int
    """On this node, of memory of other nodes."""
    away: int
    """Of its own memory, on other nodes."""


def node_memmap(state: State, node: int) -> NodeMemmap:
    """What struct pages take of a node, and what those of its memory take of others."""
    pages, lies, described, waits = _memmaps(state, state.homes.rows)
    return NodeMemmap(
        pending=int(pages[(lies == node) & waits].sum()),
        foreign=int(pages[(lies == node) & (described != node)].sum()),
        away=int(pages[(lies != node) & (described == node)].sum()),
    )


def _homes(state: State, low: int, high: int) -> tuple[int, int]:
    """Pages of struct pages of [low, high) that lie elsewhere: on its own node, on another."""
    pages, lies, described, _ = _memmaps(state, state.homes.slice(low, high))
    local = lies == described
    return int(pages[local].sum()), int(pages[~local].sum())


Columns = tuple[Int64s, Int64s, Int64s, NDArray[np.bool_]]


def _memmaps(state: State, homes: Rows) -> Columns:
    """Pages, the node they lie on, that of the memory they describe, and if it is not online yet.

    Memory that holds its own struct pages takes nothing of a node while it is offline.
    """
    per_frame, block = state.geometry.pages_per_struct_page_frame, state.geometry.block_pages
    totals = totals_of(state.blocks, block)
    found: list[Columns] = []
    for home in homes:
        start, count, bias = int(home["start"]), int(home["count"]), int(home["bias"])
        first, end = start // block, -(-(start + count) // block)
        if block % per_frame or bias % per_frame:  # blocks share page frames of struct pages
            blocks, sums = state.blocks.slice(first, end), totals.sums[:0]
        else:
            blocks, sums = totals.within(first, end)
        ranges = state.device_ranges.slice(start, start + count)
        lows = np.concatenate((blocks["start"] * block, ranges["start"]))
        sizes = np.concatenate((blocks["count"] * block, ranges["count"]))
        lows, highs = np.maximum(lows, start), np.minimum(lows + sizes, start + count)
        pages = -(-(highs + bias) // per_frame) - (lows + bias) // per_frame
        offline = [
            (each["state"] != BlockState.ONLINE) & (each["memmap"] == MemmapKind.RAM)
            for each in (blocks, sums)
        ]
        nodes = np.concatenate((blocks["node"], ranges["node"], sums["node"])).astype(np.int64)
        found.append(
            (
                np.concatenate((pages, sums["blocks"] * (block // per_frame))),
                np.full(len(nodes), int(home["node"])),
                nodes,
                np.concatenate((offline[0], np.zeros(len(ranges), np.bool_), offline[1])),
            )
        )
    if not found:
        none = np.zeros(0, np.int64)
        return none, none, none, np.zeros(0, np.bool_)
    pages, lies, described, waits = (np.concatenate(each) for each in zip(*found, strict=True))
    return pages, lies, described, waits


def page_flags(state: State, pfn: int, kind: PageState) -> str:
    """Marks of the struct page of a page of this kind, between commas; ``none`` without.

    Vmemmap pages are marked by the series of 2019 when memory is added, by the merged design when
    it goes online (66361095129b, 6.0); they are reserved up to 6.10.
    """
    row = state.block_at(pfn)
    found: set[str] = set()
    if kind == PageState.VMEMMAP and row is not None:
        device = state.devices.get(int(row["device"]))
        if device is not None and device.head_pages:
            found = {"vmemmap", "reserved"}
        elif row["early"]:
            found = {"reserved"}
        elif row["vmemmap"] and row["state"] == BlockState.ONLINE:
            found = {"vmemmap"} if state.profile.is_since("6.0") else set()
            found |= set() if state.profile.is_since("6.11") else {"reserved"}
    elif kind in (PageState.RESERVED, PageState.DEVICE):
        found = {"reserved"}
    elif kind in FREE_BY_ZONE.values():
        found = {"buddy"}
    elif kind == PageState.PAGE_OFFLINE:
        held = state.taken.at(pfn)
        found = {"hwpoison" if held is not None and held["owner"] == POISONED else "offline"}
    elif kind in (PageState.HUGETLB, PageState.HUGETLB_OPTIMISED):
        found = {"hugetlb"}
    return ",".join(flag for flag in PAGE_FLAGS if flag in found) or "none"
