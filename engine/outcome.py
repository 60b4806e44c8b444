"""What applying a command gave: events in kernel order, or a refusal; findings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import overload

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import Command, is_action
from pfnmap.engine.errors import SHELL_TEXT
from pfnmap.engine.memory.state import State
from pfnmap.engine.recent import Recent, Weakly

NOT_MODELLED = ": not modelled"
"""Behind what it is about, in a note: what the kernel would do is not known."""


class Phases:
    """The states that the phases of one command left, behind the one that it began with."""

    __slots__ = ("_known",)

    def __init__(self, known: Callable[[], Sequence[State]]) -> None:
        self._known = known

    @property
    def states(self) -> Sequence[State]:
        """The state at the beginning, and after each event, in their order."""
        return self._known()


class Event(Struct, frozen=True):
    """One phase of an operation: the kernel function, what it changed, the state after it.

    ``first_block``/``nr_blocks`` say which blocks the phase was about (-1/0: none);
    a phase that ran the same way over many blocks is one event.
    """

    function: str
    text: str
    phases: Phases
    number: int
    """Which of the phases it is, from 1."""
    log: tuple[str, ...] = ()
    first_block: int = -1
    nr_blocks: int = 0
    depth: int = 0
    """How deep in the kernel's calls, where a kernel told what it called."""

    @property
    def state(self) -> State:
        """The machine right after this phase."""
        return self.phases.states[self.number]

    @property
    def before(self) -> State:
        """The machine right before it."""
        return self.phases.states[self.number - 1]


class RepeatedEvents(Sequence[Event]):
    """The events of many ranges of blocks with which the same is done, made when asked for."""

    __slots__ = ("__weakref__",)

    @abstractmethod
    def behind(self, number: int) -> Iterator[Event]:
        """All behind the first ``number``."""

    @property
    @abstractmethod
    def log(self) -> Iterable[str]:
        """The kernel log lines of all, in order."""

    @property
    @abstractmethod
    def touched(self) -> NDArray[np.int64]:
        """[first, end) of the blocks that they are about, int64 (n, 2)."""

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        wanted = range(len(self))[index]
        if isinstance(wanted, int):
            return next(self.behind(wanted))
        return list(islice(self.behind(wanted.start), 0, len(wanted) * wanted.step, wanted.step))

    def __iter__(self) -> Iterator[Event]:
        return self.behind(0)


class RemadePhases(Phases):
    """Phases that are made again when somebody asks, by carrying out the command once more.

    Only those of the commands asked about last are kept: a history that held every one of them
    would be ten times as large as what its steps changed.
    """

    __slots__ = ("_states",)
    _kept: Recent[RemadePhases] = Recent(2)

    def __init__(self) -> None:
        self._states: Sequence[State] | None = None

    @property
    def states(self) -> Sequence[State]:
        """The state at the beginning, and after each event, in their order."""
        if (states := self._states) is None:
            states = self._states = self.states_again()
            self._kept.keep(self)
        return states

    @abstractmethod
    def states_again(self) -> Sequence[State]:
        """The states, not from memory."""

    @abstractmethod
    def events_again(self) -> Sequence[Event]:
        """The events, not from memory."""

    def forget(self) -> None:
        """Let go of the states until they are asked for again."""
        self._states = None


class RemadeEvents(RepeatedEvents):
    """The events of a command, of which all but those asked about last are made again when asked.

    A history that held every text of every phase would be larger than all that its steps changed.
    """

    __slots__ = ("_count", "_made", "_phases")
    _lately: Recent[Weakly] = Recent(256)

    def __init__(
        self, phases: RemadePhases, count: int, made: Sequence[Event] | None = None
    ) -> None:
        self._phases, self._count, self._made = phases, count, made
        if made is not None:
            self._lately.keep(Weakly(self))

    def forget(self) -> None:
        """Let go of the events until they are asked for again."""
        self._made = None

    def __len__(self) -> int:
        return self._count

    @property
    def _events(self) -> Sequence[Event]:
        if (made := self._made) is None:
            made = self._made = self._phases.events_again()
            self._lately.keep(Weakly(self))
        return made

    def behind(self, number: int) -> Iterator[Event]:
        """All behind the first ``number``."""
        return iter(self._events[number:])

    @property
    def log(self) -> Iterable[str]:
        """The kernel log lines of all, in order."""
        return log_of(self._events)

    @property
    def touched(self) -> NDArray[np.int64]:
        """[first, end) of the blocks that they are about, int64 (n, 2)."""
        return touched_by(self._events)


