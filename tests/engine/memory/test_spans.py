"""Where a zone begins and ends, and how its span is searched for (``mm/memory_hotplug.c``)."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from pfnmap.engine.geometry import ARCHITECTURES, S390X
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.runs import Rows
from pfnmap.engine.memory.spans import (
    SpanSearch,
    find_biggest_section_pfn,
    find_smallest_section_pfn,
    grow,
    shrink_zone_span,
    span_text,
    update_pgdat_span,
    zone_ranges,
)
from pfnmap.engine.memory.state import Node, State, Zone
from tests.engine.tools import booted

NORMAL, MOVABLE = ZoneType.NORMAL, ZoneType.MOVABLE
B = 0x8000  # pages of a block of 128 MiB
S = 0x200  # pages of a subsection of 2 MiB


@pytest.mark.parametrize(
    ("arch", "page_shift", "limits"),
    [
        ("x86_64", 12, [("DMA", 0, 0x1000), ("DMA32", 0x1000, 0x100000)]),
        ("arm64-4k", 12, [("DMA", 0, 0x100000)]),
        ("arm64-64k", 16, [("DMA", 0, 0x10000)]),
        ("s390x", 12, [("DMA", 0, 0x80000)]),
        ("ppc64-64k", 16, []),
    ],
)
def test_the_zones_that_boot_memory_is_divided_into(
    arch: str, page_shift: int, limits: list[tuple[str, int, int]]
) -> None:
    geometry = S390X if arch == "s390x" else ARCHITECTURES[arch]
    assert geometry.page_shift == page_shift
    *below, (last, start, end) = geometry.boot_zones()
    assert [(zone.label, low, high) for zone, low, high in below] == limits
    assert (last, start) == (NORMAL, limits[-1][2] if limits else 0)
    assert end == 1 << 52


def bare(spans: dict[ZoneType, tuple[int, int]]) -> State:
    """A machine whose node 0 spans just these zones, [start, end) in blocks."""
    node = Node(online=True)
    for zone, (low, high) in spans.items():
        node = node.with_zone(zone, Zone(low * B, (high - low) * B))
    return update_pgdat_span(booted("machine ram=1G").state.with_node(0, node), 0)


def blocks(held: Node | Zone) -> tuple[int, int]:
    return held.start_pfn // B, (held.start_pfn + held.spanned) // B


@pytest.mark.parametrize(
    ("zone", "node", "new", "zone_after", "node_after"),
    [
        # An empty zone takes the range as it is, wherever the node is.
        (None, None, (32, 33), (32, 33), (32, 33)),
        (None, (40, 41), (32, 33), (32, 33), (32, 41)),
        (None, (30, 31), (32, 33), (32, 33), (30, 33)),
        # Otherwise both spans reach from the lowest to the highest.
        ((33, 34), None, (36, 37), (33, 37), (33, 37)),
        ((36, 37), None, (33, 34), (33, 37), (33, 37)),
        ((33, 37), None, (34, 35), (33, 37), (33, 37)),
        ((33, 34), (20, 50), (34, 35), (33, 35), (20, 50)),
    ],
)
def test_a_span_grows_by_the_range(
    zone: tuple[int, int] | None,
    node: tuple[int, int] | None,
    new: tuple[int, int],
    zone_after: tuple[int, int],
    node_after: tuple[int, int],
) -> None:
    spans = {MOVABLE: zone} if zone else {}
    if node:
        spans[NORMAL] = node
    low, high = new
    state = grow(bare(spans), 0, MOVABLE, low * B, (high - low) * B)
    assert blocks(state.zone(0, MOVABLE)) == zone_after
    assert blocks(state.nodes[0]) == node_after


def test_growing_counts_no_pages() -> None:
    before = booted("machine ram=1G", "add a 128M", "online a movable").state
    zone = grow(before, 0, MOVABLE, 0x200000, B).zone(0, MOVABLE)
    assert (zone.present, zone.managed) == (B, B)


def rows(state: State) -> Rows:
    return state.blocks.rows


def ranges(state: State, zone: ZoneType, node: int = 0) -> list[list[int]]:
    found: list[list[int]] = zone_ranges(state, rows(state), node, zone).tolist()
    return found


HOT = ("add a 1G", "online 32-33 movable", "online 35 kernel", "online 37 movable")


def test_online_blocks_of_a_zone() -> None:
    state = booted("machine ram=1G", *HOT).state
    assert ranges(state, MOVABLE) == [[32 * B, 34 * B], [37 * B, 38 * B]]
    assert ranges(state, NORMAL) == [[35 * B, 36 * B]]
    assert ranges(state, ZoneType.DEVICE) == []


def test_another_node_has_its_own() -> None:
    line = "machine ram=1G nodes=2 ram1=256M"
    state = booted(line, "add a 256M node=1", "online a movable").state
    assert ranges(state, MOVABLE) == []
    assert ranges(state, MOVABLE, 1) == [[32 * B, 34 * B]]


def test_a_boot_block_of_two_zones_is_divided_at_the_limit() -> None:
    """Whole subsections count: page 0 is no memory, its subsection is there."""
    state = booted("machine ram=1G").state
    assert ranges(state, ZoneType.DMA) == [[0, 0x1000]]
    assert ranges(state, ZoneType.DMA32) == [[0x1000, 0x8000], [0x8000, 0x40000]]


def test_a_boot_block_of_two_nodes_is_divided_by_the_memory() -> None:
    state = booted("machine ram=192M nodes=2 ram1=192M").state
    assert ranges(state, ZoneType.DMA32) == [[0x1000, 0x8000], [0x8000, 0xC000]]
    assert ranges(state, ZoneType.DMA32, 1) == [[0xC000, 0x10000], [0x10000, 0x18000]]


def test_a_boot_block_with_a_hole_counts_where_memory_is() -> None:
    state = booted("machine ram=1088M").state
    assert ranges(state, ZoneType.DMA32)[-1] == [0x40000, 0x44000]


def test_a_boot_block_counts_each_piece_of_its_memory_by_whole_subsections() -> None:
    state = booted("machine ram=1088M").state
    pieces = [(1, 0x40000, 0), (0x40000, 0x42000, 0), (0x42801, 0x43FFF, 0), (0x48000, 0x50000, 0)]
    state = replace(state, early_ram=np.array(pieces, np.int64))
    last = [pair for pair in ranges(state, ZoneType.DMA32) if pair[0] >= 0x40000]
    assert last == [[0x40000, 0x42000], [0x42800, 0x44000]]


def search(state: State, zone: ZoneType, low: int, high: int) -> tuple[int | None, int | None]:
    return (
        find_smallest_section_pfn(state, 0, zone, low, high),
        find_biggest_section_pfn(state, 0, zone, low, high),
    )


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        # Movable is online in blocks 32, 33 and 37.
        (32 * B, 40 * B, (32 * B, 38 * B - 1)),
        (33 * B, 37 * B, (33 * B, 34 * B - 1)),
        (34 * B, 37 * B, (None, None)),
        (34 * B, 40 * B, (37 * B, 38 * B - 1)),
        (20 * B, 33 * B, (32 * B, 33 * B - 1)),
        (38 * B, 60 * B, (None, None)),
        (36 * B, 37 * B, (None, None)),
        (37 * B, 37 * B, (None, None)),
        # The search goes by subsections from where it begins: a vmemmap part ends inside.
        (32 * B + S, 34 * B, (32 * B + S, 34 * B - 1)),
        (36 * B + S, 40 * B, (37 * B, 38 * B - 1)),
        (30 * B, 32 * B + S, (32 * B, 32 * B + S - 1)),
        # From an odd place the steps are odd too, and the first hit is inside the block.
        (36 * B + 1, 40 * B, (37 * B + 1, 38 * B - 1)),
        (30 * B, 38 * B + 7, (32 * B, 37 * B + B - S + 6)),
        # The only candidate may lie beyond the range that is looked at.
        (31 * B + 1, 32 * B + 1, (None, 32 * B)),
        (38 * B - 1, 39 * B, (38 * B - 1, 38 * B - 1)),
    ],
)
def test_the_first_and_the_last_online_section(
    low: int, high: int, found: tuple[int | None, int | None]
) -> None:
    assert search(booted("machine ram=1G", *HOT).state, MOVABLE, low, high) == found


def test_sections_of_other_zones_do_not_count() -> None:
    state = booted("machine ram=1G", *HOT).state
    assert search(state, NORMAL, 32 * B, 40 * B) == (35 * B, 36 * B - 1)


def test_a_search_in_words() -> None:
    found = SpanSearch("find_smallest_section_pfn", 0x100, 0x200, 0x180)
    assert found.sentence("Normal of node 0") == (
        "Normal of node 0 in [0x100,0x200): found pfn 0x180"
    )
    none = replace(found, found_pfn=None)
    assert none.sentence("node 1") == "node 1 in [0x100,0x200): found none"


def offlined(*numbers: int) -> State:
    """Blocks 32-35 in Movable; these are offline already when the span is shrunk."""
    state = booted("machine ram=1G", "add a 512M", "online a movable").state
    for number in numbers:
        state = replace(state, blocks=state.blocks.update(number, number + 1, state=0, zone=-1))
    return state


@pytest.mark.parametrize(
    ("gone", "low", "high", "span", "function", "searched"),
    [
        # The first block: up from its end to the end of the zone.
        ((32,), 32, 33, (33, 36), "find_smallest_section_pfn", (33 * B, 36 * B)),
        ((32, 33), 32, 33, (34, 36), "find_smallest_section_pfn", (33 * B, 36 * B)),
        # The last block: down to the start of the zone.
        ((35,), 35, 36, (32, 35), "find_biggest_section_pfn", (32 * B, 35 * B)),
        ((34, 35), 35, 36, (32, 34), "find_biggest_section_pfn", (32 * B, 35 * B)),
        # Nothing is left: the span is (0, 0).
        ((32, 33, 34, 35), 32, 33, (0, 0), "find_smallest_section_pfn", (33 * B, 36 * B)),
        ((32, 33, 34, 35), 35, 36, (0, 0), "find_biggest_section_pfn", (32 * B, 35 * B)),
    ],
)
def test_a_span_shrinks_at_the_edge_that_left(
    gone: tuple[int, ...],
    low: int,
    high: int,
    span: tuple[int, int],
    function: str,
    searched: tuple[int, int],
) -> None:
    zone, found = shrink_zone_span(offlined(*gone), 0, MOVABLE, low * B, high * B)
    assert blocks(zone) == span
    assert found is not None
    assert (found.function, (found.start_pfn, found.end_pfn)) == (function, searched)
    assert (found.found_pfn is None) == (span == (0, 0))


def test_a_block_in_the_middle_is_no_edge() -> None:
    state = offlined(33)
    zone, found = shrink_zone_span(state, 0, MOVABLE, 33 * B, 34 * B)
    assert zone == state.zone(0, MOVABLE)
    assert found is None


def test_shrinking_counts_no_pages() -> None:
    zone, _ = shrink_zone_span(offlined(32), 0, MOVABLE, 32 * B, 33 * B)
    assert (zone.present, zone.managed) == (4 * B, 4 * B)


@pytest.mark.parametrize(
    ("spans", "node"),
    [
        ({}, (0, 0)),
        ({MOVABLE: (32, 36)}, (32, 36)),
        ({NORMAL: (40, 41), MOVABLE: (32, 36)}, (32, 41)),
        ({NORMAL: (30, 50), MOVABLE: (32, 36)}, (30, 50)),
        ({MOVABLE: (32, 36), ZoneType.DEVICE: (60, 61)}, (32, 61)),
        ({ZoneType.DMA: (0, 1), MOVABLE: (32, 36)}, (0, 36)),
    ],
)
def test_a_node_spans_what_its_zones_span(
    spans: dict[ZoneType, tuple[int, int]], node: tuple[int, int]
) -> None:
    assert blocks(update_pgdat_span(bare(spans), 0).nodes[0]) == node


def test_a_span_in_words() -> None:
    assert span_text(Zone(0x100000, 0x18000)) == "[0x100000,0x118000)"
    assert span_text(Zone()) == "empty"
    assert span_text(Zone(0x100000, 0)) == "empty"
