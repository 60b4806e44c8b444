"""Put scenarios in normal form: canonical spelling, comments and blank lines kept."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tui.cli.parser import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Files, and what to do with the result."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a scenario")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="change the files (default: print)")
    how.add_argument(
        "--check", action="store_true", help="name the files that are not in normal form; exit 1"
    )


def run(arguments: argparse.Namespace) -> int:
    """Format every file; all are read before the first is written."""
    from engine.scenario import format_scenario, load_scenario

    formatted = [(file, format_scenario(load_scenario(file))) for file in arguments.files]
    if not (arguments.write or arguments.check):
        for _, text in formatted:
            if sys.stdout is not None:
                sys.stdout.write(text)
        return 0
    changed = [(file, text) for file, text in formatted if file.read_bytes() != text.encode()]
    if arguments.write:
        for file, text in changed:
            _replace(file, text)
        return 0
    emit(f"{file}: not in normal form" for file, _ in changed)
    return 1 if changed else 0


def _replace(file: Path, text: str) -> None:
    """Write the whole file or leave the old one as it was; its permissions stay."""
    file = file.resolve()
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_bytes(text.encode())
        new.chmod(file.stat().st_mode & 0o7777)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
