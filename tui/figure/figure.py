"""One moment on an axis: a row for each zone and node, and what differs from the moment before.

A :class:`Figure` is a value: painters turn its rows of marks and cell codes into letters or
colours and add nothing. Its codes are those of the pfn map (``pfnmap.tui.map.cells``), so a
cell looks the same in both.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import FREE_BY_ZONE, FREE_STATES, PageState, ZoneType
from pfnmap.engine.memory.runs import joined_ranges, sorted_set
from pfnmap.engine.view import NR_PAGE_STATES, View
from pfnmap.tui.figure.axis import Axis, Column
from pfnmap.tui.figure.gauge import Gauge, gauges_of
from pfnmap.tui.figure.memory import Memory
from pfnmap.tui.figure.moments import Moment
from pfnmap.tui.map.cells import (
    RIGHT,
    STATE_MASK,
    classify,
)

Marks = NDArray[np.int8]
Codes = NDArray[np.int32]

SALIENT: Final = (
    PageState.ISOLATED,
    PageState.HUGETLB,
    PageState.HUGETLB_OPTIMISED,
    PageState.UNMOVABLE,
    PageState.BROKEN,
)
"""States that own their cell however few their pages are, the last one first: more than on the
map, for huge and isolated pages are never too few to be seen."""
IS_SALIENT: Final = np.array([code in SALIENT for code in range(STATE_MASK + 1)])


class Mark(IntEnum):
    """What stands in a column of a row."""

    BLANK = 0
    CELL = 1
    """Memory of this row: its code says which."""
    GAP = 2
    """In the span, but not present."""
    OPEN = 3
    """Here the span begins."""
    CLOSE = 4
    """Here it ends."""
    TICK = 5
    """An edge between two blocks of this row."""
    BREAK = 6
    """Blocks that are left out, equal to those on both sides."""
    NODE = 7
    """In the span of a node."""
    REFUSED = 8
    """Where memory would be that was refused."""


class Told(IntEnum):
    """What the step has to do with a column."""

    NOTHING = 0
    CHANGED = 1
    REFUSED = 2
    """The step was about this memory, and was refused."""


class Number(Struct, frozen=True):
    """A counter of a row, in pages, and what it was before; None: it does not exist."""

    name: str
    now: int | None
    was: int | None

    @property
    def changed(self) -> bool:
        """Whether it is another one than before."""
        return self.now != self.was


class Strip(Struct, frozen=True, eq=False):
    """A row at one moment: a mark and a code for each column."""

    marks: Marks
    codes: Codes

    def same_as(self, other: Strip) -> bool:
        """Whether both look the same."""
        return np.array_equal(self.marks, other.marks) and np.array_equal(self.codes, other.codes)

    def runs(self, told: NDArray[np.int8] | None = None) -> list[tuple[Mark, int, Told, int]]:
        """(mark, code, what is told of it, columns) of equal columns from left to right."""
        flags = np.zeros(len(self.marks), np.int8) if told is None else told
        together = self.codes.astype(np.int64) << 8 | self.marks.astype(np.int64) << 2 | flags
        cuts = [0, *(np.flatnonzero(together[1:] != together[:-1]) + 1).tolist(), len(together)]
        return [
            (Mark(self.marks[at]), int(self.codes[at]), Told(flags[at]), end - at)
            for at, end in pairwise(cuts)
        ]


Key = tuple[int, ZoneType | None]
"""Node and zone of a row, as in :class:`Row`."""


def place(key: Key) -> tuple[int, int]:
    """Where a row stands among others: node by node, the node, its zones, its other blocks."""
    node, zone = key
    if zone is None:
        return node, -1
    return node, len(ZoneType) if zone == ZoneType.NONE else int(zone)


class Row(Struct, frozen=True, eq=False):
    """A zone, a node, or the blocks of a node that are in no zone.

    ``was`` is the line of the moment before, where that differs in anything.
    """

    node: int
    zone: ZoneType | None
    """NONE for the blocks in no zone; None for the node as a whole."""
    now: Strip
    was: Strip | None
    numbers: tuple[Number, ...]
    refused: NDArray[np.bool_]
    """Columns that a refused step was about."""

    @property
    def key(self) -> Key:
        """What tells it from the others."""
        return self.node, self.zone

    @property
    def name(self) -> str:
        """``Movable``, ``no zone``, ``node``."""
        if self.zone is None:
            return "node"
        return "no zone" if self.zone == ZoneType.NONE else self.zone.label

    @property
    def changed(self) -> bool:
        """Whether the row or one of its numbers differs from the moment before."""
        return self.was is not None or any(number.changed for number in self.numbers)

    @property
    def paired(self) -> bool:
        """Whether it is drawn twice: there was something of it before, and it looked otherwise."""
        return self.was is not None and bool(self.was.marks.any())

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Columns that differ from the moment before."""
        if self.was is None:
            return np.zeros(len(self.now.marks), bool)
        marks, codes = self.was.marks != self.now.marks, self.was.codes != self.now.codes
        return np.asarray((marks | codes) & (self.now.marks != Mark.REFUSED))

    @property
    def told(self) -> NDArray[np.int8]:
        """What is to be told of each column (:class:`Told`)."""
        told = self.differs.astype(np.int8)
        told[self.refused] = Told.REFUSED
        return told


