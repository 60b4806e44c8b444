"""The parser that all subcommands have."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from pfnmap.tui.cli.messages import Arguments, UsageError

COMMANDS: Final = "commands"
"""Where the lines of ``-c`` are; an empty one is a line that does nothing."""


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
            description="\n".join(map(str.strip, (description or "").splitlines())),
            formatter_class=_Help,
            allow_abbrev=False,
        )

    def options(self, text: str, to: argparse._ActionsContainer | None = None) -> None:
        """Add options, written as help shows them: names, a value or none, two blanks, words.

        A value is in capitals, or one of ``{these,words}``; without one it is a flag. A line that
        begins with blanks goes on with the words. ``to``: a group of the options.
        """
        rows: list[list[str]] = []
        lines = text.strip("\n").rstrip().splitlines()
        margin = len(lines[0]) - len(lines[0].lstrip())
        for line in lines:
            option, _, words = line[margin:].partition("  ")
            if option:
                rows.append([option, words.strip()])
            else:
                rows[-1][1] += f" {words.strip()}"
        for option, words in rows:
            names, _, value = option.rpartition(" ")
            takes: dict[str, Any]
            if value[0].isupper():
                takes = {"metavar": value}
            elif value[0] == "{":
                takes = {"choices": value.strip("{}").split(",")}
            else:
                names, takes = option, {"action": "store_true"}
            (to or self).add_argument(*names.split(", "), help=words.strip(), **takes)

    def either(self, text: str) -> None:
        """Add options of which one at most may be given."""
        self.options(text, self.add_mutually_exclusive_group())

    def parse(self, words: Sequence[str]) -> Arguments:
        """What the words say; ``given`` holds the names of all that was said.

        Raises:
            UsageError: The words make no command line, or one of them is empty.
        """
        arguments = self.parse_args(words, Arguments())
        arguments.given = frozenset(
            name for name, value in vars(arguments).items() if value is not self.get_default(name)
        )
        for action in self._actions:
            value = getattr(arguments, action.dest, None)
            if value == "" or (isinstance(value, list) and "" in value and action.dest != COMMANDS):
                name = "/".join(action.option_strings) or action.metavar
                self.error(f"argument {name}: it is empty; is a variable of the shell not set?")
        return arguments

    def print_help(self, file: object = None) -> None:
        """Print the help; argparse itself says nothing where that cannot be done."""
        if sys.stdout is not None:
            sys.stdout.write(self.format_help())
            sys.stdout.flush()

    def error(self, message: str) -> NoReturn:
        """Raise the complaint instead of printing the usage."""
        raise UsageError(f"{message}; see {self.prog} --help")
