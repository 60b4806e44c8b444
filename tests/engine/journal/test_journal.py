"""A session that is kept can be taken up again exactly where it was."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.commands import Note
from pfnmap.engine.errors import InputError
from pfnmap.engine.journal.journal import JournaledSession, keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.resume import list_sessions, read_session, resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.sources import scenario_session
from tests.engine.journal.tools import SMALL, everything, kept, line, random_step


@pytest.fixture
def store(tmp_path: Path) -> JournalStore:
    return JournalStore(tmp_path / "state" / "sessions")


def lines_of(session: JournaledSession) -> list[str]:
    """What the journal says, without checksums and the first line."""
    assert session.path is not None
    return [row[9:] for row in session.path.read_text().splitlines()[1:]]


def test_looking_at_a_machine_leaves_no_trace(store: JournalStore) -> None:
    session = kept(store)
    session.undo()
    session.seek(0)
    session.close()
    assert not store.directory.exists()


def test_a_journal_is_readable_and_says_what_was_done(store: JournalStore) -> None:
    session = kept(store)
    session.run(line("add  dimm0   262144K"))
    session.run(line("online dimm0[0] movable"))
    session.undo()
    session.redo(5)
    session.seek(1)
    session.run(line('note "done"'))
    session.switch(0)
    session.step_phase(-1)
    assert session.path is not None
    header = session.path.read_text().splitlines()[0][9:]
    assert header.startswith("pfnmap-journal-1 {")
    assert '"start": "machine ram=1G"' in header
    assert lines_of(session) == [
        "run add dimm0 256M",
        "run online dimm0[0] movable",
        "undo 1",
        "redo 1",
        "seek 1",
        'run note "done"',
        "switch 0",
        "phase -1",
    ]


def test_each_line_is_on_disk_before_the_result_is_known(store: JournalStore) -> None:
    session = kept(store)
    seen: list[list[str]] = []
    session.listeners.append(lambda _outcome: seen.append(lines_of(session)))
    session.run(line("add dimm0 256M"))
    assert seen == [["run add dimm0 256M"]]


def test_a_mistake_is_not_written_down(store: JournalStore) -> None:
    session = kept(store)
    with pytest.raises(InputError):
        session.run(line("online dimm7"))
    assert session.path is None


def test_a_refusal_is_a_step_and_is_written_down(store: JournalStore) -> None:
    session = kept(store)
    session.run(line("add dimm0 256M"))
    session.run(line("pin 0"))
    assert not session.run(line("offline 0")).ok
    assert lines_of(session)[-1] == "run offline 0"


@given(seed=st.integers(0, 1 << 32), steps=st.integers(0, 25))
def test_replaying_any_journal_gives_the_same_session(
    seed: int, steps: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = JournalStore(tmp_path_factory.mktemp("state"))
    random = Random(seed)
    session = kept(store)
    for _ in range(steps):
        random_step(session, random)
    session.close()
    if session.path is None and not store.journals():
        assert not session.outcomes
        return
    resumed = resume(store)
    assert everything(resumed.session) == everything(session)
    assert resumed.notice is None
    for _ in range(3):
        random_step(resumed.session, random)
    again = read_session(store).session
    assert everything(again) == everything(resumed.session)


def test_a_resumed_session_goes_on_in_the_same_file(store: JournalStore) -> None:
    session = kept(store)
    session.run(line("add dimm0 256M"))
    path = session.path
    session.close()
    resumed = resume(store)
    resumed.session.run(line("online dimm0"))
    assert isinstance(resumed.session, JournaledSession)
    assert resumed.session.path == path
    assert lines_of(resumed.session) == ["run add dimm0 256M", "run online dimm0"]
    assert resumed.origin.start == resumed.session.start_command == SMALL
    assert session.start_command == SMALL


def test_a_scenario_is_kept_whole_though_its_file_may_change(store: JournalStore) -> None:
    text = 'machine ram=1G memmap_on_memory=Y\nadd dimm0 256M\nnote "x"\nonline dimm0\n'
    scenario = parse_scenario(text, "a.hotplug")
    opened = scenario_session(scenario)
    session = keep(opened, Origin(opened.title, scenario.start), store.directory)
    session.redo(2)
    session.close()
    resumed = resume(store)
    assert everything(resumed.session) == everything(session)
    assert resumed.session.position == 2
    assert len(resumed.session.outcomes) == 3


@pytest.fixture
def recording() -> Path:
    return Path(__file__).parents[2] / "traces" / "life-256m-mom.json"


def test_a_recording_is_named_not_repeated(
    store: JournalStore, recording: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes(recording.read_bytes())
    origin = Origin.of_trace(copy, "life")
    session = keep(origin.session(), origin, store.directory)
    session.redo(3)
    session.run(line("add dimm9 256M"))
    session.close()
    assert lines_of(session) == ["redo 3", "run add dimm9 256M"]
    resumed = resume(store)
    assert everything(resumed.session) == everything(session)
    resumed.session.close()  # type: ignore[attr-defined]
    copy.write_bytes(recording.read_bytes() + b"\n")
    with pytest.raises(InputError, match="the recording has changed since the session"):
        resume(store)
    copy.unlink()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        resume(store)


def test_words_that_no_line_may_hold_are_kept_as_escapes(store: JournalStore) -> None:
    session = kept(store)
    session.run(Note('clear \x1b[2J \u202e "x" \\ \n end'))
    assert session.path is not None
    text = session.path.read_text()
    assert "\x1b" not in text and "\u202e" not in text
    assert text.count("\n") == 2
    session.close()
    (outcome,) = resume(store).session.outcomes
    assert outcome.command == Note('clear \\x1b[2J \\u202e "x" \\ \\n end')


def test_a_command_without_words_is_refused_before_anything_happens(store: JournalStore) -> None:
    from pfnmap.engine.commands import Add

    session = kept(store)
    with pytest.raises(InputError, match="a journal cannot hold this command"):
        session.run(Add("two words\x1b", (256 << 20,)))
    assert not session.outcomes
    assert session.path is None


# -- several programs ------------------------------------------------------------------
def test_two_sessions_never_share_a_journal(store: JournalStore) -> None:
    sessions = [kept(store) for _ in range(3)]
    for session in sessions:
        session.run(line("add dimm0 256M"))
    assert len({session.path for session in sessions}) == 3
    with pytest.raises(InputError, match="session 2 is open in another pfnmap"):
        resume(store, "2")


def test_the_latest_session_that_nobody_has_open_is_resumed(store: JournalStore) -> None:
    crashed, live = kept(store), kept(store)
    crashed.run(line("add dimm0 256M"))
    live.run(line("add dimm1 256M"))
    crashed.close()
    os.utime(store.journal(2).path, (2e9, 2e9))
    assert resume(store).id == 1
    with pytest.raises(InputError, match="there is no session to resume"):
        resume(store)


def test_a_file_without_a_first_line_does_not_hide_the_session_before(store: JournalStore) -> None:
    session = kept(store)
    session.run(line("add dimm0 256M"))
    session.close()
    (store.directory / "session-2.journal").touch()
    os.utime(store.directory / "session-2.journal", (2e9, 2e9))
    assert resume(store).id == 1
    with pytest.raises(InputError, match=r"session 2 .* is lost: the file is empty"):
        resume(store, "2")


def test_listing_tells_what_each_session_is(store: JournalStore) -> None:
    first, second = kept(store), kept(store)
    first.run(line("add dimm0 256M"))
    first.run(line("online dimm0"))
    first.undo()
    first.close()
    os.utime(store.journal(1).path, (1e9, 1e9))
    second.run(line("add dimm1 256M"))
    newest, oldest = list_sessions(store)
    assert (newest.id, newest.live, newest.nr_commands) == (2, True, 1)
    assert (oldest.id, oldest.live, oldest.modified) == (1, False, 1e9)
    assert (oldest.nr_commands, oldest.last_command) == (2, "online dimm0")
    assert (oldest.title, oldest.began) == ("a test", "machine ram=1G")
    assert oldest.problem is None
    assert everything(read_session(store, "2").session) == everything(second)


@pytest.mark.parametrize("which", ["", "x", "-1", "1.5", "\x1b[2J", "9" * 30])
def test_a_session_is_named_by_a_number(store: JournalStore, which: str) -> None:
    with pytest.raises(InputError, match="expected a number or 'latest'") as caught:
        resume(store, which)
    assert "\x1b" not in str(caught.value)


def test_a_session_that_is_not_there(store: JournalStore) -> None:
    with pytest.raises(InputError, match="there is no session 7; `pfnmap sessions` lists them"):
        resume(store, "7")
    with pytest.raises(InputError, match="there is no session to resume"):
        resume(store)
    assert list_sessions(store) == []


def test_only_the_newest_are_kept_and_never_one_that_is_open_goes(store: JournalStore) -> None:
    live = kept(store)
    live.run(line("add dimm0 256M"))
    os.utime(store.journal(1).path, (1, 1))
    for number in range(2, 8):
        session = kept(store)
        session.run(line("add dimm0 256M"))
        session.close()
        os.utime(store.journal(number).path, (number, number))
    (store.directory / "session-2.damaged").touch()
    (store.directory / "notes.txt").touch()
    store.prune(keep=3)
    assert [journal.id for journal in store.journals()] == [7, 6, 5, 1]
    assert sorted(os.listdir(store.directory)) == [
        "notes.txt",
        *(f"session-{number}.journal" for number in (1, 5, 6, 7)),
    ]


def test_the_canonical_line_means_the_command_that_was_given(store: JournalStore) -> None:
    session = kept(store)
    command = parse_line("  add dimm0 262144K   # a comment")
    assert command is not None
    session.run(command)
    session.close()
    assert resume(store).session.outcomes[0].command == command