class Figure(Struct, frozen=True, eq=False):
    """One moment as a drawing."""

    axis: Axis
    moment: Moment
    rows: tuple[Row, ...]
    """Node by node: the node, its zones, its blocks in no zone."""
    gauges: tuple[Gauge, ...] = ()
    """Of virtio-mem devices: what is plugged against what is requested."""

    @property
    def changed(self) -> tuple[Row, ...]:
        """The rows that differ from the moment before, or have the place of what was refused."""
        return tuple(
            row for row in self.rows if row.changed or (row.now.marks == Mark.REFUSED).any()
        )

    def fitting(self, lines: int, near: int = -1) -> tuple[Row, ...]:
        """The rows for a place of so many lines, in their order.

        Zones that changed come before others, then those of the node ``near``, then larger ones;
        the spans of whole nodes come last. A row that was otherwise takes two lines.
        """

        def rank(at: int) -> tuple[bool, bool, bool, int]:
            row = self.rows[at]
            told = row.changed or bool(row.refused.any())
            return row.zone is None, not told, row.node != near, -(row.numbers[0].now or 0)

        kept: set[int] = set()
        for at in sorted(range(len(self.rows)), key=rank):
            lines -= 1 + self.rows[at].paired
            if lines < 0:
                break
            kept.add(at)
        return tuple(row for at, row in enumerate(self.rows) if at in kept)


def figure_of(moment: Moment, axis: Axis) -> Figure:
    """Draw one moment; what differs from the moment before is marked."""
    now = _drawing_of(moment.view, axis)
    before, outcome = moment.before, moment.outcome
    refused = np.zeros(axis.width, bool)
    if outcome is not None and outcome.refusal is not None and moment.event is None:
        refused |= _reached(axis, moment.touched())
    was = now if before is None else _drawing_of(before.view, axis)
    missing, home = np.zeros(axis.width, bool), []
    if (wanted := moment.refused_place()) is not None:
        missing = (axis.starts < wanted[1]) & (axis.ends > wanted[0])
        refused |= missing
        home = [(wanted[2], ZoneType.NONE)]
    rows = []
    for key in sorted(dict.fromkeys((*now.keys(), *was.keys(), *home)), key=place):
        line, old = now.line(key), was.line(key)
        numbers = tuple(
            Number(name, value, earlier)
            for (name, value), (_, earlier) in zip(now.numbers(key), was.numbers(key), strict=True)
        )
        before_it = None if line.same_as(old) else old
        mine = refused & (line.marks == Mark.CELL)
        if key in home:
            empty = missing & (line.marks == Mark.BLANK)
            line = Strip(np.where(empty, np.int8(Mark.REFUSED), line.marks), line.codes)
            mine |= empty
        rows.append(Row(*key, line, before_it, numbers, mine))
    gauges = gauges_of(moment.state, before.state if before else None)
    return Figure(axis, moment, tuple(rows), gauges)


