"""The timeline of a guest: what is done is done to its kernel, and read like any real machine.

Beside each answer stands what the model foresaw. Where the two differ that is a finding, with what
somebody needs to report it.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from pfnmap.engine.commands import (
    Command,
    DeviceDel,
    HugetlbFree,
    Kmem,
    KmemDel,
    Note,
    StartMachine,
    SysfsWrite,
    is_action,
)
from pfnmap.engine.errors import InputError
from pfnmap.engine.finding import DISAGREES, Finding
from pfnmap.engine.guest.errors import UnplayableError
from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.guest.verbs import MEANINGLESS, perform, refuse
from pfnmap.engine.machine import predict
from pfnmap.engine.memory.state import State
from pfnmap.engine.outcome import Event, Outcome, Phases, Refusal
from pfnmap.engine.printable import printable
from pfnmap.engine.sysroot.explain import explain
from pfnmap.engine.sysroot.history import MAX_DISAGREEMENTS, ObservedHistory, observed
from pfnmap.engine.sysroot.observation import Observation, Span
from pfnmap.engine.sysroot.observe import Watcher, changes_between
from pfnmap.engine.sysroot.shell_machine import ANSWER_SECONDS, Answer, ShellMachine
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.traces.recorded_state import as_recorded
from pfnmap.engine.traces.replay import machine_state, run_step
from pfnmap.engine.traces.trace import FIRMWARE, RecordedStep, ShellStep, trace_bytes
from pfnmap.engine.traces.verify import Difference, compare, compare_answer

MOST_SHOWN: Final = 8
"""Differences of one step that are spelt out in the log; the findings have all."""


class GuestLine:
    """The console of a guest, as what takes lines of shell there."""

    def __init__(self, guest: Guest, turn: threading.RLock) -> None:
        """``turn``: who has it may speak to the guest."""
        self.name = guest.accelerator
        self._guest, self._turn = guest, turn

    def run(self, lines: str, seconds: float = ANSWER_SECONDS) -> Answer:
        """Do lines there; GuestError where no answer comes."""
        # The guest takes one line at a time.
        text = lines.replace("\\", r"\\").replace("\n", r"\n")
        with self._turn:
            reply = self._guest.run(f'eval "$(printf %b {shlex.quote(text)})"', seconds)
        return Answer(reply.status, reply.output.encode("utf-8"))

    def close(self) -> None:
        """End the guest."""
        self._guest.close()


class GuestView(SysrootView):
    """A guest as it was read. Which device its memory is of is known: we plugged it in."""

    def __init__(
        self, observation: Observation, known: State, disagreements: tuple[Finding, ...] = ()
    ) -> None:
        """``known``: the same machine in the model."""
        super().__init__(observation)
        self.known = known
        self.disagreements = disagreements

    @property
    def title(self) -> str:
        """The kernel, and what it runs on."""
        return f"vm {self.kernel_release} ({self.observation.title})"

    def device_of(self, index: int) -> str | None:
        """The device that a block's memory is of, by the block's place."""
        known = self._file_state
        row = known.blocks.at(int(self.observation.blocks.ids[index]))
        device = None if row is None else known.devices.get(int(row["device"]))
        return device.name if device is not None else super().device_of(index)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What ``state`` takes for granted, in sentences."""
        return tuple(text for text in super().assumptions if "taken for" not in text)


