"""A view made by hand: exactly the memory, zones and blocks a test says, no engine behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.finding import Finding
from pfnmap.engine.geometry import ARCHITECTURES, Geometry
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.state import State
from pfnmap.engine.view import (
    NR_PAGE_STATES,
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

BLOCK = 32768
"""Pages in a memory block of the default geometry."""
_STATE = Machine.boot().state


def _dimm_state() -> State:
    machine = Machine.boot(StartMachine(1 << 30, params=(("memmap_on_memory", "Y"),)))
    machine.run("add dimm0 256M")
    machine.run("online dimm0[0] movable")
    return machine.state


@dataclass
class FakeView:
    """``runs`` are (start_pfn, nr_pages, state), ascending and disjoint; the rest are rows."""

    runs: Sequence[tuple[int, int, PageState]]
    zones: Sequence[ZoneRow] = ()
    nodes: Sequence[NodeRow] = ()
    blocks: Sequence[BlockRow] = ()
    findings: Sequence[Finding] = ()
    resources: Sequence[ResourceRow] = ()
    pools: Sequence[HugetlbPool] = ()
    config: Sequence[MemoryConfig] = ()
    notes: Sequence[str] = ()
    page_source: str = ""
    real: bool = False
    params: Sequence[tuple[str, str]] = (("memmap_on_memory", "Y"),)
    title: str = "made by hand"
    profile_name: str = "6.12"
    kernel_release: str = ""
    state: State = _STATE
    geometry: Geometry = field(default_factory=lambda: ARCHITECTURES["x86_64"])

    @property
    def first_pfn(self) -> int:
        return self.runs[0][0] if self.runs else 0

    @property
    def end_pfn(self) -> int:
        return self.runs[-1][0] + self.runs[-1][1] if self.runs else 0

    def extents(self) -> NDArray[np.int64]:
        merged: list[list[int]] = []
        for start, nr_pages, _ in self.runs:
            if merged and merged[-1][1] == start:
                merged[-1][1] += nr_pages
            else:
                merged.append([start, start + nr_pages])
        return np.array(merged, dtype=np.int64).reshape(-1, 2)

    @property
    def nr_blocks(self) -> int:
        return len(self.blocks)

    def block_ids(self, first_rank: int, count: int) -> NDArray[np.int64]:
        ids = [block.id for block in self.blocks[first_rank : first_rank + count]]
        return np.array(ids, dtype=np.int64)

    def block_runs(self, *, reasons: bool = False) -> list[tuple[int, int]]:
        return [(block.id, block.id) for block in self.blocks]

    def block_kinds(self, *, rules: bool = False) -> BlockKinds:
        ids = np.array([block.id for block in self.blocks], np.int64)
        return BlockKinds(ids, ids, np.arange(len(ids)))

    def rank_of(self, block_id: int) -> int:
        return sum(block.id < block_id for block in self.blocks)

    def block(self, block_id: int) -> BlockRow | None:
        return next((block for block in self.blocks if block.id == block_id), None)

    def block_counts(self, first: int = 0, end: int | None = None) -> dict[str, int]:
        counts: dict[str, int] = {}
        for block in self.blocks:
            if block.id < first or (end is not None and block.id >= end):
                continue
            counts[block.state] = counts.get(block.state, 0) + 1
        return counts

    def node_block_counts(self) -> list[tuple[int | None, int, int]]:
        return []

    def driven(self) -> list[DrivenRow]:
        return []

    def offline_obstacle(self, row: BlockRow) -> str:
        return ""

    def page_counts(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        counts = np.zeros((len(edges) - 1, NR_PAGE_STATES), dtype=np.int64)
        low, high = edges[:-1], edges[1:]
        for start, nr_pages, state in self.runs:
            overlap = np.minimum(high, start + nr_pages) - np.maximum(low, start)
            counts[:, state] += np.maximum(overlap, 0)
        counts[:, PageState.HOLE] += (high - low) - counts.sum(axis=1)
        return counts

    def free_states(self, pfns: np.ndarray) -> np.ndarray:
        return np.full(len(pfns), int(PageState.ONLINE), np.int8)

    def page(self, pfn: int) -> PageRow:
        state = next((s for start, n, s in self.runs if start <= pfn < start + n), PageState.HOLE)
        return PageRow(pfn, state, None, pfn // BLOCK, None, ZoneType.NONE, None, ())


def block_row(
    block_id: int,
    state: str = "offline",
    zone: ZoneType = ZoneType.NONE,
    *,
    valid_zones: tuple[str, ...] = ("Normal", "Movable"),
    vmemmap_pages: int | None = 0,
    memmap: str = "ram",
    device: str | None = None,
    node: int | None = 0,
    nr_pages: int = BLOCK,
) -> BlockRow:
    """A memory block with everything that is not said left ordinary."""
    return BlockRow(
        id=block_id,
        state=state,
        node=node,
        zone=zone,
        valid_zones=valid_zones if state == "offline" else (zone.label,),
        removable=None,
        start_pfn=block_id * nr_pages,
        nr_pages=nr_pages,
        present_pages=nr_pages,
        vmemmap_pages=vmemmap_pages,
        device=device,
        memmap=memmap,
        zone_rule="",
    )


def dimm_view() -> FakeView:
    """1 GiB at boot and a DIMM of 256 MiB: block 32 in Movable, block 33 offline."""
    boot = [block_row(i, "online", ZoneType.DMA32, memmap="boot") for i in range(8)]
    dimm = [
        block_row(
            32, "online", ZoneType.MOVABLE, vmemmap_pages=512, memmap="on_memory", device="dimm0"
        ),
        block_row(33, vmemmap_pages=512, memmap="on_memory", device="dimm0"),
    ]
    return FakeView(
        runs=[
            (0, 1, PageState.RESERVED),
            (1, 4095, PageState.FREE_DMA),
            (4096, 8 * BLOCK - 4096, PageState.FREE_DMA32),
            (32 * BLOCK, 512, PageState.VMEMMAP),
            (32 * BLOCK + 512, BLOCK - 512, PageState.FREE_MOVABLE),
            (33 * BLOCK, BLOCK, PageState.OFFLINE),
        ],
        zones=[
            ZoneRow(0, ZoneType.DMA, 1, 4095, 3998, 3840),
            ZoneRow(0, ZoneType.DMA32, 4096, 258048, 258048, 241664),
            ZoneRow(0, ZoneType.NORMAL, 0, 0, 0, 0),
            ZoneRow(0, ZoneType.MOVABLE, 32 * BLOCK, BLOCK, BLOCK, BLOCK - 512),
        ],
        nodes=[NodeRow(0, 1, 33 * BLOCK - 1, 294814, True, True, True, True)],
        blocks=[*boot, *dimm],
        state=_dimm_state(),
    )
