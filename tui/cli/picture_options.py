"""What the subcommands share that draw the screen without a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_size(parser: argparse.ArgumentParser) -> None:
    """``--size``."""
    parser.add_argument(
        "--size",
        metavar="WxH",
        type=_size,
        default=(80, 24),
        help="columns and lines of the screen (default: 80x24)",
    )


def add_theme(parser: argparse.ArgumentParser) -> None:
    """``--theme``."""
    parser.add_argument(
        "--theme", metavar="NAME", default="dark", help="a theme of 'pfnmap themes', or a file"
    )


def _size(text: str) -> tuple[int, int]:
    columns, cross, lines = text.partition("x")
    if not (cross and _is_count(columns) and _is_count(lines)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected WxH, such as 100x30")
    return int(columns), int(lines)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5


def keep_input(source: Path, output: str) -> None:
    """InputError where the output is the very file that is read, by whatever name."""
    from engine.errors import InputError
    from tui.cli.parser import printable

    try:
        same = os.path.samefile(source, output)
    except (OSError, ValueError):  # one of them is not there, or cannot be
        return
    if same:
        raise InputError(f"-o {printable(output)}: that is the scenario itself; name another file")


def write_out(file: Path | None, text: str) -> None:
    """Write a whole file, or to standard output, always in UTF-8."""
    if file is not None:
        from tui.export import write_file

        write_file(file, text)
    elif sys.stdout is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
