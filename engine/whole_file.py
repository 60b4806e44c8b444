"""Writing a file whole or not at all: what was there stays until all of the new is on disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from engine.errors import InputError
from engine.language.wrong import printable


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` in place of a file, whose permissions stay; a link's target is meant.

    What is no ordinary file (a pipe, ``/dev/stdout``) is written to as it is. Raises
    InputError, one sentence, when it cannot be done; then nothing has changed.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        _replace(target, data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{printable(str(path))}: cannot be written: {reason}") from None


def _replace(target: Path, data: bytes) -> None:
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o7777)
        fresh.replace(target)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
