"""Files that the command line writes: which names are none, and what must not be lost.

A file that is there is replaced, as by any ``-o``; but never one that is read, nor a scenario
by what is none, as in ``--junit *.hotplug``. Only recordings of the screen need a fresh name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pfnmap.engine.errors import InputError
from pfnmap.tui.cli.parser import UsageError, printable

STANDARD_OUTPUT: Final = "-"
SCENARIO: Final = ".hotplug"


def output_file(
    option: str, name: str, inputs: Iterable[tuple[Path, str]] = (), *, scenario: bool = False
) -> Path:
    """The file that an option names.

    Args:
        option: As it is written, for messages.
        name: Its value.
        inputs: Files that are read, each with what it is.
        scenario: Whether a scenario is written into it.

    Raises:
        UsageError: The name is none of a file, or is that of another kind of file.
        InputError: It is one of the inputs, by whatever name.
    """
    shown = f"{option} {printable(name)}"
    if name == STANDARD_OUTPUT or Path(name).name in ("", "..") or name.endswith(("/", "/.")):
        raise UsageError(f"{shown}: expected the name of a file")
    for file, what in inputs:
        if _same(file, name):
            raise InputError(f"{shown}: that is {what} itself; name another file")
    if name.endswith(SCENARIO) and not scenario:
        raise UsageError(f"{shown}: *{SCENARIO} is the name of a scenario; name another file")
    return Path(name)


def theme_input(theme: str) -> list[tuple[Path, str]]:
    """The file of a theme that is named as a file."""
    return [(Path(theme), "the theme")] if theme.endswith(".toml") else []


def outside_tree(option: str, name: str, root: str) -> None:
    """InputError where a file would come to lie among those that are read of a machine."""
    target = os.path.realpath(name)
    if os.path.exists(name) and not os.path.lexists(target):
        return  # a pipe of this process, by its name in /proc: what it links to is no path
    for part in ("sys", "proc"):
        if Path(target).is_relative_to(os.path.realpath(os.path.join(root, part))):
            raise InputError(
                f"{option} {printable(name)}: that is among the files that are read; "
                "name another place"
            )


def _same(file: Path, name: str) -> bool:
    try:
        return os.path.isfile(name) and os.path.samefile(file, name)
    except (OSError, ValueError):  # one of them is not there, or cannot be
        return False
