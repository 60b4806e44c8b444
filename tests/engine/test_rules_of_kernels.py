"""What a machine shows of the rules of its kernel, where a guess would be another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pfnmap.engine import Machine
from pfnmap.engine.geometry import ARCHITECTURES, MIB
from pfnmap.engine.kinds import FREE_BY_ZONE, ZoneType
from pfnmap.engine.notation import format_size
from pfnmap.engine.profile import get_profile
from tests.engine.tools import booted


@pytest.mark.parametrize("minor", range(13, 19))
def test_zones_are_chosen_at_online_since_4_13(minor: int) -> None:
    """f1dd2cd13c4b is in 4.13: none of these has the rules of 4.12."""
    machine = booted(f"machine ram=2G profile=4.{minor}", "add d 1G", "online 35 movable")
    zone = next(row for row in machine.view().zones if row.zone == ZoneType.MOVABLE)
    assert (zone.start_pfn, zone.spanned) == (0x118000, 0x8000)
    assert not get_profile(f"4.{minor}").zone_shifting


@pytest.mark.parametrize(("release", "mib"), [("4.19", 1024), ("5.11", 1024), ("5.12", 128)])
def test_sections_of_arm64_are_1g_before_5_12(release: str, mib: int) -> None:
    geometry = booted(f"machine ram=4G arch=arm64-4k profile={release}").state.geometry
    assert geometry.section_pages * geometry.page_bytes == mib * MIB
    assert geometry.block_bytes >= mib * MIB


@pytest.mark.parametrize(("release", "pages"), [("4.19", 32768), ("5.2", 32768), ("5.3", 512)])
def test_memory_of_devices_is_whole_sections_before_5_3(release: str, pages: int) -> None:
    machine = booted(f"machine ram=2G profile={release}", "device-add p 2M at=0x140200000")
    zone = next(row for row in machine.view().zones if row.zone == ZoneType.DEVICE)
    assert zone.spanned == pages


def test_windows_for_cxl_memory_limit_the_block_size_since_6_15() -> None:
    def block_mib(line: str) -> int:
        return booted(f"machine ram=65G {line}").state.geometry.block_bytes // MIB

    lines = ("", "cxl=256M", "cxl=256M profile=6.14", "cxl=16G", "cxl=64M", "cxl=1G block=2G")
    assert [block_mib(line) for line in lines] == [2048, 256, 2048, 2048, 128, 2048]
    assert booted("machine ram=4G cxl=256M").state.geometry.block_bytes == 128 * MIB


def normal_nodes(profile: str, *lines: str) -> tuple[int, ...]:
    machine = booted(f"machine ram=1G nodes=2 ram1=0M profile={profile}", *lines)
    seen = [row.node for row in machine.view().nodes if row.has_normal_memory]
    assert machine.state.nodes_in("has_normal_memory") == tuple(seen)
    return tuple(seen)


@pytest.mark.parametrize(("release", "follows"), [("6.16", True), ("6.18", False), ("7.0", True)])
def test_the_mask_of_normal_memory_stays_as_at_boot_from_6_17_to_6_19(
    release: str, *, follows: bool
) -> None:
    lines = ("add a 256M node=1", "online 32 kernel")
    assert normal_nodes(release, *lines) == ((0, 1) if follows else (0,))
    assert normal_nodes(release, *lines, "offline 32") == (0,)


def test_a_new_node_is_online_before_its_memory_since_6_18() -> None:
    for release, before in (("6.17", False), ("6.18", True)):
        machine = booted(f"machine ram=1G nodes=2 ram1=0M profile={release}")
        events = machine.run("add a 128M node=1").events
        online = [event.state.nodes[1].online for event in events]
        added = [event.function for event in events].index("sparse_add_section")
        assert (online[added], online[-1]) == (before, True)
        machine = booted(f"machine ram=1G nodes=2 ram1=0M profile={release}")
        machine.run("fail next at=arch_add_memory errno=ENOMEM")
        assert machine.run("add a 128M node=1").errno == "ENOMEM"
        assert machine.state.nodes_in("online") == (0,)


def test_huge_pages_of_a_zone_and_size_share_one_page_of_tails_since_7_1() -> None:
    def cost(profile: str, *lines: str) -> list[int]:
        line = f"machine ram=1G hugetlb_free_vmemmap=on profile={profile}"
        machine = booted(line, "add a 256M", "online a movable")
        free = [machine.state.free_pages[0][0]]
        for each in lines:
            assert machine.run(each).ok
            free.append(machine.state.free_pages[0][0])
        machine.check()
        return [after - before for before, after in itertools.pairwise(free)]

    lines = ("hugetlb x 2M count=2", "hugetlb y 2M", "hugetlb z 4M", "hugetlb-free x")
    assert cost("6.18", *lines) == [14, 7, 15, -14]
    assert cost("7.3", *lines) == [13, 7, 14, -14]


@pytest.mark.parametrize(
    ("release", "managed"), [("6.12", 12288), ("6.18", 12261), ("7.0", 12261), ("7.3", 12260)]
)
def test_what_optimised_gigantic_pages_of_the_boot_leave_to_be_managed(
    release: str, managed: int
) -> None:
    """Measured: Normal of a PC with 8G and three such pages, optimised against not."""
    line = f'machine ram=8G profile={release} cmdline="hugepagesz=1G hugepages=3'
    on, off = (booted(f'{line} hugetlb_free_vmemmap={word}"') for word in ("on", "off"))
    zones = [machine.state.zone(0, ZoneType.NORMAL) for machine in (on, off)]
    assert zones[0].managed - zones[1].managed == managed
    on.check()


def gigantic(arch: str) -> list[int]:
    geometry = ARCHITECTURES[arch]
    largest = geometry.page_bytes << geometry.max_order
    return [size for size in geometry.hugetlb_bytes if size > largest]


@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if gigantic(arch)])
def test_gigantic_pages_never_come_out_of_movable(arch: str) -> None:
    """hugepage_movable_supported; recorded on 6.12: 0 of 2. By a file, and at boot."""
    size = gigantic(arch)[0]
    pool = f"/sys/kernel/mm/hugepages/hugepages-{size >> 10}kB/nr_hugepages"
    ram, dimm = format_size(max(size, 1 << 30)), format_size(max(2 * size, 1 << 30))
    machine = booted(f"machine ram={ram} arch={arch}", f"add d {dimm} at=0x1000000000")
    machine.run("online d movable")
    machine.run(f"echo 2 > {pool}")
    found = machine.run(f"cat {pool}").output
    first = machine.state.devices[0].start_pfn
    assert all(held.start_pfn < first for held in machine.state.hugetlb.values())
    assert machine.run("offline d").ok
    assert machine.run("online d kernel").ok
    machine.run(f"echo 3 > {pool}")
    assert int(machine.run(f"cat {pool}").output[0]) > int(found[0])


@pytest.mark.parametrize(
    "lines",
    [
        ("free 64M",),
        ("add d 512M", "online d movable", "free 32M", "pin 33 pages=100"),
        ("add d 512M", "online 32 kernel", "online 33-35 movable", "hugetlb h 2M count=9"),
    ],
)
def test_free_memory_is_what_is_drawn_as_free(lines: tuple[str, ...]) -> None:
    machine: Machine = booted("machine ram=2G", *lines)
    view = machine.view()
    counts = view.page_counts(np.array([view.first_pfn, view.end_pfn], np.int64))[0]
    drawn = sum(int(counts[kind]) for kind in FREE_BY_ZONE.values())
    assert drawn == sum(sum(pair) for pair in machine.state.free_pages)
    assert drawn <= sum(zone.managed for zone in view.zones)
