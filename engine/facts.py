"""Facts about a machine that no single screen row holds: devices, huge pages, totals.

Everything is computed from the state's runs; nothing here changes a machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from pfnmap.engine.kinds import MemmapKind, PageState
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.state import Device, State


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
    heads: int
    refcount: int
    private: int
    all_vmemmap_blocks: int
    """Memory blocks with nothing but struct pages in them."""


def device_facts(state: State, name: str) -> DeviceFacts | None:
    """The layout of a DIMM or ZONE_DEVICE range, None when there is no such device."""
    device = state.device_named(name)
    if device is None:
        return None
    if device.kind == "dimm":
        return _dimm_facts(state, device)
    usable = (device.nr_pages - device.altmap_pages) * state.geometry.page_bytes
    return DeviceFacts(usable, usable, device.altmap_pages, 0, 0, 0, 0)


def _dimm_facts(state: State, device: Device) -> DeviceFacts:
    geometry = state.geometry
    pages = geometry.block_pages
    rows = state.blocks.slice(device.start_pfn // pages, device.end_pfn // pages)
    run = longest = 0
    expected_start = -1
    for row in rows:
        start, count, vmemmap = int(row["start"]), int(row["count"]), int(row["vmemmap"])
        run = run if start == expected_start and not vmemmap else 0
        run += count * pages if not vmemmap else pages - vmemmap
        longest = max(longest, run)
        expected_start = start + count
    vmemmap_pages = int((rows["count"] * rows["vmemmap"]).sum())
    heads = refcount = private = 0
    if device.head_pages:
        # The series of 2019: each chunk has a head page. The merged design only counts pages.
        heads, sections = int(vmemmap_pages > 0), device.nr_pages // geometry.section_pages
        if device.memmap == MemmapKind.PER_BLOCK:
            heads = int(rows["count"][rows["vmemmap"] > 0].sum())
            sections = geometry.sections_per_block
        private = device.head_pages
        refcount = state.heads.get(device.start_pfn, sections)
    nr_pages = int(rows["count"].sum()) * pages
    return DeviceFacts(
        usable_bytes=(nr_pages - vmemmap_pages) * geometry.page_bytes,
        largest_run_bytes=longest * geometry.page_bytes,
        vmemmap_pages=vmemmap_pages,
        heads=heads,
        refcount=refcount,
        private=private,
        all_vmemmap_blocks=int(rows["count"][rows["vmemmap"] >= pages].sum()),
    )


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
    return TotalFacts(
        managed=managed,
        present=sum(zone.present for zone in zones),
        usable_bytes=(managed - in_ram) * page_bytes,
        memmap_bytes=(in_ram + _self_hosted_pages(state)) * page_bytes,
        remote_memmap_bytes=_remote_pages(state) * page_bytes,
    )


def free_kernel_bytes(state: State, node: int) -> int:
    """Free memory of a node that struct pages can be taken from: not Movable."""
    kernel, _movable = free_memory.free_of(state, node)
    return kernel * state.geometry.page_bytes


def _self_hosted_pages(state: State) -> int:
    """Pages of hot-added memory that hold its own struct pages."""
    rows = state.blocks.rows
    hot = rows[rows["device"] >= 0]
    altmaps = sum(device.altmap_pages for device in state.devices.values())
    return int((hot["count"] * hot["vmemmap"]).sum()) + altmaps


def _remote_pages(state: State) -> int:
    """Pages that hold struct pages of memory on another node."""
    per_frame = state.geometry.pages_per_struct_page_frame
    total = 0
    for home in state.homes.rows:
        start, bias = int(home["start"]), int(home["bias"])
        for low, high, node in _memory_in(state, start, start + int(home["count"])):
            if node != int(home["node"]):
                total += -(-(high + bias) // per_frame) - (low + bias) // per_frame
    return total


def _memory_in(state: State, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """(start, end, node) of the memory there is in [low, high): blocks and ZONE_DEVICE."""
    pages = state.geometry.block_pages
    for row in state.blocks.slice(low // pages, -(-high // pages)):
        start, end = int(row["start"]) * pages, int(row["start"] + row["count"]) * pages
        yield max(low, start), min(high, end), int(row["node"])
    for row in state.device_ranges.slice(low, high):
        yield int(row["start"]), int(row["start"] + row["count"]), int(row["node"])


class HugetlbFacts(Struct, frozen=True):
    """A set of huge pages."""

    optimised: bool
    """Whether the vmemmap of its pages was given back."""
    freed_pages: int
    """Page frames given back by the whole set."""
    verdict: str
    """``correct``, ``corrupts`` or ``lost-saving``: the rule's answer against the truth."""


def hugetlb_facts(state: State, name: str) -> HugetlbFacts | None:
    """The set of huge pages of that name, None when there is none."""
    for pages in state.hugetlb.values():
        if pages.name == name:
            freed = pages.freed_per_page * pages.count if pages.optimised else 0
            return HugetlbFacts(pages.optimised, freed, pages.verdict)
    return None
