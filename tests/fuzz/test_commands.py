"""The fuzzer of commands, short: what it finds nowadays (nothing), and that it would find some."""

from __future__ import annotations

import random

import pytest

from pfnmap.engine.commands import VERBS, Kind
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.machine import CheckError, Machine
from tests.fuzz import commands as fuzz
from tests.fuzz.relations import Relations
from tests.fuzz.words import LineMaker, random_machine


def test_random_commands_break_no_identity() -> None:
    record = fuzz.run(range(15, 23))
    assert [str(failure) for failure in record.failures] == []
    assert fuzz.commands_in(record) == record.inputs * fuzz.LINES_PER_MACHINE
    acts = {verb.name for verb in VERBS.values() if verb.kind in (Kind.ACTION, Kind.PARAMETER)}
    assert acts - set(record.counts["verbs"]) == set()
    answers = {"ok", "EBUSY", "EINVAL", "EEXIST", "ENOMEM", "ENOENT", "input"}
    assert answers <= set(record.counts["answers"])


def test_every_command_of_a_merged_profile_is_followed_by_a_check() -> None:
    record = fuzz.run(range(45, 46), fuzz.Commands(("6.1", "6.12"), historical=0))
    assert set(record.counts["profiles"]) <= {"6.1", "6.12"}
    assert sum(record.counts["checked"].values()) == fuzz.commands_in(record) > 0


@pytest.mark.parametrize("phase", ["start_isolate_page_range", "MEM_GOING_OFFLINE",
                                   "do_migrate_range", "dissolve_free_hugetlb_folios"])  # fmt: skip
@pytest.mark.parametrize("policy", ["N", "Y"])
def test_an_eject_whose_second_pass_never_ends_waits_as_one_whose_first_does(
    phase: str, policy: str
) -> None:
    machine = fuzz.boot(f"machine memmap_on_memory={policy}")
    for line in ("add d 256M", "online d movable", "pin d[0] pages=1 kind=longterm",
                 f"fail next at={phase} errno=ENOMEM", "remove d"):  # fmt: skip
        outcome = machine.run(line)
        machine.check()
    assert outcome.errno == "EINTR"
    assert machine.run("unpin d[0]").ok  # the kworker goes on, and the DIMM is gone
    assert not machine.state.devices


@pytest.mark.parametrize(
    "lines",
    [
        # two nodes meet within a subsection: what is free is that of one of them
        ("machine ram=1000001K nodes=3 ram1=512M ram2=512M", "free 1G node=1"),
        # struct pages in more frames than a part of a section needs
        ("machine profile=6.6 arch=ppc64-64k", "add a 256M memmap=on_memory", "add b 1P",
         "online 16 kernel", "device-add c 2M"),
        # what has moved away is in use elsewhere also when the offline fails in the end
        ("machine profile=6.1 ram=128M block=1G nodes=4 ram1=512M auto_online_blocks=online",
         "echo 1 > /proc/sys/vm/hugetlb_optimize_vmemmap", "add a 1G node=0 memmap=device",
         "echo 0x6c0000000 > /sys/devices/system/memory/probe", "freelist 6:700 3:3",
         "hugetlb b 4M count=70", "offline 27", "add c 2G node=0"),
        # what has moved away took the memory that struct pages of huge pages would need
        ("machine profile=6.1 ram=512M nodes=3 ram1=192M auto_online_blocks=online "
         "hugetlb_free_vmemmap=on", "add a 1G node=0 memmap=device", "add b 1G", "free 200M",
         "add c 512M memmap=ram", "echo 1 > /proc/sys/vm/nr_hugepages", "remove b",
         "for i in {33..36}; do echo offline > /sys/devices/system/memory/memory$i/state; done",
         "remove c"),
        # base pages take a page table page each time, until there is none
        ("machine profile=7.3 ram=128M", "add a 1G", "online a kernel", "freelist 2:384",
         "add b 384M", "online b"),
        # poison that is lifted from a block that is offline makes nothing free
        ("machine", "add a 128M", "online a movable", "pin a kind=hwpoison", "offline a",
         "unpin a"),
        # of the struct pages of a gigantic page smaller ones have freed most before
        ("machine profile=6.12 ram=4G auto_online_blocks=online hugetlb_free_vmemmap=on",
         "shrink DMA32 blocks=2", "hugetlb a 16M count=500", "hugetlb-free a",
         "online 22-23 kernel", "hugetlb b 1G"),
        # a countdown of 2019 that another removal ends frees the memmap of everything between
        ("machine profile=6.12 ram=4000M block=256M", "add a 512M memmap=device", "remove 20",
         "add b 256M at=0x2370000000", "online b", "add c 256M memmap=device at=0x3000000000",
         "remove c"),
    ],
)  # fmt: skip
def test_what_the_fuzzer_found_breaks_nothing_any_more(lines: tuple[str, ...]) -> None:
    assert fuzz.failure_of(list(lines), checked=True) is None


def test_devices_in_each_others_place_break_no_identity() -> None:
    record = fuzz.run(range(1, 4), Relations())
    assert [str(failure) for failure in record.failures] == []
    assert {"ok", "EEXIST", "EINVAL"} <= set(record.counts["answers"])


@pytest.mark.slow
@pytest.mark.parametrize("first_seed", range(2000, 4000, 200))
def test_many_random_commands_break_no_identity(first_seed: int) -> None:
    record = fuzz.run(range(first_seed, first_seed + 200))
    assert [str(failure) for failure in record.failures] == []


def test_a_seed_is_a_sequence() -> None:
    def lines(seed: int) -> list[str]:
        rng = random.Random(seed)
        machine = fuzz.boot(random_machine(rng, "6.12"))
        maker = LineMaker(rng, any_rule=False)
        out = []
        for _ in range(15):
            out.append(maker.line(machine.state))
            fuzz.apply(machine, out[-1], checked=True)
        return out

    assert lines(3) == lines(3)
    assert lines(3) != lines(4)


def test_a_broken_rule_is_found_and_told_in_the_fewest_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check(machine: Machine) -> None:
        """An identity that no machine keeps."""
        if any(node.zones[ZoneType.MOVABLE].present for node in machine.state.nodes):
            raise CheckError(["Movable has memory: how dare it"])

    monkeypatch.setattr(Machine, "check", check)
    record = fuzz.run(range(11, 15))
    failure = record.failures[0]
    assert failure.kind == "violation"
    assert failure.lines[0].startswith("machine ")
    assert len(failure.lines) <= 4
    assert fuzz.failure_of(failure.lines, checked=True) is not None
    assert "Movable has memory" in str(failure)


def test_a_command_that_changes_an_earlier_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Machine.apply

    def apply(machine: Machine, command: object) -> object:
        """Writes into a column that earlier states share."""
        machine.state.blocks.chunks[0]["link_node"][0] |= 1
        return sound(machine, command)  # type: ignore[arg-type]

    monkeypatch.setattr(Machine, "apply", apply)
    assert {failure.kind for failure in fuzz.run([11]).failures} == {"changed"}


def test_a_line_that_never_ends_is_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(machine: Machine) -> None:
        while True:
            pass

    monkeypatch.setattr(Machine, "check", check)
    monkeypatch.setattr(fuzz, "MAX_SECONDS", 0.05)
    (failure,) = fuzz.run([11]).failures
    assert failure.kind == "hang"


def test_a_line_that_takes_all_memory_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(machine: Machine) -> None:
        bytearray(8 << 30)

    monkeypatch.setattr(Machine, "check", check)
    (failure,) = fuzz.run([11]).failures
    assert failure.kind == "memory"
