"""Every file the program writes, on a disk that fails at every step with every error.

What has to hold: one sentence that names the file and the system's reason, no traceback, the
old file as it was, and nothing half-written beside it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.commands import StartMachine
from engine.errors import InputError
from engine.journal.journal import Origin, keep
from engine.journal.resume import resume
from engine.journal.store import JournalStore
from engine.language import parse_line
from engine.machine import Machine
from engine.session import Session
from engine.whole_file import write_whole
from tests.engine.sysroot.trees import Tree
from tests.faults.disk import ERRORS, STEPS, FailingDisk
from tui.audit import Audit
from tui.cast.recorder import CastRecorder
from tui.cli import main

SCENARIO = "machine ram=1G\nadd dimm0 256M\nonline dimm0\n"
OLD = "what was there before\n"


def tree(place: Path) -> Path:
    made = Tree(place / "root")
    made.blocks(0, 3)
    return made.root


COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "cast": lambda file, place: ["cast", str(scenario(place)), "--plain", "-o", f"{file}"],
    "export-text": lambda file, place: ["export", str(scenario(place)), "-o", f"{file}.txt"],
    "export-svg": lambda file, place: ["export", str(scenario(place)), "-o", f"{file}.svg"],
    "export-scenario": lambda file, place: [
        "export", str(scenario(place)), "-o", f"{file}.hotplug",
    ],
    "junit": lambda file, place: ["check", str(scenario(place)), "--junit", f"{file}"],
    "capture": lambda file, place: ["capture", "--root", str(tree(place)), "-o", f"{file}"],
    "capture-compressed": lambda file, place: [
        "capture", "--root", str(tree(place)), "-o", f"{file}.gz",
    ],
}  # fmt: skip
"""Command lines that write to a file whose name begins as given."""


def scenario(place: Path) -> Path:
    file = place / "story.hotplug"
    file.write_text(SCENARIO)
    return file


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The directory that will fail; everything else goes on working."""
    directory = tmp_path / "disk"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_could_not_write(
    command: str,
    step: str,
    code: int,
    disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = COMMANDS[command](disk / "out", tmp_path)
    target = Path(arguments[-1])
    target.write_text(OLD)
    with monkeypatch.context() as patch:
        failing = FailingDisk(patch, disk, step, code)
        status = main(arguments)
    assert failing.failures
    said = capsys.readouterr().err.splitlines()
    assert status == 2
    assert said == [f"pfnmap: {target}: cannot be written: {os.strerror(code)}"]
    assert target.read_text() == OLD
    assert os.listdir(disk) == [target.name]


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", STEPS)
def test_a_scenario_that_cannot_be_formatted_in_place_stays_as_it_was(
    step: str,
    code: int,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = disk / "story.hotplug"
    file.write_text("machine   ram=1G\n")
    with monkeypatch.context() as patch:
        FailingDisk(patch, disk, step, code)
        assert main(["fmt", "--write", str(file)]) == 2
    assert capsys.readouterr().err == (f"pfnmap: {file}: cannot be written: {os.strerror(code)}\n")
    assert file.read_text() == "machine   ram=1G\n"
    assert os.listdir(disk) == [file.name]


# -- whole files ---------------------------------------------------------------------------------
def test_a_whole_file_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text(OLD)
    file.chmod(0o640)
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_is_no_ordinary_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()
    write_whole(Path(os.devnull), b"away")
    assert not Path(os.devnull).is_file()


def test_a_full_device_is_said_and_stays(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/dev/full: cannot be written: No space left on device"):
        write_whole(Path("/dev/full"), b"x" * 100)
    assert not Path("/dev/full").is_file()


def test_a_name_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "a\0b", b"")


# -- what is written while the program runs --------------------------------------------------------
@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", ["open", "write", "sync"])
def test_a_session_outlives_its_journal_and_catches_up(
    step: str, code: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JournalStore(disk)
    start = StartMachine(text="machine")
    with monkeypatch.context() as patch:
        failing = FailingDisk(patch, disk, step, code)
        session = keep(Session(Machine.boot(start)), Origin("test", start), store)
        for line in ("add dimm0 256M", "online dimm0"):
            command = parse_line(line)
            assert command is not None
            assert session.run(command).ok
        assert failing.failures
        assert session.trouble is not None
        assert os.strerror(code) in session.trouble
        failing.mend()
        command = parse_line("offline dimm0")
        assert command is not None
        session.run(command)
    assert session.trouble is None
    session.close()
    read_back = resume(store, "latest").session
    assert [outcome.command.text for outcome in read_back.outcomes] == [
        "add dimm0 256M",
        "online dimm0",
        "offline dimm0",
    ]
    assert read_back.position == 3
    read_back.close()


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_a_recording_ends_at_a_whole_line(
    code: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = disk / "a.cast"
    with monkeypatch.context() as patch:
        failing = FailingDisk(patch, disk, "", code)
        recorder = CastRecorder(file, (80, 24), clock=lambda: 0.0)
        recorder.output("before")
        failing.step = "write"
        recorder.output("lost")
        failing.mend()
        recorder.output("after")
        recorder.close()
    assert recorder.trouble == f"the recording to {file} stopped: {os.strerror(code)}"
    lines = file.read_text().splitlines()
    assert len(lines) == 2
    assert "before" in lines[1]


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", ["open", "write", "sync"])
def test_what_cannot_be_recorded_must_not_be_done_to_a_real_machine(
    step: str, code: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        FailingDisk(patch, disk, step, code)
        with pytest.raises(InputError, match=os.strerror(code)):
            Audit(disk / "writes.log", clock=lambda: 0.0).append("offline memory3")
