"""A scenario on a real kernel: what to boot for it, doing it, judging its claims."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.commands import Command, Expect, SetParam, StartMachine, is_action, is_step
from pfnmap.engine.compare import VariantRun, VariantStep
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.expectations import evaluate
from pfnmap.engine.guest.errors import GuestError
from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.hardware import Hardware, hardware_of
from pfnmap.engine.guest.kernels import Kernel
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.guest.verbs import MEANINGLESS, perform, refuse
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.state import State
from pfnmap.engine.outcome import Event, Outcome, Phases
from pfnmap.engine.scenarios.run import Failure
from pfnmap.engine.scenarios.scenario import Scenario
from pfnmap.engine.traces.parting import Course, Moment, shown_by
from pfnmap.engine.traces.recorded import recorded_step
from pfnmap.engine.traces.replay import machine_state
from pfnmap.engine.traces.trace import RecordedStep, ShellStep, Trace

QEMU_BYTES: Final = 512 << 20
"""What a guest takes beside its memory, and the margin for what is plugged in."""
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
    at_boot: frozenset[int] = frozenset()
    """Numbers of lines that the boot has done."""

    @property
    def lines(self) -> list[tuple[int, Command]]:
        """What is to be done, each with the number of its line."""
        lines = ((n, c) for n, c in self.scenario.lines if n not in self.at_boot)
        return [(n, c) for n, c in lines if is_step(c)]


class GuestStep(Struct, frozen=True):
    """A line of the scenario and what came of it."""

    number: int
    """As a session counts."""
    line: int
    """In the file."""
    command: Command
    outcome: Outcome | None = None
    """The kernel's answer, None for a claim."""
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
    at_boot: set[int] = set()
    acted = False
    place = next((n for n, c in scenario.lines if isinstance(c, StartMachine)), 1)
    try:
        hardware_of(scenario.start, arch)
        for place, command in scenario.lines:
            if type(command) in MEANINGLESS and not isinstance(command, StartMachine):
                raise refuse(command)
            if isinstance(command, SetParam) and not acted:
                params[command.name] = command.value
                at_boot.add(place)
                hardware_of(scenario.start, arch, params)
            acted |= is_action(command) and place not in at_boot
    except PfnmapError as error:
        raise scenario.complaint(place, error) from None
    return Script(scenario, hardware_of(scenario.start, arch, params), frozenset(at_boot))


def play_on(recorder: Recorder, script: Script) -> Iterator[GuestStep]:
    """Do the lines to a guest, each when it is asked for; a refused one stops nothing.

    Raises:
        ParseError: A line means nothing on this machine.
        GuestError: There is no answer any more; the recording has what came before, and why.
    """
    state, last = machine_state(recorder.trace), None
    number = 0
    for line, command in script.scenario.lines:
        if not is_step(command):
            continue
        number += 1
        if isinstance(command, Expect):
            claim, whole = _as_shown(command)
            failures = evaluate(claim, state, last) if claim else []
            yield GuestStep(number, line, command, failures=tuple(failures), not_shown=not whole)
            continue
        steps: list[RecordedStep] = []
        if line not in script.at_boot:
            try:
                steps = perform(recorder, command)
            except GuestError as error:
                recorder.ended = f"line {line}: {error}"
                raise
            except PfnmapError as error:
                raise script.scenario.complaint(line, error) from None
        outcome = _outcome(state, command, steps)
        state = outcome.after
        if is_action(command):
            last = outcome
        yield GuestStep(number, line, command, outcome, tuple(steps))


