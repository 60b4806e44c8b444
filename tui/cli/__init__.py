"""The command line: finds the subcommand, runs it, turns every error into one line.

A subcommand is a module of this package with ``run(arguments)``, listed in :data:`.SUBCOMMANDS`;
its options are declared in ``options``. Only the module that is asked for is imported, so
``--version`` and ``--help`` load neither numpy nor Textual.

Exit status: 0 done, 1 a check failed, 2 wrong input, 128 + n stopped by signal n (a closed
pipe counts as SIGPIPE).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Final

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.printable import printable
from pfnmap.tui import __version__
from pfnmap.tui.cli.messages import Arguments, UsageError, say, say_error
from pfnmap.tui.help.subcommands import SUBCOMMANDS

OPEN: Final = "open"
"""The module for a command line without a subcommand: open a machine on the screen."""
NO_WORDS: Final = Arguments(
    source=None,
    commands=[],
    root=None,
    page_size=None,
    resume=None,
    no_journal=False,
    theme=None,
    color=None,
    ascii=None,
    mouse=None,
    given=frozenset(),
)
"""What the parser makes of an empty command line, which most begin with."""

LONGEST_NAME: Final = 200
"""Characters of a name that is said to be wrong; no file has a longer one."""
EXIT_FAILED: Final = 1
EXIT_WRONG: Final = 2
EXIT_INTERRUPTED: Final = 128 + 2
EXIT_CLOSED_PIPE: Final = 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``pfnmap`` with these arguments (those of the process if None); the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _dispatch(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except PfnmapError as error:
        say_error(error)
        return EXIT_WRONG
    except BrokenPipeError:
        _abandon_output()
        return EXIT_CLOSED_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:
        _abandon_output()
        reason = error.strerror or error
        if error.filename:
            # A file that is named on the command line and cannot be, or cannot be looked at.
            say(f"{printable(str(error.filename))[:LONGEST_NAME]}: {reason}")
            return EXIT_WRONG
        say(f"standard output: {reason}")
        return EXIT_FAILED
    return status


def _dispatch(arguments: list[str]) -> int:
    """Run the subcommand, or open what the arguments name."""
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        return _help()
    if first in ("-V", "--version"):
        print(f"pfnmap {__version__}")
        return 0
    name, rest = (first, arguments[1:]) if first in SUBCOMMANDS else (OPEN, arguments)
    if name == OPEN and (meant := _meant(first)):
        raise UsageError(f"{printable(first)}: no subcommand or file; did you mean {meant}?")
    parsed = _options().parser_of(name).parse(rest) if arguments else NO_WORDS
    if name == OPEN and parsed.source in SUBCOMMANDS and not os.path.lexists(parsed.source):
        raise UsageError(
            f"{parsed.source}: the subcommand comes first, as in: pfnmap {parsed.source}"
        )
    status = import_module(f"pfnmap.tui.cli.{name}").run(parsed)
    return int(status)


def _options() -> ModuleType:
    """What declares the options; who says nothing need not load argparse."""
    return import_module("pfnmap.tui.cli.options")


def _meant(word: str) -> str:
    """The subcommand that a word was meant to be, empty for what may be something to open."""
    if not word.replace("-", "").isalpha() or word.startswith("-") or os.path.lexists(word):
        return ""
    from difflib import get_close_matches

    if not (close := get_close_matches(word, SUBCOMMANDS, 1, 0.75)):
        return ""
    from pfnmap.engine.sources import shipped_scenarios

    return "" if word in shipped_scenarios() else close[0]


def _help() -> int:
    """Print the help of the whole command: how to open a machine, and the subcommands."""
    print(_options().parser_of(OPEN).format_help().rstrip())
    print("\nsubcommands (each has --help):")
    for name, words in SUBCOMMANDS.items():
        print(f"  {name:<12} {words}")
    print("\n  -V, --version  print the version\n\npfnmap help lists what there is to read.")
    return 0


def _abandon_output() -> None:
    """Point standard output to nowhere, so that nothing is flushed into it at exit."""
    if sys.stdout is None:
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
