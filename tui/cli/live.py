"""Follow this machine, or a tree with the same files, on the screen.

Nothing is written unless --allow-writes is given; then the keys that online and offline ask
first, and write the state of the blocks they name.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.tui.cli.opening import opened_root, simulations_kept
from pfnmap.tui.cli.options import DEFAULT_SECONDS
from pfnmap.tui.cli.parser import UsageError, emit, refuse_idle, say
from pfnmap.tui.cli.starting import prepared, refuse_without_screen, show
from pfnmap.tui.text.frame import render_text

if TYPE_CHECKING:
    from pfnmap.tui.app import PfnmapApp


def run(arguments: argparse.Namespace) -> int:
    """Follow the machine; where there is no terminal, print it once."""
    return run_root(arguments, interval=arguments.interval, allow_writes=arguments.allow_writes)


def run_root(
    arguments: argparse.Namespace,
    *,
    interval: float = DEFAULT_SECONDS,
    allow_writes: bool = False,
) -> int:
    """Show the machine that ``--root``, a directory or a capture names."""
    _refuse_session_options(arguments)
    start = prepared(arguments)
    refuse_without_screen(arguments, start, "--interval", "--allow-writes")
    watcher = opened_root(arguments)
    if watcher.tree is None:
        refuse_idle(
            arguments, "is for a machine, not for a capture", "--interval", "--allow-writes"
        )
    if not start.on_screen:
        emit(render_text(watcher.view))
        for note in watcher.view.observation.notes:
            say(note)
        return 0
    session = ObservedHistory(watcher)

    def follow(app: PfnmapApp) -> None:
        from pfnmap.tui.screens.live import Live

        live = Live(
            app.main,
            session,
            seconds=interval if watcher.tree is not None else None,
            allow_writes=allow_writes,
            keep=None if arguments.no_journal else simulations_kept(session, arguments),
        )
        app.main.follow(live)
        live.follow()

    return show(
        start,
        session,
        watcher.view.title,
        opening=follow,
    )


def _refuse_session_options(arguments: argparse.Namespace) -> None:
    """Options that mean nothing for a machine that is only read."""
    if getattr(arguments, "commands", None):
        raise UsageError(
            "-c runs nothing on a real machine; pfnmap plan says what commands would do there"
        )
    if getattr(arguments, "resume", None) is not None:
        raise UsageError("--resume goes on with a simulated session; a real machine has none")
