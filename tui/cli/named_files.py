"""Files that the command line reads and writes: which names mean what, what must not be lost.

A file that is there is replaced, as by any ``-o``; but never one that is read, nor a scenario
by what is none, as in ``--junit *.hotplug``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pfnmap.engine.errors import InputError
from pfnmap.engine.printable import printable
from pfnmap.engine.sources import named_file, says_recording
from pfnmap.engine.whole_file import write_whole
from pfnmap.tui.cli.messages import UsageError
from pfnmap.tui.cli.opening import is_machine_file
from pfnmap.tui.cli.options import SCENARIO

STANDARD_OUTPUT: Final = "-"


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


def scenario_file(name: str) -> Path:
    """The file that ``name`` means: a path, else a shipped scenario's name.

    InputError where there is none, or where it is a recording or a capture, which run nowhere.
    """
    path = named_file(name)
    # Only a plain file can be looked into twice; a pipe is read by whoever opens it.
    if path.is_file() and says_recording(path):
        raise InputError(
            f"{name}: this is a recording, not a scenario: `pfnmap FILE` opens it, "
            "`pfnmap show FILE` prints it, `pfnmap verify FILE` compares it with the model"
        )
    if is_machine_file(path):
        raise InputError(
            f"{name}: this is a capture of a machine, not a scenario: `pfnmap FILE` opens it, "
            "`pfnmap blocks FILE` prints its blocks, `pfnmap plan FILE -c COMMAND` foresees "
            "what its kernel would do"
        )
    return path


def write_out(file: Path | None, text: str) -> None:
    """Write a whole file, or to standard output, always in UTF-8."""
    if file is not None:
        write_whole(file, text.encode("utf-8"))
    elif sys.stdout is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
