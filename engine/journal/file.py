"""One journal file that is being written: appended, synced, locked; trouble is not fatal.

What cannot be written now is kept and written, in order, as soon as the disk takes it again,
so a disk that is full for a while costs nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pfnmap.engine.journal.checksums import seal
from pfnmap.engine.journal.results import FIRST, Results
from pfnmap.engine.outcome import Outcome

OpenFile = tuple[int, Path]
"""A file descriptor, open for appending and locked, and the file's path."""


class JournalFile:
    """Appends lines to a journal; the file itself is made when there is a first line.

    With a long session goes what its commands came to (:class:`Results`).
    """

    def __init__(
        self,
        create: Callable[[], OpenFile],
        *,
        first: Sequence[str] = (),
        opened: OpenFile | None = None,
        nr_bytes: int = 0,
        checksum: int = 0,
        results: Results | None = None,
    ) -> None:
        """Prepare to write; touches no file.

        Args:
            create: Makes a new locked file; called for the first line.
            first: Lines that come before it.
            opened: A file to continue instead, of ``nr_bytes`` bytes whose last line has
                ``checksum``.
            nr_bytes: See ``opened``.
            checksum: See ``opened``.
            results: Of the commands in ``opened``.
        """
        self._create = create
        self._open = opened
        self.path: Path | None = opened[1] if opened else None
        """The file, None before the first line is written."""
        self._nr_bytes = nr_bytes
        self._checksum = checksum
        self._results = results
        self._pending = list(first)
        self.trouble: str | None = None
        """Why the newest lines are not on disk, one sentence; None while all are."""

    def append(self, *payloads: str) -> None:
        """Write lines and wait until the disk has them. Never raises for the disk's sake."""
        self._pending += payloads
        try:
            if self._open is None:
                self._open = self._create()
                self.path = self._open[1]
            data, checksum = seal(self._pending, self._checksum)
            _write_all(self._open[0], data)
            os.fsync(self._open[0])
        except (OSError, RuntimeError) as error:
            self._back_out()
            self.trouble = self._sentence(error)
            return
        self._nr_bytes += len(data)
        self._checksum = checksum
        self._pending.clear()
        self.trouble = None

    def add_result(self, number: int, line: str, outcome: Outcome) -> None:
        """Keep what the command of the last line came to, where that line is on disk.

        Args:
            number: Which of the session's commands it is, from 0.
            line: The command in words.
            outcome: What it came to.
        """
        if number < FIRST or self.path is None or self.trouble:
            return
        if self._results is None:
            self._results = Results(self.path, writes=True)
        self._results.add(number, line, self._checksum, outcome)

    def _back_out(self) -> None:
        """Take half a line off again; if even that fails, the next reader finds it torn."""
        if self._open is not None:
            with suppress(OSError):
                os.ftruncate(self._open[0], self._nr_bytes)

    def _sentence(self, error: Exception) -> str:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        place = self.path or getattr(error, "filename", None)
        where = f"{place}: " if place else ""
        return f"the session goes on but is not being kept: {where}{reason}"

    def close(self) -> None:
        """Close the file and give up its lock; a later line is trouble."""
        if self._open is not None:
            os.close(self._open[0])
            self._open = None
        self._create = _closed
        if self._results is not None:
            self._results.write()


def _closed() -> OpenFile:
    raise RuntimeError("its journal is closed")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def try_lock(descriptor: int) -> bool:
    """Lock a file for this process; False when another one has it.

    The kernel gives the lock up when the process ends, however it ends. OSError where the
    file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_directory(directory: Path) -> None:
    """Make the names in a directory as durable as the files."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
