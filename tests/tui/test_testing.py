"""The API for other projects' tests: deterministic pictures, and files to compare with."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.errors import InputError, ParseError
from pfnmap.tui.pictures.pytest_fixture import Snapshot
from pfnmap.tui.testing import CELL_DTYPE, render

STORY = "machine ram=1G memmap_on_memory=Y\nadd dimm0 256M\nonline dimm0[0] movable\n"
ROOT = Path(__file__).parent.parent.parent
PLUGIN = "pfnmap.tui.pictures.pytest_fixture"
text_of = cache(render)
"""The screen of a text, drawn once for all that compare another way to draw it."""


def test_text_is_the_screen_without_colours() -> None:
    text = render(STORY, size=(100, 30))
    lines = text.splitlines()
    assert len(lines) == 30
    assert all(len(line) <= 100 and line == line.rstrip() for line in lines)
    assert "pfnmap" in lines[0]
    assert "Movable" in text
    assert "\x1b" not in text


def test_the_formats_show_the_same_screen() -> None:
    text = text_of(STORY).splitlines()
    cells = render(STORY, format="cells")
    assert cells.dtype == CELL_DTYPE
    assert cells.shape == (24, 80)
    assert ["".join(row["text"]).rstrip() for row in cells] == text
    assert set(np.unique(cells["bg"])) > {"#101418"}
    assert "\x1b[0;" in render(STORY, format="ansi")
    assert render(STORY, format="svg").startswith("<svg ")
    assert render(STORY, format="html").startswith("<!DOCTYPE html>")


def test_a_file_a_path_and_a_text_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "scenario.hotplug"
    file.write_text(STORY)
    assert render(file) == render(str(file)) == text_of(STORY)


def test_a_step_is_the_screen_after_so_many_commands() -> None:
    at_boot = render(STORY, step=0)
    assert at_boot == render("machine ram=1G memmap_on_memory=Y\n")
    assert render(STORY, step=1) == render(STORY.rsplit("\n", 2)[0] + "\n")
    assert render(STORY, step=2) == text_of(STORY)
    with pytest.raises(InputError, match=r"the scenario has steps 0 \(at boot\) to 2"):
        render(STORY, step=3)


def test_notes_and_claims_are_steps_as_in_the_title_of_the_screen() -> None:
    told = STORY.replace("online", 'note "now"\nexpect ok\nonline')
    assert render(told, size=(100, 30), step=3).splitlines()[0].endswith("step 3/3")
    assert "#1 add" in render(told, step=1)
    assert "#3 expect ok: holds" in render(told, step=3)
    at_the_end = render(told, step=4)
    assert "#4 online dimm0[0] movable" in at_the_end
    assert at_the_end == render(told)


def test_keys_are_pressed_at_the_end() -> None:
    assert "hot-add a DIMM" in render(STORY, keys=["?"])
    assert render(STORY, keys=["?", "escape"]) == text_of(STORY)


def test_wrong_input_is_said_in_words() -> None:
    with pytest.raises(ParseError, match=r"^scenario:1:1: there is no verb"):
        render("frob\n")
    with pytest.raises(InputError, match="cannot be read"):
        render("missing.hotplug")
    with pytest.raises(InputError, match="expected one of text, svg, html, ansi, cells"):
        render(STORY, format="png")  # type: ignore[call-overload]
    with pytest.raises(InputError, match="no such theme"):
        render(STORY, theme="nope")
    with pytest.raises(InputError, match="columns must be"):
        render(STORY, size=(0, 24))


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = render(STORY, format="svg")
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb"), ("COLUMNS", "40"), ("TZ", "Asia/X")):
        monkeypatch.setenv(name, value)
    assert render(STORY, format="svg") == expected
    assert os.environ["NO_COLOR"] == "1"


def test_another_process_in_another_environment_draws_the_same() -> None:
    """Nor does it need pytest."""
    script = (
        "import sys; sys.modules['pytest'] = None\n"
        f"from pfnmap.tui.testing import *; print(render({STORY!r}, format='ansi'), end='')"
    )
    drawn = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        env={"NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C", "TEXTUAL_COLOR_SYSTEM": "standard",
             "TEXTUAL_THEME": "textual-light", "TEXTUAL_ANIMATIONS": "full",
             "PYTHONIOENCODING": "utf-8"},
        check=True,
    ).stdout.decode()  # fmt: skip
    assert drawn == render(STORY, format="ansi")


async def test_it_works_inside_an_event_loop() -> None:
    assert "Movable" in render(STORY)


# -- the fixture ---------------------------------------------------------------------------------
def test_a_screen_is_compared_with_its_file(tmp_path: Path) -> None:
    kept, updating = Snapshot(tmp_path, "a"), Snapshot(tmp_path, "a", update=True)
    with pytest.raises(pytest.fail.Exception, match=r"does not exist yet; pytest --pfnmap-update"):
        kept.compare("Movable\n", ".txt")
    updating.compare("Movable\n", ".txt")
    kept.compare("Movable\n", ".txt")
    with pytest.raises(pytest.fail.Exception) as failed:
        kept.compare("Mauvable\n", ".txt")
    first, *diff = str(failed.value).splitlines()
    assert first.endswith("differs from the screen; pytest --pfnmap-update writes it anew")
    assert diff[-2:] == ["-Movable", "+Mauvable"]
    updating.compare("Mauvable\n", ".txt")
    kept.compare("Mauvable\n", ".txt")


def test_another_project_keeps_its_screens(tmp_path: Path) -> None:
    (tmp_path / "test_story.py").write_text(f"""
def test_story(pfnmap_snapshot):
    pfnmap_snapshot({STORY!r}, size=(80, 24))
    pfnmap_snapshot({STORY!r}, format="svg", name="picture", step=1)
""")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:asyncio",
         "-p", "no:hypothesispytest", "-p", PLUGIN, "--pfnmap-update"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / ".names")},
        capture_output=True, check=True,
    )  # fmt: skip
    kept = tmp_path / "snapshots" / "test_story"
    assert sorted(path.name for path in kept.iterdir()) == [
        "test_story-picture.svg",
        "test_story.txt",
    ]
    assert (kept / "test_story.txt").read_text() == text_of(STORY)


def test_pytest_finds_the_fixture_and_loads_nothing_that_draws() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}
    program = f"import sys, {PLUGIN}; print({{*sys.modules}} & {{'numpy', 'rich', 'textual'}})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_difference_is_shown_without_escape_sequences(tmp_path: Path) -> None:
    snapshot = Snapshot(tmp_path, "a", update=True)
    snapshot.compare("one\n\x1b[31mtwo\x1b[0m\n", ".ansi")
    with pytest.raises(pytest.fail.Exception) as failed:
        Snapshot(tmp_path, "a").compare("one\n\x1b[32mtwo\x1b[0m\n", ".ansi")
    assert "\x1b" not in str(failed.value)
    assert "-?[31mtwo?[0m\n+?[32mtwo?[0m" in str(failed.value)


def test_names_of_parametrised_tests_are_names_of_files(tmp_path: Path) -> None:
    Snapshot(tmp_path, "test_a[x/../../y z]", update=True).compare("x\n", ".txt", "one/two")
    (file,) = (path for path in tmp_path.iterdir() if path.is_file())
    assert file.name == "test_a-x-..-..-y-z--one-two.txt"
