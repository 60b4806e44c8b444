"""What the subcommands share that draw the screen without a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

PICTURE_OPTIONS: Final = ("--size", "--theme")
DEFAULT_SIZE: Final = (80, 24)
DEFAULT_THEME: Final = "dark"


def add_size(parser: argparse.ArgumentParser) -> None:
    """``--size``."""
    parser.add_argument(
        "--size",
        metavar="WxH",
        type=_size,
        help="columns and lines of the screen (default: 80x24)",
    )


def add_theme(parser: argparse.ArgumentParser) -> None:
    """``--theme``."""
    parser.add_argument(
        "--theme",
        metavar="NAME",
        help=f"a theme of 'pfnmap themes', or a file (default: {DEFAULT_THEME})",
    )


def look_of(arguments: argparse.Namespace) -> tuple[tuple[int, int], str]:
    """Size and theme of the picture."""
    return arguments.size or DEFAULT_SIZE, arguments.theme or DEFAULT_THEME


def _size(text: str) -> tuple[int, int]:
    columns, cross, lines = text.partition("x")
    if not (cross and _is_count(columns) and _is_count(lines)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected WxH, such as 100x30")
    return int(columns), int(lines)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5


def write_out(file: Path | None, text: str) -> None:
    """Write a whole file, or to standard output, always in UTF-8."""
    if file is not None:
        from pfnmap.tui.pictures.web import write_file

        write_file(file, text)
    elif sys.stdout is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
