"""What the lines of the terminal show, so that a whole frame sends those that differ."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, chain
from typing import cast

from rich.console import RenderableType
from rich.segment import Segment
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip


class TerminalLost(Message):
    """Something else may be on the terminal than was sent to it."""


class ShownLines:
    """The strips that every line was last sent as.

    Textual draws the whole screen twice when a dialog opens and twice when it closes.
    """

    def __init__(self) -> None:
        self._lines: dict[int, list[Strip]] = {}
        self._region = Region()

    def forget(self) -> None:
        """The next frame is sent whole."""
        self._lines.clear()

    def unsent(self, update: RenderableType) -> RenderableType | None:
        """An update without what is shown already, None if that is all; from now on it is shown."""
        if isinstance(update, LayoutUpdate):
            if update.region != self._region:
                self._lines.clear()
                self._region = update.region
            old, self._lines = self._lines, dict(enumerate(map(list, update.strips)))
            strips = (
                () if _segments(old.get(y, ())) == _segments(line) else line
                for y, line in self._lines.items()
            )
            return LayoutUpdate([*strips], update.region)
        if isinstance(update, ChopsUpdate):
            # A line of which nothing is sent must go: the line feed behind it would scroll.
            spans = [span for span in update.spans if self._differs(*span, update)]
            return ChopsUpdate(update.chops, spans, update.chop_ends) if spans else None
        return update

    def _differs(self, y: int, first: int, end: int, update: ChopsUpdate) -> bool:
        """Take over the part of a line that an update sends; whether any of it is to be sent."""
        line, chops = self._lines.get(y), cast(dict[int, Strip | None], update.chops[y])
        starts = accumulate((old.cell_length for old in line or ()), initial=0)
        places = dict(zip(starts, range(len(line or ())), strict=False))
        differs = False
        for x, strip in chops.items():
            if strip is None or x >= end or x + strip.cell_length <= first:
                continue
            index = places.get(x)
            whole = x >= first and x + strip.cell_length <= end
            if (
                line is None
                or index is None
                or not whole
                or (line[index].cell_length != strip.cell_length)
            ):
                self._lines.pop(y, None)
                return True
            if line[index] == strip:
                chops[x] = None
            else:
                line[index] = strip
                differs = True
        return differs


def _segments(line: Iterable[Strip]) -> list[Segment]:
    """A line however it is cut."""
    return [*chain.from_iterable(line)]
