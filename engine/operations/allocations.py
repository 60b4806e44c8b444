"""Allocations that a user places: pins, and pages that memory failure handling takes away."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import Pin, Unpin
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, PageState, ZoneType
from pfnmap.engine.limits import MAX_PINNED_BLOCKS
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.page_map import first_hole, page_zone, zone_pieces, zones_of
from pfnmap.engine.memory.runs import Rows, RunMap, merge_rows, outside, ranges_of
from pfnmap.engine.memory.state import PINNED, POISONED, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations.refs import block_ranges, pfn_of
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import counted

PIN_KINDS: dict[str, tuple[PageState, int]] = {
    "unmovable": (PageState.UNMOVABLE, -1),
    "movable": (PageState.MOVABLE, -1),
    "offline": (PageState.PAGE_OFFLINE, -1),
    "longterm": (PageState.UNMOVABLE, PINNED),
    "hwpoison": (PageState.PAGE_OFFLINE, POISONED),
}
"""``pin … kind=``: what a placed page counts as, and the mark of who holds it."""


def pins_among(rows: Rows, kind: str | None = None) -> Rows:
    """Those of ``State.taken`` that were pinned, of one kind or of all."""
    kinds = [PIN_KINDS[kind]] if kind else list(PIN_KINDS.values())
    mine = np.zeros(len(rows), np.bool_)
    for state, owner in kinds:
        mine |= (rows["kind"] == state) & (rows["owner"] == owner)
    pins: Rows = rows[mine]
    return pins


def first_free(state: State, block: int, nr_pages: int) -> int | None:
    """The first pfn of the block from which ``nr_pages`` pages are free."""
    if (row := state.blocks.at(block)) is None:
        return None
    pfn, end = state.block_pfn(block) + int(row["vmemmap"]), state.block_pfn(block + 1)
    for held in state.taken.slice(pfn, end):
        if int(held["start"]) - pfn >= nr_pages:
            break
        pfn = int(held["start"] + held["count"])
    return pfn if pfn + nr_pages <= end else None


def _check(state: State, pfn: int, nr_pages: int) -> Refusal | None:
    pages = state.geometry.block_pages
    for block in range(pfn // pages, -(-(pfn + nr_pages) // pages)):
        row = state.blocks.at(block)
        if row is None or row["state"] != BlockState.ONLINE:
            rule = f"block {block} is not online: nothing is allocated there"
            return Refusal("EINVAL", "pin", rule, block, pfn)
        start = state.block_pfn(block)
        if row["vmemmap"] and pfn < start + int(row["vmemmap"]) and pfn + nr_pages > start:
            return Refusal("EBUSY", "pin", f"pfn {start:#x} holds struct pages", block, start)
    if (hole := first_hole(state, pfn, pfn + nr_pages)) is not None:
        return Refusal("EINVAL", "pin", f"pfn {hole:#x} is no memory", hole // pages, hole)
    if len(zones_of(state, pfn, pfn + nr_pages)) > 1:
        return Refusal("EINVAL", "pin", f"{nr_pages} pages at {pfn:#x} would lie in two zones")
    taken = state.taken.slice(pfn, pfn + nr_pages)
    if len(taken):
        first = int(taken["start"][0])
        return Refusal("EBUSY", "pin", f"pfn {first:#x} is in use", first // pages, first)
    return None


def place(tx: Transaction, pfn: int, nr_pages: int, kind: str) -> Refusal | None:
    """Allocate [pfn, pfn + nr_pages); a page of kind offline leaves managed."""
    if (refusal := _check(tx.state, pfn, nr_pages)) is not None:
        return refusal
    _count(tx, np.array([pfn]), nr_pages, kind)
    text = f"{counted(nr_pages, f'{kind} page')} at pfn {pfn:#x}"
    tx.event("alloc_pages", text, block=pfn // tx.state.geometry.block_pages)
    return None


def poison(tx: Transaction, pfn: int, *, hard: bool) -> Refusal | None:
    """``hard_offline_page`` and ``soft_offline_page``: a free or movable page is taken away.

    Soft offlining moves what is in it, hard offlining kills who has it; of the kernel's own pages
    neither can be had.
    """
    function = "memory_failure" if hard else "soft_offline_page"
    block = pfn // tx.state.geometry.block_pages
    row = tx.state.blocks.at(block)
    if (
        row is None
        or row["state"] != BlockState.ONLINE
        or (first_hole(tx.state, pfn, pfn + 1) is not None)
    ):
        return Refusal("ENXIO" if hard else "EIO", function, f"pfn {pfn:#x} is no online page")
    held = tx.state.taken.at(pfn)
    if held is not None and held["owner"] == POISONED:
        return Refusal("EHWPOISON", function, f"pfn {pfn:#x} is poisoned already") if hard else None
    if held is not None and held["kind"] != PageState.MOVABLE:
        return Refusal("EBUSY", function, f"pfn {pfn:#x} is in use and cannot be freed", block, pfn)
    if pfn - tx.state.block_pfn(block) < int(row["vmemmap"]):
        return Refusal("EBUSY", function, f"pfn {pfn:#x} holds struct pages", block, pfn)
    if held is not None:
        tx.state = replace(tx.state, taken=tx.state.taken.delete(pfn, pfn + 1))
        node, zone_type = page_zone(tx.state, pfn)
        tx.state = free_memory.change(tx.state, node, free_memory.zone_class(zone_type), 1)
    what = "a movable page" if held is not None else "free buddy page"
    log = [f"Memory failure: {pfn:#x}: recovery action for {what}: Recovered"] if hard else []
    tx.event(function, f"pfn {pfn:#x} is poisoned and taken away", log=log, block=block)
    return place(tx, pfn, 1, "hwpoison")


def pin(tx: Transaction, command: Pin) -> Refusal | None:
    """Place an allocation at a pfn, or one in each block."""
    nr_pages = command.nr_pages or 1
    if command.pfn is not None:
        return place(tx, pfn_of(tx.state, command.pfn), nr_pages, command.kind)
    ranges = block_ranges(tx.state, command.blocks)
    if (count := sum(last - first + 1 for first, last in ranges)) > MAX_PINNED_BLOCKS:
        raise InputError(f"pin: {count} blocks in one command; at most {MAX_PINNED_BLOCKS}")
    for first, last in ranges:
        block = first
        while block <= last:
            if done := _place_each(tx, block, last, nr_pages, command.kind):
                block += done
                continue
            if (start := first_free(tx.state, block, nr_pages)) is None:
                rule = f"block {block}: not free in a row: {counted(nr_pages, 'page')}"
                return Refusal("ENOMEM", "pin", rule, block)
            if (refusal := place(tx, start, nr_pages, command.kind)) is not None:
                return refusal
            block += 1
    return None


def _place_each(tx: Transaction, first: int, last: int, nr_pages: int, kind: str) -> int:
    """An allocation in each of some blocks from ``first`` on that have room: in how many.

    Blocks of one zone without holes, several of them; 0 where the first has to go by itself.
    """
    state, pages = tx.state, tx.state.geometry.block_pages
    row = state.blocks.at(first)
    if row is None or row["state"] != BlockState.ONLINE or row["zone"] == ZoneType.NONE:
        return 0
    ids = np.arange(first, min(last + 1, int(row["start"] + row["count"])))
    usable = np.stack((ids * pages + int(row["vmemmap"]), ids * pages + pages), axis=1)
    free = state.taken.rows_over(usable)
    free["owner"] = np.arange(len(ids))  # so that blocks stay apart
    free = outside(free, ranges_of(state.taken.slice(first * pages, int(ids[-1] + 1) * pages)))
    free = free[free["count"] >= nr_pages]
    free = free[np.diff(free["owner"], prepend=-1) > 0]
    gone = np.flatnonzero(free["owner"] != np.arange(len(free)))
    count = int(gone[0]) if len(gone) else len(free)
    if count < 2 or row["present"] < pages:
        return 0
    starts = free["start"][:count]
    _count(tx, starts, nr_pages, kind)
    text = f"{counted(count * nr_pages, f'{kind} page')}, {nr_pages} in each block"
    tx.event("alloc_pages", text, block=first, nr_blocks=count)
    return count


def _count(tx: Transaction, starts: NDArray[np.int64], nr_pages: int, kind: str) -> None:
    """Allocate ``nr_pages`` at each of these pfns, ascending and of one zone."""
    page_state, owner = PIN_KINDS[kind]
    node, zone_type = page_zone(tx.state, int(starts[0]))
    ranges = np.stack((starts, starts + nr_pages), axis=1)
    rows = merge_rows(tx.state.taken.rows_over(ranges, kind=int(page_state), owner=owner))
    state = replace(tx.state, taken=tx.state.taken.insert_rows(rows))
    total = len(starts) * nr_pages
    state = free_memory.change(state, node, free_memory.zone_class(zone_type), -total)
    if kind == "offline":
        state = state.with_managed(node, zone_type, -total)
    tx.state = state


def unpin(tx: Transaction, command: Unpin) -> Refusal | None:
    """Lift allocations from a pfn on, or all those in some blocks."""
    if command.pfn is not None:
        low = pfn_of(tx.state, command.pfn)
        return _lift(tx, command, low, low + (command.nr_pages or 1))
    for first, last in block_ranges(tx.state, command.blocks):
        low, high = tx.state.block_pfn(first), tx.state.block_pfn(last + 1)
        if (refusal := _lift(tx, command, low, high)) is not None:
            return refusal
    return None


def _lift(tx: Transaction, command: Unpin, low: int, high: int) -> Refusal | None:
    """Lift the allocations within [low, high) (of one kind, or of all)."""
    rows = pins_among(tx.state.taken.slice(low, high), command.kind)
    if not len(rows):
        return Refusal("ENOENT", "unpin", f"nothing is pinned in pfns {low:#x}-{high - 1:#x}")
    state = replace(tx.state, taken=tx.state.taken.delete_rows(rows))
    lifted = RunMap.from_rows(rows)
    # Neighbours are one row of the table, also where a zone ends between them.
    for first, end, node, zone_type in zone_pieces(state, low, high):
        if zone_type == ZoneType.NONE:
            continue  # poison is remembered while its block is offline: free it is not
        inside = lifted.slice(first, end)
        back = int(inside["count"].sum())
        state = free_memory.change(state, node, free_memory.zone_class(zone_type), back)
        ballooned = (inside["kind"] == PageState.PAGE_OFFLINE) & (inside["owner"] != POISONED)
        if more := int(inside["count"][ballooned].sum()):
            state = state.with_managed(node, zone_type, more)
    tx.state = state
    tx.event("free_pages", f"free again: {counted(int(rows['count'].sum()), 'page')}")
    return None
