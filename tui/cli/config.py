"""Print where pfnmap keeps things: settings, themes of your own, sessions."""

from __future__ import annotations

import os

import platformdirs

from pfnmap.engine.printable import printable
from pfnmap.themes import user_directory
from pfnmap.tui.cli.messages import Arguments, emit
from pfnmap.tui.documents.reports import ConfigData
from pfnmap.tui.documents.view import as_json
from pfnmap.tui.settings.config import keymap_lines, load_settings, settings_file
from pfnmap.tui.settings.state_directory import state_directory


def run(arguments: Arguments) -> int:
    """Print the paths, none of which need exist; or the keys. Wrong settings are said."""
    settings = load_settings()
    if arguments.keys:
        emit(keymap_lines(settings.keys))
        return 0
    config = platformdirs.user_config_path("pfnmap", appauthor=False)
    places = {
        "config": config,
        "settings": settings_file(),
        "themes": user_directory(),
        "state": state_directory(os.environ),
    }
    if arguments.json:
        paths = {name: str(path) for name, path in places.items()}
        emit([as_json(ConfigData("pfnmap-config-1", **paths))])
    else:
        emit(f"{name:<8} {printable(str(path))}" for name, path in places.items())
    return 0
