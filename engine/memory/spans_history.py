"""Zone and node spans before Linux 5.5, and as two posted series wanted them.

=============  ==========================================================================
rule           what shrinks a span
=============  ==========================================================================
remove-valid   4.13 to 5.4: hot-remove, section by section, with the zone of the first page of
               the range; other sections count while they are *valid* (f1dd2cd13c4b, read in
               4.19 ``__remove_zone``, ``shrink_zone_span``, ``shrink_pgdat_span``)
rfc2           "[RFC v2 2/2] mm/memory_hotplug: Shrink spanned pages when offlining memory"
               (Aug 2018): the same at offline, other sections count while *online*; the last
               check of the node still asks for *valid*
oct2018        the respin of 15 Oct 2018: the node's last check asks for *online* too
=============  ==========================================================================

Both posted rules set the online bit of ZONE_DEVICE sections (``add_device_memory``).
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory.page_map import zone_pieces
from pfnmap.engine.memory.spans import SpanSearch, span_text
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.transaction import Transaction

START, END, ONLINE, NODE, ZONE = range(5)

MAX_SHOWN = 16
"""Sections of a larger range whose searches become phases; the last one always does."""


def section_turns(state: State, start_pfn: int, end_pfn: int) -> list[tuple[int, int]]:
    """[start_pfn, end_pfn) section by section; what is too many to show is one turn."""
    section = state.geometry.section_pages
    shown = min(end_pfn, start_pfn + MAX_SHOWN * section)
    turns = [(low, low + section) for low in range(start_pfn, shown, section)]
    return [*turns, (shown, end_pfn)] if shown < end_pfn else turns


def section_runs(state: State) -> NDArray[np.int64]:
    """Every valid section: int64 (n, 5) of start_pfn, end_pfn, online, node, zone link.

    Struct pages that were never initialised read as zero: node 0, zone DMA.
    """
    pages = state.geometry.block_pages
    out: list[tuple[int, int, int, int, int]] = []
    for row in state.blocks.rows:
        low, high = int(row["start"]) * pages, int(row["start"] + row["count"]) * pages
        online = int(row["state"] == BlockState.ONLINE)
        node, zone = int(row["link_node"]), int(row["link_zone"])
        if row["early"] and row["zone"] == ZoneType.NONE:
            for first, end, where, kind in zone_pieces(state, low, high):
                out.append((first, end, online, where, kind))
        elif row["initialised"]:
            out.append((low, high, online, node, zone))
        else:
            out.append((low, high, online, 0, ZoneType.DMA))
    marked = int(state.profile.shrink != "remove-valid")
    for row in state.device_ranges.rows:
        low, count, altmap = int(row["start"]), int(row["count"]), int(row["altmap"])
        section = state.geometry.section_pages
        hidden = altmap // section * section
        if hidden:
            out.append((low, low + hidden, marked, 0, ZoneType.DMA))
        if hidden < count:
            out.append((low + hidden, low + count, marked, int(row["node"]), ZoneType.DEVICE))
    return np.array(sorted(out), dtype=np.int64).reshape(-1, 5)


class _Sections(Struct, frozen=True):
    """The sections that still count while a range is torn down section by section."""

    runs: NDArray[np.int64]
    gone_from: int

    def others(
        self, gone_to: int, node: int, zone: int | None, *, online: bool
    ) -> NDArray[np.int64]:
        """[start, end) of matching sections outside [gone_from, gone_to)."""
        runs = self.runs[self.runs[:, NODE] == node]
        if zone is not None:
            runs = runs[runs[:, ZONE] == zone]
        if online:
            runs = runs[runs[:, ONLINE] == 1]
        below = np.stack((runs[:, START], np.minimum(runs[:, END], self.gone_from)), axis=1)
        above = np.stack((np.maximum(runs[:, START], gone_to), runs[:, END]), axis=1)
        parts = np.concatenate((below, above))
        return parts[parts[:, 0] < parts[:, 1]]


class _Step(Struct, frozen=True):
    """What one section's teardown did to one span."""

    span: tuple[int, int]
    search: SpanSearch | None
    """The edge search, None where the section is no edge of the span."""
    last_check: str
    """What the check for any other section found, where it mattered."""


