"""The sections that count before 5.5 and in the posts of 2018, and what a span is left with."""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.spans_history import section_runs, shrink_sections
from pfnmap.engine.memory.state import State, Zone
from pfnmap.engine.memory.transaction import Transaction
from tests.engine.tools import booted

DMA, DMA32, NORMAL, MOVABLE, DEVICE = (int(ZoneType(i)) for i in range(5))
B = 0x8000  # pages of a section and of a block, 128 MiB


def runs(line: str, *lines: str) -> list[list[int]]:
    """start_pfn, end_pfn, online, node, zone of every run of valid sections."""
    found: list[list[int]] = section_runs(booted(line, *lines).state).tolist()
    return found


def test_boot_memory_counts_with_the_zones_of_its_pfns() -> None:
    assert runs("machine ram=1G profile=4.19") == [
        [0, 0x1000, 1, 0, DMA],
        [0x1000, B, 1, 0, DMA32],
        [B, 8 * B, 1, 0, DMA32],
    ]


def test_boot_memory_of_arm64_is_dma() -> None:
    found = runs("machine ram=1G arch=arm64-4k profile=4.19")
    assert {run[4] for run in found} == {DMA}


def test_memory_that_was_never_onlined_reads_as_node_0_zone_dma() -> None:
    line = "machine ram=1G nodes=2 ram1=0M profile=4.19"
    lines = ("add a 384M node=1", "online 33 movable", "online 34 kernel", "offline 34")
    assert runs(line, *lines)[3:] == [
        [32 * B, 33 * B, 0, 0, DMA],
        [33 * B, 34 * B, 1, 1, MOVABLE],
        [34 * B, 35 * B, 0, 1, NORMAL],
    ]


def test_a_device_counts_behind_the_sections_of_its_altmap() -> None:
    """Whole sections of the altmap are never initialised; they read as node 0, zone DMA."""
    line = "machine ram=1G nodes=2 ram1=0M profile=4.19"
    assert runs(line, "device-add p 512M at=8G node=1 altmap=200M")[3:] == [
        [64 * B, 65 * B, 0, 0, DMA],
        [65 * B, 68 * B, 0, 1, DEVICE],
    ]
    assert runs(line, "device-add p 512M at=8G node=1 altmap=100M")[3:] == [
        [64 * B, 68 * B, 0, 1, DEVICE],
    ]
    assert runs(line, "device-add p 512M at=8G node=1 altmap=512M")[3:] == [
        [64 * B, 68 * B, 0, 0, DMA],
    ]


def test_the_posts_of_2018_mark_the_sections_of_a_device_online() -> None:
    for profile in ("shrink-rfc2", "shrink-oct2018"):
        line = f"machine ram=1G profile={profile}"
        assert runs(line, "device-add p 512M at=8G altmap=200M")[3:] == [
            [64 * B, 65 * B, 1, 0, DMA],
            [65 * B, 68 * B, 1, 0, DEVICE],
        ]


def spanning(low: int, high: int) -> State:
    """Blocks 32-36 of node 1 are Movable; the zone spans some of them only."""
    line = "machine ram=1G nodes=2 ram1=0M profile=4.19"
    state = booted(line, "add a 640M node=1", "online a movable").state
    zone = Zone(low * B, (high - low) * B)
    return state.with_zone(1, ZoneType.MOVABLE, zone)


def texts(state: State, low: int, high: int) -> list[str]:
    """What is told of the zone when blocks low..high - 1 leave."""
    tx = Transaction(state)
    shrink_sections(tx, 1, ZoneType.MOVABLE, low * B, high * B)
    told = [event for event in tx.events if event.text.startswith("Movable")]
    assert told[0].function == "clear_zone_contiguous"
    assert told[-1].function == "set_zone_contiguous"
    return [event.text for event in told[1:-1]]


def test_sections_outside_the_span_are_not_found() -> None:
    assert texts(spanning(33, 34), 33, 34) == [
        "Movable of node 1 in [0x110000,0x110000): found none",
        "Movable of node 1: no other section is left in [0x108000,0x110000): empty",
    ]
    assert texts(spanning(32, 34), 33, 34) == [
        "Movable of node 1 in [0x100000,0x108000): found pfn 0x107fff"
    ]
    assert texts(spanning(33, 35), 33, 34) == [
        "Movable of node 1 in [0x110000,0x118000): found pfn 0x110000"
    ]


def test_a_section_that_is_no_edge_searches_nothing() -> None:
    assert texts(spanning(32, 36), 33, 35) == []


def test_an_empty_span_stays_empty() -> None:
    state = spanning(32, 32)
    tx = Transaction(state)
    shrink_sections(tx, 1, ZoneType.MOVABLE, 33 * B, 34 * B)
    assert tx.state.zone(1, ZoneType.MOVABLE) == state.zone(1, ZoneType.MOVABLE)


def test_the_only_section_of_a_node_leaves_its_span_empty_wherever_that_begins() -> None:
    line = "machine ram=1G nodes=2 ram1=0M profile=shrink-rfc2"
    state = booted(line, "add a 128M node=1", "online a movable").state
    home = replace(state.nodes[1], start_pfn=31 * B, spanned=2 * B)
    tx = Transaction(state.with_node(1, home))
    shrink_sections(tx, 1, ZoneType.MOVABLE, 32 * B, 33 * B)
    assert tx.state.nodes[1].spanned == 0
