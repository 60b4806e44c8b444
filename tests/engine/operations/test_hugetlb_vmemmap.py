"""Struct pages of huge pages that were given back, and what becomes of the frames."""

from __future__ import annotations

from engine.kinds import PageState
from engine.machine import Machine
from tests.engine.tools import booted

HUGE = 262144


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