def _shrink(
    span: tuple[int, int], start: int, end: int, near: NDArray[np.int64], left: NDArray[np.int64]
) -> _Step:
    """``shrink_zone_span``/``shrink_pgdat_span`` of 4.19 for one section [start, end).

    ``near``: sections that the edge searches accept; ``left``: those that the last check
    accepts. The new span is (0, 0) when nothing is left.
    """
    low, high = span
    if low == high:
        return _Step(span, None, "")
    new_low, new_high = low, high
    search = None
    if low == start:
        inside = near[(near[:, 1] > end) & (near[:, 0] < high)]
        if len(inside):
            new_low = int(max(inside[:, 0].min(), end))
        found = new_low if len(inside) else None
        search = SpanSearch("find_smallest_section_pfn", end, high, found)
    elif high == end:
        inside = near[(near[:, 0] < start) & (near[:, 1] > low)]
        if len(inside):
            new_high = int(min(inside[:, 1].max(), start))
        found = new_high - 1 if len(inside) else None
        search = SpanSearch("find_biggest_section_pfn", low, start, found)
    remains = left[(left[:, 0] < high) & (left[:, 1] > low)]
    if not len(remains):
        return _Step((0, 0), search, f"no other section is left in [{low:#x},{high:#x}): empty")
    kept = ""
    if search is not None and search.found_pfn is None:
        kept = f"the section at pfn {int(remains[0, 0]):#x} still counts, so the span stays"
    return _Step((new_low, new_high), search, kept)


class Shrinking:
    """The sections of [start, end) leave a zone and its node, lowest first, turn by turn.

    ``runs``: the valid sections (:func:`section_runs`) of before, where their blocks are gone.
    """

    def __init__(
        self,
        tx: Transaction,
        node: int,
        zone_type: ZoneType,
        pages: tuple[int, int],
        runs: NDArray[np.int64] | None = None,
    ) -> None:
        self.tx, self.node, self.zone_type = tx, node, zone_type
        self.start_pfn, self.end_pfn = pages
        self.sections = _Sections(section_runs(tx.state) if runs is None else runs, pages[0])
        starts = _turns(tx.state, node, zone_type, pages, self.sections.runs)
        self.turns = list(zip(starts, [*starts[1:], self.end_pfn], strict=True))
        """[start, end) pfns of one section, or of several that do what the first does."""

    @property
    def name(self) -> str:
        """The zone in words."""
        return f"{self.zone_type.label} of node {self.node}"

    def begin(self) -> None:
        """``clear_zone_contiguous``."""
        self.tx.event("clear_zone_contiguous", f"{self.name}: contiguous is off for now")

    def turn(self, start: int, following: int) -> None:
        """``shrink_zone_span`` and ``shrink_pgdat_span`` for the sections of one turn."""
        tx, node, zone_type = self.tx, self.node, self.zone_type
        rule, section = tx.state.profile.shrink, tx.state.geometry.section_pages
        by_online = rule != "remove-valid"
        end = start + section
        shown = start < self.start_pfn + MAX_SHOWN * section or end == self.end_pfn
        # At offline the whole block's online bits are clear before the first search.
        gone_to = self.end_pfn if by_online else end
        zone_left = self.sections.others(gone_to, node, zone_type, online=by_online)
        zone = tx.state.nodes[node].zones[zone_type]
        step = _shrink((zone.start_pfn, zone.end_pfn), start, end, zone_left, zone_left)
        low, high = _skip(step.span, end, following)
        tx.state = tx.state.with_zone(
            node, zone_type, replace(zone, start_pfn=low, spanned=high - low)
        )
        if shown:
            _show(tx, step, self.name, "shrink_zone_span")
        node_near = self.sections.others(gone_to, node, None, online=by_online)
        node_left = node_near
        if rule == "rfc2":
            # The posted patch left ``valid_section`` in this one check.
            node_left = np.concatenate(
                (
                    self.sections.others(end, node, None, online=False),
                    _before(self.start_pfn, start),
                )
            )
        home = tx.state.nodes[node]
        step = _shrink(
            (home.start_pfn, home.start_pfn + home.spanned), start, end, node_near, node_left
        )
        low, high = _skip(step.span, end, following)
        tx.state = tx.state.with_node(node, replace(home, start_pfn=low, spanned=high - low))
        if shown:
            _show(tx, step, f"node {node}", "update_pgdat_span")
        if following == self.end_pfn:
            _explain(tx, node, zone_type, self.start_pfn, self.end_pfn)

    def end(self) -> None:
        """``set_zone_contiguous``."""
        zone = self.tx.state.zone(self.node, self.zone_type)
        answer = ""
        if self.zone_type != ZoneType.DEVICE:  # which has no present pages to tell it by
            answer = ": on" if 0 < zone.present == zone.spanned else ": off"
        self.tx.event("set_zone_contiguous", f"{self.name}: contiguous is worked out anew{answer}")


