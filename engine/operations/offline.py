"""Offlining memory blocks.

Source: ``drivers/base/memory.c:memory_block_offline`` and ``mm/memory_hotplug.c:
offline_pages`` of 6.12 and 6.1. Neighbouring blocks that are alike go as one batch where that
gives what one after the other gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.commands import Offline
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.limits import MAX_BLOCKS_ONE_BY_ONE
from pfnmap.engine.memory import free_memory, memmap, spans_history, zonelists
from pfnmap.engine.memory.spans import shrink_zone_span, span_text, update_pgdat_span
from pfnmap.engine.memory.state import CMA, IN_USE, PINNED, POISONED, Pending, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import hugetlb, zone_shifting
from pfnmap.engine.operations.many_ranges import Ranges, Tried, do_ranges, first_refusal
from pfnmap.engine.operations.refs import listed_blocks
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import counted
from pfnmap.engine.view import BlockRow

UNMOVABLE_KINDS = (PageState.UNMOVABLE, PageState.RESERVED, PageState.VMEMMAP)

REMOVABLE_IS_0 = "removable is 0, so the kernel saw a page that cannot move (before 5.8)"
NEVER_REMOVABLE = "removable is 0, so the kernel is built without CONFIG_MEMORY_HOTREMOVE (5.8 on)"
"""53cdc1cb29e8 "drivers/base/memory.c: indicate all memory blocks as removable" (5.8)."""

RING_BUFFER_LINES = 4096
"""Lines that one event logs at most: about as many as a ring buffer of 256 KiB keeps of them."""


_FAILURES: dict[str, tuple[str, str]] = {
    "start_isolate_page_range": (
        "fails; the pageblocks isolated until then are given back",
        "failure to isolate range",
    ),
    "NODE_REMOVING_LAST_MEMORY": ("a notifier refuses", "node notifier failure"),
    "MEM_GOING_OFFLINE": ("a notifier refuses", "notifier failure"),
    "do_migrate_range": ("a page that cannot move ends the loop", "unmovable page"),
    "dissolve_free_hugetlb_folios": (
        "a huge page cannot be dissolved",
        "failure to dissolve huge pages",
    ),
}
"""What happens in a phase that fails, and the reason that ``offline_pages`` gives for it."""


def offline(tx: Transaction, command: Offline) -> Refusal | None:
    """``offline REF``: each block in ascending order, up to the first refusal."""
    return first_refusal(offline_ranges(tx, listed_blocks(tx.state, command.blocks)))


def offline_ranges(tx: Transaction, ranges: Ranges) -> Tried:
    """:func:`offline_blocks` for each range."""
    return do_ranges(tx, ranges, offline_blocks)


def offline_blocks(
    tx: Transaction, first: int, last: int, *, through: str = "state"
) -> Refusal | None:
    """Write ``offline`` into blocks first..last, ascending; stop at the first refusal.

    ``through``: ``state`` (an offline block is EINVAL) or ``online`` (the boolean file).
    """
    block = first
    while block <= last:
        if (row := tx.state.blocks.at(block)) is None:
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
        if one_by_one and last - first >= MAX_BLOCKS_ONE_BY_ONE:
            raise InputError(
                f"offline: {last - first + 1} blocks, which go one by one under these rules; at "
                f"most {MAX_BLOCKS_ONE_BY_ONE} in one command"
            )
        one_by_one |= any(fault.phase in _FAILURES for fault in tx.state.faults)
        refusal = check_offline(tx.state, block)
        count = 1 if one_by_one or refusal else _clear_of(tx.state, block, alike)
        if refusal is not None and refusal.function not in (
            "MEM_GOING_OFFLINE",
            "do_migrate_range",
        ):
            return _refused(tx, block, refusal)
        if (refusal := _offline_batch(tx, block, count, refusal)) is not None:
            return refusal
        block += count
    return None


def _clear_of(state: State, block: int, count: int) -> int:
    """How many of ``count`` blocks from ``block`` on can go as one.

    Behind the first they hold what is free, can move or leaves with them.
    """
    kept = state.kept.slice(block + 1, block + count)
    count = int(kept["start"][0]) - block if len(kept) else count
    start, end = state.block_pfn(block), state.block_pfn(block + count)
    taken = state.taken.slice(start, end)
    kind, owner = taken["kind"], taken["owner"]
    optimised = kind == PageState.HUGETLB_OPTIMISED
    leaves = (kind == PageState.MOVABLE) & (owner != CMA) | (kind == PageState.PAGE_OFFLINE)
    leaves |= kind == PageState.HUGETLB
    # The first may hold what cannot fail, and all what is sure not to.
    leaves |= ~optimised & (taken["start"] + taken["count"] <= state.block_pfn(block + 1))
    if not state.profile.hugetlb_tails_corrupt and hugetlb.can_dissolve(state, start, end):
        leaves |= optimised
    stays = taken["start"][~leaves]
    return count if not len(stays) else max(1, int(stays[0]) // state.geometry.block_pages - block)


def waiting(state: State) -> Refusal | None:
    """Why hotplug has to wait: an offline that does not end holds its lock."""
    if (held := state.pending) is None:
        return None
    rule = (
        f"waits until a signal comes: the offline of memory block {held.block} goes on and holds "
        "the lock"
    )
    return Refusal("EINTR", "lock_device_hotplug", rule, held.block)


def stuck_pfn(state: State, block: int) -> int | None:
    """The first page of a block that isolation lets pass and migration cannot move for now."""
    taken = state.taken.slice(state.block_pfn(block), state.block_pfn(block + 1))
    stuck = taken[taken["owner"] == PINNED]
    return int(stuck["start"][0]) if len(stuck) else None


def _isolated_range(state: State, block: int, row: Any) -> tuple[int, int]:
    """[start, end) that is isolated."""
    vmemmap = 0 if state.profile.isolates_own_vmemmap else int(row["vmemmap"])
    return state.block_pfn(block) + vmemmap, state.block_pfn(block + 1)


def unmovable_pfn(state: State, block: int, row: Any) -> tuple[int, PageState] | None:
    """The page that stops offlining, the first one that isolation meets.

    The block's own vmemmap never does; frames of it that v2 stripped of their marks do: they
    are unmovable pages then.
    """
    taken = state.taken.slice(state.block_pfn(block), state.block_pfn(block + 1))
    bad = np.isin(taken["kind"], UNMOVABLE_KINDS) & (taken["owner"] != PINNED)
    bad = taken[bad | (taken["owner"] == CMA)]
    if not len(bad):
        return None
    if state.profile.isolates_ends_first:
        start, end = _isolated_range(state, block, row)
        pageblock = state.geometry.pageblock_pages
        for low, high in ((start, start + pageblock), (end - pageblock, end)):
            met = bad[(bad["start"] < high) & (bad["start"] + bad["count"] > low)]
            if len(met):
                return max(low, int(met["start"][0])), PageState(int(met["kind"][0]))
    return int(bad["start"][0]), PageState(int(bad["kind"][0]))


def _isolation_text(state: State, block: int, row: Any, pfn: int) -> str:
    """Which pageblock stopped the isolation, and how many isolated ones that took back."""
    start, end = _isolated_range(state, block, row)
    pageblock = state.geometry.pageblock_pages
    low = pfn // pageblock * pageblock
    before = max(0, low - start) // pageblock
    if before and state.profile.isolates_ends_first:
        before = 1 if low + pageblock >= end else before + 1
    text = f"pageblock [{low:#x},{low + pageblock:#x}) cannot be isolated"
    if before:
        text += f"; given back: {counted(before, 'pageblock')} isolated before it"
    return text


def check_offline(state: State, block: int) -> Refusal | None:
    """Why an online block cannot be offlined now, in the order the kernel asks."""
    row = state.blocks.row_at(block)
    if row["zone"] == ZoneType.NONE:
        why = f"memory block {block} spans several zones or nodes (mem->zone is NULL)"
        return Refusal("EINVAL", "memory_block_offline", why, block)
    if int(row["present"]) < state.geometry.block_pages:
        holes = state.geometry.block_pages - int(row["present"])
        why = f"memory holes: {holes} pages of block {block} are not System RAM"
        return Refusal("EINVAL", "offline_pages", why, block)
    if (found := unmovable_pfn(state, block, row)) is not None:
        pfn, kind = found
        what = {
            PageState.UNMOVABLE: "an unmovable allocation",
            PageState.RESERVED: "reserved since boot",
            PageState.VMEMMAP: "struct pages of other memory",
            PageState.MOVABLE: "in a pageblock of CMA",
        }[kind]
        why = f"failure to isolate range: unmovable page at pfn {pfn:#x} ({what})"
        return Refusal("EBUSY", "start_isolate_page_range", why, block, pfn)
    if state.kept.at(block) is not None:
        if state.profile.is_since("5.8"):
            return Refusal("EINVAL", "memory_block_offline", NEVER_REMOVABLE, block)
        return Refusal("EBUSY", "start_isolate_page_range", REMOVABLE_IS_0, block)
    if row["early"] and _keeps_boot_memory(state):
        why = (
            "notifier failure: arm64 keeps the memory of the boot online "
            "(prevent_bootmem_remove_notifier)"
        )
        return Refusal("EPERM", "MEM_GOING_OFFLINE", why, block)
    if _splits_leaf(state, row):
        why = (
            "notifier failure: the struct pages behind the block's own vmemmap begin in the middle "
            "of a leaf entry of the vmemmap (can_unmap_without_split)"
        )
        return Refusal("EPERM", "MEM_GOING_OFFLINE", why, block)
    if (stuck := stuck_pfn(state, block)) is None:
        return None
    if state.profile.retries_migration:
        rule = f"goes on until a signal comes: pfn {stuck:#x} cannot be migrated for now"
        return Refusal("EINTR", "do_migrate_range", rule, block, stuck)
    rule = f"pfn {stuck:#x} cannot be migrated; given up after five tries"
    return Refusal("EBUSY", "do_migrate_range", rule, block, stuck)


def _splits_leaf(state: State, row: Any) -> bool:
    """Whether unmapping the block's usable part would split a leaf of the vmemmap."""
    leaf = state.geometry.vmemmap_leaf_bytes // state.geometry.struct_page_bytes
    return bool(leaf and state.profile.arm64_whole_leaves and int(row["vmemmap"]) % leaf)


