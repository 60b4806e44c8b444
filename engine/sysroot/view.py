"""A real machine, or a dump of one, as a view: what its files say and what follows from it.

What the files do not say stays unknown: the pages of an online block are ONLINE, an offline
block has no ``removable``, a node without a link is None. What is inferred is called so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.finding import Finding
from engine.geometry import Geometry
from engine.kinds import ZONE_BY_LABEL, PageState, ZoneType
from engine.sysroot.architecture import geometry_of
from engine.sysroot.inference import (
    MEMMAP_WORDS,
    NO_RULE,
    ON_MEMORY,
    UNKNOWN,
    ZONE_RULES,
    Inferred,
    covered,
    infer,
    merge,
)
from engine.sysroot.observation import Observation
from engine.sysroot.page_runs import PageRuns, device_ranges, page_runs
from engine.sysroot.parse import ZoneInfo
from engine.view import NR_PAGE_STATES, BlockRow, NodeRow, PageRow, ResourceRow, ZoneRow

if TYPE_CHECKING:
    from engine.memory.state import State

PARAM_ORDER = (
    "memmap_on_memory",
    "online_policy",
    "auto_movable_ratio",
    "auto_movable_numa_aware",
    "auto_online_blocks",
    "movable_node",
    "hugetlb_free_vmemmap",
)
ASSUMED_PROFILE = "6.12"
"""The rules where the kernel's release is not known."""


