"""How much memory is free, and where struct pages taken from it are placed.

Counting is exact; placing is a model: the highest free page frames of the node's boot
memory first, then of its hot-added kernel memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import KERNEL_ZONES, PageState, ZoneType
from pfnmap.engine.limits import MAX_FREE_RANGES
from pfnmap.engine.memory.page_map import page_zone, zone_pieces
from pfnmap.engine.memory.runs import (
    Rows,
    RunMap,
    joined_ranges,
    merge_rows,
    one_by_one,
    outside,
    ranges_of,
)
from pfnmap.engine.memory.spans import zone_ranges
from pfnmap.engine.memory.state import IN_USE, State
from pfnmap.engine.memory.totals import totals_of
from pfnmap.engine.memory.zonelists import fallback_order

KERNEL, MOVABLE = 0, 1


def zone_class(zone_type: ZoneType) -> int:
    """Index into a ``free_pages`` pair."""
    return MOVABLE if zone_type == ZoneType.MOVABLE else KERNEL


def free_of(state: State, node: int) -> tuple[int, int]:
    """(kernel, movable) free pages of a node; none of a block that is going offline.

    ``set_migratetype_isolate`` takes the free pages of what it isolates out of NR_FREE_PAGES.
    """
    kernel, movable = state.free_pages[node] if node < len(state.free_pages) else (0, 0)
    held = state.pending
    row = None if held is None else state.blocks.at(held.block)
    if held is None or row is None or row["node"] != node:
        return kernel, movable
    taken = state.taken.slice(state.block_pfn(held.block), state.block_pfn(held.block + 1))
    isolated = int(row["present"] - row["vmemmap"]) - int(taken["count"].sum())
    if zone_class(ZoneType(int(row["zone"]))) == MOVABLE:
        return kernel, movable - isolated
    return kernel - isolated, movable


def change(state: State, node: int, kind: int, nr_pages: int) -> State:
    """``nr_pages`` more (less) free pages of a class; a shortfall is taken elsewhere.

    Pages that leave with an offlined block held data that moved to other free memory.
    """
    if 0 <= node < len(state.free_pages) and state.free_pages[node][kind] + nr_pages >= 0:
        kernel, movable = state.free_pages[node]
        more = (kernel + nr_pages, movable) if kind == KERNEL else (kernel, movable + nr_pages)
        free = (*state.free_pages[:node], more, *state.free_pages[node + 1 :])
        return replace(state, free_pages=free)
    pairs = [list(pair) for pair in state.free_pages]
    pairs += [[0, 0] for _ in range(len(state.nodes) - len(pairs))]
    pairs[node][kind] += nr_pages
    shortfall = min(0, pairs[node][kind])
    pairs[node][kind] -= shortfall
    for pair in (pairs[node], *pairs):
        for other in (KERNEL, MOVABLE):
            taken = min(pair[other], -shortfall)
            pair[other] -= taken
            shortfall += taken
    return replace(state, free_pages=tuple((a, b) for a, b in pairs))


def kernel_nodes(state: State, node: int) -> list[int]:
    """Nodes in the order in which kernel memory is looked for from ``node``."""
    return fallback_order(state, node, [0] * len(state.nodes))


def has_order(state: State, node: int, order: int) -> bool:
    """Whether the node's buddy list (where one was given) can serve this order."""
    freelist = state.freelists.get(node)
    return freelist is None or any(o >= order and count for o, count in freelist)


