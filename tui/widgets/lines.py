"""The one-line parts of the screen: title, legend, timeline, status and footer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from textual.strip import Strip

from pfnmap.engine.commands import Expect
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language import line_of
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.view import View
from pfnmap.tui.map import cells
from pfnmap.tui.say.glossary import NAMES
from pfnmap.tui.say.told import claim_failures
from pfnmap.tui.say.words import cell_width, fitted, safe
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

SHORT_TITLE = 12
"""Columns that are left of a long title before other facts give way."""


class Line(Panel, can_focus=False):
    """A panel of one line."""

    DEFAULT_CSS = """
    Line { height: 1; }
    """


class TitleLine(Line):
    """Program, machine, profile and parameters; the step at the right."""

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._facts: tuple[str, ...] = ()
        self._right = ""

    def show(self, facts: Sequence[str], right: str) -> None:
        """What is shown, where it runs, its rules, then what is left out first.

        The first fact is shortened before the two behind it go.
        """
        self._facts, self._right = tuple(facts), right
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line."""
        paint = self.paint
        row = Row(width, paint, "bar").add(" pfnmap ", paint.role("key"))
        right = f" {self._right} " if cell_width(self._right) + 12 <= width else ""
        room = row.room - cell_width(right)
        joint = f" {paint.dot} "
        words = self._first_facts(room - 1, joint)
        if all(fact in words for fact in self._facts[:3]):
            for fact in self._facts[3:]:
                longer = f"{words}{joint}{fact}"
                if cell_width(longer) >= room:
                    break
                words = longer
        row.add(f" {words}", paint.role("bar"))
        return [row.right(right, paint.role("bar")).strip()]

    def _first_facts(self, room: int, joint: str) -> str:
        """The first three facts, or the first and the third, or the first."""
        if not self._facts:
            return ""
        title, ascii_only = self._facts[0], self.paint.ascii_only
        least = min(cell_width(title), SHORT_TITLE)
        for others in (self._facts[1:3], self._facts[2:3]):
            tail = "".join(f"{joint}{fact}" for fact in others)
            if (left := room - cell_width(tail)) >= least:
                return fitted(title, left, ascii_only=ascii_only) + tail
        return fitted(title, max(room, 0), ascii_only=ascii_only)


