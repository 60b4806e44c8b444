"""A live map of Linux memory hotplug in a terminal.

Opens a simulated machine, a scenario, a recording of a real kernel, or a real machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from pfnmap.engine.commands import Command
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.printable import printable
from pfnmap.tui.cli.opening import (
    Opened,
    check_keeping,
    is_root,
    kept,
    opened,
    parsed,
    refuse_root_options,
    run_all,
    taken_up,
)
from pfnmap.tui.cli.parser import emit, say
from pfnmap.tui.cli.starting import prepared, show
from pfnmap.tui.settings.state_directory import session_store
from pfnmap.tui.terminal.waiting import waiting

if TYPE_CHECKING:
    from pfnmap.tui.app import PfnmapApp


def run(arguments: argparse.Namespace) -> int:
    """Show the machine on the screen; where there is no terminal, print it."""
    if is_root(arguments):
        from pfnmap.tui.cli.live import run_root  # what reads real machines is much

        return run_root(arguments)
    refuse_root_options(arguments)
    check_keeping(arguments)
    # Wrong settings and a wrong source are said before the screen is taken.
    start = prepared(arguments)
    with waiting(_what(arguments), sys.stderr if start.on_screen else None):
        machine, notice = _machine(arguments, keeping=start.on_screen)
    session = machine.session
    for message in [*machine.failures, *([notice] if notice else [])]:
        say(message)
    if not start.on_screen:
        from pfnmap.tui.text.frame import render_text  # the screen draws its own

        emit(render_text(session.view, before=session.before, outcomes=machine.outcomes))
        return 1 if machine.failures else 0
    return show(
        start,
        session,
        session.title,
        notice=notice,
        opening=(lambda app: _look(app, machine.looks)) if machine.looks else None,
    )


def _look(app: PfnmapApp, commands: list[Command]) -> None:
    """Do what ``-c`` lines say about what is in sight."""
    try:
        for command in commands:
            app.main.run(command)
    except PfnmapError as error:
        app.main.complain(str(error))


def _what(arguments: argparse.Namespace) -> str:
    """What is done before there is a screen, in a few words."""
    if arguments.resume is not None:
        return "going on with the session"
    return f"opening {printable(arguments.source)[:60]}" if arguments.source else "starting"


def _machine(arguments: argparse.Namespace, *, keeping: bool) -> tuple[Opened, str]:
    """The machine, and what is to be said about it; ``keeping`` its session from here on."""
    store = session_store(os.environ)
    if arguments.resume is not None:
        commands = parsed(arguments.commands)
        machine, notice = taken_up(arguments.resume, store)
        run_all(machine, commands)
        return machine, notice
    if not keeping or arguments.no_journal:
        return opened(arguments), ""
    return opened(arguments, prepare=lambda made: kept(made, arguments.source, store)), ""
