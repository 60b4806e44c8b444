"""What each page frame is: counts per range for the map, and single pages.

Nothing is stored per page. The block table gives the base (vmemmap repeats at every block's
start along a run, so a run of any length is two terms of arithmetic); what occupies single
page frames (``State.taken``, ZONE_DEVICE ranges, lost pages) replaces parts of it.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import FREE_BY_ZONE, BlockState, PageState, ZoneType
from pfnmap.engine.memory.runs import Rows, RunMap, picked, sorted_set, span_apart
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.totals import Totals, are_shared, totals_of

NR_STATES = len(PageState)
Counts = NDArray[np.int64]


def page_zone(state: State, pfn: int) -> tuple[int, ZoneType]:
    """(node, zone) of a page of an online block or a ZONE_DEVICE range; zone NONE otherwise."""
    row = state.block_at(pfn)
    if row is None:
        device = state.device_ranges.at(pfn)
        return (-1, ZoneType.NONE) if device is None else (int(device["node"]), ZoneType.DEVICE)
    if row["state"] == BlockState.OFFLINE:
        return int(row["node"]), ZoneType.NONE
    if row["zone"] != ZoneType.NONE:
        return int(row["node"]), ZoneType(int(row["zone"]))
    limits = state.geometry.boot_zones()
    zone_type = next(zone for zone, low, high in limits if low <= pfn < high)
    return _early_node(state, pfn, int(row["node"])), zone_type


def _early_node(state: State, pfn: int, fallback: int) -> int:
    for low, high, node in state.early_ram.tolist():
        if low <= pfn < high:
            return int(node)
    return fallback


ZonePiece = tuple[int, int, int, ZoneType]
"""start_pfn, end_pfn, node, zone."""


def zone_pieces(state: State, start_pfn: int, end_pfn: int) -> list[ZonePiece]:
    """The pages of memory blocks in [start, end), cut where their node or zone changes."""
    pages = state.geometry.block_pages
    pieces: list[ZonePiece] = []
    for row in state.blocks_over(start_pfn, end_pfn):
        low = max(start_pfn, int(row["start"]) * pages)
        high = min(end_pfn, int(row["start"] + row["count"]) * pages)
        cuts = {low, high}
        if row["zone"] == ZoneType.NONE:
            limits = state.geometry.boot_zones()
            edges = [*state.early_ram[:, :2].ravel().tolist(), *(first for _, first, _ in limits)]
            cuts |= {edge for edge in edges if low < edge < high}
        for first, end in pairwise(sorted(cuts)):
            where = page_zone(state, first)
            if pieces and pieces[-1][1:] == (first, *where):
                first = pieces.pop()[0]
            pieces.append((first, end, *where))
    return pieces


def zones_of(state: State, start_pfn: int, end_pfn: int) -> set[tuple[int, ZoneType]]:
    """Every (node, zone) that pages of [start, end) of memory blocks are in."""
    return {(node, zone) for _, _, node, zone in zone_pieces(state, start_pfn, end_pfn)}


def page_0_is_reserved(state: State) -> bool:
    """Whether boot RAM begins at pfn 1, because page 0 is the firmware's."""
    ram = state.early_ram
    return state.geometry.reserves_page_0 and len(ram) > 0 and int(ram[:, 0].min()) == 1


def first_hole(state: State, start_pfn: int, end_pfn: int) -> int | None:
    """The first page of [start, end) in a boot block that is no memory; None without one."""
    pages = state.geometry.block_pages
    for row in state.blocks_over(start_pfn, end_pfn):
        if not row["early"]:
            continue
        pfn = max(start_pfn, int(row["start"]) * pages)
        end = min(end_pfn, int(row["start"] + row["count"]) * pages)
        for low, high, _ in state.early_ram.tolist():
            if low <= pfn < high:
                pfn = high
        if pfn < end:
            return pfn
    return None