def _keeps_boot_memory(state: State) -> bool:
    """Whether the notifier of arm64 that answers NOTIFY_BAD for early sections is there."""
    return state.geometry.keeps_boot_memory and state.profile.arm64_keeps_boot_memory


def _refused(tx: Transaction, block: int, refusal: Refusal) -> Refusal:
    """Show the phases of a block with holes, or with a page that cannot be isolated."""
    if refusal.function == "memory_block_offline":
        return refusal
    row = tx.state.blocks.row_at(block)
    _begin(tx, block, 1, row)
    reason = "memory holes"
    if refusal.function == "start_isolate_page_range":
        text, reason = _FAILURES[refusal.function]
        if refusal.pfn is not None:
            text = _isolation_text(tx.state, block, row, refusal.pfn)
        tx.event(refusal.function, text, block=block)
    _stay_online(tx, block, row, reason)
    return refusal


def _begin(tx: Transaction, first: int, count: int, row: Any) -> None:
    """State going-offline; present already without the vmemmap pages."""
    tx.state = tx.state.with_blocks(first, count, state=BlockState.GOING_OFFLINE)
    tx.event("memory_block_offline", "state going-offline", block=first, nr_blocks=count)
    if apart := memmap.vmemmap_apart(tx.state, row):
        memmap.adjust_present(tx, first, count, row, -count * apart)