class GuestHistory(ObservedHistory):
    """What was done to a guest, and what its kernel answered and showed."""

    read_only = False
    goes_back = False

    def __init__(
        self,
        guest: Guest,
        recorder: Recorder,
        *,
        start: StartMachine | None = None,
        waiting: Sequence[Command] = (),
    ) -> None:
        """Follow a guest that has booted.

        Args:
            guest: The guest.
            recorder: Does commands to it; nothing was done yet.
            start: The ``machine`` line that it was booted by.
            waiting: Commands of a scenario that are to be done one after another.
        """
        self.guest, self._recorder = guest, recorder
        self._turn = threading.RLock()
        machine = ShellMachine(GuestLine(guest, self._turn))
        super().__init__(Watcher(machine), explaining=False)
        self._model = self.start = machine_state(recorder.trace)
        found = compare(0, recorder.trace.boot, self._model)
        self._views[0] = self._view_of(self.watcher.view, tuple(_findings(found)))
        self.start_command = start
        self.waiting = tuple(waiting)

    @property
    def recording(self) -> bytes:
        """Everything that was done and what the kernel said, as a file."""
        return trace_bytes(self._recorder.trace)

    # -- doing -----------------------------------------------------------------------------
    def carry_out(self, command: Command) -> Outcome:
        """Do a command to the guest. Shows nothing yet, and may take long.

        UnplayableError for what no real machine can be told, GuestError where it answers no more.
        """
        if not self.live:
            raise InputError("an earlier reading is shown; go to the last step to act")
        if type(command) in MEANINGLESS:
            raise refuse(command)
        with self._turn:
            before = self._newest
            if not is_action(command):
                outcome, view = Outcome(command, self._model, self._model), before
            else:
                outcome, findings = self._done(command)
                self._model = outcome.after
                findings = (*before.disagreements, *findings)[-MAX_DISAGREEMENTS:]
                view = self._view_of(self.watcher.poll(), findings)
            self._coming.append((outcome, view))
        return outcome

    def record(self, outcome: Outcome) -> Outcome:
        """Show what :meth:`carry_out` did."""
        if self._next_is(outcome.command):
            self.waiting = self.waiting[1:]
        self.take(self._last_read)
        for listener in self.listeners:
            listener(outcome)
        return outcome

    def _done(self, command: Command) -> tuple[Outcome, tuple[Finding, ...]]:
        """Do something for the machine; of a scenario, what means nothing there is passed over."""
        foreseen = self._foreseen(command)
        try:
            steps = perform(self._recorder, command)
        except UnplayableError as error:
            if not self._next_is(command):
                raise
            self.waiting = self.waiting[1:]
            return Outcome(Note(f"passed over: {error}"), self._model, self._model), ()
        return self._answered(command, foreseen, steps)

    def _next_is(self, command: Command) -> bool:
        return bool(self.waiting) and self.waiting[0] is command

    @property
    def _newest(self) -> SysrootView:
        """As it was last read, be it shown already or not."""
        return self._coming[-1][1] if self._coming else self._last_read

    def _view_of(self, read: SysrootView, findings: tuple[Finding, ...]) -> GuestView:
        return GuestView(read.observation, self._model, findings)

    # -- what the model says -----------------------------------------------------------------
    def _foreseen(self, command: Command) -> Outcome | InputError:
        """What the model foresees with what is known of single pages; why not, where it cannot."""
        try:
            return self.predict(self._as_the_kernel_has_it(command))
        except InputError as error:
            return error

    def _as_the_kernel_has_it(self, command: Command) -> Command:
        """The command with the kernel's name for a device or a pool that was named here."""
        if isinstance(command, DeviceDel | Kmem | KmemDel):
            return replace(command, name=self._recorder.dax_name(command.name) or command.name)
        if isinstance(command, HugetlbFree) and command.name in self._recorder.huge_pages:
            return SysfsWrite("0", self._recorder.huge_pages[command.name][0])
        return command

    def _answered(
        self, command: Command, foreseen: Outcome | InputError, steps: Sequence[RecordedStep]
    ) -> tuple[Outcome, tuple[Finding, ...]]:
        """What was done with the kernel's answer, and where the model foresaw another."""
        last, before = steps[-1], len(self._recorder.steps) - len(steps)
        differences: list[Difference] = []
        after, replayed = self._model, None
        for number, step in enumerate(steps, before + 1):
            try:
                replayed = run_step(after, step)
            except InputError:
                replayed = None
            else:
                differences += compare_answer(number, step, replayed)
                differences += compare(number, step.after, replayed.after)
            after = as_recorded(replayed.after if replayed else after, step.after)
        output = [line for step in steps if isinstance(step, ShellStep) for line in _printed(step)]
        notes = [f"QEMU refused: {printable(step.reason)}" for step in steps if step.reason]
        if isinstance(foreseen, InputError):
            notes.append(f"the model foresees nothing of this: {foreseen}")
        elif differences:
            notes += [f"{_place(each)}" for each in differences[:MOST_SHOWN]]
            notes.append(self._to_report())
        else:
            output.append(_foreseen_words(foreseen, last))
        refusal = _refusal(last, replayed)
        events = tuple(_events(steps, after))
        outcome = Outcome(command, self._model, after, events, refusal, tuple(output), tuple(notes))
        return outcome, tuple(_findings(differences))

    def _to_report(self) -> str:
        trace = self._recorder.trace
        return (
            f"to report: Linux {printable(trace.kernel)} ({self.guest.accelerator}), command line "
            f"{printable(trace.cmdline)!r}; :save NAME.hotplug writes the scenario so far, "
            ":save NAME.json the recording"
        )

    # -- what the guest does by itself ---------------------------------------------------------
    def observe(self, in_sight: Span | None = None) -> SysrootView | None:
        """Read again; None when nothing changed, or while something is being done."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            before = self._newest
            read = self.watcher.poll(in_sight)
            if read.observation is not before.observation:
                self._recorder.look()
                was = self._model
                for each in explain(before, read).outcomes:  # what no file shows follows, too
                    with suppress(InputError):
                        self._model = predict(self._model, each.command).after
                self._model = as_recorded(self._model, self._recorder.now)
                changes = changes_between(before.observation, read.observation)
                ends = was, self._model
                outcome = observed(changes, Phases(lambda: ends))
                self._coming.append((outcome, self._view_of(read, before.disagreements)))
            return self._coming[-1][1] if self._coming else None
        finally:
            self._turn.release()


def _findings(differences: Sequence[Difference] | Iterator[Difference]) -> Iterator[Finding]:
    for each in differences:
        yield Finding(DISAGREES, f"step {each.step}: {_place(each)}")


def _place(each: Difference) -> str:
    return f"{each.field}: the kernel says {each.kernel}, the model foresaw {each.engine}"


def _foreseen_words(foreseen: Outcome, last: RecordedStep) -> str:
    """That it went as foreseen, or what the model had left open."""
    if foreseen.errno == last.result:
        return "as the model foresaw"
    doubts = "; ".join(foreseen.notes)
    return f"the model foresaw {foreseen.errno or 'success'}{doubts and f' ({doubts})'}"


def _refusal(last: RecordedStep, replayed: Outcome | None) -> Refusal | None:
    """The kernel's answer with the model's words for it, else with the kernel's own."""
    if last.result in (None, FIRMWARE):
        return None
    errno = printable(str(last.result))
    if replayed is not None and replayed.refusal is not None and replayed.errno == errno:
        return replayed.refusal
    said = [*last.debug, *last.log]
    rule = printable(said[-1]) if said else "it says no more"
    return Refusal(errno, "the kernel", rule)


def _events(steps: Sequence[RecordedStep], after: State) -> Iterator[Event]:
    """The kernel's own calls with what it logged between them; of one that cannot tell, its log."""
    at_once = Phases(lambda: (after,))
    for step in steps:
        if not step.calls and step.log:
            lines = tuple(map(printable, step.log))
            yield Event("the kernel", "it logged", at_once, 0, lines)
        for call in step.calls:
            if call.name:
                yield Event(printable(call.name), "", at_once, 0, depth=call.depth)
            else:
                yield Event("", printable(call.log), at_once, 0, depth=call.depth)


def _printed(step: ShellStep) -> list[str]:
    return [printable(line) for line in (step.output or "").splitlines()]
