"""Offlining memory blocks.

Source: ``drivers/base/memory.c:memory_block_offline`` and ``mm/memory_hotplug.c:
offline_pages`` of 6.12 and 6.1. Neighbouring blocks that are alike go as one batch where that
gives what one after the other gives.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engine.kinds import BlockState, PageState, ZoneType
from engine.memory import free_memory, spans_history, zonelists
from engine.memory.spans import shrink_zone_span, span_text, update_pgdat_span
from engine.memory.state import State
from engine.memory.transaction import Transaction
from engine.operations import hugetlb, zone_shifting
from engine.outcome import Refusal

UNMOVABLE_KINDS = (PageState.UNMOVABLE, PageState.RESERVED, PageState.VMEMMAP)


RING_BUFFER_LINES = 4096
"""Lines that one event logs at most: about as many as a ring buffer of 256 KiB keeps of them."""


def offline_blocks(
    tx: Transaction, first: int, last: int, *, through: str = "state"
) -> Refusal | None:
    """Write ``offline`` into blocks first..last, ascending; stop at the first refusal.

    ``through``: ``state`` (an offline block is EINVAL) or ``online`` (the boolean file).
    """
    block = first
    while block <= last:
        row = tx.state.blocks.at(block)
        if row is None:
            return Refusal("ENOENT", "sysfs", f"there is no memory block {block}", block)
        if row["state"] != BlockState.ONLINE:
            if through == "online":
                block += 1
                continue
            return Refusal(
                "EINVAL", "device_offline", f"memory block {block} is offline already", block
            )
        alike = min(last, int(row["start"] + row["count"]) - 1) - block + 1
        profile = tx.state.profile
        one_by_one = profile.zone_shifting or profile.shrink in ("rfc2", "oct2018")
        count = 1 if one_by_one else _clear_of(tx.state, block, alike)
        refusal = check_offline(tx.state, block)
        if refusal is not None:
            return _refused(tx, block, refusal)
        refusal = _offline_batch(tx, block, count)
        if refusal is not None:
            return refusal
        block += count
    return None


def _clear_of(state: State, block: int, count: int) -> int:
    """How many of ``count`` blocks from ``block`` on hold nothing but free memory."""
    pages = state.geometry.block_pages
    taken = state.taken.slice((block + 1) * pages, (block + count) * pages)
    return count if not len(taken) else max(1, int(taken["start"][0]) // pages - block)


def unmovable_pfn(state: State, block: int, row: Any) -> tuple[int, PageState] | None:
    """The first page that stops offlining; the block's own vmemmap never does.

    Frames of it that v2 stripped of their marks do: they are unmovable pages then.
    """
    taken = state.taken.slice(state.block_pfn(block), state.block_pfn(block + 1))
    bad = taken[np.isin(taken["kind"], UNMOVABLE_KINDS)]
    return (int(bad["start"][0]), PageState(int(bad["kind"][0]))) if len(bad) else None


def check_offline(state: State, block: int) -> Refusal | None:
    """Why an online block cannot be offlined now, in the order the kernel asks."""
    row = state.blocks.row_at(block)
    if row["zone"] == ZoneType.NONE:
        return Refusal(
            "EINVAL",
            "memory_block_offline",
            f"memory block {block} spans several zones or nodes (mem->zone is NULL)",
            block,
        )
    if int(row["present"]) < state.geometry.block_pages:
        holes = state.geometry.block_pages - int(row["present"])
        return Refusal(
            "EINVAL",
            "offline_pages",
            f"memory holes: {holes} pages of block {block} are not System RAM",
            block,
        )
    found = unmovable_pfn(state, block, row)
    if found is not None:
        pfn, kind = found
        what = {
            PageState.UNMOVABLE: "an unmovable allocation",
            PageState.RESERVED: "reserved since boot",
            PageState.VMEMMAP: "struct pages of other memory",
        }[kind]
        return Refusal(
            "EBUSY",
            "start_isolate_page_range",
            f"failure to isolate range: unmovable page at pfn {pfn:#x} ({what})",
            block,
            pfn,
        )
    return None


def _refused(tx: Transaction, block: int, refusal: Refusal) -> Refusal:
    """Show the phases up to the refusal and their roll-back."""
    if refusal.function == "memory_block_offline":
        return refusal
    row = tx.state.blocks.row_at(block)
    _begin(tx, block, 1, row)
    if refusal.function != "offline_pages":
        tx.event(
            "start_isolate_page_range",
            f"pageblocks isolated up to pfn {refusal.pfn:#x}",
            block=block,
        )
    _roll_back(tx, block, 1, row)
    return refusal


def _begin(tx: Transaction, first: int, count: int, row: Any) -> None:
    """State going-offline; present already without the vmemmap pages."""
    node, zone_type, vmemmap = int(row["node"]), ZoneType(int(row["zone"])), int(row["vmemmap"])
    going = int(BlockState.GOING_OFFLINE)
    tx.state = replace(tx.state, blocks=tx.state.blocks.update(first, first + count, state=going))
    text = "state going-offline"
    if vmemmap:
        zone = tx.state.zone(node, zone_type)
        zone = replace(zone, present=zone.present - count * vmemmap)
        tx.state = tx.state.with_zone(node, zone_type, zone)
        text += f"; present -{count * vmemmap} for the vmemmap: {zone.present}"
    tx.event("memory_block_offline", text, block=first, nr_blocks=count)


def _roll_back(tx: Transaction, first: int, count: int, row: Any) -> None:
    node, zone_type, vmemmap = int(row["node"]), ZoneType(int(row["zone"])), int(row["vmemmap"])
    zone = tx.state.zone(node, zone_type)
    zone = replace(zone, present=zone.present + count * vmemmap)
    tx.state = tx.state.with_zone(node, zone_type, zone)
    online = int(BlockState.ONLINE)
    tx.state = replace(tx.state, blocks=tx.state.blocks.update(first, first + count, state=online))
    tx.event(
        "undo_isolate_page_range",
        "MEM_CANCEL_OFFLINE; the block is online as before",
        block=first,
        nr_blocks=count,
    )


def _offline_batch(tx: Transaction, first: int, count: int) -> Refusal | None:
    """``memory_block_offline`` for ``count`` equal blocks, phase by phase."""
    row = tx.state.blocks.row_at(first)
    node, zone_type, vmemmap = int(row["node"]), ZoneType(int(row["zone"])), int(row["vmemmap"])
    pages = tx.state.geometry.block_pages
    start_pfn, end_pfn = tx.state.block_pfn(first), tx.state.block_pfn(first + count)
    before = tx.state

    def failed(phase: str) -> Refusal | None:
        refusal = tx.injected(phase, block=first)
        if refusal is not None:
            _roll_back(tx, first, count, row)
        return refusal

    _begin(tx, first, count, row)
    steps = (
        ("start_isolate_page_range", "every pageblock is isolated"),
        ("MEM_GOING_OFFLINE", "the notifiers agree"),
        ("do_migrate_range", "everything movable has moved away"),
    )
    for phase, text in steps:
        if (refusal := failed(phase)) is not None:
            return refusal
        if phase == "do_migrate_range":
            tx.state = _migrate(tx.state, start_pfn, end_pfn)
        tx.event(phase, text, block=first, nr_blocks=count)
    if (refusal := failed("dissolve_free_hugetlb_folios")) is not None:
        return refusal
    hugetlb.dissolve(tx, start_pfn, end_pfn, first, count)
    _leave_buddy(tx, before, first, count, row)
    if tx.state.profile.zone_shifting and not row["early"]:
        zone_shifting.after_offline(tx, first)
    elif tx.state.profile.shrink == "merged":
        _shrink_merged(tx, node, zone_type, start_pfn, end_pfn, vmemmap if count == 1 else 0)
    elif tx.state.profile.shrink != "remove-valid":
        spans_history.shrink_sections(tx, node, zone_type, start_pfn, end_pfn)
    poisoned = tx.state.profile.shrink == "merged"
    blocks = tx.state.blocks.update(first, first + count, zone=int(ZoneType.NONE))
    if poisoned:
        blocks = blocks.update(
            first, first + count, initialised=0, link_zone=int(ZoneType.DMA), link_node=0
        )
    tx.state = replace(tx.state, blocks=blocks)
    tx.event(
        "memory_subsys_offline",
        f"state offline, {count * pages} pages",
        block=first,
        nr_blocks=count,
    )
    return None


def _migrate(state: State, start_pfn: int, end_pfn: int) -> State:
    """Movable allocations leave the range; where they went is not modelled."""
    taken = state.taken
    for row in taken.slice(start_pfn, end_pfn):
        if row["kind"] == PageState.MOVABLE:
            start = int(row["start"])
            taken = taken.delete(start, start + int(row["count"]))
    return replace(state, taken=taken)


def _leave_buddy(tx: Transaction, before: State, first: int, count: int, row: Any) -> None:
    """Sections offline, managed and present reduced, node masks and zonelists."""
    node, zone_type, vmemmap = int(row["node"]), ZoneType(int(row["zone"])), int(row["vmemmap"])
    usable = count * (int(row["present"]) - vmemmap)
    ballooned = before.taken.slice(tx.state.block_pfn(first), tx.state.block_pfn(first + count))
    ballooned = ballooned[ballooned["kind"] == PageState.PAGE_OFFLINE]
    taken = tx.state.taken
    for held in ballooned:
        taken = taken.delete(int(held["start"]), int(held["start"] + held["count"]))
    tx.state = replace(tx.state, taken=taken)
    managed = usable - int(ballooned["count"].sum())
    zone = tx.state.zone(node, zone_type)
    zone = replace(zone, managed=zone.managed - managed)
    tx.state = tx.state.with_zone(node, zone_type, zone)
    tx.state = free_memory.change(tx.state, node, free_memory.zone_class(zone_type), -managed)
    blocks = tx.state.blocks.update(first, first + count, state=int(BlockState.OFFLINE))
    tx.state = replace(tx.state, blocks=blocks)
    log = [f"Offlined Pages {usable // count}"] * count if before.profile.offlined_pages_log else []
    tx.event(
        "__offline_isolated_pages",
        f"sections offline, managed -{managed}: {zone.managed}",
        log=log[-RING_BUFFER_LINES:],
        block=first,
        nr_blocks=count,
    )
    early = usable + count * vmemmap if row["early"] else 0
    zone = replace(zone, present=zone.present - usable, present_early=zone.present_early - early)
    tx.state = tx.state.with_zone(node, zone_type, zone)
    tx.event(
        "adjust_present_page_count",
        f"present -{usable}: {zone.present}",
        block=first,
        nr_blocks=count,
    )
    log = []
    if zone.present == 0:
        # 6.1 rebuilds the zonelists while the node is still in N_MEMORY.
        masks = tx.state if tx.state.profile.node_state_first else before
        tx.state, log = zonelists.rebuild(tx.state, masks=masks)
    log += zonelists.demotion_log(before, tx.state)
    tx.event("node_states_clear_node", "MEM_OFFLINE", log=log, block=first, nr_blocks=count)


def _shrink_merged(
    tx: Transaction, node: int, zone_type: ZoneType, start: int, end: int, vmemmap: int
) -> None:
    """``remove_pfn_range_from_zone`` for the usable part, then for the vmemmap part."""
    parts = [("remove_pfn_range_from_zone", start + vmemmap, end)]
    if vmemmap:
        parts.append(("mhp_deinit_memmap_on_memory", start, start + vmemmap))
    for function, low, high in parts:
        zone, search = shrink_zone_span(tx.state, node, zone_type, low, high)
        name = f"{zone_type.label} of node {node}"
        if search is None:
            tx.event(
                function,
                f"[{low:#x},{high:#x}) is no edge of {name} {span_text(zone)}: unchanged",
                block=start // tx.state.geometry.block_pages,
            )
        else:
            tx.event(
                search.function, search.sentence(name), block=start // tx.state.geometry.block_pages
            )
        tx.state = update_pgdat_span(tx.state.with_zone(node, zone_type, zone), node)
        if search is not None:
            tx.event(
                function,
                f"{name} now spans {span_text(zone)}",
                block=start // tx.state.geometry.block_pages,
            )
