"""Which pages of a DIMM hold its struct pages: the whole table of sizes, blocks and policies."""

from __future__ import annotations

import numpy as np
import pytest

from pfnmap.engine.facts import device_facts
from pfnmap.engine.geometry import GIB, MIB
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.outcome import Outcome
from pfnmap.tui.say.page_facts import tower
from tests.engine.tools import booted, span

NAMES = {"128M": 128 * MIB, "256M": 256 * MIB, "1G": GIB, "2G": 2 * GIB, "64G": 64 * GIB}
NAMES |= {"1T": 1024 * GIB, "384M": 384 * MIB, "8G": 8 * GIB, "9G": 9 * GIB}

# DIMM, block, policy, heads, refcount, private, all-vmemmap blocks, usable, largest run, 1G pages
TABLE: list[tuple[str, str, str, int, int, int, int, int, int, int]] = [
    ("128M", "128M", "ram", 0, 0, 0, 0, 128 * MIB, 128 * MIB, 0),
    ("128M", "128M", "device", 1, 1, 512, 0, 126 * MIB, 126 * MIB, 0),
    ("128M", "128M", "memblock", 1, 1, 512, 0, 126 * MIB, 126 * MIB, 0),
    ("256M", "128M", "device", 1, 2, 1024, 0, 252 * MIB, 252 * MIB, 0),
    ("256M", "128M", "memblock", 2, 1, 512, 0, 252 * MIB, 126 * MIB, 0),
    ("1G", "128M", "ram", 0, 0, 0, 0, GIB, GIB, 1),
    ("1G", "128M", "device", 1, 8, 4096, 0, 1008 * MIB, 1008 * MIB, 0),
    ("1G", "128M", "memblock", 8, 1, 512, 0, 1008 * MIB, 126 * MIB, 0),
    ("1G", "1G", "device", 1, 8, 4096, 0, 1008 * MIB, 1008 * MIB, 0),
    ("1G", "1G", "memblock", 1, 8, 4096, 0, 1008 * MIB, 1008 * MIB, 0),
    ("2G", "128M", "device", 1, 16, 8192, 0, 2016 * MIB, 2016 * MIB, 1),
    ("2G", "128M", "memblock", 16, 1, 512, 0, 2016 * MIB, 126 * MIB, 0),
    ("2G", "1G", "device", 1, 16, 8192, 0, 2016 * MIB, 2016 * MIB, 1),
    ("2G", "1G", "memblock", 2, 8, 4096, 0, 2016 * MIB, 1008 * MIB, 0),
    ("2G", "2G", "device", 1, 16, 8192, 0, 2016 * MIB, 2016 * MIB, 1),
    ("2G", "2G", "memblock", 1, 16, 8192, 0, 2016 * MIB, 2016 * MIB, 1),
    ("64G", "128M", "device", 1, 512, 262144, 8, 63 * GIB, 63 * GIB, 63),
    ("64G", "128M", "memblock", 512, 1, 512, 0, 63 * GIB, 126 * MIB, 0),
    ("64G", "1G", "device", 1, 512, 262144, 1, 63 * GIB, 63 * GIB, 63),
    ("64G", "1G", "memblock", 64, 8, 4096, 0, 63 * GIB, 1008 * MIB, 0),
    ("64G", "2G", "device", 1, 512, 262144, 0, 63 * GIB, 63 * GIB, 63),
    ("64G", "2G", "memblock", 32, 16, 8192, 0, 63 * GIB, 2016 * MIB, 32),
    ("1T", "128M", "device", 1, 8192, 4194304, 128, 1008 * GIB, 1008 * GIB, 1008),
    ("1T", "128M", "memblock", 8192, 1, 512, 0, 1008 * GIB, 126 * MIB, 0),
    ("1T", "1G", "device", 1, 8192, 4194304, 16, 1008 * GIB, 1008 * GIB, 1008),
    ("1T", "1G", "memblock", 1024, 8, 4096, 0, 1008 * GIB, 1008 * MIB, 0),
    ("1T", "2G", "device", 1, 8192, 4194304, 8, 1008 * GIB, 1008 * GIB, 1008),
    ("1T", "2G", "memblock", 512, 16, 8192, 0, 1008 * GIB, 2016 * MIB, 512),
    # the other vectors: 9G, 8G (exactly one block of vmemmap), 384M
    ("9G", "128M", "device", 1, 72, 36864, 1, 9072 * MIB, 9072 * MIB, 8),
    ("8G", "128M", "device", 1, 64, 32768, 1, 8064 * MIB, 8064 * MIB, 7),
    ("384M", "128M", "device", 1, 3, 1536, 0, 378 * MIB, 378 * MIB, 0),
    ("384M", "128M", "memblock", 3, 1, 512, 0, 378 * MIB, 126 * MIB, 0),
]


