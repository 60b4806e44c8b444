"""What all subcommands share: the argument parser, one-line messages, common options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import NoReturn

from engine.errors import InputError, ParseError, PfnmapError


class UsageError(InputError):
    """Arguments that make no command line."""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal.

    argparse makes one for every argument it is told of, and imports shutil each time it is
    not given a width.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """Of the terminal that help is printed on, 80 where there is none."""
    named = os.environ.get("COLUMNS", "")
    if named.isascii() and named.isdigit() and 0 < len(named) < 6:
        return max(int(named), 24)
    try:
        return max(os.get_terminal_size(1).columns, 24)
    except OSError:
        return 80


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, with where to find help."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(
            prog=prog,
            description=(description or "").partition("\n\n")[0],
            formatter_class=_Help,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise the complaint instead of printing the usage."""
        raise UsageError(f"{message}; see {self.prog} --help")


def say(message: str, *, placed: bool = False) -> None:
    """Write a message to standard error, each line with the program's name.

    ``placed``: it begins with FILE:LINE, which editors and build servers look for at the start.
    """
    for line in message.split("\n"):
        print(("" if placed else "pfnmap: ") + printable(line), file=sys.stderr)


def say_error(error: PfnmapError) -> None:
    """Write what is wrong to standard error; an error in a file begins with its place."""
    in_file = isinstance(error, ParseError) and error.line > 0 and error.source not in ("", "-c")
    say(str(error), placed=in_file)


def printable(text: str) -> str:
    r"""Text with whatever a terminal might obey shown as an escape, e.g. ``\x1b``."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def counted(number: int, noun: str) -> str:
    """``1 scenario``, ``2 scenarios``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def emit(lines: Iterable[str]) -> None:
    """Write lines to standard output."""
    text = "".join(f"{line}\n" for line in lines)
    if sys.stdout is not None:
        sys.stdout.write(text)


def add_source(parser: argparse.ArgumentParser) -> None:
    """``SOURCE``: the machine to work on."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="a scenario (FILE.hotplug, or a name from 'pfnmap scenarios'), a recording of a "
        "kernel (FILE.json), a directory with a machine's files, or a capture of them; a "
        "simulated machine if none",
    )


def add_commands(parser: argparse.ArgumentParser) -> None:
    """``-c``: commands to run first."""
    parser.add_argument(
        "-c",
        "--command",
        metavar="COMMAND",
        action="append",
        default=[],
        dest="commands",
        help="a command to run first, e.g. 'add dimm0 256M'; may be given more than once",
    )


def add_terminal_options(parser: argparse.ArgumentParser) -> None:
    """How to draw on the terminal."""
    from tui.terminal import COLOUR_SYSTEMS

    parser.add_argument("--theme", metavar="NAME", help="a theme of 'pfnmap themes', or a file")
    parser.add_argument(
        "--color",
        choices=("auto", *COLOUR_SYSTEMS),
        default=None,
        help="colours to use (default: what the terminal promises; NO_COLOR is honoured)",
    )
    _add_switch(parser, "ascii", "draw with ASCII letters only, or not")
    _add_switch(parser, "mouse", "use the mouse, or leave it to the terminal")


def _add_switch(parser: argparse.ArgumentParser, name: str, words: str) -> None:
    """``--NAME`` and ``--no-NAME``; None when neither is given."""
    parser.add_argument(
        f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=words
    )


def text_width(text: str) -> int:
    """The value of ``--width``."""
    from tui.plain.text import MIN_WIDTH

    limit = 1000
    if not (text.isascii() and text.isdigit() and MIN_WIDTH <= int(text) <= limit):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no width; expected {MIN_WIDTH} to {limit} columns"
        )
    return int(text)
