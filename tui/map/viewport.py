"""Where the map looks: pfns, cells, lines and the cursor. Pure integers, no Textual.

The map is a sheet of *rows*: row ``r`` shows the pfns ``[r * pages_per_row, (r + 1) *
pages_per_row)``. Rows that hold no memory at all are folded into one *line* each run, so
that the sheet is as long as the memory, not as the address space; with a block a row so are
rows that look alike: the first one stands for them. Everything is computed from the extents
of memory and only for what is visible; 2^40 pfns cost as little as 2^20.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import force_setattr, replace

from pfnmap.engine.arrays import Int64s, NDArray
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.memory.runs import sorted_set

MIN_COLUMNS = 8
MAX_COLUMNS = 256
FEWEST_ALIKE = 3
"""Rows that look the same before one of them stands for all."""
NO_RANGES: Int64s = np.zeros((0, 2), dtype=np.int64)
NOTHING = 0, 0
_OPEN, _HOLE, _ALIKE = range(3)
"""What a piece of the sheet is."""


def level_pages(geometry: Geometry, level: str | None) -> int | None:
    """Pages to a cell that a ``zoom`` word means; None for ``fit`` and for no word."""
    return {
        "page": 1,
        "subsection": geometry.subsection_pages,
        "section": geometry.section_pages,
        "block": geometry.block_pages,
    }.get(level or "")


class Lines(Struct, frozen=True):
    """Consecutive lines of the map, as columns; pfn ranges are half open."""

    start_pfn: Int64s
    end_pfn: Int64s
    is_fold: NDArray[np.bool_]
    """True where the line stands for a run of rows without memory."""
    is_alike: NDArray[np.bool_]
    """True where the line is the first of a run of rows that look like it, and stands for all."""

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.start_pfn)

    def part(self, first: int, end: int) -> Lines:
        """Some of them."""
        some = slice(first, end)
        return Lines(
            self.start_pfn[some], self.end_pfn[some], self.is_fold[some], self.is_alike[some]
        )


class RowMap:
    """Which line shows which row, for one set of extents and one row width.

    The rows are cut into pieces: each row of an open one is a line, a hole or a run of rows that
    look alike is a line in all.
    """

    __slots__ = (
        "_begins",
        "_ends",
        "_first_line",
        "_kind",
        "nr_lines",
        "pages_per_row",
        "start_pfn",
    )

    def __init__(
        self,
        extents: Int64s,
        pages_per_row: int,
        *,
        fold: bool = True,
        alike: Int64s = NO_RANGES,
        open_pfn: int = -1,
        closed: tuple[int, int] = NOTHING,
    ) -> None:
        """Lay the rows out.

        Args:
            extents: int64 (n, 2), ascending disjoint [start_pfn, end_pfn) of memory.
            pages_per_row: pages on a row.
            fold: whether rows without memory are one line.
            alike: int64 (n, 2), ranges of memory in which all rows look the same.
            open_pfn: a page whose row is drawn, though it looks like the rows around it.
            closed: [start_pfn, end_pfn) of whole lines that are one, as if they were a hole.
        """
        self.pages_per_row = pages_per_row
        first_row, last_row = _row_segments(extents, pages_per_row, fold=fold)
        edges = np.stack((first_row, last_row + 1), axis=1).reshape(-1)
        begins, kind = edges[:-1], np.arange(len(edges) - 1) % 2  # memory, hole, memory, …
        runs = _alike_rows(alike, pages_per_row, open_pfn // pages_per_row)
        if len(runs):
            cuts = sorted_set(np.concatenate((begins, runs.reshape(-1))))
            cuts = cuts[cuts < edges[-1]]
            kind = kind[np.searchsorted(begins, cuts, side="right") - 1]
            kind[np.searchsorted(cuts, runs[:, 0])] = _ALIKE
            begins = cuts
        first, end = (pfn // pages_per_row for pfn in closed)
        if first < end:
            behind = kind[np.searchsorted(begins, end, side="right") - 1]
            before, after = begins < first, begins > end
            kind = np.concatenate((kind[before], [_HOLE, behind], kind[after]))
            begins = np.concatenate((begins[before], [first, end], begins[after]))
        self._begins, self._kind = begins, kind
        self._ends = np.append(begins[1:], edges[-1])
        nr_lines = np.where(kind == _OPEN, self._ends - begins, 1)
        self._first_line = np.concatenate(([0], nr_lines.cumsum()))
        self.nr_lines = int(self._first_line[-1])
        self.start_pfn = int(begins[0]) * pages_per_row

    def _piece_of(self, pfn: int) -> int:
        row = pfn // self.pages_per_row
        return max(int(self._begins.searchsorted(row, side="right")) - 1, 0)

    def line_of(self, pfn: int) -> int:
        """The line that shows a pfn; the nearest one for pfns outside all memory."""
        piece = self._piece_of(pfn)
        offset = max(pfn // self.pages_per_row - int(self._begins[piece]), 0)
        last = int(self._first_line[piece + 1]) - 1
        return min(int(self._first_line[piece]) + offset, last)

    def hides(self, pfn: int) -> bool:
        """Whether the row of a pfn is one of those that another row stands for."""
        piece = self._piece_of(pfn)
        return bool(self._kind[piece] == _ALIKE) and pfn // self.pages_per_row > self._begins[piece]

    def lines(self, first_line: int, count: int) -> Lines:
        """Up to ``count`` lines from ``first_line`` on; shorter at the end of the sheet."""
        line = np.arange(first_line, min(first_line + count, self.nr_lines), dtype=np.int64)
        piece = self._first_line.searchsorted(line, side="right") - 1
        row = self._begins[piece] + line - self._first_line[piece]
        kind = self._kind[piece]
        end_row = np.where(kind == _OPEN, row + 1, self._ends[piece])
        pages = self.pages_per_row
        return Lines(row * pages, end_row * pages, kind == _HOLE, kind == _ALIKE)

    def line(self, number: int) -> tuple[int, int, bool]:
        """(start_pfn, end_pfn, is_fold) of one line."""
        line = self.lines(number, 1)
        return int(line.start_pfn[0]), int(line.end_pfn[0]), bool(line.is_fold[0])


def _alike_rows(alike: Int64s, pages_per_row: int, open_row: int) -> Int64s:
    """[first, end) of the rows of each range that are worth one line, the open one left out."""
    if not len(alike):
        return alike
    rows = np.stack((-(-alike[:, 0] // pages_per_row), alike[:, 1] // pages_per_row), axis=1)
    cut = np.flatnonzero((rows[:, 0] <= open_row) & (open_row < rows[:, 1]))
    if len(cut):
        first, end = rows[cut[0]].tolist()
        parts = [[first, open_row], [open_row + 1, end]]
        rows = np.concatenate((rows[: cut[0]], parts, rows[cut[0] + 1 :]))
    result: Int64s = rows[rows[:, 1] - rows[:, 0] >= FEWEST_ALIKE]
    return result


def _row_segments(extents: Int64s, pages_per_row: int, *, fold: bool) -> tuple[Int64s, Int64s]:
    """First and last row of each run of rows that hold memory."""
    if len(extents) == 0:
        zero = np.zeros(1, dtype=np.int64)
        return zero, zero
    first = extents[:, 0] // pages_per_row
    last = (extents[:, 1] - 1) // pages_per_row
    if not fold:
        return first[:1], last[-1:]
    begins = np.ones(len(first), dtype=bool)
    begins[1:] = first[1:] > last[:-1] + 1
    ends = np.append(begins[1:], True)
    return first[begins], last[ends]


class Viewport(Struct, frozen=True, eq=False):
    """One state of the map's window; every motion returns a new one.

    ``cursor_pfn`` is exact: zooming out and in again comes back to the same page, and the
    cell of the cursor is the one that contains it.
    """

    extents: Int64s
    block_pages: int
    columns: int = 64
    nr_rows: int = 1
    pages_per_cell: int = 512
    top_line: int = 0
    cursor_pfn: int = 0
    anchor_pfn: int | None = None
    """Other end of the selection; None when nothing is selected."""
    fold: bool = True
    auto_zoom: bool = True
    """True until a person zooms: one memory block a row, whatever the width."""
    goal_column: int = 0
    """The column that vertical motion tries to keep."""
    alike: Int64s = NO_RANGES
    """Ranges of whole blocks that look the same, see ``map/alike.py``."""
    open_pfn: int = -1
    """A page whose row is drawn though it looks like others: somebody went there."""
    closed: tuple[int, int] = NOTHING
    """[start_pfn, end_pfn) of lines that are one, so that what lies on both sides is in sight."""
    rows: RowMap = None  # type: ignore[assignment]
    """The sheet; made from the other values when it is not given."""

    def __post_init__(self) -> None:
        """Lay the sheet out, with the cursor on it."""
        if self.rows is None:
            # Rows of another size than a person is shown at first were asked for: all of them.
            by_block = self.fold and self.auto_zoom and self.pages_per_row % self.block_pages == 0
            sheet = RowMap(
                self.extents,
                self.pages_per_row,
                fold=self.fold,
                alike=self.alike if by_block else NO_RANGES,
                open_pfn=self.open_pfn,
                closed=self.closed,
            )
            force_setattr(self, "rows", sheet)
            force_setattr(self, "cursor_pfn", self._clamped(self.cursor_pfn))

    def is_at(self, other: Viewport) -> bool:
        """Whether both show the same cells, cursor and selection, of the same memory."""
        names = set(self.__struct_fields__) - {"extents", "rows", "alike"}
        return all(getattr(self, name) == getattr(other, name) for name in names)

    # -- sizes ----------------------------------------------------------------------
    @property
    def pages_per_row(self) -> int:
        """Pages on one line."""
        return self.columns * self.pages_per_cell

    @property
    def end_pfn(self) -> int:
        """First pfn behind all memory."""
        return int(self.extents[-1, 1]) if len(self.extents) else 1

    @property
    def first_pfn(self) -> int:
        """Lowest pfn with memory."""
        return int(self.extents[0, 0]) if len(self.extents) else 0

    @property
    def max_pages_per_cell(self) -> int:
        """The largest cell size: everything on one line, or a block a cell if that is more."""
        fitting = 1 << max(0, (-(-self.end_pfn // self.columns) - 1).bit_length())
        return max(fitting, self.block_pages)

    def lines(self) -> Lines:
        """The visible lines."""
        return self.rows.lines(self.top_line, self.nr_rows)

    # -- the cursor -----------------------------------------------------------------
    @property
    def cursor_line(self) -> int:
        """Line of the cursor on the sheet."""
        return self.rows.line_of(self.cursor_pfn)

    @property
    def cursor_row(self) -> int:
        """Line of the cursor on the screen, 0 at the top."""
        return self.cursor_line - self.top_line

    @property
    def cursor_column(self) -> int:
        """Column of the cursor, 0 on a fold line."""
        start, _, is_fold = self.rows.line(self.cursor_line)
        offset = (self.cursor_pfn - start) // self.pages_per_cell
        return 0 if is_fold else min(max(offset, 0), self.columns - 1)

    @property
    def cursor_cell(self) -> tuple[int, int]:
        """The pfns [start, end) under the cursor: its cell, or all of a folded hole."""
        start, end, is_fold = self.rows.line(self.cursor_line)
        if is_fold:
            return start, end
        start += self.cursor_column * self.pages_per_cell
        return start, start + self.pages_per_cell

    @property
    def selection(self) -> tuple[int, int] | None:
        """The selected pfns [start, end) in whole cells, None without a selection."""
        if self.anchor_pfn is None:
            return None
        here = self.cursor_cell
        there = replace(self, cursor_pfn=self.anchor_pfn).cursor_cell
        return min(here[0], there[0]), max(here[1], there[1])

    def shows(self, pfn: int) -> bool:
        """Whether the line of a pfn is in the window, drawn or stood for by one like it."""
        left_out = self.closed[0] <= pfn < self.closed[1]
        return not left_out and 0 <= self.rows.line_of(pfn) - self.top_line < self.nr_rows

    def pfn_at(self, row: int, column: int) -> int | None:
        """The first pfn of the cell at a place on the screen, None where nothing is drawn."""
        lines = self.rows.lines(self.top_line + row, 1)
        if row < 0 or row >= self.nr_rows or len(lines) == 0 or not 0 <= column < self.columns:
            return None
        if bool(lines.is_fold[0]):
            return int(lines.start_pfn[0])
        return int(lines.start_pfn[0]) + column * self.pages_per_cell

    # -- a new window -----------------------------------------------------------------
    def resized(self, width: int, nr_rows: int) -> Viewport:
        """For a panel that can show ``width`` cells and ``nr_rows`` lines."""
        fitting = 1 << (max(width, MIN_COLUMNS).bit_length() - 1)
        columns = min(fitting, MAX_COLUMNS)
        cell = self.pages_per_cell
        if self.auto_zoom:
            cell = max(1, self.block_pages // columns)
        nr_rows = max(1, nr_rows)
        if (columns, nr_rows, cell) == (self.columns, self.nr_rows, self.pages_per_cell):
            return self
        laid = self._laid(columns=columns, nr_rows=nr_rows, pages_per_cell=cell)
        counted = self.top_line + self.nr_rows - 2
        if self.closed == NOTHING or self.rows.line_of(self.closed[0]) != counted:
            return laid
        # What was too long for this window is shown in the new one, as far as it fits there.
        lines = self.rows.lines(self.top_line, self.nr_rows)
        return laid.showing(np.array([(lines.start_pfn[0], lines.end_pfn[-1])], np.int64))

    def on(self, extents: Int64s, alike: Int64s = NO_RANGES) -> Viewport:
        """The same window on memory that has changed."""
        if np.array_equal(extents, self.extents) and np.array_equal(alike, self.alike):
            return replace(self, extents=extents)
        return self._laid(extents=extents, alike=alike, open_pfn=-1)

    def folded(self, fold: bool) -> Viewport:
        """With holes folded or drawn to scale."""
        return self._laid(fold=fold)

    def with_cell(self, pages_per_cell: int) -> Viewport:
        """At another zoom; the cursor stays on its page and on its screen line."""
        cell = min(max(1, pages_per_cell), self.max_pages_per_cell)
        return self._laid(pages_per_cell=cell, auto_zoom=False)

    def by_block(self) -> Viewport:
        """One memory block a row, as at first."""
        return self._laid(pages_per_cell=max(1, self.block_pages // self.columns), auto_zoom=True)

    def zoomed(self, steps: int) -> Viewport:
        """``steps`` powers of two closer (positive) or farther away (negative)."""
        cell = self.pages_per_cell >> steps if steps > 0 else self.pages_per_cell << -steps
        return self.with_cell(cell)

    def fitted(self) -> Viewport:
        """The smallest cell size with which the whole sheet fits on the screen."""
        best = self.with_cell(self.max_pages_per_cell)
        while best.pages_per_cell > 1:
            closer = best.with_cell(best.pages_per_cell >> 1)
            if closer.rows.nr_lines > self.nr_rows:
                break
            best = closer
        return best

    # -- motions --------------------------------------------------------------------
    def at(self, pfn: int) -> Viewport:
        """The cursor on a page, scrolled into sight."""
        moved = replace(self, cursor_pfn=self._clamped(pfn))._opened()
        return replace(moved, goal_column=moved.cursor_column)._scrolled()

    def showing(self, ranges: Int64s) -> Viewport:
        """All memory of some ranges [start_pfn, end_pfn) in the window, the cursor in one of them.

        Where there is no room for all of it the lines in the middle are one, which counts them.
        The cursor stays if it is in a range; it prefers those that are no whole blocks.
        """
        starts = self._memory_from(ranges[:, 0])
        parts = ranges[starts < ranges[:, 1]]
        if not len(parts):  # to where it was
            return self.at(int(ranges[:, 0].min())) if len(ranges) else self
        there = self._laid() if self.closed != NOTHING else self
        exact = parts[(parts[:, 1] - parts[:, 0]) % self.block_pages != 0]
        held = exact if len(exact) else parts
        if not ((held[:, 0] <= there.cursor_pfn) & (there.cursor_pfn < held[:, 1])).any():
            there = there.at(int(self._memory_from(held[:, 0]).min()))
        start, end = int(parts[:, 0].min()), int(parts[:, 1].max())
        first, last = (there.rows.line_of(pfn) for pfn in (start, end - 1))
        room = there.nr_rows - 2
        if last - first > room + 1 and end - start > self.block_pages and room > 0:
            left_out = there.rows.lines(first + room, last - first - room)
            closed = int(left_out.start_pfn[0]), int(left_out.end_pfn[-1])
            if closed[0] <= there.cursor_pfn < closed[1]:
                there = there.at(int(self._memory_from(start)))
            there, last = there._laid(closed=closed), first + room + 1
        top = min(max(there.top_line, last - there.nr_rows + 1), first)
        return replace(there, top_line=top)._scrolled()

    def across(self, cells: int) -> Viewport:
        """Cells to the right (positive) or left, over the ends of lines."""
        start, end = self.cursor_cell
        if cells > 0:
            pfn = end + (cells - 1) * self.pages_per_cell
            if self.rows.hides(pfn):
                _, pfn, _ = self.rows.line(self.rows.line_of(pfn))
                return self.at(pfn) if pfn < self.end_pfn else self
            return self.at(pfn)
        if cells < 0 and start > self.rows.start_pfn:
            if self.cursor_column > 0 or not self.rows.line(self.cursor_line)[2]:
                return self._back_to(start + cells * self.pages_per_cell)
            return self._back_to(start - self.pages_per_cell)
        return self

    def _back_to(self, pfn: int) -> Viewport:
        """The cursor on a page before this one, or on the fold that stands for it."""
        target = max(pfn, self.rows.start_pfn)
        start, _, is_fold = self.rows.line(self.rows.line_of(target))
        if self.rows.hides(target):
            target = start + self.pages_per_row - self.pages_per_cell
        return self.at(start if is_fold else target)

    def down(self, lines: int) -> Viewport:
        """Lines down (positive) or up, keeping the column where there is one."""
        target = min(max(self.cursor_line + lines, 0), self.rows.nr_lines - 1)
        pfn, _, is_fold = self.rows.line(target)
        pfn += 0 if is_fold else self.goal_column * self.pages_per_cell
        return replace(self, cursor_pfn=pfn)._scrolled()

    def row_start(self) -> Viewport:
        """First cell of the line."""
        return self.at(self.rows.line(self.cursor_line)[0])

    def row_end(self) -> Viewport:
        """Last cell of the line."""
        start, _, is_fold = self.rows.line(self.cursor_line)
        if is_fold:
            return self
        last = start + self.pages_per_row - self.pages_per_cell
        return replace(self, cursor_pfn=last, goal_column=self.columns - 1)._scrolled()

    def next_block(self) -> Viewport:
        """First page of the next memory block that holds memory."""
        pfn = (self.cursor_cell[1] - 1) // self.block_pages * self.block_pages + self.block_pages
        return self.at(int(self._memory_from(pfn)))

    def previous_block(self) -> Viewport:
        """First page of this block, or of the block before when already there."""
        start = self.cursor_cell[0]
        pfn = (start - 1) // self.block_pages * self.block_pages
        return self.at(self._memory_before(max(pfn, 0)))

    def next_edge(self, edges: Int64s) -> Viewport:
        """The next of some pfns (ascending) that lies behind the cursor's cell."""
        index = int(np.searchsorted(edges, self.cursor_cell[1], side="left"))
        return self.at(int(edges[index])) if index < len(edges) else self.at(self.end_pfn - 1)

    def previous_edge(self, edges: Int64s) -> Viewport:
        """The nearest of some pfns (ascending) before the cursor's cell."""
        index = int(np.searchsorted(edges, self.cursor_cell[0], side="left")) - 1
        return self.at(int(edges[index])) if index >= 0 else self.at(self.first_pfn)

    def selecting(self, on: bool) -> Viewport:
        """Start a selection at the cursor, or drop it."""
        return replace(self, anchor_pfn=self.cursor_pfn if on else None)

    # -- inside ----------------------------------------------------------------------
    def _clamped(self, pfn: int) -> int:
        """The nearest pfn on the sheet."""
        return min(max(pfn, self.rows.start_pfn), max(self.end_pfn - 1, self.rows.start_pfn))

    def _memory_from(self, pfns: Int64s | int) -> Int64s:
        """The first pfn at or behind each of these that holds memory; the last one without any."""
        index = np.searchsorted(self.extents[:, 1], pfns, side="right")
        starts = np.append(self.extents[:, 0], self.end_pfn - 1)[index]
        return np.where(index < len(self.extents), np.maximum(pfns, starts), self.end_pfn - 1)

    def _memory_before(self, pfn: int) -> int:
        """``pfn``, or the first pfn of the last block that holds memory before it."""
        index = int(np.searchsorted(self.extents[:, 0], pfn, side="right")) - 1
        if index < 0:
            return self.first_pfn
        start, end = (int(edge) for edge in self.extents[index])
        if pfn < end:
            return pfn
        return max(start, (end - 1) // self.block_pages * self.block_pages)

    def _laid(self, **changes: object) -> Viewport:
        """On a new sheet; the cursor keeps its page and, where possible, its screen line."""
        row = max(0, self.cursor_row)
        laid = replace(self, rows=None, **{"closed": NOTHING, **changes})._opened()
        laid = replace(laid, top_line=laid.cursor_line - row, goal_column=laid.cursor_column)
        return laid._scrolled()

    def _opened(self) -> Viewport:
        """With the row of the cursor drawn, also where another one stood for it."""
        if self.closed[0] <= self.cursor_pfn < self.closed[1]:
            return replace(self, rows=None, closed=NOTHING)._opened()
        if not self.rows.hides(self.cursor_pfn):
            return self
        return replace(self, rows=None, open_pfn=self.cursor_pfn)

    def _scrolled(self) -> Viewport:
        """With the cursor's line in the window and no empty lines that could be filled."""
        line = self.cursor_line
        top = min(max(self.top_line, line - self.nr_rows + 1), line)
        top = min(max(top, 0), max(0, self.rows.nr_lines - self.nr_rows))
        return replace(self, top_line=top)


def edges_of(extents: Int64s, spans: list[tuple[int, int]]) -> Int64s:
    """Every pfn where memory or a span [start, end) begins or ends, ascending, once."""
    ends = np.array(spans, dtype=np.int64).reshape(-1)
    return sorted_set(np.concatenate((extents.reshape(-1), ends)))