def _reached(axis: Axis, ranges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The columns that reach into any of the ranges."""
    joined = joined_ranges(ranges)
    before = joined[:, 0].searchsorted(axis.ends)
    return np.asarray(before > joined[:, 1].searchsorted(axis.starts, side="right"))


_lately: list[_Drawing] = []
"""The last three: what is now is drawn again as what was before a step, and after undoing it."""


def _drawing_of(view: View, axis: Axis) -> _Drawing:
    known = (found for found in _lately if found.view is view and found.axis is axis)
    drawing = next(known, None) or _Drawing(view, axis)
    _lately[:] = [drawing, *(each for each in _lately if each is not drawing)][:3]
    return drawing


class _Drawing:
    """The lines of one moment; what all of them need is computed once."""

    def __init__(self, view: View, axis: Axis) -> None:
        self.view, self.memory, self.axis = view, Memory(view), axis
        self.cells = np.flatnonzero(np.isin(axis.kinds, (Column.CELL, Column.HOLE, Column.BREAK)))
        self.edges = np.flatnonzero(axis.kinds == Column.EDGE)
        zones = (row for row in self.view.zones if row.spanned or row.present)
        self.zones = {(row.node, row.zone): row for row in zones}
        self.nodes = {row.node: row for row in self.view.nodes if row.spanned}
        self.counts, self.right = self._counts()
        pfns = np.stack((axis.starts[self.cells], axis.ends[self.cells]), axis=1).ravel()
        self.pages = self.memory.pages(pfns)

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Pages of each state in every cell; whether its memmap is in the second half of it."""
        starts, ends = self.axis.starts[self.cells], self.axis.ends[self.cells]
        middles = (starts + ends) // 2
        edges = sorted_set(np.concatenate((starts, middles, ends)))
        counts = self.view.page_counts(edges)
        first, second = np.searchsorted(edges, (starts, middles))
        halves = counts[first] * (first < second)[:, None], counts[second]
        memmap = [half[:, PageState.VMEMMAP] for half in halves]
        return halves[0] + halves[1], np.asarray(memmap[1] > 2 * memmap[0])

    def keys(self) -> list[Key]:
        """The rows there are."""
        keys: list[Key] = [*self.zones, *((node, None) for node in self.nodes)]
        keys += [(node, ZoneType.NONE) for node in self.memory.offline_blocks]
        return keys

    def numbers(self, key: Key) -> list[tuple[str, int | None]]:
        """Name and value of the counters of a row."""
        node, zone = key
        if zone is None:
            row = self.nodes.get(node)
            return [("spanned", row.spanned if row else 0), ("present", row.present if row else 0)]
        if zone == ZoneType.NONE:
            return [("blocks", self.memory.offline_blocks.get(node, 0))]
        found = self.zones.get((node, zone))
        return [
            (name, getattr(found, name) if found else 0)
            for name in ("spanned", "present", "managed")
        ]

    def line(self, key: Key) -> Strip:
        """One row."""
        node, zone = key
        span = self._span(key)
        marks = np.zeros(self.axis.width, np.int8)
        codes = np.zeros(self.axis.width, np.int32)
        starts, ends = self.axis.starts, self.axis.ends
        spanned = (starts[self.cells] < span[1]) & (ends[self.cells] > span[0])
        marks[self.cells[spanned]] = Mark.GAP
        if zone is None:
            marks = self._bracket(marks, span, spanned & False)
            marks[marks == Mark.GAP] = Mark.NODE
            return Strip(marks, codes)
        own = self.pages.get((node, zone))
        pages = np.zeros(len(self.cells), np.int64) if own is None else own[::2]
        owned = pages > 0
        at = self.cells[owned]
        broken = self.axis.kinds[at] == Column.BREAK
        codes[at] = self._code(owned, pages[owned], zone) | self.right[owned] * np.int32(RIGHT)
        plain = broken & ~IS_SALIENT[codes[at] & STATE_MASK]
        marks[at] = np.where(plain, Mark.BREAK, Mark.CELL)
        codes[at[plain]] = 0
        return Strip(self._bracket(marks, span, owned), codes)

    def _span(self, key: Key) -> tuple[int, int]:
        node, zone = key
        if zone is None:
            home = self.nodes.get(node)
            return (home.start_pfn, home.start_pfn + home.spanned) if home else (0, 0)
        found = self.zones.get((node, zone))
        return (found.start_pfn, found.end_pfn) if found else (0, 0)

    def _code(self, owned: NDArray[np.bool_], pages: NDArray[np.int64], zone: ZoneType) -> Codes:
        """The codes of cells of which so many pages are a row's.

        Where others have a part of a cell too, it shows what this zone's pages are: those of
        other zones and of offline blocks are left out, and there are no more than ``pages``.
        """
        counts = self.counts[owned].copy()
        counts[:, PageState.HOLE] = 0
        apart = counts.sum(axis=1) > pages
        counts[np.ix_(apart, [s for s in range(NR_PAGE_STATES) if not _can_be(s, zone)])] = 0
        if zone in FREE_BY_ZONE:
            # Of a real machine it is not known what is free; the zone is.
            counts[:, FREE_BY_ZONE[zone]] += counts[:, PageState.ONLINE]
            counts[:, PageState.ONLINE] = 0
        return classify(counts, SALIENT, pages)

    def _bracket(self, marks: Marks, span: tuple[int, int], owned: NDArray[np.bool_]) -> Marks:
        """Put the ends of a span, and the edges between its blocks."""
        mine = np.zeros(self.axis.width + 1, bool)
        mine[self.cells[owned]] = True
        pfns, edges = self.axis.starts[self.edges], self.edges
        left, right = mine[edges - 1], mine[edges + 1]
        inside = (pfns > span[0]) & (pfns < span[1])
        marks[edges[inside]] = Mark.GAP
        marks[edges[(left | right) & inside]] = Mark.TICK
        marks[edges[left & right]] = Mark.TICK
        if span[0] < span[1]:
            for pfn, mark in ((span[0], Mark.OPEN), (span[1], Mark.CLOSE)):
                marks[edges[pfns == pfn]] = mark
        return marks


def _can_be(state: int, zone: ZoneType) -> bool:
    """Whether a page of a zone (NONE: of an offline block) can be in a state."""
    if zone == ZoneType.NONE:
        return state in (PageState.OFFLINE, PageState.VMEMMAP, PageState.BROKEN)
    if zone == ZoneType.DEVICE:
        return state in (PageState.DEVICE, PageState.VMEMMAP, PageState.BROKEN)
    if state in FREE_STATES:
        return state == FREE_BY_ZONE.get(zone)
    return state not in (PageState.OFFLINE, PageState.DEVICE, PageState.HOLE)