def failed(tx: Transaction, block: int, row: Any, phase: str, refusal: Refusal) -> None:
    """A phase of ``offline_pages`` fails: what it did itself, and everything that is undone.

    Isolation undoes itself; only what comes after it reaches ``failed_removal_isolated``.
    """
    text, reason = _FAILURES[phase]
    if phase == "do_migrate_range" and refusal.errno == "EINTR":
        text, reason = "a pending signal ends the loop", "signal backoff"
    log = []
    geometry = tx.state.geometry
    start = tx.state.block_pfn(block) * geometry.page_bytes
    if refusal.function == "MEM_GOING_OFFLINE" and row["early"] and _keeps_boot_memory(tx.state):
        end = start + geometry.section_pages * geometry.page_bytes
        log = [f"Boot memory [{start:x} {end:x}] offlining attempted"]
    elif refusal.function == "MEM_GOING_OFFLINE" and _splits_leaf(tx.state, row):
        low, end = start + int(row["vmemmap"]) * geometry.page_bytes, start + geometry.block_bytes
        log = [f"[{low:x} {end:x}] splits a leaf entry in vmemmap"]
    tx.event(phase, text, log=log, block=block)
    if phase != "start_isolate_page_range":
        undone = [
            ("undo_isolate_page_range", "every pageblock is given back"),
            ("MEM_CANCEL_OFFLINE", "the notifiers hear that the memory stays"),
        ]
        if not tx.state.profile.cancels_last:
            undone.reverse()
        if _takes_last_memory(tx.state, row, 1):
            undone.append(("NODE_CANCEL_REMOVING_LAST_MEMORY", f"node {row['node']} keeps it"))
        for function, done in undone:
            tx.event(function, done, block=block)
    _stay_online(tx, block, row, reason)


