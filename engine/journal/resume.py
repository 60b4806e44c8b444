"""Taking up a session from its journal: replaying, recovering what is readable, listing."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.journal.checksums import Damage, Scanned
from pfnmap.engine.journal.file import JournalFile, OpenFile
from pfnmap.engine.journal.first_line import read_header
from pfnmap.engine.journal.journal import JournaledSession
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.results import Results
from pfnmap.engine.journal.store import JournalStore, StoredJournal
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.notation import MARK_NAME
from pfnmap.engine.printable import printable
from pfnmap.engine.session import Session

LATEST: Final = "latest"


class Resumed(Struct, frozen=True):
    """A session taken up again."""

    session: Session
    """A :class:`JournaledSession`, unless its journal cannot be written to."""
    origin: Origin
    id: int
    notice: str | None
    """What was not as it should be, to be shown; None when all was."""


class Replayed(Struct, frozen=True):
    """What the readable lines of a journal led to."""

    session: Session
    origin: Origin
    lines: Scanned


def resume(store: JournalStore, which: str = LATEST) -> Resumed:
    """Take up a session where it was, and go on writing its journal.

    A damaged journal is taken up to the damage and repaired; the notice says what is lost.

    Args:
        store: Where the journals are.
        which: A session's number, or ``latest``: of those that no program has open now and
            that can be read, the one written last.

    Raises:
        InputError: There is no such session, it is open elsewhere, or nothing of it can be
            read.
    """
    journal = _chosen(store, which)
    try:
        opened = store.open(journal)
    except OSError as error:
        replayed = replay(store.read(journal), journal, Results(journal.path, writes=False))
        return _not_kept(journal, replayed, error)
    if opened is None:
        raise InputError(f"session {journal.id} is open in another pfnmap")
    results = Results(journal.path, writes=True)
    try:
        replayed = replay(store.read(journal), journal, results)
    except BaseException:
        os.close(opened[0])
        raise
    return _continued(store, journal, replayed, opened, results)


def read_session(store: JournalStore, which: str = LATEST) -> Replayed:
    """A session as its journal has it, also while it is open elsewhere; nothing is written."""
    journal = store.journals()[:1] if which == LATEST else [store.journal(_number(which))]
    if not journal:
        raise InputError("there is no session yet")
    return replay(store.read(journal[0]), journal[0], Results(journal[0].path, writes=False))


def _chosen(store: JournalStore, which: str) -> StoredJournal:
    if which != LATEST:
        return store.journal(_number(which))
    for journal in store.journals():
        # A program that was killed before its first step left a file with nothing in it.
        if not store.is_live(journal) and store.read(journal).payloads:
            return journal
    raise InputError("there is no session to resume")


def _number(which: str) -> int:
    if which.isascii() and which.isdigit() and len(which) < 10:
        return int(which)
    raise InputError(f"session {printable(which)[:40]!r}: expected a number or {LATEST!r}")


def _continued(
    store: JournalStore,
    journal: StoredJournal,
    replayed: Replayed,
    opened: OpenFile,
    results: Results,
) -> Resumed:
    """Go on with a journal that is ours, repaired where it is damaged."""
    lines = replayed.lines
    notice = None
    if lines.damage is not None:
        notice = _damage_words(journal, lines.damage)
        try:
            opened = store.repair(journal, opened, lines)
        except OSError as error:
            os.close(opened[0])
            return _not_kept(journal, replayed, error)
    file = JournalFile(
        store.create,
        opened=opened,
        nr_bytes=lines.nr_bytes,
        checksum=lines.checksum,
        results=results,
    )
    nr_runs = sum(line.startswith("run ") for line in lines.payloads)
    session = JournaledSession(replayed.session, lambda: file, nr_runs)
    return Resumed(session, replayed.origin, journal.id, notice)


def _not_kept(journal: StoredJournal, replayed: Replayed, error: OSError) -> Resumed:
    words = f"session {journal.id} goes on but is not being kept: {error.strerror or error}"
    if replayed.lines.damage is not None:
        words = f"{_damage_words(journal, replayed.lines.damage)}; {words}"
    return Resumed(replayed.session, replayed.origin, journal.id, words)


def _damage_words(journal: StoredJournal, damage: Damage) -> str:
    if damage.torn:
        return f"session {journal.id}: {damage}; the command in flight is lost"
    return f"session {journal.id}: {damage}; it goes on from the line before"


# -- replaying ---------------------------------------------------------------------------
def replay(lines: Scanned, journal: StoredJournal, results: Results) -> Replayed:
    """Do what the lines say, up to the first that cannot be done.

    ``results``: what commands are known to have come to. InputError when the first line is damaged,
    or the recording it names is gone.
    """
    if not lines.payloads:
        what = "its first line is damaged" if lines.damage else "the file is empty"
        raise InputError(f"session {journal.id} ({journal.path}) is lost: {what}")
    try:
        origin = read_header(lines.payloads[0])
        session = origin.session()
    except PfnmapError as error:
        raise InputError(f"session {journal.id} ({journal.path}): {error}") from None
    number, checksum = 0, zlib.crc32(lines.payloads[0].encode())
    for index, line in enumerate(lines.payloads[1:], 1):
        checksum = zlib.crc32(line.encode(), checksum)
        try:
            if line.startswith("run "):
                _run(session, line[4:], number, checksum, results)
                number += 1
            else:
                _move(session, line)
        except (PfnmapError, ValueError) as error:
            lines = lines.cut(index, printable(str(error))[:200])
            break
    return Replayed(session, origin, lines)


def _run(session: Session, line: str, number: int, checksum: int, results: Results) -> None:
    """Do a command again, where what it came to is not known."""
    before = session.outcomes[session.position - 1].after if session.position else session.start
    known = results.known(number, line, checksum, before)
    if known is not None:
        session.record(known)
        return
    command = parse_line(line)
    if command is None:
        raise InputError("there is no command in it")
    results.add(number, line, checksum, session.run(command))


def _move(session: Session, line: str) -> None:
    """Do one line again that is no command."""
    word, _, rest = line.partition(" ")
    if word == "mark":
        name, _, pfn = rest.partition(" ")
        if not re.fullmatch(MARK_NAME, name) or not pfn.isdecimal():
            raise InputError("it names no place")
        session.mark(name, int(pfn))
        return
    moves: dict[str, Callable[[int], object]] = {
        "undo": session.undo,
        "redo": session.redo,
        "seek": session.seek,
        "switch": session.switch,
        "phase": session.step_phase,
    }
    if word not in moves:
        raise InputError(f"{printable(word)[:40]!r} is unknown")
    moves[word](int(rest))


# -- listing -----------------------------------------------------------------------------
class SessionInfo(Struct, frozen=True):
    """A line of ``pfnmap sessions``."""

    id: int
    modified: float
    """Seconds since 1970 of the last step."""
    live: bool
    """A program has it open now."""
    title: str
    began: str
    """The ``machine`` line, the recording's path, or that it was a real machine."""
    nr_commands: int
    last_command: str
    problem: str | None
    """What is damaged; None when nothing is."""


def list_sessions(store: JournalStore) -> list[SessionInfo]:
    """Every session, the one written last first. Damaged ones say so; nothing is repaired."""
    return [_info(store, journal) for journal in store.journals()]


def _info(store: JournalStore, journal: StoredJournal) -> SessionInfo:
    title = began = ""
    runs: list[str] = []
    try:
        lines = store.read(journal)
        problem = None if lines.damage is None else str(lines.damage)
        runs = [line[4:] for line in lines.payloads[1:] if line.startswith("run ")]
        if lines.payloads:
            origin = read_header(lines.payloads[0])
            title = origin.title
            began = origin.words
    except PfnmapError as error:
        problem = str(error)
    return SessionInfo(
        journal.id,
        journal.modified,
        store.is_live(journal),
        printable(title),
        printable(began),
        len(runs),
        printable(runs[-1]) if runs else "",
        problem,
    )
