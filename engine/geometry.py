"""Sizes of page, subsection, pageblock, section and memory block, per architecture.

Sources: ``arch/x86/include/asm/sparsemem.h``, ``include/linux/mmzone.h`` (Linux 6.12),
``arch/x86/mm/init_64.c:probe_memory_block_size``; arm64 and powerpc figures from
``arch/arm64/include/asm/sparsemem.h`` and ``arch/powerpc/include/asm/sparsemem.h``.
"""

from __future__ import annotations

from dataclasses import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.values import dataclass

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

MAX_NUMNODES = 1 << 10
"""Nodes with NODES_SHIFT 10, the largest that any architecture configures (``linux/numa.h``)."""

MIN_BLOCKS_BYTES_HYPERVISOR = (2 * GIB, GIB, 512 * MIB, 256 * MIB)


@dataclass(frozen=True, slots=True)
class Geometry:
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

    @property
    def block_memmap_pages(self) -> int:
        """``memory_block_memmap_on_memory_pages()`` without ``force`` rounding."""
        return self.memmap_pages(self.block_pages)

    @property
    def memmap_unit_pages(self) -> int:
        """Pages in which a memmap from RAM is taken: a section's, or a chunk of fixed size."""
        return self.vmemmap_chunk_pages or self.memmap_pages(self.section_pages)

    @property
    def pages_per_struct_page_frame(self) -> int:
        """How many pages one page frame of struct pages describes (64 on x86_64)."""
        return self.page_bytes // self.struct_page_bytes

    @property
    def memmap_order(self) -> int:
        """Buddy order in which memmap for ordinary hot-added memory is asked for."""
        return max(0, (self.memmap_unit_pages - 1).bit_length())

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


ARCHITECTURES: dict[str, Geometry] = {
    "x86_64": Geometry("x86_64", 4096, 32768, 512, 512, 2 * MIB, 32768),
    "arm64-4k": Geometry(
        "arm64-4k",
        4096,
        32768,
        512,
        512,
        2 * MIB,
        32768,
        base_page_fallback=False,
        physmem_end=(1 << 48) - 1,
        hugetlb_bytes=(2 * MIB, MIB >> 4, 32 * MIB, GIB),
    ),
    "arm64-16k": Geometry(
        "arm64-16k",
        16384,
        8192,
        128,
        2048,
        32 * MIB,
        8192,
        max_order=11,
        physmem_end=(1 << 48) - 1,
        hugetlb_bytes=(32 * MIB, 2 * MIB, GIB),
    ),
    "arm64-64k": Geometry(
        "arm64-64k",
        65536,
        8192,
        32,
        8192,
        512 * MIB,
        8192,
        max_order=13,
        physmem_end=(1 << 48) - 1,
        hugetlb_bytes=(512 * MIB, 2 * MIB, 16 * GIB),
    ),
    "ppc64-64k": Geometry(
        "ppc64-64k",
        65536,
        256,
        32,
        32,
        2 * MIB,
        4096,
        max_order=8,
        physmem_end=(1 << 51) - 1,
        vmemmap_chunk_pages=256,
        base_page_fallback=False,
        hugetlb_bytes=(16 * MIB, 16 * GIB),
    ),
}
"""arm64-4k refuses base pages as kernels before the fallback of 2020 did; ppc64 (hash) maps
its memmap in 16 MiB pages and never falls back."""


def probe_block_bytes(geometry: Geometry, end_of_ram: int) -> int:
    """Memory block size the kernel picks at boot from the end of boot RAM (an address).

    x86_64: ``probe_memory_block_size`` for a guest of a hypervisor; other
    architectures have a fixed default.
    """
    if geometry.arch != "x86_64" or end_of_ram < 64 * GIB:
        return geometry.block_bytes
    for size in MIN_BLOCKS_BYTES_HYPERVISOR:
        if end_of_ram % size == 0:
            return size
    return 128 * MIB
