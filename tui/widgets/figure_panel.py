"""The figure at the top of the screen: what memory is there, whose, and what the last step did."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from itertools import islice

from msgspec import Struct
from rich.style import Style
from textual.strip import Strip

from pfnmap.engine.session import History
from pfnmap.tui.figure.axis import Ground
from pfnmap.tui.figure.bill import bill_of
from pfnmap.tui.figure.figure import Figure, figure_of
from pfnmap.tui.figure.line_drawing import ALL_DIGITS, Sheet, Span, Spans, clause_role
from pfnmap.tui.figure.moments import Moment
from pfnmap.tui.figure.result import memory_words, result
from pfnmap.tui.figure.steps import Steps
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.map.cells import CHANGED
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Piece, Row, strip_of


class Parts(Struct, frozen=True):
    """Lines of each part of the panel, by its height alone: nothing moves between two steps."""

    axis: int
    rows: int
    result: int
    bill: int


def parts(height: int) -> Parts:
    """How a panel of a height is divided; the heading has the line that is left."""
    axis = 1 if height < 11 else 3
    result = min(2 + (height >= 16), max(0, height - 4))
    bill = 0 if height < 13 else 2 + (height - 13) // 3
    return Parts(axis, max(0, height - 1 - axis - result - bill), result, bill)


class FigurePanel(Panel):
    """Rows of zones and nodes on one axis, before and after, the result, and the bill."""

    TITLE = "figure"

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._steps: Steps | None = None
        self._moment: Moment | None = None
        self._sheet: tuple[Ground, int, Sheet] | None = None
        self._figure: Figure | None = None
        self._bill: list[tuple[str, str]] = []
        self._scrolled = False
        """Whether somebody scrolled to rows that there is no room for."""

    def show(self, shown: Shown) -> None:
        """Show the moment that a session is at; rows of the node under the cursor come first."""
        was, self.frame = self.frame, shown
        if was is not None and was.outcomes is shown.outcomes and was.view is shown.view:
            if was.here.node != shown.here.node:
                self._scrolled = False
                self.repaint()
            return
        self._moment = self.steps_of(shown.session).at(shown.position, shown.phase)
        self._figure, self._bill, self._scrolled = None, [], False
        self.repaint()

    def steps_of(self, session: History) -> Steps:
        """A session as moments, taken up where it was left."""
        if self._steps is None or self._steps.session is not session:
            self._steps = Steps(session)
        self._steps.follow()
        return self._steps

    def scroll_lines(self, lines: int) -> None:
        """Scroll through all rows, also those that there is no room for; from the top, choose."""
        self._scrolled = self.first_line + lines > 0
        super().scroll_lines(lines)

    # -- drawing ---------------------------------------------------------------------------
    def draw(self, width: int, height: int) -> list[Strip]:
        """Heading, result, axis, rows, bill: what was done stands above what it came to."""
        moment, frame = self._moment, self.frame
        if moment is None or frame is None:
            return []
        room, sheet = parts(height), self._laid(width, moment)
        strip = partial(span_strip, width, self.paint)
        self._figure = self._figure or figure_of(moment, sheet.axis)
        rows, hidden = self._rows(sheet, self._figure, width, room.rows, frame)
        return [
            self.heading(width, right=hidden, extra=self.paint.axis_marks(sheet.scale)),
            *self._padded(
                self._result(width, room.result, moment, frame.beginning), room.result, width
            ),
            *map(strip, islice(sheet.axis_lines(), room.axis)),
            *self._padded(rows, room.rows, width),
            *self._bill_lines(width, room.bill, moment),
        ]

    def _laid(self, width: int, moment: Moment) -> Sheet:
        """The columns; they are the same until the ground or the width is another one."""
        assert self._steps is not None
        ground = self._steps.ground
        if self._sheet is None or self._sheet[0] is not ground or self._sheet[1] != width:
            block_bytes = moment.view.geometry.block_bytes
            sheet = Sheet(ground, width - 1, block_bytes, most_digits=ALL_DIGITS)
            self._sheet, self._figure = (ground, width, sheet), None
        return self._sheet[2]

    def _rows(
        self, sheet: Sheet, figure: Figure, width: int, room: int, frame: Shown
    ) -> tuple[list[Strip], str]:
        """The rows for so many lines, and how many there are where they are not all there."""
        gauges = figure.gauges if len(figure.gauges) < room // 2 or self._scrolled else ()
        spare = room - len(gauges)
        chosen = figure.rows if self._scrolled else figure.fitting(spare, frame.here.node)
        lines = [
            span_strip(width, self.paint, line, old=row.paired and at == 0)
            for row in chosen
            for at, line in enumerate(sheet.row(row, paired=row.paired))
        ]
        lines += [span_strip(width, self.paint, sheet.gauge(gauge)) for gauge in gauges]
        shown = self.window(lines, room)
        if not self._scrolled:
            self.nr_lines = sum(1 + row.paired for row in figure.rows) + len(figure.gauges)
        less = len(chosen) < len(figure.rows) or len(shown) < len(lines)
        return shown, f"{len(shown)} of {self.nr_lines} lines" if less else ""

    def _result(self, width: int, room: int, moment: Moment, beginning: str) -> list[Strip]:
        """What the step came to, as far as it fits."""
        if not room:
            return []
        paint, clauses = self.paint, result(moment) or memory_words(moment.view)
        role = clause_role(clauses[0])
        head = " ".join(moment.words.split()) if moment.number else beginning
        texts = wrapped(f"{head}: {'; '.join(clauses)}", width - 4)
        lines = []
        for at, text in enumerate(texts[:room]):
            row = Row(width, paint).gap(1 + 2 * (at > 0))
            if at == 0 and text.startswith(head):
                row.add(head, "heading")
                text = text[len(head) :]
            row.add(text, role).add(paint.ellipsis if at == room - 1 < len(texts) - 1 else "", role)
            lines.append(row.strip())
        return lines

    def _bill_lines(self, width: int, room: int, moment: Moment) -> list[Strip]:
        """Who holds what; where all of it has no room a line each, first of whom it is about."""
        if not self._bill:
            self._bill = bill_of(moment.state).short()
        lines = []
        for who, words in self._bill:
            for at, text in enumerate(wrapped(words, width - len(who) - 2)):
                head = (" " if at else f" {who} ", "heading", len(who) + 2)
                lines.append(strip_of(width, self.paint, head, (text, "dim")))
        if len(lines) <= room:
            return lines

        about = re.split(r"\W", moment.words)
        first_node = next((at for at, (who, _) in enumerate(self._bill) if who[:4] == "node"), 0)

        def rank(at: int) -> tuple[bool, bool]:
            return re.split(r"\W", self._bill[at][0])[0] not in about, at != first_node

        chosen = sorted(sorted(range(len(self._bill)), key=rank)[:room])
        return [
            strip_of(width, self.paint, (f" {who} ", "heading"), (words, "dim"))
            for who, words in (self._bill[at] for at in chosen)
        ]

    def _padded(self, lines: Iterable[Strip], room: int, width: int) -> list[Strip]:
        found = list(lines)[:room]
        blank = Row(width, self.paint).strip()
        return found + [blank] * (room - len(found))


def span_strip(width: int, paint: Paint, line: Spans, *, old: bool = False) -> Strip:
    """A line of spans in the colours and glyphs of the theme; ``old``: as it was before."""
    pieces: list[Piece] = []
    for span in line:
        if span.role == "cell":
            glyph, style = paint.cell(span.code | CHANGED * span.changed)
            pieces.append((glyph * len(span.text), "refusal" if span.refused else style))
        elif span.role == "axis":
            pieces.append((paint.axis_marks(span.text), "dim"))
        elif span.role == "mark" and (span.changed or span.text.strip()):
            role = "refusal" if span.refused else "changed" if span.changed else "rule"
            pieces.append((paint.figure_marks(span.seen(paint.gone_mark)), role))
        else:
            pieces.append((span.text, _style(paint, span, old=old)))
    return strip_of(width, paint, *pieces)


def _style(paint: Paint, span: Span, *, old: bool) -> Style | str:
    if span.role in ("changed", "refusal", "finding"):
        return span.role
    if span.role in ("name", "heading"):
        return "heading"
    label = span.text.strip().partition(" ")[2]
    if span.role == "dim" and label and not old:
        return paint.zone_text(label)
    return "dim" if old or span.role in ("dim", "axis") else "text"
