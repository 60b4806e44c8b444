"""Scenarios as the command line names them: a file, or one that comes with the program."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import InputError


def scenario_file(name: str) -> Path:
    """The file that ``name`` means: a path, else a shipped scenario's name."""
    from engine.sources import shipped_scenarios

    path = Path(name)
    # Not Path.exists: what cannot even be looked for is said by whoever opens it.
    if os.path.exists(name) or path.suffix or "/" in name:
        return path
    shipped = shipped_scenarios()
    if name in shipped:
        return shipped[name]
    import difflib

    close = difflib.get_close_matches(name, shipped, 1)
    hint = f"; did you mean {close[0]}?" if close else "; see pfnmap scenarios"
    raise InputError(f"{name}: no such file, and no scenario of that name{hint}")
