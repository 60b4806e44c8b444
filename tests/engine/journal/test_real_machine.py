"""A simulation that began as a real machine is kept like any other session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.journal import origin as origin_module
from pfnmap.engine.journal.journal import JournaledSession, keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.resume import list_sessions, resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.kinds import PageState
from pfnmap.engine.sysroot.held import coded_runs
from pfnmap.engine.sysroot.history import ObservedHistory, coded
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.page_kinds import PageKinds
from tests.engine.journal.tools import everything, line
from tests.engine.sysroot.trees import Tree

PINNED = 32 * 32768 + 5
"""A pfn of block 32, which is online in Movable."""


@pytest.fixture
def real(tmp_path: Path) -> ObservedHistory:
    made = Tree(tmp_path / "root")
    made.blocks(0, 7, zones="DMA32")
    made.block(32, "online", "Movable")
    made.block(33, "offline", "Normal Movable")
    return ObservedHistory(Watcher(made.root))


def pages_of(kind: PageState, *pfns: int) -> PageKinds:
    """These pages, as one reading of ``/proc/kpageflags`` would have them."""
    where = np.array(pfns, np.int64)
    kinds = np.full(len(pfns), int(kind), np.int8)
    return PageKinds(where, where, where + 1, kinds, np.zeros(len(pfns), np.uint64), None)


@pytest.fixture
def store(tmp_path: Path) -> JournalStore:
    return JournalStore(tmp_path / "state" / "sessions")


def simulated(real: ObservedHistory, store: JournalStore) -> JournaledSession:
    simulation = real.branch()
    return keep(simulation, Origin.of_machine(*coded(real.view), simulation.title), store.directory)


def test_it_goes_on_with_every_branch_when_the_machine_is_gone(
    real: ObservedHistory, store: JournalStore, tmp_path: Path
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


def test_pages_that_were_held_when_it_began_are_held_when_it_goes_on(
    real: ObservedHistory, store: JournalStore
) -> None:
    assert real.show_pages(pages_of(PageState.UNMOVABLE, PINNED, PINNED + 1, PINNED + 9))
    session = simulated(real, store)
    assert session.run(line("offline 32")).errno == "EBUSY"
    session.run(line("unpin 32"))
    assert session.run(line("offline 32")).errno is None
    before = everything(session)
    session.close()
    resumed = resume(store)
    assert everything(resumed.session) == before
    assert [outcome.errno for outcome in resumed.session.outcomes] == ["EBUSY", None, None]
    assert resumed.notice is None


def test_a_journal_from_before_pages_were_kept_goes_on(
    real: ObservedHistory, store: JournalStore
) -> None:
    session = simulated(real, store)
    session.run(line("offline 32"))
    assert session.path is not None
    assert b'"held"' not in session.path.read_bytes()
    session.close()
    assert resume(store).session.outcomes[0].errno is None


def test_pages_count_for_the_length_of_the_line(
    real: ObservedHistory, store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = len(Origin.of_machine(*coded(real.view), "x").machine)
    monkeypatch.setattr(origin_module, "MAX_MACHINE_CHARACTERS", length)
    simulated(real, store)
    real.show_pages(pages_of(PageState.UNMOVABLE, PINNED))
    with pytest.raises(InputError, match="too large to be kept in a journal"):
        simulated(real, store)


def test_pages_that_cannot_be_read_are_said(real: ObservedHistory) -> None:
    machine = Origin.of_machine(*coded(real.view), "x").machine
    runs = np.array([[PINNED, int(PageState.UNMOVABLE), 2]], np.int64)
    session = Origin("x", machine=machine, held=coded_runs(runs)).session()
    assert session.state.taken.at(PINNED + 1) is not None
    with pytest.raises(InputError, match="the pages that were held when it began cannot be read"):
        Origin("x", machine=machine, held="AAAA").session()


def test_the_list_says_what_it_is(real: ObservedHistory, store: JournalStore) -> None:
    session = simulated(real, store)
    session.run(line("online 33"))
    (info,) = list_sessions(store)
    assert (info.began, info.last_command) == ("a real machine, simulated", "online 33")
    assert info.live


def test_looking_at_what_would_be_leaves_no_trace(
    real: ObservedHistory, store: JournalStore
) -> None:
    simulated(real, store).close()
    assert not store.directory.exists()


def test_a_machine_too_large_for_a_line_is_refused_in_words(
    real: ObservedHistory, store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin_module, "MAX_MACHINE_CHARACTERS", 100)
    with pytest.raises(InputError, match="the machine is too large to be kept in a journal"):
        simulated(real, store)


@pytest.mark.parametrize("machine", ["", "AAAA", "not base64 at all!", "H4sI"])
def test_a_capture_that_is_none_is_said(machine: str, real: ObservedHistory) -> None:
    with pytest.raises(InputError):
        Origin("x", machine=machine or "!").session()