def _block_state(state: int, zone: int) -> PageState:
    """What the usable pages of a block are, before anything occupies them."""
    if state == BlockState.OFFLINE:
        return PageState.OFFLINE
    if state != BlockState.ONLINE:
        return PageState.ISOLATED
    return FREE_BY_ZONE.get(ZoneType(zone), PageState.FREE_DMA32)


_BLOCK_STATES = np.array(
    [[_block_state(state, zone) for zone in ZoneType] for state in BlockState], np.int64
)
"""PageState by (BlockState, ZoneType + 1)."""


@lru_cache(maxsize=8)
def _boot_limits(geometry: Geometry) -> tuple[tuple[int, int, PageState], ...]:
    return tuple((low, high, FREE_BY_ZONE[zone]) for zone, low, high in geometry.boot_zones())


MANY_CELLS = 256
"""Cells that are counted on from those of the state before, where the edges are the same."""


class Counted(Struct, frozen=True, eq=False):
    """Cells that were counted."""

    state: State
    edges: NDArray[np.int64]
    total: Counts

    def apart(self, state: State) -> tuple[int, int] | None:
        """[low, high) of the pfns that another state may have more to say about; None: of all."""
        was, pages = self.state, state.geometry.block_pages
        if was.early_ram is not state.early_ram or was.geometry is not state.geometry:
            return None
        pairs = [(was.taken, state.taken), (was.lost, state.lost)]
        spans = [span_apart(*pair) for pair in (*pairs, (was.device_ranges, state.device_ranges))]
        low, high = span_apart(was.blocks, state.blocks)
        spans = [span for span in (*spans, (low * pages, high * pages)) if span[1]]
        return (min(spans)[0], max(high for _, high in spans)) if spans else (0, 0)


_lately: list[Counted] = []
"""What was counted last, the latest first: of the map and the figure, now and before."""
_KEPT = 4