@pytest.mark.parametrize(
    "row",
    [
        # of 1 TiB by default the blocks of 2 GiB only
        pytest.param(row, id="-".join(row[:3]),
                     marks=pytest.mark.slow if row[0] == "1T" and row[1] != "2G" else ())
        for row in TABLE
    ],
)  # fmt: skip
def test_layout(row: tuple[str, str, str, int, int, int, int, int, int, int]) -> None:
    size, block, policy, heads, refcount, private, full, usable, run, gigantic = row
    machine = booted(f"machine ram=32G profile=memmap-v2 block={block}")
    assert machine.run(f"add dimm0 {size} at=64G memmap={policy}").ok
    facts = device_facts(machine.state, "dimm0")
    assert facts is not None
    assert (facts.heads, facts.refcount, facts.private) == (heads, refcount, private)
    assert facts.all_vmemmap_blocks == full
    assert (facts.usable_bytes, facts.largest_run_bytes) == (usable, run)
    assert facts.vmemmap_pages == heads * private

    # The same again from the pages themselves.
    base, pages = 64 * GIB >> 12, NAMES[size] >> 12
    view = machine.view()
    edges = np.arange(base, base + pages + 1, 512, dtype=np.int64)
    vmemmap = view.page_counts(edges)[:, PageState.VMEMMAP]
    chunk = private // 512
    expected = np.zeros(pages // 512, np.int64)
    if heads:
        every = pages // 512 if policy == "device" else NAMES[block] // (2 * MIB)
        for first in range(0, pages // 512, every):
            expected[first : first + chunk] = 512
    assert vmemmap.tolist() == expected.tolist()
    by_gigabyte = expected.reshape(-1, 512).any(axis=1) if pages >= 1 << 18 else np.ones(0, bool)
    assert int((~by_gigabyte).sum()) == gigantic


@pytest.mark.parametrize(
    ("size", "block"),
    [("128M", "1G"), ("128M", "2G"), ("256M", "1G"), ("256M", "2G"), ("1G", "2G")],
)
@pytest.mark.parametrize("policy", ["ram", "device", "memblock"])
def test_a_dimm_smaller_than_a_block_is_refused(size: str, block: str, policy: str) -> None:
    machine = booted(f"machine ram=32G profile=memmap-v2 block={block}")
    outcome = machine.run(f"add dimm0 {size} at=64G memmap={policy}")
    assert outcome.errno == "EINVAL"
    assert outcome.refusal is not None
    assert outcome.refusal.function == "check_hotplug_memory_range"


# -- counters once everything is online -------------------------------------------------
def _online_one_by_one(size: str, policy: str) -> list[tuple[int, int]]:
    """(present, managed) that each block of the DIMM added."""
    machine = booted("machine ram=32G profile=memmap-v2 block=128M")
    assert machine.run(f"add dimm0 {size} at=64G memmap={policy}").ok
    deltas = []
    before = (0, 0)
    for block in range(512, 512 + min(16, NAMES[size] // (128 * MIB))):
        assert machine.run(f"online {block} movable").ok
        _, _, present, managed = span(machine, ZoneType.MOVABLE)
        deltas.append((present - before[0], managed - before[1]))
        before = present, managed
    return deltas


def test_a_device_layout_takes_its_memmap_from_the_first_blocks() -> None:
    assert _online_one_by_one("1G", "device") == [(32768, 28672)] + [(32768, 32768)] * 7


def test_a_memblock_layout_takes_512_pages_of_every_block() -> None:
    assert _online_one_by_one("1G", "memblock") == [(32768, 32256)] * 8


def test_blocks_that_are_all_vmemmap_are_present_and_hold_nothing() -> None:
    assert _online_one_by_one("64G", "device") == [(32768, 0)] * 8 + [(32768, 32768)] * 8


def test_a_zone_may_be_populated_without_one_page_to_allocate() -> None:
    machine = booted("machine ram=32G profile=memmap-v2 block=128M", "add dimm0 64G at=64G")
    assert machine.run("online 512 movable").ok
    assert span(machine, ZoneType.MOVABLE) == (512 * 32768, 32768, 32768, 0)


# -- the tower --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("size", "frames"),
    [
        ("128M", [512, 8, 1]),
        ("256M", [1024, 16, 1]),
        ("1G", [4096, 64, 1]),
        ("2G", [8192, 128, 2, 1]),
        ("64G", [262144, 4096, 64, 1]),
        ("1T", [4194304, 65536, 1024, 16, 1]),
    ],
)
def test_struct_pages_of_struct_pages_shrink_64_fold_to_one_page(
    size: str, frames: list[int]
) -> None:
    machine = booted("machine ram=2G profile=memmap-v2", f"add dimm0 {size} at=64G")
    base, pages = 64 * GIB >> 12, NAMES[size] >> 12
    steps = [base + pages - 1, *tower(machine.view(), base + pages - 1)]
    assert [pfn - base + 1 for pfn in steps[1:]] == [*frames, 1][: len(steps) - 1]
    assert steps[-1] == steps[-2] == base, "pfn 0's struct page lies inside pfn 0 itself"
    assert set(frames) <= {pfn - base + 1 for pfn in steps}


def test_section_k_is_described_by_frames_512k_of_section_k_over_64() -> None:
    machine = booted("machine ram=2G profile=memmap-v2", "add dimm0 64G at=64G")
    base, view = 64 * GIB >> 12, machine.view()
    for section in (0, 1, 63, 64, 511):
        home = view.page(base + section * 32768).memmap_pfn
        assert home == base + 512 * section
        assert (home - base) // 32768 == section // 64


def test_2g_at_pfn_0x100000_has_its_struct_pages_where_the_cover_letter_says() -> None:
    """Vmemmap 0xffffea0004000000-0xffffea0006000000, the self-hosted part to …4080000."""
    machine = booted("machine ram=2G profile=memmap-v1", "add dimm0 2G at=4G")
    vmemmap_base, struct_page = 0xFFFFEA0000000000, 64
    low, high = 0x100000, 0x100000 + 524288
    assert vmemmap_base + low * struct_page == 0xFFFFEA0004000000
    assert vmemmap_base + high * struct_page == 0xFFFFEA0006000000
    facts = device_facts(machine.state, "dimm0")
    assert facts is not None
    assert (facts.refcount, facts.private) == (16, 8192)
    assert vmemmap_base + (low + facts.private) * struct_page == 0xFFFFEA0004080000
    view = machine.view()
    assert view.page(low + 8191).state == PageState.VMEMMAP
    assert view.page(low + 8192).state == PageState.OFFLINE


# -- v2's knob --------------------------------------------------------------------------
def test_the_knob_is_looked_at_in_add_only() -> None:
    machine = booted("machine ram=2G profile=memmap-v2", "add on 256M", "online on movable")
    knob = "/sys/devices/system/memory/vmemmap_hotplug"

    def write(word: str) -> Outcome:
        return machine.run(f"echo {word} > {knob}")

    assert machine.run(f"cat {knob}").output == ("enabled",)
    assert [write(word).errno for word in ("enabled", "disabled", "1", "disable")] == [
        "EINVAL",
        "EINVAL",
        "EINVAL",
        None,
    ]
    assert machine.run(f"cat {knob}").output == ("disabled",)
    assert machine.run("add off 256M").ok
    on, off = device_facts(machine.state, "on"), device_facts(machine.state, "off")
    assert on is not None
    assert off is not None
    assert (on.private, off.private) == (1024, 0)
    assert machine.run("remove on").ok, "ranges that were added keep their layout"
    assert machine.view().findings == ()
