"""What the command line names, opened: a machine, ready to be shown or changed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine.errors import InputError, ParseError

if TYPE_CHECKING:
    from engine.commands import Command, StartMachine
    from engine.outcome import Outcome
    from engine.session import Session
    from engine.sources import Source
    from engine.view import View


def opened(arguments: argparse.Namespace) -> Source:
    """The source that ``SOURCE`` and ``--root`` name; a ``machine`` command replaces the default.

    ``-c`` commands are not run yet (see :func:`run_commands`).
    """
    from engine.sources import open_source

    if arguments.source is not None and arguments.root is not None:
        raise InputError(f"{arguments.source}: SOURCE and --root exclude each other; give one")
    return open_source(arguments.source, arguments.root)


def parsed(lines: Sequence[str]) -> list[Command]:
    """The commands of ``-c`` arguments, all read before the first is run."""
    from engine.language import parse_line

    commands = [parse_line(line, source="-c", line=number) for number, line in enumerate(lines, 1)]
    return [command for command in commands if command is not None]
