"""The bill: what each device gives and costs, and what each node pays for it."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.facts import DeviceFacts, device_facts, node_memmap
from pfnmap.engine.kinds import PageState
from pfnmap.engine.memory.free_memory import free_of
from pfnmap.engine.memory.page_map import zone_pieces
from pfnmap.engine.memory.runs import sorted_set
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.memory.totals import totals_of
from pfnmap.engine.sizes import counted, ranged
from pfnmap.tui.figure.amounts import human
from pfnmap.tui.figure.gauge import plugged_words
from pfnmap.tui.figure.result import memmap_in_ram, memmap_place


class HugePages(Struct, frozen=True):
    """The huge pages in a device: pages in each condition, and vmemmap pages saved."""

    optimised: int
    refused: int
    corrupt: int
    saved_pages: int


NO_HUGE_PAGES = HugePages(0, 0, 0, 0)


class DeviceBill(Struct, frozen=True):
    """A DIMM or ZONE_DEVICE range; bytes, and pages where the name says so."""

    name: str
    size_bytes: int
    first_block: int
    nr_blocks: int
    """0 for ZONE_DEVICE memory, which has none."""
    online: int
    """Blocks that are online."""
    memmap_place: str
    memmap_pages: int
    """Pages of its struct pages, wherever they are."""
    usable_bytes: int
    longest_bytes: int
    """The longest usable range without a vmemmap page in it."""
    all_vmemmap_blocks: int
    heads: int
    refcount: int
    private: int
    hosting: int
    """Blocks that hold their own struct pages, as nr_vmemmap_pages of the block counts them."""
    vmemmap_pages: int
    """Pages of the device that hold struct pages of its own."""
    huge: HugePages | None
    plugged: str = ""
    """Of a virtio-mem device: how much is plugged of what is requested."""
    zone_device: bool = False
    """Whether its memory is ZONE_DEVICE memory."""

    def lines(self, last: DeviceBill | None = None) -> list[tuple[str, str]]:
        """(what, words): one fact each; up to ``last``, where others are like this one."""
        blocks = "ZONE_DEVICE" if self.zone_device else "no memory block"
        if self.nr_blocks:
            end = (last or self).first_block + self.nr_blocks - 1
            blocks = f"{ranged('block', self.first_block, end)}, {self.online} online"
        facts = [
            ("size", f"{human(self.size_bytes)}, {blocks}"),
            ("struct pages", self.memmap_place),
            ("usable", human(self.usable_bytes)),
            ("longest run", human(self.longest_bytes)),
        ]
        if self.plugged:
            facts.insert(1, ("plugged", self.plugged))
        if self.all_vmemmap_blocks:
            facts.append(("nothing but struct pages", counted(self.all_vmemmap_blocks, "block")))
        if self.heads:
            words = f"{self.heads} x (refcount {self.refcount}, private {self.private})"
            facts.append(("heads", words))
        elif self.hosting:
            each = self.vmemmap_pages // self.hosting
            facts.append(("nr_vmemmap_pages", f"{each} in {counted(self.hosting, 'block')}"))
        if self.huge is not None:
            h = self.huge
            words = f"{h.optimised} optimised, {h.refused} not, {h.corrupt} corrupt"
            facts.append(("huge pages", f"{words}; {counted(h.saved_pages, 'page')} saved"))
        return facts


class NodeBill(Struct, frozen=True):
    """A node; pages."""

    node: int
    free_pages: int | None
    """Free for the kernel, so for struct pages; None of a real machine, which does not say."""
    movable_free_pages: int
    waiting_pages: int
    """Pages of it that hold struct pages of blocks that are not online."""
    memmap_pages: int
    """Pages of it that hold struct pages of hot-added memory."""
    remote_pages: int
    """The part of them that describes memory of other nodes."""
    freelist: tuple[tuple[int, int], ...]

    def lines(self, page_bytes: int) -> list[tuple[str, str]]:
        """(what, words): one fact each."""

        def words(pages: int) -> str:
            return f"{human(pages * page_bytes)} ({counted(pages, 'page')})"

        facts = [] if self.free_pages is None else [("free now", words(self.free_pages))]
        if self.movable_free_pages:
            facts.append(("free in Movable", words(self.movable_free_pages)))
        if self.memmap_pages:
            facts.append(("holds struct pages", words(self.memmap_pages)))
        if self.waiting_pages:
            facts.append(("of memory not online yet", words(self.waiting_pages)))
        if self.remote_pages:
            facts.append(("of memory of other nodes", words(self.remote_pages)))
        if self.freelist:
            facts.append(("buddy list", " ".join(f"{order}:{n}" for order, n in self.freelist)))
        return facts


class Bill(Struct, frozen=True):
    """Who holds what at one moment."""

    devices: tuple[DeviceBill, ...]
    nodes: tuple[NodeBill, ...]
    page_bytes: int

    def lines(self) -> list[tuple[str, str, str]]:
        """(who, what, words): one fact each, devices first; those that are alike are one."""
        facts = []
        for alike in self.alike:
            name = alike[0].name
            if len(alike) > 1:
                name = f"{name} ... {alike[-1].name}, each of {counted(len(alike), 'device')}"
            facts += [(name, *fact) for fact in alike[0].lines(alike[-1])]
        for nodes in self._nodes_alike():
            name = ranged("node", nodes[0].node, nodes[-1].node) + (", each" * (len(nodes) > 1))
            facts += [(name, *fact) for fact in nodes[0].lines(self.page_bytes)]
        return facts

    def short(self) -> list[tuple[str, str]]:
        """(who, words): a line each, as :meth:`lines` but all facts of one, the long one last."""
        facts: dict[str, list[str]] = {}
        for who, what, words in sorted(self.lines(), key=lambda line: line[1] == "struct pages"):
            facts.setdefault(who, []).append(words if what == "size" else f"{what} {words}")
        return [(who, "; ".join(words)) for who, words in facts.items()]

    def _nodes_alike(self) -> list[list[NodeBill]]:
        """The nodes, neighbours that differ in their number only together."""
        grouped = groupby(self.nodes, lambda bill: replace(bill, node=0))
        return [list(alike) for _, alike in grouped]

    @property
    def alike(self) -> list[list[DeviceBill]]:
        """The devices, neighbours that differ in name and place only together."""
        grouped = groupby(self.devices, lambda bill: replace(bill, name="", first_block=0))
        return [list(alike) for _, alike in grouped]


def bill_of(state: State) -> Bill:
    """The bill of a machine."""
    geometry = state.geometry
    devices = sorted(state.devices.values(), key=lambda device: (device.start_pfn, device.id))
    bills = [
        _device(state, device, facts)
        for device in devices
        if (facts := device_facts(state, device.name)) is not None
    ]
    taken, held = state.taken.rows, Counter[int]()
    of_devices = np.isin(taken["owner"], [*state.devices])
    taken, pages = taken[(taken["kind"] == PageState.VMEMMAP) & of_devices], geometry.block_pages
    for block in sorted_set(taken["start"] // pages).tolist():
        for low, high, number, _ in zone_pieces(state, block * pages, (block + 1) * pages):
            first, end = np.searchsorted(taken["start"], (low, high))
            held[number] += int(taken["count"][first:end].sum())
    nodes = [number for number, node in enumerate(state.nodes) if node.online and node.spanned]
    return Bill(
        tuple(bills),
        tuple(_node(state, number, held[number]) for number in nodes),
        geometry.page_bytes,
    )


def _device(state: State, device: Device, facts: DeviceFacts) -> DeviceBill:
    geometry = state.geometry
    (first, end), blocks, hosting = state.blocks_of(device), 0, 0
    if device.is_ram:
        rows = totals_of(state.blocks, geometry.block_pages).extents_of(first, end)
        blocks = int(rows["count"].sum())
        hosting = int(rows["count"][rows["vmemmap"] > 0].sum())
        first = int(rows["start"][0]) if len(rows) else first
    in_ram = int(memmap_in_ram(state, device)["count"].sum())
    return DeviceBill(
        name=device.name,
        size_bytes=device.nr_pages * geometry.page_bytes,
        first_block=first,
        nr_blocks=blocks,
        online=facts.online_blocks,
        memmap_place=memmap_place(state, device),
        memmap_pages=in_ram + facts.vmemmap_pages,
        usable_bytes=facts.usable_bytes,
        longest_bytes=facts.largest_run_bytes,
        all_vmemmap_blocks=facts.all_vmemmap_blocks,
        heads=facts.heads,
        refcount=facts.refcount,
        private=facts.private,
        hosting=hosting,
        vmemmap_pages=facts.vmemmap_pages,
        huge=_huge(state, device),
        plugged=_plugged(state, device),
        zone_device=not device.is_ram,
    )


def _plugged(state: State, device: Device) -> str:
    if not device.is_dynamic:
        return ""
    return f"{plugged_words(state, device)} requested"


def _huge(state: State, device: Device) -> HugePages | None:
    inside = [
        pages
        for pages in state.hugetlb.values()
        if device.start_pfn <= pages.start_pfn < device.end_pfn
    ]
    if not inside:
        return None
    return HugePages(
        optimised=sum(pages.count for pages in inside if pages.freed_pages),
        refused=sum(pages.count for pages in inside if not pages.freed_pages),
        corrupt=sum(pages.count for pages in inside if pages.verdict == "corrupts"),
        saved_pages=sum(pages.freed_pages for pages in inside),
    )


def _node(state: State, number: int, memmap_pages: int) -> NodeBill:
    kernel, movable = free_of(state, number)
    memmap = node_memmap(state, number)
    return NodeBill(
        number,
        None if state.recorded else kernel,
        0 if state.recorded else movable,
        waiting_pages=memmap.pending,
        memmap_pages=memmap_pages,
        remote_pages=memmap.foreign,
        freelist=tuple(state.freelists.get(number, ())),
    )
