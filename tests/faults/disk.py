"""A disk that fails: every way to open, write, sync and rename below one directory."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

STEPS = ("open", "write", "sync", "rename")
"""Where it fails."""
MAKING_A_DIRECTORY = "mkdir"
ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES)
READ_ONLY = errno.EROFS


class FailingDisk:
    """Fails one step for files below a directory, from now on until it is mended."""

    def __init__(self, patch: pytest.MonkeyPatch, root: Path, step: str, code: int) -> None:
        self.root = os.path.realpath(root)
        self.step = step
        self.code = code
        self.failures = 0
        """How often something failed."""
        self._patch = patch
        self._open, self._os_open = io.open, os.open
        patch.setattr(io, "open", self._failing_open)
        patch.setattr("builtins.open", self._failing_open)
        patch.setattr(os, "open", self._failing_os_open)
        for name in ("write", "fsync"):
            patch.setattr(os, name, self._on_descriptor(name, getattr(os, name)))
        for name in ("replace", "rename"):
            patch.setattr(os, name, self._on_rename(getattr(os, name)))
        patch.setattr(os, "mkdir", self._on_mkdir(os.mkdir))

    def mend(self) -> None:
        """Fail no more."""
        self.step = ""

    def _fail(self, step: str, path: object) -> None:
        if step == self.step and os.path.realpath(str(path)).startswith(self.root):
            self.failures += 1
            raise OSError(self.code, os.strerror(self.code), str(path))

    def _failing_open(self, file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if isinstance(file, int) or not set(mode) & set("wax+"):
            return self._open(file, mode, *rest, **named)
        self._fail("open", file)
        return _Writer(self, self._open(file, mode, *rest, **named), file)

    def _failing_os_open(self, path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._fail("open", path)
        return self._os_open(path, flags, *rest, **named)

    def _on_descriptor(self, name: str, original: Any) -> Any:
        step = {"write": "write", "fsync": "sync"}[name]

        def call(descriptor: int, *rest: Any) -> Any:
            self._fail(step, os.readlink(f"/proc/self/fd/{descriptor}"))
            return original(descriptor, *rest)

        return call

    def _on_rename(self, original: Any) -> Any:
        def call(source: Any, target: Any, *rest: Any, **named: Any) -> Any:
            self._fail("rename", target)
            return original(source, target, *rest, **named)

        return call

    def _on_mkdir(self, original: Any) -> Any:
        def call(path: Any, *rest: Any, **named: Any) -> Any:
            self._fail(MAKING_A_DIRECTORY, path)
            return original(path, *rest, **named)

        return call


class _Writer:
    """A file object whose writes may fail."""

    def __init__(self, disk: FailingDisk, file: Any, path: Any) -> None:
        self._disk, self._file, self._path = disk, file, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: Any) -> Any:
        """Write, or fail as the disk does."""
        self._disk._fail("write", self._path)
        return self._file.write(data)
