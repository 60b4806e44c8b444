"""The memory blocks as a table that never holds more rows than it shows."""

from __future__ import annotations

from msgspec import Struct
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from pfnmap.engine.view import BlockRow
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.words import pfn_words
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

    _rows: tuple[int, ...] = ()
    """Ids of the blocks that are shown."""

    def show(self, shown: Shown) -> None:
        """Show the blocks of a machine; the window follows the cursor."""
        view, was = shown.view, self.frame
        if was is None or view is not was.view or _here(shown) != _here(was):
            rank = min(view.rank_of(_here(shown)), max(0, view.nr_blocks - 1))
            height = max(1, self.size.height - 2)
            self.first_line = min(max(self.first_line, rank - height + 1), rank)
        super().show(shown)

    def draw(self, width: int, height: int) -> list[Strip]:
        """Heading, column names, blocks."""
        if self.frame is None:
            return []
        view, room = self.frame.view, max(0, height - 2)
        self.nr_lines = view.nr_blocks
        self.first_line = min(max(self.first_line, 0), max(0, view.nr_blocks - room))
        self._rows = tuple(view.block_ids(self.first_line, room).tolist())
        counts = view.block_counts()
        summary = " ".join(f"{number} {state}" for state, number in counts.items())
        columns = columns_for(width)
        names = Row(width, self.paint, "dim").gap()
        for column in columns:
            names.add(column.name, "dim", column.width).gap()
        heading = self.heading(width, self.place(len(self._rows)), summary)
        lines = [self._line(width, self.frame, columns, block_id) for block_id in self._rows]
        return [heading, names.strip(), *lines]

    def _line(self, width: int, shown: Shown, columns: tuple[Column, ...], block_id: int) -> Strip:
        paint, pages, here = self.paint, shown.view.geometry.block_pages, _here(shown)
        start, end = shown.viewport.selection or (0, 0)
        mark = paint.selected_mark if start // pages <= block_id < -(-end // pages) else " "
        line = Row(width, paint).add(paint.pointer if block_id == here else mark, "here")
        block = shown.view.block(block_id)
        if block is None:
            return line.add(f"{block_id} is gone", "dim").strip()
        for column in columns:
            words, style = self._field(block, column.name)
            if block_id == here and column.name == "block":
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


def _here(shown: Shown) -> int:
    """The block under the cursor."""
    return shown.viewport.cursor_cell[0] // shown.view.geometry.block_pages


def _known(value: int | None) -> str:
    return "?" if value is None else str(value)