def _stay_online(tx: Transaction, block: int, row: Any, reason: str) -> None:
    """``failed_removal`` of ``offline_pages``, and what its callers take back."""
    tx.event("offline_pages", f"memory offlining failed due to {reason}", block=block)
    if apart := memmap.vmemmap_apart(tx.state, row):
        memmap.adjust_present(tx, block, 1, row, apart)
    tx.state = tx.state.with_blocks(block, 1, state=BlockState.ONLINE)
    tx.event("memory_subsys_offline", "state online as before", block=block)


def _offline_batch(tx: Transaction, first: int, count: int, veto: Refusal | None) -> Refusal | None:
    """``memory_block_offline`` for ``count`` equal blocks, phase by phase.

    ``veto``: what a notifier answers to MEM_GOING_OFFLINE; None where all agree.
    """
    row = tx.state.blocks.row_at(first)
    node, zone_type, vmemmap = int(row["node"]), ZoneType(int(row["zone"])), int(row["vmemmap"])
    pages = tx.state.geometry.block_pages
    start_pfn, end_pfn = tx.state.block_pfn(first), tx.state.block_pfn(first + count)
    before = tx.state
    _begin(tx, first, count, row)
    empties = _takes_last_memory(tx.state, row, count)
    steps: tuple[tuple[str, str], ...] = (
        ("start_isolate_page_range", "every pageblock is isolated"),
        *([("NODE_REMOVING_LAST_MEMORY", f"node {node} is to lose its memory")] if empties else []),
        ("MEM_GOING_OFFLINE", "the notifiers agree"),
        ("do_migrate_range", "everything movable has moved away"),
        ("dissolve_free_hugetlb_folios", ""),
    )
    if not tx.state.profile.is_since("5.14") and vmemmap == pages:
        told = "nothing but struct pages: neither isolated nor migrated"
        tx.event("offline_pages", told, block=first, nr_blocks=count)
        steps = tuple(step for step in steps if step[0].isupper())
    for phase, text in steps:
        refusal = veto if veto and phase == veto.function else tx.injected(phase, block=first)
        if refusal is None and phase == "dissolve_free_hugetlb_folios":
            refusal = hugetlb.dissolve(tx, start_pfn, end_pfn, first, count)
        if refusal is not None and refusal is veto and refusal.errno == "EINTR":
            return _goes_on(tx, refusal)
        if refusal is not None:
            failed(tx, first, row, phase, refusal)
            return refusal
        if phase == "do_migrate_range":
            tx.state = _migrate(tx.state, start_pfn, end_pfn, row)
        if text:
            tx.event(phase, text, block=first, nr_blocks=count)
    if _tails_corrupt(before, first, count, row):
        return _goes_on(tx, _corrupt_tails(tx, first), corrupt=True)
    _leave_buddy(tx, before, first, count, row)
    merged = tx.state.profile.shrink == "merged"
    stays = tx.state.profile.zone_shifting and not row["early"]
    if stays:
        zone_shifting.after_offline(tx, first)
    elif merged:
        apart = memmap.vmemmap_apart(tx.state, row) if count == 1 else 0
        _shrink_merged(tx, node, zone_type, start_pfn, end_pfn, apart)
    tx.state = tx.state.with_blocks(first, count, zone=ZoneType.NONE)
    if merged and not stays:  # remove_pfn_range_from_zone poisons the struct pages
        poison = {"initialised": 0, "link_zone": int(ZoneType.DMA), "link_node": 0}
        tx.state = tx.state.with_blocks(first, count, **poison)
    if tx.state.profile.prepare_notifiers:
        text = "whoever has to makes the memory inaccessible (s390)"
        tx.event("MEM_FINISH_OFFLINE", text, block=first, nr_blocks=count)
    told = f"state offline, {count * pages} pages"
    tx.event("memory_subsys_offline", told, block=first, nr_blocks=count)
    return None


