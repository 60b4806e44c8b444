"""A view made of a few runs of page states: enough machine to paint without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.geometry import ARCHITECTURES, Geometry
from engine.kinds import PageState, ZoneType
from engine.outcome import Finding
from engine.view import NR_PAGE_STATES, BlockRow, NodeRow, PageRow, ResourceRow, ZoneRow

X86 = ARCHITECTURES["x86_64"]
ZONE_OF_STATE = {
    PageState.FREE_DMA: ZoneType.DMA,
    PageState.FREE_DMA32: ZoneType.DMA32,
    PageState.FREE_NORMAL: ZoneType.NORMAL,
    PageState.UNMOVABLE: ZoneType.NORMAL,
    PageState.FREE_MOVABLE: ZoneType.MOVABLE,
    PageState.DEVICE: ZoneType.DEVICE,
}


@dataclass
class RunsView:
    """``runs``: (start_pfn, end_pfn, state), ascending and disjoint; holes are left out."""

    runs: Sequence[tuple[int, int, PageState]]
    geometry: Geometry = X86
    title: str = "fake"
    profile_name: str = "6.12"
    params: Sequence[tuple[str, str]] = (("memmap_on_memory", "Y"),)
    zones: Sequence[ZoneRow] = ()
    nodes: Sequence[NodeRow] = ()
    findings: Sequence[Finding] = ()
    resources: Sequence[ResourceRow] = ()
    calls: list[str] = field(default_factory=list)

    @property
    def first_pfn(self) -> int:
        return self.runs[0][0]

    @property
    def end_pfn(self) -> int:
        return self.runs[-1][1]

    def extents(self) -> NDArray[np.int64]:
        merged: list[list[int]] = []
        for start, end, _ in self.runs:
            if merged and merged[-1][1] == start:
                merged[-1][1] = end
            else:
                merged.append([start, end])
        return np.array(merged, dtype=np.int64).reshape(-1, 2)

    @property
    def _block_ids(self) -> NDArray[np.int64]:
        pages = self.geometry.block_pages
        parts = [np.arange(s // pages, (e - 1) // pages + 1) for s, e in self.extents()]
        return np.unique(np.concatenate(parts)).astype(np.int64)

    @property
    def nr_blocks(self) -> int:
        return len(self._block_ids)

    def block_ids(self, first_rank: int, count: int) -> NDArray[np.int64]:
        return self._block_ids[first_rank : first_rank + count]

    def rank_of(self, block_id: int) -> int:
        return int(np.searchsorted(self._block_ids, block_id))

    def state_at(self, pfn: int) -> PageState:
        for start, end, state in self.runs:
            if start <= pfn < end:
                return state
        return PageState.HOLE

    def block(self, block_id: int) -> BlockRow | None:
        if block_id not in self._block_ids:
            return None
        pages = self.geometry.block_pages
        state = self.state_at((block_id + 1) * pages - 1)
        offline = state == PageState.OFFLINE
        zone = ZONE_OF_STATE.get(state, ZoneType.NONE)
        return BlockRow(
            id=block_id,
            state="offline" if offline else "online",
            node=0,
            zone=zone,
            valid_zones=("Normal", "Movable") if offline else (zone.label,),
            removable=True,
            start_pfn=block_id * pages,
            nr_pages=pages,
            present_pages=pages,
            vmemmap_pages=0,
            device=None,
            memmap="ram",
            zone_rule="online: the zone of its pages",
        )

    def block_counts(self) -> dict[str, int]:
        words = [row.state for i in self._block_ids if (row := self.block(int(i)))]
        return {word: words.count(word) for word in ("online", "offline") if word in words}

    def page_counts(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        self.calls.append("page_counts")
        below = np.zeros((len(edges), NR_PAGE_STATES), dtype=np.int64)
        for start, end, state in self.runs:
            below[:, state] += np.clip(edges - start, 0, end - start)
        counts = np.diff(below, axis=0)
        counts[:, PageState.HOLE] = np.diff(edges) - counts.sum(axis=1)
        return counts

    def page(self, pfn: int) -> PageRow:
        state = self.state_at(pfn)
        pages = self.geometry.block_pages
        block = pfn // pages
        return PageRow(
            pfn=pfn,
            state=state,
            block=block if block in self._block_ids else None,
            section=pfn // self.geometry.section_pages,
            node=0,
            zone=ZONE_OF_STATE.get(state, ZoneType.NONE),
            memmap_pfn=None,
            dependents=(),
        )


def small_view() -> RunsView:
    """Boot RAM to 256 MiB, a hole, and a 256 MiB DIMM: one block offline, one Movable."""
    return RunsView(
        [
            (0, 1, PageState.RESERVED),
            (1, 0x1000, PageState.FREE_DMA),
            (0x1000, 0x10000, PageState.FREE_DMA32),
            (0x100000, 0x108000, PageState.OFFLINE),
            (0x108000, 0x108200, PageState.VMEMMAP),
            (0x108200, 0x110000, PageState.FREE_MOVABLE),
        ],
        zones=(
            ZoneRow(0, ZoneType.DMA, 1, 0xFFF, 0xFFF, 0xF00),
            ZoneRow(0, ZoneType.DMA32, 0x1000, 0xF000, 0xF000, 0xE000),
            ZoneRow(0, ZoneType.NORMAL, 0, 0, 0, 0),
            ZoneRow(0, ZoneType.MOVABLE, 0x108000, 0x8000, 0x8000, 0x7E00),
        ),
        nodes=(NodeRow(0, 1, 0x10FFFF, 0x18000, True, True, True, True),),
    )
