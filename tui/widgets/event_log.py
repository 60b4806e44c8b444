"""What happened: the phases of each command with their kernel functions and log lines."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from pfnmap.engine.language.lines import line_of
from pfnmap.engine.outcome import Outcome
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.told import Piece, outcome_pieces, result_words
from pfnmap.tui.say.words import cell_width, fitted, safe, wrapped
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row, strip_of

KEPT_OUTCOMES = 400
"""Commands whose lines are kept; the ones before are one step of ``[`` away each."""
KEPT_PIECES = 1000
"""Lines of one command that are drawn: reading ``/sys`` may give as many as there are blocks."""
INDENT = 4
MOST_DEPTH = 10
"""Calls within calls that are set in further and further."""


class EventLog(Panel):
    """The log, newest last. It follows the end until somebody scrolls up."""

    TITLE = "events"

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._sayings: list[tuple[int, Piece]] = []
        self._follow = True
        self._last_said = 0
        """Lines of what was said last, where nothing was done after it."""
        self._drawn: dict[tuple[int, int], tuple[Outcome, list[Strip]]] = {}
        """Of each outcome in the log, by its id and the width."""
        self._guest_says: Sequence[str] = ()

    def show(self, shown: Shown) -> None:
        """Show the commands in force, and the events of the one under way in slow motion."""
        was, now = self.frame, (shown.session, shown.position, shown.phase)
        if was is None or now != (was.session, was.position, was.phase):
            self._follow = True
        super().show(shown)

    def say(self, text: str, role: str = "text") -> None:
        """Add a line that is not the kernel's: an answer of the program itself."""
        position = 0 if self.frame is None else self.frame.position
        self._sayings = [*self._sayings[-50:], (position, Piece(role, text))]
        self._follow = True
        self.repaint()

    def show_console(self, lines: Sequence[str]) -> None:
        """Show what a guest that boots says, below everything, until it has booted."""
        self._guest_says, self._follow = lines, True
        self.repaint()

    def scroll_lines(self, lines: int) -> None:
        """Scroll; at the end the log follows again."""
        self._follow = False
        super().scroll_lines(lines)
        room = max(1, self.size.height - 1)
        self._follow = self.first_line >= self.nr_lines - room

    def use_paint(self, paint: Paint) -> None:
        """Draw with other colours and glyphs from now on."""
        super().use_paint(paint)
        self._drawn.clear()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The heading and the part of the log that is in sight."""
        if self.frame is None:
            return []
        body = self._body(width, self.frame)
        room = max(0, height - 1)
        follow = self._follow
        if follow and room and self._last_said > room:  # its beginning, not its end
            self.first_line, follow = len(body) - self._last_said, False
        shown = self.window(body, room, follow=follow)
        right = self.place(len(shown))
        return [self.heading(width, right, _summary(self.frame) if right else ""), *shown]

    def _body(self, width: int, shown: Shown) -> list[Strip]:
        outcomes, position = shown.outcomes, shown.position
        first = max(0, position - KEPT_OUTCOMES)
        body: list[Strip] = []
        if first:
            words = f"{first} earlier commands: step back to read them"
            body.append(Row(width, self.paint).gap().add(words, "dim").strip())
        if position == 0 and shown.phase is None:
            body += self._piece(width, Piece("text", shown.hint()), indent=1)
        body += self._said(width, 0) if first == 0 else []
        drawn = {}
        for index, outcome in enumerate(outcomes[first : first + KEPT_OUTCOMES], first):
            known, strips = self._drawn.get((id(outcome), width), (None, []))
            if known is not outcome:
                if index >= position:
                    break
                strips = self._outcome(width, outcomes, index)
            drawn[id(outcome), width] = outcome, strips
            if index < position:
                body += strips
                body += self._said(width, index + 1)
        self._drawn = drawn
        if shown.phase is not None and position < len(outcomes):
            for piece in outcome_pieces(outcomes, position, shown.phase, KEPT_PIECES):
                body += self._piece(width, piece)
        for line in self._guest_says:
            body += self._piece(width, Piece("log", line))
        return body

    def _said(self, width: int, position: int) -> list[Strip]:
        strips: list[Strip] = []
        self._last_said = 0
        for place, piece in self._sayings:
            if place == position:
                said = self._piece(width, piece)
                strips += said
                self._last_said = len(said)
        return strips

    def _outcome(self, width: int, outcomes: Sequence[Outcome], index: int) -> list[Strip]:
        outcome = outcomes[index]
        strips = []
        pieces = outcome_pieces(outcomes, index, most=KEPT_PIECES)
        unseen = max(0, len(outcome.events) - KEPT_PIECES)
        for piece in pieces[:KEPT_PIECES]:
            strips += self._piece(width, piece)
        if (more := unseen + len(pieces) - KEPT_PIECES) > 0:
            least = "at least " if unseen else ""
            words = f"and {least}{more} more lines: pfnmap run prints them all"
            strips += self._piece(width, Piece("dim", words))
        return strips

    def _piece(self, width: int, piece: Piece, indent: int = INDENT) -> list[Strip]:
        paint = self.paint
        if piece.role == "heading":
            line, right = Row(width, paint).gap(), f"{piece.right} " if piece.right else ""
            # A long command gives way to what came of it, and a blank between.
            room = line.room - cell_width(right) - bool(right)
            words = safe(piece.text, ascii_only=paint.ascii_only)
            words = fitted(words, room, ascii_only=paint.ascii_only)
            line.add(words, "heading")
            line.right(right, "refusal" if piece.bad else "dim")
            return [line.strip()]
        style = "dim" if piece.role == "log" else piece.role
        indent += (2 if piece.role == "log" else 0) + 2 * min(piece.depth, MOST_DEPTH)
        words = f"{paint.bar_line} {piece.text}" if piece.role == "log" else piece.text
        head = f"{piece.head}: " if piece.head and piece.text else piece.head
        strips = []
        for index, text in enumerate(wrapped(head + words, max(10, width - indent - 1))):
            name = head.strip() if index == 0 and text.startswith(head.strip()) else ""
            text = text.removeprefix(name)
            strips.append(
                strip_of(width, paint, (" " * indent, "text"), (name, "accent"), (text, style))
            )
        return strips


def _summary(shown: Shown) -> str:
    """The last command and its result, for when its first line is out of sight."""
    position = shown.position
    if shown.phase is not None or not 0 < position <= shown.last:
        return ""
    result = result_words(shown.outcomes, position - 1)
    line = line_of(shown.outcomes[position - 1].command)
    return f"#{position} {line}" + (f": {result}" if result else "")
