"""The record of every write to a real machine: appended and on disk before the write is done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from pfnmap.engine.errors import InputError
from pfnmap.engine.whole_file import open_regular

FILE_NAME = "writes.log"


class Audit:
    """Appends lines to a file that only grows."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives seconds since 1970."""
        self.file = file
        self._clock = clock

    def append(self, words: str) -> None:
        """Keep a line; InputError when it cannot be kept, and then nothing may be written."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        line = f"{stamp} {' '.join(words.split())}\n".encode("utf-8", "backslashreplace")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            handle = open_regular(self.file, flags)
            try:
                if os.write(handle, line) != len(line):
                    raise OSError(0, "the line was cut off")
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise InputError(f"{self.file}: writes cannot be recorded: {error.strerror}") from None
