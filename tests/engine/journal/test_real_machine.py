"""A simulation that began as a real machine is kept like any other session."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import InputError
from engine.journal import journal as journal_module
from engine.journal.journal import JournaledSession, Origin, keep
from engine.journal.resume import list_sessions, resume
from engine.journal.store import JournalStore
from engine.sysroot.observe import Watcher
from engine.sysroot.session import RootSession
from tests.engine.journal.tools import everything, line
from tests.engine.sysroot.trees import Tree


@pytest.fixture
def real(tmp_path: Path) -> RootSession:
    made = Tree(tmp_path / "root")
    made.blocks(0, 7, zones="DMA32")
    made.block(32, "online", "Movable")
    made.block(33, "offline", "Normal Movable")
    return RootSession(Watcher(made.root))


@pytest.fixture
def store(tmp_path: Path) -> JournalStore:
    return JournalStore(tmp_path / "state" / "sessions")


def simulated(real: RootSession, store: JournalStore) -> JournaledSession:
    simulation = real.branch()
    return keep(simulation, Origin.of_machine(real.view.observation, simulation.title), store)


def test_it_goes_on_with_every_branch_when_the_machine_is_gone(
    real: RootSession, store: JournalStore, tmp_path: Path
) -> None:
    session = simulated(real, store)
    session.run(line("online 33 movable"))
    session.run(line("offline 33"))
    session.undo(2)
    session.run(line("offline 32"))
    session.switch(0)
    before = everything(session)
    session.close()
    (tmp_path / "root").rename(tmp_path / "gone")
    resumed = resume(store)
    assert everything(resumed.session) == before
    assert resumed.session.title.startswith("what if: ")
    assert len(resumed.session.branches) == 1
    assert resumed.notice is None


def test_the_list_says_what_it_is(real: RootSession, store: JournalStore) -> None:
    session = simulated(real, store)
    session.run(line("online 33"))
    (info,) = list_sessions(store)
    assert (info.began, info.last_command) == ("a real machine, simulated", "online 33")
    assert info.live


def test_looking_at_what_would_be_leaves_no_trace(real: RootSession, store: JournalStore) -> None:
    simulated(real, store).close()
    assert not store.directory.exists()


def test_a_machine_too_large_for_a_line_is_refused_in_words(
    real: RootSession, store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MAX_MACHINE_CHARACTERS", 100)
    with pytest.raises(InputError, match="the machine is too large to be kept in a journal"):
        simulated(real, store)


@pytest.mark.parametrize("machine", ["", "AAAA", "not base64 at all!", "H4sI"])
def test_a_capture_that_is_none_is_said(machine: str, real: RootSession) -> None:
    with pytest.raises(InputError):
        Origin("x", machine=machine or "!").session()
