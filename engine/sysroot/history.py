"""The timeline of a real machine: each reading that found something new is a step.

Its history can be walked like that of a simulated one; commands only ask what would be.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.commands import Command, Note
from pfnmap.engine.errors import InputError
from pfnmap.engine.finding import Finding
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.state import State
from pfnmap.engine.outcome import Event, Outcome, Phases
from pfnmap.engine.session import History, Session
from pfnmap.engine.sysroot.capture import capture_bytes, capture_content, parse_capture
from pfnmap.engine.sysroot.explain import explain
from pfnmap.engine.sysroot.held import coded_runs, decoded_runs, held_runs, with_held_runs
from pfnmap.engine.sysroot.observation import Span, WayBack, way_back
from pfnmap.engine.sysroot.observe import Change, Watcher, changes_between
from pfnmap.engine.sysroot.open_machine import Kept, open_watcher
from pfnmap.engine.sysroot.page_files import read_pages
from pfnmap.engine.sysroot.page_kinds import PageKinds
from pfnmap.engine.sysroot.plan import doubts
from pfnmap.engine.sysroot.view import SysrootView

MAX_HISTORY = 1000
"""Steps that are kept; the oldest go first, a tenth of them at once."""
MOST_VIEWS = 5
"""Readings that are kept whole while earlier ones are looked at; else the newest two are."""
OBSERVED = "observed: "
"""What the words of a step begin with that nobody asked for here."""
MAX_EVENTS = 64
"""Changes of one reading that are spelt out; the rest is counted."""
MAX_DISAGREEMENTS = 64
"""What the model did not foresee that a reading carries on from those before it, the last of it."""


class Observed(Outcome, frozen=True, kw_only=True):
    """What a reading found. The machine before and behind it is made again when asked for."""

    ends: Phases

    @property  # type: ignore[misc]
    def before(self) -> State:
        """The machine as it was read before."""
        return self.ends.states[0]

    @property  # type: ignore[misc]
    def after(self) -> State:
        """The machine as it was read then."""
        return self.ends.states[1]


_SHADOWED: Any = None
"""Instead of the states that an outcome holds, and an observed one asks for."""


class _Past(Struct, frozen=True):
    """What a reading that is not kept whole is made again of, and of the one behind it."""

    back: WayBack
    disagreements: tuple[Finding, ...]
    known: State | None


class ObservedHistory(History):
    """What a watcher saw. ``predict`` answers, ``branch`` simulates."""

    read_only = True

    def __init__(
        self, watcher: Watcher, *, explaining: bool = True, max_history: int = MAX_HISTORY
    ) -> None:
        """``explaining``: whether each change is compared with the model's prediction."""
        self.watcher = watcher
        self.explaining = explaining
        self.max_history = max_history
        self._views = {0: watcher.view}
        """By their number, from 0: the newest, and some that were asked for."""
        self._past: list[_Past] = []
        self._first = 0
        """Number of the oldest reading that is kept."""
        self.pages: PageKinds | None = None
        """What single pages of the newest reading are; None: not looked at."""
        self._shown: dict[int, SysrootView] = {}
        self._coming: list[tuple[Outcome, SysrootView]] = []
        super().__init__(watcher.view.state, watcher.view.title)

    # -- following -------------------------------------------------------------------------
    @property
    def live(self) -> bool:
        """Whether the newest reading is shown."""
        return self.phase is None and self.position == len(self.outcomes)

    @property
    def _last_read(self) -> SysrootView:
        """The newest reading that was taken up."""
        return self._views[self._first + len(self._past)]

    def poll(self) -> bool:
        """Read again; True when something changed. Who shows the newest keeps showing it."""
        return self.take(self.observe())

    def observe(self, in_sight: Span | None = None) -> SysrootView | None:
        """Read again and explain what changed; None when nothing did. Shows nothing yet.

        This is the part of :meth:`poll` that takes time: it may run in another thread as long
        as :meth:`take` is called between two of them. ``in_sight``: see :meth:`Watcher.poll`.
        """
        before = self._last_read
        view = self.watcher.poll(in_sight)
        if view.observation is before.observation:
            return None
        fresh: tuple[Finding, ...] = ()
        if self.explaining:
            fresh = explain(before, view).findings
            # The same again is said once; what came last is behind the others.
            earlier = (old for old in before.disagreements if old not in fresh)
            if known := (*earlier, *fresh)[-MAX_DISAGREEMENTS:]:
                view = view.with_disagreements(known)
        notes = tuple(finding.text for finding in fresh)
        changes = changes_between(before.observation, view.observation)
        number = self._first + len(self._past)
        ends = Phases(lambda: (self.reading(number).state, self.reading(number + 1).state))
        self._coming.append((observed(changes, ends, notes), view))
        return view

    def take(self, view: SysrootView | None) -> bool:
        """Take up what :meth:`observe` gave; True when that was something."""
        if view is None or not self._coming:
            return False
        live = self.live
        coming, self._coming = self._coming, []
        for outcome, view in coming:
            before = self._last_read
            back = way_back(view.observation, before.observation)
            self._past.append(_Past(back, before.disagreements, before.known))
            self.outcomes.append(outcome)
            self._keep(self._first + len(self._past), view, 2 if live else MOST_VIEWS)
        self._shown.clear()
        if len(self.outcomes) >= self.max_history:
            self._forget(1 + self.max_history // 10)
        if live:
            self.position = len(self.outcomes)
        return True

    def _forget(self, count: int) -> None:
        """Drop the oldest steps."""
        if self.position < count:
            self.phase = None
        self.position = max(0, self.position - count)
        del self._past[:count], self.outcomes[:count]
        self._first += count
        self._views = {at: view for at, view in self._views.items() if at >= self._first}
        self.start = self.view_at(0).state

    def _keep(self, number: int, view: SysrootView, most: int = MOST_VIEWS) -> None:
        """Keep a reading whole, and no more than ``most`` of those that can be made again."""
        self._views[number] = view
        newest = self._first + len(self._past)
        spare = [at for at in self._views if at < newest - 1]
        for at in spare[: max(0, len(self._views) - most)]:
            del self._views[at]

    # -- single pages ------------------------------------------------------------------------
    def look(self, low_pfn: int, high_pfn: int) -> PageKinds | None:
        """What the pages of a range are now; None where the machine is not there to be asked.

        Shows nothing yet, and may run in another thread as :meth:`observe` may.
        """
        tree = self.watcher.tree
        return None if tree is None else read_pages(tree, self._last_read, (low_pfn, high_pfn))

    def show_pages(self, pages: PageKinds | None) -> bool:
        """Show what :meth:`look` gave with the newest reading; True when that is something new."""
        if pages is None or pages.same_as(self.pages):
            return False
        self.pages = pages
        self._shown.clear()
        return self.live

    # -- what is shown ---------------------------------------------------------------------
    @property
    def view(self) -> SysrootView:
        """The machine at this position; of the newest reading, what single pages are as well."""
        return self._with_pages(self.position + bool(self.phase))

    @property
    def before(self) -> SysrootView | None:
        """The machine one reading earlier; None at the start.

        Its pages are those of ``view``: that memory is used does not make it a change.
        """
        if self.phase is not None:
            return self._with_pages(self.position)
        return self._with_pages(self.position - 1) if self.position else None

    @property
    def newest(self) -> SysrootView:
        """The machine as it was last read, with what is known of single pages; shown or not."""
        return self._last_read.with_pages(self.pages)

    def view_at(self, position: int) -> SysrootView:
        """The machine as it was read at a position."""
        return self.reading(self._first + position)

    def reading(self, number: int) -> SysrootView:
        """The machine at a reading, counted from the first one.

        If it is none of the last it is made again, from the one that is kept next behind it.
        """
        number = max(number, self._first)
        if number not in self._views:
            behind = min(at for at in self._views if at > number)
            observation = self._views[behind].observation
            for past in reversed(self._past[number - self._first : behind - self._first]):
                observation = past.back.applied(observation)
            view = SysrootView(observation, page_bytes=self.watcher.page_bytes)
            view.disagreements, view.known = past.disagreements, past.known
            self._keep(number, view)
        return self._views[number]

    def _at(self, position: int) -> State:
        """The state at a position; of the newest reading with the pages that cannot move."""
        if self.pages is None or not self.live or position != self.position:
            return super()._at(position)
        return self.view.state

    def _with_pages(self, position: int) -> SysrootView:
        view = self.view_at(position)
        if self.pages is None or not self.live:
            return view
        known = self._shown.get(id(view))
        if known is None:
            known = self._shown[id(view)] = view.with_pages(self.pages)
        return known

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What a prediction or a branch takes for granted."""
        return self.view.assumptions

    def predict(self, command: Command) -> Outcome:
        """What a command would do here; its notes say what could make the kernel answer otherwise.

        Changes nothing.
        """
        outcome = super().predict(command)
        return replace(outcome, notes=(*outcome.notes, *doubts(self.view, outcome)))

    def branch(self) -> Session:
        """A simulated machine that starts as this one is now shown."""
        return Session(Machine(self.state), f"what if: {self.view.title}")


def observed(changes: tuple[Change, ...], ends: Phases, notes: tuple[str, ...] = ()) -> Outcome:
    """What one reading found, as an outcome whose events are the changes.

    ``ends``: the machine before and behind it.
    """
    groups = _grouped(changes)
    title = str(groups[0][0]) if groups else "notes changed"
    if len(groups) > 1:
        title += f" and {len(groups) - 1} more"
    events = [
        Event("observed", _text(change, nr_blocks), ends, 1, (), _block(change), nr_blocks)
        for change, nr_blocks in groups[:MAX_EVENTS]
    ]
    if len(groups) > MAX_EVENTS:
        events.append(Event("observed", f"{len(groups) - MAX_EVENTS} more changes", ends, 1))
    note = Note(title, text=f"{OBSERVED}{title}")
    return Observed(note, _SHADOWED, _SHADOWED, tuple(events), notes=notes, ends=ends)


def _block(change: Change) -> int:
    return -1 if change.block is None else change.block


def _text(change: Change, nr_blocks: int) -> str:
    if change.block is None or nr_blocks < 2:
        return str(change)
    last = change.block + nr_blocks - 1
    return f"memory{change.block}-{last} {change.field}: {change.before} -> {change.after}"


def _grouped(changes: tuple[Change, ...]) -> list[tuple[Change, int]]:
    """Changes with those of neighbouring blocks that are alike as one, states first."""
    order = sorted(
        changes,
        key=lambda c: (c.block is None, c.field != "state", c.field, c.before, c.after, _block(c)),
    )
    out: list[tuple[Change, int]] = []
    for change in order:
        if out and change.block is not None:
            first, count = out[-1]
            alike = (first.field, first.before, first.after) == (
                change.field,
                change.before,
                change.after,
            )
            if first.block is not None and alike and change.block == first.block + count:
                out[-1] = (first, count + 1)
                continue
        out.append((change, 1 if change.block is not None else 0))
    return out


def open_root(
    source: str | os.PathLike[str] = "/", *, page_bytes: int | None = None
) -> ObservedHistory:
    """A session over a tree, the running machine by default, or over a capture; InputError."""
    return ObservedHistory(open_watcher(source, page_bytes=page_bytes))


# -- kept in a journal -------------------------------------------------------------------
def coded(view: SysrootView) -> tuple[str, str]:
    """The capture of a machine, and the pages that are known not to move, each as one word."""
    machine = b64encode(capture_bytes(view.observation, compress=True)).decode("ascii")
    return machine, "" if view.pages is None else coded_runs(held_runs(view.pages))


def simulation(machine: str, held: str, title: str, page_bytes: int | None) -> Session:
    """The simulation that began as a coded machine was; InputError for what is none."""
    try:
        content = capture_content(b64decode(machine, validate=True))
    except ValueError:
        raise InputError("what it began with is no capture of a machine") from None
    observation = parse_capture(content, title.removeprefix("what if: "))
    view = Watcher(Kept(observation), page_bytes=page_bytes).view
    return Session(Machine(with_held_runs(view.state, decoded_runs(held))), title)
