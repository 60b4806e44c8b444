"""Completions for shells and the manual page, made from the command line's own parsers.

``python .build/shell_files.py FOLDER`` writes them as they lie below ``share``; it needs shtab
and argparse-manpage, and what pfnmap itself needs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

import shtab
from argparse_manpage.manpage import Manpage

ROOT = Path(__file__).resolve().parent.parent
FILES = ("FILE", "OUT", "SCENARIO", "SOURCE", "TRACE")
"""Placeholders that stand for a file."""

if "pfnmap" not in sys.modules:
    # The folders as they are here, whatever is installed.
    sys.modules["pfnmap"] = ModuleType("pfnmap")
    sys.modules["pfnmap"].__path__ = [str(ROOT)]

from pfnmap.tui import __version__  # noqa: E402
from pfnmap.tui.cli import OPEN  # noqa: E402
from pfnmap.tui.cli.options import parser_of  # noqa: E402
from pfnmap.tui.documents.schema import schema_names  # noqa: E402
from pfnmap.tui.help.subcommands import SUBCOMMANDS  # noqa: E402
from pfnmap.tui.help.topics import topics  # noqa: E402


def whole_parser() -> argparse.ArgumentParser:
    """The command line as one parser; pfnmap itself makes only the one that is asked for."""
    whole = parser_of(OPEN)
    whole.add_argument(
        "-V", "--version", action="version", version=__version__, help="print the version"
    )
    listed = whole.add_subparsers(
        metavar="SUBCOMMAND", prog=whole.prog, parser_class=argparse.ArgumentParser
    )
    for name, words in SUBCOMMANDS.items():
        parser = parser_of(name)
        listed.add_parser(
            name, help=words, description=parser.description, parents=[parser], add_help=False
        )
        _complete(parser)
    _complete(whole)
    whole.usage = "%(prog)s [OPTION]... [SOURCE] | %(prog)s SUBCOMMAND [ARGUMENT]..."
    return whole


def _complete(parser: argparse.ArgumentParser) -> None:
    """Say which arguments are names of files, folders and topics."""
    for action in parser._actions:
        if action.metavar in FILES:
            action.complete = shtab.FILE
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY
        elif action.metavar == "TOPIC":
            action.choices = [*topics(), *SUBCOMMANDS, "schema", *schema_names()]


def manual_page(parser: argparse.ArgumentParser) -> str:
    """The manual page, the same whenever it is made."""
    page = Manpage(parser)
    page.date = ""
    page.source = f"pfnmap {__version__}"
    page.manual = "User Commands"
    page.description = "a live map of Linux memory hotplug in a terminal"
    listed = "".join(f".TP\n.B {name}\n{title}\n" for name, title in topics().items())
    page.add_section("help topics", ">", f"Printed by pfnmap help TOPIC.\n{listed}")
    return str(page)


def completions(shell: str) -> str:
    """The completions for a shell: first a subcommand or a file, then what belongs to it."""
    whole = whole_parser()
    # shtab would have the subcommand come behind SOURCE, and names of files nowhere else.
    whole._actions = [action for action in whole._actions if action.metavar != "SOURCE"]
    made = shtab.complete(whole, shell)
    if shell == "zsh":
        commands = "': :_shtab_pfnmap_commands'"
        assert commands in made
        return made.replace(commands, "': :{_shtab_pfnmap_commands; _files}'")
    return made + ("complete -c pfnmap -n __fish_use_subcommand -F\n" if shell == "fish" else "")


def shell_files() -> dict[str, str]:
    """The text of each file, by its place below ``share``."""
    return {
        "bash-completion/completions/pfnmap": completions("bash"),
        "zsh/site-functions/_pfnmap": completions("zsh"),
        "fish/vendor_completions.d/pfnmap.fish": completions("fish"),
        "man/man1/pfnmap.1": manual_page(whole_parser()),
    }


if __name__ == "__main__":
    for place, text in shell_files().items():
        file = Path(sys.argv[1], place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
