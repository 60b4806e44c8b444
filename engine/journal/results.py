"""What the commands of a long session came to, beside its journal, so that it is soon taken up.

The journal is the truth: carrying its commands out again gives the session. That takes a
millisecond a command, so from the 200th on ``session-12.results`` holds what each changed. Of
another version of the program, damaged, or of another command than the journal has there, it is as
if it were not there, and the command is carried out.

A record is four numbers of 32 bits and a text in msgpack: which of the session's commands it is,
how long the text is, its CRC-32 continued from the checksum of the journal's line, and
:func:`_version`. What is read becomes typed values and columns of numbers, never code.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, get_type_hints

import numpy as np
from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType, defstruct, msgpack
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import VERBS, Command, Expect
from pfnmap.engine.machine import CarriedOut
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.memory.state import RUN_MAPS, State
from pfnmap.engine.outcome import Outcome, Refusal, RemadeEvents
from pfnmap.engine.whole_file import open_regular, read_regular

FIRST: Final = 200
"""Commands of a session that are carried out again in no time."""
AT_ONCE: Final = 16
"""Records that are written together; those that are lost cost no more than time."""
MAX_ROWS: Final = 4096
"""Rows that a command changes; one that changes more is carried out again."""
MAX_FILE_BYTES: Final = 256 << 20
_HEAD: Final = struct.Struct("<4I")


class _Map(Struct, frozen=True, array_like=True):
    """What a map holds in [low, high); all else is as it was."""

    low: int
    high: int
    rows: bytes


class _Record(Struct, frozen=True, array_like=True):
    """An outcome; ``verb``: the class of the command, empty where its line is to be read."""

    verb: str
    command: Raw
    nr_events: int
    refusal: Refusal | None
    output: tuple[str, ...]
    notes: tuple[str, ...]
    changes: Raw


class Results:
    """The records of one session: those that are known, and what is yet to be written."""

    def __init__(self, path: Path, *, writes: bool) -> None:
        """Read what there is beside a journal; nothing where it cannot be read.

        ``writes``: what is new is kept.
        """
        path = path.with_suffix(".results")
        self._path = path if writes else None
        self._known: dict[int, tuple[int, bytes]] = {}
        self._fresh: list[bytes] = []
        self._nr_bytes = 0
        with suppress(OSError, ValueError):
            self._read(read_regular(path, MAX_FILE_BYTES))
        if not self._known:
            self._nr_bytes = 0

    def _read(self, data: bytes) -> None:
        while len(data) - self._nr_bytes >= _HEAD.size:
            number, size, checksum, version = _HEAD.unpack_from(data, self._nr_bytes)
            start = self._nr_bytes + _HEAD.size
            if start + size > len(data):
                return
            if version == _version():
                self._known[number] = checksum, data[start : start + size]
            self._nr_bytes = start + size

    def known(self, number: int, line: str, checksum: int, before: State) -> Outcome | None:
        """What a command came to on a state; None where that is not known.

        Args:
            number: which of the session's commands it is, from 0.
            line: the command in words.
            checksum: of its line in the journal.
            before: the machine in front of it.
        """
        known, data = self._known.get(number, (0, b""))
        if not data or zlib.crc32(data, checksum) != known:
            return None
        try:
            return _outcome(msgpack.decode(data, type=_Record), line, before)
        except (DecodeError, ValueError, KeyError):
            return None

    def add(self, number: int, line: str, checksum: int, outcome: Outcome) -> None:
        """Remember what a command came to (see :meth:`known`); it is on disk before long."""
        if self._path is None or number < FIRST or (record := _record(outcome, line)) is None:
            return
        head = _HEAD.pack(number, len(record), zlib.crc32(record, checksum), _version())
        self._fresh.append(head + record)
        if len(self._fresh) >= AT_ONCE:
            self.write()

    def write(self) -> None:
        """Write what is not on disk yet, behind what is whole there."""
        data = b"".join(self._fresh)
        self._fresh = []
        if self._path is None or not data:
            return
        with suppress(OSError):
            descriptor = open_regular(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW)
            try:
                os.ftruncate(descriptor, self._nr_bytes)
                self._nr_bytes += os.pwrite(descriptor, data, self._nr_bytes)
            finally:
                os.close(descriptor)


@cache
def _version() -> int:
    """Another number wherever the engine's source is another one."""
    checksum = 0
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        facts = path.stat()
        checksum = zlib.crc32(f"{path} {facts.st_size} {facts.st_mtime_ns}".encode(), checksum)
    return checksum


# -- records ------------------------------------------------------------------------------
@cache
def _changes_type() -> type[Struct]:
    """The fields of a state, each of which may be left out."""
    types = get_type_hints(State)
    return defstruct(
        "Changes",
        [
            (name, (_Map if name in RUN_MAPS else types[name]) | UnsetType, UNSET)
            for name in State.__struct_fields__
            if types[name] is not types["early_ram"]
        ],
        omit_defaults=True,
    )


@cache
def _command_types() -> dict[str, type[Command]]:
    # A claim's values are of several types, which msgpack would not tell from one another.
    kinds = (verb.command for verb in VERBS.values())
    return {kind.__name__: kind for kind in kinds if kind is not Expect}


def _record(outcome: Outcome, line: str) -> bytes | None:
    """A record of an outcome; None for what is carried out again."""
    before, after, changes = outcome.before, outcome.after, {}
    if before.early_ram is not after.early_ram:
        return None
    for name in State.__struct_fields__:
        was, now = getattr(before, name), getattr(after, name)
        if now is not was:
            changes[name] = now
            if isinstance(now, RunMap):
                low, high, rows = now.other_than(was)
                if len(rows) > MAX_ROWS:
                    return None
                changes[name] = _Map(low, high, rows.tobytes())
    verb = type(outcome.command).__name__
    known = verb in _command_types()
    command = replace(outcome.command, text=line) if known else None
    return msgpack.encode(
        _Record(
            verb if known else "",
            Raw(msgpack.encode(command)),
            len(outcome.events),
            outcome.refusal,
            outcome.output,
            outcome.notes,
            Raw(msgpack.encode(_changes_type()(**changes))),
        )
    )


def _outcome(record: _Record, line: str, before: State) -> Outcome | None:
    """The outcome that was recorded; None for that of another command. ValueError, DecodeError."""
    if not record.verb:
        return None
    command = msgpack.decode(record.command, type=_command_types()[record.verb])
    if command.text != line:
        return None
    changes: dict[str, Any] = {}
    made = msgpack.decode(record.changes, type=_changes_type())
    for name in made.__struct_fields__:
        value = getattr(made, name)
        if isinstance(value, _Map):
            was: RunMap = getattr(before, name)
            value = was.changed(value.low, value.high, _rows(was, value))
        if value is not UNSET:
            changes[name] = value
    after = replace(before, **changes) if changes else before
    count = record.nr_events
    events = RemadeEvents(CarriedOut(before, command), count) if count else ()
    return Outcome(command, before, after, events, record.refusal, record.output, record.notes)


def _rows(was: RunMap, held: _Map) -> NDArray[Any]:
    """The rows of a map; ValueError where they are none."""
    rows = np.frombuffer(held.rows, was.dtype)
    ends = rows["start"] + rows["count"]
    if len(rows) and not (
        (rows["count"] > 0).all()
        and (rows["start"][1:] >= ends[:-1]).all()
        and held.low <= rows["start"][0]
        and ends[-1] <= held.high
    ):
        raise ValueError("these are no rows")
    return rows
