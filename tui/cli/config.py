"""Print where pfnmap keeps things: settings, themes of your own, sessions."""

from __future__ import annotations

import argparse
import json
import os

from tui.cli.parser import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the form of the output."""
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the paths; none of them need exist."""
    import platformdirs

    from themes import user_directory
    from tui.state_directory import state_directory

    config = platformdirs.user_config_path("pfnmap", appauthor=False)
    places = {
        "config": config,
        "themes": user_directory(),
        "state": state_directory(os.environ),
    }
    if arguments.json:
        emit([json.dumps({name: str(path) for name, path in places.items()}, indent=2)])
    else:
        emit(f"{name:<8} {path}" for name, path in places.items())
    return 0
