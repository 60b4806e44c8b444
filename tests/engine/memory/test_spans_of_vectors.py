"""Spans and counters step by step, for sequences whose numbers follow from the kernel's source.

``mm/memory_hotplug.c`` of 6.12 and 6.1, read by hand; a machine with 2 GiB of boot memory, so
that nothing lies at 4 GiB before the DIMM; blocks of 128 MiB from block 32 on.
"""

from __future__ import annotations

import pytest

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.machine import Machine

EMPTY = (0, 0, 0, 0)
Span = tuple[int, int, int, int]
Step = tuple[str, Span, Span]


def machine(options: str = "", *, profile: str = "6.12") -> Machine:
    """2 GiB of boot memory and a DIMM of 1 GiB at 4 GiB."""
    from pfnmap.engine.language.lines import parse_line

    booted = Machine.boot(parse_line(f"machine ram=2G profile={profile}"))  # type: ignore[arg-type]
    assert booted.run(f"add dimm0 1G at=4G {options}").ok
    return booted


def span(of: Machine, zone: ZoneType) -> Span:
    """(start_pfn, spanned, present, managed) of a zone of node 0."""
    row = of.state.zone(0, zone)
    return row.start_pfn, row.spanned, row.present, row.managed


PLAIN: list[Step] = [
    ("online 32 kernel", (0x100000, 32768, 32768, 32768), EMPTY),
    ("online 35 kernel", (0x100000, 131072, 65536, 65536), EMPTY),
    ("online 33 movable", (0x100000, 131072, 65536, 65536), (0x108000, 32768, 32768, 32768)),
    ("offline 32", (0x118000, 32768, 32768, 32768), (0x108000, 32768, 32768, 32768)),
    ("offline 33", (0x118000, 32768, 32768, 32768), EMPTY),
    ("offline 35", EMPTY, EMPTY),
]
SELF_HOSTED: list[Step] = [
    ("online 32-34 movable", EMPTY, (0x100000, 98304, 98304, 96768)),
    ("offline 33", EMPTY, (0x100000, 98304, 65536, 64512)),
    ("offline 34", EMPTY, (0x100000, 32768, 32768, 32256)),
    ("online 34 movable", EMPTY, (0x100000, 98304, 65536, 64512)),
    ("offline 32", EMPTY, (0x110000, 32768, 32768, 32256)),
    ("offline 34", EMPTY, EMPTY),
]
INTERLEAVED: list[Step] = [
    ("online 32 kernel", (0x100000, 32768, 32768, 32768), EMPTY),
    ("online 33 movable", (0x100000, 32768, 32768, 32768), (0x108000, 32768, 32768, 32768)),
    ("online 34 kernel", (0x100000, 98304, 65536, 65536), (0x108000, 32768, 32768, 32768)),
    ("online 35 movable", (0x100000, 98304, 65536, 65536), (0x108000, 98304, 65536, 65536)),
    ("offline 34", (0x100000, 32768, 32768, 32768), (0x108000, 98304, 65536, 65536)),
    ("offline 33", (0x100000, 32768, 32768, 32768), (0x118000, 32768, 32768, 32768)),
]


@pytest.mark.parametrize("profile", ["6.12", "6.1"])
@pytest.mark.parametrize("steps", [PLAIN, INTERLEAVED], ids=["plain", "interleaved"])
def test_spans_follow_the_blocks_of_a_plain_dimm(steps: list[Step], profile: str) -> None:
    dimm = machine("memmap=ram", profile=profile)
    for line, normal, movable in steps:
        assert dimm.run(line).ok
        assert span(dimm, ZoneType.NORMAL) == normal, line
        assert span(dimm, ZoneType.MOVABLE) == movable, line
        dimm.check()


def test_spans_follow_the_blocks_of_a_dimm_that_hosts_its_own_memmap() -> None:
    dimm = machine("memmap=on_memory")
    for line, normal, movable in SELF_HOSTED:
        assert dimm.run(line).ok
        assert span(dimm, ZoneType.NORMAL) == normal, line
        assert span(dimm, ZoneType.MOVABLE) == movable, line
        dimm.check()


def test_a_device_span_stays_after_the_device_is_gone() -> None:
    from pfnmap.engine.language.lines import parse_line

    booted = Machine.boot(parse_line("machine ram=2G"))  # type: ignore[arg-type]
    assert booted.run("device-add pmem0 1G at=4G").ok
    assert booted.run("device-del pmem0").ok
    assert span(booted, ZoneType.DEVICE) == (0x100000, 262144, 0, 0)
    node = booted.state.nodes[0]
    assert node.start_pfn + node.spanned == 0x140000


def test_between_the_phases_present_is_without_the_vmemmap_pages() -> None:
    """``memory_block_offline`` takes them off before it is known whether offlining succeeds."""
    dimm = machine("memmap=on_memory")
    dimm.run("online 32 movable")
    dimm.run("pin 32")
    outcome = dimm.run("offline 32")
    assert outcome.errno == "EBUSY"
    present = [event.state.zone(0, ZoneType.MOVABLE).present for event in outcome.events]
    assert present == [32768, 32256, 32256, 32256, 32768, 32768]
    assert span(dimm, ZoneType.MOVABLE) == (0x100000, 32768, 32768, 32256)


@pytest.mark.parametrize(
    ("before", "phase", "line"),
    [
        ("", "mhp_init_memmap_on_memory", "online 32 movable"),
        ("", "online_pages", "online 32 movable"),
        ("", "MEM_GOING_ONLINE", "online 32 movable"),
        ("online 32 movable", "start_isolate_page_range", "offline 32"),
        ("online 32 movable", "MEM_GOING_OFFLINE", "offline 32"),
        ("online 32 movable", "do_migrate_range", "offline 32"),
        ("online 32 movable", "dissolve_free_hugetlb_folios", "offline 32"),
        ("", "register_memory_resource", "add dimm1 256M"),
        ("", "__try_online_node", "add dimm1 256M"),
        ("", "arch_add_memory", "add dimm1 256M"),
        ("", "create_memory_block_devices", "add dimm1 256M memmap=on_memory"),
    ],
)
def test_a_phase_that_fails_is_rolled_back(before: str, phase: str, line: str) -> None:
    dimm = machine("memmap=on_memory")
    if before:
        assert dimm.run(before).ok
    settled = dimm.view()
    zones, blocks, resources = settled.zones, settled.block_counts(), settled.resources
    dimm.run(f"fail next at={phase} errno=ENOMEM")
    outcome = dimm.run(line)
    assert outcome.errno == "ENOMEM"
    assert phase in {outcome.refusal.function if outcome.refusal else ""}
    after = dimm.view()
    assert (after.zones, after.block_counts(), after.resources) == (zones, blocks, resources)
    dimm.check()
    assert dimm.run(line).ok, "the fault strikes once"


def test_a_section_that_fails_leaves_the_sections_before_it_behind() -> None:
    """``__add_pages`` stops without undoing: the same range then fails with EEXIST."""
    dimm = machine("memmap=ram")
    dimm.run("free 2M")
    assert dimm.run("add dimm1 256M memmap=ram at=0x1000000000").errno == "ENOMEM"
    assert any(finding.code == "leaked-sections" for finding in dimm.view().findings)
    dimm.run("free 64M")
    assert dimm.run("add dimm1 256M memmap=ram at=0x1000000000").errno == "EEXIST"
    dimm.check()
