"""The one-line parts of the screen: title, legend, timeline, status and footer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.strip import Strip

from pfnmap.engine.commands import Expect
from pfnmap.engine.kinds import FREE_BY_ZONE, PageState
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.sizes import counted
from pfnmap.engine.view import View
from pfnmap.tui.keys.action import Action
from pfnmap.tui.keys.names import first_key
from pfnmap.tui.keys.offered import footer
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.map import cells
from pfnmap.tui.map.motions import refused_place
from pfnmap.tui.say.glossary import NAMES
from pfnmap.tui.say.page_facts import summary
from pfnmap.tui.say.told import claim_failures
from pfnmap.tui.say.words import cell_width, fitted, safe
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Piece, Row, strip_of

SHORT_TITLE = 12
"""Columns that are left of a long title before other facts give way."""


class TitleLine(Panel, can_focus=False):
    """Program, machine, profile and parameters; the step at the right."""

    _facts: tuple[str, ...] = ()
    _right = ""

    def show(self, shown: Shown) -> None:
        """Show a frame."""
        self.say(shown.facts(), shown.step_words())

    def say(self, facts: Sequence[str], right: str) -> None:
        """The most important fact first; it is shortened before the two behind it go."""
        self._facts, self._right = tuple(facts), right
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line."""
        paint = self.paint
        row = Row(width, paint, "bar").add(" pfnmap ", "key")
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
        row.add(f" {words}", "bar")
        return [row.right(right, "bar").strip()]

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


IMPORTANT = (
    PageState.VMEMMAP,
    PageState.BROKEN,
    PageState.UNMOVABLE,
    PageState.OFFLINE,
    PageState.ISOLATED,
)
"""States that the legend names before all others."""
ZONES = (PageState.FREE_MOVABLE, PageState.FREE_NORMAL, PageState.FREE_DMA32, PageState.FREE_DMA)
PLAIN = (PageState.RESERVED, PageState.ONLINE, PageState.HOLE)
"""States that it names last."""


class Legend(Panel, can_focus=False):
    """What the glyphs of this machine mean, most important first: only states that it has."""

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line; what does not fit is counted."""
        row = Row(width, self.paint).gap()
        if self.frame is None:
            return [row.strip()]
        entries, key = self._entries(self.frame), self.frame.key("app.glossary")
        for index, (glyphs, style, name) in enumerate(entries):
            left = len(entries) - index
            more = f" +{left}: press {key}" if key else f" +{left}"
            keep = len(more) if left > 1 else 0
            if len(glyphs) + len(name) + 2 + keep > row.room:
                row.add(more, "dim")
                break
            row.add(glyphs, style).add(f" {name} ", "dim")
        return [row.strip()]

    def _entries(self, shown: Shown) -> list[tuple[str, Style | str, str]]:
        """The states of the machine, and the marks there are."""
        paint, states = self.paint, _states_of(shown.view)
        entries = [self._entry(state) for state in states]
        after = sum(state in IMPORTANT for state in states)
        if any(zone.present < zone.spanned for zone in shown.view.zones):
            entries.insert(after, (paint.figure_marks("--"), "rule", "hole in a span"))
        last = shown.session.last_action if shown.phase is None else None
        if last is not None and refused_place(last) is not None:
            entries.insert(0, (paint.figure_marks("XX"), "refusal", "refused"))
        if shown.before is not None and (last is None or last.after is not last.before):
            entries.insert(after, (paint.gone_mark * 2, "changed", "gone"))
            entries.insert(after, (paint.changed_mark, "changed", "changed"))
        return entries

    def _entry(self, state: PageState) -> tuple[str, Style | str, str]:
        """Two cells of a state and its name; of vmemmap one cell is partly something else's."""
        glyph, style = self.paint.cell(cells.glyph_code(state))
        if state != PageState.VMEMMAP:
            return glyph * 2, style, NAMES[state]
        partials = self.paint.theme.partials
        return glyph + (partials[3] if partials else "4"), style, NAMES[state]


def _states_of(view: View) -> list[PageState]:
    """The states that a machine has, in the legend's order."""
    counts = view.page_counts(np.array([0, max(1, view.end_pfn)], dtype=np.int64))[0]
    others = [state for state in NAMES if state not in IMPORTANT + ZONES + PLAIN]
    if counts[PageState.ONLINE]:  # it is drawn as what it is: memory of these zones
        zones = [zone.zone for zone in view.zones if zone.present]
        counts[[FREE_BY_ZONE[zone] for zone in zones if zone in FREE_BY_ZONE]] = 1
    return [state for state in (*IMPORTANT, *ZONES, *others, *PLAIN) if counts[state]]


