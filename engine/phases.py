"""Phases of an operation that ``fail next at=PHASE`` can make fail, and the roll-back.

A phase that returns void in the kernel cannot fail and is not listed, but for
``mark_vmemmap_pages`` of the series of 2019, to see what it would leave behind.
"""

from __future__ import annotations

FAILABLE_PHASES: dict[str, str] = {
    "register_memory_resource": "add: nothing has changed yet",
    "__try_online_node": "add: the region is released",
    "arch_add_memory": "add: the region is released",
    "sparse_add_section": "add: sections that were built stay behind (plain memmap)",
    "mark_vmemmap_pages": "add, memmap of 2019 in the added memory: the region is released",
    "create_memory_block_devices": "add: arch_add_memory is undone",
    "mhp_init_memmap_on_memory": "online: the vmemmap leaves the zone again",
    "online_pages": "online: the range leaves the zone again",
    "NODE_ADDING_FIRST_MEMORY": "online, a node's first (6.17): the range leaves the zone again",
    "MEM_GOING_ONLINE": "online: a notifier vetoes, the range leaves the zone again",
    "start_isolate_page_range": "offline: the pageblocks are given back",
    "NODE_REMOVING_LAST_MEMORY": "offline, a node's last (6.17): the pageblocks are given back",
    "MEM_GOING_OFFLINE": "offline: a notifier vetoes, the pageblocks are given back",
    "do_migrate_range": "offline: a signal ends the loop, the pageblocks are given back",
    "dissolve_free_hugetlb_folios": "offline: huge pages stay, the pageblocks are given back",
}
"""Kernel function or notifier to the operation and what is undone."""