def shrink_sections(
    tx: Transaction, node: int, zone_type: ZoneType, start_pfn: int, end_pfn: int
) -> None:
    """All turns one after another: nothing else is done about those sections (``shrink_pages``)."""
    shrinking = Shrinking(tx, node, zone_type, (start_pfn, end_pfn))
    shrinking.begin()
    for turn in shrinking.turns:
        shrinking.turn(*turn)
    shrinking.end()


def _turns(
    state: State,
    node: int,
    zone_type: ZoneType,
    pages: tuple[int, int],
    runs: NDArray[np.int64],
) -> list[int]:
    """Starts of the sections whose turn can do something of its own, ascending.

    Those are the first ones (which are shown), the last one, and every one next to an edge of
    a run of equal sections or of a span. In between each section does what the one before it
    did: nothing, or it moves the span's start by one section (:func:`_skip`).
    """
    start_pfn, end_pfn = pages
    section = state.geometry.section_pages
    starts = set(range(start_pfn, min(end_pfn, start_pfn + MAX_SHOWN * section), section))
    home = state.nodes[node]
    zone = home.zones[zone_type]
    edges = {zone.start_pfn, zone.end_pfn, home.start_pfn, home.start_pfn + home.spanned, end_pfn}
    edges.update(runs[:, START].tolist(), runs[:, END].tolist())
    for edge in edges:
        at = start_pfn + (edge - start_pfn) // section * section
        starts.update(near for near in (at - section, at, at + section))
    return sorted(start for start in starts if start_pfn <= start < end_pfn)


def _skip(span: tuple[int, int], end: int, following: int) -> tuple[int, int]:
    """The span after the turns of the sections in [end, following), which are all alike."""
    low, high = span
    return (following, high) if low == end < following < high else span


def _show(tx: Transaction, step: _Step, what: str, function: str) -> None:
    """The phases of one section's search, where there was something to look for."""
    if step.search is not None:
        tx.event(step.search.function, step.search.sentence(what))
        if step.last_check:
            tx.event(function, f"{what}: {step.last_check}")


def _before(start_pfn: int, start: int) -> NDArray[np.int64]:
    """Sections of the block that came before this one: offline, but still valid."""
    return np.array([[start_pfn, start]] if start > start_pfn else [], np.int64).reshape(-1, 2)


def _explain(tx: Transaction, node: int, zone_type: ZoneType, start_pfn: int, end_pfn: int) -> None:
    zone = tx.state.zone(node, zone_type)
    home = tx.state.nodes[node]
    counts = "online" if tx.state.profile.shrink != "remove-valid" else "valid"
    tx.event(
        "shrink_zone_span",
        f"[{start_pfn:#x},{end_pfn:#x}) leaves {zone_type.label} of node {node}: "
        f"{span_text(zone)} (sections count while {counts})",
    )
    end = home.start_pfn + home.spanned
    span = f"[{home.start_pfn:#x},{end:#x})" if home.spanned else "empty"
    tx.event("update_pgdat_span", f"node {node}: {span}")
