"""What the detection rules of 2022 say where it is not known in which page a struct page is.

A recording does not show where the memmap of boot memory lies.
"""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.memory.state import HOME_DTYPE, State
from pfnmap.engine.operations.hugetlb_vmemmap import (
    alike,
    backing,
    is_self_hosted,
    must_refuse,
    refuses,
)
from tests.engine.tools import booted

TAIL = 1
"""The page that all optimised huge pages of a zone and size have their tail struct pages in."""


def unknown() -> State:
    """A machine with a DIMM whose struct pages are somewhere."""
    state = booted("machine ram=1G", "add a 256M", "online a movable").state
    return replace(state, homes=RunMap(HOME_DTYPE))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("section-flag", "section 33 is not flagged SECTION_CANNOT_OPTIMIZE_VMEMMAP"),
        ("flag-on-backing", "the backing page unknown is not self-hosted"),
        ("self-map", "the struct page of block start 0x108000 is in an unknown page"),
        ("flag-first-of-section", "page 0x108000 is not flagged"),
        ("flag-first-of-block", "page 0x108000 is not flagged"),
    ],
)
def test_what_is_not_known_is_not_refused(rule: str, reason: str) -> None:
    assert backing(unknown(), 0x108200) is None
    assert not must_refuse(unknown(), 0x108200)
    assert refuses(unknown(), 0x108200, rule) == (False, reason)


def test_the_first_page_of_a_section_and_of_a_block_differ_in_larger_blocks() -> None:
    line = "machine ram=1G memmap_on_memory=Y block=256M"
    state = booted(line, "add a 256M", "online a movable").state
    assert refuses(state, 0x108200, "flag-first-of-section") == (
        False,
        "page 0x108000 is not flagged",
    )
    assert refuses(state, 0x108200, "flag-first-of-block") == (True, "page 0x100000 is flagged")
    assert must_refuse(state, 0x108200)


def test_memory_that_is_not_there_or_offline_has_no_flag() -> None:
    line = "machine ram=1G memmap_on_memory=Y"
    state = booted(line, "add a 128M").state
    assert not refuses(state, 0x100200, "flag-first-of-block")[0]
    assert not refuses(state, 0x200000, "flag-first-of-block")[0]
    assert not refuses(state, 0x200000, "section-flag")[0]
    # Self-hosted it is all the same.
    assert must_refuse(state, 0x100200)
    assert not must_refuse(state, 0x200000)


def test_every_page_of_the_vmemmap_part_is_self_hosted_and_no_other() -> None:
    state = booted("machine ram=1G memmap_on_memory=Y", "add a 256M").state
    pages = (0xFFFFF, 0x100000, 0x1001FF, 0x100200, 0x107FFF, 0x108000, 0x1081FF, 0x108200)
    assert [is_self_hosted(state, pfn) for pfn in pages] == [
        False,
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]


def test_where_a_boot_memmap_lies_is_not_known_its_pages_count_in_the_zone_of_the_page() -> None:
    """``free_reserved_page`` raises managed, with a new head page (6.3+) by one more."""
    state = booted("machine ram=1G hugetlb_free_vmemmap=on").state
    machine = Machine(replace(state, homes=RunMap(HOME_DTYPE)))
    before = machine.state.zone(0, ZoneType.DMA32).managed
    assert machine.run("hugetlb h 2M at=0x20000000").ok
    assert machine.state.zone(0, ZoneType.DMA32).managed == before + 8
    assert machine.state.free_pages[0][0] == state.free_pages[0][0] - 512 + 7 - TAIL
    assert machine.state.taken.at(0x1FFFF) is None


def test_where_a_memmap_from_ram_lies_is_not_known_only_free_memory_grows() -> None:
    line = "machine ram=1G hugetlb_free_vmemmap=on"
    state = booted(line, "add a 128M", "online a kernel").state
    machine = Machine(replace(state, homes=RunMap(HOME_DTYPE)))
    assert machine.run("hugetlb h 2M at=4G").ok
    assert machine.state.nodes[0].zones == state.nodes[0].zones
    assert machine.state.free_pages[0][0] == state.free_pages[0][0] - 512 + 7 - TAIL


def test_the_block_is_asked_whether_it_holds_its_struct_pages() -> None:
    machine = booted("machine ram=1G memmap_on_memory=Y", "add a 128M", "add b 128M memmap=ram")
    said = "looked up under its lock"
    for pfn, answer in ((0x100200, (True, "hosts")), (0x108200, (False, "does not host"))):
        text = f"memory block {pfn // 0x8000}, {said}, {answer[1]} its own memmap"
        assert refuses(machine.state, pfn, "block-lookup") == (answer[0], text)


def test_struct_pages_of_the_boot_are_reserved_until_the_buddy_had_them() -> None:
    lines = ("hugetlb h 2M pfn=0x8000", "hugetlb-free h", "add a 128M")
    state = booted("machine ram=1G hugetlb_free_vmemmap=on", *lines).state
    no, yes = "the backing page is not PG_reserved", "the backing page is PG_reserved"
    assert refuses(state, 0x8000, "pg-reserved") == (False, no)
    assert refuses(state, 0x8200, "pg-reserved") == (True, yes)
    assert refuses(state, 0x100000, "pg-reserved") == (False, no)
    assert refuses(state, 0x900000, "pg-reserved") == (False, no)


def test_huge_pages_are_alike_within_a_section_as_far_as_they_touch() -> None:
    state = booted("machine ram=1G", "add a 512M", "online a movable").state

    def groups(*starts: int) -> list[int]:
        return [len(group) for group in alike(state, np.array(starts), 512)]

    assert groups(*range(0x100000, 0x110000, 512)) == [64, 64]
    assert groups(0x100000, 0x100200, 0x100600, 0x100800) == [2, 2]
    # Block 0 is of two zones: each huge page of it alone.
    assert groups(*range(0x7C00, 0x8400, 512)) == [1, 1, 2]


def test_where_one_page_had_its_struct_pages_taken_a_group_ends() -> None:
    lines = ("hugetlb h 2M pfn=0x8400", "hugetlb-free h")
    state = booted("machine ram=1G hugetlb_free_vmemmap=on", *lines).state
    starts = np.arange(0x8000, 0x8A00, 512)
    assert [len(group) for group in alike(state, starts, 512)] == [2, 1, 2]
