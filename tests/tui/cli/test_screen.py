"""What the command line opens on the screen, in a real pseudo-terminal, and its settings."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from pfnmap.tui.cli import main
from pfnmap.tui.settings.config import parse_settings
from tests.tui.pty_program import Program

DIMM = 'machine ram=1G\ntitle "a DIMM"\nadd dimm0 256M\nonline dimm0 movable\n'


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def settings(home: Path, text: str) -> Path:
    file = home / "config" / "pfnmap" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def home(own_directories: Path) -> Path:
    """Where the settings of this test's user are."""
    return own_directories


# -- settings ----------------------------------------------------------------------------
def test_a_wrong_settings_file_is_one_line_and_status_2(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = settings(home, '[keys]\n"mem.onlin" = ["i"]\n')
    for arguments in ([], ["tour"], ["live"], ["config"]):
        assert run(*arguments) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"{file}: keys: there is no action 'mem.onlin'; did you mean" in said


def test_a_wrong_theme_in_the_settings_is_said_to_be_there(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = settings(home, '[defaults]\ntheme = "nothing-here"\n')
    assert run() == 2
    assert f"{file}: defaults.theme: " in capsys.readouterr().err
    assert run("--theme", "dark") == 0


def test_what_prints_does_not_need_the_settings(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(home, "wrong")
    assert run("show") == 0
    assert "pfnmap: simulated" in capsys.readouterr().out


def test_config_names_the_file_and_prints_the_keys_in_force(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = settings(home, '[keys]\n"mem.pin" = ["p"]\n')
    assert run("config", "--json") == 0
    assert json.loads(capsys.readouterr().out)["settings"] == str(file)
    assert run("config", "--keys") == 0
    again = parse_settings(tomllib.loads(capsys.readouterr().out))
    assert again.keys.keys("mem.pin") == ("p",)


def test_own_keys_and_defaults_are_in_force_on_the_screen(tmp_path: Path) -> None:
    settings(tmp_path, '[keys]\n"mem.add" = ["i"]\n\n[defaults]\nascii = true\n')
    with Program("--no-journal", home=tmp_path) as program:
        program.wait_for("press i to hot-add a DIMM")
        assert program.text.isascii()
        program.send("i\r")
        program.wait_for("step 1/1")
        program.send("q")
        assert program.end() == 0


def test_the_command_line_wins_over_the_settings(tmp_path: Path) -> None:
    settings(tmp_path, "[defaults]\nascii = true\n")
    with Program("--no-journal", "--no-ascii", home=tmp_path) as program:
        program.wait_for("hot-add a DIMM")
        assert "─" in program.text
        program.send("q")
        assert program.end() == 0


# -- screens -----------------------------------------------------------------------------
def test_the_tour_begins_on_the_screen(tmp_path: Path) -> None:
    with Program("tour", home=tmp_path) as program:
        program.wait_for("1/17 the map")
        program.send("G")
        program.wait_for("2/17 explain")
        program.send("T")
        program.wait_for("the tour has ended")
        program.send("q")
        assert program.end() == 0


def test_a_comparison_opens_on_the_screen(tmp_path: Path) -> None:
    file = tmp_path / "dimm.hotplug"
    file.write_text(DIMM)
    arguments = ("compare", str(file), "--with", "memmap_on_memory=Y", "--tui")
    with Program(*arguments, home=tmp_path) as program:
        program.wait_for("A: as written")
        program.wait_for("B: memmap_on_memory=Y: costs 4M of dimm0; saves 4M of node 0")
        program.send("q")
        program.wait_for("step 0/3")
        program.send("q")
        assert program.end() == 0


def test_without_a_terminal_a_comparison_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dimm.hotplug"
    file.write_text(DIMM)
    assert run("compare", file, "--with", "memmap_on_memory=Y", "--tui") == 0
    assert capsys.readouterr().out.startswith("pfnmap compare: a DIMM\n")


# -- pictures of a run -------------------------------------------------------------------
@pytest.mark.parametrize(("form", "start"), [("svg", "<svg"), ("html", "<!DOCTYPE html>")])
def test_run_prints_the_screen_at_the_end(
    form: str, start: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "dimm.hotplug"
    file.write_text(DIMM)
    assert run("run", file, f"--{form}", "--size", "100x30") == 0
    printed = capfdbinary.readouterr().out.decode()
    assert start.lower() in printed[:200].lower()
    assert "Movable" in printed
    out = tmp_path / f"out.{form}"
    assert run("export", file, "-o", out, "--size", "100x30") == 0
    assert out.read_text(encoding="utf-8") == printed


def test_a_failed_expectation_does_not_get_into_the_picture(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dimm.hotplug"
    file.write_text(DIMM + "expect block 33 state=offline\n")
    assert run("run", file, "--svg") == 1
    captured = capfd.readouterr()
    assert captured.out.rstrip().endswith("</svg>")
    assert "expected offline, is online" in captured.err
