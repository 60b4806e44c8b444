"""Struct pages of huge pages that were given back, and what becomes of the frames."""

from __future__ import annotations

from pfnmap.engine.kinds import PageState
from pfnmap.engine.machine import Machine
from tests.engine.tools import booted

HUGE = 262144

TAIL = 1
"""The page that all optimised huge pages of a zone and size have their tail struct pages in."""


def kinds(machine: Machine, start_pfn: int, nr_pages: int) -> set[int]:
    return {int(row["kind"]) for row in machine.state.taken.slice(start_pfn, start_pfn + nr_pages)}


def test_frames_that_became_a_huge_page_stay_one_when_their_old_owner_is_dissolved() -> None:
    machine = booted(
        "machine ram=5G hugetlb_free_vmemmap=on",
        "echo 1 > /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
        "hugetlb small 2M count=70",
    )
    small = next(held for held in machine.state.hugetlb.values() if held.name == "small")
    assert machine.run("offline 34").ok  # in the middle of the 1 GiB page
    assert [held.name for held in machine.state.hugetlb.values()] == ["small"]
    machine.check()
    rows = machine.state.taken.rows
    assert int(rows["count"][rows["owner"] == small.id].sum()) == 70 * 512


def test_optimising_again_frees_the_marks_but_not_what_lies_between_them() -> None:
    machine = booted(
        "machine ram=5G hugetlb_free_vmemmap=on",
        "hugetlb big 1G",
        "hugetlb small 2M count=70",
        "hugetlb-free big",
        "hugetlb big 1G",
    )
    machine.check()
    assert len(machine.state.hugetlb) == 2
    first = machine.state.hugetlb[max(machine.state.hugetlb)].start_pfn
    assert kinds(machine, first, HUGE) == {int(PageState.HUGETLB_OPTIMISED)}


def free_pages(machine: Machine) -> tuple[tuple[int, int], ...]:
    return machine.state.free_pages


def test_a_pool_across_two_zones_returns_to_both() -> None:
    machine = booted(
        "machine ram=1G",
        "add d0 256M",
        "online d0[0] kernel",
        "online d0[1] movable",
    )
    before = free_pages(machine)
    assert machine.run("hugetlb hp 2M count=128").ok
    rows = machine.state.taken.rows
    assert machine.run("hugetlb-free hp").ok
    assert free_pages(machine) == before
    low = machine.state.block_pfn(33)
    assert machine.run(f"hugetlb hp 2M count=64 pfn={low - 32 * 512:#x}").ok
    huge = machine.state.taken.rows
    assert len(huge) == len(rows), "one run of pages, in two zones"
    assert machine.run("hugetlb-free hp").ok
    assert free_pages(machine) == before


def test_page_sizes_are_those_of_the_architecture() -> None:
    machine = booted("machine ram=1G")
    directory = "/sys/kernel/mm/hugepages"
    for size in ("3kB", "4kB", "64kB", "32768kB"):
        outcome = machine.run(f"echo 1 > {directory}/hugepages-{size}/nr_hugepages")
        assert outcome.errno == "ENOENT"
    assert machine.run(f"echo 1 > {directory}/hugepages-2048kB/nr_hugepages").ok
    arm = booted("machine arch=arm64-64k ram=4G")
    assert arm.run("echo 1 > /proc/sys/vm/nr_hugepages").ok
    held = next(iter(arm.state.hugetlb.values()))
    assert held.page_pages * 65536 == 512 << 20


def test_struct_pages_of_unknown_place_are_kernel_memory() -> None:
    """The little machine's memory has no room for the memmap of what is added to it."""
    machine = booted(
        "machine ram=128M hugetlb_free_vmemmap=on",
        "echo 300 > /proc/sys/vm/nr_hugepages",
        "add d0 256M",
        "online d0 movable",
    )
    kernel, movable = free_pages(machine)[0]
    assert machine.run("hugetlb hp 4M").ok
    assert free_pages(machine)[0] == (kernel + 15 - TAIL, movable - 1024)


def test_struct_pages_in_memory_that_was_removed_are_no_zones_pages() -> None:
    machine = booted(
        "machine ram=3200M nodes=2 ram1=128M hugetlb_free_vmemmap=on",
        "add dimm0 256M at=0x168000000 memmap=device",
        "online 46",
        "remove 45",  # the first block, which holds the struct pages of both
    )
    before = free_pages(machine)
    assert machine.run("hugetlb small 2M").ok
    (node_0, _), node_1 = free_pages(machine)
    assert (before[0][0] - node_0, node_1) == (512 + TAIL, before[1])
    machine.check()


def test_struct_pages_of_another_node_return_there() -> None:
    machine = booted(
        "machine profile=6.1 ram=512M block=256M nodes=2 hugetlb_free_vmemmap=on",
        "hugetlb boot 2M count=220",  # all of node 0: the next struct pages are on node 1
        "add dimm0 256M node=1",
        "online 16 kernel",
        "add dimm1 2G node=0",
        "online dimm1 movable",
        "hugetlb small 2M count=3 node=0 at=0x18fa00000",
    )
    free = free_pages(machine)
    machine.check()
    assert machine.run("hugetlb-free small").ok
    assert free_pages(machine)[1] == (free[1][0] - 3 * 7, 0)
    assert machine.run("remove dimm1").ok
    assert free_pages(machine)[1] == (65536, 0)
    machine.check()


def test_what_was_freed_wrongly_in_several_sections_is_bought_anew_at_the_top() -> None:
    machine = booted(
        "machine ram=1G memmap_on_memory=Y hugetlb_free_vmemmap=on",
        "rule hugetlb=block-lookup",
        "add d 512M memmap=device",
        "online d movable",
        "hugetlb h 2M count=100 at=0x108200000",
    )
    ((kernel, _),) = free_pages(machine)
    top = last_of_boot_memory(machine)  # the shared page, below what the boot took
    assert machine.run("hugetlb-free h").ok
    assert free_pages(machine)[0][0] == kernel - 100 * 7
    assert last_of_boot_memory(machine) == (top[0] - 100 * 7, int(PageState.VMEMMAP), -1)


def last_of_boot_memory(machine: Machine) -> tuple[int, int, int]:
    """Start, kind and owner of what lies highest below 4 GiB."""
    row = machine.state.taken.slice(0, 0x100000)[-1]
    return int(row["start"]), int(row["kind"]), int(row["owner"])


def test_huge_pages_of_several_sections_pay_for_all_their_struct_pages() -> None:
    machine = booted("machine ram=1G hugetlb_free_vmemmap=on", "add d 512M", "online d kernel")
    before = free_pages(machine)
    assert machine.run("hugetlb h 2M count=140 at=4G").ok
    assert machine.run("hugetlb-free h").ok
    assert free_pages(machine) == ((before[0][0] - TAIL, before[0][1]),)
