"""The page map counts by arithmetic on runs what this file counts page by page."""

from __future__ import annotations

import random
from contextlib import suppress
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import ARCHITECTURES
from pfnmap.engine.kinds import BlockState, PageState, ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory import runs
from pfnmap.engine.memory.boot import early_block_rows
from pfnmap.engine.memory.page_map import NR_STATES, PageMap, first_hole, page_zone, zones_of
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.memory.state import (
    BLOCK_DTYPE,
    DEVICE_ZONE_DTYPE,
    HOME_DTYPE,
    TAKEN_DTYPE,
    Node,
    State,
)
from pfnmap.engine.params import Params
from pfnmap.engine.profile import PROFILES
from tests.examples import examples

# Blocks of 16 pages; DMA ends at pfn 4096, so boot memory around it is in two zones.
TINY = replace(
    ARCHITECTURES["x86_64"],
    section_pages=16,
    subsection_pages=4,
    pageblock_pages=4,
    pmd_bytes=4 * 4096,
    block_pages=16,
    struct_page_bytes=1024,
)

FIRST, END = 4048, 4048 + 30 * 16
DMA_END = 4096
FREE = {
    ZoneType.DMA: PageState.FREE_DMA,
    ZoneType.DMA32: PageState.FREE_DMA32,
    ZoneType.NORMAL: PageState.FREE_NORMAL,
    ZoneType.MOVABLE: PageState.FREE_MOVABLE,
}
BOOTED = Machine.boot().state
TAKEN = (PageState.UNMOVABLE, PageState.MOVABLE, PageState.HUGETLB, PageState.VMEMMAP)


