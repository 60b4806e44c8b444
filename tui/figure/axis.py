"""The address space as columns: laid out once for all moments, so that it never moves.

Memory is cut into *pieces* wherever anything differs at any moment. Pieces that a session
touches are the *focus*: they get at least half of the columns and are drawn to scale, all
with the same number of cells a memory block; a long piece of equal blocks is broken (``//``)
rather than squeezed. Everything else is folded to a few cells a piece. Holes are a tick.

A column is an *edge* (a place between two pages), a *cell* (the pages between two edges), a
*hole* or a *break*. Edges have columns of their own, so the bracket of a span stands exactly
where the span begins, and two neighbours share one edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import Int64s, NDArray
from pfnmap.engine.memory.runs import among, joined_ranges, one_by_one, sorted_set, units_of
from pfnmap.tui.figure.moments import Moment

LEAST_WIDTH: Final = 16
MOST_CELLS_A_BLOCK: Final = 64
BREAK_COLUMNS: Final = 2
SHORT_PIECE: Final = 16
"""Blocks of a piece that is rather drawn whole than broken."""
MOST_SCALES: Final = 512
"""Scales that are tried, to find one that is exact."""
FOLDED_CELLS: Final = 6
"""Cells of a piece outside the focus, at most."""


class Column(IntEnum):
    """What a column of the axis is."""

    BLANK = 0
    """Nothing: columns left over at the end."""
    EDGE = 1
    CELL = 2
    HOLE = 3
    BREAK = 4


class Piece(Struct, frozen=True):
    """A stretch of the address space that is drawn alike: memory, or a hole."""

    start_pfn: int
    end_pfn: int
    hole: bool = False
    focus: bool = False
    mixed: bool = False
    """Whether there was no room for the edges inside it."""
    cells: int = 1
    """Columns for its pages, edges between its blocks not counted."""
    cells_a_block: int = 0
    """Cells of each memory block where the piece is to scale, else 0."""
    blocks_a_cell: int = 1
    """Blocks that a cell stands for, where ``cells_a_block`` is 1."""
    broken: bool = False
    """Whether blocks in its middle, equal to their neighbours, are left out."""
    ruled: bool = False
    """Whether there are edges between its blocks."""
    hard: bool = True
    """Whether a span or a hole begins where it begins, so that it cannot join the one before."""


class Axis(Struct, frozen=True, eq=False):
    """Columns and what each stands for; arrays have one entry a column."""

    width: int
    block_pages: int
    pieces: tuple[Piece, ...]
    kinds: NDArray[np.int8]
    """Column."""
    starts: Int64s
    """First pfn of a cell, hole or break; the pfn of an edge."""
    ends: Int64s
    """First pfn behind it; the same as the start for an edge."""
    exact: NDArray[np.bool_]
    """Whether the column is to scale."""

    @property
    def cells_a_block(self) -> int:
        """Cells of a block in the focus; 0 where nothing is to scale."""
        return max((piece.cells_a_block for piece in self.pieces), default=0)

    @property
    def blocks_a_cell(self) -> int:
        """Blocks that a cell in the focus stands for, where that is more than one."""
        return max((p.blocks_a_cell for p in self.pieces if p.cells_a_block), default=1)

    @property
    def edges(self) -> dict[int, int]:
        """The column of each edge by its pfn."""
        columns = np.flatnonzero(self.kinds == Column.EDGE)
        return dict(zip(self.starts[columns].tolist(), columns.tolist(), strict=True))


# -- what there is -------------------------------------------------------------------------
class Ground(Struct, frozen=True, eq=False):
    """What an axis must have room for, whatever its width. It grows moment by moment."""

    block_pages: int
    edges: Int64s
    """Every pfn at which something differs at some moment, ascending."""
    spans: NDArray[np.bool_]
    """For each edge, whether the span of a zone or node begins or ends there at some moment."""
    memory: NDArray[np.bool_]
    """For each edge, whether there is memory behind it at some moment, or was refused."""
    touched: NDArray[np.bool_]
    """For each edge, whether a step was about what is behind it, or it became another's."""
    largest_span: int
    """Pages of the longest span of a zone, so the largest number of a row."""
    last_node: int

    @property
    def focus(self) -> NDArray[np.bool_]:
        """For each interval, whether it is in the focus: of what was touched the memory."""
        return (self.touched & self.memory)[:-1]

    def with_moment(self, moment: Moment, last: Moment | None, *, follow: bool = True) -> Ground:
        """The ground with room for one moment more; only what differs from ``last`` is asked for.

        Args:
            moment: The moment.
            last: The one before it in the order in which they come, which the ground has.
            follow: Whether what it touches and changes is in the focus.
        """
        memory, zones = moment.memory, moment.view.zones
        same = last is not None and memory is last.memory
        near = _whole_blocks(moment.touched(), self.block_pages) if follow else _NOWHERE
        refused = _NOWHERE if (place := moment.refused_place()) is None else np.array([place[:2]])
        ends = np.array(sorted(set(_span_edges(moment))), np.int64)
        others = np.zeros(0, np.int64) if same else memory.edges
        grown, fresh = self._cut_at(np.concatenate((others, ends, refused.ravel())))
        if not len(grown.edges):  # no memory is known: one block, of which nothing is there
            grown, fresh = self._cut_at(np.array((0, self.block_pages), np.int64))
        low, high = grown.edges[[0, -1]].tolist()
        grown, inner = grown._cut_at(near[(near > low) & (near < high)])
        edges, spans = grown.edges, grown.spans.copy()
        spans[edges.searchsorted(ends)] = True
        if last is None:
            asked = np.arange(len(edges) - 1)
        else:
            differs = _NOWHERE if same else memory.differs_in(last.memory)
            asked = grown._intervals(np.concatenate((fresh, inner)), differs)
        there, touched = grown.memory.copy(), grown.touched.copy()
        touched[grown._within(near)] = True
        if len(asked):
            keys, vmemmap = memory.at(edges[asked])
            there[asked] |= keys >= 0
            if follow and last is not None and not same:
                was, held = last.memory.at(edges[asked])
                touched[asked] |= (keys != was) | (vmemmap != held)
        if len(memory.edges) and len(refused) and np.ptp(refused) > np.ptp(memory.edges):
            refused = _NOWHERE  # it would leave no room for what there is: a tick, as a hole
        there[grown._within(refused)] = True
        touched[grown._within(refused)] |= follow
        made = Ground(
            self.block_pages,
            edges,
            spans,
            there,
            touched,
            max([self.largest_span, *(zone.spanned for zone in zones)]),
            max([self.last_node, *(zone.node for zone in zones)]),
        )
        return self if made._same_as(self) else made

    def _same_as(self, other: Ground) -> bool:
        return (
            self.edges is other.edges
            and (self.largest_span, self.last_node) == (other.largest_span, other.last_node)
            and np.array_equal(self.spans, other.spans)
            and np.array_equal(self.memory, other.memory)
            and np.array_equal(self.touched, other.touched)
        )

    def _cut_at(self, pfns: Int64s) -> tuple[Ground, Int64s]:
        """With edges at these pfns, too, and which of them are new; all else is as it was."""
        fresh = sorted_set(pfns[~among(pfns, self.edges)])
        if not len(fresh):
            return self, fresh
        at = self.edges.searchsorted(fresh)
        cut = replace(
            self,
            edges=np.insert(self.edges, at, fresh),
            spans=np.insert(self.spans, at, False),
            memory=np.insert(self.memory, at, np.append(False, self.memory)[at]),
            touched=np.insert(self.touched, at, np.append(False, self.touched)[at]),
        )
        return cut, fresh

    def _intervals(self, pfns: Int64s, ranges: Int64s) -> Int64s:
        """The intervals that begin at these edges, or reach into the ranges; ascending."""
        found = np.zeros(len(self.edges), bool)
        found[self.edges.searchsorted(pfns)] = True
        for first, end in ranges.tolist():
            low = int(self.edges.searchsorted(first, side="right")) - 1
            found[max(low, 0) : self.edges.searchsorted(end)] = True
        return np.flatnonzero(found[:-1])

    def _within(self, ranges: Int64s) -> Int64s:
        """The intervals that begin in one of the ranges, which are ascending and disjoint."""
        low, high = self.edges[:-1].searchsorted(ranges).T
        _, place = one_by_one(high - low)
        return np.repeat(low, high - low) + place


