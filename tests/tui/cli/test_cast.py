"""``pfnmap cast``, ``export``, ``sessions`` and ``--resume`` on the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.journal.journal import keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.tui.cli import main
from pfnmap.tui.pictures.cast.cast import make_cast
from pfnmap.tui.pictures.render import render
from tests.examples import some

STORY = 'machine ram=1G memmap_on_memory=Y\nadd dimm0 256M\nnote "on"\nonline dimm0[0] movable\n'


@pytest.fixture
def story(tmp_path: Path) -> Path:
    file = tmp_path / "story.hotplug"
    file.write_text(STORY)
    return file


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of this test."""
    monkeypatch.setenv("PFNMAP_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path / "state"


def session(state: Path, lines: Sequence[str], title: str = "simulated machine") -> Path:
    """A session that was kept and has ended; its journal."""
    origin = Origin(title, StartMachine(ram_bytes=1 << 30))
    kept = keep(origin.session(), origin, state / "sessions")
    for text in lines:
        command = parse_line(text)
        assert command is not None
        kept.run(command)
    kept.close()
    assert kept.path is not None
    return kept.path


# -- cast --------------------------------------------------------------------------------
def test_cast_writes_a_screencast(story: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.cast"
    assert main(["cast", str(story), "-o", str(out), "--size", "100x30", "--theme", "light"]) == 0
    scenario = load_scenario(story)
    assert out.read_text() == make_cast(scenario, size=(100, 30), theme="light").text


def test_cast_to_standard_output(story: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["cast", str(story), "-o", "-", "--cast-version", "3", "--plain"]) == 0
    header, *events = capfdbinary.readouterr().out.decode().splitlines()
    assert json.loads(header)["version"] == 3
    assert any(json.loads(event)[1] == "m" for event in events)


def test_cast_says_which_expectation_does_not_hold(
    story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.write_text(STORY + "expect errno=EBUSY\n")
    out = tmp_path / "out.cast"
    assert main(["cast", str(story), "-o", str(out), "--plain"]) == 1
    assert out.exists()
    assert f"{story}:5: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "100"], "'100' is no size; expected WxH, such as 100x30"),
        (["--size", "10x10"], "columns must be 40 to 400"),
        (["--idle-time-limit", "-1"], "'-1': expected seconds, such as 2 or 0.5"),
        (["--theme", "nope"], "no such theme"),
        (["--cast-version", "4"], "invalid choice"),
    ],
)
def test_cast_refuses_in_one_line(
    story: Path,
    tmp_path: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["cast", str(story), "-o", str(tmp_path / "out.cast"), *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.cast").exists()


# -- export --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("suffix", "format"), [(".txt", "text"), (".svg", "svg"), (".html", "html"), (".ansi", "ansi")]
)
def test_export_writes_pictures(story: Path, tmp_path: Path, suffix: str, format: str) -> None:
    out = tmp_path / f"out{suffix}"
    assert main(["export", str(story), "-o", str(out), "--step", "1"]) == 0
    drawn = render(load_scenario(story), format=format, step=1)  # type: ignore[call-overload]
    assert out.read_text() == drawn


def test_export_to_standard_output_whatever_its_encoding(
    story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert main(["export", str(story), "-o", ".txt"]) == 0
    sys.stdout.flush()
    assert out.getvalue().decode() == render(load_scenario(story))


def test_export_writes_a_session_as_a_scenario(state: Path, tmp_path: Path) -> None:
    session(state, ["add dimm0 256M", "online dimm0[0] movable"], "a title")
    out = tmp_path / "out.hotplug"
    assert main(["export", "--session", "latest", "-o", str(out), "--expect"]) == 0
    lines = out.read_text().splitlines()
    assert lines[:4] == [
        "machine ram=1G",
        'title "a title"',
        "add dimm0 256M",
        "online dimm0[0] movable",
    ]
    assert any(line.startswith("expect zone Movable ") for line in lines)
    assert main(["check", str(out)]) == 0
    assert main(["export", str(out), "-o", str(tmp_path / "again.hotplug")]) == 0
    assert (tmp_path / "again.hotplug").read_text() == out.read_text()


def test_a_picture_of_a_session_has_the_steps_of_the_session(
    state: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    session(state, ["add dimm0 256M", 'note "on"', "online dimm0[0] movable"], "a title")
    for step, title in (("1", "step 1/1"), ("2", "step 2/2"), ("3", "step 3/3")):
        assert main(["export", "--session", "latest", "-o", ".txt", "--step", step]) == 0
        first = capfdbinary.readouterr().out.decode().splitlines()[0]
        assert first.startswith(" pfnmap  a title ")
        assert first.endswith(title)
    assert main(["export", "--session", "latest", "-o", ".txt", "--step", "4"]) == 2
    assert b"steps 0 (at boot) to 3" in capfdbinary.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "a.txt"], "name one thing to export"),
        (["story", "--session", "1", "-o", "a.txt"], "name one thing to export"),
        (["story", "-o", "a.png"], "must end in one of .txt, .svg, .html, .ansi, .hotplug"),
        (["story", "-o", "a.txt", "--expect"], "--expect goes with a .hotplug file"),
        (["--session", "9", "-o", "a.txt"], "there is no session 9"),
        (["--session", "latest", "-o", "a.txt"], "there is no session yet"),
    ],
)
def test_export_refuses_in_one_line(
    state: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


# -- sessions ------------------------------------------------------------------------------
def test_sessions_lists_the_newest_first(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = session(state, ["add dimm0 256M", "online dimm0"])
    second = session(state, ["add dimm0 128M"])
    os.utime(first, (86400, 86400))
    os.utime(second, (3 * 86400, 3 * 86400))
    second.write_bytes(second.read_bytes()[:-3])
    os.utime(second, (3 * 86400, 3 * 86400))
    assert main(["sessions"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "   2  1970-01-04 00:00     0 commands  machine ram=1G, line 2 was cut short (25 bytes)",
        "   1  1970-01-02 00:00     2 commands  machine ram=1G, last: online dimm0",
    ]
    assert main(["sessions", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "pfnmap-sessions-1"
    assert [entry["id"] for entry in document["sessions"]] == [2, 1]


def test_sessions_without_any(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions"]) == 0
    assert capsys.readouterr().out == f"no sessions in {state}/sessions\n"


def test_resume_goes_on_where_it_was(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = session(state, ["add dimm0 256M"])
    assert main(["--resume", "1", "-c", "online dimm0"]) == 0
    assert "dimm0 is blocks 32-33" in capsys.readouterr().out
    assert path.read_text().splitlines()[-1].endswith(" run online dimm0")


def test_resume_says_what_is_lost(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = session(state, ["add dimm0 256M", "online dimm0"])
    path.write_bytes(path.read_bytes()[:-3])
    assert main(["--resume"]) == 0
    assert "pfnmap: session 1: line 3 was cut short" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume"], "there is no session to resume"),
        (["--resume", "3"], "there is no session 3"),
        (["--resume", "1", "--no-journal"], "--resume goes on in the session's journal"),
        (["x.hotplug", "--resume"], "it does not open x.hotplug"),
    ],
)
def test_resume_refuses_in_one_line(
    state: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_printing_a_machine_keeps_no_session(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-c", "add dimm0 256M"]) == 0
    assert "dimm0" in capsys.readouterr().out
    assert not state.exists()


@pytest.mark.parametrize("environment", some([{}, {"HOME": ""}, {"XDG_STATE_HOME": "relative"}]))
def test_no_home_is_no_crash(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pfnmap.tui", "sessions"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr == ""


def test_a_state_directory_that_is_a_file_is_said(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.touch()
    assert main(["sessions"]) == 2
    assert "the sessions cannot be listed: Not a directory" in capsys.readouterr().err


def test_without_a_screen_textual_is_not_loaded(story: Path, state: Path) -> None:
    session(state, ["add dimm0 256M"])
    lines = [
        ["sessions"],
        ["export", f"{story}", "-o", f"{story}.hotplug", "--expect"],
        ["cast", f"{story}", "-o", f"{story}.cast", "--plain"],
        ["--resume", "1"],
    ]
    script = (
        "import sys; from pfnmap.tui.cli import main; "
        f"assert not any(main(words) or 'textual' in sys.modules for words in {lines!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
