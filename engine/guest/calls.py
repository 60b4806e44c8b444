"""The kernel's own order of calls: what its function graph tracer saw during a step.

Functions that the compiler merged into their callers do not appear; which ones those are differs
from build to build.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pfnmap.engine.traces.trace import Call

MOST_CALLS = 4096
"""Of one step; a DIMM of many sections calls the same functions for each of them."""

_OF = ("", "_folio", "_folios")
FOLLOWED = (
    # drivers/acpi/acpi_memhotplug.c, drivers/virtio/virtio_mem.c, drivers/dax/kmem.c
    *("acpi_memory_device_add", "acpi_memory_device_remove"),
    *("virtio_mem_run_wq", "virtio_mem_add_memory", "virtio_mem_offline_and_remove_memory"),
    *("virtio_mem_fake_online", "virtio_mem_fake_offline", "virtio_mem_set_fake_offline"),
    *("virtio_mem_send_plug_request", "virtio_mem_send_unplug_request"),
    *("dev_dax_kmem_probe", "dev_dax_kmem_remove", "memremap_pages", "memunmap_pages"),
    # drivers/base/memory.c
    *("memory_subsys_online", "memory_subsys_offline", "memory_block_online"),
    *("memory_block_offline", "create_memory_block_devices", "remove_memory_block_devices"),
    *("walk_memory_blocks", "memory_notify"),
    # mm/memory_hotplug.c
    *("__add_memory", "add_memory_driver_managed", "add_memory_resource", "__try_online_node"),
    *(
        "mhp_supports_memmap_on_memory",
        "register_memory_resource",
        "create_altmaps_and_memory_blocks",
    ),
    *("__add_pages", "sparse_add_section", "online_memory_block", "mhp_init_memmap_on_memory"),
    *("mhp_deinit_memmap_on_memory", "online_pages", "offline_pages", "move_pfn_range_to_zone"),
    *("remove_pfn_range_from_zone", "adjust_present_page_count", "find_smallest_section_pfn"),
    *("find_biggest_section_pfn", "scan_movable_pages", "do_migrate_range", "try_remove_memory"),
    *("offline_and_remove_memory", "__remove_pages", "sparse_remove_section", "try_offline_node"),
    *("remove_memory_blocks_and_altmaps", "release_mem_region_adjustable", "node_states_set_node"),
    *("node_states_clear_node", "shrink_zone_span", "update_pgdat_span"),
    # arch/*/mm, mm/sparse-vmemmap.c, mm/sparse.c
    *("arch_add_memory", "arch_remove_memory", "add_pages", "__populate_section_memmap"),
    *("vmemmap_populate", "vmemmap_free", "section_activate", "section_deactivate"),
    # mm/page_alloc.c, mm/mm_init.c, mm/page_isolation.c, mm/vmscan.c, mm/swap.c, mm/compaction.c
    *("start_isolate_page_range", "undo_isolate_page_range", "__offline_isolated_pages"),
    *("build_all_zonelists", "init_per_zone_wmark_min", "setup_per_zone_wmarks"),
    *("set_zone_contiguous", "clear_zone_contiguous", "memmap_init_range", "lru_cache_disable"),
    *("kswapd_run", "kswapd_stop", "kcompactd_run", "kcompactd_stop"),
    # mm/hugetlb.c, mm/hugetlb_vmemmap.c
    *("dissolve_free_huge_pages", "dissolve_free_hugetlb_folios", "dissolve_free_hugetlb_folio"),
    *(
        "hugetlb_vmemmap_optimize",
        "hugetlb_vmemmap_optimize_folio",
        "hugetlb_vmemmap_optimize_folios",
    ),
    *("hugetlb_vmemmap_restore", "hugetlb_vmemmap_restore_folio", "hugetlb_vmemmap_restore_folios"),
)
"""What is followed where the kernel has it under that name."""

_CALL = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z_]\w*)[\w.]* ?\(")
_LOG = re.compile(r"(?P<indent> *)/\* console: (?P<log>.*?) ?\*/$")


def read_calls(lines: Iterable[str]) -> tuple[Call, ...]:
    """The tree that tracefs printed; what it cannot tell (lost events, other tasks) is left out."""
    found: list[Call] = []
    goes_on = False
    for line in lines:
        if call := _CALL.match(line):
            found.append(Call(len(call["indent"]) // 2, name=call["name"]))
        elif log := _LOG.match(line):
            depth, text = len(log["indent"]) // 2, log["log"]
            before = found.pop() if goes_on else Call(depth)  # of the same line of the log
            goes_on = text.endswith(" ")
            found.append(Call(before.depth, log=before.log + text))
    return tuple(found[:MOST_CALLS])
