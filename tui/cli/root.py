"""A real machine that the command line names."""

from __future__ import annotations

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.observe import Watcher, is_tree, page_size
from pfnmap.tui.cli.messages import Arguments


def given_page_size(arguments: Arguments) -> int | None:
    """``--page-size`` in bytes, if it is given."""
    return None if arguments.page_size is None else page_size(arguments.page_size)


def opened_root(arguments: Arguments) -> Watcher:
    """The machine that ``FILE``, ``--root`` or ``--via`` names; InputError for what is none."""
    source: str | None = getattr(arguments, "source", None)
    via: str | None = getattr(arguments, "via", None)
    page_bytes = given_page_size(arguments)
    if source is not None and arguments.root is not None:
        raise InputError(f"--root {arguments.root}: {source} is named already; give one of them")
    if source is not None and via is not None:
        raise InputError(f"--via {via}: {source} is named already; give one of them")
    named = source or arguments.root or "/"
    if via is None and is_tree(named):
        return Watcher(named, page_bytes=page_bytes)
    # What reads other things than trees, and talks to shells, is much.
    from pfnmap.engine.sysroot.open_machine import open_shell, open_watcher

    if via is None:
        return open_watcher(named, page_bytes=page_bytes)
    return open_shell(via, arguments.root or "", page_bytes=page_bytes)