_NOWHERE: Final = np.zeros((0, 2), np.int64)


def ground_of(found: Sequence[Moment], focus: Iterable[tuple[int, int]] | None = None) -> Ground:
    """What all of these moments have, and what of it they touch.

    ``focus``: pfn ranges that are the focus instead of what was touched.
    """
    ground = bare_ground(found[0].state.geometry.block_pages)
    if focus is not None:
        near = _whole_blocks(np.array([*focus], np.int64).reshape(-1, 2), ground.block_pages)
        ground, _ = ground._cut_at(near.ravel())
        ground.touched[ground._within(near)] = True
    last = None
    for moment in found:
        ground = ground.with_moment(moment, last, follow=focus is None)
        last = moment
    return ground


def bare_ground(block_pages: int) -> Ground:
    """The ground of nothing yet."""
    none = np.zeros(0, bool)
    return Ground(block_pages, np.zeros(0, np.int64), none, none, none, 0, 0)


def _span_edges(moment: Moment) -> Iterator[int]:
    for zone in moment.view.zones:
        if zone.spanned:
            yield from (zone.start_pfn, zone.end_pfn)
    for node in moment.view.nodes:
        if node.spanned:
            yield from (node.start_pfn, node.start_pfn + node.spanned)


def _whole_blocks(array: Int64s, pages: int) -> Int64s:
    """Ranges with their ends moved outwards to those of memory blocks, joined."""
    return joined_ranges(units_of(array, pages) * pages)


