"""A live map of Linux memory hotplug in a terminal.

Opens a simulated machine, a scenario, or a recording of a real kernel.
"""

from __future__ import annotations

import argparse
import os
import sys

from tui.cli.opening import opened
from tui.cli.parser import add_commands, add_source, add_terminal_options, emit, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The machine, what to do with it first, and how to draw."""
    add_source(parser)
    add_commands(parser)
    add_terminal_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the machine on the screen; where there is no terminal, print it."""
    from tui.terminal import detect

    # Textual draws on standard error, so that is the terminal that counts.
    terminal = detect(os.environ, sys.stdin, sys.stderr, color=arguments.color)
    # A wrong theme or source is said before the screen is taken.
    terminal.theme(arguments.theme, os.environ, ascii_glyphs=arguments.ascii)
    machine = opened(arguments)
    for failure in machine.failures:
        say(failure)
    if not terminal.interactive or _is_dumb():
        from tui.text import render_text

        emit(render_text(machine.view, before=machine.before, outcomes=machine.outcomes))
        return 1 if machine.failures else 0
    os.environ.update(terminal.textual_environment())
    from tui.app import run_app

    return run_app(
        machine.session,
        theme=arguments.theme,
        color=terminal.colour_system,
        ascii=arguments.ascii,
        mouse=not arguments.no_mouse,
        source_title=machine.title,
        start=machine.start,
    )


def _is_dumb() -> bool:
    """A terminal that cannot move its cursor has no screen to draw on."""
    return os.environ.get("TERM", "") in ("", "dumb", "unknown")
