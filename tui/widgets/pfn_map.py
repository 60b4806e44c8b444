"""The map of page frames: one glyph a cell, one line a memory block unless zoomed."""

from __future__ import annotations

from collections.abc import Iterator
from operator import is_

import numpy as np
from msgspec import Struct
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from pfnmap.engine.arrays import Int64s
from pfnmap.engine.kinds import FREE_BY_ZONE, PageState, ZoneType
from pfnmap.engine.view import View
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.map import cells
from pfnmap.tui.map.alike import alike_ranges
from pfnmap.tui.map.cells import Codes, Grid
from pfnmap.tui.map.viewport import NO_RANGES, RowMap, Viewport
from pfnmap.tui.say.words import fitted, pfn_words, size_spelt
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

LABEL_WIDTH = 8
SHORT_LABEL = 5
SIDE_COLUMN = 34
"""What a side column should have before the map takes more than one cell for 2 MiB."""
LEAST_SIDE = 32
"""What it should have before the map shows page numbers."""
ZONE_OF_FREE = {int(state): zone.label for zone, state in FREE_BY_ZONE.items()}


class Margins(Struct, frozen=True):
    """Widths beside the cells; a page number or block id of width 0 is left out."""

    pfn: int
    block: int
    label: int = LABEL_WIDTH

    @property
    def left(self) -> int:
        """Everything left of the cells, the gutter for marks included."""
        return 2 + sum(part + 1 for part in (self.pfn, self.block) if part)

    def columns(self, width: int) -> int:
        """The power of two of cells that fits beside these margins."""
        return 1 << max(0, max(width - self.left - self.label, 1).bit_length() - 1)


