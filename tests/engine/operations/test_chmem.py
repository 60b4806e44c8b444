"""``chmem`` as util-linux has it: which blocks it takes, in which order, and into which zone."""

from __future__ import annotations

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.machine import Machine
from pfnmap.engine.operations import chmem
from pfnmap.engine.outcome import Outcome
from tests.engine.tools import booted

DIMM = ("machine ram=2G", "add d 1G")
"""Blocks 32 to 39, offline."""


def states(machine: Machine, first: int = 32, last: int = 39) -> str:
    """A letter each: offline, or the first of the zone."""
    rows = [machine.view().block(number) for number in range(first, last + 1)]
    return "".join(row.zone.label[0] if row and row.state == "online" else "." for row in rows)


def order(outcome: Outcome) -> list[int]:
    """The blocks in the order in which they were done."""
    ranges = outcome.events.touched.tolist()  # type: ignore[attr-defined]
    return list(dict.fromkeys(block for first, end in ranges for block in range(first, end)))


def test_memory_goes_to_movable_where_no_zone_is_named() -> None:
    machine = booted(*DIMM)
    assert machine.run("chmem -e 256M").ok
    assert machine.run("chmem -e -b 35-36").ok
    assert machine.run("chmem -e 0x138000000-0x13fffffff").ok
    assert machine.run("chmem -e -z Normal 128M").ok
    assert states(machine) == "MMNMM..M"


def test_before_every_zone_was_valid_everywhere_it_goes_where_it_may() -> None:
    """Movable lies above Normal there, so only the last block of Normal may begin it."""
    machine = booted("machine ram=2G profile=4.12", "add d 1G")
    assert machine.run("chmem -e -b 32-33").ok
    assert machine.run("chmem -e -b 39").ok
    assert machine.run("chmem -e -b 38").ok
    assert states(machine) == "NN....MM"


def test_of_a_size_the_lowest_are_enabled_and_the_highest_disabled() -> None:
    machine = booted(*DIMM, "online 33,36 movable")
    assert order(machine.run("chmem -e 384M")) == [32, 34, 35]
    assert states(machine) == "MMMMM..."
    assert order(machine.run("chmem -d 256M")) == [36, 35]
    assert states(machine) == "MMM....."


def test_a_range_is_done_from_its_start() -> None:
    machine = booted(*DIMM, "online 32,33,35,36,39 movable")
    assert order(machine.run("chmem -d -b 33-99")) == [33, 35, 36, 39]
    assert states(machine) == "M......."


def test_what_fails_is_passed_over_and_another_taken_for_it() -> None:
    machine = booted(*DIMM, "online d kernel", "pin 38 kind=unmovable", "pin 36 kind=unmovable")
    outcome = machine.run("chmem -d 384M")
    assert outcome.ok
    assert states(machine) == "NNN.N.N."
    assert order(outcome) == [39, 38, 37, 36, 35]
    outcome = machine.run("chmem -d -b 34-39")
    assert (outcome.errno, states(machine)) == ("EBUSY", "NN..N.N.")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chmem -e 3G", "chmem: Could only enable 512M of memory"),
        ("chmem -d -z Movable 3G", "chmem: Could only disable 512M of memory"),
        ("chmem -d -z DMA32 3G", None),
    ],
)
def test_it_says_what_it_could_do_of_a_size(line: str, words: str | None) -> None:
    machine = booted(*DIMM, "online 32-35 movable")
    said = machine.run(line).output
    assert said == ((words,) if words else ("chmem: Could only disable 0B of memory",))


def test_many_pieces_are_no_more_than_few() -> None:
    """Every other of 10,000 blocks is taken, without a try for each."""
    machine = booted("machine ram=64G block=128M", "add d 1250G at=128G")
    first = 1024
    odd = ",".join(str(first + 2 * number) for number in range(5000))
    assert machine.run(f"online {odd} movable").ok
    assert machine.run("chmem -e 600G").ok
    assert states(machine, first + 9598, first + 9603) == "MMM.M."
    assert machine.run("chmem -d 700G").ok
    assert states(machine, first + 4198, first + 4203) == "MM...."


def test_what_fails_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chmem, "MAX_BLOCKS_ONE_BY_ONE", 3)
    pins = (f"pin {block} kind=unmovable" for block in range(32, 37))
    machine = booted(*DIMM, "online d kernel", *pins)
    with pytest.raises(InputError, match="more than 3 blocks cannot be disabled"):
        machine.run("chmem -d -b 32-39")
