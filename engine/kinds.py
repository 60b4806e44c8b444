"""The enumerations every layer shares: zones, block states, page states, policies.

Kernel words are kept verbatim (``include/linux/mmzone.h``, ``drivers/base/memory.c``);
the values of :class:`ZoneType` and :class:`OnlineType` are the kernel's own indices.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class ZoneType(IntEnum):
    """``enum zone_type`` of x86_64 (``include/linux/mmzone.h``), in index order."""

    NONE = -1
    DMA = 0
    DMA32 = 1
    NORMAL = 2
    MOVABLE = 3
    DEVICE = 4

    @property
    def label(self) -> str:
        """The name as ``/proc/zoneinfo`` prints it, ``none`` for no zone."""
        return ZONE_LABELS[self]


ZONE_LABELS: dict[int, str] = {
    -1: "none",
    0: "DMA",
    1: "DMA32",
    2: "Normal",
    3: "Movable",
    4: "Device",
}
ZONE_BY_LABEL: dict[str, ZoneType] = {v: ZoneType(k) for k, v in ZONE_LABELS.items() if k >= 0}
REAL_ZONES: tuple[ZoneType, ...] = tuple(ZoneType(i) for i in range(5))
KERNEL_ZONES: tuple[ZoneType, ...] = (ZoneType.DMA, ZoneType.DMA32, ZoneType.NORMAL)


class OnlineType(IntEnum):
    """``MMOP_*`` of ``include/linux/memory_hotplug.h``."""

    OFFLINE = 0
    ONLINE = 1
    ONLINE_KERNEL = 2
    ONLINE_MOVABLE = 3

    @property
    def word(self) -> str:
        """The sysfs token."""
        return self.name.lower()


class BlockState(IntEnum):
    """State of a memory block (``MEM_*`` of ``include/linux/memory.h``)."""

    OFFLINE = 0
    ONLINE = 1
    GOING_OFFLINE = 2
    GOING_ONLINE = 3

    @property
    def word(self) -> str:
        """The word sysfs prints, e.g. ``going-offline``."""
        return self.name.lower().replace("_", "-")


class MemmapKind(IntEnum):
    """Where the struct pages of a block live."""

    BOOT = 0
    """Allocated at boot (memblock); reserved pages of a boot zone."""
    RAM = 1
    """Allocated from the buddy allocator at hot-add."""
    PER_BLOCK = 2
    """At the start of each memory block (merged memmap_on_memory, v2's MHP_MEMMAP_MEMBLOCK)."""
    PER_DEVICE = 3
    """At the start of the hot-added range (v1/v2's MHP_MEMMAP_DEVICE)."""


class MemmapPolicy(Enum):
    """The words of ``add … memmap=``."""

    RAM = "ram"
    DEVICE = "device"
    MEMBLOCK = "memblock"
    ON_MEMORY = "on_memory"


class PageState(IntEnum):
    """What a page frame is, as far as the model (or the real machine) can tell.

    One value per glyph/colour pair of a theme; ``FREE_*`` splits by zone because the
    zone of usable memory is the first thing a reader looks for.
    """

    HOLE = 0
    """No memory here."""
    OFFLINE = 1
    """Memory of an offline block: its struct pages are not initialised."""
    VMEMMAP = 2
    """Holds struct pages (of this memory or of other memory)."""
    FREE_DMA = 3
    FREE_DMA32 = 4
    FREE_NORMAL = 5
    FREE_MOVABLE = 6
    MOVABLE = 7
    """A movable allocation (a pin of kind movable)."""
    UNMOVABLE = 8
    """An unmovable allocation: offlining its block fails with EBUSY."""
    HUGETLB = 9
    HUGETLB_OPTIMISED = 10
    """A HugeTLB page whose vmemmap was given back."""
    ISOLATED = 11
    """In an isolated pageblock (an offline or online operation is under way)."""
    DEVICE = 12
    """ZONE_DEVICE memory."""
    RESERVED = 13
    """Reserved at boot (kernel image, firmware)."""
    BROKEN = 14
    """Its struct page is gone or wrong: touching it would corrupt or crash (a finding)."""
    ONLINE = 15
    """Online, contents unknown (a real machine without page information)."""
    PAGE_OFFLINE = 16
    """Marked PageOffline (balloon, virtio-mem) inside an online block."""

    @property
    def word(self) -> str:
        """The word ``expect pfn N kind=`` compares with."""
        return "free" if self in FREE_STATES else self.name.lower().replace("_", "-")


FREE_STATES: frozenset[PageState] = frozenset(
    {PageState.FREE_DMA, PageState.FREE_DMA32, PageState.FREE_NORMAL, PageState.FREE_MOVABLE}
)
FREE_BY_ZONE: dict[ZoneType, PageState] = {
    ZoneType.DMA: PageState.FREE_DMA,
    ZoneType.DMA32: PageState.FREE_DMA32,
    ZoneType.NORMAL: PageState.FREE_NORMAL,
    ZoneType.MOVABLE: PageState.FREE_MOVABLE,
}
