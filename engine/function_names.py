"""What each kernel calls the functions that the phases are told by.

Operations tell their phases with the names of the newest kernel. Where an older one has another
function in that place, or has the code in its caller, the phase is told by that name:
:func:`name_in`. Functions without an entry are older than every kernel that is known here.
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
    # both
    "adjust_present_page_count": Since(
        "5.14", "", '4b0970024408 "factor out adjusting present pages"'
    ),
    # huge pages
    "alloc_fresh_hugetlb_folio": Since(
        "6.3", "alloc_fresh_huge_page", '19fc1a7e8b2b "convert alloc_fresh_huge_page() to folios"'
    ),
    "free_huge_folio": Since(
        "6.6", "free_huge_page", '454a00c40a21 "convert free_huge_page() to free_huge_folio()"'
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


@cache
def name_in(release: str, function: str, caller: str = "") -> str:
    """What the kernel of this release has in the place of a function.

    ``caller``: whose body the code was, where the function was cut out of several.
    """
    while (entry := SINCE.get(function)) is not None and is_before(release, entry.release):
        older = entry.before or caller
        if older in ("", function):
            break
        function = older
    return function
