"""HugeTLB vmemmap optimisation (HVO): struct pages of huge pages are given back and restored.

Sources: ``mm/hugetlb_vmemmap.c`` of 6.12 and 6.1; the detection rules from post "[PATCH v2 2/2]
mm: memory_hotplug: introduce SECTION_CANNOT_OPTIMIZE_VMEMMAP" (2022) and its respins v3 to v5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import KERNEL_ZONES, BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory import free_memory, memmap
from pfnmap.engine.memory.page_map import page_zone
from pfnmap.engine.memory.runs import RunMap, merge_rows, outside, ranges_of
from pfnmap.engine.memory.state import HugetlbSet, State
from pfnmap.engine.memory.transaction import Transaction

_VMEMMAP = int(PageState.VMEMMAP)


def backing(state: State, pfn: int) -> int | None:
    """The page frame that holds the struct page of ``pfn``."""
    return memmap.home_of(state, pfn)


def is_self_hosted(state: State, pfn: int) -> bool:
    """Whether a page frame holds struct pages of the very range it was added with."""
    row = state.block_at(pfn)
    if row is None or not row["vmemmap"]:
        return False
    return bool(pfn - state.block_pfn(pfn // state.geometry.block_pages) < int(row["vmemmap"]))


def must_refuse(state: State, pfn: int) -> bool:
    """The truth: the struct pages of the huge page at ``pfn`` are self-hosted."""
    home = backing(state, pfn)
    return home is not None and is_self_hosted(state, home)


def _flagged(state: State, pfn: int) -> bool:
    """PG_owner_priv_1 of a page.

    Set on self-hosted vmemmap of online blocks, and by its ordinary meaning on pages of the
    swap cache (a movable allocation here).
    """
    row = state.block_at(pfn)
    if row is None or row["state"] != BlockState.ONLINE:
        return False
    taken = state.taken.at(pfn)
    return is_self_hosted(state, pfn) or (
        taken is not None and int(taken["kind"]) == PageState.MOVABLE
    )


def _is_reserved(state: State, pfn: int, row: Any) -> bool:
    """Whether the struct page of ``pfn`` lies in a page with PG_reserved, up to 6.10.

    The memmap of the boot does, which memblock allocated, and self-hosted vmemmap; what was bought
    from the buddy, for hot-added memory or when a huge page was freed again, does not.
    """
    if row is None or row["memmap"] == MemmapKind.RAM:
        return False
    return not row["early"] or state.unreserved.at(pfn) is None


def refuses(state: State, pfn: int, rule: str) -> tuple[bool, str]:
    """What a detection rule says of the huge page at ``pfn``: refuse or not, and why."""
    geometry = state.geometry
    row = state.block_at(pfn)
    if rule == "section-flag":
        flagged = (
            row is not None
            and not row["early"]
            and (row["memmap"] in (MemmapKind.PER_BLOCK, MemmapKind.PER_DEVICE))
        )
        return (
            flagged,
            f"section {pfn // geometry.section_pages} is{'' if flagged else ' not'} "
            "flagged SECTION_CANNOT_OPTIMIZE_VMEMMAP",
        )
    if rule == "flag-on-backing":
        home = backing(state, pfn)
        flagged = home is not None and _flagged(state, home) and is_self_hosted(state, home)
        where = "unknown" if home is None else f"{home:#x}"
        return flagged, f"the backing page {where} is{'' if flagged else ' not'} self-hosted"
    if rule == "block-lookup":
        hosts = row is not None and int(row["vmemmap"]) > 0
        return hosts, (
            f"memory block {pfn // geometry.block_pages}, looked up under its lock, "
            f"{'hosts' if hosts else 'does not host'} its own memmap"
        )
    if rule == "pg-reserved":
        reserved = _is_reserved(state, pfn, row)
        return reserved, f"the backing page is{'' if reserved else ' not'} PG_reserved"
    unit = geometry.section_pages if rule == "flag-first-of-section" else geometry.block_pages
    first = pfn // unit * unit
    if rule == "self-map":
        home = backing(state, first)
        same = home == first
        return same, f"the struct page of block start {first:#x} is in " + (
            "an unknown page" if home is None else f"pfn {home:#x}"
        )
    flagged = _flagged(state, first)
    return flagged, f"page {first:#x} is{'' if flagged else ' not'} flagged"


def alike(state: State, starts: NDArray[np.int64], page_pages: int) -> Iterator[NDArray[np.int64]]:
    """Ascending huge pages in groups to which every rule says the same.

    The pages of a group touch, and so do their struct pages, which count in one zone.
    """
    geometry, rows = state.geometry, state.blocks.rows
    homes = memmap.homes_of(state, starts)
    home_blocks = np.where(homes < 0, -1, homes // geometry.block_pages)
    keys = [
        starts // geometry.section_pages,
        home_blocks,
        state.homes.indices(starts),
        state.unreserved.indices(starts + page_pages - 1) >= 0,
    ]
    cuts = np.diff(starts) != page_pages
    for key in keys:
        cuts |= key[1:] != key[:-1]
    for blocks in (starts // geometry.block_pages, home_blocks):  # of several zones: each alone
        held = state.blocks.indices(blocks)
        mixed = (held >= 0) & (rows["zone"][held] == ZoneType.NONE)
        cuts |= mixed[1:] | mixed[:-1]
    yield from np.split(starts, np.flatnonzero(cuts) + 1)


def _tails(first: int, number: int, vmemmap: int, count: int) -> NDArray[np.int64]:
    """[start, end) of the last ``count`` of each ``vmemmap`` pages, ``number`` times from first."""
    ends = first + vmemmap * np.arange(1, number + 1)
    return np.stack((ends - count, ends), axis=1)


def free_vmemmap(
    tx: Transaction, starts: NDArray[np.int64], vmemmap: int, kept: int, *, wrong: bool
) -> State:
    """Give the tail vmemmap pages of huge pages back; what that does to the counters.

    ``starts``: pages that are :func:`alike`.
    """
    state, pfn, number = tx.state, int(starts[0]), len(starts)
    if (home := backing(state, pfn)) is None:
        return _boot_vmemmap_freed(state, pfn, number, vmemmap, kept)
    count = vmemmap - kept
    ranges = _tails(home, number, vmemmap, count)
    node, zone_type = page_zone(state, home)
    if wrong:
        for at, first in zip(starts.tolist(), ranges[:, 0].tolist(), strict=True):
            text = (
                f"freeing the struct pages of the huge page at pfn {at:#x} hands pfns "
                f"{first:#x}-{first + count - 1:#x} to the buddy, which are self-hosted vmemmap"
            )
            if not tx.finding("hugetlb-corrupts", text, first, count):
                break
        broken = state.lost.rows_over(ranges, kind=int(PageState.BROKEN), owner=-1)
        return replace(tx.state, lost=state.lost.insert_rows(broken))
    row = state.block_at(pfn)
    if node < 0:
        pass  # the memory that they lie in was removed: no zone counts them
    elif row is not None and row["memmap"] == MemmapKind.BOOT:
        state = _boot_vmemmap_freed(state, pfn, number, vmemmap, kept)
    else:
        kind = free_memory.zone_class(zone_type)
        state = free_memory.change(state, node, kind, count * number)
    return replace(state, taken=_unmarked(state.taken, ranges))


def with_shared_tail(state: State, pfn: int, pages: int) -> State:
    """``vmemmap_get_tail``: the page of tail struct pages of a zone and size, once and for good."""
    key = (*page_zone(state, pfn), pages)
    if not state.profile.hugetlb_shared_tail or key in state.shared_tails:
        return state
    near = next(iter(free_memory.kernel_nodes(state, key[0])), key[0])
    found = free_memory.locate(state, near, 1, 1, last=True)
    state = free_memory.change(state, near, free_memory.KERNEL, -1)
    state = replace(state, shared_tails=(*state.shared_tails, key))
    return free_memory.place(state, found, PageState.VMEMMAP, -1)


def _boot_vmemmap_freed(state: State, pfn: int, number: int, vmemmap: int, kept: int) -> State:
    """``free_reserved_page``: managed grows by every reserved page that is freed.

    With a new head page (6.3+) all pages of the boot memmap go and one comes from the buddy.
    A recording does not say where a boot memmap lies: it counts in the zone of ``pfn`` unless
    that is hot-added memory, whose struct pages came from the buddy.
    """
    row = state.block_at(pfn)
    node, zone_type = counted_in(state, pfn)
    freed = (vmemmap - kept) * number
    per_frame = state.geometry.pages_per_struct_page_frame
    pages = vmemmap * per_frame
    gone = freed + (number if state.profile.hugetlb_new_head else 0)
    if row is not None and row["early"]:  # a smaller huge page may have freed some of them before
        before = state.unreserved.slice(pfn, pfn + number * pages)["count"].sum()
        gone -= int(before) // per_frame
    if row is not None and row["early"] and gone > 0:
        left = 0 if state.profile.hugetlb_new_head else kept * per_frame
        bought = state.unreserved.rows_over(_tails(pfn, number, pages, pages - left), owner=-1)
        state = replace(state, unreserved=state.unreserved.insert_rows(merge_rows(bought)))
        state = state.with_managed(node, zone_type, gone)
    return free_memory.change(state, node, free_memory.zone_class(zone_type), freed)


def counted_in(state: State, pfn: int) -> tuple[int, ZoneType]:
    """(node, zone) in which the struct pages of ``pfn`` count; node -1 where they are gone.

    Where nothing says where they lie: with boot memory itself; those of hot-added memory are
    kernel memory of the nearest node with any, for a node may have none but ZONE_MOVABLE.
    """
    if (home := backing(state, pfn)) is not None:
        return page_zone(state, home)
    node, zone_type = page_zone(state, pfn)
    row = state.block_at(pfn)
    if row is not None and row["early"]:
        return node, zone_type
    for near in free_memory.kernel_nodes(state, node):
        if any(state.nodes[near].zones[zone].managed for zone in KERNEL_ZONES):
            return near, ZoneType.NORMAL
    return node, ZoneType.NORMAL


def restore_vmemmap(state: State, start: int, count: int, held: HugetlbSet) -> State:
    """``hugetlb_vmemmap_restore_folio`` for a range: the buddy pays, managed stays.

    The kernel takes pages of the huge page's own node; here they return to where they were
    (see :func:`_marked`), so that node pays. Those that were freed wrongly are where they
    were still, as what they have become; others are taken for them.
    """
    vmemmap = state.geometry.memmap_pages(held.page_pages)
    tails: list[NDArray[np.int64]] = []
    needed, elsewhere = Counter[int](), Counter[int]()
    for starts in alike(state, np.arange(start, start + count, held.page_pages), held.page_pages):
        node, _ = counted_in(state, int(starts[0]))
        if node < 0:
            continue  # the memory that they lay in was removed
        home = backing(state, int(starts[0]))
        needed[node] += held.freed_per_page * len(starts)
        if home is not None and is_self_hosted(state, home):
            elsewhere[node] += held.freed_per_page * len(starts)
        elif home is not None:
            tails.append(_tails(home, len(starts), vmemmap, held.freed_per_page))
    for node, nr_pages in needed.items():
        state = free_memory.change(state, node, free_memory.KERNEL, -nr_pages)
    if tails:
        state = replace(state, taken=_marked(state.taken, np.concatenate(tails)))
    for node, nr_pages in elsewhere.items():
        found = free_memory.locate(state, node, nr_pages, 1, last=True)
        state = free_memory.place(state, found, PageState.VMEMMAP, -1)
    return state


def _marked(taken: RunMap, ranges: NDArray[np.int64]) -> RunMap:
    """With vmemmap pages where nothing lies in the ranges.

    The kernel takes the pages anew wherever they are free; the model puts them back where
    they were, and shows none for those of which something else has been made since.
    """
    ranges = ranges[np.argsort(ranges[:, 0])]
    held = ranges_of(taken.slice(int(ranges[0, 0]), int(ranges[-1, 1])))
    return taken.insert_rows(outside(taken.rows_over(ranges, kind=_VMEMMAP, owner=-1), held))


def _unmarked(taken: RunMap, ranges: NDArray[np.int64]) -> RunMap:
    """Without the vmemmap pages in the ranges; what else lies there stays."""
    rows = taken.slice(int(ranges[0, 0]), int(ranges[-1, 1]))
    others = ranges_of(rows[rows["kind"] != _VMEMMAP])
    return taken.delete_rows(outside(taken.rows_over(ranges), others))
