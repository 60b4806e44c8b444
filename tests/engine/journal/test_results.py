"""What commands came to, beside the journal: used where it is of this journal, else ignored."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from pfnmap.engine.commands import Command, StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.journal import results
from pfnmap.engine.journal.journal import keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.resume import read_session, resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory.state import RUN_MAPS, State
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.session import Session

LINES = (
    "add dimm0 64G",
    "online dimm0[0-63] movable",
    "pin pfn=dimm0+0x123 kind=movable",
    "offline 33",
    "expect errno=EBUSY",
    "unpin 33",
    "hugetlb h 2M count=4",
    "echo offline > /sys/devices/system/memory/memory40/state",
    "for i in 41 42; do echo offline > /sys/devices/system/memory/memory$i/state; done",
    "rule counts_poison=no",
    "set auto_movable_ratio=200",
    "note words",
    "fail next at=MEM_GOING_ONLINE errno=ENOMEM",
    "online 42",
    "offline " + ",".join(map(str, range(50, 250, 3))),
    "add dimm1 256M node=0",
    "cat /sys/devices/system/memory/memory40/state",
    "remove dimm1",
)


@pytest.fixture(autouse=True)
def from_the_fourth_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FIRST", 3)
    monkeypatch.setattr("pfnmap.engine.journal.file.FIRST", 3)
    monkeypatch.setattr(results, "AT_ONCE", 2)


def begun(folder: Path, seed: int = 1) -> tuple[JournalStore, Path]:
    """A session with undone steps and branches, and where its results are."""
    store, chance = JournalStore(folder), random.Random(seed)
    start = parse_line("machine ram=4G")
    assert isinstance(start, StartMachine)
    session = keep(Session.booted(start), Origin("kept", start), store.directory)
    for line in LINES:
        command = parse_line(line)
        assert command is not None
        with suppress(InputError):  # what it is about may be undone
            session.run(command)
        if chance.random() < 0.3:
            session.undo(chance.randrange(1, 4))
        if session.branches and chance.random() < 0.3:
            session.switch(chance.randrange(len(session.branches)))
    session.close()
    return store, folder / "session-1.results"


def told(session: Session) -> list[object]:
    lines = [session.outcomes, *(branch.outcomes for branch in session.branches)]
    return [
        (session.position, [branch.position for branch in session.branches]),
        *(
            (o.command, o.command.text, o.refusal, o.output, o.notes, o.log,
             [(event.text, parts(event.state)) for event in o.events], parts(o.after))
            for outcomes in lines for o in outcomes
        ),
    ]  # fmt: skip


def parts(state: State) -> list[object]:
    names = [name for name in State.__struct_fields__ if name != "early_ram"]
    return [
        getattr(state, name).rows.tolist() if name in RUN_MAPS else getattr(state, name)
        for name in names
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_session_is_taken_up_as_it_would_be_without(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path = begun(tmp_path, seed)
    assert path.stat().st_size > 1000
    done = []
    run = Session.run

    def counted(session: Session, command: Command) -> Outcome:
        done.append(command)
        return run(session, command)

    monkeypatch.setattr(Session, "run", counted)
    fast = told(read_session(store).session)
    assert len(done) <= 5  # the first three, and claims
    path.unlink()
    assert told(read_session(store).session) == fast
    assert len(done) > len(LINES)


def test_what_was_carried_out_again_is_known_the_next_time(tmp_path: Path) -> None:
    store, path = begun(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:700])
    wanted = told(read_session(store).session)
    resumed = resume(store).session
    assert told(resumed) == wanted
    resumed.close()  # type: ignore[attr-defined]
    assert len(path.read_bytes()) >= len(whole) and told(read_session(store).session) == wanted


def test_damage_costs_no_more_than_time(tmp_path: Path) -> None:
    store, path = begun(tmp_path)
    whole, chance = path.read_bytes(), random.Random(2)
    wanted = told(read_session(store).session)
    for _ in range(12):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data[: chance.randrange(len(data) // 2, len(data) + 1)])
        assert told(read_session(store).session) == wanted


def test_results_of_another_session_or_version_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path = begun(tmp_path, 2)
    wanted = told(read_session(store).session)
    _, other = begun(tmp_path / "other", 3)
    mine = path.read_bytes()
    path.write_bytes(other.read_bytes())
    assert told(read_session(store).session) == wanted
    path.write_bytes(mine)
    monkeypatch.setattr(results, "_version", lambda: 1)
    assert results.Results(tmp_path / "session-1.journal", writes=False)._known == {}
    assert told(read_session(store).session) == wanted


def test_a_folder_in_its_place_is_no_trouble(tmp_path: Path) -> None:
    store, path = begun(tmp_path)
    wanted = told(read_session(store).session)
    path.unlink()
    path.mkdir()
    resumed = resume(store).session
    assert told(resumed) == wanted and resumed.trouble is None
    resumed.close()  # type: ignore[attr-defined]
