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

from pfnmap.engine.commands import Command, StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.journal.journal import JournaledSession, keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.resume import resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.engine.whole_file import write_whole
from pfnmap.themes.loader import read_theme
from pfnmap.tui.cli import main
from pfnmap.tui.screens.audit import Audit
from pfnmap.tui.settings.config import load_settings
from tests.engine.sysroot.trees import Tree
from tests.examples import some
from tests.faults.disk import ERRORS, MAKING_A_DIRECTORY, READ_ONLY, STEPS, FailingDisk
from tests.tui.stage import stage

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
    "export-html": lambda file, place: ["export", str(scenario(place)), "-o", f"{file}.html"],
    "export-ansi": lambda file, place: ["export", str(scenario(place)), "-o", f"{file}.ansi"],
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


def parsed(line: str) -> Command:
    command = parse_line(line)
    assert command is not None
    return command


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The directory that will fail; everything else goes on working."""
    directory = tmp_path / "disk"
    directory.mkdir()
    return directory


@pytest.mark.parametrize(
    ("command", "step", "code"),
    [
        *(("export-scenario", step, code) for step in STEPS for code in ERRORS),
        *some(
            (
                (command, step, ERRORS[(number + place) % len(ERRORS)])
                for number, command in enumerate(COMMANDS)
                for place, step in enumerate(STEPS)
                if command != "export-scenario"
            ),
            len(STEPS) - 1,
        ),
    ],
)
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


@pytest.mark.parametrize(
    "words",
    ["save {}.hotplug", "write {}.svg", pytest.param("write {}.txt", marks=pytest.mark.slow)],
)
async def test_what_the_screen_could_not_write_is_said_and_the_work_goes_on(
    words: str, disk: Path
) -> None:
    file = Path(words.format(disk / "out").split()[1])
    file.write_text(OLD)
    async with stage("add dimm0 256M", size=(200, 50)) as on:
        for number, step in enumerate(STEPS):
            code = ERRORS[number % len(ERRORS)]
            with pytest.MonkeyPatch.context() as patch:
                failing = FailingDisk(patch, disk, step, code)
                await on.command(words.format(disk / "out"))
            assert failing.failures
            flat = "".join(on.text.split())
            assert f"cannotbewritten:{''.join(os.strerror(code).split())}" in flat, (step, code)
            assert file.read_text() == OLD
            assert os.listdir(disk) == [file.name]
            await on.keys("escape")
            await on.command(("online dimm0", "offline dimm0")[number % 2])
            assert on.session.position == number + 2
            assert "cannot be written" not in on.text


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


# -- pipes where a file is expected: whoever opened one would wait for ever ------------------------
def pipe_at(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(file)
    return file


@pytest.mark.parametrize("words", ["save {}.hotplug", "write {}.txt"])
async def test_the_screen_writes_regular_files_only(words: str, tmp_path: Path) -> None:
    for name in ("pipe.hotplug", "pipe.txt"):
        pipe_at(tmp_path / name)
    async with stage(size=(200, 40)) as on:
        await on.command(words.format(tmp_path / "pipe"))
        assert "cannot be written: not a regular file" in on.text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_that_nobody_reads_is_said(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = COMMANDS[command](tmp_path / "out", tmp_path)
    pipe = pipe_at(Path(arguments[-1]))
    assert main(arguments) == 2
    assert "cannot be written: No such device or address" in capsys.readouterr().err
    assert pipe.is_fifo()


def test_files_of_the_user_are_regular_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a regular file"):
        load_settings(pipe_at(tmp_path / "config.toml"))
    with pytest.raises(InputError, match="not a regular file"):
        read_theme(pipe_at(tmp_path / "own.toml"))
    store = JournalStore(tmp_path / "sessions")
    pipe_at(tmp_path / "sessions/session-1.journal")
    assert store.journals() == []
    descriptor, path = store.create()
    os.close(descriptor)
    assert path.name == "session-2.journal"
    for reads in (True, False):
        log = pipe_at(tmp_path / f"{reads}/writes.log")
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK) if reads else None
        with pytest.raises(InputError, match="writes cannot be recorded: "):
            Audit(log).append("offline memory3")
        if reader is not None:
            os.close(reader)
    load_settings(Path(os.devnull))


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
        session = keep(Session(Machine.boot(start)), Origin("test", start), store.directory)
        for line in ("add dimm0 256M", "online dimm0"):
            assert session.run(parsed(line)).ok
        assert failing.failures
        assert session.trouble is not None
        assert os.strerror(code) in session.trouble
        failing.mend()
        session.run(parsed("offline dimm0"))
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


@pytest.mark.parametrize("code", [*ERRORS, READ_ONLY], ids=errno.errorcode.get)
@pytest.mark.parametrize("step", [MAKING_A_DIRECTORY, "open"])
def test_a_state_directory_that_is_read_only_stops_no_session(
    step: str, code: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = disk / "state" if step == MAKING_A_DIRECTORY else disk
    store, start = JournalStore(place), StartMachine(text="machine")
    session = keep(Session(Machine.boot(start)), Origin("test", start), store.directory)
    with monkeypatch.context() as patch:
        failing = FailingDisk(patch, disk, step, code)
        for line in ("add dimm0 256M", "online dimm0"):
            assert session.run(parsed(line)).ok
        assert failing.failures
    assert session.position == 2
    assert session.trouble is not None
    assert session.trouble.startswith("the session goes on but is not being kept: ")
    assert os.strerror(code) in session.trouble
    assert str(place) in session.trouble
    assert not [name for name in os.listdir(disk) if name.endswith(".journal")]


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", STEPS)
def test_a_damaged_journal_that_cannot_be_repaired_is_read_and_left_as_it_was(
    step: str, code: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, start = JournalStore(disk), StartMachine(text="machine")
    session = keep(Session(Machine.boot(start)), Origin("test", start), store.directory)
    for line in ("add dimm0 256M", "online dimm0"):
        session.run(parsed(line))
    session.close()
    assert session.path is not None
    damaged = session.path.read_bytes()[:-3]
    session.path.write_bytes(damaged)
    with monkeypatch.context() as patch:
        failing = FailingDisk(patch, disk, step, code)
        taken = resume(store, "1")
        assert failing.failures
        assert taken.session.position == 1
        assert taken.notice is not None
        assert "goes on but is not being kept" in taken.notice
        assert os.strerror(code) in taken.notice
        assert taken.session.run(parsed("online dimm0")).ok
    assert session.path.read_bytes() == damaged
    assert os.listdir(disk) == [session.path.name]
    again = resume(store, "1")
    assert again.session.position == 1
    assert isinstance(again.session, JournaledSession)
    again.session.close()


@pytest.mark.parametrize("code", [*ERRORS, READ_ONLY], ids=errno.errorcode.get)
@pytest.mark.parametrize("step", [MAKING_A_DIRECTORY, "open", "write", "sync"])
def test_what_cannot_be_recorded_must_not_be_done_to_a_real_machine(
    step: str, code: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        FailingDisk(patch, disk, step, code)
        with pytest.raises(InputError, match=f"writes cannot be recorded: {os.strerror(code)}"):
            Audit(disk / "state" / "writes.log", clock=lambda: 0.0).append("offline memory3")
