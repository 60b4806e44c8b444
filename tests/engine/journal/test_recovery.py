"""Damage and full disks: what is readable is taken up, the rest is said, nothing stops."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.errors import InputError
from pfnmap.engine.journal.checksums import scan, seal
from pfnmap.engine.journal.journal import JournaledSession
from pfnmap.engine.journal.resume import Resumed, list_sessions, resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.limits import MAX_JOURNAL_LINE_BYTES
from tests.engine.journal.tools import everything, kept, line

COMMANDS = ["add dimm0 256M", "online dimm0[0] movable", "online dimm0[1]", "offline dimm0[1]"]


@pytest.fixture
def store(tmp_path: Path) -> JournalStore:
    return JournalStore(tmp_path / "sessions")


@pytest.fixture
def path(store: JournalStore) -> Path:
    """The journal of a session of four commands that has ended."""
    session = kept(store)
    for command in COMMANDS:
        session.run(line(command))
    session.close()
    assert session.path is not None
    return session.path


def commands(resumed: Resumed) -> list[str]:
    return [outcome.command.text for outcome in resumed.session.outcomes]


# -- lines -------------------------------------------------------------------------------
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))))
def test_sealed_lines_are_read_back(payloads: list[str]) -> None:
    data, checksum = seal(payloads, 0)
    scanned = scan(data)
    assert list(scanned.payloads) == payloads
    assert (scanned.nr_bytes, scanned.checksum, scanned.damage) == (len(data), checksum, None)


@given(st.data())
def test_any_changed_byte_is_found_in_its_line(data: st.DataObject) -> None:
    payloads = [f"run {command}" for command in COMMANDS]
    whole = bytearray(seal(payloads, 0)[0])
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    damaged_line = bytes(seal(payloads, 0)[0])[:at].count(b"\n")
    scanned = scan(bytes(whole))
    assert scanned.payloads == tuple(payloads[:damaged_line])
    assert scanned.damage is not None
    assert scanned.damage.line == damaged_line + 1


def test_lines_that_are_missing_doubled_or_moved_are_damage() -> None:
    lines = seal(["a", "b", "c"], 0)[0].splitlines(keepends=True)
    for wrong in ([0, 2], [0, 0, 1, 2], [1, 0, 2], [0, 2, 1]):
        scanned = scan(b"".join(lines[i] for i in wrong))
        assert scanned.damage is not None
        assert scanned.payloads in ((), ("a",))


def test_a_line_without_end_is_damage_and_not_a_line_cut_short() -> None:
    scanned = scan(seal(["a"], 0)[0] + b"x" * (MAX_JOURNAL_LINE_BYTES + 1))
    assert scanned.payloads == ("a",)
    assert scanned.damage is not None
    assert not scanned.damage.torn


# -- recovery ----------------------------------------------------------------------------
def test_a_last_line_cut_short_is_the_command_in_flight(store: JournalStore, path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    resumed = resume(store)
    assert commands(resumed) == COMMANDS[:3]
    assert resumed.notice == (
        "session 1: line 5 was cut short (25 bytes); the command in flight is lost"
    )
    resumed.session.run(line(COMMANDS[3]))
    assert path.read_bytes() == data
    assert sorted(os.listdir(store.directory)) == ["session-1.journal"]


def test_a_damaged_line_ends_what_is_taken_up_and_the_rest_is_set_aside(
    store: JournalStore, path: Path
) -> None:
    data = path.read_bytes()
    at = data.index(b"movable")
    path.write_bytes(damaged := data[:at] + b"M" + data[at + 1 :])
    rest = len(data) - data.rindex(b"\n", 0, at) - 1
    resumed = resume(store)
    assert commands(resumed) == COMMANDS[:1]
    assert resumed.notice == (
        f"session 1: line 3 is damaged ({rest} bytes from there to the end); "
        "it goes on from the line before"
    )
    assert path.with_suffix(".damaged").read_bytes() == damaged
    for command in COMMANDS[1:]:
        resumed.session.run(line(command))
    assert path.read_bytes() == data
    assert isinstance(resumed.session, JournaledSession)
    resumed.session.close()
    assert resume(store).notice is None


@given(cut=st.integers(0, 400), junk=st.binary(max_size=40))
def test_every_cut_and_every_junk_behind_it_is_recovered_or_refused_in_words(
    cut: int, junk: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = JournalStore(tmp_path_factory.mktemp("state"))
    session = kept(store)
    for command in COMMANDS:
        session.run(line(command))
    session.close()
    path = store.journal(1).path
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + junk)
    # The junk may be what was cut off: a line's end, at least.
    pairs = zip(*(data.split(b"\n")[:-1] for data in (whole, whole[:cut] + junk)), strict=False)
    whole_lines = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    try:
        resumed = resume(store, "1")
    except InputError as error:
        assert whole_lines == 0
        assert "is lost" in str(error)
        return
    assert commands(resumed) == COMMANDS[: whole_lines - 1]
    assert list_sessions(store)[0].problem is None


def test_a_first_line_that_is_damaged_leaves_nothing_to_take_up(
    store: JournalStore, path: Path
) -> None:
    data = path.read_bytes()  # the line has the process's id in it: its checksum differs
    path.write_bytes((b"1" if data.startswith(b"0") else b"0") + data[1:])
    with pytest.raises(InputError, match="is lost: its first line is damaged"):
        resume(store, "1")
    (info,) = list_sessions(store)
    assert info.problem is not None
    assert info.problem.startswith("line 1 is damaged")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("pfnmap-journal-9 {}", "its format is 'pfnmap-journal-9', this pfnmap reads"),
        ("\x1b[2J", "its format is '\\\\\\\\x1b"),
        ("pfnmap-journal-1 {", "does not say what the session began with"),
        ("pfnmap-journal-1 []", "does not say what the session began with"),
        ('pfnmap-journal-1 {"title": "", "start": "add x 1G"}', "does not say what"),
        ('pfnmap-journal-1 {"title": "", "start": "machine ram="}', "does not say what"),
        ("pfnmap-journal-1 " + "[" * 100_000, "does not say what"),
        (
            'pfnmap-journal-1 {"title": "", "trace": "\\u0000", "sha256": ""}',
            "does not say what the session began with",
        ),
    ],
)
def test_a_first_line_that_means_nothing_is_refused_in_words(
    store: JournalStore, header: str, words: str
) -> None:
    store.directory.mkdir()
    (store.directory / "session-1.journal").write_bytes(seal([header], 0)[0])
    with pytest.raises(InputError, match=words) as caught:
        resume(store)
    assert "\x1b" not in str(caught.value)
    assert list_sessions(store)[0].problem


def test_a_session_behind_the_highest_number_is_listed_too(store: JournalStore) -> None:
    store.directory.mkdir()
    for number in (1, 999_999_999):
        (store.directory / f"session-{number}.journal").write_bytes(b"")
    kept(store).run(line("add d 128M"))
    assert sorted(journal.id for journal in store.journals()) == [1, 2, 999_999_999]


@pytest.mark.parametrize(
    "bad", ["run frob", "run", "jump 3", "seek 99", "undo x", "run online dimm7"]
)
def test_a_line_that_cannot_be_replayed_is_where_it_ends(
    store: JournalStore, path: Path, bad: str
) -> None:
    scanned = scan(path.read_bytes())
    data, _ = seal([bad, "run add dimm1 256M"], scanned.checksum)
    path.write_bytes(path.read_bytes() + data)
    resumed = resume(store)
    assert commands(resumed) == COMMANDS
    assert resumed.notice is not None
    assert resumed.notice.startswith("session 1: line 6 cannot be replayed: ")
    assert scan(path.read_bytes()).payloads == scanned.payloads


# -- disks that do not take it --------------------------------------------------------------
@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int | None], None]]:
    """Call with an errno: writes put half of the bytes down and then fail; None: all is well."""
    failing: list[int] = []
    write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        if not failing:
            return write(descriptor, data)
        if len(data) > 8:
            return write(descriptor, data[: len(data) // 2])
        raise OSError(failing[0], os.strerror(failing[0]))

    def switch(number: int | None) -> None:
        failing[:] = [] if number is None else [number]

    monkeypatch.setattr(os, "write", half)
    yield switch
    failing.clear()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_does_not_stop_the_session_and_is_caught_up_with(
    store: JournalStore, full_disk: Callable[[int | None], None], number: int
) -> None:
    session = kept(store)
    session.run(line(COMMANDS[0]))
    assert session.trouble is None
    full_disk(number)
    session.run(line(COMMANDS[1]))
    session.run(line(COMMANDS[2]))
    assert session.position == 3
    assert session.trouble == (
        f"the session goes on but is not being kept: {session.path}: {os.strerror(number)}"
    )
    assert session.path is not None
    assert len(scan(session.path.read_bytes()).payloads) == 2
    full_disk(None)
    session.run(line(COMMANDS[3]))
    assert session.trouble is None
    session.close()
    resumed = resume(store)
    assert everything(resumed.session) == everything(session)


def test_a_failed_sync_is_trouble_and_the_line_is_written_again(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = kept(store)
    session.run(line(COMMANDS[0]))

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", broken)
        session.run(line(COMMANDS[1]))
        assert session.trouble is not None
    session.run(line(COMMANDS[2]))
    assert session.trouble is None
    session.close()
    assert commands(resume(store)) == COMMANDS[:3]


@pytest.mark.parametrize(
    ("directory", "words"),
    [
        ("/proc/nowhere/sessions", "No such file or directory"),
        ("~/.local/state/pfnmap", "is HOME unset.*; set PFNMAP_STATE_DIR"),
        ("{tmp}/file/sessions", "Not a directory"),
        ("{tmp}/file", "(File exists|Not a directory)"),
    ],
)
def test_without_a_place_for_journals_the_session_runs(
    directory: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    session = kept(JournalStore(Path(directory.format(tmp=tmp_path))))
    session.run(line(COMMANDS[0]))
    assert session.position == 1
    assert session.trouble is not None
    assert re.search(words, session.trouble)
    assert "\n" not in session.trouble


def test_a_file_system_without_locks_keeps_nothing_and_says_so(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    session = kept(store)
    session.run(line(COMMANDS[0]))
    assert session.trouble is not None
    assert "No locks available" in session.trouble


def test_a_journal_that_cannot_be_written_is_still_taken_up(
    store: JournalStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def read_only(name: object, flags: int, *rest: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(name, flags, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", read_only)
    resumed = resume(store)
    assert commands(resumed) == COMMANDS
    assert resumed.notice == ("session 1 goes on but is not being kept: Read-only file system")
    resumed.session.run(line("remove dimm0"))


def test_a_repair_for_which_there_is_no_room_leaves_the_journal_as_it_was(
    store: JournalStore, path: Path, full_disk: Callable[[int | None], None]
) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    before = path.read_bytes()
    full_disk(errno.ENOSPC)
    resumed = resume(store)
    assert commands(resumed) == COMMANDS[:3]
    assert resumed.notice is not None
    assert resumed.notice.endswith("is not being kept: No space left on device")
    assert path.read_bytes() == before
    assert os.listdir(store.directory) == ["session-1.journal"]


def test_a_long_outage_loses_nothing(
    store: JournalStore, full_disk: Callable[[int | None], None]
) -> None:
    random = Random(6)
    session = kept(store)
    for number in range(60):
        full_disk(errno.ENOSPC if random.random() < 0.6 else None)
        session.run(line(f'note "{number}"'))
    full_disk(None)
    session.run(line('note "end"'))
    session.close()
    assert everything(resume(store).session) == everything(session)
