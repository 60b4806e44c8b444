"""What a machine shows of the rules of its kernel, where a guess would be another."""

from __future__ import annotations

import numpy as np
import pytest

from pfnmap.engine import Machine
from pfnmap.engine.geometry import ARCHITECTURES, MIB
from pfnmap.engine.kinds import FREE_BY_ZONE, ZoneType
from pfnmap.engine.language import format_size
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