def margins(end_pfn: int, block_pages: int, width: int, *, by_block: bool = True) -> Margins:
    """Margins that leave room for the most useful number of cells.

    ``by_block``: whether a line begins with a block, so that its id says where it is.
    """
    pfn = max(len(pfn_words(end_pfn)), 5)
    block = max(len(str(end_pfn // block_pages)), 2)
    full = Margins(pfn, block)
    short = Margins(0, block) if by_block else Margins(pfn, 0, SHORT_LABEL)
    # Up to one cell for each 2 MiB of a block, cells are worth more than a second number.
    return short if full.columns(width) < short.columns(width) <= 64 else full


class PfnMap(Panel):
    """The pfn map with its cursor; the screen decides what keys do to it."""

    TITLE = "pfn map"

    class Moved(Message):
        """The cursor or the window moved."""

    class Hovered(Message):
        """The mouse is over the cell that begins at ``pfn``; None when it left the cells."""

        def __init__(self, pfn: int | None) -> None:
            self.pfn = pfn
            super().__init__()

    def __init__(self, paint: Paint, view: View, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._view = view
        self._before: View | None = None
        self._end_pfn = view.end_pfn
        """The largest there was: no column gets narrower when memory goes."""
        self._margins = self._margins_for(80)
        self._grid: Grid | None = None
        self._sheet: tuple[View, View | None, RowMap] | None = None
        """What the grid was made of; compared by identity."""
        self._first_line = 0
        """The line of the sheet that the grid begins with."""
        self._labels: dict[tuple[int, int], str] = {}
        self._drawn: dict[tuple[object, ...], Strip] = {}
        """The lines of the last drawing, by everything they depend on."""
        self._drawn_for = (0, self._margins)
        self._segments: dict[tuple[int, int], Segment] = {}
        self._tails: dict[tuple[str, int], list[Segment]] = {}
        extents = view.extents()
        self.viewport = Viewport(extents, view.geometry.block_pages)
        # A zone begins with a page that exists; memory as the firmware lists it may not.
        starts = [row.start_pfn for row in view.zones if row.spanned]
        self.viewport = self.viewport.at(min(starts, default=view.first_pfn))
        self._seen = False
        self._room = 80, 1

    # -- what is shown ---------------------------------------------------------------------
    @property
    def view(self) -> View:
        """The machine that is shown."""
        return self._view

    def show(self, shown: Shown, about: Int64s = NO_RANGES) -> None:
        """Show a machine; cells that differ from the one before are marked.

        ``about``: what is to be in sight, as :meth:`Viewport.showing` takes it.
        """
        self._view, self._before = shown.view, shown.before
        self._end_pfn = max(self._end_pfn, shown.view.end_pfn)
        self._labels.clear()
        now = self.viewport.on(shown.view.extents(), alike_ranges(shown.view, shown.before))
        if not self._seen:
            self._seen = True
            # The first picture is of all memory, where no last step says what to look at.
            too_long = now.rows.nr_lines > now.nr_rows
            if shown.view.real or (too_long and shown.before is None):
                self.viewport = now.fitted()
                self.fit(*self._room)  # other margins may leave room for fewer cells
                now = self.viewport.fitted()
        self.look(now.showing(about), force=True)

    def look(self, viewport: Viewport, *, force: bool = False) -> None:
        """Move the window or the cursor."""
        if viewport.is_at(self.viewport) and not force:
            return
        self.viewport = viewport
        self.repaint()
        self.post_message(self.Moved())

    def use_paint(self, paint: Paint) -> None:
        """Draw with other colours and glyphs from now on."""
        super().use_paint(paint)
        self._segments.clear()
        self._tails.clear()
        self._drawn.clear()

    def side_by_side_width(self, screen_width: int) -> int:
        """The width that the map needs beside a side column: one block a row if it can.

        On a wide screen two cells for each 2 MiB, else one; page numbers give way to the column.
        """
        full, short = self._margins_for(10_000), self._margins_for(80)
        wide, usual = full.left + 128 + LABEL_WIDTH + 1, full.left + 64 + LABEL_WIDTH + 1
        if screen_width - wide >= SIDE_COLUMN:
            return wide
        return usual if screen_width - usual >= LEAST_SIDE else usual - full.left + short.left

    def fit(self, width: int, height: int) -> None:
        """Take as many cells and lines as there is room for in a panel of this size."""
        self._room = width, height
        by_block = self.viewport.pages_per_row >= self._view.geometry.block_pages
        self._margins = self._margins_for(width, by_block=by_block)
        columns = self._margins.columns(width)
        self.viewport = self.viewport.resized(columns, max(1, height - 1))

    def _margins_for(self, width: int, *, by_block: bool = True) -> Margins:
        block_pages = self._view.geometry.block_pages
        return margins(self._end_pfn, block_pages, width, by_block=by_block)

    # -- drawing -----------------------------------------------------------------------------
    def draw(self, width: int, height: int) -> list[Strip]:
        """The heading and a line for each row of the window."""
        self.fit(width, height)
        grid = self._codes()
        marked = cells.marked(grid.codes, grid.lines, self.viewport)
        return [self._title(width), *self._body(width, grid, marked)]

    def _codes(self) -> Grid:
        """The grid without cursor and selection; lines that stay in the window are kept."""
        vp, sheet = self.viewport, (self._view, self._before, self.viewport.rows)
        first, end = vp.top_line, min(vp.top_line + vp.nr_rows, vp.rows.nr_lines)
        old, at = self._grid, self._first_line
        keep = (first, first)
        if old is not None and self._sheet is not None and all(map(is_, self._sheet, sheet)):
            keep = max(first, at), min(end, at + len(old.lines))
            if keep == (first, end):
                return cells.part(old, first - at, end - at)
        if old is None or keep[0] >= keep[1]:
            grid = self._new_codes(first, end)
        else:
            parts = [cells.part(old, keep[0] - at, keep[1] - at)]
            if first < keep[0]:
                parts.insert(0, self._new_codes(first, keep[0]))
            if keep[1] < end:
                parts.append(self._new_codes(keep[1], end))
            grid = cells.joined(parts)
        self._grid, self._sheet, self._first_line = grid, sheet, first
        return grid

    def _new_codes(self, first_line: int, end_line: int) -> Grid:
        lines = self.viewport.rows.lines(first_line, end_line - first_line)
        grid = cells.grid_of(self._view, lines, self.viewport, self._before)
        return cells.with_zones(grid, self._view, self.viewport)

    def _body(self, width: int, grid: Grid, marked: Codes) -> list[Strip]:
        """Lines; those that look as they did, wherever they were, are taken from last time."""
        if self._drawn_for != (width, self._margins):
            self._drawn_for = width, self._margins
            self._drawn.clear()
        here = self.viewport.cursor_row
        starts, ends = grid.lines.start_pfn.tolist(), grid.lines.end_pfn.tolist()
        alike, pages = grid.lines.is_alike.tolist(), self.viewport.pages_per_row
        labels = [
            self._label(grid, row, start, start + pages if alike[row] else end)
            for row, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]
        keys: list[tuple[object, ...]] = [
            (row == here, starts[row], ends[row], labels[row], marked[row].tobytes())
            for row in range(len(starts))
        ]
        fresh = [row for row, key in enumerate(keys) if key not in self._drawn]
        drawn = {key: strip for key in keys if (strip := self._drawn.get(key)) is not None}
        if fresh:
            runs = cells.run_lengths(marked[fresh])
            bits = np.bitwise_or.reduce(marked[fresh], axis=1).tolist()
            for index, row in enumerate(fresh):
                first, last = runs.first[index], runs.first[index + 1]
                pieces = list(zip(runs.codes[first:last], runs.lengths[first:last], strict=True))
                line = self._left(starts[row], bits[index], here=row == here)
                if bits[index] & cells.FOLD:
                    line.append(self._fold(starts[row], ends[row], bits[index]))
                elif alike[row]:
                    line += self._many(pieces, starts[row], ends[row], here=row == here)
                else:
                    line += [self._segment(code, length) for code, length in pieces]
                drawn[keys[row]] = self._ended(width, line, labels[row])
        self._drawn = drawn
        return [drawn[key] for key in keys]

    def _left(self, start: int, bits: int, *, here: bool) -> list[Segment]:
        """Where the line begins, and a mark when it holds selected or changed cells."""
        paint, margins = self.paint, self._margins
        pfn, block = ("here", "here") if here else ("dim", "text")
        words = f" {pfn_words(start):<{margins.pfn}} " if margins.pfn else " "
        line = [Segment(words, paint.roles[pfn])]
        if margins.block:
            block_id = start // self._view.geometry.block_pages
            line.append(Segment(f"{block_id:>{margins.block}} ", paint.roles[block]))
        mark = paint.changed_mark if bits & cells.CHANGED else " "
        mark = paint.selected_mark if bits & cells.SELECTED else mark
        line.append(Segment(mark, paint.roles["changed"]))
        return line

    def _ended(self, width: int, line: list[Segment], label: str) -> Strip:
        """The line with its label; cut where the panel is narrower than that."""
        room = width - self._margins.left - self.viewport.columns
        if room < 0:
            return Strip(line, width - room).crop(0, width)
        tail = self._tails.get((label, room))
        if tail is None:
            if len(self._tails) > 256:  # names of a real machine may be anything
                self._tails.clear()
            row = Row(room, self.paint).gap().add(label, self.paint.zone_text(label))
            tail = self._tails[label, room] = list(row.strip())
        return Strip(line + tail, width)

    def _fold(self, start: int, end: int, code: int) -> Segment:
        """What stands for the cells of a hole."""
        paint, columns = self.paint, self.viewport.columns
        size = size_spelt((end - start) * self._view.geometry.page_bytes)
        rows = (end - start) // self.viewport.pages_per_row
        what = f"{rows} more rows" if self.viewport.closed == (start, end) else "hole"
        words = f" {what}, {size} "
        if columns >= 48:
            words = f" {what} {pfn_words(start)}{paint.dash}{pfn_words(end - 1)}, {size} "
        style = paint.roles["here" if code & cells.CURSOR else "dim"]
        if code & cells.SELECTED and not code & cells.CURSOR:
            style = paint.roles["selection"]
        side = max(2, (columns - len(words)) // 2)
        text = paint.fold * side + words
        text += paint.fold * max(0, columns - len(text))
        return Segment(fitted(text, columns, ascii_only=paint.ascii_only), style)

    def _many(
        self, pieces: list[tuple[int, int]], start: int, end: int, *, here: bool
    ) -> Iterator[Segment]:
        """The cells of a line that stands for many, with words over the last of them."""
        geometry, columns = self._view.geometry, self.viewport.columns
        count = (end - start) // self.viewport.pages_per_row
        last = (end - 1) // geometry.block_pages
        size = size_spelt((end - start) * geometry.page_bytes)
        words = f" {self.paint.times}{count}, to {last}, {size} "
        if len(words) > columns // 2:
            words = f" {self.paint.times}{count} "[: columns // 2]
        room = columns - len(words)
        for code, length in pieces:
            if room <= 0:
                break
            yield self._segment(code, min(length, room))
            room -= length
        style = self.paint.roles["here" if here else "dim"]
        at = self.viewport.cursor_column - (columns - len(words)) if here else -1
        if at < 0:
            yield Segment(words, style)
            return
        yield from (Segment(words[:at], style), Segment(words[at], self.paint.roles["cursor"]))
        yield Segment(words[at + 1 :], style)

    def _segment(self, code: int, length: int) -> Segment:
        key = (code, length)
        segment = self._segments.get(key)
        if segment is None:
            if len(self._segments) > 20_000:
                self._segments.clear()
            glyph, style = self.paint.cell(code)
            segment = self._segments[key] = Segment(glyph * length, style)
        return segment

    def _label(self, grid: Grid, row: int, start: int, end: int) -> str:
        """The zone of a line's memory where it is online, else the state of its block."""
        label = self._labels.get((start, end))
        if label is None:
            if len(self._labels) > 4096:
                self._labels.clear()
            label = self._labels[start, end] = self._new_label(grid, row, start, end)
        return label

    def _new_label(self, grid: Grid, row: int, start: int, end: int) -> str:
        if bool(grid.lines.is_fold[row]):
            return ""
        pages = self._view.geometry.block_pages
        if start // pages == (end - 1) // pages:
            block = self._view.block(start // pages)
            if block is None:
                return self._words_without_block(grid, row, start)
            if block.state != "online":
                return block.state
            return block.zone.label if block.zone >= 0 else self._words_of(grid, row)
        return self._words_of(grid, row)

    def _words_without_block(self, grid: Grid, row: int, start: int) -> str:
        """ZONE_DEVICE has pages and no memory block; a line of its memmap belongs to it."""
        is_device = grid.counts[row][PageState.DEVICE] or (
            self._view.page(start).zone == ZoneType.DEVICE
        )
        return ZoneType.DEVICE.label if is_device else "hole"

    def _words_of(self, grid: Grid, row: int) -> str:
        """What a line of many blocks (or of one block in several zones) holds."""
        counts = grid.counts[row]
        words = [zone for state, zone in ZONE_OF_FREE.items() if counts[state]]
        words += ["offline"] if counts[PageState.OFFLINE] else []
        words += ["Device"] if counts[PageState.DEVICE] else []
        if len(words) == 1:
            return words[0]
        return "mixed" if words else ""

    def _title(self, width: int) -> Strip:
        vp, geometry = self.viewport, self._view.geometry
        size = size_spelt(vp.pages_per_cell * geometry.page_bytes)
        unit = "pfn" if vp.pages_per_cell == 1 else "pfns"
        extra = f"1 cell = {vp.pages_per_cell} {unit} = {size}"
        if self._view.page_source:
            extra += f", {self._view.page_source}"
        total = vp.rows.nr_lines
        right = ""
        if total > vp.nr_rows:
            right = f"lines {vp.top_line + 1}{self.paint.dash}{vp.top_line + vp.nr_rows} of {total}"
        return self.heading(width, right, extra)

    # -- the mouse ---------------------------------------------------------------------------
    def pfn_under(self, x: int, y: int) -> int | None:
        """The first pfn of the cell at a place in this widget."""
        return self.viewport.pfn_at(y - 1, x - self._margins.left)

    def on_click(self, event: events.Click) -> None:
        """The cursor goes to the cell that was clicked."""
        pfn = self.pfn_under(event.x, event.y)
        if pfn is not None:
            self.look(self.viewport.at(pfn))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell the screen which cell the mouse is over."""
        self.post_message(self.Hovered(self.pfn_under(event.x, event.y)))

    def on_leave(self) -> None:
        """The mouse is over no cell any more."""
        self.post_message(self.Hovered(None))

    def wheel(self, lines: int) -> None:
        """Move the cursor by lines, and the window with it."""
        self.look(self.viewport.down(lines))
