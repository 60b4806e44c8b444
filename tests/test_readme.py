"""The README says what the program does."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

from pfnmap.engine.scenarios.expect import run_scenario
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.themes.loader import read_theme
from pfnmap.tui.settings.config import parse_settings
from tests.readme import FRAME, README, renewed

TEXT = README.read_text(encoding="utf-8")


def indented_block(first_line: str) -> str:
    """The indented block that begins with a line."""
    start = TEXT.index(f"    {first_line}")
    block = re.match(r"(?:(?: {4}.*)?\n)+", TEXT[start:])
    assert block is not None
    return "".join(line[4:] + "\n" for line in block[0].rstrip().splitlines())


def test_generated_parts_are_current() -> None:
    """If not: ``python -m tests.readme``."""
    assert renewed(TEXT) == TEXT, "run: python -m tests.readme"


def test_the_command_above_the_frame_is_the_one_that_made_it() -> None:
    assert f"pfnmap show {shlex.join(FRAME)}" in TEXT


def test_the_scenario_holds() -> None:
    run = run_scenario(parse_scenario(indented_block("machine ram=1G"), "README"))
    assert run.nr_expectations == 2
    assert run.failures == ()


def test_the_theme_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(indented_block('name = "mine"'), encoding="utf-8")
    assert read_theme(file).name == tomllib.loads(file.read_text())["name"]


def test_the_settings_are_right() -> None:
    made = parse_settings(tomllib.loads(indented_block("[keys]")))
    assert made.keys.keys("mem.pin") == ("p",)
    assert (made.theme, made.mouse) == ("light", False)


def test_the_library_example_runs() -> None:
    exec(compile(indented_block("from pfnmap.engine import Machine"), "README", "exec"), {})
