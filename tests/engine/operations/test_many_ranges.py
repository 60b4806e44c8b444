"""Lists of blocks as one batch, against the same lists one range after the other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pfnmap.engine import machine
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine, predict
from pfnmap.engine.memory.state import State
from pfnmap.engine.operations import many_ranges
from pfnmap.engine.outcome import Events, Outcome, touched_by
from pfnmap.engine.session import Session

MACHINES = (
    "machine ram=4G",
    "machine ram=4G memmap_on_memory=Y",
    "machine ram=4G online_policy=auto-movable",
    "machine ram=4G nodes=2 profile=6.1",
    "machine ram=4G profile=4.19",
    "machine ram=4G profile=5.14 memmap_on_memory=Y",
    "machine ram=4G arch=arm64-64k",
    "machine ram=8G block=256M",
)


@contextmanager
def _least(number: int) -> Iterator[None]:
    """So many ranges are worth a batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many_ranges, "LEAST", number)
        yield


def _run(state: State, line: str, least: int) -> Outcome | str:
    command = parse_line(line)
    assert command is not None
    with _least(least):
        try:
            return predict(state, command)
        except InputError as error:
            return str(error)


def _told(outcome: Outcome) -> list[tuple[str, str, tuple[str, ...], int, int]]:
    return [(e.function, e.text, e.log, e.first_block, e.nr_blocks) for e in outcome.events]


def _compare(state: State, line: str, chance: random.Random) -> Outcome | str:
    """Both ways of a line; what came of it."""
    batch, single = _run(state, line, 1), _run(state, line, 1 << 30)
    if isinstance(batch, str) or isinstance(single, str):
        assert batch == single
        return batch
    assert batch.after == single.after, line
    assert batch.refusal == single.refusal
    assert batch.output == single.output
    assert batch.log == single.log
    assert _told(batch) == _told(single), line
    numbers = chance.sample(range(len(single.events)), min(6, len(single.events)))
    assert _states(batch, numbers, 1) == _states(single, numbers, 1 << 30), line
    return batch


def _states(outcome: Outcome, numbers: list[int], least: int) -> list[tuple[str, State]]:
    with _least(least):
        events = [outcome.events[number] for number in numbers]
        return [(event.text, event.state) for event in events]


def _list(state: State, chance: random.Random, wanted: BlockState) -> str:
    """A list of some ranges, most of them in the wanted state."""
    rows = state.blocks.rows
    ids = [
        block
        for row in rows
        for block in range(int(row["start"]), int(row["start"] + row["count"]))
        if row["state"] == wanted or chance.random() < 0.01
    ]
    low = chance.randrange(len(ids) or 1) if chance.random() < 0.5 else 0
    ids = ids[low : low + chance.choice((3, 10, 40, 200))]
    ids = ids[:: chance.choice((1, 2, 2, 3))]
    if chance.random() < 0.3:
        ids = [each for each in ids if chance.random() < 0.8]
    return ",".join(map(str, ids or [40]))


def _shell_line(state: State, chance: random.Random) -> str:
    """The same through files: of names, of a glob, in a loop; blocks that are not there as well."""
    wanted, word, name = chance.choice(
        (
            (BlockState.OFFLINE, "online_movable", "state"),
            (BlockState.OFFLINE, "online", "state"),
            (BlockState.OFFLINE, "1", "online"),
            (BlockState.ONLINE, "offline", "state"),
            (BlockState.ONLINE, "0", "online"),
            (BlockState.ONLINE, "nothing", "state"),
        )
    )
    blocks = f"{{{_list(state, chance, wanted)},{chance.randrange(2000)}}}"
    folder = "/sys/devices/system/memory"
    return chance.choice(
        (
            f"echo {word} | tee {folder}/memory{blocks}/{name}",
            f"echo {word} | tee {folder}/memory{chance.randrange(1, 9)}*/{name}",
            f"for i in {blocks}; do echo {word} > {folder}/memory$i/{name}; done",
            f"cd {folder}; for m in memory1?; do echo {word} > $m/{name}; done; cat memory40/state",
        )
    )


def _walk(start: str, seed: int, commands: int) -> int:
    """So many random commands on a fragmented machine; how many of them had a batch."""
    chance = random.Random(seed)
    machine = Machine(Session.booted(parse_line(start)).state)  # type: ignore[arg-type]
    for name in ("d0", "d1"):
        machine.run(f"add {name} {32 if 'arm64' not in start else 80}G")
    batches = 0
    for _ in range(commands):
        kind = chance.randrange(20)
        if kind < 2:
            line = _shell_line(machine.state, chance)
        elif kind < 8:
            zone = chance.choice(("", " movable", " movable", " kernel"))
            line = f"online {_list(machine.state, chance, BlockState.OFFLINE)}{zone}"
        elif kind < 16:
            line = f"offline {_list(machine.state, chance, BlockState.ONLINE)}"
        else:
            line = chance.choice(
                (
                    f"pin pfn=d0+{chance.randrange(1 << 16):#x}",
                    f"pin pfn=d0+{chance.randrange(1 << 16):#x} kind=movable",
                    "fail next at=MEM_GOING_ONLINE errno=ENOMEM",
                    f"hugetlb h{chance.randrange(1 << 30)} 2M count=3",
                    f"unpin {chance.randrange(40, 200)}",
                    "set auto_movable_ratio=200",
                    "remove d1",
                    "add d1 32G",
                )
            )
        outcome = _compare(machine.state, line, chance)
        if isinstance(outcome, str):
            continue
        batches += isinstance(outcome.events, Events)
        machine.state = outcome.after
        machine.check()
    return batches


@pytest.mark.parametrize("start", MACHINES)
def test_a_list_as_a_batch_does_what_one_range_after_the_other_does(start: str) -> None:
    assert _walk(start, 7, 24)


@pytest.mark.slow
@pytest.mark.parametrize("start", MACHINES)
@pytest.mark.parametrize("seed", range(25))
def test_fifty_thousand_commands_on_fragmented_machines(start: str, seed: int) -> None:
    assert _walk(start, 1000 + seed, 250)


def test_a_batch_of_nothing_touches_no_block() -> None:
    assert touched_by(()).shape == (0, 2)
    assert Events([]).touched.shape == (0, 2)


def test_a_list_of_blocks_that_are_not_there_ends_at_the_first() -> None:
    state = Session.booted().state
    missing = ",".join(map(str, range(900, 930, 2)))
    outcome = _compare(state, f"online 1,{missing}", random.Random(1))
    assert isinstance(outcome, Outcome) and outcome.errno == "EINVAL"
    line = f"for i in {{1,{missing.replace(' ', '')}}}; do echo 1 > "
    outcome = _compare(state, line + "/sys/devices/system/memory/memory$i/online; done",
                       random.Random(1))  # fmt: skip
    assert isinstance(outcome, Outcome) and outcome.errno == "ENOENT"


def test_all_phases_of_a_batch_are_had_by_carrying_the_command_out_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session.booted()
    for line in (
        "add d 16G",
        "online d movable",
        "offline " + ",".join(map(str, range(40, 100, 2))),
    ):
        command = parse_line(line)
        assert command is not None
        session.run(command)
    carried, done = machine._carried_out, []

    def counted(*given: object) -> object:
        done.append(given[1])
        return carried(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(machine, "_carried_out", counted)
    last = session.outcomes[-1]
    for _ in range(2):
        assert all(event.state is not event.before or event.number for event in last.events)
    assert len(done) == 1