# -- laying it out -------------------------------------------------------------------------
def axis_of(ground: Ground, width: int) -> Axis:
    """The columns of an axis; ``width`` is at least :data:`LEAST_WIDTH`."""
    width = max(width, LEAST_WIDTH)
    pieces = _pieces(ground, width)
    if not any(piece.focus for piece in pieces):
        # Nothing was touched: all memory is equally near, and to scale if that fits.
        pieces = [replace(piece, focus=not piece.hole) for piece in pieces]
    folded = _folded(pieces, width, ground.block_pages)
    room = width - _columns(piece for piece in folded if not piece.focus) - 1
    pieces = _in_focus(folded, room, ground.block_pages)
    return _columns_of(tuple(pieces), width, ground.block_pages)


def _pieces(ground: Ground, width: int) -> list[Piece]:
    """The pieces, no more of them than can be drawn.

    Where there are too many, edges go: first those outside the focus at which only the state
    of blocks differs, then such inside it, then those of holes, last those of spans.
    """
    near = np.zeros(len(ground.edges), bool)
    focus = ground.focus
    near[1:-1] = focus[1:] | focus[:-1]
    border = np.ones(len(ground.edges), bool)
    border[1:-1] = focus[1:] != focus[:-1]
    hole = np.ones(len(ground.edges), bool)
    hole[1:-1] = ground.memory[1:-1] != ground.memory[:-2]
    spans = ground.spans | border
    hard = spans | hole
    for kept in (np.ones(len(hard), bool), near | hard, hard, spans, border):
        index = np.flatnonzero(kept)
        if 2 * len(index) > width:
            continue
        pieces = _between(ground, index, hard)
        outside = sum(not piece.focus for piece in pieces)
        if 4 * outside <= width or outside == len(pieces):
            return pieces
    index = np.flatnonzero(border)
    step = -(-len(index) // (width // 4))
    return _between(ground, np.append(index[:-1:step], index[-1]), hard)


def _between(ground: Ground, index: Int64s, hard: NDArray[np.bool_]) -> list[Piece]:
    """Pieces between the edges that are kept."""
    memory = np.concatenate(([0], np.cumsum(ground.memory)))
    focus = np.concatenate(([0], np.cumsum(ground.focus)))
    return [
        Piece(
            int(ground.edges[first]),
            int(ground.edges[last]),
            hole=bool(memory[last] == memory[first]),
            focus=bool(focus[last] > focus[first]),
            mixed=last - first > 1,
            hard=bool(hard[first]),
        )
        for first, last in pairwise(index.tolist())
    ]


def _columns(pieces: Iterable[Piece]) -> int:
    """Columns that pieces take, each with the edge behind it."""
    total = 0
    for piece in pieces:
        total += piece.cells + 1 + BREAK_COLUMNS * piece.broken
        if piece.ruled:
            total += piece.cells // piece.cells_a_block - 1 - piece.broken
    return total


def _folded(pieces: Sequence[Piece], width: int, pages: int) -> list[Piece]:
    """Cells for what lies outside the focus: some for a large piece, one for a small one."""
    for most in range(FOLDED_CELLS, 0, -1):
        folded = [
            piece if piece.focus else replace(piece, cells=_few_cells(piece, pages, most))
            for piece in pieces
        ]
        outside = _columns(piece for piece in folded if not piece.focus)
        if outside <= width // 3 and _columns(folded) < width:
            break
    return folded


def _few_cells(piece: Piece, pages: int, most: int) -> int:
    blocks = (piece.end_pfn - piece.start_pfn) // pages
    return 1 if piece.hole or not blocks else min(most, 1 + blocks.bit_length() // 2 * 2)


def _in_focus(pieces: Sequence[Piece], room: int, pages: int) -> list[Piece]:
    """Cells for the focus: the first of the ways to draw it that fits ``room`` columns."""
    focus = [piece for piece in pieces if piece.focus]
    drawn = next(way for way in _ways(focus, room, pages) if _columns(way) <= room)
    outside = [piece for piece in pieces if not piece.focus]
    return sorted(drawn + outside, key=lambda piece: piece.start_pfn)


def _ways(focus: Sequence[Piece], room: int, pages: int) -> Iterator[list[Piece]]:
    """Ways to draw the focus, the best first; the last one always fits."""
    blocks = max(1, sum(piece.end_pfn - piece.start_pfn for piece in focus) // pages)
    for cells in range(min(MOST_CELLS_A_BLOCK, room // blocks), 0, -1):
        yield [_scaled(piece, pages, cells, ruled=cells > 1) for piece in focus]
    for cells in range(8, 0, -1):
        yield _with_breaks(focus, room, cells, pages)
    joined = _open(focus)
    least = max(1, -(-blocks // room))
    # Up to twice as many blocks to a cell as there must be, where that keeps it to scale.
    for scale in range(least, min(2 * least, least + MOST_SCALES) + 1):
        way = [_scaled(piece, pages, blocks_a_cell=scale) for piece in joined]
        if all(piece.cells_a_block for piece in way):
            yield way
    while least <= 2 * blocks:
        yield [_scaled(piece, pages, blocks_a_cell=least) for piece in joined]
        least += 1 + least // 8
    yield list(focus)


def _scaled(
    piece: Piece, pages: int, cells: int = 1, *, ruled: bool = False, blocks_a_cell: int = 1
) -> Piece:
    """A piece with ``cells`` a block; not to scale where that is no whole number of cells."""
    exact, rest = divmod((piece.end_pfn - piece.start_pfn) * cells, pages * blocks_a_cell)
    if rest:
        return replace(piece, cells=exact + 1)
    whole = ruled and piece.start_pfn % pages == 0 and exact % cells == 0
    return replace(
        piece, cells=exact, cells_a_block=cells, ruled=whole, blocks_a_cell=blocks_a_cell
    )


def _with_breaks(focus: Sequence[Piece], room: int, cells: int, pages: int) -> list[Piece]:
    """Every long piece of equal blocks cut to the blocks at its ends, as many as there is room."""
    drawn = [_scaled(piece, pages, cells, ruled=cells > 1) for piece in focus]
    fewest = 2 if cells == 1 else 4
    long = [
        index
        for index, piece in enumerate(drawn)
        if piece.cells_a_block and not piece.mixed and piece.cells // cells > SHORT_PIECE
    ]
    if not long:
        return drawn
    short = _columns(piece for index, piece in enumerate(drawn) if index not in long)
    each = (room - short) // len(long) - BREAK_COLUMNS - 1
    # With edges between the blocks there is one less than blocks on each side of the break.
    shown = (each + 2) // (cells + 1) if cells > 1 else each
    for index in long:
        blocks = drawn[index].cells // cells
        if fewest <= shown < blocks:
            drawn[index] = replace(drawn[index], cells=shown * cells, broken=True)
    return drawn


def _open(focus: Sequence[Piece]) -> list[Piece]:
    """Neighbours without the edges at which neither a span nor a hole begins."""
    joined: list[Piece] = []
    for piece in focus:
        last = joined[-1] if joined else None
        if last is not None and last.end_pfn == piece.start_pfn and not piece.hard:
            joined[-1] = replace(last, end_pfn=piece.end_pfn, mixed=True)
        else:
            joined.append(piece)
    return joined


@lru_cache(maxsize=4)
def _columns_of(pieces: tuple[Piece, ...], width: int, pages: int) -> Axis:
    """The columns of pieces that have their cells; those of the same pieces are the same."""
    kinds = np.zeros(width, np.int8)
    starts = np.full(width, pieces[-1].end_pfn, np.int64)
    ends = starts.copy()
    exact = np.zeros(width, bool)
    at = 0

    def put(kind: Column, start: int, end: int, scaled: bool) -> None:
        nonlocal at
        kinds[at], starts[at], ends[at], exact[at] = kind, start, end, scaled
        at += 1

    for piece in pieces:
        put(Column.EDGE, piece.start_pfn, piece.start_pfn, False)
        for kind, start, end in _cells_of(piece, pages):
            put(kind, start, end, piece.cells_a_block > 0 and kind != Column.BREAK)
    put(Column.EDGE, pieces[-1].end_pfn, pieces[-1].end_pfn, False)
    return Axis(width, pages, pieces, kinds, starts, ends, exact)


def _cells_of(piece: Piece, pages: int) -> Iterator[tuple[Column, int, int]]:
    """(kind, start, end) of every column of a piece between its two edges."""
    if not (piece.ruled or piece.broken):
        kind = Column.HOLE if piece.hole else Column.CELL
        for low, high in _even(piece.start_pfn, piece.end_pfn, piece.cells):
            yield kind, low, high
        return
    shown = piece.cells // piece.cells_a_block
    first = -(-shown // 2) if piece.broken else shown
    yield from _blocks_of(piece, piece.start_pfn, first, pages)
    if piece.broken:
        last = piece.end_pfn - (shown - first) * pages
        for low, high in _even(piece.start_pfn + first * pages, last, BREAK_COLUMNS):
            yield Column.BREAK, low, high
        yield from _blocks_of(piece, last, shown - first, pages)


def _blocks_of(
    piece: Piece, start_pfn: int, count: int, pages: int
) -> Iterator[tuple[Column, int, int]]:
    """The columns of some whole blocks, with the edges between them."""
    for start in range(start_pfn, start_pfn + count * pages, pages):
        if start > start_pfn and piece.ruled:
            yield Column.EDGE, start, start
        for low, high in _even(start, start + pages, piece.cells_a_block):
            yield Column.CELL, low, high


def _even(start: int, end: int, count: int) -> Iterator[tuple[int, int]]:
    """A range in ``count`` parts as equal as whole pages can be."""
    size = end - start
    for at in range(count):
        yield start + size * at // count, start + size * (at + 1) // count
