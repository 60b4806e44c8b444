"""What subcommands say: one-line messages, usage errors, and text on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace

from pfnmap.engine.errors import InputError, ParseError, PfnmapError
from pfnmap.engine.printable import printable

Arguments = SimpleNamespace
"""What the words of a command line say, by the name of each option; ``given``: a frozenset of the
names of all that was said."""


class UsageError(InputError):
    """Arguments that make no command line."""


def refuse_idle(arguments: Arguments, why: str, *options: str) -> None:
    """Refuse options that were given and would do nothing; ``why`` follows the option's name."""
    for option in options:
        if option.removeprefix("--").replace("-", "_") in arguments.given:
            raise UsageError(f"{option} {why}")


def say(message: str, *, placed: bool = False) -> None:
    """Write a message to standard error, each line with the program's name.

    ``placed``: it begins with FILE:LINE, which editors and build servers look for at the start.
    """
    for line in message.split("\n"):
        # What nobody can be told changes nothing of what was done.
        with suppress(OSError):
            print(("" if placed else "pfnmap: ") + printable(line), file=sys.stderr)


def say_error(error: PfnmapError) -> None:
    """Write what is wrong to standard error; an error in a file begins with its place."""
    error = _read_of_a_machine(error)
    in_file = isinstance(error, ParseError) and error.line > 0 and error.source not in ("", "-c")
    # Wrong lines of a scenario and a kernel's last words are several lines, never one name with a
    # newline.
    words = str(error) if error.several_lines else str(error).replace("\n", "\\n")
    say(words, placed=in_file)


def _read_of_a_machine(error: PfnmapError) -> PfnmapError:
    """The error, or another sentence where the wrong lines are no scenario's but a capture's."""
    source = getattr(error, "source", "")
    if not source or not os.path.isfile(source):
        return error
    if not import_module("pfnmap.engine.sysroot.capture").is_capture(source):
        return error
    return InputError(
        f"{printable(source)}: this was read of a machine and is no scenario; pfnmap FILE, show, "
        "blocks and plan open it"
    )


def emit(lines: Iterable[str]) -> None:
    """Write lines to standard output, all or nothing."""
    emit_pieces(["".join(f"{line}\n" for line in lines)])


def emit_pieces(pieces: Iterable[str]) -> None:
    """Write a long text to standard output as it is made."""
    if sys.stdout is not None:
        sys.stdout.writelines(pieces)
