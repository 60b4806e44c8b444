"""A real machine, or a dump of one, as a view: what its files say and what follows from it.

What the files do not say stays unknown: the pages of an online block are ONLINE, an offline
block has no ``removable``, a node without a link is None. What is inferred is called so.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.finding import Finding
from pfnmap.engine.kinds import FREE_BY_ZONE, KERNEL_ZONES, PageState, ZoneType
from pfnmap.engine.memory.alike import alike, block_kinds, kinds_of
from pfnmap.engine.memory.runs import joined_ranges
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.unplugged import driven_rows, virtio_unplugged
from pfnmap.engine.operations.offline import offline_obstacle
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.sysroot.held import with_held
from pfnmap.engine.sysroot.inference import (
    MEMMAP_WORDS,
    NO_RULE,
    ON_MEMORY,
    UNKNOWN,
    ZONE_RULES,
    covered,
    state_mask,
)
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.page_kinds import PageKinds, overlay
from pfnmap.engine.sysroot.page_runs import NO_RANGES, OPEN_KINDS, PageRuns, page_runs
from pfnmap.engine.sysroot.reading import Reading
from pfnmap.engine.sysroot.what_if import assumptions, state_of
from pfnmap.engine.view import NR_PAGE_STATES, BlockKinds, BlockRow, DrivenRow, PageRow


class SysrootView(Reading):
    """:class:`pfnmap.engine.view.View` over one observation."""

    real = True

    def __init__(self, observation: Observation, *, page_bytes: int | None = None) -> None:
        """``page_bytes``: the page size, where a person knows it and the tree does not say."""
        super().__init__(observation, page_bytes=page_bytes)
        self.disagreements: tuple[Finding, ...] = ()
        """Where the model foresaw something else (see ``explain``)."""
        self.known: State | None = None
        """The same machine in the model, where more is known of it than the files say."""
        self.pages: PageKinds | None = None
        """What single pages are, for the pfns that are looked at; None: not read."""

    # -- what the model says ----------------------------------------------------------------
    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Disagreements with the model, then the notes."""
        missing = () if self.pages is None else self.pages.notes
        said = dict.fromkeys((*self.notes, *(f"page kinds: {text}" for text in missing)))
        return (*self.disagreements, *(Finding("not-known", text) for text in said))

    def with_disagreements(self, disagreements: tuple[Finding, ...]) -> SysrootView:
        """The same machine with findings about what the model foresaw."""
        view = copy(self)
        view.__dict__.pop("findings", None)
        view.disagreements = disagreements
        return view

    @cached_property
    def _file_state(self) -> State:
        return self.known or state_of(self)

    @cached_property
    def state(self) -> State:
        """The machine as a simulated one (see ``what_if``), with the pages that cannot move."""
        if self.pages is None:
            return self._file_state
        return with_held(self._file_state, self.pages)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What ``state`` takes for granted, in sentences."""
        return assumptions(self, self.state, self.page_source)

    # -- single pages ------------------------------------------------------------------------
    def with_pages(self, pages: PageKinds | None) -> SysrootView:
        """The same machine, with what is known of single pages."""
        if pages is self.pages:
            return self
        view = copy(self)
        view.pages = pages
        for name in ("findings", "state"):
            view.__dict__.pop(name, None)
        view.__dict__["_runs"] = overlay(self._file_runs, pages) if pages else self._file_runs
        return view

    @property
    def page_source(self) -> str:
        """For a heading: how single pages are known (``pages sampled, 1 of 96``)."""
        return self.pages.words if self.pages else ""

    def online_ranges(self, low_pfn: int, high_pfn: int) -> NDArray[np.int64]:
        """Where the pfns of [low_pfn, high_pfn) are online memory: int64 (n, 2), ascending."""
        runs = self._file_runs
        mine = np.isin(runs.kinds, OPEN_KINDS) & (runs.starts < high_pfn) & (runs.ends > low_pfn)
        return joined_ranges(
            np.column_stack(
                (np.maximum(runs.starts[mine], low_pfn), np.minimum(runs.ends[mine], high_pfn))
            )
        )

    def free_states(self, pfns: NDArray[np.int64]) -> NDArray[np.int8]:
        """For each pfn what a free page is there: FREE_* of its zone, ONLINE if not known."""
        zone, spanned = np.full(len(pfns), int(ZoneType.NONE)), np.zeros(len(pfns), np.int64)
        for row in self.zones:
            inside = (pfns >= row.start_pfn) & (pfns < row.end_pfn)
            zone[inside] = int(row.zone)
            spanned += inside
        zone[spanned != 1] = int(ZoneType.NONE)
        ids = self.observation.blocks.ids
        if len(ids):
            block = pfns // self.geometry.block_pages
            index = np.minimum(np.searchsorted(ids, block), len(ids) - 1)
            own = np.where(ids[index] == block, self.inferred.zone[index], int(ZoneType.NONE))
            zone = np.where(own >= 0, own, zone)
        table = np.full(len(ZoneType), int(PageState.ONLINE), np.int8)
        for kind, state in FREE_BY_ZONE.items():
            table[kind] = int(state)
        return np.asarray(table[zone], np.int8)

    # -- pfns ------------------------------------------------------------------------------
    @cached_property
    def _file_runs(self) -> PageRuns:
        unplugged = NO_RANGES
        if any("virtio_mem" in owner for owner in self.owners):
            unplugged = virtio_unplugged(self._file_state)
        return page_runs(
            self.observation, self.geometry, self.inferred, self._read_zones, unplugged
        )

    @cached_property
    def _runs(self) -> PageRuns:
        return self._file_runs

    @cached_property
    def _extents(self) -> NDArray[np.int64]:
        starts = self.observation.blocks.ids * self.geometry.block_pages
        blocks = np.stack((starts, starts + self.geometry.block_pages), axis=1)
        both = np.concatenate((blocks, self._runs.devices))
        return joined_ranges(both)

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
        if state == PageState.PAGE_OFFLINE and self.pages is None:
            note = "inferred: its zone has fewer managed pages than present ones"
        if self.pages is not None:
            note = "; ".join(filter(None, (note, self.pages.page_words(pfn))))
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
            device=self.device_of(index),
            memmap=MEMMAP_WORDS[int(inferred.memmap[index])],
            zone_rule=self._policy_rule(block_id, words) if rule == NO_RULE else ZONE_RULES[rule],
        )

    def _policy_rule(self, block_id: int, words: tuple[str, ...] | None) -> str:
        """Why an offline block would go where ``valid_zones`` says, by the model's rules."""
        row = self.state.blocks.at(block_id)
        if row is None:
            return ""
        names, rule = valid_zones(self.state, block_id, row)
        if words is None:
            return f"inferred: {' '.join(names)}, because {rule}"
        return rule if names == words else f"the model foresees {' '.join(names)}, because {rule}"

    def block_counts(self, first: int = 0, end: int | None = None) -> dict[str, int]:
        """How many blocks are in each state."""
        blocks = self.observation.blocks
        last = None if end is None else self.rank_of(end)
        states = blocks.state[self.rank_of(first) : last]
        counts = np.bincount(states, minlength=len(blocks.states)).tolist()
        return {word: count for word, count in zip(blocks.states, counts, strict=True) if count}

    def block_runs(self, *, reasons: bool = False) -> Iterator[tuple[int, int]]:
        """(first, last) ids of neighbouring blocks that are alike in every column."""
        return alike(self.state, self._block_runs()) if reasons else self._block_runs()

    def _block_runs(self) -> Iterator[tuple[int, int]]:
        runs = self.block_kinds()
        return zip(runs.firsts.tolist(), runs.lasts.tolist(), strict=True)

    def block_kinds(self, *, rules: bool = False) -> BlockKinds:
        """All blocks in runs, and which of them are of one kind."""
        blocks, inferred = self.observation.blocks, self.inferred
        columns: list[NDArray[np.integer[Any]]] = [
            *(blocks.state, blocks.zones, blocks.nodes, blocks.removable, blocks.phys_device),
            *(inferred.present, inferred.vmemmap, inferred.memmap, inferred.zone),
            *(inferred.zone_rule, inferred.line),
        ]
        if rules and len((model := block_kinds(self.state)).firsts):
            at = np.maximum(model.firsts.searchsorted(blocks.ids, side="right") - 1, 0)
            there = blocks.ids <= model.lasts[at]
            columns.append(np.where(there, model.kinds[at], -1))
        change = np.ones(len(blocks), bool)
        change[1:] = np.diff(blocks.ids) != 1
        for column in columns:
            change[1:] |= column[1:] != column[:-1]
        firsts = np.flatnonzero(change)
        lasts = np.append(firsts[1:], len(blocks))[: len(firsts)] - 1
        ids = blocks.ids
        return kinds_of(ids[firsts], ids[lasts], [column[firsts] for column in columns])

    def node_block_counts(self) -> list[tuple[int | None, int, int]]:
        """(node, online blocks, blocks) of each node that has blocks; None: not known."""
        blocks = self.observation.blocks
        online = state_mask(blocks, "online")
        out: list[tuple[int | None, int, int]] = []
        for code, nodes in enumerate(blocks.node_sets):
            mine = blocks.nodes == code
            node = nodes[0] if nodes is not None and len(nodes) == 1 else None
            out.append((node, int((mine & online).sum()), int(mine.sum())))
        return sorted(out, key=lambda row: (row[0] is None, row[0] or 0))

    def driven(self) -> list[DrivenRow]:
        """The devices whose drivers add memory."""
        return driven_rows(self.state)

    def offline_obstacle(self, row: BlockRow) -> str:
        """Why a block cannot be offlined, or what may stop it; empty when nothing is known."""
        known = offline_obstacle(self.state, row)
        if not known and "hv_balloon" in self.observation.balloons and row.state == "online":
            known = (
                "EBUSY if Hyper-V's balloon holds a page there: it gives none back (PageOffline)"
            )
        held = self.state.blocks.at(row.id)
        if known or held is None or held["early"] or row.zone not in KERNEL_ZONES:
            return known
        word = self.observation.params.get("auto_online_blocks")
        put = (
            f"auto_online_blocks={word} puts"
            if word in ("online", "online_kernel")
            else ("an online that names no zone puts")
        )
        return (
            f"EBUSY if the kernel keeps a page there: it is in {row.zone.label}, where {put} what "
            "is added; online_movable, or auto_online_blocks=online_movable before it is added, "
            "avoids that"
        )
