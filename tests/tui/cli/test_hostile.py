"""Files and streams that a careless or hostile person hands to the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.traces.trace import MAX_BYTES
from pfnmap.engine.whole_file import write_whole
from pfnmap.tui.cli import main
from tests.fuzz.limits import bounded

ROOT = Path(__file__).resolve().parents[3]
STORY = "machine ram=1G\nadd dimm0 128M\nexpect ok\n"
TOO_LONG = "a" * 5000


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = Path("a.hotplug")
    file.write_text(STORY)
    return file


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which ``pfnmap`` is the program."""
    return subprocess.run(
        ["bash", "-c", line.replace("pfnmap", f'"{sys.executable}" -m pfnmap.tui')],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command line is refused with."""
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error.rstrip("\n")


# -- names ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments",
    [
        ["{}"],
        ["show", "{}"],
        ["show", "--root", "{}"],
        ["blocks", "{}"],
        ["plan", "{}", "-c", "offline 3"],
        ["run", "{}"],
        ["run", "{}.hotplug"],
        ["fmt", "{}"],
        ["cast", "{}", "-o", "-"],
        ["capture", "-o", "{}"],
    ],
)
def test_a_name_that_no_file_can_have_is_wrong_input(
    arguments: list[str], story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said([word.format(TOO_LONG) for word in arguments], capsys)


def test_a_name_with_a_newline_is_said_in_one_line(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a name could pass for a message of its own."""
    assert said(["a\npfnmap: all is well"], capsys).startswith("pfnmap: a\\npfnmap: all is well: ")


@pytest.mark.parametrize("wrong", [TOO_LONG, f"{TOO_LONG}.hotplug", f"{TOO_LONG}/b", "a\0b"])
def test_a_scenario_that_cannot_even_be_looked_for_does_not_keep_others_from_their_check(
    wrong: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", wrong, str(story), "--junit", "r.xml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "1 scenario, 1 expectation, 0 failed\n"
    assert captured.err.count("\n") == 1
    assert Path("r.xml").read_text().count("<testsuite ") == 2


# -- contents ------------------------------------------------------------------------------
def test_what_cannot_be_read_is_not_blamed_on_standard_output(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first page of a process cannot be read, though the file is there."""
    assert said(["show", "/proc/self/mem"], capsys) == (
        "pfnmap: /proc/self/mem: cannot be read: Input/output error"
    )


@pytest.mark.parametrize("name", ["huge.json", "/dev/zero"])
def test_a_recording_without_an_end_is_not_read_to_it(
    name: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("huge.json").open("wb") as file:
        file.truncate(1 << 40)
    with bounded(20.0):
        assert main(["verify", name]) == 2
    limit = f"over {MAX_BYTES >> 20} MiB"
    assert f"the file is too large for a recording ({limit})" in capsys.readouterr().err


# -- streams -------------------------------------------------------------------------------
@pytest.mark.parametrize("words", ["--help", "show --help", "help run", "--version"])
def test_help_that_nobody_gets_is_said(words: str) -> None:
    done = shell(f"pfnmap {words} >/dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        "pfnmap: standard output: No space left on device\n",
    )


@pytest.mark.parametrize("words", ["--help", "show --help"])
def test_help_without_a_standard_output_is_fine(words: str) -> None:
    done = shell(f"pfnmap {words} >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_messages_that_nobody_gets_change_no_exit_status(tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    assert shell(f"pfnmap capture --root {ROOT}/nothing -o {out} 2>/dev/full").returncode == 2
    (tmp_path / "a.hotplug").write_text("machine ram=1G\nexpect node 0 spanned=1\n")
    cast = f"pfnmap cast {tmp_path}/a.hotplug --plain -o {out}"
    assert shell(f"{cast} 2>/dev/full").returncode == 1
    assert out.exists()


# -- writing whole files ---------------------------------------------------------------------
def test_a_link_that_waits_where_a_new_file_is_made_is_not_followed(tmp_path: Path) -> None:
    target, other = tmp_path / "report.xml", tmp_path / "precious"
    other.write_text("precious")
    trap = tmp_path / f".{target.name}.{os.getpid()}"
    trap.symlink_to(other)
    write_whole(target, b"new")
    assert other.read_text() == "precious"
    assert target.read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["precious", "report.xml"]


def test_what_a_killed_program_left_there_is_in_nobodys_way(tmp_path: Path) -> None:
    target = tmp_path / "report.xml"
    (tmp_path / f".{target.name}.{os.getpid()}").write_text("half of")
    write_whole(target, b"new")
    assert os.listdir(tmp_path) == ["report.xml"]


def test_a_private_file_is_never_readable_while_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "private"
    target.touch(mode=0o600)
    modes = []

    def sync(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode & 0o777)

    monkeypatch.setattr(os, "fsync", sync)
    write_whole(target, b"secret")
    assert modes == [0o600]


def test_a_loop_of_links_is_no_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="cannot be written: "):
        write_whole(loop, b"new")
    assert loop.is_symlink()


# -- the environment -------------------------------------------------------------------------
@pytest.mark.parametrize("words", [["config"], ["sessions"], ["show"], []])
def test_directories_of_the_environment_reach_the_terminal_as_text(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere/\x1b[31mred")
    monkeypatch.setenv("PFNMAP_STATE_DIR", "/nowhere/\x1b[31mred")
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
