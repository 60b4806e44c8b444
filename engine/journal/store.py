"""The directory of journals: names, locks, listing, repair and pruning.

``session-12.journal`` is the journal of session 12. While a session runs its journal is
locked, so two programs never write the same file. What repair cuts off a damaged journal is
kept beside it as ``session-12.damaged``; see :mod:`pfnmap.engine.journal.results` for
``session-12.results``.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.engine.journal.checksums import Scanned, scan
from pfnmap.engine.journal.file import OpenFile, sync_directory, try_lock
from pfnmap.engine.whole_file import open_regular, read_regular

KEPT_SESSIONS: Final = 200
MAX_FILE_BYTES: Final = 256 << 20
_MOST: Final = 999_999_999
"""The highest number that a name has."""
_NAME: Final = re.compile(r"session-([1-9][0-9]{0,8})\.journal\Z")
_TRIES: Final = 1000


class StoredJournal(Struct, frozen=True):
    """A journal on disk."""

    id: int
    path: Path
    modified: float
    """Seconds since 1970 of the last line."""


class JournalStore:
    """All journals of one directory, which is made when the first one is."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    # -- what there is -----------------------------------------------------------------
    def journals(self) -> list[StoredJournal]:
        """Every journal, the one written last first; none when there is no directory."""
        try:
            return self._scan()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(
                f"{self.directory}: the sessions cannot be listed: {error.strerror}"
            ) from None

    def _scan(self) -> list[StoredJournal]:
        found = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                name = _NAME.match(entry.name)
                # A journal may be pruned by another program just now.
                with suppress(FileNotFoundError):
                    if name and entry.is_file(follow_symlinks=False):
                        time = entry.stat(follow_symlinks=False).st_mtime
                        found.append(StoredJournal(int(name[1]), Path(entry.path), time))
        return sorted(found, key=lambda journal: (journal.modified, journal.id), reverse=True)

    def journal(self, number: int) -> StoredJournal:
        """One journal; InputError when there is none of this number."""
        for journal in self.journals():
            if journal.id == number:
                return journal
        raise InputError(f"there is no session {number}; `pfnmap sessions` lists them")

    def is_live(self, journal: StoredJournal) -> bool:
        """Whether a program is writing this journal now."""
        try:
            descriptor = open_regular(journal.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            return not try_lock(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def read(self, journal: StoredJournal) -> Scanned:
        """The readable lines of a journal; InputError when the file cannot be read at all."""
        try:
            data = read_regular(journal.path, MAX_FILE_BYTES + 1)
        except OSError as error:
            raise InputError(f"{journal.path}: cannot be read: {error.strerror}") from None
        if len(data) > MAX_FILE_BYTES:
            raise InputError(f"{journal.path}: larger than {MAX_FILE_BYTES >> 20} MiB")
        return scan(data)

    # -- writing -----------------------------------------------------------------------
    def create(self) -> OpenFile:
        """A new, locked journal under a name nobody had; the oldest ones go.

        OSError, or RuntimeError where there is no place for it.
        """
        if not self.directory.is_absolute():
            raise RuntimeError(
                f"{self.directory} is no place for it (is HOME unset?); set PFNMAP_STATE_DIR"
            )
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = self._highest() + 1
        for number in range(first, first + _TRIES):
            path = self.directory / f"session-{number}.journal"
            try:
                descriptor = open_regular(path, _APPEND | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                continue
            if _locked_or_closed(descriptor):
                sync_directory(self.directory)
                self.prune()
                return descriptor, path
        raise RuntimeError(f"{self.directory} has no free name")

    def open(self, journal: StoredJournal) -> OpenFile | None:
        """An existing journal, locked; None while another program writes it. OSError."""
        while True:
            descriptor = open_regular(journal.path, _APPEND)
            if not _locked_or_closed(descriptor):
                return None
            # It may have been repaired or pruned between opening and locking.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), journal.path.stat()):
                    return descriptor, journal.path
            os.close(descriptor)

    def repair(self, journal: StoredJournal, opened: OpenFile, scanned: Scanned) -> OpenFile:
        """Put a journal of only its readable lines in the place of a damaged one. OSError.

        ``opened`` is the damaged file with its lock; it is closed. The damaged file stays as
        ``session-N.damaged``, unless only its last line was cut short.
        """
        fresh = journal.path.with_suffix(".repaired")
        descriptor = open_regular(fresh, _APPEND | os.O_CREAT | os.O_TRUNC)
        try:
            try_lock(descriptor)
            good = memoryview(read_regular(journal.path, scanned.nr_bytes))
            while good:
                good = good[os.write(descriptor, good) :]
            os.fsync(descriptor)
            if scanned.damage is not None and not scanned.damage.torn:
                kept = journal.path.with_suffix(".damaged")
                kept.unlink(missing_ok=True)
                os.link(journal.path, kept)
            fresh.replace(journal.path)
            sync_directory(self.directory)
        except OSError:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)
            raise
        os.close(opened[0])
        return descriptor, journal.path

    def prune(self, keep: int = KEPT_SESSIONS) -> None:
        """Delete all but the newest journals, never one that is being written."""
        for journal in self._scan()[keep:]:
            with suppress(OSError):
                opened = self.open(journal)
                if opened is not None:
                    journal.path.unlink()
                    for suffix in (".damaged", ".results"):
                        journal.path.with_suffix(suffix).unlink(missing_ok=True)
                    os.close(opened[0])

    def _highest(self) -> int:
        """The highest number, or where none is left above it, that below the lowest free one."""
        numbers = {journal.id for journal in self._scan()}
        highest = max(numbers, default=0)
        if highest + _TRIES <= _MOST:
            return highest
        return next(number for number in count() if number + 1 not in numbers)


_APPEND: Final = os.O_RDWR | os.O_APPEND


def _locked_or_closed(descriptor: int) -> bool:
    """Lock a file that was just opened; when that fails it is closed again."""
    try:
        locked = try_lock(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    if not locked:
        os.close(descriptor)
    return locked
