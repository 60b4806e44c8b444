"""The view of a simulated machine: everything a painter may ask, answered from a state."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.finding import Finding
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import REAL_ZONES, BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory import memmap
from pfnmap.engine.memory.alike import alike_blocks, block_kinds
from pfnmap.engine.memory.checks import span_findings
from pfnmap.engine.memory.page_map import PageMap, page_zone
from pfnmap.engine.memory.runs import joined_ranges
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.totals import totals_of
from pfnmap.engine.memory.unplugged import driven_rows
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.view import (
    BlockKinds,
    BlockRow,
    DrivenRow,
    HugetlbPool,
    MemoryConfig,
    NodeRow,
    PageRow,
    ResourceRow,
    ZoneRow,
)

_MEMMAP_WORDS: dict[int, str] = {
    MemmapKind.BOOT: "boot",
    MemmapKind.RAM: "ram",
    MemmapKind.PER_BLOCK: "on_memory",
    MemmapKind.PER_DEVICE: "device",
}

MOST_PAGES = 256
"""Rows of single pages that a view remembers; a screen asks for some ten."""


class ModelView:
    """:class:`pfnmap.engine.view.View` over one immutable state."""

    real = False
    pools: tuple[HugetlbPool, ...] = ()
    config: tuple[MemoryConfig, ...] = ()
    page_source = ""

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def title(self) -> str:
        """Where the machine comes from."""
        return self.state.title

    @property
    def notes(self) -> tuple[str, ...]:
        """What was said about the machine and does nothing."""
        return self.state.notes

    @property
    def geometry(self) -> Geometry:
        """Page, section and block sizes."""
        return self.state.geometry

    @property
    def profile_name(self) -> str:
        """The profile in force."""
        return self.state.profile.name

    @property
    def kernel_release(self) -> str:
        """The kernel that was asked for where it is newer than all whose rules are known."""
        return self.state.profile.kernel

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Parameters that the kernel has, as the words ``set`` takes."""
        has = self.state.profile.has_param
        return tuple(pair for pair in self.state.params.words() if has(pair[0]))

    @cached_property
    def zones(self) -> tuple[ZoneRow, ...]:
        """Every zone of every online node, and zones that outlived their node."""
        return tuple(
            ZoneRow(
                number, kind, zone.start_pfn, zone.spanned, zone.present, zone.managed, zone.cma
            )
            for number, node in enumerate(self.state.nodes)
            for kind in REAL_ZONES
            for zone in (node.zones[kind],)
            if node.online or zone.spanned
        )

    @cached_property
    def nodes(self) -> tuple[NodeRow, ...]:
        """Every possible node."""
        normal = self.state.nodes_in("has_normal_memory")
        return tuple(
            NodeRow(
                number,
                node.start_pfn,
                node.spanned,
                node.present,
                node.online,
                node.has_memory,
                number in normal,
                node.has_cpu,
            )
            for number, node in enumerate(self.state.nodes)
        )

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules in force have broken: while it lasts, and for good."""
        return (*self.state.findings, *span_findings(self.state))

    @cached_property
    def resources(self) -> tuple[ResourceRow, ...]:
        """The lines of ``/proc/iomem``."""
        return tuple(ResourceRow(r.depth, r.start, r.end, r.name) for r in self.state.resources)

    @property
    def first_pfn(self) -> int:
        """Lowest pfn with memory."""
        extents = self.extents()
        return int(extents[0, 0]) if len(extents) else 0

    @property
    def end_pfn(self) -> int:
        """First pfn behind all memory."""
        extents = self.extents()
        return int(extents[-1, 1]) if len(extents) else 0

    @cached_property
    def _extents(self) -> NDArray[np.int64]:
        pages = self.state.geometry.block_pages
        rows = totals_of(self.state.blocks, pages).extents
        devices = self.state.device_ranges.rows
        starts = np.concatenate((rows["start"] * pages, devices["start"]))
        ends = np.concatenate(
            ((rows["start"] + rows["count"]) * pages, devices["start"] + devices["count"])
        )
        return joined_ranges(np.stack((starts, ends), axis=1))

    def extents(self) -> NDArray[np.int64]:
        """Ranges that hold memory, int64 (n, 2), ascending and disjoint."""
        return self._extents

    @property
    def nr_blocks(self) -> int:
        """Number of memory blocks."""
        return self.state.blocks.nr_keys

    def block_ids(self, first_rank: int, count: int) -> NDArray[np.int64]:
        """Ids of the blocks with these ranks."""
        return self.state.blocks.keys_from(first_rank, count)

    def block_runs(self, *, reasons: bool = False) -> Iterator[tuple[int, int]]:
        """All blocks in runs that the model says the same about."""
        return alike_blocks(self.state, 0, self.state.blocks.end_key)

    def block_kinds(self, *, rules: bool = False) -> BlockKinds:
        """All blocks in runs, and which of them are of one kind."""
        return block_kinds(self.state)

    def rank_of(self, block_id: int) -> int:
        """How many blocks have a lower id."""
        return self.state.blocks.rank(block_id)

    def block(self, block_id: int) -> BlockRow | None:
        """One block, None where there is none."""
        if (row := self.state.blocks.at(block_id)) is None:
            return None
        names, rule = valid_zones(self.state, block_id, row)
        device = self.state.devices.get(int(row["device"]))
        return BlockRow(
            id=block_id,
            state=BlockState(int(row["state"])).word,
            node=int(row["node"]),
            zone=ZoneType(int(row["zone"])),
            valid_zones=names,
            removable=True,
            start_pfn=self.state.block_pfn(block_id),
            nr_pages=self.state.geometry.block_pages,
            present_pages=int(row["present"]),
            vmemmap_pages=int(row["vmemmap"]),
            device=device.name if device else None,
            memmap=_MEMMAP_WORDS[int(row["memmap"])],
            zone_rule=rule,
        )

    def block_counts(self, first: int = 0, end: int | None = None) -> dict[str, int]:
        """How many blocks are in each state."""
        blocks = self.state.blocks
        rows = blocks.rows if end is None else blocks.slice(first, end)
        counts = np.bincount(rows["state"], weights=rows["count"], minlength=len(BlockState))
        return {state.word: int(counts[state]) for state in BlockState if counts[state]}

    def node_block_counts(self) -> list[tuple[int | None, int, int]]:
        """(node, online blocks, blocks) of each node that has blocks."""
        rows = self.state.blocks.rows
        out: list[tuple[int | None, int, int]] = []
        for node in np.unique(rows["node"]).tolist():
            mine = rows[rows["node"] == node]
            online = mine["count"][mine["state"] == BlockState.ONLINE]
            out.append((node, int(online.sum()), int(mine["count"].sum())))
        return out

    def driven(self) -> list[DrivenRow]:
        """The devices whose drivers add memory."""
        return driven_rows(self.state)

    def offline_obstacle(self, row: BlockRow) -> str:
        """Why a block cannot be offlined; empty when nothing is known."""
        from pfnmap.engine.operations.offline import offline_obstacle  # for one table only

        return offline_obstacle(self.state, row)

    @cached_property
    def _page_map(self) -> PageMap:
        return PageMap(self.state)

    def page_counts(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pages of each state between successive edges."""
        return self._page_map.counts(edges)

    def free_states(self, pfns: NDArray[np.int64]) -> NDArray[np.int8]:
        """More is known of every page here than its zone."""
        return np.full(len(pfns), int(PageState.ONLINE), np.int8)

    def page(self, pfn: int) -> PageRow:
        """Everything about one page frame."""
        row = self._pages.get(pfn)
        if row is None:
            if len(self._pages) >= MOST_PAGES:
                self._pages.clear()
            row = self._pages[pfn] = self._page(pfn)
        return row

    @cached_property
    def _pages(self) -> dict[int, PageRow]:
        """Pages that were asked for: panels of one screen ask for the same few."""
        return {}

    def _page(self, pfn: int) -> PageRow:
        state = self.state
        kind = self._page_map.state_of(pfn)
        block = pfn // state.geometry.block_pages
        row = state.blocks.at(block)
        node, zone = page_zone(state, pfn)
        head, private, freelist = self._head(pfn) if kind == PageState.VMEMMAP else (None,) * 3
        stands = row is None or row["initialised"] or row["early"] or head is not None
        return PageRow(
            pfn=pfn,
            state=kind,
            block=block if row is not None else None,
            section=pfn // state.geometry.section_pages,
            node=node if node >= 0 else None,
            zone=zone,
            memmap_pfn=memmap.home_of(state, pfn) if kind != PageState.HOLE else None,
            dependents=memmap.dependents_of(state, pfn),
            refcount=head,
            private=private,
            freelist_pfn=freelist,
            note="; ".join(self._notes(pfn, kind, stands=stands)),
        )

    def _notes(self, pfn: int, kind: PageState, *, stands: bool) -> Iterator[str]:
        """What is odd about a page or its struct page."""
        if not stands:
            yield "its struct page is not initialised"
        home = self.state.homes.at(pfn)
        if home is not None and home["base"]:
            yield "its struct page is mapped by a base page"
        if why := self._why_huge(pfn, kind):
            yield why

    def _why_huge(self, pfn: int, kind: PageState) -> str:
        """Whether the vmemmap of a huge page was given back, and the rule's reason."""
        held = self.state.taken.at(pfn)
        pages = None if held is None else self.state.hugetlb.get(int(held["owner"]))
        if pages is None or kind not in (PageState.HUGETLB, PageState.HUGETLB_OPTIMISED):
            return ""
        done = "given back" if kind == PageState.HUGETLB_OPTIMISED else "kept"
        return f"{pages.name}: vmemmap {done}: {pages.reason}"

    def _head(self, pfn: int) -> tuple[int | None, int | None, int | None]:
        """(refcount, private, freelist) of a vmemmap page under the schemes of 2019."""
        if (chunk := memmap.head_of(self.state, pfn)) is None:
            return None, None, None
        head, pages, sections = chunk
        if pfn == head:
            return self.state.heads.get(head, sections), pages, head
        return 1, None, head
