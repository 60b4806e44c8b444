"""Where sessions are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

VARIABLE: Final = "PFNMAP_STATE_DIR"


def state_directory(env: Mapping[str, str]) -> Path:
    """The user's directory for what is kept between runs; it need not exist.

    ``$PFNMAP_STATE_DIR`` if set, else what the platform's rules say.
    """
    if named := env.get(VARIABLE):
        return Path(named).absolute()
    return platformdirs.user_state_path("pfnmap", appauthor=False)


def sessions_directory(env: Mapping[str, str]) -> Path:
    """Where the journals of this user's sessions are."""
    return state_directory(env) / "sessions"
