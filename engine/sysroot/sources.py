"""Opening a real machine or what was kept of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.capture import load_capture
from pfnmap.engine.sysroot.files import clean
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.observe import Watcher

if TYPE_CHECKING:
    from pfnmap.engine.sysroot.session import RootSession


class Kept:
    """A capture as something to watch: it never changes."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation

    def read(self) -> Observation:
        """What was kept."""
        return self.observation


def open_watcher(source: str | os.PathLike[str] = "/", *, page_bytes: int | None = None) -> Watcher:
    """Follow a tree (a directory), or open a capture or text dump (a file); InputError.

    ``page_bytes``: the page size of the machine, where its files do not say.
    """
    if Path(source).is_file():
        return Watcher(Kept(load_capture(source)), page_bytes=page_bytes)
    return Watcher(source, page_bytes=page_bytes)


def open_root(
    source: str | os.PathLike[str] = "/", *, page_bytes: int | None = None
) -> RootSession:
    """A session over a tree, the running machine by default, or over a capture; InputError."""
    from pfnmap.engine.sysroot.session import RootSession

    return RootSession(open_watcher(source, page_bytes=page_bytes))


def page_size(text: str) -> int:
    """The value of ``--page-size``: ``4K``, ``16K``, ``64K`` or bytes; InputError."""
    number, unit = (text[:-1], 1024) if text[-1:] in ("K", "k") else (text, 1)
    size = int(number) * unit if number.isascii() and number.isdigit() and len(number) < 8 else 0
    if size not in (4096, 16384, 65536):
        raise InputError(f"--page-size {clean(text, 20)}: expected 4K, 16K or 64K")
    return size
