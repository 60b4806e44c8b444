"""A live map of Linux memory hotplug in a terminal.

Opens a simulated machine, a scenario, a recording of a real kernel, or a real machine.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from pfnmap.engine.errors import InputError
from pfnmap.engine.printable import printable
from pfnmap.tui.cli.messages import Arguments, emit, say
from pfnmap.tui.cli.opening import (
    Opened,
    check_keeping,
    is_root,
    opened,
    parsed,
    refuse_root_options,
    run_all,
)
from pfnmap.tui.cli.starting import prepared
from pfnmap.tui.settings.state_directory import sessions_directory
from pfnmap.tui.terminal.waiting import waiting


def run(arguments: Arguments) -> int:
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
    from pfnmap.tui.cli.screen import look, show  # there is one: Textual may be imported

    return show(
        start,
        session,
        session.title,
        notice=notice,
        opening=(lambda app: look(app, machine.looks)) if machine.looks else None,
    )


def _what(arguments: Arguments) -> str:
    """What is done before there is a screen, in a few words."""
    if arguments.resume is not None:
        return "going on with the session"
    return f"opening {printable(arguments.source)[:60]}" if arguments.source else "starting"


def _machine(arguments: Arguments, *, keeping: bool) -> tuple[Opened, str]:
    """The machine, and what is to be said about it; ``keeping`` its session from here on."""
    if arguments.resume is None and (arguments.no_journal or not keeping):
        return opened(arguments), ""
    directory = sessions_directory(os.environ)
    if arguments.resume is None:
        return opened(arguments, prepare=lambda made: _keep(made, arguments.source, directory)), ""
    from pfnmap.engine.journal.resume import resume
    from pfnmap.engine.journal.store import JournalStore

    commands = parsed(arguments.commands)
    resumed = resume(JournalStore(directory), arguments.resume)
    machine = Opened(resumed.session)
    run_all(machine, commands)
    return machine, resumed.notice or ""


def _keep(machine: Opened, source: str | None, directory: Path) -> None:
    """Keep a machine's session from here on, where its journal could say what it began with."""
    from pfnmap.engine.journal.journal import Origin, keep  # what is only printed is not kept

    session, path, origin = machine.session, Path(source or ""), None
    if session.start_command is not None:
        origin = Origin(session.title, session.start_command)
    elif path.is_file():
        with suppress(InputError):
            origin = Origin.of_trace(path, session.title)
    if origin is not None:
        machine.session = keep(session, origin, directory)
