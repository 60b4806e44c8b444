"""Zone and node spans as Linux 5.5 and later grow and shrink them.

Sources: ``mm/memory_hotplug.c`` of 6.12 (``resize_zone_range``, ``resize_pgdat_range``,
``find_smallest_section_pfn``, ``find_biggest_section_pfn``, ``shrink_zone_span``,
``update_pgdat_span``); shrinking at offline came with feee6b298916 (5.5). The rules of other
kernels and posts are in ``pfnmap.engine.memory.spans_history``.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory.runs import Rows
from pfnmap.engine.memory.state import State, Zone

# As plain numbers: numpy looks at a member of an enum at length, once for every comparison.
_NO_ZONE, _ONLINE = int(ZoneType.NONE), int(BlockState.ONLINE)


def grow(state: State, node: int, zone_type: ZoneType, start_pfn: int, nr_pages: int) -> State:
    """``resize_zone_range`` and ``resize_pgdat_range``: take the range into both spans."""
    home = state.nodes[node]
    zone = home.zones[zone_type]
    end_pfn = start_pfn + nr_pages
    zone_start = start_pfn if not zone.spanned else min(zone.start_pfn, start_pfn)
    zone_end = max(zone.end_pfn, end_pfn)
    node_start = start_pfn if not home.spanned else min(home.start_pfn, start_pfn)
    node_end = max(home.start_pfn + home.spanned, end_pfn)
    home = replace(home, start_pfn=node_start, spanned=node_end - node_start)
    zone = replace(zone, start_pfn=zone_start, spanned=zone_end - zone_start)
    return state.with_node(node, home.with_zone(zone_type, zone))


def zone_ranges(state: State, rows: Rows, node: int, zone_type: ZoneType) -> NDArray[np.int64]:
    """Page ranges of online blocks that belong to the zone of the node.

    ``rows``: block rows. Returns int64 (n, 2) of [start_pfn, end_pfn), ascending. Boot
    blocks count by subsection, as their subsection maps do.
    """
    pages = state.geometry.block_pages
    zones = rows["zone"]
    mixed = zones == _NO_ZONE  # a boot block may hold memory of several nodes
    wanted = (rows["state"] == _ONLINE) & ((rows["node"] == node) | mixed)
    wanted &= mixed | (zones == int(zone_type))
    whole = wanted & ~mixed & (rows["present"] == pages)
    starts, counts = rows["start"][whole], rows["count"][whole]
    ranges = np.empty((len(starts), 2), np.int64)
    ranges[:, 0], ranges[:, 1] = starts * pages, (starts + counts) * pages
    odd = rows[wanted & ~whole]
    if len(odd):
        ranges = np.concatenate((ranges, _odd_ranges(state, odd, node, zone_type)))
        ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    return ranges


def _odd_ranges(state: State, rows: Rows, node: int, zone_type: ZoneType) -> NDArray[np.int64]:
    """Ranges of boot blocks of the zone, or of several zones, by subsection."""
    step = state.geometry.subsection_pages
    pages = state.geometry.block_pages
    limits = state.geometry.boot_zones()
    out: list[tuple[int, int]] = []
    for row in rows:
        lo, hi = int(row["start"]) * pages, int(row["start"] + row["count"]) * pages
        for start, end, owner in state.early_ram.tolist():
            if owner != node:
                continue
            start, end = max(lo, start // step * step), min(hi, -(-end // step) * step)
            if row["zone"] != ZoneType.NONE:
                if start < end:
                    out.append((start, end))
                continue
            for limit_zone, first, last in limits:
                if zone_type == limit_zone and max(start, first) < min(end, last):
                    out.append((max(start, first), min(end, last)))
    return np.array(sorted(out), dtype=np.int64).reshape(-1, 2)


def find_smallest_section_pfn(
    state: State, node: int, zone_type: ZoneType, start_pfn: int, end_pfn: int
) -> int | None:
    """First online pfn of the zone among start, start + one subsection, … below end."""
    step, pages = state.geometry.subsection_pages, state.geometry.block_pages
    for rows in state.blocks.chunks_upward(start_pfn // pages, -(-end_pfn // pages)):
        for low, high in zone_ranges(state, rows, node, zone_type).tolist():
            pfn: int = start_pfn + max(0, -(-(low - start_pfn) // step)) * step
            if pfn < min(high, end_pfn):
                return pfn
    return None


def find_biggest_section_pfn(
    state: State, node: int, zone_type: ZoneType, start_pfn: int, end_pfn: int
) -> int | None:
    """Last online pfn of the zone among end - 1, end - 1 - one subsection, … from start."""
    step, pages = state.geometry.subsection_pages, state.geometry.block_pages
    for rows in state.blocks.chunks_downward(start_pfn // pages, -(-end_pfn // pages)):
        for low, high in reversed(zone_ranges(state, rows, node, zone_type).tolist()):
            pfn: int = end_pfn - 1 - max(0, -(-(end_pfn - high) // step)) * step
            if pfn >= max(low, start_pfn):
                return pfn
    return None


class SpanSearch(Struct, frozen=True):
    """What a span search looked for and found, for the event that shows it."""

    function: str
    start_pfn: int
    end_pfn: int
    found_pfn: int | None

    def sentence(self, what: str) -> str:
        """The search in words."""
        found = f"found pfn {self.found_pfn:#x}" if self.found_pfn is not None else "found none"
        return f"{what} in [{self.start_pfn:#x},{self.end_pfn:#x}): {found}"


def shrink_zone_span(
    state: State, node: int, zone_type: ZoneType, start_pfn: int, end_pfn: int
) -> tuple[Zone, SpanSearch | None]:
    """The zone after [start, end) left it, and the search that decided (None: no edge).

    The removed range must already be offline in ``state``.
    """
    zone = state.nodes[node].zones[zone_type]
    if zone.start_pfn == start_pfn:
        found = find_smallest_section_pfn(state, node, zone_type, end_pfn, zone.end_pfn)
        search = SpanSearch("find_smallest_section_pfn", end_pfn, zone.end_pfn, found)
        if found is None:
            return replace(zone, start_pfn=0, spanned=0), search
        return replace(zone, start_pfn=found, spanned=zone.end_pfn - found), search
    if zone.end_pfn == end_pfn:
        found = find_biggest_section_pfn(state, node, zone_type, zone.start_pfn, start_pfn)
        search = SpanSearch("find_biggest_section_pfn", zone.start_pfn, start_pfn, found)
        if found is None:
            return replace(zone, start_pfn=0, spanned=0), search
        return replace(zone, spanned=found - zone.start_pfn + 1), search
    return zone, None


def update_pgdat_span(state: State, node: int) -> State:
    """The node's span becomes the union of its zones' spans (ZONE_DEVICE included)."""
    home = state.nodes[node]
    spans = [(z.start_pfn, z.end_pfn) for z in home.zones if z.spanned]
    start = min((a for a, _ in spans), default=0)
    end = max((b for _, b in spans), default=0)
    return state.with_node(node, replace(home, start_pfn=start, spanned=end - start))


def span_text(zone: Zone) -> str:
    """A span in words: ``[0x100000,0x118000)`` or ``empty``."""
    return f"[{zone.start_pfn:#x},{zone.end_pfn:#x})" if zone.spanned else "empty"
