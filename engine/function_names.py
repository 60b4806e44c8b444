"""What each kernel calls the functions that the phases are told by.

Operations tell their phases with the names of the newest kernel. Where an older one has another
function in that place, or has the code in its caller, the phase is told by that name:
:func:`name_in`. Which kernels and series have a function: :func:`exists`. Functions without an
entry are older than every kernel that is known here, and still there.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from msgspec import Struct

from pfnmap.engine.profile import is_before


class Since(Struct, frozen=True):
    """The release that brought a function, what was in its place before, and the source."""

    release: str
    before: str
    """An older function, or the one whose body it was a part of."""
    source: str


_LOCKED: Final = (
    'db051a0dac13 "mm/memory_hotplug: create memory block devices after arch_add_memory()", '
    '4c4b7f9ba948 "mm/memory_hotplug: remove memory block devices before arch_remove_memory()"'
)
_BLOCK_ONLINE: Final = '8736cc2d002f "drivers/base/memory: introduce memory_block_{online,offline}"'
_F1DD: Final = 'f1dd2cd13c4b "do not associate hotadded memory to zones until online"'
_OWN_MEMMAP: Final = 'a08a2ae34613 "allocate memmap from the added memory range"'

SINCE: Final[dict[str, Since]] = {
    # adding
    "mhp_range_allowed": Since(
        "5.12",
        "check_hotplug_memory_range",
        'bca3feaa0764 "mm/memory_hotplug: prevalidate the address range being added"',
    ),
    "mhp_supports_memmap_on_memory": Since("5.14", "add_memory_resource", _OWN_MEMMAP),
    "__try_online_node": Since("4.20", "add_memory_resource", "read in 4.19"),
    "create_memory_block_devices": Since("5.3", "hotplug_memory_register", _LOCKED),
    "hotplug_memory_register": Since("4.17", "register_new_memory", "b77eab7079d9"),
    "sparse_add_section": Since(
        "5.3", "sparse_add_one_section", '7ea6216049ff "prepare for sub-section ranges"'
    ),
    "__populate_section_memmap": Since(
        "5.3", "sparse_mem_map_populate", 'e9c0a3f05477 "convert kmalloc_section_memmap()"'
    ),
    "register_node": Since(
        "6.19",
        "register_one_node",
        '"drivers/base/node: merge register_one_node() and register_node() to a single function"',
    ),
    # onlining
    "memory_block_online": Since("5.14", "memory_block_action", _BLOCK_ONLINE),
    "mhp_init_memmap_on_memory": Since("5.14", "online_pages", _OWN_MEMMAP),
    # offlining
    "memory_block_offline": Since("5.14", "memory_block_action", _BLOCK_ONLINE),
    "mhp_deinit_memmap_on_memory": Since("5.14", "offline_pages", _OWN_MEMMAP),
    "dissolve_free_hugetlb_folios": Since(
        "6.11", "dissolve_free_huge_pages", '"mm/hugetlb: convert dissolve_free_huge_pages()"'
    ),
    "offline_pages": Since("5.11", "__offline_pages", "read in 4.19"),
    "remove_pfn_range_from_zone": Since(
        "5.5", "__remove_zone", 'feee6b298916 "shrink zones when offlining memory"'
    ),
    # removing
    "try_remove_memory": Since(
        "5.3", "remove_memory", 'eca499ab3749 "make remove_memory() interface usable"'
    ),
    "remove_memory_block_devices": Since("5.3", "unregister_memory_section", _LOCKED),
    "sparse_remove_section": Since(
        "5.3", "sparse_remove_one_section", 'ba72b4c8cf60 "support sub-section hotplug"'
    ),
    "depopulate_section_memmap": Since(
        "5.3", "__kfree_section_memmap", 'e9c0a3f05477 "convert kmalloc_section_memmap()"'
    ),
    "update_pgdat_span": Since(
        "5.4",
        "shrink_pgdat_span",
        '00d6c019b5bc "don\'t access uninitialized memmaps in shrink_pgdat_span()"',
    ),
    "unregister_node": Since("6.19", "unregister_one_node", "read in 7.2 and 6.12"),
    # both
    "move_pfn_range_to_zone": Since("4.13", "online_pages", _F1DD),
    "zone_for_pfn_range": Since(
        "4.14", "move_pfn_range", 'e5e689302633 "display allowed zones in the preferred ordering"'
    ),
    "adjust_present_page_count": Since(
        "5.14", "", '4b0970024408 "factor out adjusting present pages"'
    ),
    # huge pages
    "alloc_pool_huge_folio": Since(
        "6.7",
        "alloc_fresh_hugetlb_folio",
        'd67e32f26713 "hugetlb: restructure pool allocations"',
    ),
    "alloc_fresh_hugetlb_folio": Since(
        "6.3", "alloc_fresh_huge_page", '19fc1a7e8b2b "convert alloc_fresh_huge_page() to folios"'
    ),
    "free_huge_folio": Since(
        "6.6", "free_huge_page", '454a00c40a21 "convert free_huge_page() to free_huge_folio()"'
    ),
    "update_and_free_pages_bulk": Since(
        "5.13",
        "free_pool_huge_page",
        '10c6ec49802b "hugetlb: change free_pool_huge_page to remove_pool_huge_page"',
    ),
    "hugetlb_vmemmap_optimize_folios": Since(
        "6.7", "hugetlb_vmemmap_optimize", '79359d6d24df "perform vmemmap optimization on a list"'
    ),
    "hugetlb_vmemmap_optimize": Since(
        "6.0", "hugetlb_vmemmap_free", '6213834c10de "improve hugetlb_vmemmap code readability"'
    ),
    "hugetlb_vmemmap_free": Since("5.18", "free_huge_page_vmemmap", "read in 5.14 and 5.18"),
}
"""By name, what is younger than the oldest kernel that is known here."""


_GOES_ON: Final = {
    *("", "check_hotplug_memory_range", "add_memory_resource", "memory_block_action"),
    *("online_pages", "offline_pages", "remove_memory", "move_pfn_range"),
    *("alloc_fresh_hugetlb_folio", "hugetlb_vmemmap_optimize", "hugetlb_vmemmap_free"),
}
"""Functions that others were cut out of, and that are there still, or ended at another time."""

ENDED: Final[dict[str, tuple[str, str]]] = {
    **{
        entry.before: (entry.release, entry.source)
        for entry in SINCE.values()
        if entry.before not in _GOES_ON
    },
    **dict.fromkeys(("__add_zone", "move_pfn_range_left", "move_pfn_range_right"), ("4.13", _F1DD)),
    "move_pfn_range": ("5.2", "read in 4.14 and 5.5"),
    "MEM_PREPARE_ONLINE": ("6.19", "300709fbefd1"),
    "MEM_FINISH_OFFLINE": ("6.19", "300709fbefd1"),
}
"""The first release without functions that are gone, and the source."""

_NODE_NOTIFIER: Final = '67929de10847 "mm,memory_hotplug: implement numa node notifier"'

BEGUN: Final[dict[str, tuple[str, str]]] = {
    **{
        f"NODE_{what}_MEMORY": ("6.17", _NODE_NOTIFIER)
        for what in (
            *("ADDING_FIRST", "ADDED_FIRST", "REMOVING_LAST", "REMOVED_LAST"),
            "CANCEL_REMOVING_LAST",
        )
    },
    "MEM_PREPARE_ONLINE": ("6.8", "c5f1e2d18909"),
    "MEM_FINISH_OFFLINE": ("6.8", "c5f1e2d18909"),
    "default_zone_for_pfn": ("4.13", _F1DD),
    "online_mem_sections": ("4.13", '2d070eab2e82 "consider offline memblocks"'),
    "offline_mem_sections": ("4.13", '2d070eab2e82 "consider offline memblocks"'),
    "default_kernel_zone_for_pfn": ("4.14", 'c6f03e2903c9 "remove zone restrictions"'),
    "kasan_add_zero_shadow": ("4.19", "0207df4fa1a8"),
    "kasan_remove_zero_shadow": ("4.19", "0207df4fa1a8"),
    "dev_dax_kmem_probe": ("5.1", 'c221c0b0308f "hotplug persistent memory as RAM"'),
    "section_activate": ("5.3", 'ba72b4c8cf60 "support sub-section hotplug"'),
    "auto_movable_zone_for_pfn": ("5.15", "e83a437faa62"),
}
"""The first release of functions that had nothing in their place before, and the source."""

POSTED: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "shrink_pages": (("shrink-rfc2", "shrink-oct2018"), "RFC v2 2/2 (August 2018)"),
    "add_device_memory": (("shrink-rfc2", "shrink-oct2018"), "RFC v2 2/2 (August 2018)"),
    "del_device_memory": (("shrink-rfc2", "shrink-oct2018"), "RFC v2 2/2 (August 2018)"),
    "mark_vmemmap_pages": (("memmap-v1", "memmap-v2"), "v2 4/5 (June 2019)"),
    "mhp_mark_vmemmap_pages": (("memmap-v3",), "review of v3 4/5 (August 2019)"),
    "vmemmap_hotplug_store": (("memmap-v2",), "v2 5/5 (June 2019)"),
}
"""Functions that only posted series have: those series, and the source."""

RENAMED: Final[dict[tuple[str, str], str]] = {
    ("memmap-v3", "mark_vmemmap_pages"): "mhp_mark_vmemmap_pages",
}
"""By series and function, what the series calls it."""


def exists(profile: str, release: str, function: str) -> bool:
    """Whether a kernel or series, posted for that release, has a function of this name."""
    if function in POSTED:
        return profile in POSTED[function][0]
    since = SINCE.get(function)
    first = since.release if since else BEGUN.get(function, (release, ""))[0]
    gone = function in ENDED and not is_before(release, ENDED[function][0])
    return not is_before(release, first) and not gone


@cache
def name_in(release: str, function: str, caller: str = "", series: str = "") -> str:
    """What the kernel of this release has in the place of a function.

    Args:
        release: Of the kernel.
        function: By its newest name.
        caller: Whose body the code was, where the function was cut out of several.
        series: A posted one, which may call it something else.
    """
    function = RENAMED.get((series, function), function)
    while (entry := SINCE.get(function)) is not None and is_before(release, entry.release):
        older = entry.before or caller
        if older in ("", function):
            break
        function = older
    return function