class Timeline(Panel, can_focus=False):
    """A mark for every command: done, refused, undone; the present is set off.

    A claim that does not hold looks like a refusal once it is reached; one still to come, or
    undone, is not judged: drawing a long scenario at its start must not check all of it.
    """

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._false: dict[int, tuple[Outcome, bool]] = {}

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line, around the present when there are too many marks."""
        if self.frame is None:
            return []
        paint, outcomes, position = self.paint, self.frame.outcomes, self.frame.position
        row = Row(width, paint).gap().add("time ", "dim")
        words = _place_words(self.frame)
        room = max(4, row.room - min(cell_width(words) + 2, row.room // 2))
        first = max(0, min(position - room // 2, len(outcomes) - room + 4))
        last = min(len(outcomes), first + room - 4)
        row.add(paint.ellipsis if first else "", "dim")
        done, refused, undone = paint.time_marks
        for index in range(first, last):
            if index == position:
                row.add(paint.bar_line, "here")
            outcome = outcomes[index]
            if index < position:
                well = outcome.ok and not self._is_false(outcomes, index)
                row.add(done if well else refused, "accent" if well else "refusal")
            else:
                row.add(undone if outcome.ok else refused, "dim")
        if position >= last:
            row.add(paint.bar_line, "here")
        row.add(paint.ellipsis if last < len(outcomes) else "", "dim")
        words = fitted(
            safe(words, ascii_only=paint.ascii_only), row.room - 2, ascii_only=paint.ascii_only
        )
        return [row.right(f"{words} ", "dim").strip()]

    def _is_false(self, outcomes: Sequence[Outcome], index: int) -> bool:
        """Whether a command is a claim that does not hold; found out once for each claim."""
        outcome = outcomes[index]
        if not isinstance(outcome.command, Expect):
            return False
        known = self._false.get(id(outcome))
        if known is None or known[0] is not outcome:
            known = outcome, bool(claim_failures(outcomes, index))
            self._false[id(outcome)] = known
        return known[1]


def _place_words(shown: Shown) -> str:
    """The step or phase that is shown."""
    if shown.phase is not None and shown.position < shown.last:
        outcome = shown.outcomes[shown.position]
        return f"phase {shown.phase}/{len(outcome.events)} of {line_of(outcome.command)}"
    if shown.position == 0:
        return shown.beginning
    return line_of(shown.outcomes[shown.position - 1].command)


class StatusLine(Panel, can_focus=False):
    """What goes on, findings, the selection, and what is under the cursor, in one line."""

    _parts: tuple[tuple[str, str], ...] = ()

    def show(self, shown: Shown) -> None:
        """Show a frame."""
        view, viewport = shown.view, shown.viewport
        start, end = viewport.cursor_cell
        parts = []
        if shown.busy:
            parts.append(("warning", shown.busy))
        if count := len(view.findings):
            words = f"{counted(count, 'finding')}: press {shown.key('view.explain')}"
            parts.append(("finding", words))
        if viewport.selection is not None:
            parts.append(("accent", f"selected {counted(shown.here.nr_blocks, 'block')}"))
        first, *rest = summary(view, viewport.cursor_pfn, (start, end), self.paint.dash)
        names = sorted(name for name, pfn in shown.session.marks.items() if start <= pfn < end)
        marks = [("accent", f"mark {' '.join(names)}")] if names else []
        self.say([*parts, first, *marks, *rest])

    def say(self, parts: Sequence[tuple[str, str]]) -> None:
        """``parts``: (role, words) in order of importance; later ones are cut first."""
        self._parts = tuple(parts)
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line."""
        joint = f" {self.paint.dot} "
        pieces: list[Piece] = []
        for role, words in self._parts:
            pieces += [(joint if pieces else " ", "dim"), (words, role)]
        return [strip_of(width, self.paint, *pieces)]


class KeyLine(Panel, can_focus=False):
    """The footer: the keys that do something now. A click on one presses it."""

    class Pressed(Message):
        """The key of an action was clicked."""

        def __init__(self, action_id: str) -> None:
            self.action_id = action_id
            super().__init__()

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._useful: list[Hint] = []
        self._always: list[Hint] = []
        self._ends: list[tuple[int, str]] = []
        """Behind which column a key ends, and its action, from left to right."""

    def show(self, shown: Shown) -> None:
        """Show the keys that do something at a place, as far as there is room, in order.

        Some are always shown, at the end.
        """
        self._useful, self._always = (
            [_hint(action, first_key(shown.keys[action.id])) for action in actions]
            for actions in footer(shown, shown.here)
        )
        self.repaint()

    def show_keys(self, keys: Iterable[tuple[Action, str]]) -> None:
        """Show these keys and no others: what lies over the screen takes them."""
        self._useful, self._always = [_hint(action, key) for action, key in keys], []
        self.repaint()

    def on_click(self, event: Click) -> None:
        """Press the key that was clicked."""
        pressed = next((action_id for end, action_id in self._ends if event.x < end), None)
        if pressed is not None and event.x > 0:
            self.post_message(self.Pressed(pressed))

    def draw(self, width: int, height: int) -> list[Strip]:
        """The one line."""
        pieces: list[Piece] = [(" ", "bar")]
        room = width - 1
        self._ends = []
        reserved = sum(cell_width(key + label) for key, label, _ in self._always)
        for hints, kept in ((self._useful, reserved), (self._always, -1)):
            for key, label, action_id in hints:
                wide = cell_width(key + label)
                if wide + kept > room:
                    break
                pieces += [(key, "key"), (label, "bar")]
                room -= wide
                self._ends.append((width - room, action_id))
        return [strip_of(width, self.paint, *pieces, role="bar")]


Hint = tuple[str, str, str]
"""A key, what it does now with the blanks around it, and the action."""


def _hint(action: Action, key: str) -> Hint:
    return key, f" {action.label}  ", action.id
