"""The memory blocks as a table that never holds more rows than it shows."""

from __future__ import annotations

from msgspec import Struct
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from pfnmap.engine.view import BlockRow, View
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.words import pfn_words
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row


class Column(Struct, frozen=True):
    """A column of the table; columns of higher rank go first when room is short."""

    name: str
    width: int
    rank: int


COLUMNS = (
    Column("block", 8, 0),
    Column("state", 9, 0),
    Column("zone", 8, 1),
    Column("start pfn", 12, 4),
    Column("present", 8, 6),
    Column("memmap", 10, 3),
    Column("vmemmap", 8, 5),
    Column("node", 5, 3),
    Column("device", 8, 2),
    Column("valid_zones", 22, 4),
)


def columns_for(width: int) -> tuple[Column, ...]:
    """The columns that fit, in the order of the table."""
    chosen: list[Column] = []
    room = width - 1
    for column in sorted(COLUMNS, key=lambda column: column.rank):
        if column.width + 1 <= room:
            chosen.append(column)
            room -= column.width + 1
    return tuple(column for column in COLUMNS if column in chosen)


class BlockTable(Panel):
    """Blocks in id order around the one under the cursor; works for millions of blocks."""

    TITLE = "memory blocks"

    class Chosen(Message):
        """A block was clicked."""

        def __init__(self, block_id: int) -> None:
            self.block_id = block_id
            super().__init__()

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._view: View | None = None
        self._here = -1
        self._selected = (0, 0)
        self._rows: list[int] = []

    def show(self, shown: Shown) -> None:
        """Show the blocks of a machine; the window follows the cursor."""
        view, pages = shown.view, shown.view.geometry.block_pages
        here = shown.viewport.cursor_cell[0] // pages
        start, end = shown.viewport.selection or (0, 0)
        selected = start // pages, -(-end // pages)
        moved = view is not self._view or here != self._here
        self._view, self._here, self._selected = view, here, selected
        if moved:
            self._follow()
        self.repaint()

    def _follow(self) -> None:
        if self._view is None:
            return
        rank = min(self._view.rank_of(self._here), max(0, self._view.nr_blocks - 1))
        height = max(1, self.size.height - 2)
        self.first_line = min(max(self.first_line, rank - height + 1), rank)

    def draw(self, width: int, height: int) -> list[Strip]:
        """Heading, column names, blocks."""
        view, paint = self._view, self.paint
        if view is None:
            return []
        room = max(0, height - 2)
        self.nr_lines = view.nr_blocks
        self.first_line = min(max(self.first_line, 0), max(0, view.nr_blocks - room))
        self._rows = view.block_ids(self.first_line, room).tolist()
        counts = view.block_counts()
        summary = " ".join(f"{number} {state}" for state, number in counts.items())
        right = ""
        if view.nr_blocks > room:
            last = self.first_line + len(self._rows)
            right = f"{self.first_line + 1}{paint.dash}{last} of {view.nr_blocks}"
        columns = columns_for(width)
        names = Row(width, paint, "dim").gap()
        for column in columns:
            names.add(column.name, "dim", column.width).gap()
        lines = [self.heading(width, right, summary), names.strip()]
        return lines + [self._line(width, view, columns, block_id) for block_id in self._rows]

    def _line(self, width: int, view: View, columns: tuple[Column, ...], block_id: int) -> Strip:
        paint = self.paint
        block = view.block(block_id)
        line = Row(width, paint)
        selected = self._selected[0] <= block_id < self._selected[1]
        mark = paint.selected_mark if selected else " "
        line.add(paint.pointer if block_id == self._here else mark, "here")
        if block is None:
            return line.add(f"{block_id} is gone", "dim").strip()
        for column in columns:
            words, style = self._field(block, column.name)
            if block_id == self._here and column.name == "block":
                style = "here"
            line.add(words, style, column.width).gap()
        return line.strip()

    def _field(self, block: BlockRow, name: str) -> tuple[str, Style | str]:
        paint = self.paint
        text, dim = "text", "dim"
        match name:
            case "block":
                return str(block.id), text
            case "state":
                return block.state, paint.zone_text(block.state)
            case "zone":
                return (block.zone.label, paint.zone_text(block.zone.label))
            case "start pfn":
                return pfn_words(block.start_pfn), dim
            case "present":
                return str(block.present_pages), dim
            case "vmemmap":
                return _known(block.vmemmap_pages), dim
            case "memmap":
                return block.memmap, dim
            case "node":
                return _known(block.node), text
            case "device":
                return block.device or "", text
            case _:
                return " ".join(block.valid_zones), dim

    def on_click(self, event: events.Click) -> None:
        """Choose the block that was clicked."""
        row = event.y - 2
        if 0 <= row < len(self._rows):
            self.post_message(self.Chosen(self._rows[row]))


def _known(value: int | None) -> str:
    return "?" if value is None else str(value)