def ranges(low: int, high: int, most: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Disjoint ascending ranges within [low, high)."""
    return st.lists(st.integers(low, high), max_size=2 * most, unique=True).map(
        lambda cuts: list(zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False))
    )


@st.composite
def states(draw: st.DrawFn) -> State:
    """Boot memory with holes, hot-added blocks of all sorts, devices, pages in use, losses."""
    boot_end = FIRST + draw(st.integers(1, 10 * 16))
    pieces = [(a, b, 0) for a, b in draw(ranges(FIRST, boot_end, 3))]
    if draw(st.booleans()) and pieces:
        pieces[-1] = (*pieces[-1][:2], 1)
    ram = np.array(pieces or [(FIRST, FIRST + 7, 0)], np.int64)
    blocks = RunMap.from_rows(early_block_rows(TINY, ram))
    for block in draw(st.lists(st.integers(boot_end // 16 + 1, END // 16 - 1), max_size=12)):
        state = draw(st.sampled_from(BlockState))
        zone = draw(st.sampled_from([ZoneType.NORMAL, ZoneType.MOVABLE]))
        row = np.zeros(1, BLOCK_DTYPE)
        row["start"], row["count"] = block, 1
        row["state"], row["zone"] = state, zone if state != BlockState.OFFLINE else ZoneType.NONE
        row["vmemmap"], row["present"] = draw(st.sampled_from([0, 4, 4, 16])), 16
        blocks = blocks.replace(block, block + 1, row)
    for block in draw(st.lists(st.integers(FIRST // 16, boot_end // 16), max_size=2)):
        held = blocks.at(block)
        if held is not None and held["zone"] != ZoneType.NONE:
            blocks = blocks.update(block, block + 1, state=0, zone=int(ZoneType.NONE))
    memory = {b for r in blocks.rows for b in range(int(r["start"]), int(r["start"] + r["count"]))}
    devices = RunMap(DEVICE_ZONE_DTYPE)
    for low, high in draw(ranges(boot_end // 16 + 1, END // 16, 2)):
        if not memory & set(range(low, high)):
            altmap = draw(st.sampled_from([0, 0, 4, 16 * (high - low)]))
            devices = devices.insert(low * 16, (high - low) * 16, altmap=altmap, device=1)
    taken, lost = RunMap(TAKEN_DTYPE), RunMap(TAKEN_DTYPE)
    for low, high in draw(ranges(FIRST, END, 6)):
        kind = draw(st.sampled_from(TAKEN))
        taken = taken.insert(low, high - low, kind=int(kind), owner=-1)
    for low, high in draw(ranges(FIRST, END, 2)):
        lost = lost.insert(low, high - low, kind=int(PageState.BROKEN), owner=-1)
    return replace(
        BOOTED,
        geometry=TINY,
        profile=PROFILES["6.12"],
        params=Params(),
        nodes=(Node(online=True), Node(online=True)),
        blocks=blocks,
        early_ram=ram,
        taken=taken,
        lost=lost,
        homes=RunMap(HOME_DTYPE),
        device_ranges=devices,
    )


def brute_force(state: State, pfn: int) -> PageState:
    """What one page is, by asking everything that may be said about it in turn."""
    if state.lost.at(pfn) is not None:
        return PageState.BROKEN
    if (held := state.taken.at(pfn)) is not None:
        return PageState(int(held["kind"]))
    if (device := state.device_ranges.at(pfn)) is not None:
        inside = pfn - int(device["start"])
        return PageState.VMEMMAP if inside < device["altmap"] else PageState.DEVICE
    row = state.blocks.at(pfn // 16)
    if row is None:
        return PageState.HOLE
    in_ram = any(low <= pfn < high for low, high, _ in state.early_ram.tolist())
    if row["early"] and not in_ram:
        return PageState.HOLE
    if pfn % 16 < row["vmemmap"]:
        return PageState.VMEMMAP
    if row["state"] == BlockState.OFFLINE:
        return PageState.OFFLINE
    if row["state"] != BlockState.ONLINE:
        return PageState.ISOLATED
    if row["zone"] == ZoneType.NONE:
        return PageState.FREE_DMA if pfn < DMA_END else PageState.FREE_DMA32
    return FREE[ZoneType(int(row["zone"]))]


@examples(30)
@given(states(), st.lists(st.integers(FIRST - 40, END + 40), min_size=2, max_size=40, unique=True))
def test_counts_between_any_edges(state: State, cuts: list[int]) -> None:
    edges = np.array(sorted(cuts), np.int64)
    counts = PageMap(state).counts(edges)
    expected = np.zeros((len(edges) - 1, NR_STATES), np.int64)
    for index, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        for pfn in range(low, high):
            expected[index, brute_force(state, pfn)] += 1
    assert counts.tolist() == expected.tolist()
    with patch.object(runs, "CHUNK_ROWS", 1):  # as of a machine in very many pieces
        pieces = replace(state, blocks=RunMap.from_rows(state.blocks.rows))
    assert PageMap(pieces).counts(edges).tolist() == expected.tolist()


@examples(10)
@given(states(), st.lists(st.integers(FIRST - 20, END + 20), min_size=1, max_size=30))
def test_single_pages(state: State, pfns: list[int]) -> None:
    prepared = PageMap(state)
    for pfn in pfns:
        assert prepared.state_of(pfn) == brute_force(state, pfn)


@examples(15)
@given(states(), st.integers(FIRST - 20, END), st.integers(1, 60))
def test_holes_and_zones_of_a_range(state: State, low: int, count: int) -> None:
    ram = {p for a, b, _ in state.early_ram.tolist() for p in range(a, b)}
    rows = {pfn: state.blocks.at(pfn // 16) for pfn in range(low, low + count)}
    holes = [
        pfn for pfn, row in rows.items() if row is not None and row["early"] and pfn not in ram
    ]
    assert first_hole(state, low, low + count) == (holes[0] if holes else None)
    whole = {p: row for p, row in rows.items() if row is not None and p not in holes}
    if not holes:
        expected = {page_zone(state, pfn) for pfn in whole}
        assert zones_of(state, low, low + count) == expected


def test_cells_counted_on_from_another_state_are_those_counted_anew() -> None:
    chance, machine = random.Random(5), Machine.boot()
    machine.run("add d0 8G")
    edges = np.linspace(0, machine.view().end_pfn, 700).astype(np.int64)
    for _ in range(120):
        block, pfn = 32 + chance.randrange(64), f"d0+{chance.randrange(1 << 20):#x}"
        line = chance.choice(
            (f"online {block} movable", f"online {block}", f"offline {block}", f"unpin {block}",
             f"pin pfn={pfn}", f"hugetlb h{chance.randrange(1 << 30)} 2M count=5",
             f"add d{chance.randrange(1, 4)} 256M", f"remove d{chance.randrange(1, 4)}")
        )  # fmt: skip
        with suppress(InputError):
            machine.run(line)
        pages = PageMap(machine.state)
        assert np.array_equal(pages.counts(edges), pages._counted(edges)), line