class Legend(Line):
    """What the glyphs of this machine mean: only states that it has."""

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._states: list[PageState] = []
        self._changes = False
        self._help_key = ""

    def show(self, view: View, changes: bool, help_key: str) -> None:
        """Show the states of a machine, and what marks a change when there is one.

        ``help_key`` leads to those for which there is no room.
        """
        edges = np.array([0, max(1, view.end_pfn)], dtype=np.int64)
        counts = view.page_counts(edges)[0]
        self._states = [state for state in NAMES if counts[state]]
        self._changes, self._help_key = changes, help_key
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line; what does not fit is counted."""
        paint = self.paint
        entries = [(cells.glyph_code(state), NAMES[state]) for state in self._states]
        row = Row(width, paint).gap()
        for index, (code, name) in enumerate(entries):
            left = len(entries) - index
            more = f" +{left}: press {self._help_key}" if self._help_key else f" +{left}"
            keep = len(more) if left > 1 else 0
            if cell_width(name) + 4 + keep > row.room:
                row.add(more, paint.role("dim"))
                return [row.strip()]
            glyph, style = paint.cell(code)
            row.add(glyph * 2, style).gap().add(name, paint.role("dim")).gap()
        words = f"{paint.changed_mark} changed by the last step"
        if self._changes and cell_width(words) + 1 <= row.room:
            row.gap().add(words, paint.role("changed"))
        return [row.strip()]


class Timeline(Line):
    """A mark for every command: done, refused, undone; the present is set off.

    A claim that does not hold looks like a refusal once it is reached; one still to come, or
    undone, is not judged: drawing a long scenario at its start must not check all of it.
    """

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._outcomes: Sequence[Outcome] = ()
        self._position = 0
        self._phase: int | None = None
        self._beginning = ""
        self._false: dict[int, tuple[Outcome, bool]] = {}

    def show(
        self, outcomes: Sequence[Outcome], position: int, phase: int | None, beginning: str
    ) -> None:
        """Show a session's commands; ``beginning`` is what step 0 is."""
        if outcomes is not self._outcomes:
            self._false.clear()
        self._outcomes, self._position, self._phase = outcomes, position, phase
        self._beginning = beginning
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line, around the present when there are too many marks."""
        paint = self.paint
        row = Row(width, paint).gap().add("time ", paint.role("dim"))
        words = self._words()
        room = max(4, row.room - min(cell_width(words) + 2, row.room // 2))
        first = max(0, min(self._position - room // 2, len(self._outcomes) - room + 4))
        last = min(len(self._outcomes), first + room - 4)
        row.add(paint.ellipsis if first else "", paint.role("dim"))
        done, refused, undone = paint.time_marks
        for index in range(first, last):
            if index == self._position:
                row.add(paint.bar_line, paint.role("here"))
            outcome = self._outcomes[index]
            if index < self._position:
                well = outcome.ok and not self._is_false(index)
                row.add(done if well else refused, paint.role("accent" if well else "refusal"))
            else:
                row.add(undone if outcome.ok else refused, paint.role("dim"))
        if self._position >= last:
            row.add(paint.bar_line, paint.role("here"))
        row.add(paint.ellipsis if last < len(self._outcomes) else "", paint.role("dim"))
        words = fitted(
            safe(words, ascii_only=paint.ascii_only), row.room - 2, ascii_only=paint.ascii_only
        )
        return [row.right(f"{words} ", paint.role("dim")).strip()]

    def _is_false(self, index: int) -> bool:
        """Whether a command is a claim that does not hold; found out once for each claim."""
        outcome = self._outcomes[index]
        if not isinstance(outcome.command, Expect):
            return False
        known = self._false.get(id(outcome))
        if known is None or known[0] is not outcome:
            known = outcome, bool(claim_failures(self._outcomes, index))
            self._false[id(outcome)] = known
        return known[1]

    def _words(self) -> str:
        if self._phase is not None and self._position < len(self._outcomes):
            outcome = self._outcomes[self._position]
            return f"phase {self._phase}/{len(outcome.events)} of {line_of(outcome.command)}"
        if self._position == 0:
            return self._beginning
        return line_of(self._outcomes[self._position - 1].command)


class StatusLine(Line):
    """What is under the cursor, in one line; findings and the selection."""

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._parts: tuple[tuple[str, str], ...] = ()

    def show(self, parts: Sequence[tuple[str, str]]) -> None:
        """``parts``: (role, words) in order of importance; later ones are cut first."""
        self._parts = tuple(parts)
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line."""
        row = Row(width, self.paint).gap()
        for index, (role, words) in enumerate(self._parts):
            if index:
                row.add(f" {self.paint.dot} ", self.paint.role("dim"))
            row.add(words, self.paint.role(role))
        return [row.strip()]


class KeyHint(Struct, frozen=True):
    """A key of the footer and what it does now."""

    key: str
    label: str


class KeyLine(Line):
    """The footer: the keys that do something now."""

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._hints: tuple[KeyHint, ...] = ()
        self._tail: tuple[KeyHint, ...] = ()

    def show(self, hints: Sequence[KeyHint], tail: Sequence[KeyHint]) -> None:
        """``tail`` is always shown; ``hints`` as far as there is room, in order."""
        self._hints, self._tail = tuple(hints), tuple(tail)
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line."""
        paint = self.paint
        row = Row(width, paint, "bar").gap()
        reserved = sum(_hint_width(hint) for hint in self._tail)
        for hint in self._hints:
            if _hint_width(hint) + reserved > row.room:
                break
            self._hint(row, hint)
        for hint in self._tail:
            if _hint_width(hint) <= row.room + 1:
                self._hint(row, hint)
        return [row.strip()]

    def _hint(self, row: Row, hint: KeyHint) -> None:
        row.add(hint.key, self.paint.role("key")).gap()
        row.add(hint.label, self.paint.role("bar"))
        row.add("  ", self.paint.role("bar"))


def _hint_width(hint: KeyHint) -> int:
    return cell_width(hint.key) + 1 + cell_width(hint.label) + 2
