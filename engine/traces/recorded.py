"""A recording as the kernel showed it: the engine's replay, corrected where the two differ.

After each step the state goes on from what was recorded, so a step that the engine has no words
for, or another answer than the kernel, spoils nothing behind it. What the engine foresaw instead
stands beside, as findings of the view.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from msgspec.structs import replace

from pfnmap.engine.commands import Note
from pfnmap.engine.errors import InputError
from pfnmap.engine.finding import DISAGREES, Finding
from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Outcome, Refusal
from pfnmap.engine.printable import printable
from pfnmap.engine.traces.recorded_state import as_recorded
from pfnmap.engine.traces.replay import run_step
from pfnmap.engine.traces.trace import (
    FIRMWARE,
    DeviceStep,
    RecordedState,
    RecordedStep,
    ShellStep,
    Trace,
)
from pfnmap.engine.traces.verify import compare
from pfnmap.engine.view import BlockRow, View

_ERRNO_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class RecordedView(ModelView):
    """A machine as a recording shows it, and what the engine foresaw instead."""

    def __init__(self, state: State, said: RecordedState, foreseen: State) -> None:
        """``state``: made from ``said``; ``foreseen``: the engine's, from the step before."""
        super().__init__(state)
        self._said, self._foreseen = said, foreseen

    @cached_property
    def _words(self) -> dict[int, tuple[str, ...]]:
        return {block.id: block.valid_zones or ("none",) for block in self._said.blocks}

    def block(self, block_id: int) -> BlockRow | None:
        """One block; ``valid_zones`` are those that were recorded."""
        row = super().block(block_id)
        words = self._words.get(block_id)
        if row is None or words is None or words == row.valid_zones:
            return row
        rule = f"recorded; the model foresees {' '.join(row.valid_zones)}, because {row.zone_rule}"
        return replace(row, valid_zones=words, zone_rule=rule)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the engine foresaw otherwise, then what the rules in force have broken."""
        return (
            *(
                Finding(
                    DISAGREES,
                    f"{each.field}: the kernel says {each.kernel}, the engine foresaw "
                    f"{each.engine}",
                )
                for each in compare(0, self._said, self._foreseen)
            ),
            *super().findings,
        )


def recorded_steps(trace: Trace, state: State) -> Iterator[tuple[Outcome, View]]:
    """Every step as an outcome, from the state at boot, with the view of what was recorded."""
    for step in trace.steps:
        outcome, shown = recorded_step(state, step)
        state = outcome.after
        yield outcome, shown


def recorded_step(state: State, step: RecordedStep) -> tuple[Outcome, RecordedView]:
    """One step from the state before it, as :func:`recorded_steps` has it."""
    outcome = _foreseen(state, step)
    after = as_recorded(outcome.after, step.after)
    return replace(_answered(outcome, step), after=after), RecordedView(
        after, step.after, outcome.after
    )


def _foreseen(state: State, step: RecordedStep) -> Outcome:
    """What the engine makes of a step; of one that it has no words for, nothing."""
    try:
        return run_step(state, step)
    except InputError as error:
        done = step.cmd if isinstance(step, DeviceStep) else ""
        done = step.command if isinstance(step, ShellStep) else done
        words = printable(" ".join(f"{step.do} {done}".split()))
        return Outcome(Note(words), state, state, notes=(f"not modelled: {error}",))


def _answered(outcome: Outcome, step: RecordedStep) -> Outcome:
    """The outcome with the kernel's answer, where the engine has another."""
    answer = step.result
    if answer in (outcome.errno, FIRMWARE):
        return outcome
    why = f" ({outcome.refusal.rule})" if outcome.refusal else ""
    note = f"the engine foresees {outcome.errno or 'success'}{why}"
    refusal = None
    if answer and _ERRNO_LETTERS.issuperset(answer):
        refusal = Refusal(answer, "the recording", f"the kernel's answer; {note}")
    elif answer:
        note = f"the answer was: {printable(answer)}; {note}"
    notes = outcome.notes if refusal else (*outcome.notes, note)
    return replace(outcome, refusal=refusal, notes=notes)
