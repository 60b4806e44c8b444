"""Follow this machine, or a tree with the same files, on the screen.

Nothing is written unless --allow-writes is given; then the keys that online and offline ask
first, and write the state of the blocks they name.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from pfnmap.tui.cli.keeping import add_no_journal, simulations_kept
from pfnmap.tui.cli.parser import UsageError, add_terminal_options, emit, refuse_idle, say
from pfnmap.tui.cli.roots import add_root, opened_root
from pfnmap.tui.cli.starting import (
    add_record,
    prepared,
    record_file,
    refuse_without_screen,
    show,
)

if TYPE_CHECKING:
    from pfnmap.tui.app import PfnmapApp

DEFAULT_SECONDS = 2.0
LEAST_SECONDS = 0.1
MOST_SECONDS = 86400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which machine, how often to read it, whether to operate it, and how to draw."""
    add_root(parser)
    parser.add_argument(
        "--interval",
        metavar="S",
        type=_seconds,
        default=DEFAULT_SECONDS,
        help=f"seconds between two readings (default: {DEFAULT_SECONDS:g})",
    )
    parser.add_argument(
        "--allow-writes",
        action="store_true",
        help="let the keys that online and offline write to the machine, each after a question",
    )
    add_no_journal(parser)
    add_record(parser)
    add_terminal_options(parser)


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
    record = record_file(arguments, start)
    from pfnmap.engine.sysroot.session import RootSession

    watcher = opened_root(arguments)
    if watcher.tree is None:
        refuse_idle(
            arguments, "is for a machine, not for a capture", "--interval", "--allow-writes"
        )
    if not start.on_screen:
        from pfnmap.tui.text.frame import render_text

        emit(render_text(watcher.view))
        for note in watcher.view.observation.notes:
            say(note)
        return 0
    session = RootSession(watcher)

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
        read_only=True,
        record=record,
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


def _seconds(text: str) -> float:
    """The value of ``--interval``."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected seconds from {LEAST_SECONDS:g} to {MOST_SECONDS:g}"
        )
    return seconds
