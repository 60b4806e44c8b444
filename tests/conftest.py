"""What every test starts from: no settings of the person or machine that runs it."""

from __future__ import annotations

import gc
import os
import sys
from itertools import count
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

from pfnmap.tui.__main__ import COLLECT_AFTER
from tests.examples import SLOW, is_slow

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

# Every process that a test starts would compile the program anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Where pfnmap is installed it is there already, by this very name.
pytest_plugins = ["pfnmap.tui.pictures.pytest_fixture"]


def pytest_configure(config: pytest.Config) -> None:
    """With ``-m slow`` the long profile, before any property is defined."""
    words = str(config.option.markexpr).replace("not slow", "").split()
    settings.load_profile(SLOW if SLOW in words else "default")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every property is slow where it tries so many examples."""
    for item in items:
        if is_slow() and is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(SLOW)


def pytest_collection_finish() -> None:
    """What was collected is there to the end: the collector need not look at it, not even now."""
    gc.freeze()


# As the program does for itself; what outlives a test is looked at less often still.
gc.set_threshold(COLLECT_AFTER, 50)

_HOMES = count()


@pytest.fixture(autouse=True)
def own_directories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Config, state and cache directories of the user: of this test, and not there yet."""
    home = tmp_path_factory.getbasetemp() / f"home{next(_HOMES)}"
    for name in ("CONFIG", "STATE", "CACHE", "DATA"):  # every test sets them, so nobody resets
        os.environ[f"XDG_{name}_HOME"] = f"{home}/{name.lower()}"
    return home
