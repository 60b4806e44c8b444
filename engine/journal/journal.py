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

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.commands import Command, Note, StartMachine, Title
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.language.lines import format_command, parse_line
from pfnmap.engine.limits import MAX_JOURNAL_LINE_BYTES
from pfnmap.engine.machine import Machine
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.printable import printable
from pfnmap.engine.session import Session

if TYPE_CHECKING:
    from pfnmap.engine.journal.file import JournalFile

FORMAT: Final = "pfnmap-journal-1"
MAX_MACHINE_CHARACTERS: Final = MAX_JOURNAL_LINE_BYTES // 2


class Origin(Struct, frozen=True):
    """What a session began with: a ``machine`` line, a recording, or a real machine."""

    title: str
    start: StartMachine | None = None
    trace: Path | None = None
    """The recording, absolute; its steps are not repeated in the journal."""
    sha256: str = ""
    """Of the recording, so that a changed file is noticed."""
    machine: str = ""
    """A real machine as it was when a simulation of it began: its capture, coded."""
    held: str = ""
    """The pages of it that were known not to move, coded; empty where none was."""
    page_bytes: int | None = None
    """The machine's page size, where a person said it because its files do not."""

    @classmethod
    def of_trace(cls, path: Path, title: str) -> Origin:
        """A recording as it is now; InputError when it cannot be read."""
        return cls(title, trace=path.absolute(), sha256=_sha256(path))

    @classmethod
    def of_machine(
        cls, machine: str, held: str, title: str, page_bytes: int | None = None
    ) -> Origin:
        """A real machine as ``sysroot.history.coded`` has it; InputError when it is too large."""
        if len(machine) + len(held) > MAX_MACHINE_CHARACTERS:
            raise InputError(f"{title}: the machine is too large to be kept in a journal")
        return cls(title, machine=machine, held=held, page_bytes=page_bytes)

    @property
    def words(self) -> str:
        """What it began with, for a list."""
        if self.start is not None:
            return format_command(self.start)
        return str(self.trace) if self.trace is not None else "a real machine, simulated"

    def session(self) -> Session:
        """The session as it began. InputError when the recording is gone or has changed."""
        if self.machine:
            from pfnmap.engine.sysroot.history import simulation

            return simulation(self.machine, self.held, self.title, self.page_bytes)
        if self.trace is None:
            return Session(Machine.boot(self.start), self.title, start_command=self.start)
        from pfnmap.engine.sources import trace_session
        from pfnmap.engine.traces.trace import load_trace

        if _sha256(self.trace) != self.sha256:
            raise InputError(f"{self.trace}: the recording has changed since the session")
        session = trace_session(load_trace(self.trace))
        session.title = self.title
        return session


def _sha256(path: Path) -> str:
    import hashlib  # OpenSSL, which takes longer to load than most sessions to begin

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: the recording cannot be read: {error.strerror}") from None


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
    from pfnmap.engine.journal.store import JournalStore  # what is only looked at needs none

    return JournalStore(directory).new([_header(origin), *first])


def _header(origin: Origin) -> str:
    facts: dict[str, Any] = {"pid": os.getpid(), "title": origin.title}
    if origin.trace is not None:
        facts |= {"trace": str(origin.trace), "sha256": origin.sha256}
    elif origin.machine:
        facts |= {"machine": origin.machine, "page_bytes": origin.page_bytes}
        if origin.held:
            facts["held"] = origin.held
    else:
        facts["start"] = format_command(origin.start or StartMachine())
    return f"{FORMAT} {json.dumps(facts, sort_keys=True)}"


def read_header(line: str) -> Origin:
    """What the first line of a journal says; InputError for one of another format."""
    name, _, text = line.partition(" ")
    if name != FORMAT:
        raise InputError(f"its format is {printable(name)[:40]!r}, this pfnmap reads {FORMAT}")
    try:
        facts = json.loads(text)  # not a type of msgspec's: a path may hold what is no text
        title = str(facts["title"])
        if "\0" in str(facts.get("trace", "")):
            raise ValueError
        if "trace" in facts:
            return Origin(title, None, Path(facts["trace"]), str(facts["sha256"]))
        if "machine" in facts:
            page_bytes = facts["page_bytes"]
            known = int(page_bytes) if page_bytes is not None else None
            machine, held = str(facts["machine"]), str(facts.get("held", ""))
            return Origin(title, machine=machine, held=held, page_bytes=known)
        start = parse_line(facts["start"])
    except (KeyError, TypeError, ValueError, RecursionError, PfnmapError):
        start = None
    if not isinstance(start, StartMachine):
        raise InputError("its first line does not say what the session began with")
    return Origin(title, start)
