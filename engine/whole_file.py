"""Writing a file whole or not at all: what was there stays until all of the new is on disk."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from pfnmap.engine.errors import InputError
from pfnmap.engine.printable import printable

NAME_KEPT: Final = 40
"""Characters of a file's name in that of its successor, of at most 4 bytes each."""


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` in place of a file, whose permissions stay; a link's target is meant.

    What is no ordinary file (a pipe, ``/dev/stdout``) is written to as it is. Raises
    InputError, one sentence, when it cannot be done; then nothing has changed.
    """
    try:
        # By the name that was given: what a link in /proc/self/fd says is no name of a pipe.
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        _replace(target, data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{printable(str(path))}: cannot be written: {reason}") from None


def _replace(target: Path, data: bytes) -> None:
    # A name that fits beside the longest one; what a program that was killed left there goes.
    fresh = target.with_name(f".{target.name[:NAME_KEPT]}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        # Made anew, never through a link that somebody else put there.
        with fresh.open("xb") as file:
            if target.exists():
                fresh.chmod(target.stat().st_mode & 0o7777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
