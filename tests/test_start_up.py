"""Nothing is imported before it is needed: the modules of three ways to start, name by name.

The lists are ``tests/start_up/*.txt``: modules of the project, and the packages it depends on.
A module that is new on a list costs everybody who starts the program; take it up on purpose,
with ``python -m tests.test_start_up``, or import it where it is used.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.process_rows import program_is_painted
from tests.bench.processes import ROOT, drawn, environment

LISTS = Path(__file__).parent / "start_up"
DEPENDENCIES = (
    "msgspec", "numpy", "numpy.ma", "numpy.typing", "platformdirs", "rich", "textual",
)  # fmt: skip
HEAVY = ("asyncio", "dataclasses", "difflib", "email", "hashlib", "http", "inspect", "json",
         "logging", "pathlib", "random", "shutil", "sqlite3", "tempfile", "tomllib", "unittest",
         "urllib", "zipfile")  # fmt: skip
"""Of the standard library, those that are worth a millisecond."""

_LINE = re.compile(rb"import time:\s+\d+ \|\s+\d+ \|\s*([\w.-]+)")


def loaded(way: str) -> list[str]:
    """What a way to start loads, as its list has it."""
    if way == "screen":
        raw = bytes(drawn(("-X", "importtime", "-m", "pfnmap.tui"), program_is_painted)[1])
    else:
        arguments = {"version": ["--version"], "show": ["show"]}[way]
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "pfnmap.tui", *arguments],
            cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True,
        )  # fmt: skip
        raw = done.stderr
    names = {match[1].decode() for match in _LINE.finditer(raw)}
    ours = {name for name in names if name.startswith("pfnmap.")}
    return sorted(ours | names & {*DEPENDENCIES, *(HEAVY if way == "version" else ())})


def kept(way: str) -> list[str]:
    """The list as it was taken up."""
    return (LISTS / f"{way}.txt").read_text(encoding="ascii").split()


@pytest.mark.parametrize("way", ["version", "show", "screen"])
def test_nothing_is_loaded_that_is_not_on_the_list(way: str) -> None:
    found, expected = loaded(way), kept(way)
    assert found, "no import was seen at all"
    assert set(found) - set(expected) == set(), "loaded now: import it where it is used"
    assert set(expected) - set(found) == set(), "not loaded any more: renew the list"


def test_show_draws_without_the_screen_the_operations_and_the_recordings() -> None:
    assert not {name.partition(".")[0] for name in kept("show")} & {"rich", "textual"}
    assert not {
        "pfnmap.tui.app",
        "pfnmap.engine.operations.add",
        "pfnmap.engine.operations.online",
        "pfnmap.engine.traces.trace",
        "pfnmap.engine.scenarios.scenario",
        "pfnmap.engine.journal.journal",
    } & set(kept("show"))


def test_the_version_needs_neither_model_nor_screen() -> None:
    assert not set(kept("version")) & {
        *DEPENDENCIES,
        "pfnmap.engine.machine",
        "pfnmap.engine.commands",
    }


if __name__ == "__main__":
    LISTS.mkdir(exist_ok=True)
    for name in ("version", "show", "screen"):
        (LISTS / f"{name}.txt").write_text("\n".join([*loaded(name), ""]), encoding="ascii")
