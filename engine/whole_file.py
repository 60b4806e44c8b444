"""Files that a person names: opened without waiting for anybody, written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from pfnmap.engine.errors import InputError
from pfnmap.engine.printable import printable

NULL_DEVICE: Final = os.makedev(1, 3)
"""``/dev/null`` (Documentation/admin-guide/devices.txt)."""
NAME_KEPT: Final = 40
"""Characters of a file's name in that of its successor, of at most 4 bytes each."""


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of a regular file or ``/dev/null``; one that is made is the user's own.

    Nothing else may be opened where somebody waits: a pipe keeps whoever opens it until there is
    another end. OSError, also where it is something else.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) or found.st_rdev == NULL_DEVICE:
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_regular(path: Path, most_bytes: int) -> bytes:
    """What is in a regular file, as far as that many bytes. OSError, ValueError."""
    with open(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read(most_bytes)


def write_whole(path: Path, data: bytes, *, only_regular: bool = False) -> None:
    """Put ``data`` in place of a file, whose permissions stay; a link's target is meant.

    What is no ordinary file (a pipe that somebody reads, ``/dev/stdout``) is written to as it is,
    or refused. Raises InputError, one sentence, when it cannot be done; then nothing has changed.
    """
    try:
        # By the name that was given: what a link in /proc/self/fd says is no name of a pipe.
        if path.exists() and not path.is_file():
            if only_regular:
                raise OSError(errno.EINVAL, "not a regular file")
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            os.set_blocking(descriptor, True)
            with open(descriptor, "wb") as special:
                special.write(data)
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
