"""What the command line names, opened; and the ``-c`` commands, run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from pfnmap.engine.errors import InputError

if TYPE_CHECKING:
    from pfnmap.engine.commands import Command, Interactive, StartMachine
    from pfnmap.engine.outcome import Outcome
    from pfnmap.engine.session import Session
    from pfnmap.engine.view import View


class Opened(Struct):
    """A machine as it was opened, and what the ``-c`` commands did to it."""

    session: Session
    view: View
    title: str
    start: StartMachine | None
    """The machine line it began with, None for a recording."""
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the ``-c`` commands that are for a machine."""
    failures: list[str] = field(default_factory=list)
    """What ``expect`` commands found."""
    before: View | None = None
    """Before the last step, None at the start."""
    looks: list[Command] = field(default_factory=list)
    """``goto`` and ``zoom`` commands, for a screen that can be looked at elsewhere."""


def parsed(lines: Sequence[str]) -> list[Command]:
    """The commands of ``-c`` arguments, all read before the first is run."""
    if not lines:
        return []
    from pfnmap.engine.language import parse_line

    commands = [parse_line(line, source="-c", line=number) for number, line in enumerate(lines, 1)]
    return [command for command in commands if command is not None]


def opened(
    arguments: argparse.Namespace,
    step: str | None = None,
    *,
    prepare: Callable[[Opened], None] | None = None,
) -> Opened:
    """Open what ``SOURCE`` names, go to a step, and run the ``-c`` commands.

    A first command ``machine …`` describes the machine and needs no source. ``step`` is a
    number or ``last``. ``prepare`` may exchange the session before any command is run.
    Raises InputError for anything that cannot be opened or run.
    """
    from pfnmap.engine.commands import StartMachine

    commands = parsed(arguments.commands)
    if commands and isinstance(commands[0], StartMachine):
        if arguments.source is not None:
            raise InputError(f"-c machine: {arguments.source} has its own machine")
        machine = _boot(commands.pop(0))
    else:
        machine = _open_source(arguments.source)
    if prepare is not None:
        prepare(machine)
    if step is not None:
        _seek(machine, step)
    run_all(machine, commands)
    return machine


def run_all(machine: Opened, commands: Sequence[Command]) -> None:
    """Run ``-c`` commands as the ``:`` line would, as far as they make sense without a screen."""
    if not commands:
        return
    from pfnmap.engine.commands import Goto, Interactive, StartMachine, Zoom
    from pfnmap.engine.play import play

    if any(isinstance(command, StartMachine) for command in commands):
        raise InputError("-c machine: the machine comes first, and only once")
    machine.looks += [command for command in commands if isinstance(command, Goto | Zoom)]
    done = [command for command in commands if not isinstance(command, Goto | Zoom)]
    session = machine.session
    for step in play(enumerate(done, 1), session):
        machine.failures += [f"{step.command.text}: {words}" for words in step.failures]
        if isinstance(step.command, Interactive):
            _move(session, step.command)
        elif step.is_action:
            machine.outcomes.append(step.outcome)
    _look(machine)


def _boot(start: Command) -> Opened:
    """A simulated machine."""
    from pfnmap.engine.commands import StartMachine
    from pfnmap.engine.machine import Machine
    from pfnmap.engine.session import Session

    assert isinstance(start, StartMachine)
    session = Session(Machine.boot(start), "simulated machine", start_command=start)
    return Opened(session, session.view, session.title, start)


def _open_source(spec: str | None) -> Opened:
    """What was named, or the default machine."""
    from pfnmap.engine.sources import open_source

    session = open_source(spec)
    return Opened(session, session.view, session.title, session.start_command)


def _seek(machine: Opened, step: str) -> None:
    """Go to a step of a scenario or recording."""
    session = machine.session
    if step != "last" and not (step.isascii() and step.isdigit() and len(step) < 10):
        raise InputError(f"--step {step}: expected a number or 'last'")
    session.seek(len(session.outcomes) if step == "last" else int(step))
    _look(machine)


def _look(machine: Opened) -> None:
    """Take the views at the session's position."""
    from pfnmap.engine.model_view import ModelView

    session = machine.session
    machine.view = session.view
    done = session.last_action
    machine.before = None if done is None else ModelView(done.before)


def _move(session: Session, command: Interactive) -> None:
    """``undo``, ``redo`` and ``seek``."""
    if command.verb not in ("undo", "redo", "seek"):
        raise InputError(f"-c {command.verb}: works on the ':' line of the screen only")
    steps = int(command.arguments[0]) if command.arguments else 1
    if command.verb == "seek":
        session.seek(steps)
    elif command.verb == "undo":
        session.undo(steps)
    else:
        session.redo(steps)


def zoom_of(looks: Sequence[Command]) -> str | None:
    """The word of the last ``zoom`` command."""
    from pfnmap.engine.commands import Zoom

    return next((look.level for look in reversed(looks) if isinstance(look, Zoom)), None)


def zoom_pages(view: View, word: str | None) -> int | None:
    """Pages to a letter that a ``zoom`` word means; None for ``fit`` and for no word."""
    geometry = view.geometry
    return {
        "page": 1,
        "subsection": geometry.subsection_pages,
        "section": geometry.section_pages,
        "block": geometry.block_pages,
    }.get(word or "")
