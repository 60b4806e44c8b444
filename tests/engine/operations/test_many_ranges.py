"""Lists of blocks as one batch, against the same lists one range after the other."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from pfnmap.engine import machine
from pfnmap.engine.errors import InputError, ParseError
from pfnmap.engine.kinds import BlockState
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine, predict
from pfnmap.engine.memory.state import State
from pfnmap.engine.operations import many_ranges
from pfnmap.engine.operations.many_ranges import Batch
from pfnmap.engine.outcome import Events, Outcome, touched_by
from pfnmap.engine.session import Session
from tests.fuzz.commands import minimise
from tests.fuzz.words import LineMaker

ONLINE = BlockState.ONLINE
FAULTS = ("online_pages", "MEM_GOING_ONLINE", "start_isolate_page_range", "MEM_GOING_OFFLINE")
"""Phases that a list comes to sooner or later."""
MOST_OF_A_RUN = 500
"""Blocks that are named of equal ones: a device may have millions."""
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
    with _least(least):
        try:
            command = parse_line(line)
            assert command is not None
            return predict(state, command)
        except (InputError, ParseError) as error:
            return str(error)


def _told(outcome: Outcome) -> list[tuple[str, str, tuple[str, ...], int, int]]:
    return [(e.function, e.text, e.log, e.first_block, e.nr_blocks) for e in outcome.events]


def _both(state: State, line: str, least: int) -> tuple[Outcome, Outcome] | str:
    """Both ways of a line, which tell the same; the error where there is one."""
    batch, single = _run(state, line, least), _run(state, line, 1 << 30)
    if isinstance(batch, str) or isinstance(single, str):
        assert batch == single
        return str(batch)
    assert batch.after == single.after, line
    assert batch.refusal == single.refusal
    assert batch.output == single.output
    assert batch.log == single.log
    assert _told(batch) == _told(single), line
    return batch, single


def _compare(state: State, line: str, chance: random.Random) -> Outcome | str:
    """What came of a line, as a batch; the states behind some of its phases are as singly."""
    if isinstance(both := _both(state, line, 1), str):
        return both
    batch, single = both
    numbers = chance.sample(range(len(single.events)), min(6, len(single.events)))
    assert _states(batch, numbers, 1) == _states(single, numbers, 1 << 30), line
    return batch


def _states(outcome: Outcome, numbers: list[int], least: int) -> list[tuple[str, State]]:
    with _least(least):
        events = [outcome.events[number] for number in numbers]
        return [(event.text, event.state) for event in events]


def _list(state: State, chance: random.Random, wanted: BlockState) -> str:
    """A list of some blocks and of ranges of them, most of them in the wanted state."""
    ids = [
        block
        for row in state.blocks.rows
        for block in range(int(row["start"]), int(row["start"] + min(row["count"], MOST_OF_A_RUN)))
        if row["state"] == wanted or chance.random() < 0.01
    ]
    low = chance.randrange(len(ids) or 1) if chance.random() < 0.5 else 0
    ids = ids[low : low + chance.choice((3, 10, 40, 200))]
    ids = ids[:: chance.choice((1, 2, 2, 3))]
    if chance.random() < 0.3:
        ids = [each for each in ids if chance.random() < 0.8]
    if chance.random() < 0.5:
        return ",".join(map(str, ids or [40]))
    # The same as ranges, of which some reach over blocks that are otherwise or not there.
    refs, gap = [], chance.choice((1, 1, 2))
    for number, (first, end) in enumerate(_grouped(ids or [40], gap)):
        refs.append(f"{first}-{end}" if end > first or number % 2 else f"{first}")
    return ",".join(refs)


def _grouped(ids: list[int], gap: int) -> list[tuple[int, int]]:
    """First and last of those that follow each other in steps of at most ``gap``, eight at most."""
    groups = [(ids[0], ids[0])]
    for block in ids[1:]:
        first, last = groups[-1]
        if block - last <= gap and block - first < 8:
            groups[-1] = first, block
        else:
            groups.append((block, block))
    return groups


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


def _line(state: State, chance: random.Random, maker: LineMaker) -> str:
    """A command over many blocks, or one that leaves other blocks, devices and pages there."""
    if state.pending is not None:
        return chance.choice(("signal", "signal", f"offline {_list(state, chance, ONLINE)}"))
    zone = chance.choice(("", " movable", " movable", " kernel"))
    kinds: dict[Callable[[], str], int] = {
        lambda: _shell_line(state, chance): 3,
        lambda: f"online {_list(state, chance, BlockState.OFFLINE)}{zone}": 6,
        lambda: f"offline {_list(state, chance, ONLINE)}": 8,
        lambda: _chmem(state, chance): 1,
        lambda: chance.choice(("remove d1", "add d1 32G")): 1,
        lambda: maker.line(state): 5,
    }
    line = chance.choices(list(kinds), list(kinds.values()))[0]()
    # A fault stays until its phase comes, and meanwhile no list is a batch.
    return re.sub(r"(?<=fail next at=)\S+", chance.choice(FAULTS), line)


def _chmem(state: State, chance: random.Random) -> str:
    first = int(chance.choice(state.blocks.rows)["start"])
    what = chance.choice(("1G", "5G", f"-b {first}-{first + chance.randrange(200)}"))
    return f"chmem {chance.choice(('-d', '-e', '-e -z Movable', '-e -z Normal'))} {what}"


def _played(lines: list[str]) -> Machine:
    """The machine behind lines, the first of which boots it, both ways and checked after each."""
    machine = Machine(Session.booted(parse_line(lines[0])).state)  # type: ignore[arg-type]
    for line in lines[1:]:
        _step(machine, line)
    return machine


def _step(machine: Machine, line: str) -> bool:
    """Do a line both ways; whether there was a batch."""
    outcome = _compare(machine.state, line, random.Random(line))
    if isinstance(outcome, str):
        return False
    machine.state = outcome.after
    machine.check()
    return isinstance(outcome.events, Events)


def _fails(lines: list[str]) -> bool:
    try:
        _played(lines)
    except Exception:
        return True
    return False


def _walk(start: str, seed: int, commands: int) -> int:
    """So many random commands on a fragmented machine; how many of them had a batch.

    The shortest lines that still fail are the message of a failure.
    """
    chance = random.Random(seed)
    maker = LineMaker(chance, any_rule=False)
    size = 80 if "arm64" in start else 32
    lines = [start, f"add d0 {size}G", f"add d1 {size}G"]
    machine, batches = _played(lines), 0
    for _ in range(commands):
        lines.append(_line(machine.state, chance, maker))
        try:
            batches += _step(machine, lines[-1])
        except Exception as error:
            raise AssertionError("\n".join(minimise(lines, _fails))) from error
    return batches


@pytest.mark.parametrize("start", MACHINES)
def test_a_list_as_a_batch_does_what_one_range_after_the_other_does(start: str) -> None:
    assert _walk(start, 7, 24)


@pytest.mark.slow
@pytest.mark.parametrize("start", MACHINES)
@pytest.mark.parametrize("seed", range(25))
def test_fifty_thousand_commands_on_fragmented_machines(start: str, seed: int) -> None:
    assert _walk(start, 1000 + seed, 250)


def test_no_batch_follows_a_range_whose_blocks_go_to_two_zones() -> None:
    state = _played(
        [
            "machine ram=4G online_policy=auto-movable",
            "echo offline | tee /sys/devices/system/memory/memory1*/state",
            "offline 8,9,20",
            "chmem -d 1G",
            "for i in {6,39-39,621}; do "
            "echo offline > /sys/devices/system/memory/memory$i/state; done",
            "chmem -e -z Movable 1G",
            "offline 2",
            "offline 7,10,12,14,17",
            "cd /sys/devices/system/memory; for m in memory1?; do echo 0 > $m/online; done",
            "online 23,33-33,35,37-37",
            "offline 37,39-39",
            "online 16 movable",
            "online 2,10,12,14,17,19,32,36,38 movable",
            "offline 16,19,22,32,35",
        ]
    ).state
    done = _both(state, "online 19,20,22,32,34,35,37", 1)
    assert not isinstance(done, str)
    assert len({int(done[1].after.blocks.row_at(block)["zone"]) for block in (34, 35)}) == 2


def test_a_walk_that_fails_is_told_by_its_shortest_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_ranges, "_alike", lambda _state, ranges, _was: len(ranges))
    with pytest.raises(AssertionError) as caught:
        _walk(MACHINES[0], 7, 60)
    lines = str(caught.value).splitlines()
    assert lines[0] == MACHINES[0] and len(lines) < 8
    assert _fails(lines)


def _even(first: int, end: int) -> str:
    return ",".join(map(str, range(first, end, 2)))


def _files(numbers: str, word: str = "0", name: str = "online") -> str:
    folder = "/sys/devices/system/memory"
    return f"for i in {numbers}; do echo {word} > {folder}/memory$i/{name}; done"


MOVABLE = ("add d 4G", "online d movable")
GAP = ("add d 2G", "add e 4G at=0x200000000", "online d movable", "online e movable")
BATCHES: tuple[tuple[str, tuple[str, ...], str, list[tuple[int, int]]], ...] = (
    # The first of a batch stands alone; three behind it are one here, two are not.
    ("", MOVABLE, f"offline {_even(40, 48)}", [(42, 3)]),
    ("", MOVABLE, f"offline {_even(40, 46)}", []),
    # Ranges of one block and of two.
    ("", MOVABLE, "offline 34,37-38,40,43-44,46", [(37, 4)]),
    ("", ("add d 4G",), "online 34,37-38,40,43-44,46", [(37, 4)]),
    ("", MOVABLE, _files("{32..36} {38..40}"), [(33, 7)]),
    # What was placed ends a batch: the first and last page of a block are of that block only.
    ("", (*MOVABLE, "pin pfn=d+0x4ffff kind=movable"), f"offline {_even(34, 46)}", [(36, 5)]),
    ("", (*MOVABLE, "pin pfn=d+0x50000 kind=movable"), f"offline {_even(34, 46)}", [(36, 3)]),
    ("", (*MOVABLE, "pin pfn=d+0x57fff kind=movable"), f"offline {_even(34, 46)}", [(36, 3)]),
    ("", (*MOVABLE, "pin pfn=d+0x58000"), f"offline {_even(34, 46)}", [(36, 5)]),
    ("", (*MOVABLE, "pin pfn=d+0x20000 kind=movable"), f"offline {_even(34, 46)}", [(40, 3)]),
    # What fails is passed over by files, and what is behind it is a batch again.
    ("", MOVABLE, _files("{33..37} 300 301 {44..47}"), [(34, 4), (45, 3)]),
    # The zone's start walks with the blocks until one stays; its end does not.
    ("", (*MOVABLE, "offline 36,38"), _files("{32..35} 37 {39..42}"), [(33, 8)]),
    ("", MOVABLE, _files("{58..63}"), [(59, 4)]),
    (" memmap_on_memory=Y", MOVABLE, _files("{32..35} {37..39}"), [(33, 6)]),
    (" nodes=2 ram1=0M", ("add d 4G node=1", "online d movable"), _files("{32..36}"), [(33, 4)]),
    ("", (*MOVABLE, "offline 37,38"), _files("{32..36}"), [(33, 4)]),
    # Blocks that are not there, or that are otherwise than the first was, end it.
    ("", GAP, _files("{33,50,65,67,69,71,73}"), [(67, 4)]),
    ("", GAP, _files("{41,43,45,46,47,50}"), [(43, 4)]),
    (
        "",
        ("add d 4G", "online 32-41 kernel", "online 42-63 movable"),
        f"offline {_even(32, 50)}",
        [(34, 4), (44, 3)],
    ),
    ("", ("add d 4G", "online 63 movable"), _files("{32..37}", "1"), [(33, 5)]),
    ("", ("add d 4G",), _files("{32..37}", "online_movable", "state"), [(33, 5)]),
    (
        ' cmdline="memhp_default_state=online_movable"',
        ("virtio-mem v size=1G requested=1G",),
        f"offline {_even(32, 40)}",
        [],
    ),
    # Each goes to the zone of the first, as far as there is no other.
    ("", ("add d 4G",), f"online {_even(32, 42)} movable", [(34, 4)]),
    (
        "",
        ("add d 4G", "online 42-60 movable", f"offline {_even(43, 60)}"),
        f"online {_even(32, 42)},{_even(43, 60)},62",
        [(34, 4), (45, 8)],
    ),
    (
        "",
        ("add d 4G", "online 42-60 movable", f"offline {_even(43, 60)}"),
        f"online 34,{_even(43, 54)}",
        [(45, 5)],
    ),
    # Zones that do not shrink, and rules that look at every section.
    (" profile=4.19", MOVABLE, _files("{59..63}"), [(60, 4)]),
    (" profile=4.19", ("add d 1G", "online d movable"), _files("{32..39}"), [(33, 6)]),
    (" profile=shrink-rfc2", MOVABLE, f"offline {_even(55, 64)}", []),
    (" profile=shrink-oct2018", MOVABLE, f"offline {_even(55, 64)}", []),
    # While a fault may strike there is none; it strikes once, in the block that it reaches first.
    (
        "",
        (*MOVABLE, "fail next at=MEM_GOING_OFFLINE errno=ENOMEM"),
        _files("{34..39}"),
        [(36, 4)],
    ),
    ("", (*MOVABLE, "fail next at=MEM_GOING_ONLINE errno=EIO"), f"offline {_even(33, 42)}", []),
)


def _batches(outcome: Outcome) -> list[Batch]:
    parts = outcome.events.parts if isinstance(outcome.events, Events) else []
    return [part for part in parts if isinstance(part, Batch)]


def _machine(start: str, lines: Iterable[str]) -> Machine:
    machine = Machine(Session.booted(parse_line("machine ram=1G" + start)).state)  # type: ignore[arg-type]
    for line in lines:
        machine.run(line)
    return machine


def _sizes(state: State, line: str) -> list[tuple[int, int]]:
    """The first block of each batch and how many ranges it is, once it is told as they are."""
    both = _both(state, line, 3)
    assert not isinstance(both, str)
    batches = _batches(both[0])
    assert [len(batch) for batch in batches] == [len(list(batch)) for batch in batches]
    return [(int(batch.ranges[0, 0]), len(batch.ranges)) for batch in batches]


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_ranges_that_are_treated_alike_are_one_batch(number: int) -> None:
    start, prepared, line, expected = BATCHES[number]
    assert _sizes(_machine(start, prepared).state, line) == expected


def test_a_batch_ends_where_data_of_the_blocks_finds_no_free_pages_of_the_zone() -> None:
    state = _machine("", MOVABLE).state
    ((kernel, _),) = state.free_pages
    for free, expected in ((5 * 32768 - 1, (36, 3)), (5 * 32768, (36, 4))):
        little = replace(state, free_pages=((kernel, free),))
        assert _sizes(little, f"offline {_even(34, 46)}") == [expected]


def test_no_batch_walks_with_the_zone_where_struct_pages_end_within_a_subsection() -> None:
    state = _machine(" memmap_on_memory=Y", MOVABLE).state
    assert _sizes(state, _files("{32..36}")) == [(33, 4)]
    assert _sizes(state.with_blocks(32, 32, vmemmap=500), _files("{32..36}")) == []


def test_a_batch_is_found_in_steps_that_grow_and_gone_through_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: Counter[str] = Counter()

    def counted(of: object, name: str) -> None:
        carried = getattr(of, name)

        def call(*given: object) -> object:
            calls[name] += 1
            return carried(*given)

        monkeypatch.setattr(of, name, call)

    machine = _machine("", MOVABLE)
    command = parse_line(f"offline {_even(34, 62)}")
    assert command is not None
    monkeypatch.setattr(many_ranges, "_AT_ONCE", 1)
    monkeypatch.setattr(many_ranges, "_MADE", 3)
    counted(many_ranges, "_alike")
    counted(Batch, "state_behind")
    (batch,) = _batches(predict(machine.state, command))
    assert (len(batch.ranges), calls["_alike"]) == (13, 4)  # 1, 4, 8 and the one in front
    calls.clear()
    assert len(list(batch)) == len(batch) and calls["state_behind"] <= 1
    assert 0 < len(batch._made) <= 3
    others = [_batches(predict(machine.state, command))[0] for _ in range(2)]
    assert not batch._made and all(other._made for other in others)


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