class Events(RepeatedEvents):
    """The events of a command, part by part, some of which are made when asked for."""

    def __init__(self, parts: Sequence[Sequence[Event]]) -> None:
        self.parts = [part for part in parts if len(part)]
        self._ends = np.cumsum([len(part) for part in self.parts], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def behind(self, number: int) -> Iterator[Event]:
        """All behind the first ``number``."""
        at = int(self._ends.searchsorted(number, side="right"))
        for index, part in enumerate(self.parts[at:], at):
            skipped = max(0, number - (int(self._ends[index - 1]) if index else 0))
            if isinstance(part, RepeatedEvents):
                yield from part.behind(skipped)
            else:
                yield from part[skipped:]

    @property
    def log(self) -> Iterator[str]:
        """The kernel log lines of all, in order."""
        return chain.from_iterable(log_of(part) for part in self.parts)

    @property
    def touched(self) -> NDArray[np.int64]:
        """[first, end) of the blocks that they are about, int64 (n, 2)."""
        return np.concatenate([touched_by(()), *map(touched_by, self.parts)])


def log_of(events: Sequence[Event]) -> Iterable[str]:
    """The kernel log lines of some events, in order."""
    if isinstance(events, RepeatedEvents):
        return events.log
    return (line for event in events for line in event.log)


def touched_by(events: Sequence[Event]) -> NDArray[np.int64]:
    """[first, end) of the blocks that some events are about, int64 (n, 2)."""
    if isinstance(events, RepeatedEvents):
        return events.touched
    about = [(e.first_block, e.first_block + e.nr_blocks) for e in events if e.first_block >= 0]
    return np.array(about, np.int64).reshape(-1, 2)


class Refusal(Struct, frozen=True):
    """Why the kernel said no: errno, the function that decided, and the rule in words."""

    errno: str
    function: str
    rule: str
    block: int | None = None
    pfn: int | None = None

    @property
    def shell_text(self) -> str:
        """The words a shell prints for the errno."""
        return SHELL_TEXT.get(self.errno, self.errno)


class Outcome(Struct, frozen=True):
    """The result of one command."""

    command: Command
    before: State
    after: State
    events: Sequence[Event] = ()
    refusal: Refusal | None = None
    output: tuple[str, ...] = ()
    """Lines the command prints itself (``cat``, ``grep``, ``free`` answers)."""
    notes: tuple[str, ...] = ()
    """What the simulator has to say, e.g. that a boot-only parameter was changed."""

    @property
    def ok(self) -> bool:
        """True when the kernel returned 0."""
        return self.refusal is None

    @property
    def errno(self) -> str | None:
        """The errno name, None on success."""
        return self.refusal.errno if self.refusal else None

    @property
    def unknown(self) -> tuple[str, ...]:
        """The notes that say what the model cannot answer for."""
        return tuple(note for note in self.notes if NOT_MODELLED in note)

    @property
    def log(self) -> tuple[str, ...]:
        """The kernel log lines of the whole command, in order."""
        return tuple(log_of(self.events))


def last_action(outcomes: Sequence[Outcome], position: int) -> Outcome | None:
    """The last of so many that was for the machine: it is what claims are about. None: none is."""
    back = (outcomes[index] for index in range(position - 1, -1, -1))
    return next((outcome for outcome in back if is_action(outcome.command)), None)
