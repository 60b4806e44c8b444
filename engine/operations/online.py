"""Onlining memory blocks.

Source: ``drivers/base/memory.c:memory_block_online`` and ``mm/memory_hotplug.c:online_pages``
of 6.12 and 6.1. Blocks that are alike and get the same zone are onlined as one batch after
the first of them; the result is that of one block after the other.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pfnmap.engine.commands import Online
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, OnlineType, ZoneType
from pfnmap.engine.limits import MAX_BLOCKS_ONE_BY_ONE
from pfnmap.engine.memory import free_memory, memmap, zonelists
from pfnmap.engine.memory.spans import grow, span_text
from pfnmap.engine.memory.state import POISONED, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.memory.unplugged import unplugged_pages
from pfnmap.engine.operations import zone_shifting
from pfnmap.engine.operations.many_ranges import Ranges, Reach, Tried, do_ranges, first_refusal
from pfnmap.engine.operations.refs import listed_blocks
from pfnmap.engine.operations.zone_policy import ZoneChoice, block_device, zone_for_pfn_range
from pfnmap.engine.outcome import Refusal


def online(tx: Transaction, command: Online) -> Refusal | None:
    """``online REF``: each block in ascending order, up to the first refusal."""
    ranges = listed_blocks(tx.state, command.blocks)
    return first_refusal(online_ranges(tx, ranges, command.online_type))


def online_ranges(
    tx: Transaction, ranges: Ranges, online_type: OnlineType, *, through: str = "state"
) -> Tried:
    """:func:`online_blocks` for each range."""

    def one(tx: Transaction, first: int, last: int) -> Refusal | None:
        return online_blocks(tx, first, last, online_type, through=through)

    return do_ranges(tx, ranges, one, reach(online_type, through=through))


def reach(online_type: OnlineType, *, through: str = "state") -> Reach:
    """How far blocks go to one zone."""

    def reach_of(state: State, block: int, end: int) -> tuple[ZoneType, int]:
        row = state.blocks.row_at(block)
        kind = _asked(row, online_type, through)
        choice = _choose(state, block, row, kind)
        return choice.zone, block + _batch_size(state, block, end, kind)

    return reach_of


def _asked(row: Any, online_type: OnlineType, through: str) -> OnlineType:
    """How a block is onlined; the boolean file takes the type that a refused write left."""
    left = OnlineType(int(row["online_type"])) if through == "online" else OnlineType.OFFLINE
    return left or (OnlineType.ONLINE if through == "online" else online_type)


def online_blocks(
    tx: Transaction, first: int, last: int, online_type: OnlineType, *, through: str = "state"
) -> Refusal | None:
    """Write ``state`` of the blocks first..last, ascending; stop at the first refusal.

    ``through``: ``state`` (an online block is EINVAL and keeps the type asked for),
    ``online`` (the boolean file: an online block is fine) or ``auto``.
    """
    block = first
    while block <= last:
        if (row := tx.state.blocks.at(block)) is None:
            return Refusal("ENOENT", "sysfs", f"there is no memory block {block}", block)
        if row["state"] == BlockState.ONLINE:
            if through == "online":
                block += 1
                continue
            if online_type != OnlineType.OFFLINE:
                tx.state = tx.state.with_blocks(block, 1, online_type=online_type)
            rule = f"memory block {block} is online already"
            return Refusal("EINVAL", "device_online", rule, block)
        kind = _asked(row, online_type, through)
        count = min(last, int(row["start"] + row["count"]) - 1) - block + 1
        count, poisoned = _sound(tx.state, block, count)
        if poisoned is not None:
            _clear_online_type(tx, block, 1)
            return poisoned
        if (refusal := _online_alike(tx, block, count, kind)) is not None:
            return refusal
        block += count
    return None


def _sound(state: State, block: int, count: int) -> tuple[int, Refusal | None]:
    """How many of ``count`` blocks have no poisoned page; 0 and a refusal if the first has one."""
    if not state.profile.counts_poison:
        return count, None
    pages = state.geometry.block_pages
    taken = state.taken.slice(block * pages, (block + count) * pages)
    taken = taken[taken["owner"] == POISONED]
    if not len(taken):
        return count, None
    pfn = int(taken["start"][0])
    if pfn // pages > block:
        return pfn // pages - block, None
    rule = f"pfn {pfn:#x} of memory block {block} is poisoned (memblk_nr_poison)"
    return 0, Refusal("EHWPOISON", "memory_block_online", rule, block, pfn)


def _online_alike(tx: Transaction, first: int, count: int, kind: OnlineType) -> Refusal | None:
    """Online blocks whose rows are equal: one by itself, the rest in batches."""
    block, end, batch = first, first + count, 1
    device = block_device(tx.state, tx.state.blocks.row_at(first))
    automatic = kind == OnlineType.ONLINE and tx.state.params.online_policy == "auto-movable"
    if automatic and count > MAX_BLOCKS_ONE_BY_ONE and device is not None and device.is_dynamic:
        raise InputError(
            f"online: {count} blocks, each of which auto-movable decides about anew; at most "
            f"{MAX_BLOCKS_ONE_BY_ONE} in one command"
        )
    while block < end:
        row = tx.state.blocks.row_at(block)
        if tx.state.profile.zone_shifting and not row["early"]:
            refusal = zone_shifting.online_block(tx, block, kind)
            batch = 1
        else:
            choice = _choose(tx.state, block, row, kind)
            refusal = _online_batch(tx, block, batch, choice, kind)
        if refusal is not None:
            return refusal
        block += batch
        batch = _batch_size(tx.state, block, end, kind) if block < end else 0
    return None


def _choose(state: State, block: int, row: Any, kind: OnlineType) -> ZoneChoice:
    return zone_for_pfn_range(
        state,
        kind,
        int(row["node"]),
        block_device(state, row),
        state.block_pfn(block),
        state.geometry.block_pages,
    )


def _batch_size(state: State, block: int, end: int, kind: OnlineType) -> int:
    """How many blocks from ``block`` on get the same zone whatever happens in between."""
    row = state.blocks.row_at(block)
    if kind == OnlineType.ONLINE_MOVABLE:
        return end - block
    if state.profile.zone_shifting:
        return 1
    automatic = kind == OnlineType.ONLINE and state.params.online_policy == "auto-movable"
    device = block_device(state, row)
    if automatic and (row["early"] or (device is not None and device.is_dynamic)):
        return 1
    pages = state.geometry.block_pages
    stops = [end]
    for zone in state.nodes[int(row["node"])].zones[: ZoneType.DEVICE]:
        if zone.spanned:
            stops += [zone.start_pfn // pages, -(-zone.end_pfn // pages)]
    return min(stop for stop in stops if stop > block) - block


def _online_batch(
    tx: Transaction, first: int, count: int, choice: ZoneChoice, kind: OnlineType
) -> Refusal | None:
    """``memory_block_online`` for ``count`` equal blocks into one zone, phase by phase."""
    before = tx.state
    refusal = _join_zone(tx, first, count, choice, kind)
    if refusal is None:
        _reach_buddy(tx, before, first, count, choice.zone)
    else:
        tx.state = replace(before, faults=tx.state.faults)
        text = "failed: the range leaves the zone again"
        tx.event("memory_block_online", text, block=first, nr_blocks=count)
    _clear_online_type(tx, first, count)
    return refusal


def _join_zone(
    tx: Transaction, first: int, count: int, choice: ZoneChoice, kind: OnlineType
) -> Refusal | None:
    """All that can fail: the zone takes the pages in, and the notifiers are asked."""
    row = tx.state.blocks.row_at(first)
    node, zone_type, vmemmap = int(row["node"]), choice.zone, int(row["vmemmap"])
    start_pfn, span_pages = tx.state.block_pfn(first), count * tx.state.geometry.block_pages
    name = f"{zone_type.label} of node {node}"
    told = f"{kind.word} goes to {zone_type.label}: {choice.rule}"
    tx.event(choice.function, told, block=first, nr_blocks=count)
    if tx.state.profile.prepare_notifiers:
        text = "whoever has to makes the memory accessible (s390)"
        tx.event("MEM_PREPARE_ONLINE", text, block=first, nr_blocks=count)
    if memmap.vmemmap_apart(tx.state, row):
        if refusal := tx.injected("mhp_init_memmap_on_memory", block=first):
            return refusal
        spread = vmemmap if count == 1 else span_pages
        tx.state = grow(tx.state, node, zone_type, start_pfn, spread)
        told = f"the first {vmemmap} pages of each block join {name}; they hold struct pages"
        tx.event("mhp_init_memmap_on_memory", told, block=first, nr_blocks=count)
    if refusal := _misaligned(tx.state, first, vmemmap) or tx.injected("online_pages", block=first):
        return refusal
    tx.state = grow(tx.state, node, zone_type, start_pfn, span_pages)
    told = f"{name} now spans {span_text(tx.state.zone(node, zone_type))}"
    tx.event("move_pfn_range_to_zone", told, block=first, nr_blocks=count)
    if _is_first_memory(tx.state, node):
        if (refusal := tx.injected("NODE_ADDING_FIRST_MEMORY", block=first)) is not None:
            return refusal
        tx.event("NODE_ADDING_FIRST_MEMORY", f"node {node} is to have memory", block=first)
    return tx.injected("MEM_GOING_ONLINE", block=first)


def _is_first_memory(state: State, node: int) -> bool:
    """Whether notifiers of nodes hear of memory that is onlined there."""
    return state.profile.node_notifier and not state.nodes[node].has_memory


def _reach_buddy(
    tx: Transaction, before: State, first: int, count: int, zone_type: ZoneType
) -> None:
    """The pages are the buddy's and count as present; the notifiers hear of them."""
    row = tx.state.blocks.row_at(first)
    node, vmemmap, early = int(row["node"]), int(row["vmemmap"]), bool(row["early"])
    apart = memmap.vmemmap_apart(tx.state, row)
    start_pfn, span_pages = tx.state.block_pfn(first), count * tx.state.geometry.block_pages
    name = f"{zone_type.label} of node {node}"
    usable = count * (int(row["present"]) - vmemmap)
    # virtio_mem_online_page keeps what is not plugged: PageOffline, and not managed.
    lacking = unplugged_pages(tx.state, start_pfn, start_pfn + span_pages)
    more = usable - lacking
    zone = tx.state.zone(node, zone_type)
    zone = replace(zone, managed=zone.managed + more)
    tx.state = tx.state.with_zone(node, zone_type, zone)
    tx.state = free_memory.change(tx.state, node, free_memory.zone_class(zone_type), more)
    told = (
        f"{more} pages to the buddy"
        + (f", {lacking} are not plugged and stay PageOffline" if lacking else "")
        + (f", {count * vmemmap} vmemmap pages are skipped" if vmemmap > apart else "")
        + f": managed {zone.managed}"
    )
    tx.event("online_pages_range", told, block=first, nr_blocks=count)
    present = usable + count * (vmemmap - apart)
    zone = replace(
        zone, present=zone.present + present, present_early=zone.present_early + present * early
    )
    tx.state = _mark_online(tx.state.with_zone(node, zone_type, zone), first, count, row, zone_type)
    told = f"present +{present}: {zone.present}"
    tx.event("adjust_present_page_count", told, block=first, nr_blocks=count, caller="online_pages")
    if not before.zone(node, zone_type).present:
        zonelists.build_all(tx, f"{name} is populated", first)
    first_memory = _is_first_memory(before, node)
    demotion = zonelists.demotion_log(before, tx.state)
    if first_memory:
        tx.event("NODE_ADDED_FIRST_MEMORY", f"node {node} has memory", log=demotion, block=first)
    told = "the notifiers hear that the memory is there"
    tx.event("MEM_ONLINE", told, log=[] if first_memory else demotion, block=first, nr_blocks=count)
    if apart:
        row = tx.state.blocks.row_at(first)
        memmap.adjust_present(tx, first, count, row, count * apart)


def _misaligned(state: State, block: int, vmemmap: int) -> Refusal | None:
    """``online_pages`` may want to start at a pageblock, which a layout of 2019 may not."""
    unit = state.geometry.pageblock_pages
    if vmemmap % unit == 0 or not state.profile.online_whole_pageblocks:
        return None
    rule = f"the usable part starts {vmemmap} pages into the block, not at a pageblock of {unit}"
    return Refusal("EINVAL", "online_pages", rule, block)


def _mark_online(state: State, first: int, count: int, row: Any, zone_type: ZoneType) -> State:
    links = {"initialised": 1, "link_zone": int(zone_type), "link_node": int(row["node"])}
    return state.with_blocks(first, count, state=BlockState.ONLINE, zone=zone_type, **links)


def _clear_online_type(tx: Transaction, first: int, count: int) -> None:
    """``memory_subsys_online`` resets ``mem->online_type`` whatever came of it."""
    tx.state = tx.state.with_blocks(first, count, online_type=0)
