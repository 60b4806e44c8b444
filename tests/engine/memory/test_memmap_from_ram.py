"""What hot-adding costs before anything is online: 2M for 128M, from memory that is there.

64 blocks of 128M arrive, one a tick; an onliner that lags some ticks behind brings each of
them online before the next one arrives.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine import Machine
from pfnmap.engine.kinds import KERNEL_ZONES, ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory import free_memory
from tests.examples import examples

MIB = 1 << 20
BASE = 32
NEVER = 1000


def booted(line: str, *lines: str) -> Machine:
    start = parse_line(line)
    machine = Machine.boot(start)  # type: ignore[arg-type]
    for each in lines:
        assert machine.run(each).ok, each
    return machine


def free_mib(machine: Machine) -> int:
    return machine.state.free_pages[0][0] * machine.state.geometry.page_bytes // MIB


def arrive(free: int, lag: int, memmap: str = "ram") -> tuple[int | None, int]:
    """(the block at which an add is refused, the lowest free memory in MiB)."""
    machine = booted("machine ram=2G profile=memmap-v2", f"free {free}M")
    lowest = free
    for tick in range(1, 65):
        if 0 < lag < tick:
            assert machine.run(f"online {BASE + tick - lag - 1} kernel").ok
        address = (BASE + tick - 1) << 27
        outcome = machine.run(f"add d{tick} 128M at={address:#x} memmap={memmap}")
        if not outcome.ok:
            assert outcome.errno == "ENOMEM"
            assert any(finding.code == "oom" for finding in machine.view().findings)
            return tick, lowest
        lowest = min(lowest, free_mib(machine))
        if lag == 0:
            assert machine.run(f"online {BASE + tick - 1} kernel").ok
    return None, lowest


@pytest.mark.parametrize(
    ("free", "lag", "dies_at", "lowest"),
    [
        (32, NEVER, 17, 0),
        (32, 40, 17, 0),
        (32, 8, None, 16),
        (64, NEVER, 33, 0),
        (64, 40, 33, 0),
        (64, 8, None, 48),
        (128, NEVER, None, 0),
        (128, 40, None, 48),
        (128, 8, None, 112),
        (32, 0, None, 30),
        (64, 0, None, 62),
        (128, 0, None, 126),
    ],
)
def test_8g_arrive_in_blocks(free: int, lag: int, dies_at: int | None, lowest: int) -> None:
    assert arrive(free, min(lag, NEVER)) == (dies_at, lowest)


@pytest.mark.parametrize("free", [32, 64, 128])
@pytest.mark.parametrize("policy", ["device", "memblock"])
def test_with_memmap_on_memory_nothing_dips(free: int, policy: str) -> None:
    assert arrive(free, NEVER, policy) == (None, free)


@pytest.mark.parametrize(
    ("free", "most"), [("32M", "2G"), ("64M", "4G"), ("256M", "16G"), ("1G", "64G"), ("2G", "128G")]
)
def test_64_times_the_free_memory_can_be_added(free: str, most: str) -> None:
    machine = booted("machine ram=4G profile=4.19", f"free {free}")
    assert machine.run(f"add all {most} at=0x1000000000").ok
    assert free_mib(machine) == 0
    assert machine.run("add more 128M at=0x9000000000").errno == "ENOMEM"


REPORTED = "freelist 0:2627 1:23 2:6 3:8 4:2 5:2 6:1 7:2 8:1 9:0 10:0"
"""A machine of 120M, as reported: 13732K free, no block of order 9."""


def test_the_reported_list_holds_13732k() -> None:
    machine = booted("machine ram=1G profile=4.19", REPORTED)
    assert machine.state.free_pages[0][0] * 4 == 13732


@pytest.mark.parametrize(
    ("arch", "size", "errno", "pages_taken"),
    [("x86_64", "128M", None, 513), ("arm64-4k", "1G", "ENOMEM", 0)],
)
def test_order_9_is_missing(arch: str, size: str, errno: str | None, pages_taken: int) -> None:
    machine = booted(f"machine ram=1G arch={arch} profile=4.19", REPORTED)
    before = machine.state.free_pages[0][0]
    outcome = machine.run(f"add dimm0 {size} at=0x200000000")
    assert outcome.errno == errno
    assert before - machine.state.free_pages[0][0] == pages_taken
    if errno:
        assert outcome.refusal is not None
        assert "order:9" in outcome.refusal.rule
    else:
        assert machine.state.freelists[0][0] == (0, 2627 - 513)


@pytest.mark.parametrize(("profile", "errno"), [("5.2", None), ("5.3", "EEXIST")])
def test_a_range_that_failed_half_way_cannot_be_added_again_since_5_3(
    profile: str, errno: str | None
) -> None:
    machine = booted(f"machine ram=2G profile={profile}", "free 4M")
    assert machine.run("add dimm0 512M at=0x100000000").errno == "ENOMEM"
    machine.run("free 1G")
    assert machine.run("add dimm1 512M at=0x100000000").errno == errno
    machine.check()
    (leaked,) = [f for f in machine.view().findings if f.code == "leaked-sections"]
    assert (leaked.start_pfn, leaked.nr_pages) == (0x100000, 2 * 32768)


@pytest.mark.parametrize("arch", ["x86_64", "ppc64-64k"])
def test_no_more_memory_can_be_free_than_there_is(arch: str) -> None:
    machine = booted(f"machine ram=4G arch={arch} profile=4.19")
    before = machine.state.free_pages
    outcome = machine.run("free 1T")
    assert "no more than" in outcome.notes[0]
    assert machine.state.free_pages == before
    assert machine.run("add big 32T").errno == "ENOMEM"
    machine.check()


@examples(12)
@given(st.lists(st.integers(0, 300_000), min_size=1, max_size=4), st.sampled_from(["4.19", "6.12"]))
def test_as_many_frames_are_free_as_is_said(sizes: list[int], profile: str) -> None:
    """Whatever was said before and was added since: the map and the count agree."""
    machine = booted(f"machine ram=1G profile={profile}", "add d0 256M", "online 32 kernel")
    for number, pages in enumerate(sizes, 1):
        assert machine.run(f"free {pages * 4}K").ok
        assert free_frames(machine) == machine.state.free_pages[0]
        machine.run(f"add d{number} 256M")
        assert free_frames(machine) == machine.state.free_pages[0]
        machine.check()
    machine.run("offline 32")
    assert free_frames(machine) == machine.state.free_pages[0]


def free_frames(machine: Machine) -> tuple[int, int]:
    """(kernel, movable) page frames that nothing occupies, one by one from the ranges."""
    state = machine.state

    def free(*zones: ZoneType) -> int:
        ranges = free_memory.free_ranges(state, 0, zones, 1)
        return sum(end - start for start, end in ranges)

    return free(*KERNEL_ZONES), free(ZoneType.MOVABLE)


@pytest.mark.parametrize("arch", ["x86_64", "arm64-4k", "arm64-16k", "arm64-64k"])
def test_what_is_marked_is_what_is_counted_and_all_of_it_comes_back(arch: str) -> None:
    machine = booted(f"machine ram=4G arch={arch}")
    before = machine.state
    assert machine.run("add dimm0 512M").ok
    state = machine.state
    device = state.device_named("dimm0")
    assert device is not None
    rows = state.taken.rows
    marked = int(rows["count"][rows["owner"] == device.id].sum())
    assert marked == before.free_pages[0][0] - state.free_pages[0][0] > 0
    assert machine.run("remove dimm0").ok
    assert machine.state.taken.rows.tolist() == before.taken.rows.tolist()
    assert machine.state.free_pages == before.free_pages


def test_which_sections_fell_back_to_base_pages_is_remembered() -> None:
    machine = booted("machine ram=2G profile=4.19", "freelist 0:2627 9:1", "add d 256M at=4G")
    notes = [machine.view().page(pfn).note for pfn in (0x100000, 0x107FFF, 0x108000, 0x10FFFF)]
    assert ["mapped by a base page" in note for note in notes] == [False, False, True, True]


def test_a_huge_page_says_why_it_keeps_its_vmemmap() -> None:
    machine = booted(
        "machine ram=2G memmap_on_memory=Y hugetlb_free_vmemmap=on",
        "add d 128M at=4G",
        "online d movable",
        "hugetlb h 2M pfn=d+512",
    )
    note = machine.view().page(0x100200).note
    assert note == "h: vmemmap kept: the backing page 0x100008 is self-hosted"
