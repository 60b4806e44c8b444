"""The topics of ``pfnmap help`` read well and say what the program does."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from pfnmap.engine.commands import VERBS
from pfnmap.engine.errors import InputError
from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.themes.loader import read_theme
from pfnmap.tui.cli import main
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.help.topics import COLUMNS, FRAME, Found, search, text, topics
from pfnmap.tui.keys.action_table import ACTIONS
from pfnmap.tui.settings.config import parse_settings
from tests.readme import indented_block


@pytest.mark.parametrize("topic", topics())
def test_a_topic_reads_well_in_80_columns(topic: str) -> None:
    read = text(topic)
    assert read.startswith(f"# {topics()[topic]}\n\n")
    for line in read.splitlines():
        assert len(line) <= COLUMNS
        assert line.isascii() and (line.isprintable() or not line)
        assert line == line.rstrip()


def test_there_is_no_other_topic() -> None:
    with pytest.raises(InputError, match=r"^\\u202e: no topic; see pfnmap help$"):
        text("\u202e")
    with pytest.raises(InputError, match="no topic"):
        text("../help/keys")


def test_the_tables_are_whole() -> None:
    assert all(f"    pfnmap {name} " in text("opening") for name in SUBCOMMANDS)
    assert all(f"\n    {name}" in text("commands") for name in VERBS)
    keys = text("keys")
    assert all(action.help.split()[-1] in keys for action in ACTIONS.values() if action.keys)


def test_a_search_finds_lines_whatever_their_case() -> None:
    found = list(search("NO_COLOR"))
    assert found == list(search("no_color"))
    assert found == [
        Found(
            "themes", "`NO_COLOR`, and ASCII glyphs where Python finds no UTF-8 (it does in the C"
        )
    ]
    assert list(search("no such thing at all")) == []


def test_programs_and_files_that_are_named_are_there() -> None:
    root = Path(__file__).parents[3]
    told = "\n".join(map(text, topics()))
    for program in set(re.findall(r"-m (tests(?:\.\w+)*)", told)):
        assert find_spec(program) is not None, program
    for name in set(re.findall(r"`((?:tests|tui|engine|themes)/[\w./*-]+)`", told)):
        assert list(root.glob(name)), name


def test_the_frame_is_what_show_prints() -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        assert main(["show", *(word for line in FRAME for word in ("-c", line))]) == 0
    assert indented_block(text("frame"), "pfnmap: simulated") == output.getvalue()
    assert all(f"-c '{line}'" in text("frame") for line in FRAME)


def test_the_scenario_holds() -> None:
    scenario = indented_block(text("scenarios"), "machine ram=1G")
    run = run_scenario(parse_scenario(scenario, "help"))
    assert len(run.claims) == 2
    assert run.failures == ()


def test_the_theme_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(indented_block(text("themes"), 'name = "mine"'), encoding="utf-8")
    assert read_theme(file).name == tomllib.loads(file.read_text())["name"]


def test_the_settings_are_right() -> None:
    made = parse_settings(tomllib.loads(indented_block(text("settings"), "[keys]")))
    assert made.keys.keys("mem.pin") == ("p",)
    assert (made.theme, made.mouse) == ("light", False)


def test_the_library_example_runs() -> None:
    example = indented_block(text("library"), "from pfnmap.engine import Machine")
    exec(compile(example, "help", "exec"), {})
