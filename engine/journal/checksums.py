"""The lines of a journal file: each carries a checksum of everything up to it.

A line is ``CHECKSUM PAYLOAD``: eight hexadecimal digits (CRC-32 of this payload continued from
the line before), a blank, UTF-8 text. Because the checksums are chained, a line that was
changed, lost, doubled or moved shows at the first line that no longer follows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from pfnmap.engine.limits import MAX_JOURNAL_LINE_BYTES

_DIGITS: Final = 8


class Damage(Struct, frozen=True):
    """Where a journal stops being readable."""

    line: int
    """Number of the first damaged line, from 1."""
    nr_bytes: int
    """From that line to the end of the file."""
    torn: bool
    """The file ends in the middle of this line: it was being written when all stopped."""
    reason: str = ""
    """Why a line that is as it was written cannot be used; empty for any other."""

    def __str__(self) -> str:
        if self.reason:
            return f"line {self.line} cannot be replayed: {self.reason}"
        if self.torn:
            return f"line {self.line} was cut short ({self.nr_bytes} bytes)"
        return f"line {self.line} is damaged ({self.nr_bytes} bytes from there to the end)"


class Scanned(Struct, frozen=True):
    """The readable part of a journal."""

    payloads: tuple[str, ...]
    nr_bytes: int
    """Length of the lines that are in order."""
    checksum: int
    """Of the last of them; 0 when there is none."""
    damage: Damage | None

    def cut(self, count: int, reason: str) -> Scanned:
        """Only the first ``count`` lines: the one behind them cannot be used."""
        data, checksum = seal(self.payloads[:count], 0)
        lost = self.nr_bytes - len(data) + (self.damage.nr_bytes if self.damage else 0)
        damage = Damage(count + 1, lost, torn=False, reason=reason)
        return Scanned(self.payloads[:count], len(data), checksum, damage)


def seal(payloads: Iterable[str], checksum: int) -> tuple[bytes, int]:
    """Payloads as lines that follow a line with ``checksum`` (0: the first), and the new one."""
    lines = []
    for payload in payloads:
        text = payload.encode("utf-8")
        checksum = zlib.crc32(text, checksum)
        lines.append(b"%0*x %b\n" % (_DIGITS, checksum, text))
    return b"".join(lines), checksum


def scan(data: bytes) -> Scanned:
    """Read lines up to the first one that is damaged."""
    payloads: list[str] = []
    at = checksum = 0
    while at < len(data):
        end = data.find(b"\n", at, at + MAX_JOURNAL_LINE_BYTES)
        payload = None if end < 0 else _payload(data[at:end], checksum)
        if payload is None:
            torn = end < 0 and len(data) - at < MAX_JOURNAL_LINE_BYTES
            damage = Damage(len(payloads) + 1, len(data) - at, torn)
            return Scanned(tuple(payloads), at, checksum, damage)
        text, checksum = payload
        payloads.append(text)
        at = end + 1
    return Scanned(tuple(payloads), at, checksum, None)


def _payload(line: bytes, before: int) -> tuple[str, int] | None:
    """The text of a line and its checksum; None when the line is not what was written."""
    text = line[_DIGITS + 1 :]
    checksum = zlib.crc32(text, before)
    if line[: _DIGITS + 1] != b"%0*x " % (_DIGITS, checksum):
        return None
    try:
        return text.decode("utf-8"), checksum
    except UnicodeDecodeError:
        return None
