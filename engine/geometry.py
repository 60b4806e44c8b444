"""What an architecture is to memory hotplug: its sizes, its zones, its boot RAM, its own rules.

One :class:`Geometry` an architecture, and nothing else in the engine asks for its name.

Sources: ``arch/x86/include/asm/sparsemem.h``, ``include/linux/mmzone.h`` (Linux 6.12),
``arch/x86/mm/init_64.c:probe_memory_block_size``; arm64, powerpc and s390 figures from
``arch/arm64/include/asm/sparsemem.h``, ``arch/powerpc/include/asm/sparsemem.h`` and
``arch/s390/include/asm/sparsemem.h``; zone ends from each architecture's
``arch_zone_limits_init`` or ``zone_sizes_init``.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType

MIB = 1 << 20
GIB = 1 << 30

MAX_NUMNODES = 1 << 10
"""Nodes with NODES_SHIFT 10, the largest that any architecture configures (``linux/numa.h``)."""

NO_HOLE = (1 << 62, 1 << 62)


class Geometry(Struct, frozen=True):
    """Every size in pages unless the name says bytes."""

    arch: str
    page_bytes: int
    section_pages: int
    subsection_pages: int
    pageblock_pages: int
    """``pageblock_nr_pages``: the unit of migratetype and isolation."""
    pmd_bytes: int
    """``PMD_SIZE``: the vmemmap of a block must be a multiple of it (no override)."""
    block_pages: int
    struct_page_bytes: int = 64
    max_order: int = 10
    """``MAX_PAGE_ORDER``: largest buddy order."""
    physmem_end: int = (1 << 52) - 1
    """``PHYSMEM_END``: last addressable byte (inclusive; 5-level paging on x86_64)."""
    vmemmap_chunk_pages: int = 0
    """Fixed size in which the memmap is mapped when it is not section by section
    (powerpc hash: one 16 MiB page for every 16 GiB window); 0: by section."""
    base_page_fallback: bool = True
    """Whether the memmap may be populated with base pages when the large order fails."""

    hugetlb_bytes: tuple[int, ...] = (2 * MIB, GIB)
    """Sizes of huge pages (``hugepages-*kB``); the first one is ``Hugepagesize``, the default."""
    zone_ends: tuple[tuple[ZoneType, int], ...] = ()
    """(zone, end in bytes) of the zones of boot memory below Normal, ascending."""
    spares_dma: bool = False
    """Whether struct pages are not taken from DMA, which is small and for devices."""
    ram_start: int = 0
    """Where boot RAM begins, in bytes."""
    ram_hole: tuple[int, int] = NO_HOLE
    """[first byte, end) in which there is no boot RAM."""
    reserves_page_0: bool = False
    """Whether page 0 is the firmware's and no memory of any zone
    (``arch/x86/kernel/setup.c:trim_bios_range``)."""
    guest_block_bytes: tuple[int, ...] = ()
    """Block sizes that a guest with much RAM tries, the largest first."""
    memmap_in_whole_pmds: bool = True
    """Whether only a memmap of whole PMDs may be hosted (``arch_supports_memmap_on_memory``)."""
    vmemmap_leaf_bytes: int = 0
    """Size of the leaf entries by which the vmemmap is mapped, where that matters for unmapping
    (``arch/arm64/mm/mmu.c:can_unmap_without_split``)."""
    keeps_boot_memory: bool = False
    """Whether a notifier may refuse to offline memory of the boot
    (``arch/arm64/mm/mmu.c:prevent_bootmem_remove_notifier``)."""

    movable_ranges: tuple[tuple[int, int], ...] = ()
    """[first pfn, end pfn) of boot memory in Movable (``kernelcore=``, ``movablecore=``)."""
    mem_is_address: bool = False
    """Whether ``mem=`` says where memory ends, not how much there is."""

    old_section_bytes: int = 0
    """Section size of kernels before 5.12 where it was another one; 0: the same."""

    @property
    def page_shift(self) -> int:
        """``PAGE_SHIFT``."""
        return self.page_bytes.bit_length() - 1

    @property
    def block_bytes(self) -> int:
        """``memory_block_size_bytes()``."""
        return self.block_pages * self.page_bytes

    @property
    def sections_per_block(self) -> int:
        """Sections in a memory block."""
        return self.block_pages // self.section_pages

    def memmap_pages(self, nr_pages: int) -> int:
        """Whole pages of struct pages that describe ``nr_pages`` pages (rounded up)."""
        return -(-nr_pages * self.struct_page_bytes // self.page_bytes)

    def boot_zones(self) -> tuple[tuple[ZoneType, int, int], ...]:
        """(zone, first pfn, end pfn) of the zones that boot memory is divided into."""
        ends = [end >> self.page_shift for _, end in self.zone_ends]
        zones = [*(zone for zone, _ in self.zone_ends), ZoneType.NORMAL]
        parts = list(zip(zones, [0, *ends], [*ends, 1 << 52], strict=True))
        for first, end in self.movable_ranges:
            zone, low, high = next(part for part in parts if part[1] <= first < part[2])
            parts.remove((zone, low, high))
            parts += [(zone, low, first), (ZoneType.MOVABLE, first, end), (zone, end, high)]
        return tuple(sorted((part for part in parts if part[1] < part[2]), key=lambda p: p[1]))

    @property
    def block_memmap_pages(self) -> int:
        """``memory_block_memmap_on_memory_pages()`` without ``force`` rounding."""
        return self.memmap_pages(self.block_pages)

    @property
    def memmap_unit_pages(self) -> int:
        """Pages in which a memmap from RAM is taken: a section's, a PMD's or a chunk of fixed size.

        Where nothing fixes it, the smaller of a section's and a PMD's.
        """
        section = self.memmap_pages(self.section_pages)
        return self.vmemmap_chunk_pages or min(section, self.pmd_bytes // self.page_bytes)

    @property
    def pages_per_struct_page_frame(self) -> int:
        """How many pages one page frame of struct pages describes (64 on x86_64)."""
        return self.page_bytes // self.struct_page_bytes

    @property
    def memmap_order(self) -> int:
        """Buddy order in which memmap for ordinary hot-added memory is asked for."""
        return max(0, (self.memmap_unit_pages - 1).bit_length())

    def with_old_sections(self) -> Geometry:
        """The same architecture as kernels before 5.12 knew it (f0b13ee23241)."""
        section = self.old_section_bytes // self.page_bytes
        if not section:
            return self
        return replace(self, section_pages=section, block_pages=max(section, self.block_pages))

    def with_block_bytes(self, block_bytes: int) -> Geometry:
        """The same architecture with another memory block size.

        Raises InputError unless it is a power of two of at least one section, as
        ``memory_dev_init`` requires (``drivers/base/memory.c:970``).
        """
        section_bytes = self.section_pages * self.page_bytes
        if block_bytes < section_bytes or block_bytes & (block_bytes - 1):
            raise InputError(
                f"block={block_bytes} bytes: a memory block is a power of two of at least "
                f"{section_bytes // MIB}M on {self.arch}"
            )
        return replace(self, block_pages=block_bytes // self.page_bytes)


_SIZES: Final = {
    "x86_64": (4096, 32768, 512, 512, 2 * MIB, 32768),
    "arm64-4k": (4096, 32768, 512, 512, 2 * MIB, 32768),
    "arm64-16k": (16384, 8192, 128, 2048, 32 * MIB, 8192),
    "arm64-64k": (65536, 8192, 32, 8192, 512 * MIB, 8192),
    "ppc64-64k": (65536, 256, 32, 32, 2 * MIB, 4096),
    "s390x": (4096, 65536, 512, 256, MIB, 65536),
}
"""Of a page in bytes; section, subsection and pageblock in pages; PMD in bytes; block in pages."""


def _geometry(arch: str, **others: Any) -> Geometry:
    return Geometry(arch, *_SIZES[arch], **others)


def _arm64(arch: str, **others: Any) -> Geometry:
    """48 bits of addresses, DMA up to 4 GiB."""
    return _geometry(
        arch,
        physmem_end=(1 << 48) - 1,
        zone_ends=((ZoneType.DMA, 4 * GIB),),
        ram_start=GIB,
        keeps_boot_memory=True,
        old_section_bytes=GIB,
        **others,
    )


ARCHITECTURES: dict[str, Geometry] = {
    geometry.arch: geometry
    for geometry in (
        _geometry(
            "x86_64",
            zone_ends=((ZoneType.DMA, 16 * MIB), (ZoneType.DMA32, 4 * GIB)),
            spares_dma=True,
            ram_hole=(3 * GIB, 4 * GIB),
            reserves_page_0=True,
            mem_is_address=True,
            guest_block_bytes=(2 * GIB, GIB, 512 * MIB, 256 * MIB),
        ),
        _arm64(
            "arm64-4k",
            base_page_fallback=False,  # as kernels before the fallback of 2020
            vmemmap_leaf_bytes=2 * MIB,
            hugetlb_bytes=(2 * MIB, MIB >> 4, 32 * MIB, GIB),
        ),
        _arm64("arm64-16k", max_order=11, hugetlb_bytes=(32 * MIB, 2 * MIB, GIB)),
        _arm64("arm64-64k", max_order=13, hugetlb_bytes=(512 * MIB, 2 * MIB, 16 * GIB)),
        _geometry(
            "ppc64-64k",
            max_order=8,
            physmem_end=(1 << 51) - 1,
            vmemmap_chunk_pages=256,  # hash: the memmap is mapped in 16 MiB pages
            base_page_fallback=False,
            hugetlb_bytes=(16 * MIB, 16 * GIB),
            memmap_in_whole_pmds=False,
        ),
    )
}
"""The architectures that a simulated machine may have."""

S390X = _geometry(
    "s390x", max_order=8, physmem_end=(1 << 53) - 1, zone_ends=((ZoneType.DMA, 2 * GIB),)
)
"""SECTION_SIZE_BITS 28; HugeTLB and PMD are 1 MiB. Seen on real machines only."""


def another_architecture(name: str, sizes: Geometry) -> Geometry:
    """An architecture of which only the sizes are taken to be those of another."""
    return replace(
        sizes,
        arch=name,
        zone_ends=((ZoneType.DMA, 4 * GIB),),
        spares_dma=False,
        ram_start=GIB,
        ram_hole=NO_HOLE,
        reserves_page_0=False,
        mem_is_address=False,
        guest_block_bytes=(),
        keeps_boot_memory=False,
        old_section_bytes=0,
    )


def probe_block_bytes(geometry: Geometry, end_of_ram: int, advised: int | None = None) -> int:
    """Memory block size the kernel picks at boot from the end of boot RAM (an address).

    x86_64: ``probe_memory_block_size`` for a guest of a hypervisor; other
    architectures have a fixed default. ``advised``: at most so many bytes
    (``memory_block_advise_max_size``).
    """
    if end_of_ram < 64 * GIB:
        return geometry.block_bytes
    most = advised or end_of_ram
    sizes = (size for size in geometry.guest_block_bytes if size <= most)
    return next((size for size in sizes if end_of_ram % size == 0), geometry.block_bytes)
