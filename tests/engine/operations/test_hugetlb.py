"""Where huge pages may lie, and when there is memory to dissolve them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.memory.state import State
from pfnmap.engine.operations.hugetlb import can_dissolve
from tests.engine.tools import booted

B = 0x8000
LOW = 32 * B
"""Where the DIMM begins."""
HVO = "machine ram=1G hugetlb_free_vmemmap=on"


def with_kernel_memory(state: State, pages: int) -> State:
    """So many free pages outside Movable."""
    ((_, movable),) = state.free_pages
    return replace(state, free_pages=((pages, movable),))


def least(state: State, low: int, high: int) -> int:
    """The fewest free kernel pages with which the huge pages of a range can be dissolved."""
    few, enough = -1, 1 << 20
    assert can_dissolve(with_kernel_memory(state, enough), low, high)
    while enough - few > 1:
        middle = (few + enough) // 2
        fits = can_dissolve(with_kernel_memory(state, middle), low, high)
        few, enough = (few, middle) if fits else (middle, enough)
    return enough


def test_no_gigantic_page_is_placed_in_movable() -> None:
    machine = booted("machine ram=1G", "add d 1G", "online d movable")
    refusal = machine.run("hugetlb h 1G at=4G").refusal
    assert refusal is not None
    assert (refusal.errno, refusal.function) == ("ENOMEM", "hugepage_movable_supported")
    assert refusal.rule == "pfn 0x100000 is in Movable, where no gigantic page is looked for"


@pytest.mark.parametrize("size", ["6M", "12M", "4K"])
def test_a_huge_page_is_a_power_of_two_of_pages(size: str) -> None:
    refusal = booted().run(f"hugetlb h {size}").refusal
    assert refusal is not None and refusal.rule.endswith("it must be a power of two above 4096")


def test_huge_pages_of_no_such_name_are_not_freed() -> None:
    with pytest.raises(InputError, match="nobody: there are no huge pages of that name"):
        booted().run("hugetlb-free nobody")


def test_huge_pages_that_kept_their_struct_pages_need_no_memory_to_be_dissolved() -> None:
    machine = booted("machine ram=1G", "add d 256M", "online d movable", "hugetlb h 2M count=3")
    assert machine.run("free 0K").ok
    assert machine.run("offline 32").ok


def test_a_page_that_cannot_be_dissolved_says_how_much_is_missing_where() -> None:
    for profile, where in (("6.12", "any node"), ("6.1", "node 0")):
        line = f"{HVO} profile={profile}"
        machine = booted(line, "add d 256M", "online d movable", "hugetlb h 2M count=3", "free 0K")
        refusal = machine.run("offline 32").refusal
        assert refusal is not None and refusal.errno == "ENOMEM"
        assert refusal.rule.endswith(f"struct pages, and {where} has too little free kernel memory")


def test_what_is_needed_is_of_each_huge_page_and_two_at_the_ends() -> None:
    state = booted(HVO, "add d 256M", "online d movable", "hugetlb h 2M count=3").state
    assert least(state, LOW, LOW + B) == (3 + 2) * 7
    assert can_dissolve(with_kernel_memory(state, 0), LOW + B, LOW + 2 * B)


def test_what_moves_takes_memory_before() -> None:
    lines = ("hugetlb h 2M count=3", "pin pfn=0x104000 pages=100 kind=movable")
    state = booted(HVO, "add d 256M", "online d movable", *lines).state
    assert least(state, LOW, LOW + B) == (3 + 2) * 7 + 100
    assert can_dissolve(with_kernel_memory(state, 0), LOW + B, LOW + 2 * B)


def test_in_a_kernel_zone_the_free_pages_of_the_range_itself_do_not_count() -> None:
    lines = ("add d 256M", "online d kernel", "hugetlb h 2M count=3 at=4G")
    state = booted(HVO, *lines).state
    assert least(state, LOW, LOW + 2 * B) == (3 + 2) * 7 + 2 * B - 3 * 512


def test_nor_do_the_struct_pages_that_the_range_holds_itself() -> None:
    line = f"{HVO} memmap_on_memory=Y"
    lines = ("rule hugetlb=block-lookup", "add d 256M memmap=device", "online d kernel")
    state = booted(line, *lines, "hugetlb h 2M count=3 at=0x108200000").state
    assert state.blocks.row_at(32)["vmemmap"] == 2 * 512
    assert least(state, LOW, LOW + 2 * B) == (3 + 2) * 7 + 2 * B - 2 * 512 - 3 * 512
