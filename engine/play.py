"""Playing a list of commands on a session: the one place that says what each line comes to.

Whatever runs commands (scenario files, ``-c``, ``compare``, ``plan``, screencasts) goes through
:func:`play`, so a step has the same number, and a claim is about the same action, everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from pfnmap.engine.commands import Command, Expect, Interactive, Source, StartMachine, is_action
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.expectations import corrected, evaluate
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.session import Session


class Step(Struct, frozen=True):
    """A command and what came of it."""

    number: int
    """As the session counts: notes and claims are steps too, ``machine`` and ``source`` not."""
    line: int
    """Where it stands: in a file the number of its line."""
    outcome: Outcome
    last: Outcome | None
    """The last action up to here, this one included; None before the first."""

    @property
    def command(self) -> Command:
        """What was done or said."""
        return self.outcome.command

    @property
    def is_action(self) -> bool:
        """Whether it is for the machine."""
        return is_action(self.command)

    @property
    def failures(self) -> list[str]:
        """Why the claim does not hold, a sentence for each difference; none of anything else."""
        if not isinstance(self.command, Expect):
            return []
        return evaluate(self.command, self.outcome.before, self.last)

    @property
    def holds(self) -> Expect | None:
        """The claim as it would hold; None where one line cannot say it, and for no claim."""
        if not isinstance(self.command, Expect):
            return None
        return corrected(self.command, self.outcome.before, self.last)


def play(
    lines: Iterable[tuple[int, Command]],
    session: Session,
    complaint: Callable[[int, PfnmapError], PfnmapError] = lambda _line, error: error,
) -> Iterator[Step]:
    """Do commands one after another, each when it is asked for; a refused one stops nothing.

    Commands of the session itself (``undo`` …) are handed out and not done: they are no steps,
    and have the number of the step they stand behind.

    Args:
        lines: Each with the number of its line; ``machine`` and ``source`` are passed over.
        session: Where they are done.
        complaint: Gives what the machine says about a line its place.

    Raises:
        PfnmapError: A command cannot be done on this machine at all.
    """
    for line, command in lines:
        if isinstance(command, (StartMachine, Source)):
            continue
        try:
            step = do(line, command, session)
        except PfnmapError as error:
            raise complaint(line, error) from None
        yield step


def do(line: int, command: Command, session: Session) -> Step:
    """Do one command, as :func:`play` does."""
    outcome = session.predict(command)
    if not isinstance(command, Interactive):
        session.record(outcome)
    return Step(session.position, line, outcome, session.last_action)
