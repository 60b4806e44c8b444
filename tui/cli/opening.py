"""What the command line names, opened; and the ``-c`` commands, run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.commands import Command, StartMachine
    from engine.outcome import Outcome
    from engine.session import Session
    from engine.view import View


@dataclass
class Opened:
    """A machine as it was opened, and what the ``-c`` commands did to it."""

    session: Session | None
    """None for a real machine, which is only looked at."""
    view: View
    title: str
    start: StartMachine | None
    """The machine line it began with, None for a recording or a real machine."""
    read_only: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the ``-c`` commands that are for a machine."""
    failures: list[str] = field(default_factory=list)
    """What ``expect`` commands found."""
    before: View | None = None
    """Before the last step, None at the start."""
    zoom: str | None = None
    """The last ``zoom`` command's word."""


def parsed(lines: Sequence[str]) -> list[Command]:
    """The commands of ``-c`` arguments, all read before the first is run."""
    from engine.language import parse_line

    commands = [parse_line(line, source="-c", line=number) for number, line in enumerate(lines, 1)]
    return [command for command in commands if command is not None]


def opened(arguments: argparse.Namespace, step: str | None = None) -> Opened:
    """Open what ``SOURCE`` and ``--root`` name, go to a step, and run the ``-c`` commands.

    A first command ``machine …`` describes the machine and needs no source. ``step`` is a
    number or ``last``. Raises InputError for anything that cannot be opened or run.
    """
    from engine.commands import StartMachine

    commands = parsed(arguments.commands)
    start = commands.pop(0) if commands and isinstance(commands[0], StartMachine) else None
    if arguments.source is not None and arguments.root is not None:
        raise InputError(f"{arguments.source}: give either SOURCE or --root, not both")
    if start is None:
        machine = _open_source(arguments)
    elif arguments.source is not None or arguments.root is not None:
        raise InputError("-c machine: there is a machine already; leave SOURCE or machine away")
    else:
        machine = _boot(start)
    if commands and machine.session is None:
        raise InputError(f"-c {commands[0].text}: a real machine is only looked at")
    if step is not None:
        _seek(machine, step)
    for command in commands:
        _run(machine, command)
    return machine


def _seek(machine: Opened, step: str) -> None:
    """Go to a step of a scenario or recording."""
    session = machine.session
    if session is None:
        raise InputError("--step: a real machine has no steps")
    if step != "last" and not (step.isascii() and step.isdigit() and len(step) < 10):
        raise InputError(f"--step {step}: expected a number or 'last'")
    session.seek(len(session.outcomes) if step == "last" else int(step))
    _look(machine, session)


def _look(machine: Opened, session: Session) -> None:
    """Take the views at the session's position."""
    machine.view = session.view
    machine.before = session.before if session.position else None


def _boot(start: Command | None) -> Opened:
    """A simulated machine."""
    from engine.commands import StartMachine
    from engine.machine import Machine
    from engine.session import Session

    start = start if isinstance(start, StartMachine) else StartMachine()
    session = Session(Machine.boot(start))
    return Opened(session, session.view, session.view.title, start)


def _open_source(arguments: argparse.Namespace) -> Opened:
    """What was named, or the default machine."""
    from engine.sources import open_source

    source = open_source(arguments.source, arguments.root)
    return Opened(source.session, source.view, source.title, source.start, source.read_only)


def _run(machine: Opened, command: Command) -> None:
    """Run one command as the ``:`` line would, as far as it makes sense without a screen."""
    from engine.commands import Expect, Goto, Interactive, Note, Pause, StartMachine, Title, Zoom

    session = machine.session
    assert session is not None
    match command:
        case StartMachine():
            raise InputError("-c machine: the machine comes first, and only once")
        case Expect():
            _expect(machine, command)
        case Interactive():
            _move(session, command)
        case Zoom():
            machine.zoom = command.level
        case Note() | Title() | Pause() | Goto():
            pass
        case _:
            machine.outcomes.append(session.run(command))
    _look(machine, session)


def _expect(machine: Opened, command: Command) -> None:
    """Check a claim."""
    from engine.commands import Expect
    from engine.expect import evaluate

    session = machine.session
    assert session is not None and isinstance(command, Expect)
    last = session.last
    found = evaluate(command, view=session.view, state=session.state, last=last)
    machine.failures += [f"{command.text}: {difference}" for difference in found]


def _move(session: Session, command: Command) -> None:
    """``undo``, ``redo`` and ``seek``."""
    from engine.commands import Interactive

    assert isinstance(command, Interactive)
    steps = int(command.arguments[0]) if command.arguments else 1
    match command.verb:
        case "undo":
            session.undo(steps)
        case "redo":
            session.redo(steps)
        case "seek":
            session.seek(steps)
        case verb:
            raise InputError(f"-c {verb}: works on the screen only")


def zoom_pages(view: View, word: str | None) -> int | None:
    """Pages to a letter that a ``zoom`` word means; None for ``fit`` and for no word."""
    geometry = view.geometry
    return {
        "page": 1,
        "subsection": geometry.subsection_pages,
        "section": geometry.section_pages,
        "block": geometry.block_pages,
    }.get(word or "")