class PageMap:
    """Page counts of one state, prepared once and asked many times."""

    def __init__(self, state: State) -> None:
        self.state = state
        devices = state.device_ranges.rows
        kinds = np.full(len(devices), int(PageState.DEVICE), np.int64)
        self._devices = _prefix(devices["start"], devices["start"] + devices["count"], kinds)
        hosted = devices[devices["altmap"] > 0]
        self._altmaps = _prefix(
            hosted["start"],
            hosted["start"] + hosted["altmap"],
            np.full(len(hosted), int(PageState.VMEMMAP), np.int64),
        )
        self._overlays: list[tuple[Prefix, NDArray[np.int64]]] = []
        for ranges in (_overlay(state.taken), _overlay(state.lost, PageState.BROKEN)):
            pieces = self._of_one_kind(ranges)
            self._overlays.append((pieces, self._underlying(pieces)))

    def _of_one_kind(self, ranges: Prefix) -> Prefix:
        """The ranges of an overlay cut where what lies under them changes."""
        starts, ends, kinds = ranges
        if not len(starts):
            return ranges
        state = self.state
        pages = state.geometry.block_pages
        rows = state.blocks_over(int(starts[0]), int(ends[-1]))
        limits = _boot_limits(state.geometry)
        cuts = [
            rows["start"] * pages,
            (rows["start"] + rows["count"]) * pages,
            state.early_ram[:, :2].ravel(),
            np.array([low for low, _, _ in limits], np.int64),
            *self._devices[:2],
            *self._altmaps[:2],
        ]
        for pieces, _ in self._overlays:
            cuts += pieces[:2]
        cuts += [_vmemmap_edges(row, starts, ends, pages) for row in rows[rows["vmemmap"] > 0]]
        edges = sorted_set(np.concatenate([*cuts, starts, ends]))
        edges = edges[(edges >= starts[0]) & (edges < ends[-1])]
        owner = np.searchsorted(starts, edges, side="right") - 1
        inside = edges < ends[owner]
        edges, owner = edges[inside], owner[inside]
        following = np.append(edges[1:], ends[-1])
        return _prefix(edges, np.minimum(following, ends[owner]), kinds[owner])

    def _underlying(self, ranges: Prefix) -> NDArray[np.int64]:
        """Which state each range of an overlay replaces (it lies over one state only)."""
        starts, ends, _ = ranges
        if not len(starts):
            return np.zeros(0, np.int64)
        edges = np.stack((starts, ends), axis=1).ravel()
        counts = self.counts(edges)[::2]
        kinds: NDArray[np.int64] = counts.argmax(axis=1).astype(np.int64)
        return kinds

    def counts(self, edges: NDArray[np.int64]) -> Counts:
        """Pages of each state between successive edges: int64 (n, NR_STATES)."""
        if len(edges) < MANY_CELLS:
            return self._counted(edges)
        for known in _lately:
            if np.array_equal(known.edges, edges) and (apart := known.apart(self.state)):
                total = known.total
                if apart[1] > apart[0]:
                    low, high = edges.searchsorted((apart[0] + 1, apart[1])).tolist()
                    low = max(0, low - 1)
                    total = total.copy()
                    total[low:high] = self._counted(edges[low : high + 1])
                break
        else:
            total = self._counted(edges)
        _lately.insert(0, Counted(self.state, edges, total))
        del _lately[_KEPT:]
        return total.copy()

    def _counted(self, edges: NDArray[np.int64]) -> Counts:
        # Transposed, so that all cells of one state lie side by side.
        total = np.zeros((NR_STATES, len(edges) - 1), np.int64).T
        pages = self.state.geometry.block_pages
        _add_blocks(total, self._totals.near(edges // pages), edges, pages)
        self._add_far(total, edges)
        _accumulate(total, self._odd, edges)
        self._add_devices(total, edges)
        total[:, PageState.HOLE] += _steps(edges) - total.sum(axis=1)
        for ranges, replaced in self._overlays:
            _replace(total, ranges, replaced, edges)
        return total

    def _add_far(self, total: Counts, edges: NDArray[np.int64]) -> None:
        """Add what lies between the blocks at the edges."""
        pages = self.state.geometry.block_pages
        cells, sums = self._totals.far(edges // pages)
        plain = np.flatnonzero(~(sums["shared"] | sums["holes"]))
        if not len(plain):  # all blocks are near an edge, or odd, as on most machines
            return
        cells, sums = cells[plain], picked(sums, plain)
        kinds = _BLOCK_STATES[sums["state"], sums["zone"] + 1]
        for kind, each in (
            (kinds, sums["blocks"] * pages - sums["vmemmap"]),
            (int(PageState.VMEMMAP), sums["vmemmap"]),
        ):
            # As floats, which hold more pages than there can be.
            found = np.bincount(cells * NR_STATES + kind, each, total.size)
            total += found.astype(np.int64).reshape(total.shape)

    @cached_property
    def _totals(self) -> Totals:
        return totals_of(self.state.blocks, self.state.geometry.block_pages)

    @cached_property
    def _odd(self) -> Prefix:
        """Boot blocks with holes, and those whose pages are in several zones: their pieces."""
        state = self.state
        pages = state.geometry.block_pages
        limits = _boot_limits(state.geometry)
        pieces: list[tuple[int, int, int]] = []
        for row in self._totals.odd_rows(holes=True):
            low, high = int(row["start"]) * pages, int(row["start"] + row["count"]) * pages
            base = _block_state(int(row["state"]), int(row["zone"]))
            split = row["zone"] == ZoneType.NONE and row["state"] == BlockState.ONLINE
            for start, end, _ in state.early_ram.tolist():
                start, end = max(start, low), min(end, high)
                parts = limits if split else ((start, end, base),)
                pieces += [
                    (max(start, a), min(end, b), int(kind))
                    for a, b, kind in parts
                    if max(start, a) < min(end, b)
                ]
            if low == 0 and page_0_is_reserved(state):
                pieces.append((0, 1, int(PageState.RESERVED)))
        table = np.array(sorted(pieces), np.int64).reshape(-1, 3)
        return _prefix(table[:, 0], table[:, 1], table[:, 2])

    def _add_devices(self, total: Counts, edges: NDArray[np.int64]) -> None:
        _accumulate(total, self._devices, edges)
        if len(self._altmaps[0]):
            before = total[:, PageState.VMEMMAP].copy()
            _accumulate(total, self._altmaps, edges)
            total[:, PageState.DEVICE] -= total[:, PageState.VMEMMAP] - before

    def state_of(self, pfn: int) -> PageState:
        """What one page frame is."""
        overlays = [ranges for ranges, _ in reversed(self._overlays)]
        for ranges in (*overlays, self._altmaps, self._devices, self._odd):
            if (kind := _kind_at(ranges, pfn)) is not None:
                return PageState(kind)
        pages = self.state.geometry.block_pages
        block, page = divmod(pfn, pages)
        rows = self.state.blocks.slice(block, block + 1)
        if not len(rows) or are_shared(rows)[0] or rows["present"][0] < pages:
            return PageState.HOLE
        if page < rows["vmemmap"][0]:
            return PageState.VMEMMAP
        return PageState(int(_BLOCK_STATES[rows["state"][0], rows["zone"][0] + 1]))


Prefix = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Sorted disjoint ranges: starts, ends, kinds."""


def _between(edges: NDArray[np.int64], ranges: Prefix) -> slice:
    """Which of the ranges reach in between the first and the last edge."""
    starts, ends, _ = ranges
    if not len(starts):
        return slice(0)
    low = int(ends.searchsorted(edges[0], side="right"))
    return slice(low, max(low, int(starts.searchsorted(edges[-1], side="left"))))


def _kind_at(ranges: Prefix, pfn: int) -> int | None:
    """The kind of the range that holds a page."""
    starts, ends, kinds = ranges
    at = int(starts.searchsorted(pfn, side="right")) - 1
    return int(kinds[at]) if at >= 0 and pfn < ends[at] else None


def _prefix(starts: NDArray[np.int64], ends: NDArray[np.int64], kinds: NDArray[np.int64]) -> Prefix:
    return starts.astype(np.int64), ends.astype(np.int64), kinds.astype(np.int64)


def _overlay(runs: RunMap, kind: PageState | None = None) -> Prefix:
    rows = runs.rows
    kinds = rows["kind"].astype(np.int64) if kind is None else np.full(len(rows), int(kind))
    return _prefix(rows["start"], rows["start"] + rows["count"], kinds)


def _states_in(kinds: NDArray[np.int64]) -> list[int]:
    """The page states that occur."""
    found: list[int] = np.flatnonzero(np.bincount(kinds, minlength=NR_STATES)).tolist()
    return found


def _vmemmap_edges(
    row: Any, starts: NDArray[np.int64], ends: NDArray[np.int64], pages: int
) -> NDArray[np.int64]:
    """Where vmemmap begins and ends in those blocks of a run that the ranges reach into."""
    low, high = int(row["start"]) * pages, int(row["start"] + row["count"]) * pages
    mine = (starts < high) & (ends > low)
    first = np.maximum(starts[mine], low) // pages
    last = (np.minimum(ends[mine], high) - 1) // pages
    pairs = zip(first.tolist(), last.tolist(), strict=True)
    blocks = sorted_set(np.array([block for a, b in pairs for block in range(a, b + 1)], np.int64))
    return np.concatenate((blocks * pages, blocks * pages + int(row["vmemmap"])))


class _Below:
    """How much of sorted disjoint ranges lies below each edge; differences fill the cells."""

    __slots__ = ("_into", "_last", "_sizes")

    def __init__(
        self, edges: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> None:
        """``edges``: int64 (n + 1,), ascending; ``starts`` and ``ends``: int64 (ranges,)."""
        # Edges are many and ranges few: look the ranges up among the edges and count.
        first = np.bincount(edges.searchsorted(starts), minlength=len(edges))
        begun = first[: len(edges)].cumsum()
        self._last = np.maximum(begun - 1, 0)
        """The last range that begins at or below each edge, 0 where there is none."""
        self._sizes = ends - starts
        self._into = _within(edges - starts[self._last], self._sizes[self._last])
        """Pages of that range below each edge."""

    def pages(self, mine: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Pages of some of the ranges in each cell, int64 (n,)."""
        before = _sums(np.where(mine, self._sizes, 0))
        return _steps(before[self._last] + self._into * mine[self._last])


def _add_blocks(total: Counts, rows: Rows, edges: NDArray[np.int64], pages: int) -> None:
    """Add the vmemmap and the usable pages of these blocks; of those of one state throughout."""
    if not len(rows):
        return
    starts, sizes = rows["start"] * pages, rows["count"] * pages
    last = np.maximum(starts.searchsorted(edges, side="right") - 1, 0)
    into = _within(edges - starts[last], sizes[last])
    blocks, rest = np.divmod(into, pages)
    odd = are_shared(rows) | (rows["present"] < pages)
    kinds = _BLOCK_STATES[rows["state"], rows["zone"].astype(np.int64) + 1]
    for kind in _states_in(kinds[~odd]):
        mine = ~odd & (kinds == kind)
        hosted = np.where(mine, rows["vmemmap"], 0)
        per_block = hosted[last]
        below = _sums(rows["count"] * hosted)[last] + blocks * per_block
        vmemmap = _steps(below + np.minimum(rest, per_block))
        below = _sums(np.where(mine, sizes, 0))[last] + into * mine[last]
        total[:, kind] += _steps(below) - vmemmap
        total[:, PageState.VMEMMAP] += vmemmap


def _sums(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """What lies before each range, int64 (ranges,)."""
    before: NDArray[np.int64] = sizes.cumsum() - sizes
    return before


# numpy's own clip and diff take longer than all else that is done with a handful of edges.
def _within(values: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    """The values, none below 0 or above its most; int64 (n,)."""
    return np.minimum(np.maximum(values, 0), most)


def _steps(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """By how much each value is more than the one before; int64 (n - 1,)."""
    steps: NDArray[np.int64] = values[1:] - values[:-1]
    return steps


def _touched(
    total: Counts, edges: NDArray[np.int64], start_pfn: int, end_pfn: int
) -> tuple[Counts, NDArray[np.int64]]:
    """Those cells and edges that a pfn range reaches into; one cell where there are none."""
    first = max(0, int(edges.searchsorted(start_pfn, side="right")) - 1)
    end = min(len(edges) - 1, int(edges.searchsorted(end_pfn, side="left")))
    first = min(first, len(total) - 1)
    end = max(end, first + 1)
    return total[first:end], edges[first : end + 1]


def _accumulate(total: Counts, ranges: Prefix, edges: NDArray[np.int64]) -> None:
    mine = _between(edges, ranges)
    starts, ends, kinds = (column[mine] for column in ranges)
    if not len(starts):
        return
    total, edges = _touched(total, edges, int(starts[0]), int(ends[-1]))
    below = _Below(edges, starts, ends)
    for kind in _states_in(kinds):
        total[:, kind] += below.pages(kinds == kind)


def _replace(
    total: Counts, ranges: Prefix, replaced: NDArray[np.int64], edges: NDArray[np.int64]
) -> None:
    """Put the ranges over what is there; ``replaced`` is the state that each lies over."""
    mine = _between(edges, ranges)
    starts, ends, kinds = (column[mine] for column in ranges)
    if not len(starts):
        return
    total, edges = _touched(total, edges, int(starts[0]), int(ends[-1]))
    below = _Below(edges, starts, ends)
    pairs = kinds * NR_STATES + replaced[mine]
    for pair in np.flatnonzero(np.bincount(pairs)).tolist():
        kind, under = divmod(pair, NR_STATES)
        pages = below.pages(pairs == pair)
        total[:, kind] += pages
        total[:, under] -= pages
