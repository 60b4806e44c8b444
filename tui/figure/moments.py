"""What there is to draw: the steps of a session, or the phases of one, each with its before."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import is_action
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Event, Outcome
from pfnmap.engine.session import History
from pfnmap.engine.view import View
from pfnmap.tui.figure.memory import Memory
from pfnmap.tui.map.motions import refused_place, touched

BOOT: Final = "at the start"
"""What the moment before the first step is called."""
MOST_PHASES: Final = 32
"""Phases of one step that are shown where each takes a reader's time."""


class Moment(Struct, frozen=True, eq=False, dict=True):
    """A machine at rest or after a phase, what led there, and the moment before it."""

    view: View
    words: str
    """The command's line, or the kernel function of a phase."""
    number: int = 0
    """Which step of the session; 0 is the machine as it was opened."""
    phase: int = 0
    """Which phase of the step, counted from 1; 0: the step as a whole."""
    outcome: Outcome | None = None
    event: Event | None = None
    before: Moment | None = None

    @property
    def state(self) -> State:
        """The machine as columns."""
        return self.view.state

    @cached_property
    def memory(self) -> Memory:
        """Which memory is where; the moment before's own where no block and no zone changed."""
        # A loop, not a recursion: hundreds of moments in a row may have changed no block.
        first = self
        while "memory" not in vars(first):
            if first.before is None or not first._same_memory_as(first.before):
                break
            first = first.before
        if first is self:
            return Memory(self.view)
        return first.memory

    def _same_memory_as(self, other: Moment) -> bool:
        mine, its = self.state, other.state
        return (
            mine.blocks is its.blocks
            and mine.device_ranges is its.device_ranges
            and tuple(self.view.zones) == tuple(other.view.zones)
        )

    @property
    def title(self) -> str:
        """Which step or phase this is, for a heading: ``step 3``, ``step 3.2``."""
        if self.number == 0:
            return BOOT
        return f"step {self.number}.{self.phase}" if self.phase else f"step {self.number}"

    @property
    def alone(self) -> Moment:
        """This moment without those before it, which need not be kept for it."""
        if self.before is None:
            return self
        alone = replace(self, before=None)
        vars(alone).update(vars(self))  # what was computed already
        return alone

    def touched(self) -> NDArray[np.int64]:
        """[start_pfn, end_pfn) of what the step was about, whether it changed or not."""
        return np.zeros((0, 2), np.int64) if self.outcome is None else touched(self.outcome)

    def refused_place(self) -> tuple[int, int, int] | None:
        """(start_pfn, end_pfn, node) of where a device would be that the step did not add."""
        whole = self.outcome is not None and self.event is None
        return refused_place(self.outcome) if whole and self.outcome is not None else None


def is_step(outcome: Outcome) -> bool:
    """Whether it was for the machine, or changed it: notes and claims are passed over."""
    return is_action(outcome.command) or outcome.before is not outcome.after


def moments(session: History) -> list[Moment]:
    """The machine as it was opened, and after every step that is for the machine.

    Steps keep the numbers that they have in the session; notes and claims are passed over.
    """
    found = [Moment(session.view_at(0), BOOT)]
    for number, outcome in enumerate(session.outcomes, 1):
        if is_step(outcome):
            found.append(moment_after(session, number, found[-1]))
    return found


def moment_after(session: History, number: int, before: Moment) -> Moment:
    """The moment after a step, counted from 1; ``before``: the one that it is told from."""
    outcome = session.outcomes[number - 1]
    # A step that changed nothing has the view of the one before: nothing is asked twice.
    view = before.view if outcome.after is before.state else session.view_at(number)
    words = line_of(outcome.command)
    return Moment(view, words, number, 0, outcome, None, before)


def phases(moment: Moment, most: int | None = None) -> list[Moment]:
    """The phases of a step, each with the one before it; ``most``: as :func:`telling`."""
    outcome, before = moment.outcome, moment.before
    if outcome is None or before is None:
        return []
    found: list[Moment] = []
    for number in telling(outcome, most):
        event = outcome.events[number - 1]
        view = before.view if event.state is before.state else ModelView(event.state)
        before = Moment(view, event.function, moment.number, number, outcome, event, before)
        found.append(before)
    return found


def telling(outcome: Outcome, most: int | None = MOST_PHASES) -> list[int]:
    """The phases of a step to be shown, counted from 1: all, or of more than ``most`` some.

    Those that changed the machine, or the first and last of very many: a removal under the rules
    of 2019 has hundreds.
    """
    events = outcome.events
    numbers = range(1, len(events) + 1)
    if most is None or len(events) <= most:
        return [*numbers]
    changed = (number for number in numbers if _changes(events[number - 1]))
    found = list(islice(changed, most + 1))
    if len(found) <= most:
        return found
    last = islice((n for n in reversed(numbers) if _changes(events[n - 1])), most // 2)
    return [*found[: most // 2], *reversed([*last])]


def _changes(event: Event) -> bool:
    return event.state is not event.before
