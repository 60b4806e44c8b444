"""Sizes: which memory block a machine gets, what its memmap takes, who may host it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import ARCHITECTURES, GIB, MIB, Geometry, probe_block_bytes
from pfnmap.engine.memory.memmap import eligibility
from tests.engine.tools import booted

X86 = ARCHITECTURES["x86_64"]


@pytest.mark.parametrize(
    ("end_of_ram", "block_mib"),
    [
        (1 * GIB, 128),
        (63 * GIB, 128),
        (64 * GIB - 1, 128),
        (64 * GIB, 2048),
        (65 * GIB, 1024),
        (66 * GIB, 2048),
        (65 * GIB + 512 * MIB, 512),
        (65 * GIB + 256 * MIB, 256),
        (65 * GIB + 128 * MIB, 128),
        (65 * GIB + 64 * MIB, 128),
        (65536 * GIB, 2048),
    ],
)
def test_a_guest_gets_the_largest_block_that_divides_the_end_of_its_ram(
    end_of_ram: int, block_mib: int
) -> None:
    assert probe_block_bytes(X86, end_of_ram) == block_mib * MIB


@pytest.mark.parametrize(
    ("ram", "block_mib"),
    [
        ("4G", 128),
        ("62G", 128),  # ends at 63 GiB: the hole below 4 GiB counts
        ("63G", 2048),  # ends at 64 GiB
        ("64G", 1024),  # ends at 65 GiB
        ("65G", 2048),
    ],
)
def test_the_end_is_an_address_with_the_hole_below_4g_in_it(ram: str, block_mib: int) -> None:
    assert booted(f"machine ram={ram}").state.geometry.block_bytes == block_mib * MIB


def test_later_memory_does_not_change_the_block_size() -> None:
    machine = booted("machine ram=4G", "add dimm0 128G")
    assert machine.state.geometry.block_bytes == 128 * MIB


@pytest.mark.parametrize("size", [0, 64 * MIB, 192 * MIB, 128 * MIB + 4096])
def test_a_block_is_a_power_of_two_of_at_least_a_section(size: int) -> None:
    with pytest.raises(InputError, match="power of two of at least 128M on x86_64"):
        X86.with_block_bytes(size)


@pytest.mark.parametrize(
    ("block_mib", "pages", "memmap_pages", "usable"),
    [
        (128, 32768, 512, 32256),
        (256, 65536, 1024, 64512),
        (512, 131072, 2048, 129024),
        (1024, 262144, 4096, 258048),
        (2048, 524288, 8192, 516096),
    ],
)
def test_the_memmap_of_a_block(block_mib: int, pages: int, memmap_pages: int, usable: int) -> None:
    geometry = X86.with_block_bytes(block_mib * MIB)
    assert geometry.block_pages == pages
    assert geometry.block_memmap_pages == memmap_pages
    assert geometry.block_pages - geometry.block_memmap_pages == usable
    assert geometry.sections_per_block == block_mib // 128
    assert geometry.memmap_order == 9


# -- may a block host its own memmap? ---------------------------------------------------
def _ppc64_radix() -> Geometry:
    """64K pages, 256M blocks, 2M pageblocks; the memmap is mapped section by section."""
    return replace(ARCHITECTURES["ppc64-64k"].with_block_bytes(256 * MIB), vmemmap_chunk_pages=0)


ELIGIBILITY = [
    # configuration, parameter, failing words ("" when used), area in pages
    ("x86 4K, 128M", X86, "Y", "", 512),
    ("x86 4K, 128M", X86, "force", "", 512),
    ("x86 4K, 128M", X86, "N", "is Y or force (it is N)", 512),
    ("x86 4K, 1G", X86.with_block_bytes(GIB), "Y", "", 4096),
    ("struct page 56", replace(X86, struct_page_bytes=56), "Y", "pageblocks", 448),
    ("struct page 80", replace(X86, struct_page_bytes=80), "Y", "pageblocks", 640),
    ("struct page 56", replace(X86, struct_page_bytes=56), "force", "PMDs", 512),
    ("struct page 80", replace(X86, struct_page_bytes=80), "force", "PMDs", 1024),
    ("arm64 4K", ARCHITECTURES["arm64-4k"], "Y", "", 512),
    ("arm64 16K", ARCHITECTURES["arm64-16k"], "Y", "pageblocks", 32),
    ("arm64 16K", ARCHITECTURES["arm64-16k"], "force", "PMDs", 2048),
    ("arm64 64K", ARCHITECTURES["arm64-64k"], "Y", "pageblocks", 8),
    ("arm64 64K", ARCHITECTURES["arm64-64k"], "force", "usable pages", 8192),
    ("ppc64 64K radix, 256M", _ppc64_radix(), "Y", "pageblocks", 4),
    ("ppc64 64K radix, 256M", _ppc64_radix(), "force", "", 32),
]


@pytest.mark.parametrize(
    ("geometry", "parameter", "failing", "area"),
    [row[1:] for row in ELIGIBILITY],
    ids=[f"{row[0]} {row[2]}" for row in ELIGIBILITY],
)
def test_eligibility(geometry: Geometry, parameter: str, failing: str, area: int) -> None:
    checks, pages = eligibility(geometry, parameter)
    failed = [check.rule for check in checks if not check.holds]
    assert pages == area
    assert failed[0].count(failing) if failing else not failed


def test_the_memmap_of_debug_struct_pages_is_no_whole_pmd() -> None:
    for size, mib in ((56, 1.75), (80, 2.5)):
        geometry = replace(X86, struct_page_bytes=size)
        assert geometry.block_pages * size / MIB == mib


def test_force_on_ppc64_wastes_1_75m_a_block() -> None:
    geometry = _ppc64_radix()
    _, area = eligibility(geometry, "force")
    wasted = area - geometry.block_memmap_pages
    assert wasted * geometry.page_bytes == 1.75 * MIB


def test_rounding_up_on_arm64_16k_would_waste_31_5m_and_on_64k_the_whole_block() -> None:
    arm16, arm64 = ARCHITECTURES["arm64-16k"], ARCHITECTURES["arm64-64k"]
    _, area = eligibility(arm16, "force")
    assert (area - arm16.block_memmap_pages) * arm16.page_bytes == 31.5 * MIB
    _, area = eligibility(arm64, "force")
    assert area == arm64.block_pages
