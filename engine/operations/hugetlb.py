"""HugeTLB pages: allocating, freeing and dissolving them.

Source: ``mm/hugetlb.c`` of 6.12 and 6.1. What becomes of their struct pages is in
``hugetlb_vmemmap``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import Hugetlb, HugetlbFree
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, PageState, ZoneType
from pfnmap.engine.limits import MAX_HUGE_PAGES
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.page_map import first_hole, page_zone, zone_pieces
from pfnmap.engine.memory.runs import Rows, joined_ranges, merge_rows, ranges_of
from pfnmap.engine.memory.state import HugetlbSet, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations.hugetlb_vmemmap import (
    alike,
    counted_in,
    free_vmemmap,
    must_refuse,
    refuses,
    restore_vmemmap,
    with_shared_tail,
)
from pfnmap.engine.operations.refs import pfn_of
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import counted

PTE_BYTES = 8
"""Of an entry of a page table."""
KERNEL_ZONE_ORDER = (ZoneType.DMA32, ZoneType.NORMAL)
"""Zones in which gigantic pages are looked for, the last one first (GFP_HIGHUSER)."""
ZONE_ORDER = (*KERNEL_ZONE_ORDER, ZoneType.MOVABLE)
"""Zones in which other huge pages are looked for (GFP_HIGHUSER_MOVABLE)."""


def is_gigantic(state: State, pages: int) -> bool:
    """``hstate_is_gigantic``: larger than the largest buddy; never movable, so never in Movable.

    7ed2c31dab3e (5.1, ``hugepage_movable_supported``), asked of 6.12; kernels before it migrated
    no huge pages of that size, so they came from kernel zones too.
    """
    return pages > 1 << state.geometry.max_order


def _candidates(state: State, node: int | None, pages: int) -> Iterator[int]:
    """Start pfns of free aligned huge pages: Movable first, from the bottom up, as onlined.

    What is onlined goes to the tail of the free lists (7fef431be9c9, 5.10), so what came first
    is taken first; of the other zones boot memory was freed long ago: from the top down.
    """
    nodes = range(len(state.nodes)) if node is None else (node,)
    zones = KERNEL_ZONE_ORDER if is_gigantic(state, pages) else ZONE_ORDER
    for zone_type in reversed(zones):
        for number in nodes:
            upward = zone_type == ZoneType.MOVABLE
            found = free_memory.free_ranges(state, number, (zone_type,), pages, upward=upward)
            for low, high in found:
                starts = range(low, high - pages + 1, pages)
                yield from starts if upward else reversed(starts)


def find(state: State, node: int | None, pages: int, count: int) -> list[int]:
    """Start pfns for up to ``count`` new huge pages, ascending."""
    return sorted(islice(_candidates(state, node, pages), count))


def find_round_robin(state: State, pages: int, count: int) -> tuple[list[int], int]:
    """Pages for ``nr_hugepages``: one node after the other, a full node is skipped.

    Starts at ``State.next_huge_node`` (``h->next_nid_to_alloc``); returns the start pfns and
    the node that is next.
    """
    nodes = list(state.nodes_in("has_memory"))
    searches = {node: _candidates(state, node, pages) for node in nodes}
    cursor = state.next_huge_node
    starts: list[int] = []
    while searches and len(starts) < count:
        node = next((n for n in nodes if n >= cursor and n in searches), min(searches))
        cursor = node + 1
        pfn = next(searches[node], None)
        if pfn is None:
            del searches[node]
        else:
            starts.append(pfn)
    return sorted(starts), cursor


def _no_room(state: State, start: int, pages: int, count: int) -> Refusal | None:
    """Why huge pages cannot be placed there, None where they can."""
    if start % pages:
        return Refusal("EINVAL", "hugetlb", f"pfn {start:#x} is not a multiple of {pages}")
    end, function = start + pages * count, "alloc_contig_range"
    block = state.geometry.block_pages
    rows = state.blocks_over(start, end)
    covered = int(rows["count"][rows["state"] == BlockState.ONLINE].sum())
    if covered != -(-end // block) - start // block:
        return Refusal("ENOMEM", function, f"[{start:#x},{end:#x}) is not online")
    if (hole := first_hole(state, start, end)) is not None:
        return Refusal("ENOMEM", function, f"pfn {hole:#x} is no memory", None, hole)
    taken = state.taken.slice(start, end)
    if len(taken):
        pfn = int(taken["start"][0])
        return Refusal("EBUSY", function, f"pfn {pfn:#x} is in use", None, pfn)
    for row in rows[rows["vmemmap"] > 0]:
        for number in range(int(row["start"]), int(row["start"] + min(2, row["count"]))):
            first = state.block_pfn(number)
            if start < first + int(row["vmemmap"]) and end > first:
                rule = f"pfn {first:#x} holds struct pages"
                return Refusal("EBUSY", function, rule, number, first)
    gigantic = is_gigantic(state, pages)
    for low, _, _, zone_type in zone_pieces(state, start, end):
        if low % pages:
            rule = f"the page at {low // pages * pages:#x} would lie in two zones"
            return Refusal("ENOMEM", function, rule)
        if gigantic and zone_type == ZoneType.MOVABLE:
            rule = f"pfn {low:#x} is in Movable, where no gigantic page is looked for"
            return Refusal("ENOMEM", "hugepage_movable_supported", rule)
    return None


def place(tx: Transaction, command: Hugetlb) -> Refusal | None:
    """Allocate huge pages and optimise their vmemmap where the rule in force allows it."""
    state = tx.state
    start_pfn = pfn_of(state, command.pfn) if command.pfn else None
    if command.address is not None:
        if command.address % state.geometry.page_bytes:
            raise InputError(f"at={command.address:#x} is not the start of a page")
        start_pfn = command.address >> state.geometry.page_shift
    pages = command.page_bytes // state.geometry.page_bytes
    if pages < 2 or pages & (pages - 1) or pages * state.geometry.page_bytes != command.page_bytes:
        least = f"it must be a power of two above {state.geometry.page_bytes}"
        rule = f"{command.page_bytes} bytes is no huge page size: {least}"
        return Refusal("EINVAL", "hugetlb", rule)
    if command.count > MAX_HUGE_PAGES:
        rule = f"the model places at most {MAX_HUGE_PAGES} huge pages at a time"
        return Refusal("ENOMEM", "hugetlb", rule)
    if any(held.name == command.name for held in state.hugetlb.values()):
        return Refusal("EEXIST", "hugetlb", f"there are huge pages {command.name} already")
    if start_pfn is None:
        starts = find(state, command.node, pages, command.count)
    elif (refusal := _no_room(state, start_pfn, pages, command.count)) is not None:
        return refusal
    else:
        starts = list(range(start_pfn, start_pfn + pages * command.count, pages))
    if not starts:
        rule = f"no free aligned range of {pages} pages is left in any zone"
        return Refusal("ENOMEM", "alloc_pool_huge_folio", rule)
    allocate(tx, command.name, starts, pages)
    if len(starts) < command.count:
        tx.notes.append(f"{len(starts)} of {command.count} huge pages could be allocated")
    return None


def allocate(tx: Transaction, name: str, starts: list[int], pages: int) -> None:
    """Take the pages at ``starts`` and decide about their vmemmap."""
    state = tx.state
    number = state.next_id
    rule, wanted = state.profile.hugetlb, state.params.hugetlb_free_vmemmap
    kept = state.profile.hugetlb_kept_pages
    vmemmap = state.geometry.memmap_pages(pages)
    freed = max(0, vmemmap - kept)
    groups = list(alike(state, np.array(starts), pages)) if wanted and freed else []
    answers = [refuses(state, int(group[0]), rule) for group in groups]
    optimised = [group for group, (no, _) in zip(groups, answers, strict=True) if not no]
    done = np.concatenate([*optimised, np.zeros(0, np.int64)])
    tx.state = _take(tx.state, np.array(starts), pages, number, np.isin(starts, done))
    tx.event("alloc_pool_huge_folio", f"{counted(len(starts), 'huge page')} of {pages} pages")
    verdict, reason = "correct", refuses(state, starts[0], rule)[1]
    for group, (refused, why) in zip(groups, answers, strict=True):
        pfn = int(group[0])
        truth = must_refuse(state, pfn)
        if not refused:
            tx.state = with_shared_tail(tx.state, pfn, pages)
            tx.state = free_vmemmap(tx, group, vmemmap, kept, wrong=truth)
        if not refused and truth:
            verdict, reason = "corrupts", why
        elif refused and not truth and verdict == "correct":
            verdict, reason = "lost-saving", why
            text = (
                f"{rule} refuses to optimise {name} at pfn {pfn:#x} although its struct pages "
                f"are ordinary memory: {freed} pages are not saved ({why})"
            )
            tx.finding("lost-saving", text, pfn, pages)
    held = HugetlbSet(
        number,
        name,
        starts[0],
        len(starts) * pages,
        pages,
        len(done) == len(starts),
        verdict,
        rule,
        freed,
        reason if wanted else "hugetlb_free_vmemmap is off",
        freed_pages=len(done) * freed,
    )
    tx.state = replace(tx.state, hugetlb={**tx.state.hugetlb, number: held}, next_id=number + 1)
    tx.event(
        "hugetlb_vmemmap_optimize_folios",
        f"{len(done)} of {len(starts)} optimised, {held.freed_pages} vmemmap pages freed: "
        f"{held.reason}",
    )


def optimised_at_boot(tx: Transaction, held: HugetlbSet) -> None:
    """``hugetlb_vmemmap_init_early``: what optimised pages of the boot keep is from memblock.

    That are a head page, page tables for single struct pages, the shared tail page: no allocator
    manages them.
    """
    state, pages = tx.state, held.page_pages
    early = state.profile.hugetlb_boot_vmemmap and state.geometry.arch == "x86_64"
    if not early or not held.optimised or not is_gigantic(state, pages):
        return
    tables = state.geometry.memmap_pages(pages) * PTE_BYTES // state.geometry.page_bytes
    starts = [
        pfn for low, high in ranges_of(_rows_of(state, held)) for pfn in range(low, high, pages)
    ]
    for pfn in starts:
        node, zone_type = counted_in(state, pfn)
        state = state.with_managed(node, zone_type, -1 - tables)
        state = free_memory.change(state, node, free_memory.zone_class(zone_type), -tables)
    if state.profile.hugetlb_shared_tail:
        for node, zone_type in {page_zone(state, pfn) for pfn in starts}:
            state = state.with_managed(node, zone_type, -1)
    tx.state = state


def _take(
    state: State,
    starts: NDArray[np.int64],
    pages: int,
    number: int,
    optimised: NDArray[np.bool_],
) -> State:
    """Huge pages at ``starts`` (ascending), no longer free in the zones that they lie in."""
    rows = state.taken.rows_over(
        np.stack((starts, starts + pages), axis=1), kind=int(PageState.HUGETLB), owner=number
    )
    rows["kind"][optimised] = int(PageState.HUGETLB_OPTIMISED)
    rows = merge_rows(rows)
    state = replace(state, taken=state.taken.insert_rows(rows))
    for low, high in joined_ranges(ranges_of(rows)).tolist():
        for first, end, node, zone_type in zone_pieces(state, low, high):
            kind = free_memory.zone_class(zone_type)
            state = free_memory.change(state, node, kind, first - end)
    return state


def free(tx: Transaction, command: HugetlbFree) -> None:
    """Free a set: its pages return to the buddy, its vmemmap is built again."""
    held = next((h for h in tx.state.hugetlb.values() if h.name == command.name), None)
    if held is None:
        raise InputError(f"{command.name}: there are no huge pages of that name")
    release_pages(tx, held, held.count)


def _rows_of(state: State, held: HugetlbSet, low: int = 0, high: int = 1 << 62) -> Rows:
    """The page frames of a set within [low, high)."""
    rows = state.taken.slice(low, high)
    huge = np.isin(rows["kind"], (PageState.HUGETLB, PageState.HUGETLB_OPTIMISED))
    mine: Rows = rows[(rows["owner"] == held.id) & huge]
    return mine


def count_on(state: State, held: HugetlbSet, node: int | None) -> int:
    """How many pages of a set lie on a node; all of them for None."""
    if node is None:
        return held.count
    return sum(int(row["count"]) for row in _rows_on(state, held, node)) // held.page_pages


def _rows_on(state: State, held: HugetlbSet, node: int | None) -> list[Any]:
    """The page frames of a set, those of one node where one is named."""
    return [
        row
        for row in _rows_of(state, held)
        if node is None or page_zone(state, int(row["start"]))[0] == node
    ]


def release_pages(
    tx: Transaction,
    held: HugetlbSet,
    count: int,
    node: int | None = None,
    *,
    function: str = "free_huge_folio",
) -> None:
    """Free ``count`` huge pages of a set, the lowest first; of one node where one is named."""
    left = count
    for row in _rows_on(tx.state, held, node):
        if left <= 0:
            break
        pages = min(int(row["count"]), left * held.page_pages)
        _give_back(tx, held, int(row["start"]), pages)
        left -= pages // held.page_pages
    tx.state = _without(tx.state, held, count)
    tx.event(function, f"{held.name}: free memory again: {counted(count, 'huge page')}")


def _without(state: State, held: HugetlbSet, count: int) -> State:
    """The state in which ``count`` pages of a set no longer belong to it."""
    sets = dict(state.hugetlb)
    rows = _rows_of(state, held)
    left = held.nr_pages - count * held.page_pages
    if not left:
        del sets[held.id]
    else:
        optimised = int(rows["count"][rows["kind"] == PageState.HUGETLB_OPTIMISED].sum())
        sets[held.id] = replace(
            held,
            nr_pages=left,
            start_pfn=int(rows["start"][0]),
            freed_pages=held.freed_per_page * (optimised // held.page_pages),
        )
    return replace(state, hugetlb=sets)


def _give_back(tx: Transaction, held: HugetlbSet, start: int, count: int) -> None:
    """Free the huge pages in [start, start + count), each in the zone that it lies in."""
    state = tx.state
    optimised = state.taken.at(start)
    state = replace(state, taken=state.taken.delete(start, start + count))
    for first, end, node, zone_type in zone_pieces(state, start, start + count):
        state = free_memory.change(state, node, free_memory.zone_class(zone_type), end - first)
        if optimised is not None and int(optimised["kind"]) == PageState.HUGETLB_OPTIMISED:
            state = restore_vmemmap(state, first, end - first, held)
    tx.state = state


def dissolve(
    tx: Transaction, start_pfn: int, end_pfn: int, first: int, count: int
) -> Refusal | None:
    """``dissolve_free_hugetlb_folios``: the free huge pages of a range leave the pool.

    A page that reaches beyond the range goes as a whole. An optimised page needs memory for
    its struct pages; the first for which there is none stays, with all behind it.
    """
    for held in list(tx.state.hugetlb.values()):
        dissolved, refusal = 0, None
        for row in _rows_of(tx.state, held, start_pfn, end_pfn):
            low = int(row["start"]) // held.page_pages * held.page_pages
            high = -(-int(row["start"] + row["count"]) // held.page_pages) * held.page_pages
            wanted = (high - low) // held.page_pages
            if int(row["kind"]) == PageState.HUGETLB_OPTIMISED and held.freed_per_page:
                spare = _spare(tx.state, low, start_pfn, end_pfn)
                wanted = min(wanted, max(0, spare) // held.freed_per_page)
            end = low + wanted * held.page_pages
            if wanted:
                _give_back(tx, held, low, end - low)
                dissolved += wanted
            if end < high:
                refusal = _cannot_dissolve(tx.state, held, end, first)
                break
        if dissolved:
            tx.state = _without(tx.state, held, dissolved)
            text = f"{held.name}: dissolved: {counted(dissolved, 'huge page')}"
            tx.event("dissolve_free_hugetlb_folios", text, block=first, nr_blocks=count)
        if refusal is not None:
            return refusal
    return None


def can_dissolve(state: State, start_pfn: int, end_pfn: int) -> bool:
    """Whether there is memory for the struct pages of all huge pages of a range of one zone.

    Once what can move has moved, and taken that memory where it may.
    """
    taken = state.taken.slice(start_pfn, end_pfn)
    moves = int(taken["count"][taken["kind"] == PageState.MOVABLE].sum())
    needed = 0
    for held in state.hugetlb.values():
        rows = _rows_of(state, held, start_pfn, end_pfn)
        rows = rows[rows["kind"] == PageState.HUGETLB_OPTIMISED]
        # Those at the ends may reach out of the range.
        some = int(rows["count"].sum()) // held.page_pages + 2 if len(rows) else 0
        needed += some * held.freed_per_page
    return not needed or needed + moves <= _spare(state, start_pfn, start_pfn, end_pfn)


def _cannot_dissolve(state: State, held: HugetlbSet, pfn: int, block: int) -> Refusal:
    where = f"node {page_zone(state, pfn)[0]}" if state.profile.hugetlb_this_node else "any node"
    rule = (
        f"failure to dissolve huge pages: the one at pfn {pfn:#x} needs {held.freed_per_page} "
        f"pages for its struct pages, and {where} has too little free kernel memory"
    )
    return Refusal("ENOMEM", "dissolve_free_hugetlb_folios", rule, block, pfn)


def _spare(state: State, pfn: int, start_pfn: int, end_pfn: int) -> int:
    """Free pages from which the struct pages of the huge page at ``pfn`` may be restored.

    Kernel memory only, and none of the range [start, end), which is isolated. 6.1 asks the
    node of the huge page and no other (``alloc_vmemmap_page_list``, ``__GFP_THISNODE``).
    """
    node, zone_type = page_zone(state, pfn)
    nodes = (node,) if state.profile.hugetlb_this_node else range(len(state.nodes))
    spare = sum(free_memory.free_of(state, number)[free_memory.KERNEL] for number in nodes)
    if zone_type == ZoneType.MOVABLE:
        return spare
    rows = state.blocks_over(start_pfn, end_pfn)
    isolated = int(((rows["present"] - rows["vmemmap"]) * rows["count"]).sum())
    return spare - isolated + int(state.taken.slice(start_pfn, end_pfn)["count"].sum())