def take_from_freelist(state: State, node: int, order: int, nr_pages: int) -> State:
    """Take pages off a given buddy list: one block of ``order`` or single pages."""
    freelist = state.freelists.get(node)
    if freelist is None:
        return state
    counts = dict(freelist)
    if order:
        source = min(o for o, count in counts.items() if o >= order and count)
        counts[source] -= 1
        for split in range(source - 1, order - 1, -1):
            counts[split] = counts.get(split, 0) + 1
    else:
        left = nr_pages
        for small in sorted(counts):
            while left > 0 and counts[small]:
                counts[small] -= 1
                spare = (1 << small) - left
                left -= 1 << small
                for bit in range(small):
                    if spare > 0 and spare >> bit & 1:
                        counts[bit] = counts.get(bit, 0) + 1
    lists = dict(state.freelists)
    lists[node] = tuple(sorted((o, c) for o, c in counts.items() if c))
    return replace(state, freelists=lists)


def freelist_pages(state: State, node: int) -> int | None:
    """Pages on the node's given buddy list, None where none was given."""
    freelist = state.freelists.get(node)
    return None if freelist is None else sum(count << order for order, count in freelist)


def set_free(state: State, node: int, nr_pages: int) -> tuple[State, int]:
    """The node with ``nr_pages`` free kernel pages, or as many as there can be, and how many.

    The others are allocated where they lie: by the kernel in boot memory, movable in memory that
    was added. What stays free lies at the top, in whole units of a memmap where it is enough.
    """
    rows = state.taken.rows
    rows = rows[rows["owner"] == IN_USE]
    mine = [page_zone(state, int(row["start"])) for row in rows]
    here = [at == node and zone != ZoneType.MOVABLE for at, zone in mine]
    state = replace(state, taken=state.taken.delete_rows(rows[np.array(here, np.bool_)]))
    taken = state.taken
    found = free_ranges(state, node, KERNEL_ZONES, 1)
    ranges = list(islice(found, MAX_FREE_RANGES + 1))
    if len(ranges) > MAX_FREE_RANGES:
        raise InputError(
            f"free: the kernel memory of node {node} lies in more than {MAX_FREE_RANGES} ranges, "
            "between which struct pages lie; no more can be said to be in use"
        )
    unit, left, kept = state.geometry.memmap_unit_pages, nr_pages, []
    for low, high in ranges:
        top = high // unit * unit if high // unit * unit - low >= min(left, unit) else high
        size = min(left, top - low)
        kept.append((top - size, top))
        left -= size
    for (low, high), (first, end) in zip(ranges, kept, strict=True):
        for start, stop in ((low, first), (end, high)):
            size = min(left, stop - start) if left else 0
            left -= size
            if start + size < stop:
                taken = _used(state, taken, start + size, stop)
    pairs = list(state.free_pages)
    pairs[node] = (nr_pages - left, pairs[node][MOVABLE])
    return replace(state, taken=taken, free_pages=tuple(pairs)), nr_pages - left


def move_in(state: State, node: int, kind: int, nr_pages: int) -> State:
    """Give ``nr_pages`` movable pages in use a place, near first; what they take is not free."""
    classes = {KERNEL: KERNEL_ZONES, MOVABLE: (ZoneType.MOVABLE,)}
    places = [(node, kind)]
    places += [(n, k) for n in (node, *range(len(state.nodes))) for k in classes]
    for number, each in places:
        if not nr_pages:
            break
        ranges: list[tuple[int, int]] = []
        left = nr_pages
        for low, high in free_ranges(state, number, classes[each], 1, upward=True):
            size = min(left, high - low)
            ranges.append((low, low + size))
            left -= size
            if not left:
                break
        if ranges:
            state = place(state, np.array(ranges), PageState.MOVABLE, IN_USE)
            state = change(state, number, each, left - nr_pages)
            nr_pages = left
    return state


def _used(state: State, taken: RunMap, low: int, high: int) -> RunMap:
    """``taken`` with [low, high) in use, cut where boot memory meets added memory."""
    pages = state.geometry.block_pages
    for row in state.blocks_over(low, high):
        start = max(low, int(row["start"]) * pages)
        stop = min(high, int(row["start"] + row["count"]) * pages)
        kind = PageState.UNMOVABLE if row["early"] else PageState.MOVABLE
        taken = taken.insert(start, stop - start, kind=int(kind), owner=IN_USE)
    return taken


