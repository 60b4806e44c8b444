"""What the command line names, opened; and ``-c``, run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct, field

from pfnmap.engine.commands import Command, Goto, Interactive, StartMachine, Zoom
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import parse_lines
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.session import Session
from pfnmap.tui.cli.messages import Arguments, UsageError, refuse_idle


class Opened(Struct):
    """A machine as it was opened, and what the ``-c`` commands did to it."""

    session: Session
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the ``-c`` commands that are for a machine."""
    failures: list[str] = field(default_factory=list)
    """What ``expect`` commands found."""
    looks: list[Command] = field(default_factory=list)
    """``goto`` and ``zoom`` commands, for a screen that can be looked at elsewhere."""


def parsed(lines: Sequence[str]) -> list[Command]:
    """The commands of ``-c`` arguments, all read before the first is run."""
    if not lines:
        return []
    return list(parse_lines(lines, source="-c"))


def opened(
    arguments: Arguments,
    step: str | None = None,
    *,
    prepare: Callable[[Opened], None] | None = None,
) -> Opened:
    """Open what ``SOURCE`` names, go to a step, and run the ``-c`` commands.

    A first command ``machine …`` describes the machine and needs no source. ``step`` is a
    number or ``last``. ``prepare`` may exchange the session before any command is run.
    Raises InputError for anything that cannot be opened or run.
    """
    commands = parsed(arguments.commands)
    if commands and isinstance(start := commands[0], StartMachine):
        if arguments.source is not None:
            raise InputError(f"-c machine: {arguments.source} has its own machine")
        machine = Opened(Session.booted(start))
        commands = commands[1:]
    elif arguments.source is None:
        machine = Opened(Session.booted())
    else:
        from pfnmap.engine.sources import open_source  # the default machine needs no files

        machine = Opened(open_source(arguments.source))
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
    from pfnmap.engine.play import play  # without -c nothing is played

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


def step_numbers(words: str, last: int) -> list[int]:
    """The numbers of ``--steps``; InputError for any but those from 0 to ``last``."""
    for word in words.split(","):
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) <= last):
            raise InputError(f"--steps {words}: expected all, last, or numbers from 0 to {last}")
    return [int(word) for word in words.split(",")]


def _seek(machine: Opened, step: str) -> None:
    """Go to a step of a scenario or recording."""
    session = machine.session
    if step != "last" and not (step.isascii() and step.isdigit() and len(step) < 10):
        raise InputError(f"--step {step}: expected a number or 'last'")
    session.seek(len(session.outcomes) if step == "last" else int(step))


def _move(session: Session, command: Interactive) -> None:
    """``undo``, ``redo`` and ``seek``."""
    moves: dict[str, Callable[[int], object]] = {
        "undo": session.undo,
        "redo": session.redo,
        "seek": session.seek,
    }
    if command.verb not in moves:
        raise InputError(f"-c {command.verb}: works on the ':' line of the screen only")
    moves[command.verb](int(command.arguments[0]) if command.arguments else 1)


def check_keeping(arguments: Arguments) -> None:
    """Refuse options that contradict each other."""
    if arguments.resume is None:
        return
    if arguments.source is not None:
        raise UsageError(f"--resume goes on with a session; it does not open {arguments.source}")
    if arguments.no_journal:
        raise UsageError("--resume goes on in the session's journal; --no-journal has none")


def refuse_root_options(arguments: Arguments) -> None:
    """Refuse options of a real machine where there is none."""
    refuse_idle(
        arguments, "is for a real machine: --root DIR, a directory or a capture", "--page-size"
    )


def is_root(arguments: Arguments) -> bool:
    """Whether a real machine is named: ``--root``, a directory, or a file made of one."""
    if arguments.root is not None:
        return True
    if arguments.source is None:
        return False
    path = Path(arguments.source)
    return path.is_dir() or is_machine_file(path)


def is_machine_file(path: Path) -> bool:
    """Whether it is a file that was made of a real machine."""
    if path.suffix == ".hotplug" or not path.is_file():
        return False
    from pfnmap.engine.sysroot.capture import is_capture  # a real machine's is read by few

    return is_capture(path)