def _takes_last_memory(state: State, row: Any, count: int) -> bool:
    """Whether notifiers of nodes hear of ``count`` such blocks: all that the node has present."""
    if not state.profile.node_notifier:
        return False
    seen = int(row["present"]) - memmap.vmemmap_apart(state, row)
    return count * seen >= state.nodes[int(row["node"])].present


def _goes_on(tx: Transaction, refusal: Refusal, *, corrupt: bool = False) -> Refusal:
    """The loop of ``offline_pages`` that does not end: the block stays going-offline."""
    assert refusal.block is not None
    tx.event(refusal.function, refusal.rule, block=refusal.block)
    tx.state = replace(tx.state, pending=Pending(refusal.block, corrupt=corrupt))
    return refusal


def _tails_corrupt(before: State, first: int, count: int, row: Any) -> bool:
    """Whether the bug of 6.12.117 hits: struct pages from RAM were restored for huge pages."""
    if not before.profile.hugetlb_tails_corrupt or row["memmap"] != MemmapKind.RAM:
        return False
    taken = before.taken.slice(before.block_pfn(first), before.block_pfn(first + count))
    return bool((taken["kind"] == PageState.HUGETLB_OPTIMISED).any())


def _corrupt_tails(tx: Transaction, block: int) -> Refusal:
    pages = tx.state.geometry.block_pages
    rule = (
        "goes on until a signal comes: the tail struct pages of dissolved huge pages are corrupt, "
        "so those pages do not reach the buddy (kernel bug)"
    )
    tx.finding("hugetlb-tails", f"offlining block {block} {rule}", block * pages, pages)
    return Refusal("EINTR", "test_pages_isolated", rule, block)


def _migrate(state: State, start_pfn: int, end_pfn: int, row: Any) -> State:
    """Movable allocations leave the range; where those of a pin went is not modelled."""
    rows = state.taken.slice(start_pfn, end_pfn)
    rows = rows[rows["kind"] == PageState.MOVABLE]
    state = replace(state, taken=state.taken.delete_rows(rows))
    moved = int(rows["count"][rows["owner"] == IN_USE].sum())
    node, kind = int(row["node"]), free_memory.zone_class(ZoneType(int(row["zone"])))
    state = free_memory.change(state, node, kind, moved)  # free, until the block leaves or not
    return free_memory.move_in(state, node, kind, moved)


