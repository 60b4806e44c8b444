"""What a session began with: a ``machine`` line, a recording, or a real machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.limits import MAX_JOURNAL_LINE_BYTES
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session

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
