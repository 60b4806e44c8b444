"""The words on the screen, one or two sentences each, with where the kernel has them.

States of pages are in :mod:`.glossary`, which every start of the screen needs; these are
read when somebody asks.
"""

from __future__ import annotations

from typing import Final

PLACES: Final[dict[str, str]] = {
    "pfn": "Page frame number: the physical address divided by the page size. "
    "(PFN_DOWN, include/linux/pfn.h)",
    "address": "Physical address of the page's first byte, as /proc/iomem counts.",
    "cell": "What one character of the map stands for: + and - change how many pages.",
    "page": "The smallest piece the kernel manages, 4 KiB on x86; each has one struct page. "
    "(PAGE_SIZE)",
    "pageblock": "The pages that share a migrate type, 512 on x86: what isolation works on. "
    "(pageblock_nr_pages, include/linux/pageblock-flags.h)",
    "subsection": "2 MiB: the smallest piece for which memory can be added or removed as "
    "ZONE_DEVICE. (SUBSECTION_SIZE, include/linux/mmzone.h)",
    "section": "The unit of the sparse memory model, 128 MiB on x86: it is present, online, or "
    "neither as a whole. (SECTION_SIZE_BITS, mem_section)",
    "block": "Memory block: one or more sections with a state file in sysfs, the unit of "
    "online and offline. Its id is the address divided by the block size. "
    "(drivers/base/memory.c)",
    "hole": "Addresses without memory. A span may reach across one. (pfn_valid)",
    "node": "NUMA node: memory that is equally far from a set of CPUs, with zones of its own. "
    "(pg_data_t)",
    "device": "The DIMM a block came with, the unit that is added and removed here; boot memory "
    "has none. (struct acpi_memory_device)",
}
"""Where something is."""

ZONES: Final[dict[str, str]] = {
    "zone": "Pages of a node that one free list serves: DMA, DMA32, Normal, Movable or Device. "
    "(enum zone_type, include/linux/mmzone.h)",
    "start_pfn": "Where a span begins. (zone_start_pfn, node_start_pfn)",
    "spanned": "Pages from the first to the end of a zone or node, holes included. "
    "(spanned_pages in /proc/zoneinfo)",
    "present": "Pages of the span that are memory: spanned minus holes. (present_pages)",
    "managed": "Present pages that the buddy allocator got; reserved pages and vmemmap are not "
    "among them. (managed_pages)",
    "span": "The range from a node's first to its last page; the spans of two nodes or zones "
    "may overlap. (node_spanned_pages)",
    "Movable": "ZONE_MOVABLE: only allocations that can be migrated away, so that its blocks can "
    "be offlined.",
    "Normal": "ZONE_NORMAL: allocations of all kinds; one that cannot be moved keeps its block "
    "online.",
    "valid_zones": "The zone of an online block; for an offline one the zones that 'online' and "
    "its like may use, the default first. (valid_zones_show, drivers/base/memory.c)",
}
"""What spans and counters mean."""

MEMMAP: Final[dict[str, str]] = {
    "struct page": "The kernel's record of one page, 64 bytes. Here: the page of memory that "
    "holds this record. (include/linux/mm_types.h)",
    "describes": "The pages whose struct pages this page holds; taking it away leaves them "
    "without. (vmemmap_to_page, turned round)",
    "memmap": "All struct pages of a piece of memory: in boot memory, in RAM that was there "
    "before (ram), or on the new memory itself (on_memory, device). (__populate_section_memmap)",
    "vmemmap": "Pages that hold struct pages, and how many of a block's own first pages do. "
    "(nr_vmemmap_pages, struct vmem_altmap)",
    "tower": "Struct pages live in pages that have struct pages, and so on; the arrows follow "
    "them until memory that describes itself.",
    "memmap_on_memory": "Parameter: put the struct pages of added memory on that memory, block by "
    "block. force also where some of it is wasted. (mm/memory_hotplug.c)",
}
"""Where struct pages live."""

BLOCKS: Final[dict[str, str]] = {
    "state": "online, offline, or on the way: what the block's state file says. "
    "(state_show, drivers/base/memory.c)",
    "removable": "What the block's removable file says: 1 whenever the kernel can offline at all, "
    "so no promise. (removable_show)",
    "online_policy": "Parameter: contig-zones keeps zones contiguous, auto-movable prefers "
    "Movable while its ratio allows. (zone_for_pfn_range)",
    "auto-online": "What happens to blocks right after they were added: offline leaves them for "
    "user space. (auto_online_blocks, memhp_default_state=)",
    "would the kernel": "What each action would answer here now, from the same code that does it: "
    "yes, or errno, function and rule.",
    "EBUSY": "Device or resource busy: something in the block cannot be moved or is in use.",
    "EINVAL": "Invalid argument: the wrong state, zone, size or alignment for this.",
}
"""What can be done with blocks."""

PAGES: Final[dict[str, str]] = {
    "is": "The state that the map draws; see the states of pages.",
    "refcount": "The count of users in the struct page; the heads of a self-hosted memmap count "
    "their dependents there in the posted series. (_refcount)",
    "private": "The private word of the struct page; the posted series keeps a page count there. "
    "(page_private)",
    "freelist": "The word of the struct page that leads to the head of its vmemmap in the posted "
    "series. (page->freelist)",
    "note": "What this model adds to what a kernel would know.",
}
"""What else is known of a page."""

TIME: Final[dict[str, str]] = {
    "step": "One command that was run, refused ones included; the machine before and after it is "
    "kept.",
    "phase": "One function of the kernel within a command, in kernel order; the machine between "
    "two phases is as the kernel's would be.",
    "branch": "Commands that were undone before something else was done: none of them is lost.",
    "mark": "A name for a pfn, of this session.",
    "finding": "Something that the rules in force broke: an identity of the kernel's state that "
    "does not hold any more.",
    "profile": "The kernel, or the posted series, whose rules are in force.",
}
"""How the session goes."""

TERMS: Final[dict[str, dict[str, str]]] = {
    "Zones and nodes": ZONES,
    "Where struct pages live": MEMMAP,
    "Places": PLACES,
    "Memory blocks": BLOCKS,
    "Pages": PAGES,
    "The session": TIME,
}
"""Every word by heading, in the order they are read."""


def meaning(word: str) -> str | None:
    """What a word on the screen means; None for one that explains itself."""
    return next((words[word] for words in TERMS.values() if word in words), None)
