"""A scenario on a real kernel: what to boot for it, doing it, judging its claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.claims import evaluate
from pfnmap.engine.commands import TALK, Command, Expect, SetParam, Source, StartMachine, is_action
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.guest.actions import MEANINGLESS, perform, refuse
from pfnmap.engine.guest.errors import GuestError
from pfnmap.engine.guest.hardware import Hardware, hardware_of
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.memory.state import State
from pfnmap.engine.outcome import Event, Outcome, Phases
from pfnmap.engine.scenarios.scenario import Scenario
from pfnmap.engine.traces.recorded import recorded_step
from pfnmap.engine.traces.replay import machine_state
from pfnmap.engine.traces.trace import RecordedStep, ShellStep

SHOWN: Final[dict[str, frozenset[str]]] = {
    "ok": frozenset(),
    "errno": frozenset(),
    "log": frozenset(),
    "no-log": frozenset(),
    "output": frozenset(),
    "zone": frozenset({"start", "spanned", "present", "managed"}),
    "node": frozenset({"start", "spanned", "present", "online"}),
    "block": frozenset({"state", "zone", "node", "valid_zones", "exists"}),
}
"""What a claim may be about that a kernel's files show, and the keys of those that have some."""


class Script(Struct, frozen=True):
    """A scenario taken apart: what to boot, and what to do then."""

    scenario: Scenario
    hardware: Hardware
    lines: tuple[tuple[int, Command], ...]
    """Each with the number of its line, without what the boot has done."""


class GuestStep(Struct, frozen=True):
    """A line of the scenario and what came of it."""

    line: int
    command: Command
    recorded: tuple[RecordedStep, ...] = ()
    failures: tuple[str, ...] = ()
    """Why a claim does not hold."""
    not_shown: bool = False
    """Whether a claim is, in part, about what no file of a kernel shows."""


def script_of(scenario: Scenario, arch: str) -> Script:
    """What to boot and do. ``set`` before anything is done is the kernel's command line.

    Raises:
        ParseError: No guest of this architecture is such a machine, or a word means nothing on a
            real one; with the place.
    """
    params: dict[str, str] = {}
    rest: list[tuple[int, Command]] = []
    place = 1
    try:
        for place, command in scenario.lines:
            if type(command) in MEANINGLESS and not isinstance(command, StartMachine):
                raise refuse(command)
            if isinstance(command, SetParam) and not any(is_action(each) for _, each in rest):
                params[command.name] = command.value
            elif not isinstance(command, (StartMachine, Source)):
                rest.append((place, command))
        place = next((n for n, c in scenario.lines if isinstance(c, StartMachine)), 1)
        return Script(scenario, hardware_of(scenario.start, arch, params), tuple(rest))
    except PfnmapError as error:
        raise scenario.complaint(place, error) from None


def play_on(recorder: Recorder, script: Script) -> Iterator[GuestStep]:
    """Do the lines to a guest, each when it is asked for; a refused one stops nothing.

    Raises:
        ParseError: A line means nothing on this machine.
        GuestError: There is no answer any more; the recording has what came before, and why.
    """
    state, last = machine_state(recorder.trace), None
    for number, command in script.lines:
        if isinstance(command, Expect):
            claim, whole = _as_shown(command)
            failures = evaluate(claim, state, last) if claim else []
            yield GuestStep(number, command, (), tuple(failures), not whole)
            continue
        if isinstance(command, TALK):
            continue
        try:
            steps = perform(recorder, command)
        except GuestError as error:
            recorder.ended = f"line {number}: {error}"
            raise
        except PfnmapError as error:
            raise script.scenario.complaint(number, error) from None
        last = _outcome(state, command, steps)
        state = last.after
        yield GuestStep(number, command, tuple(steps))


def _as_shown(claim: Expect) -> tuple[Expect | None, bool]:
    """The part of a claim that a kernel's files show, None: nothing; whether that is all."""
    keys = SHOWN.get(claim.what)
    if keys is None:
        return None, False
    pairs = tuple(pair for pair in claim.pairs if pair[0] in keys)
    part = replace(claim, pairs=pairs) if pairs or not claim.pairs else None
    return part, pairs == claim.pairs


def _outcome(state: State, command: Command, steps: list[RecordedStep]) -> Outcome:
    """What the kernel answered and logged, and the machine that it shows."""
    outcome, before = Outcome(command, state, state), state
    for step in steps:
        outcome, _ = recorded_step(state, step)
        state = outcome.after
    after = state
    log = tuple(line for step in steps for line in step.log)
    said = Event("the kernel", "what it logged", Phases(lambda: [after]), 0, log)
    printed = "\n".join(step.output or "" for step in steps if isinstance(step, ShellStep))
    return replace(
        outcome,
        command=command,
        before=before,
        events=(said,),
        output=tuple(printed.splitlines()),
        notes=(),
    )
