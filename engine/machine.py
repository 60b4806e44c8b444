"""A machine: one state at a time, changed only by commands.

    >>> from pfnmap.engine import Machine
    >>> machine = Machine.boot()
    >>> machine.run("add dimm0 256M").ok
    True

``predict`` is pure; ``apply`` is ``predict`` and the step to the state after it. Words become
commands in ``pfnmap.engine.language``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module

from msgspec.structs import replace

from pfnmap.engine import commands
from pfnmap.engine.cmdline import read_cmdline
from pfnmap.engine.errors import InputError
from pfnmap.engine.function_names import name_in
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory import boot, checks
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Event, Outcome, Phases, Refusal, RemadeEvents, RemadePhases


class CheckError(AssertionError):
    """Identities that do not hold; ``broken`` lists them as sentences."""

    def __init__(self, broken: list[str]) -> None:
        self.broken = broken
        super().__init__("; ".join(broken))


class Machine:
    """A thin face over an immutable :class:`State`."""

    def __init__(self, state: State) -> None:
        self.state = state

    @classmethod
    def boot(cls, start: commands.StartMachine | None = None) -> Machine:
        """The machine that a ``machine`` line describes; InputError where it cannot be."""
        start = start or commands.StartMachine()
        return cls(with_boot_pools(boot.boot(start), start.cmdline))

    def predict(self, command: commands.Command) -> Outcome:
        """What applying the command would give; changes nothing.

        InputError where the command means nothing on this machine (no such block …).
        """
        return predict(self.state, command)

    def apply(self, command: commands.Command) -> Outcome:
        """Apply the command; the state moves to ``outcome.after``, refused or not."""
        outcome = predict(self.state, command)
        self.state = outcome.after
        return outcome

    def step(self, command: commands.Command) -> Iterator[Event]:
        """Apply the command phase by phase: the state is the phase's while it is yielded."""
        outcome = predict(self.state, command)
        for event in outcome.events:
            self.state = event.state
            yield event
        self.state = outcome.after

    def run(self, line: str) -> Outcome:
        """Apply one line of the command language."""
        if (command := parse_line(line)) is None:
            raise InputError("an empty line is no command")
        return self.apply(command)

    def check(self) -> None:
        """Raise CheckError with every identity that should hold and does not."""
        broken = checks.broken_identities(self.state)
        if broken:
            raise CheckError(broken)

    def view(self) -> ModelView:
        """What painters and screens read."""
        return ModelView(self.state)


def predict(state: State, command: commands.Command) -> Outcome:
    """The outcome of a command on a state: the one place where commands become effects."""
    if isinstance(command, commands.StartMachine):
        return Outcome(command, state, Machine.boot(command).state)
    if not commands.is_action(command):
        return Outcome(command, state, state)
    phases = CarriedOut(state, command)
    tx, refusal = _carried_out(state, command, phases)
    if refusal is not None:
        function = name_in(tx.state.profile.release, refusal.function)
        refusal = replace(refusal, function=function)
    events = tx.all_events
    if isinstance(events, tuple) and events:  # else they are few columns for many ranges of blocks
        events = RemadeEvents(phases, len(events), events)
    return Outcome(command, state, tx.state, events, refusal, tuple(tx.output), tuple(tx.notes))


class CarriedOut(RemadePhases):
    """The phases of a command on a state, made by carrying it out again."""

    __slots__ = ("_command", "_start")

    def __init__(self, start: State, command: commands.Command) -> None:
        super().__init__()
        self._start, self._command = start, command

    def states_again(self) -> Sequence[State]:
        """The states, not from memory."""
        return _carried_out(self._start, self._command)[0].states

    def events_again(self) -> Sequence[Event]:
        """The events, not from memory."""
        return _carried_out(self._start, self._command, self)[0].all_events


def _carried_out(
    state: State, command: commands.Command, phases: Phases | None = None
) -> tuple[Transaction, Refusal | None]:
    tx = Transaction(state, phases)
    waits = state.pending is not None and isinstance(command, commands.HOTPLUG)
    refusal = _load("pending.waits" if waits else _EFFECTS[type(command)])(tx, command)
    if any(device.is_dynamic for device in tx.state.devices.values()):
        _load("virtio_mem.retry")(tx, command)
    return tx, refusal


def with_boot_pools(state: State, cmdline: str) -> State:
    """The machine at boot with the pools of huge pages that a kernel command line asks for.

    Raises:
        InputError: It asks for what the machine has not got.
    """
    for word, page_bytes, count in read_cmdline(cmdline).hugepages:
        kib = (page_bytes or state.geometry.hugetlb_bytes[0]) >> 10
        path = f"/sys/kernel/mm/hugepages/hugepages-{kib}kB/nr_hugepages"
        tx, refusal = _carried_out(state, commands.SysfsWrite(str(count), path))
        if refusal is not None:
            raise InputError(f"{word}: {refusal.rule}")
        fresh = [held for held in tx.state.hugetlb.values() if held.id >= state.next_id]
        for held in fresh:
            _load("hugetlb.optimised_at_boot")(tx, held)
        state, have = tx.state, sum(held.count for held in fresh)
        if have < count:
            note = f"{word}: only {have} of {count} pages could be allocated"
            state = replace(state, notes=(*state.notes, note))
    return state


_EFFECTS = {verb.command: verb.effect for verb in commands.VERBS.values()}


def is_loaded(command: commands.Command) -> bool:
    """Whether the operation behind a command is: loading the first takes as long as a frame."""
    return _module(_EFFECTS[type(command)]) in sys.modules


def _module(effect: str) -> str:
    return f"pfnmap.engine.operations.{effect.partition('.')[0]}"


@cache
def _load(effect: str) -> Callable[..., Refusal | None]:
    """The function of an operation, which is loaded when a command first needs it."""
    loaded = import_module(_module(effect))
    does: Callable[..., Refusal | None] = getattr(loaded, effect.partition(".")[2])
    return does
