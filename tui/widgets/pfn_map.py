"""The map of page frames: one glyph a cell, one line a memory block unless zoomed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from engine.kinds import FREE_BY_ZONE, PageState
from engine.values import dataclass
from engine.view import View
from tui import cells
from tui.cells import Codes, Grid
from tui.viewport import Viewport
from tui.widgets.paint import Paint
from tui.widgets.panel import Panel, Row
from tui.words import pfn_words, size_spelt

LABEL_WIDTH = 8
SHORT_LABEL = 5
WHEEL_LINES = 3
SIDE_COLUMN = 34
"""What a side column should have before the map takes more than one cell for 2 MiB."""
ZONE_OF_FREE = {int(state): zone.label for zone, state in FREE_BY_ZONE.items()}


@dataclass(frozen=True, slots=True)
class Margins:
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


def margins(view: View, width: int, *, by_block: bool = True) -> Margins:
    """Margins that leave room for the most useful number of cells.

    ``by_block``: whether a line begins with a block, so that its id says where it is.
    """
    pfn = max(len(pfn_words(view.end_pfn)), 5)
    block = max(len(str(view.end_pfn // view.geometry.block_pages)), 2)
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
        self._margins = margins(view, 80)
        self._grid: Grid | None = None
        self._grid_for: tuple[View, View | None, Viewport] | None = None
        self._labels: dict[tuple[int, int], str] = {}
        self._old: list[Strip] = []
        self._old_marked: Codes | None = None
        self._old_keys: list[tuple[object, ...]] = []
        self._segments: dict[tuple[int, int], Segment] = {}
        extents = view.extents()
        self.viewport = Viewport(extents, view.geometry.block_pages)
        # A zone begins with a page that exists; memory as the firmware lists it may not.
        starts = [row.start_pfn for row in view.zones if row.spanned]
        self.viewport = self.viewport.at(min(starts, default=view.first_pfn))

    # -- what is shown ---------------------------------------------------------------------
    @property
    def view(self) -> View:
        """The machine that is shown."""
        return self._view

    def show(self, view: View, before: View | None) -> None:
        """Show a machine; cells that differ from ``before`` are marked."""
        self._view, self._before = view, before
        self._labels.clear()
        self._old_marked = None
        self.look(self.viewport.on(view.extents()), force=True)

    def look(self, viewport: Viewport, *, force: bool = False) -> None:
        """Move the window or the cursor."""
        if viewport == self.viewport and not force:
            return
        self.viewport = viewport
        self.repaint()
        self.post_message(self.Moved())

    def use_paint(self, paint: Paint) -> None:
        """Draw with other colours and glyphs from now on."""
        super().use_paint(paint)
        self._segments.clear()
        self._old_marked = None

    def side_by_side_width(self, screen_width: int) -> int:
        """The width that the map needs beside a side column: one block a row if it can.

        On a wide screen two cells for each 2 MiB, else one.
        """
        full = margins(self._view, 10_000)
        for columns in (128, 64):
            needs = full.left + columns + LABEL_WIDTH + 1
            if screen_width - needs >= SIDE_COLUMN:
                return needs
        return full.left + 64 + LABEL_WIDTH + 1

    # -- drawing -----------------------------------------------------------------------------
    def draw(self, width: int, height: int) -> list[Strip]:
        """The heading and a line for each row of the window."""
        by_block = self.viewport.pages_per_row >= self._view.geometry.block_pages
        self._margins = margins(self._view, width, by_block=by_block)
        columns = self._margins.columns(width)
        self.viewport = self.viewport.resized(columns, max(1, height - 1))
        grid = self._codes()
        marked = cells.marked(grid.codes, grid.lines, self.viewport)
        return [self._title(width), *self._body(width, grid, marked)]

    def _codes(self) -> Grid:
        """The grid without cursor and selection, computed only when the window moved."""
        plain = replace(self.viewport, cursor_pfn=0, anchor_pfn=None, goal_column=0)
        wanted = (self._view, self._before, plain)
        if self._grid is None or self._grid_for is None or not _same(self._grid_for, wanted):
            self._grid = cells.grid(self._view, self.viewport, self._before)
            self._grid_for = wanted
        return self._grid

    def _body(self, width: int, grid: Grid, marked: Codes) -> list[Strip]:
        """Lines; those whose codes and margins did not change are taken from the last time."""
        keys = [self._line_key(width, grid, row) for row in range(len(grid.lines))]
        old = self._old_marked
        comparable = old is not None and old.shape == marked.shape
        same = (old == marked).all(axis=1) if comparable and old is not None else None
        keep = [
            same is not None and bool(same[row]) and keys[row] == self._old_keys[row]
            for row in range(len(keys))
        ]
        fresh = np.flatnonzero(~np.array(keep, dtype=bool))
        strips = list(self._old) if any(keep) else [Strip.blank(width)] * len(keys)
        if len(fresh):
            runs = cells.run_lengths(marked[fresh])
            for index, row in enumerate(fresh.tolist()):
                first, last = runs.first[index], runs.first[index + 1]
                pieces = list(zip(runs.codes[first:last], runs.lengths[first:last], strict=True))
                strips[row] = self._line(width, grid, row, pieces)
        self._old, self._old_marked, self._old_keys = strips, marked, keys
        return strips

    def _line_key(self, width: int, grid: Grid, row: int) -> tuple[object, ...]:
        return (
            width,
            int(grid.lines.start_pfn[row]),
            int(grid.lines.end_pfn[row]),
            row == self.viewport.cursor_row,
            self._label(grid, row),
        )

    def _line(self, width: int, grid: Grid, row: int, pieces: list[tuple[int, int]]) -> Strip:
        start = int(grid.lines.start_pfn[row])
        here = row == self.viewport.cursor_row
        line = Row(width, self.paint)
        self._left(line, start, here=here)
        line.add(self._gutter(pieces), self.paint.role("changed"))
        if bool(grid.lines.is_fold[row]):
            self._fold(line, start, int(grid.lines.end_pfn[row]), pieces[0][0])
        else:
            for code, length in pieces:
                line.raw(self._segment(code, length), length)
        label = self._label(grid, row)
        return line.gap().add(label, self._label_style(label)).strip()

    def _left(self, line: Row, start: int, *, here: bool) -> None:
        number = self.paint.role("here" if here else "dim")
        block = self.paint.role("here" if here else "text")
        line.gap()
        if self._margins.pfn:
            line.add(pfn_words(start), number, self._margins.pfn).gap()
        if self._margins.block:
            block_id = start // self._view.geometry.block_pages
            line.add(str(block_id).rjust(self._margins.block), block).gap()

    def _gutter(self, pieces: list[tuple[int, int]]) -> str:
        """A mark beside the cells: a line that holds selected or changed cells."""
        if any(code & cells.SELECTED for code, _ in pieces):
            return self.paint.selected_mark
        if any(code & cells.CHANGED for code, _ in pieces):
            return self.paint.changed_mark
        return " "

    def _fold(self, line: Row, start: int, end: int, code: int) -> None:
        paint, columns = self.paint, self.viewport.columns
        size = size_spelt((end - start) * self._view.geometry.page_bytes)
        words = f" hole, {size} "
        if columns >= 48:
            words = f" hole {pfn_words(start)}{paint.dash}{pfn_words(end - 1)}, {size} "
        style = paint.role("here" if code & cells.CURSOR else "dim")
        if code & cells.SELECTED and not code & cells.CURSOR:
            style = paint.role("selection")
        side = max(2, (columns - len(words)) // 2)
        text = paint.fold * side + words
        line.add(text + paint.fold * max(0, columns - len(text)), style, columns)

    def _segment(self, code: int, length: int) -> Segment:
        key = (code, length)
        segment = self._segments.get(key)
        if segment is None:
            if len(self._segments) > 20_000:
                self._segments.clear()
            glyph, style = self.paint.cell(code)
            segment = self._segments[key] = Segment(glyph * length, style)
        return segment

    def _label(self, grid: Grid, row: int) -> str:
        key = int(grid.lines.start_pfn[row]), int(grid.lines.end_pfn[row])
        label = self._labels.get(key)
        if label is None:
            if len(self._labels) > 4096:
                self._labels.clear()
            label = self._labels[key] = self._new_label(grid, row)
        return label

    def _new_label(self, grid: Grid, row: int) -> str:
        """The zone of a line's memory where it is online, else the state of its block."""
        if bool(grid.lines.is_fold[row]):
            return ""
        start, end = int(grid.lines.start_pfn[row]), int(grid.lines.end_pfn[row])
        pages = self._view.geometry.block_pages
        if start // pages == (end - 1) // pages:
            block = self._view.block(start // pages)
            if block is None:
                return "hole"
            if block.state != "online":
                return block.state
            return block.zone.label if block.zone >= 0 else self._words_of(grid, row)
        return self._words_of(grid, row)

    def _words_of(self, grid: Grid, row: int) -> str:
        """What a line of many blocks (or of one block in several zones) holds."""
        counts = grid.counts[row]
        words = [zone for state, zone in ZONE_OF_FREE.items() if counts[state]]
        words += ["offline"] if counts[PageState.OFFLINE] else []
        words += ["Device"] if counts[PageState.DEVICE] else []
        if len(words) == 1:
            return words[0]
        return "mixed" if words else ""

    def _label_style(self, label: str) -> Style:
        return self.paint.zone_text(label)

    def _title(self, width: int) -> Strip:
        vp, geometry = self.viewport, self._view.geometry
        size = size_spelt(vp.pages_per_cell * geometry.page_bytes)
        unit = "pfn" if vp.pages_per_cell == 1 else "pfns"
        extra = f"1 cell = {vp.pages_per_cell} {unit} = {size}"
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

    def on_mouse_scroll_down(self) -> None:
        """Scroll by lines."""
        self.look(self.viewport.down(WHEEL_LINES))

    def on_mouse_scroll_up(self) -> None:
        """Scroll by lines."""
        self.look(self.viewport.down(-WHEEL_LINES))


def _same(
    left: tuple[View, View | None, Viewport], right: tuple[View, View | None, Viewport]
) -> bool:
    """Whether two grids would be equal; views are compared by identity."""
    return left[0] is right[0] and left[1] is right[1] and _window(left[2]) == _window(right[2])


def _window(viewport: Viewport) -> tuple[object, ...]:
    return (
        id(viewport.rows),
        viewport.columns,
        viewport.nr_rows,
        viewport.pages_per_cell,
        viewport.top_line,
    )
