"""Machines that are more than a tree of files here, opened.

A capture, a dump, a table or a report was kept of one; one behind a shell is read there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.capture import load_capture
from pfnmap.engine.sysroot.lsmem import listed
from pfnmap.engine.sysroot.observation import Observation, Span
from pfnmap.engine.sysroot.observe import Watcher, is_tree
from pfnmap.engine.sysroot.read import MAX_FILE, observe
from pfnmap.engine.sysroot.shell_machine import ShellMachine
from pfnmap.engine.sysroot.shell_process import ShellProcess
from pfnmap.engine.sysroot.trees import DirectoryTree, FileProblem, Tree

REPORT = "sos_commands/memory"


class Kept:
    """A capture as something to watch: it never changes."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation

    def read(self, in_sight: Span | None = None) -> Observation:
        """What was kept."""
        del in_sight
        return self.observation


def open_watcher(source: str | os.PathLike[str] = "/", *, page_bytes: int | None = None) -> Watcher:
    """Follow a tree (a directory), or open a report of sos or a capture, dump or table; InputError.

    ``page_bytes``: the page size of the machine, where its files do not say.
    """
    if Path(source).is_file():
        return Watcher(Kept(load_capture(source)), page_bytes=page_bytes)
    tree = DirectoryTree(source)
    if not is_tree(source) and (report := observe_report(tree)):
        return Watcher(Kept(report), page_bytes=page_bytes)
    return Watcher(tree, page_bytes=page_bytes)


def open_shell(command: str, root: str = "", *, page_bytes: int | None = None) -> Watcher:
    """Follow the machine where a command gives a shell; ``root`` of a tree there. InputError."""
    return Watcher(ShellMachine(ShellProcess(command), root), page_bytes=page_bytes)


def observe_report(tree: Tree) -> Observation | None:
    """A report of sos: blocks as its lsmem lists them; None for another tree.

    Source: sos, ``report/plugins/memory.py``.
    """
    try:
        names = tree.names(REPORT)
    except FileProblem:
        return None
    for name in sorted(name for name in names if name.startswith("lsmem")):
        with suppress(FileProblem, InputError):
            return observe(tree, listed(tree.read(f"{REPORT}/{name}", MAX_FILE), tree.name))
    return None