class SysrootView:
    """:class:`engine.view.View` over one observation."""

    def __init__(self, observation: Observation, *, page_bytes: int | None = None) -> None:
        """``page_bytes``: the page size, where a person knows it and the tree does not say."""
        self.observation = observation
        self.page_bytes = page_bytes
        self._geometry, self._assumed = geometry_of(observation, page_bytes)
        self.disagreements: tuple[Finding, ...] = ()
        """Where the model foresaw something else (see ``explain``)."""

    # -- the machine ---------------------------------------------------------------------
    @property
    def title(self) -> str:
        """The root of the tree or the name of the capture, and the kernel."""
        kernel = self.observation.kernel
        return f"{self.observation.title} (Linux {kernel})" if kernel else self.observation.title

    @property
    def geometry(self) -> Geometry:
        """Page, section and block sizes."""
        return self._geometry

    @cached_property
    def profile_name(self) -> str:
        """The profile that fits the kernel's release best."""
        from engine.profile import profile_of

        kernel = self.observation.kernel
        return profile_of(kernel).name if kernel else ASSUMED_PROFILE

    @cached_property
    def params(self) -> tuple[tuple[str, str], ...]:
        """The parameters that could be read; others are left out."""
        known = self.observation.params
        return tuple((name, known[name]) for name in PARAM_ORDER if name in known)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is missing, odd or assumed, and why; ready to show."""
        notes = [*self.observation.notes, *self._assumed]
        if self.observation.kernel is None:
            notes.append(f"the kernel is not known: the rules of {ASSUMED_PROFILE} are assumed")
        if self.observation.zones is None and len(self.observation.blocks):
            notes.append(
                "zones are inferred from the blocks: spans may be larger, managed is not known"
            )
        odd = {zone.name for zone in self._zone_infos if zone.name not in ZONE_BY_LABEL}
        notes += [f"zone {name} is not one that this program knows" for name in sorted(odd)]
        return tuple(dict.fromkeys(notes))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Disagreements with the model, then the notes."""
        return (*self.disagreements, *(Finding("not-known", text) for text in self.notes))

    def with_disagreements(self, disagreements: tuple[Finding, ...]) -> SysrootView:
        """The same machine with findings about what the model foresaw."""
        view = SysrootView(self.observation, page_bytes=self.page_bytes)
        view.disagreements = disagreements
        return view

    @cached_property
    def state(self) -> State:
        """The machine as a simulated one (see ``what_if``)."""
        from engine.sysroot.what_if import state_of

        return state_of(self)

    # -- zones and nodes -----------------------------------------------------------------
    @property
    def _zone_infos(self) -> tuple[ZoneInfo, ...]:
        return self.observation.zones or ()

    @cached_property
    def _read_zones(self) -> tuple[ZoneRow, ...]:
        rows = []
        for zone in self._zone_infos:
            kind = ZONE_BY_LABEL.get(zone.name)
            if kind is not None:
                start = zone.start_pfn if zone.start_pfn is not None else 0
                row = ZoneRow(zone.node, kind, start, zone.spanned, zone.present, zone.managed)
                rows.append(self._with_device_start(row))
        return tuple(rows)

    def _with_device_start(self, row: ZoneRow) -> ZoneRow:
        """The kernel prints no start of ZONE_DEVICE: the lowest persistent memory, if any."""
        if row.zone != ZoneType.DEVICE or not row.spanned or row.start_pfn:
            return row
        ranges = device_ranges(self.observation.iomem, self.geometry.page_shift)
        return replace(row, start_pfn=int(ranges[0, 0])) if len(ranges) else row

    @cached_property
    def zones(self) -> tuple[ZoneRow, ...]:
        """Zones as read; without ``/proc/zoneinfo``, the least that the blocks imply."""
        if self.observation.zones is not None:
            return self._read_zones
        blocks, pages = self.observation.blocks, self.geometry.block_pages
        rows = []
        for code, nodes in enumerate(blocks.node_sets):
            node = nodes[0] if nodes else 0
            for kind in np.unique(self.inferred.zone).tolist():
                mine = (self.inferred.zone == kind) & (blocks.nodes == code)
                if kind < 0 or not mine.any():
                    continue
                ids = blocks.ids[mine]
                present = int(self.inferred.present[mine].sum())
                start, end = int(ids[0]) * pages, (int(ids[-1]) + 1) * pages
                rows.append(ZoneRow(node, ZoneType(kind), start, end - start, present, present))
        return tuple(sorted(rows, key=lambda row: (row.node, row.zone)))

    @cached_property
    def nodes(self) -> tuple[NodeRow, ...]:
        """Every node that is online, has a directory, a zone or a block."""
        masks = self.observation.masks
        linked = {n for nodes in self.observation.blocks.node_sets for n in nodes or ()}
        numbers = {*masks.get("online", ()), *self.observation.node_ids, *linked}
        numbers |= {row.node for row in self.zones}
        rows = []
        for number in sorted(numbers):
            mine = [row for row in self.zones if row.node == number and row.spanned]
            low = min((row.start_pfn for row in mine), default=0)
            high = max((row.end_pfn for row in mine), default=0)
            present = sum(row.present for row in mine)
            normal = any(row.present for row in mine if row.zone < ZoneType.MOVABLE)
            rows.append(
                NodeRow(
                    number,
                    low,
                    high - low,
                    present,
                    number in masks["online"] if "online" in masks else True,
                    number in masks["has_memory"] if "has_memory" in masks else present > 0,
                    number in masks["has_normal_memory"]
                    if "has_normal_memory" in masks
                    else normal,
                    number in masks.get("has_cpu", ()),
                )
            )
        return tuple(rows)

    @cached_property
    def resources(self) -> tuple[ResourceRow, ...]:
        """The lines of ``/proc/iomem`` about memory."""
        lines = self.observation.iomem or ()
        return tuple(ResourceRow(line.depth, line.start, line.end, line.name) for line in lines)

    # -- pfns ------------------------------------------------------------------------------
    @cached_property
    def inferred(self) -> Inferred:
        """What follows from the files (see ``inference``)."""
        return infer(self.observation, self.geometry, self._read_zones)

    @cached_property
    def _runs(self) -> PageRuns:
        return page_runs(self.observation, self.geometry, self.inferred, self._read_zones)

    @cached_property
    def _extents(self) -> NDArray[np.int64]:
        starts = self.observation.blocks.ids * self.geometry.block_pages
        blocks = np.stack((starts, starts + self.geometry.block_pages), axis=1)
        both = np.concatenate((blocks, self._runs.devices))
        return merge(both[np.argsort(both[:, 0], kind="stable")])

    def extents(self) -> NDArray[np.int64]:
        """Ranges that hold memory, int64 (n, 2), ascending and disjoint."""
        return self._extents

    @property
    def first_pfn(self) -> int:
        """Lowest pfn with memory."""
        return int(self._extents[0, 0]) if len(self._extents) else 0

    @property
    def end_pfn(self) -> int:
        """First pfn behind all memory."""
        return int(self._extents[-1, 1]) if len(self._extents) else 0

    def page_counts(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pages of each state between successive edges: int64 (n, NR_PAGE_STATES)."""
        total = np.zeros((len(edges) - 1, NR_PAGE_STATES), np.int64)
        for kind, ranges in self._runs.by_kind:
            total[:, kind] = np.diff(covered(ranges, edges))
        total[:, PageState.HOLE] += np.diff(edges) - total.sum(axis=1)
        return total

    def page(self, pfn: int) -> PageRow:
        """Everything known about one page frame."""
        geometry = self.geometry
        block = pfn // geometry.block_pages
        index = self._index(block)
        state = self._runs.state_of(pfn)
        memmap_pfn: int | None = None
        dependents: tuple[tuple[int, int], ...] = ()
        note = ""
        if index is not None and self.inferred.memmap[index] == ON_MEMORY:
            start, per_frame = block * geometry.block_pages, geometry.pages_per_struct_page_frame
            memmap_pfn = start + (pfn - start) // per_frame
            note = "inferred: present and managed pages of its zone"
            if state == PageState.VMEMMAP:
                first = start + (pfn - start) * per_frame
                nr_pages = min(per_frame, start + geometry.block_pages - first)
                dependents = ((first, nr_pages),) if nr_pages > 0 else ()
        return PageRow(
            pfn=pfn,
            state=state,
            block=None if index is None else block,
            section=pfn // geometry.section_pages,
            node=None if index is None else self._node(index),
            zone=self._zone_at(pfn, index, state),
            memmap_pfn=memmap_pfn,
            dependents=dependents,
            note=note,
        )

    def _zone_at(self, pfn: int, index: int | None, state: PageState) -> ZoneType:
        """Zone of a page: its block's, else the only one that can hold it."""
        if state == PageState.DEVICE:
            return ZoneType.DEVICE
        if index is None or self.observation.blocks.state_word(index) == "offline":
            return ZoneType.NONE
        zone = ZoneType(int(self.inferred.zone[index]))
        if zone != ZoneType.NONE:
            return zone
        spanning = {
            row.zone
            for row in self._read_zones
            if row.start_pfn <= pfn < row.end_pfn and row.zone != ZoneType.DEVICE
        }
        return spanning.pop() if len(spanning) == 1 else ZoneType.NONE

    # -- blocks ------------------------------------------------------------------------------
    @property
    def nr_blocks(self) -> int:
        """Number of memory blocks."""
        return len(self.observation.blocks)

    def block_ids(self, first_rank: int, count: int) -> NDArray[np.int64]:
        """Ids of the blocks with these ranks."""
        first = max(0, first_rank)
        return self.observation.blocks.ids[first : first + max(0, count)]

    def rank_of(self, block_id: int) -> int:
        """How many blocks have a lower id."""
        return int(np.searchsorted(self.observation.blocks.ids, block_id))

    def _index(self, block_id: int) -> int | None:
        ids = self.observation.blocks.ids
        index = int(np.searchsorted(ids, block_id))
        return index if index < len(ids) and ids[index] == block_id else None

    def _node(self, index: int) -> int | None:
        """The node of a block; None where it has several, or none that is known."""
        nodes = self.observation.blocks.node_set(index)
        return nodes[0] if nodes is not None and len(nodes) == 1 else None

    def block(self, block_id: int) -> BlockRow | None:
        """One block, None where there is none."""
        index = self._index(block_id)
        if index is None:
            return None
        blocks, inferred = self.observation.blocks, self.inferred
        state, words = blocks.state_word(index), blocks.zone_words(index)
        vmemmap = int(inferred.vmemmap[index])
        removable = int(blocks.removable[index])
        rule = int(inferred.zone_rule[index])
        return BlockRow(
            id=block_id,
            state=state,
            node=self._node(index),
            zone=ZoneType(int(inferred.zone[index])),
            valid_zones=words or (),
            # The file of an offline block says 1 and means nothing.
            removable=None if removable < 0 or state == "offline" else removable == 1,
            start_pfn=block_id * self.geometry.block_pages,
            nr_pages=self.geometry.block_pages,
            present_pages=int(inferred.present[index]),
            vmemmap_pages=None if vmemmap == UNKNOWN else vmemmap,
            device=None,
            memmap=MEMMAP_WORDS[int(inferred.memmap[index])],
            zone_rule=self._policy_rule(block_id, words) if rule == NO_RULE else ZONE_RULES[rule],
        )

    def _policy_rule(self, block_id: int, words: tuple[str, ...] | None) -> str:
        """Why an offline block would go where ``valid_zones`` says, by the model's rules."""
        from engine.operations.zone_policy import valid_zones

        row = self.state.blocks.at(block_id)
        if row is None:
            return ""
        names, rule = valid_zones(self.state, block_id, row)
        if words is None:
            return f"inferred: {' '.join(names)}, because {rule}"
        return rule if names == words else f"the model foresees {' '.join(names)}, because {rule}"

    def block_counts(self) -> dict[str, int]:
        """How many blocks are in each state."""
        blocks = self.observation.blocks
        counts = np.bincount(blocks.state, minlength=len(blocks.states)).tolist()
        return {word: count for word, count in zip(blocks.states, counts, strict=True) if count}

    def block_runs(self) -> Iterator[tuple[int, int]]:
        """(first, last) ids of neighbouring blocks that are alike in every column."""
        blocks, inferred = self.observation.blocks, self.inferred
        starts = blocks.run_starts()
        change = np.zeros(len(blocks), bool)
        change[starts] = True
        for column in (inferred.present, inferred.vmemmap, inferred.memmap, inferred.zone):
            change[1:] |= column[1:] != column[:-1]
        firsts = np.flatnonzero(change)
        lasts = np.append(firsts[1:], len(blocks))[: len(firsts)] - 1
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            yield int(blocks.ids[first]), int(blocks.ids[last])

    def node_block_counts(self) -> list[tuple[int | None, int, int]]:
        """(node, online blocks, blocks) of each node that has blocks; None: not known."""
        blocks = self.observation.blocks
        online = np.isin(blocks.state, [c for c, w in enumerate(blocks.states) if w == "online"])
        out: list[tuple[int | None, int, int]] = []
        for code, nodes in enumerate(blocks.node_sets):
            mine = blocks.nodes == code
            node = nodes[0] if nodes is not None and len(nodes) == 1 else None
            out.append((node, int((mine & online).sum()), int(mine.sum())))
        return sorted(out, key=lambda row: (row[0] is None, row[0] or 0))
