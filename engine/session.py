"""A session: one machine, the commands that were run, and where on the timeline we are.

States are immutable and share what did not change, so undo, redo, seeking, branches and slow
motion are changes of a position, never recomputation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from msgspec import Struct

from pfnmap.engine.commands import Command, StartMachine, is_action
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import cwd_after
from pfnmap.engine.machine import Machine, predict
from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Outcome, last_action
from pfnmap.engine.view import View


class Branch(Struct, frozen=True):
    """A line of commands that was left: it departs after ``position`` steps of the timeline."""

    position: int
    outcomes: tuple[Outcome, ...]


class History(ABC):
    """A machine over time: what a screen shows, and how it moves along.

    Position 0 is the machine as it was opened. :class:`Session` is the timeline of a simulated
    machine; that of a real one is :class:`pfnmap.engine.sysroot.history.ObservedHistory`.
    """

    read_only = False
    """Whether commands only foresee, and change nothing."""
    goes_back = True
    """Whether what was done can be undone; no real kernel goes back."""
    waiting: Sequence[Command] = ()
    """Commands that were brought along, to be done one after another as a person steps on."""
    start_command: StartMachine | None = None
    """The ``machine`` line, where the machine came from one."""

    def __init__(self, start: State, title: str) -> None:
        self.start = start
        self.title = title
        self.outcomes: list[Outcome] = []
        self.position = 0
        self._last_action: tuple[Outcome | None, Outcome | None] = None, None
        self.phase: int | None = None
        self.branches: list[Branch] = []
        self.marks: dict[str, int] = {}
        """Places with a name: pfns. They are of the session, not of the machine."""
        self.listeners: list[Callable[[Outcome], object]] = []
        """Called with every new outcome once it is in force."""
        self.noted: Callable[[str], object] = lambda _line: None
        """Called with every other move of the session once it is made, in a journal's words."""

    # -- where we are ----------------------------------------------------------------
    @property
    def state(self) -> State:
        """The state shown: at rest, or after a phase in slow motion."""
        if self.phase is not None:
            events = self.outcomes[self.position].events
            return events[self.phase - 1].state if self.phase else self._at(self.position)
        return self._at(self.position)

    @property
    def cwd(self) -> str:
        """Where relative paths of shell lines begin: the folder of the last ``cd``."""
        done = (outcome.command for outcome in reversed(self.outcomes[: self.position]))
        return next((folder for command in done if (folder := cwd_after(command, ""))), "")

    def _at(self, position: int) -> State:
        return self.outcomes[position - 1].after if position else self.start

    @property
    def machine(self) -> Machine:
        """The machine at this position (changing it does not change the timeline)."""
        return Machine(self.state)

    @property
    @abstractmethod
    def view(self) -> View:
        """The machine as it is shown."""

    @property
    @abstractmethod
    def before(self) -> View | None:
        """The machine before what is shown came about; None at the start."""

    @abstractmethod
    def view_at(self, position: int) -> View:
        """The view at rest at a position (0 to the number of steps)."""

    @property
    def last(self) -> Outcome | None:
        """The outcome that led here (in slow motion: the one under way)."""
        if self.phase is not None:
            return self.outcomes[self.position]
        return self.outcomes[self.position - 1] if self.position else None

    @property
    def last_action(self) -> Outcome | None:
        """The last step up to here that was for the machine; None before the first."""
        if not self.position:
            return None
        # Claims in a row ask one after another: what was found for the step before still holds.
        (asked, found), here = self._last_action, self.outcomes[self.position - 1]
        if is_action(here.command):
            found = here
        elif not any(
            asked is one for one in self.outcomes[max(0, self.position - 2) : self.position]
        ):
            found = last_action(self.outcomes, self.position)
        self._last_action = here, found
        return found

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What a prediction or a branch takes for granted of a real machine."""
        return ()

    @property
    def trouble(self) -> str | None:
        """What keeps the session from being kept; None when nothing does."""
        return None

    def predict(self, command: Command) -> Outcome:
        """What a command would do here; changes nothing."""
        return predict(self._at(self.position), command)

    # -- doing -----------------------------------------------------------------------
    def carry_out(self, command: Command) -> Outcome:
        """What a command does to the machine, for :meth:`record`. Shows nothing; may take long."""
        raise InputError(f"{command.text or 'this'}: this machine is shown read-only")

    @property
    def recording(self) -> bytes | None:
        """What a real kernel did and said, as a file; None where no kernel was asked."""
        return None

    def record(self, outcome: Outcome) -> Outcome:
        """Show what :meth:`carry_out` did."""
        raise InputError("this machine is shown read-only")

    # -- moving ----------------------------------------------------------------------
    def mark(self, name: str, pfn: int) -> None:
        """Give a place a name, instead of the one that had it."""
        self.marks[name] = pfn
        self.noted(f"mark {name} {pfn}")

    def undo(self, count: int = 1) -> int:
        """Go back; returns how many steps that was."""
        steps = min(max(0, count), self.position)
        self._go(self.position - steps, f"undo {steps}")
        return steps

    def redo(self, count: int = 1) -> int:
        """Go forward again; returns how many steps that was."""
        steps = min(max(0, count), len(self.outcomes) - self.position)
        self._go(self.position + steps, f"redo {steps}")
        return steps

    def seek(self, position: int) -> None:
        """Go to a position (0 to the number of steps); InputError outside."""
        if not 0 <= position <= len(self.outcomes):
            raise InputError(f"seek {position}: there are steps 0 to {len(self.outcomes)}")
        self._go(position, f"seek {position}")

    def _go(self, position: int, line: str) -> None:
        moves = (self.position, self.phase) != (position, None)
        self.position, self.phase = position, None
        if moves:
            self.noted(line)

    def step_phase(self, delta: int) -> None:
        """Slow motion: forward or back by phases, across the borders of steps."""
        before = self.position, self.phase
        if delta > 0:
            self._phase_forward(delta)
        else:
            self._phase_back(-delta)
        if (self.position, self.phase) != before:
            self.noted(f"phase {delta}")

    def _phase_forward(self, count: int) -> None:
        for _ in range(count):
            if self.position >= len(self.outcomes):
                self.phase = None
                return
            phase = (self.phase or 0) + 1
            if phase > len(self.outcomes[self.position].events):
                self.phase = None
                self.position += 1
            else:
                self.phase = phase

    def _phase_back(self, count: int) -> None:
        for _ in range(count):
            if self.phase is None:
                if not self.position:
                    return
                self.position -= 1
                self.phase = len(self.outcomes[self.position].events)
            elif self.phase:
                self.phase -= 1
            if self.phase == 0:
                self.phase = None


class Session(History):
    """The timeline of a simulated machine: commands are steps, and those undone are branches."""

    def __init__(
        self,
        machine: Machine,
        title: str = "",
        *,
        loaded: Sequence[Outcome] = (),
        shown: Sequence[View] = (),
        start_command: StartMachine | None = None,
    ) -> None:
        """Open a timeline.

        ``loaded``: steps that already happened (a recording), to be stepped through; ``shown``:
        the machine behind each of them as it was recorded, none where the model's is shown.
        """
        super().__init__(machine.state, title)
        self.start_command = start_command
        self.outcomes += loaded
        self.recorded = list(zip(loaded, shown, strict=False))
        """Steps of a recording, each with the machine behind it as the kernel showed it."""
        self._views: list[ModelView] = []
        """The last three, the latest first: what is shown is what the next step is told from."""

    @classmethod
    def booted(cls, start: StartMachine | None = None) -> Session:
        """A machine at boot: the one described, or else 4 GiB under the newest Linux."""
        start = start or StartMachine(text="machine")
        return cls(Machine.boot(start), "simulated machine", start_command=start)

    @property
    def view(self) -> View:
        """The view of the state shown."""
        recorded = self._recorded(self.position) if self.phase is None else None
        return recorded or self._view_of(self.state)

    def _recorded(self, position: int) -> View | None:
        """What a recording shows behind this step, if it is one of its own."""
        if not 0 < position <= len(self.recorded):
            return None
        outcome, view = self.recorded[position - 1]
        return view if self.outcomes[position - 1] is outcome else None

    @property
    def before(self) -> View | None:
        """The machine before the last step for it, or before the phase; None at the start.

        A note or a claim behind a step leaves what the step changed marked.
        """
        if self.phase is not None and self.position < len(self.outcomes):
            event = self.outcomes[self.position].events[self.phase - 1]
            return self._view_of(event.before)
        last = self.last_action
        return None if last is None else self._view_of(last.before)

    def view_at(self, position: int) -> View:
        """The view at rest at a position (0 to the number of steps)."""
        state = self._at(position)
        return self._recorded(position) or self._known(state) or ModelView(state)

    def _known(self, state: State) -> ModelView | None:
        return next((view for view in self._views if view.state is state), None)

    def _view_of(self, state: State) -> ModelView:
        """The view of a state; the same one as long as it is asked for now and then."""
        view = self._known(state) or ModelView(state)
        self._views = [view, *(each for each in self._views if each is not view)][:3]
        return view

    def run(self, command: Command) -> Outcome:
        """Apply a command here; steps that were undone become a branch."""
        return self.record(self.predict(command))

    def carry_out(self, command: Command) -> Outcome:
        """What a command does here; nothing before it is recorded."""
        return self.predict(command)

    def record(self, outcome: Outcome) -> Outcome:
        """Append an outcome of the state at this position."""
        self.phase = None
        if self.position < len(self.outcomes):
            rest = tuple(self.outcomes[self.position :])
            self._root_branches(self.position, rest)
            self.branches.append(Branch(self.position, rest))
            del self.outcomes[self.position :]
        outcome.after.lean_on(outcome.before)
        self.outcomes.append(outcome)
        self.position += 1
        for listener in self.listeners:
            listener(outcome)
        return outcome

    def switch(self, index: int) -> None:
        """Take up a branch that was left; the steps that are there now become one."""
        if not 0 <= index < len(self.branches):
            raise InputError(f"branch {index}: there are {len(self.branches)} branches")
        branch = self.branches.pop(index)
        rest = tuple(self.outcomes[branch.position :])
        if rest:
            self._root_branches(branch.position, rest)
            self.branches.append(Branch(branch.position, rest))
        self.phase = None
        self.outcomes[branch.position :] = branch.outcomes
        self.position = len(self.outcomes)
        self.noted(f"switch {index}")

    def _root_branches(self, position: int, rest: tuple[Outcome, ...]) -> None:
        """Let every branch depart from what stays when ``rest``, after ``position``, goes.

        A branch of the part that goes takes its share of that part along.
        """
        for index, branch in enumerate(self.branches):
            if branch.position > position:
                taken = rest[: branch.position - position]
                self.branches[index] = Branch(position, taken + branch.outcomes)
