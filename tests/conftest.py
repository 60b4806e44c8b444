"""What every test starts from: no settings of the person or machine that runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

_OURS = ("PFNMAP_", "TEXTUAL")
_COLOUR = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLORTERM", "COLORFGBG", "COLUMNS", "LINES")

_KEPT = ("PFNMAP_KERNELS",)
"""Where the kernels are that the tests marked ``kernel`` boot."""

# Before anything imports Textual, which reads some of these once and for all.
for _name in [name for name in os.environ if name in _COLOUR or name.startswith(_OURS)]:
    if _name in _KEPT:
        continue
    del os.environ[_name]
os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"

# Where pfnmap is installed it is there already, by this very name.
pytest_plugins = ["pfnmap.tui.pictures.snapshot"]

# The same examples everywhere, and none thrown away because the machine was busy.
settings.register_profile("default", derandomize=True, deadline=None, database=None)
settings.load_profile("default")


@pytest.fixture(autouse=True)
def own_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Config, state and cache directories of the user: empty ones of this test."""
    for name in ("CONFIG", "STATE", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
