"""One command under way: the state so far and the phases that led to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from msgspec.structs import replace

from pfnmap.engine.finding import MAX_FINDINGS, Finding
from pfnmap.engine.function_names import name_in
from pfnmap.engine.memory.state import Fault, State
from pfnmap.engine.outcome import Event, Events, Phases, Refusal, RepeatedEvents


class Transaction:
    """Collects events while an operation replaces ``state`` step by step.

    Operations are written in kernel order: change ``state``, then record the
    phase with :meth:`event`; ask :meth:`fault` before a phase that can fail.
    """

    def __init__(self, state: State, phases: Phases | None = None) -> None:
        """Begin with a state; ``phases`` can make the states of the events again."""
        self.state = state
        self.states = [state]
        """At the beginning, and after each event."""
        self._phases = phases or Phases(lambda: self.states)
        self.events: list[Event] = []
        """Those behind the last repeated ones."""
        self._parts: list[Sequence[Event]] = []
        self.output: list[str] = []
        self.notes: list[str] = []

    def event(
        self,
        function: str,
        text: str,
        *,
        log: tuple[str, ...] | list[str] = (),
        block: int = -1,
        nr_blocks: int = 1,
        caller: str = "",
    ) -> None:
        """Record that ``function`` ran and left ``self.state``.

        ``block``/``nr_blocks``: the blocks it was about (block -1: none). The event has the name
        that the machine's kernel has for the function; ``caller``: see ``function_names.name_in``.
        """
        if block < 0:
            nr_blocks = 0
        number, profile = len(self.states), self.state.profile
        self.states.append(self.state)
        self.events.append(
            Event(
                name_in(profile.release, function, caller, profile.name),
                text,
                self._phases,
                number,
                tuple(log),
                block,
                nr_blocks,
            )
        )

    def repeat(self, events: RepeatedEvents, state: State) -> None:
        """Record events that are made when asked for, and the state they leave."""
        self._parts += [tuple(self.events), events]
        self.events = []
        self.state = state
        self.states.append(state)

    @property
    def all_events(self) -> Sequence[Event]:
        """The phases so far."""
        return Events([*self._parts, self.events]) if self._parts else tuple(self.events)

    @property
    def single_events(self) -> list[Event]:
        """The phases so far but for the repeated ones."""
        single = (part for part in self._parts if not isinstance(part, RepeatedEvents))
        return [*chain.from_iterable(single), *self.events]

    def fault(self, phase: str) -> str | None:
        """The errno that ``fail next at=phase`` asked for, once; None otherwise."""
        for fault in self.state.faults:
            if fault.phase == phase:
                self.state = replace(
                    self.state, faults=tuple(f for f in self.state.faults if f is not fault)
                )
                return fault.errno
        return None

    def injected(self, phase: str, *, block: int | None = None) -> Refusal | None:
        """A refusal where a fault was asked for at this phase."""
        errno = self.fault(phase)
        if errno is None:
            return None
        return Refusal(errno, phase, f"fault injected: {phase} was told to fail", block)

    def finding(self, code: str, text: str, start_pfn: int = 0, nr_pages: int = 0) -> bool:
        """Report something that the rules in force break, once; whether there is room for more."""
        finding, found = Finding(code, text, start_pfn, nr_pages), self.state.findings
        alike = sum(known.code == code for known in found)
        if alike < MAX_FINDINGS and finding not in found:
            self.state = replace(self.state, findings=(*found, finding))
        return alike < MAX_FINDINGS

    def arm(self, fault: Fault) -> None:
        """Remember a fault for the next operation that reaches its phase."""
        self.state = replace(self.state, faults=(*self.state.faults, fault))