class KernelRun(Struct, frozen=True):
    """A scenario that a kernel has gone through."""

    name: str
    script: Script
    accelerator: str
    trace: Trace
    steps: tuple[GuestStep, ...]

    @property
    def failures(self) -> list[Failure]:
        """Why claims do not hold."""
        source = self.script.scenario.source
        return [Failure(source, s.line, text) for s in self.steps for text in s.failures]

    @property
    def variant(self) -> VariantRun:
        """The run as one to be compared."""
        state = machine_state(self.trace)
        claims = [step for step in self.steps if isinstance(step.command, Expect)]
        done = [
            VariantStep(step.number, format_command(step.command), step.outcome)
            for step in self.steps
            if is_action(step.command)
        ]
        last = done[-1].outcome if done else None
        return VariantRun(
            name=self.name,
            pairs=(),
            start=state,
            steps=tuple(done),
            machine=Machine(last.after if last else state),
            nr_expectations=len(claims),
            failed=tuple(f"line {step.line}: {text}" for step in claims for text in step.failures),
        )

    @property
    def course(self) -> Course:
        """The run as one that parts from others somewhere."""
        state, moments = self.trace.boot, list[Moment]()
        for step in self.steps:
            if step.outcome is not None and is_action(step.command):
                state = step.recorded[-1].after if step.recorded else state
                words = format_command(step.command)
                log = step.outcome.log
                moments.append(Moment(step.number, words, step.outcome.errno, log, state))
        return Course(self.name, self.trace.boot, tuple(moments))


def run_on(
    kernel: Kernel,
    scenario: Scenario,
    progress: Callable[[str], None] = lambda _line: None,
    *,
    calls: bool = False,
    keep: Callable[[Trace], None] = lambda _trace: None,
) -> KernelRun:
    """Boot a kernel, let it go through a scenario, end it.

    Args:
        kernel: Which.
        scenario: What to do.
        progress: Told what happens.
        calls: Whether the kernel's own calls are recorded.
        keep: Given the recording, that of a kernel that fails on the way too.

    Raises:
        ParseError: The scenario is none for a real machine.
        GuestError: The kernel does not boot, lacks what the scenario needs, or fails on the way.
    """

    def told(line: str) -> None:
        progress(line and f"{kernel.title}: {line}")

    script = script_of(scenario, kernel.arch)
    steps = []
    with Guest.boot(kernel, script.hardware, told) as guest:
        recorder = Recorder.start(guest, calls=calls)
        try:
            for step in play_on(recorder, script):
                told(f"step {step.number}")
                steps.append(step)
        finally:
            keep(recorder.trace)
    return KernelRun(
        guest.facts["release"], script, guest.accelerator, recorder.trace, tuple(steps)
    )


def run_side_by_side(
    kernels: Sequence[Kernel], scenario: Scenario, progress: Callable[[str], None]
) -> list[KernelRun]:
    """Let kernels go through a scenario, as many at once as there is memory for.

    Raises:
        ParseError: The scenario is none for a real machine.
        GuestError: That of the first kernel that fails; the others are given up.
    """
    room = min(_room(script_of(scenario, each.arch).hardware) for each in kernels)
    turns, over = threading.Semaphore(room), threading.Event()
    answers = SimpleQueue[tuple[int, KernelRun | Exception]]()

    def heard(line: str) -> None:
        if over.is_set():
            raise GuestError("given up")
        progress(line)

    def run(number: int, kernel: Kernel) -> None:
        with turns:
            try:
                answers.put((number, run_on(kernel, scenario, heard)))
            except Exception as error:
                answers.put((number, error))

    done: dict[int, KernelRun] = {}
    try:
        # Daemons: whoever interrupts this does not wait for a kernel.
        for number, kernel in enumerate(kernels):
            threading.Thread(target=run, args=(number, kernel), daemon=True).start()
        while len(done) < len(kernels):
            number, answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            done[number] = answer
            progress(f"{answer.name}: {len(done)} of {len(kernels)} kernels are through")
    finally:
        over.set()
    return [done[number] for number in range(len(kernels))]


def _room(hardware: Hardware) -> int:
    """How many such guests fit into the memory that is available here, one at the least."""
    return max(1, (available_kib() << 10) // (hardware.total_bytes + QEMU_BYTES))


def available_kib() -> int:
    """``MemAvailable`` of this machine."""
    found = re.search(r"MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) if found else 0


def course_of_variant(run: VariantRun) -> Course:
    """The model under some rules, as a course that parts from a kernel's somewhere."""
    state, moments = shown_by(run.start), list[Moment]()
    for step in run.steps:
        if step.outcome is not None:
            state = shown_by(step.outcome.after)
        errno, log = (step.outcome.errno, step.outcome.log) if step.outcome else ("impossible", ())
        moments.append(Moment(step.number, step.line, errno, log, state))
    return Course(run.name, shown_by(run.start), tuple(moments))


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
