"""A live map of Linux memory hotplug in a terminal.

Opens a simulated machine, a scenario, or a recording of a real kernel.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from tui.cli.keeping import add_keeping, check_keeping, kept, taken_up
from tui.cli.opening import Opened, opened, parsed, run_all
from tui.cli.parser import add_commands, add_source, add_terminal_options, emit, say

if TYPE_CHECKING:
    from tui.cast_recorder import CastRecorder
    from tui.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The machine, what to do with it first, and how to draw."""
    add_source(parser)
    add_commands(parser)
    add_keeping(parser)
    add_terminal_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the machine on the screen; where there is no terminal, print it."""
    from tui.terminal import detect

    check_keeping(arguments)
    # Textual draws on standard error, so that is the terminal that counts.
    terminal = detect(os.environ, sys.stdin, sys.stderr, color=arguments.color)
    # A wrong theme or source is said before the screen is taken.
    terminal.theme(arguments.theme, os.environ, ascii_glyphs=arguments.ascii)
    on_screen = terminal.interactive and not _is_dumb()
    machine, notice = _machine(arguments, keeping=on_screen)
    for message in [*machine.failures, *([notice] if notice else [])]:
        say(message)
    if not on_screen:
        from tui.text import render_text

        emit(render_text(machine.view, before=machine.before, outcomes=machine.outcomes))
        return 1 if machine.failures else 0
    os.environ.update(terminal.textual_environment())
    from tui.app import run_app

    recorder = _recorder(arguments, terminal)
    status = run_app(
        machine.session,
        theme=arguments.theme,
        color=terminal.colour_system,
        ascii=arguments.ascii,
        mouse=not arguments.no_mouse,
        source_title=machine.title,
        start=machine.start,
        notice=notice,
        recorder=recorder,
    )
    for trouble in (machine.session.trouble, recorder and recorder.trouble):
        if trouble:
            say(trouble)
    return status


def _machine(arguments: argparse.Namespace, *, keeping: bool) -> tuple[Opened, str]:
    """The machine, and what is to be said about it; ``keeping`` its session from here on."""
    from tui.state_directory import session_store

    store = session_store(os.environ)
    if arguments.resume is not None:
        commands = parsed(arguments.commands)
        machine, notice = taken_up(arguments.resume, store)
        run_all(machine, commands)
        return machine, notice
    if not keeping or arguments.no_journal:
        return opened(arguments), ""
    return opened(arguments, prepare=lambda made: kept(made, arguments.source, store)), ""


def _recorder(arguments: argparse.Namespace, terminal: Terminal) -> CastRecorder | None:
    """What records the screen, where that is wanted."""
    if arguments.record is None:
        return None
    from tui.cast_recorder import CastRecorder

    return CastRecorder(arguments.record, (terminal.columns, terminal.rows))


def _is_dumb() -> bool:
    """A terminal that cannot move its cursor has no screen to draw on."""
    return os.environ.get("TERM", "") in ("", "dumb", "unknown")