def locate(
    state: State, node: int, nr_pages: int, align: int, *, last: bool = False
) -> NDArray[np.int64]:
    """Free page frames for kernel memory on a node: int64 (n, 2) of [start, end), aligned.

    Boot memory from the top first, then hot-added kernel zones from the top; may hold fewer
    than ``nr_pages`` where nothing more is free. ``last``: DMA too, where that is spared.
    """
    spared = state.geometry.spares_dma and not last
    zones = [z for z in KERNEL_ZONES if z != ZoneType.DMA or not spared]
    chosen: list[tuple[int, int]] = []
    left = nr_pages
    for early in (True, False):
        for low, high in free_ranges(state, node, zones, align, early=early):
            if left <= 0:
                break
            size = min(high - low, -(-left // align) * align)
            chosen.append((high - size, high))
            left -= size
    return np.array(chosen, dtype=np.int64).reshape(-1, 2)


def free_ranges(
    state: State,
    node: int,
    zones: Sequence[ZoneType],
    align: int,
    *,
    upward: bool = False,
    early: bool | None = None,
) -> Iterator[tuple[int, int]]:
    """Aligned free ranges of the zones (highest zone first), each from the top down.

    Found as they are asked for: where little is needed, little is looked through.

    ``upward``: each zone from the bottom up; ``early``: of boot memory only, or of none of it.
    """
    for zone_type in reversed(zones):
        for rows in _zone_rows(state, node, zone_type, early, upward):
            ranges = zone_ranges(state, rows, node, zone_type).tolist()
            for low, high in ranges if upward else reversed(ranges):
                for start, end in _usable(state, low, high, node, align, upward):
                    for a, b in untaken(state, start, end, upward=upward):
                        first, last = -(-a // align) * align, b // align * align
                        if first < last:
                            yield first, last


def _zone_rows(
    state: State, node: int, zone_type: ZoneType, early: bool | None, upward: bool
) -> Iterator[Rows]:
    """Rows of blocks among which those of a zone are, chunk by chunk."""
    chunks = state.blocks.chunks
    numbers: Iterable[int] = range(len(chunks))
    if len(chunks) > 1:
        totals = totals_of(state.blocks, state.geometry.block_pages)
        numbers = totals.chunks_online_in(node, zone_type, early).tolist()
    for number in numbers if upward else reversed([*numbers]):
        rows = chunks[number]
        yield rows if early is None else rows[(rows["early"] != 0) == early]


def _usable(
    state: State, low: int, high: int, node: int, least: int, upward: bool
) -> Iterator[tuple[int, int]]:
    """[low, high) of a node without self-hosted vmemmap, part by part, found as needed.

    Blocks that host their own struct pages and have fewer than ``least`` other pages are left
    out a run at a time: a petabyte of them is nothing to walk through for a larger range.
    """
    pages = state.geometry.block_pages
    chunks = state.blocks.chunks_upward if upward else state.blocks.chunks_downward
    for rows in chunks(low // pages, -(-high // pages)):
        for row in rows if upward else rows[::-1]:
            first, end = int(row["start"]), int(row["start"] + row["count"])
            vmemmap = int(row["vmemmap"])
            if not vmemmap:
                start, stop = max(low, first * pages), min(high, end * pages)
                early = bool(row["early"])
                yield from _ram(state, start, stop, node, upward) if early else [(start, stop)]
                continue
            if pages - vmemmap < least:
                continue
            blocks = range(first, end)
            for block in blocks if upward else reversed(blocks):
                start, stop = max(low, block * pages + vmemmap), min(high, (block + 1) * pages)
                if start < stop:
                    yield start, stop


def _ram(state: State, low: int, high: int, node: int, upward: bool) -> Iterator[tuple[int, int]]:
    """[low, high) of boot memory without its holes, and without what is another node's."""
    for start, end, owner in (state.early_ram if upward else state.early_ram[::-1]).tolist():
        if owner == node and max(low, start) < min(high, end):
            yield max(low, start), min(high, end)


def untaken(state: State, low: int, high: int, *, upward: bool = True) -> list[tuple[int, int]]:
    """[low, high) without the pages that something occupies."""
    rows = state.taken.slice(low, high)
    edges = [low, *ranges_of(rows).ravel(), high]
    free = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    return free if upward else free[::-1]


def give_back_memmap(state: State, low: int, high: int, *, early: bool) -> State:
    """Struct pages that describe [low, high) and came from RAM return to where they came from.

    The memory's own record of where its struct pages live is forgotten. A chunk of a fixed
    size (powerpc) returns when nothing in its window is left to describe. Struct pages of boot
    memory are reserved, so managed grows by them (``free_reserved_page``), but for those that
    HugeTLB has taken from the buddy since. ``early``: the described memory was there at boot.
    """
    bought = int(state.unreserved.slice(low, high)["count"].sum())
    bought //= state.geometry.pages_per_struct_page_frame
    state = replace(state, unreserved=state.unreserved.delete(low, high))
    homes = state.homes.slice(low, high)
    state = replace(state, homes=state.homes.delete(low, high))
    frames, nodes = _frames_freed(state, homes)
    for node in sorted({*nodes.tolist()}):
        freed = joined_ranges(frames[nodes == node])
        if not len(freed):
            continue
        held = state.taken.slice(int(freed[0, 0]), int(freed[-1, 1]))
        gaps = np.stack((freed[:-1, 1], freed[1:, 0]), axis=1)
        held = outside(held[held["kind"] == PageState.VMEMMAP], gaps)
        state = replace(state, taken=state.taken.delete_rows(held))
        count = int(held["count"].sum())
        state = change(state, node, KERNEL, count)
        state = _unreserve(state, held, max(0, count - bought) if early else 0)
        bought = max(0, bought - count)
    return state


def _unreserve(state: State, held: Rows, nr_pages: int) -> State:
    """``nr_pages`` of these reserved page frames are managed from now on, the first ones first."""
    for row in held:
        start = int(row["start"])
        for low, high, node, zone_type in zone_pieces(state, start, start + int(row["count"])):
            more = min(nr_pages, high - low)
            if more and zone_type != ZoneType.NONE:
                state = state.with_managed(node, zone_type, more)
            nr_pages -= more
    return state


def _frames_freed(state: State, homes: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[first, end) of the page frames that nobody's struct pages are in any more, and their nodes.

    ``homes``: rows of ``State.homes`` that were just deleted.
    """
    per_frame, chunk = (
        state.geometry.pages_per_struct_page_frame,
        state.geometry.vmemmap_chunk_pages,
    )
    ranges = ranges_of(homes)
    if not chunk:
        ends = (ranges + homes["bias"][:, None] + np.array((0, per_frame - 1))) // per_frame
        return ends, homes["node"]
    window = chunk * per_frame
    first, end = ranges[:, 0] // window, -(-ranges[:, 1] // window)
    which, place_in = one_by_one(end - first)
    numbers = first[which] + place_in
    gone = [not len(state.homes.slice(n * window, (n + 1) * window)) for n in numbers.tolist()]
    frames = ((numbers * window + homes["bias"][which]) // per_frame)[gone]
    return np.stack((frames, frames + chunk), axis=1), homes["node"][which][gone]


def place(state: State, extents: NDArray[np.int64], kind: PageState, owner: int) -> State:
    """Mark page frames as taken: [start, end) each, in any order."""
    if not len(extents):
        return state
    ranges = extents[np.argsort(extents[:, 0])]
    rows = merge_rows(state.taken.rows_over(ranges, kind=int(kind), owner=owner))
    return replace(state, taken=state.taken.insert_rows(rows))