def _leave_buddy(tx: Transaction, before: State, first: int, count: int, row: Any) -> None:
    """Sections offline, managed and present reduced, node masks and zonelists."""
    node, zone_type, vmemmap = int(row["node"]), ZoneType(int(row["zone"])), int(row["vmemmap"])
    usable = count * (int(row["present"]) - vmemmap)
    held = before.taken.slice(tx.state.block_pfn(first), tx.state.block_pfn(first + count))
    poisoned = held[held["owner"] == POISONED]
    not_managed = held[(held["kind"] == PageState.PAGE_OFFLINE) & (held["owner"] != POISONED)]
    ballooned = not_managed[not_managed["owner"] == -1]  # virtio-mem remembers its own
    taken = tx.state.taken
    # Poisoned pages are remembered (6.2), or their struct pages are made anew at the next online.
    for each in ballooned if before.profile.counts_poison else (*ballooned, *poisoned):
        taken = taken.delete(int(each["start"]), int(each["start"] + each["count"]))
    tx.state = replace(tx.state, taken=taken)
    managed = usable - int(not_managed["count"].sum())
    tx.state = tx.state.with_blocks(first, count, state=BlockState.OFFLINE)
    # v2 of 2019 counts what it skips as well (4/5, skip_migration).
    seen = int(row["present"]) - memmap.vmemmap_apart(tx.state, row)
    log = [f"Offlined Pages {seen}"] * count if before.profile.offlined_pages_log else []
    told = "sections offline, their pages leave the buddy"
    tx.event(
        "__offline_isolated_pages", told, log=log[-RING_BUFFER_LINES:], block=first, nr_blocks=count
    )
    zone = tx.state.zone(node, zone_type)
    zone = replace(zone, managed=zone.managed - managed)
    lost = int(poisoned["count"].sum())
    tx.state = tx.state.with_zone(node, zone_type, zone)
    tx.state = free_memory.change(tx.state, node, free_memory.zone_class(zone_type), lost - managed)
    text = f"managed -{managed}: {zone.managed}"
    tx.event("adjust_managed_page_count", text, block=first, nr_blocks=count)
    early = usable + count * vmemmap if row["early"] else 0
    present = usable + count * (vmemmap - memmap.vmemmap_apart(tx.state, row))
    # The posts of 2018 call shrink_pages here, before init_per_zone_wmark_min.
    shrinks = tx.state.profile.shrink in ("rfc2", "oct2018")
    zone = replace(zone, present=zone.present - present, present_early=zone.present_early - early)
    tx.state = tx.state.with_zone(node, zone_type, zone)
    tx.event(
        "adjust_present_page_count",
        f"present -{present}: {zone.present}",
        block=first,
        nr_blocks=count,
        caller="shrink_pages" if shrinks else "offline_pages",
    )
    if shrinks:
        start, end = tx.state.block_pfn(first), tx.state.block_pfn(first + count)
        spans_history.shrink_sections(tx, node, zone_type, start, end)
    if not tx.state.profile.is_since("5.5"):
        tx.event("init_per_zone_wmark_min", "watermarks by managed pages", block=first)
    if zone.present == 0:
        # 6.1 rebuilds the zonelists while the node is still in N_MEMORY.
        masks = tx.state if tx.state.profile.node_state_first else before
        name = f"{zone_type.label} of node {node}"
        zonelists.build_all(tx, f"{name} has no memory any more", first, masks=masks)
    demotion = zonelists.demotion_log(before, tx.state)
    if tx.state.profile.node_notifier and not tx.state.nodes[node].has_memory:
        text = f"node {node} has no memory any more"
        tx.event("NODE_REMOVED_LAST_MEMORY", text, log=demotion, block=first)
        demotion = []
    told = "the notifiers hear that the memory is gone"
    tx.event("MEM_OFFLINE", told, log=demotion, block=first, nr_blocks=count)


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
            text = f"[{low:#x},{high:#x}) is no edge of {name} {span_text(zone)}: unchanged"
            tx.event(function, text, block=start // tx.state.geometry.block_pages)
        else:
            tx.event(
                search.function, search.sentence(name), block=start // tx.state.geometry.block_pages
            )
        tx.state = update_pgdat_span(tx.state.with_zone(node, zone_type, zone), node)
        if search is not None:
            text = f"{name} now spans {span_text(zone)}"
            tx.event(function, text, block=start // tx.state.geometry.block_pages)


def offline_obstacle(state: State, row: BlockRow) -> str:
    """Why a block cannot be offlined, in words with the errno; empty when none is known.

    ``state``: the machine as the model has it (of a real one: ``SysrootView.state``). Known
    are the block's state, zones, holes and the kernel image.
    """
    if row.state == "offline":
        return "EINVAL: offline already"
    if row.state == "going-offline":
        return "EINTR: its state is going-offline, until a signal comes"
    if row.state != "online":
        return f"its state is {row.state}"
    if state.blocks.at(row.id) is None:
        return ""
    refusal = waiting(state) or check_offline(state, row.id)
    return "" if refusal is None else f"{refusal.errno}: {refusal.rule}"
