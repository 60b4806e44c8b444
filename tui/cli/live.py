"""Follow this machine, or a tree with the same files, on the screen.

Nothing is written unless --allow-writes is given; then the keys that online and offline ask
first, and write the state of the blocks they name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from pfnmap.engine.journal.journal import keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.session import Session
from pfnmap.engine.sysroot.history import ObservedHistory, coded
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, refuse_idle, say
from pfnmap.tui.cli.options import DEFAULT_SECONDS
from pfnmap.tui.cli.root import given_page_size, opened_root
from pfnmap.tui.cli.starting import prepared, refuse_without_screen
from pfnmap.tui.settings.state_directory import sessions_directory
from pfnmap.tui.text.frame import render_text


def run(arguments: Arguments) -> int:
    """Follow the machine; where there is no terminal, print it once."""
    return run_root(arguments, interval=arguments.interval, allow_writes=arguments.allow_writes)


def run_root(
    arguments: Arguments,
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

    from pfnmap.tui.cli.screen import show  # there is a screen: Textual may be imported
    from pfnmap.tui.screens.live import Live

    live_on = partial(
        Live,
        session=session,
        seconds=interval if watcher.tree is not None else None,
        allow_writes=allow_writes,
        keep=None if arguments.no_journal else _simulations_kept(session, arguments),
    )
    title = watcher.view.title
    return show(start, session, title, opening=lambda app: app.main.open_live(live_on(app.main)))


def _simulations_kept(real: ObservedHistory, arguments: Arguments) -> Callable[[Session], Session]:
    """What keeps each simulation that begins as a real machine is shown."""

    def kept_simulation(simulation: Session) -> Session:
        size = given_page_size(arguments)
        origin = Origin.of_machine(*coded(real.view), simulation.title, size)
        return keep(simulation, origin, sessions_directory(os.environ))

    return kept_simulation


def _refuse_session_options(arguments: Arguments) -> None:
    """Options that mean nothing for a machine that is only read."""
    if getattr(arguments, "commands", None):
        raise UsageError(
            "-c runs nothing on a real machine; pfnmap plan says what commands would do there"
        )
    if getattr(arguments, "resume", None) is not None:
        raise UsageError("--resume goes on with a simulated session; a real machine has none")
