"""Every state in words: a sentence or two with where the kernel says so, a name, a letter."""

from __future__ import annotations

from pfnmap.engine.kinds import PageState

STATES: dict[PageState, str] = {
    PageState.HOLE: "No memory: no page frame is here, though a zone's span may reach across. "
    "(pfn_valid, include/linux/mmzone.h)",
    PageState.OFFLINE: "Memory of an offline block. Its struct pages exist but are not "
    "initialised, so nothing may look at them. (SECTION_IS_ONLINE, pfn_to_online_page)",
    PageState.VMEMMAP: "Holds struct pages, 64 bytes for each page of the memory they "
    "describe. (mm/sparse-vmemmap.c; PageVmemmapSelfHosted for memmap_on_memory)",
    PageState.FREE_DMA: "Free memory of ZONE_DMA: below 16 MiB on x86, 4 GiB on arm64. "
    "(enum zone_type)",
    PageState.FREE_DMA32: "Free memory of ZONE_DMA32, below 4 GiB. (enum zone_type)",
    PageState.FREE_NORMAL: "Free memory of ZONE_NORMAL: kernel and user allocations alike, "
    "so it may become impossible to offline. (enum zone_type)",
    PageState.FREE_MOVABLE: "Free memory of ZONE_MOVABLE: only movable allocations, so that "
    "it can be offlined again. (enum zone_type)",
    PageState.MOVABLE: "A movable allocation: offlining migrates it elsewhere. "
    "(do_migrate_range, mm/memory_hotplug.c)",
    PageState.UNMOVABLE: "An unmovable allocation: offlining its block fails with EBUSY. "
    "(has_unmovable_pages, mm/page_isolation.c)",
    PageState.HUGETLB: "A HugeTLB page with all of its struct pages. (mm/hugetlb.c)",
    PageState.HUGETLB_OPTIMISED: "A HugeTLB page whose tail struct pages share one page of "
    "memmap; the rest was given back. (mm/hugetlb_vmemmap.c)",
    PageState.ISOLATED: "In an isolated pageblock: an online or offline operation is under "
    "way. (MIGRATE_ISOLATE, start_isolate_page_range)",
    PageState.DEVICE: "ZONE_DEVICE memory: it has struct pages, but the page allocator never "
    "sees it. (mm/memremap.c)",
    PageState.RESERVED: "Reserved at boot: kernel image, firmware, boot-time memmap. "
    "(PageReserved)",
    PageState.BROKEN: "Its struct page is gone or wrong: whoever touches it reads garbage. "
    "This is a finding about the rules in force.",
    PageState.ONLINE: "Online; what the page is used for is not known from here.",
    PageState.PAGE_OFFLINE: "Marked PageOffline by a balloon or virtio-mem: online as a "
    "block, but not usable. (include/linux/page-flags.h)",
}
"""What each state means."""

NAMES: dict[PageState, str] = {
    PageState.HOLE: "hole",
    PageState.OFFLINE: "offline",
    PageState.VMEMMAP: "vmemmap",
    PageState.FREE_DMA: "DMA",
    PageState.FREE_DMA32: "DMA32",
    PageState.FREE_NORMAL: "Normal",
    PageState.FREE_MOVABLE: "Movable",
    PageState.MOVABLE: "movable allocation",
    PageState.UNMOVABLE: "unmovable",
    PageState.HUGETLB: "hugetlb",
    PageState.HUGETLB_OPTIMISED: "hugetlb, optimised",
    PageState.ISOLATED: "isolated",
    PageState.DEVICE: "Device",
    PageState.RESERVED: "reserved",
    PageState.BROKEN: "broken",
    PageState.ONLINE: "online",
    PageState.PAGE_OFFLINE: "PageOffline",
}
"""What the screen calls each state; free memory goes by the name of its zone."""

LETTERS: dict[PageState, str] = {
    PageState.HOLE: ".",
    PageState.OFFLINE: "o",
    PageState.VMEMMAP: "V",
    PageState.FREE_DMA: "d",
    PageState.FREE_DMA32: "D",
    PageState.FREE_NORMAL: "N",
    PageState.FREE_MOVABLE: "M",
    PageState.MOVABLE: "m",
    PageState.UNMOVABLE: "u",
    PageState.HUGETLB: "H",
    PageState.HUGETLB_OPTIMISED: "h",
    PageState.ISOLATED: "x",
    PageState.DEVICE: "Z",
    PageState.RESERVED: "R",
    PageState.BROKEN: "!",
    PageState.ONLINE: "O",
    PageState.PAGE_OFFLINE: "b",
}
"""The letter of each state: on the map in text, in the figure and in the ``ascii`` theme."""
