"""Scenarios as the command line names them: a file, or one that comes with the program."""

from __future__ import annotations

from pathlib import Path

from pfnmap.engine.errors import InputError


def scenario_file(name: str) -> Path:
    """The file that ``name`` means: a path, else a shipped scenario's name.

    InputError where there is none, or where it is a recording, which runs nowhere.
    """
    from pfnmap.engine.sources import named_file, says_recording

    path = named_file(name)
    # Only a plain file can be looked into twice; a pipe is read by whoever opens it.
    if path.is_file() and says_recording(path):
        raise InputError(
            f"{name}: this is a recording, not a scenario: `pfnmap FILE` opens it, "
            "`pfnmap show FILE` prints it, `pfnmap verify FILE` compares it with the model"
        )
    return path
