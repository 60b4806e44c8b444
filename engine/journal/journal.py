"""Sessions that survive: every step is on disk before its result is shown.

The first line of a journal says what the session began with, each further line is one thing
that was done, in the words of the command language::

    pfnmap-journal-1 {"pid": 4711, "start": "machine ram=4G", "title": "simulated machine"}
    run add dimm0 256M
    run online dimm0[0] movable
    undo 1

A session that began as a real machine was has ``machine``, a capture of it, in place of
``start``, and ``held``, the pages that were seen not to move, where there were any; one of a
recording has the recording's path in ``trace``.

Because the model is deterministic this is everything: replaying the lines gives the same
machine, timeline, branches and position. Checksums: :mod:`pfnmap.engine.journal.checksums`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pfnmap.engine.commands import Command, Note, Title
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.journal.origin import Origin as Origin  # who keeps a session makes one
from pfnmap.engine.language.lines import format_command, parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.printable import printable
from pfnmap.engine.session import Session

if TYPE_CHECKING:
    from pfnmap.engine.journal.file import JournalFile


class JournaledSession(Session):
    """A session that writes down every step before anybody sees its result."""

    def __init__(
        self,
        session: Session,
        journal: Callable[[], JournalFile],
        nr_runs: int,
    ) -> None:
        """Take over ``session``; the journal must already lead to where it stands.

        Args:
            session: Nobody else goes on with it.
            journal: Called once, for the first line: what writes one is loaded for it.
            nr_runs: Commands in the journal.
        """
        super().__init__(
            Machine(session.start),
            session.title,
            loaded=session.outcomes,
            start_command=session.start_command,
        )
        self.position = session.position
        self.phase = session.phase
        self.branches = list(session.branches)
        self.marks = session.marks
        self.listeners = session.listeners
        self.recorded = session.recorded
        self._open = journal
        self._opened: JournalFile | None = None
        self._nr_runs = nr_runs
        self.noted = lambda line: self._journal.append(line)

    @property
    def _journal(self) -> JournalFile:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    @property
    def trouble(self) -> str | None:
        """Why the newest steps are not on disk, one sentence; None while all are."""
        return None if self._opened is None else self._opened.trouble

    @property
    def path(self) -> Path | None:
        """The journal's file; None before the first step."""
        return None if self._opened is None else self._opened.path

    def close(self) -> None:
        """End the session: the journal's lock is given up. The journal stays."""
        self._journal.close()

    # -- what is written ---------------------------------------------------------------
    def record(self, outcome: Outcome) -> Outcome:
        """As :meth:`Session.record`; the command is on disk first."""
        line = _run_line(outcome.command)
        self._journal.append(line)
        super().record(outcome)
        self._journal.add_result(self._nr_runs, line[4:], outcome)
        self._nr_runs += 1
        return outcome


def _run_line(command: Command) -> str:
    """The record of a command; InputError for one that the language has no words for."""
    if isinstance(command, Note | Title):
        command = replace(command, words=printable(command.words))
    words = format_command(command)
    try:
        same = parse_line(words) == command
    except PfnmapError:
        same = False
    if not same:
        raise InputError(f"{printable(words)[:80]}: a journal cannot hold this command")
    return f"run {words}"


# -- starting ----------------------------------------------------------------------------
def keep(session: Session, origin: Origin, directory: Path) -> JournaledSession:
    """Keep a session from here on.

    Nothing is written before its first step, so looking at a machine leaves no trace.

    Args:
        session: A session at rest without branches. Of a recording: as it was opened. Any
            other may have had steps; they are written down with the first new one.
        origin: What it began with.
        directory: Of the journals; it need not exist.
    """
    first: list[str] = []
    if origin.trace is None:
        first += [_run_line(outcome.command) for outcome in session.outcomes]
    if session.position != (0 if origin.trace else len(session.outcomes)):
        first.append(f"seek {session.position}")
    nr_runs = sum(line.startswith("run ") for line in first)
    return JournaledSession(session, partial(_new, directory, origin, first), nr_runs)


def _new(directory: Path, origin: Origin, first: Sequence[str]) -> JournalFile:
    """A journal whose first lines are written together with the first step."""
    from pfnmap.engine.journal.first_line import new_journal  # who only looks needs none

    return new_journal(directory, origin, first)
