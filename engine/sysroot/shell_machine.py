"""A real machine at the other end of a shell: read and written to with a few lines of POSIX sh.

Nothing need be installed there. What takes the lines there is a :class:`Line`: a process here that
talks to a shell (see ``shell_process``), or the console of a guest.
"""

from __future__ import annotations

import errno
import re
import shlex
import zlib
from base64 import b64decode
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from pfnmap.engine.errors import ERRNO_OF_TEXT, SHELL_TEXT, InputError
from pfnmap.engine.sysroot.dumps import parse_text_dump, reading_line
from pfnmap.engine.sysroot.observation import Observation, Span
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import FileProblem, TextTree, clean

ANSWER_SECONDS: Final = 30.0
WRITE_SECONDS: Final = 600.0
"""Offlining moves every page of a block away."""
_BLOCK: Final = 4096
"""What ``dd`` reads at once; large files are read in whole ones of them."""
_NO_SUCH_COMMAND: Final = 127
_SAME: Final = b"=same="
_ERRNOS: Final = {text.lower(): name for text, name in ERRNO_OF_TEXT.items()} | {
    "resource busy": "EBUSY",
    "out of memory": "ENOMEM",
    "i/o error": "EIO",
    "no such device or address": "ENXIO",
}
"""What glibc and musl print for an errno, to its name."""


class Answer(Struct, frozen=True):
    """What lines of shell printed, and the exit status of the last one."""

    status: int
    output: bytes


class Line(Protocol):
    """What takes lines of shell to a machine."""

    name: str
    """What to call the machine in messages."""

    def run(self, lines: str, seconds: float = ANSWER_SECONDS) -> Answer:
        """Do lines there; InputError, one sentence, where no answer comes in so many seconds."""

    def close(self) -> None:
        """Let go; a :meth:`run` under way in another thread ends at once."""


class ShellMachine:
    """A machine behind a line: an ``Observer`` to follow it by, and ``Reachable``."""

    piece_bytes = 4 * _BLOCK
    """To read at one place of a large file: each is a process there."""

    def __init__(self, line: Line, root: str = "") -> None:
        """``root``: of the tree on the machine, ``/`` if empty."""
        self.line = line
        self.root = root.rstrip("/")
        self._reading = (
            f"now=$( {reading_line(self.root)} )\n"
            f'if [ "$now" = "$seen" ]; then echo {_SAME.decode()}\n'
            'else seen=$now; printf "%s\\n" "$now"; fi'
        )
        """Its shell remembers what was printed: what has not changed is not sent again."""
        self._last: Observation | None = None

    def close(self) -> None:
        """Let go of the machine."""
        self.line.close()

    def read(self, in_sight: Span | None = None) -> Observation:
        """The machine now: the same object as the last time when nothing changed. InputError."""
        del in_sight  # all of it is read there, at once
        said = self.line.run(self._reading).output
        if self._last is None or said.strip() != _SAME:
            said = said.replace(f"\n{self.root}/".encode(), b"\n/")
            now = observe(TextTree(self.line.name, *parse_text_dump(said)))
            if now != self._last:
                self._last = now
        return self._last

    def ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes [start, start + length) of a file for each range; FileProblem, InputError."""
        blocks = [(low // _BLOCK, -(-(low + length) // _BLOCK)) for low, length in ranges]
        file = shlex.quote(f"{self.root}/{path}")
        reads = "\n".join(f"d {first} {end - first}" for first, end in blocks)
        lines = (
            f"if ! [ -e {file} ]; then echo none; elif ! [ -r {file} ]; then echo closed\n"
            f"else d() {{ dd if={file} bs={_BLOCK} skip=$1 count=$2 2>/dev/null; }}\n"
            "if command -v gzip >/dev/null && command -v base64 >/dev/null\n"
            f"then echo gzip; {{ :\n{reads}\n}} | gzip -c | base64\n"
            f"else echo hex; {{ :\n{reads}\n}} | od -An -v -tx1; fi; fi"
        )
        form, _, text = self.line.run(lines).output.partition(b"\n")
        if form in (b"none", b"closed"):
            raise FileProblem(path, errno.ENOENT if form == b"none" else errno.EACCES)
        try:
            data = _unpacked(text) if form == b"gzip" else bytes.fromhex(text.decode("ascii"))
        except (ValueError, zlib.error):
            raise FileProblem(path, errno.EIO) from None
        found, at = [], 0
        # Only what lies behind the end of the file is short, and so only the last of it.
        for (low, length), (first, end) in zip(ranges, blocks, strict=True):
            offset = at + low - first * _BLOCK
            found.append(data[offset : min(offset + length, at + (end - first) * _BLOCK)])
            at += (end - first) * _BLOCK
        return found

    def write(self, path: str, word: str) -> str | None:
        """Write a word into a file that is there. The error's name, None for success.

        InputError where no answer comes, and so nothing is known.
        """
        file = shlex.quote(f"{self.root}/{path}")
        lines = (
            f"if [ -e {file} ]\n"
            f"then echo {shlex.quote(word)} | LC_ALL=C dd of={file} 2>&1\n"
            f"else echo {SHELL_TEXT['ENOENT']}; false; fi"
        )
        answer = self.line.run(lines, WRITE_SECONDS)
        if answer.status == 0:
            return None
        said = clean(answer.output, 300)
        if answer.status == _NO_SUCH_COMMAND:
            raise InputError(f"{self.line.name}: {path} cannot be written: {said}")
        words = re.split(r": |\? ?|\n", answer.output.decode("ascii", "replace").lower())
        return next((_ERRNOS[each] for word in words if (each := word.strip()) in _ERRNOS), "EIO")


def _unpacked(text: bytes) -> bytes:
    """What was sent through gzip and base64; ValueError or zlib.error for anything else."""
    return zlib.decompress(b64decode(text), 16 + zlib.MAX_WBITS)
