"""The removal of a range with its own memmap, section by section, as the series of 2019 did it."""

from __future__ import annotations

import numpy as np
import pytest

from pfnmap.engine import Machine
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.outcome import Outcome
from tests.engine.tools import booted
from tests.fuzz.limits import HANGS_AFTER_SECONDS, bounded


def removed(line: str, add: str, *, rule: str = "") -> tuple[Machine, Outcome]:
    start = parse_line(line)
    machine = Machine.boot(start)  # type: ignore[arg-type]
    assert machine.run(add).ok
    if rule:
        machine.run(rule)
    return machine, machine.run("remove dimm0")


def refcounts(outcome: Outcome) -> list[int]:
    texts = [e.text for e in outcome.events if e.function == "depopulate_section_memmap"]
    return [int(text.rpartition(" ")[2]) for text in texts]


def freed(outcome: Outcome) -> list[str]:
    texts = [event.text for event in outcome.events if event.function == "vmemmap_free"]
    return [text.partition(":")[0].removeprefix("section ") for text in texts if "go" in text]


DEVICE = "add dimm0 1G at=0x100000000 memmap=device"
MEMBLOCK = "add dimm0 1G at=0x100000000 memmap=memblock"


def test_the_refcount_falls_to_0_and_the_memmap_is_freed_backwards() -> None:
    machine, outcome = removed("machine ram=2G profile=memmap-v2", DEVICE)
    assert refcounts(outcome) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert freed(outcome) == ["39", "38", "37", "36", "35", "34", "33", "32"]
    assert machine.view().findings == ()


def test_the_pages_that_go_are_named_from_the_last_chunk_to_the_first() -> None:
    _, outcome = removed("machine ram=2G profile=memmap-v2", DEVICE)
    texts = [event.text for event in outcome.events if event.function == "vmemmap_free"]
    assert "pfns 0x100e00-0x100fff" in texts[0]
    assert "pfns 0x100000-0x1001ff" in texts[7]


def test_between_the_phases_the_refcount_is_what_the_kernels_would_be() -> None:
    _, outcome = removed("machine ram=2G profile=memmap-v2", DEVICE)
    states = [e.state for e in outcome.events if e.function == "depopulate_section_memmap"]
    assert [state.heads[0x100000] for state in states] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert [state.teardown.freeing for state in states] == [True] * 8
    assert not outcome.after.teardown.freeing


def test_one_head_a_block_is_freed_at_once() -> None:
    _, outcome = removed("machine ram=2G profile=memmap-v2", MEMBLOCK)
    assert refcounts(outcome) == [0] * 8
    assert freed(outcome) == ["32", "33", "34", "35", "36", "37", "38", "39"]


def test_blocks_of_1g_count_down_and_free_backwards_each() -> None:
    line = "machine ram=2G profile=memmap-v2 block=1G"
    _, outcome = removed(line, "add dimm0 2G at=0x100000000 memmap=memblock")
    assert refcounts(outcome) == [7, 6, 5, 4, 3, 2, 1, 0] * 2
    assert freed(outcome) == [str(n) for n in (*range(39, 31, -1), *range(47, 39, -1))]


@pytest.mark.parametrize(
    ("add", "errno"), [(DEVICE, "EFAULT"), (MEMBLOCK, None)], ids=["device", "memblock"]
)
def test_the_forward_order_faults_at_the_second_section(add: str, errno: str | None) -> None:
    line = "machine ram=2G profile=memmap-v2"
    machine, outcome = removed(line, add, rule="rule removal=forward")
    assert outcome.errno == errno
    codes = [finding.code for finding in machine.view().findings]
    assert codes == (["forward-free"] if errno else [])


def test_memory_added_again_starts_with_a_fresh_refcount() -> None:
    machine, _ = removed("machine ram=2G profile=memmap-v2", DEVICE)
    assert machine.run(DEVICE).ok
    assert refcounts(machine.run("remove dimm0")) == [7, 6, 5, 4, 3, 2, 1, 0]


def test_the_countdown_that_ends_later_is_no_longer_reported_as_stuck() -> None:
    start = parse_line("machine ram=2G profile=memmap-v2")
    machine = Machine.boot(start)  # type: ignore[arg-type]
    for line in (DEVICE, "remove 32-38"):
        machine.run(line)
    assert [f.code for f in machine.view().findings if f.code == "stuck-freeing"]
    machine.run("remove 39")
    assert not [f.code for f in machine.view().findings if f.code == "stuck-freeing"]
    assert not machine.state.teardown.freeing


def test_of_many_sections_the_last_64_and_the_first_are_shown() -> None:
    _, outcome = removed("machine ram=2G profile=memmap-v2", "add dimm0 10G at=0x100000000")
    assert freed(outcome) == [*map(str, range(111, 111 - 64, -1)), "32"]
    _, outcome = removed("machine ram=2G profile=memmap-v2", "add dimm0 8G at=0x100000000")
    assert freed(outcome) == [*map(str, range(95, 31, -1))]


def test_freeing_backwards_over_millions_of_absent_sections_takes_no_time() -> None:
    """The countdown of one DIMM is ended by the removal of another, 2 PiB above it."""
    machine = Machine.boot(parse_line("machine ram=2G profile=memmap-v2"))  # type: ignore[arg-type]
    for line in ("add near 384M", "add far 256M at=0x8000000000000", "remove 32-33"):
        assert machine.run(line).ok
    with bounded(HANGS_AFTER_SECONDS):
        outcome = machine.run("remove far")
    assert freed(outcome) == [
        "16777216",
        "32",
    ]  # the first 64 sections below the last, and the first
    assert "sections 16777216 down to 32 are freed" in [event.text for event in outcome.events]
    assert {finding.code for finding in machine.view().findings} >= {
        "foreign-countdown",
        "lost-memmap",
    }


def test_a_backward_free_over_a_petabyte_takes_no_time_and_loses_all_of_it() -> None:
    machine = booted(
        "machine ram=2G profile=memmap-v2",
        "add low 256M at=0x100000000 memmap=device",
        "add big 1P at=0x8000000000000 memmap=memblock",
        "add high 256M at=0xc000000000000 memmap=device",
        "remove 32",  # the head of low stays at 1
    )
    with bounded(HANGS_AFTER_SECONDS):
        assert machine.run("remove high").ok
    lost = machine.state.lost.rows
    big = machine.state.devices[1]
    held = lost[(lost["start"] >= big.start_pfn) & (lost["start"] < big.end_pfn)]
    assert int(held["count"].sum()) == big.nr_pages
    assert any("lost-memmap" in finding.code for finding in machine.view().findings)
    machine.check()


def test_more_sections_than_can_be_walked_through_one_by_one_are_refused_in_words() -> None:
    machine = booted("machine ram=2G profile=memmap-v2", "add dimm0 16T memmap=device")
    with pytest.raises(InputError, match="131072 sections in one command"):
        machine.run("remove dimm0")


@pytest.mark.parametrize("add", [DEVICE, MEMBLOCK], ids=["device", "memblock, blocks of 1G"])
def test_while_it_is_freed_the_vmemmap_pages_lose_their_marks_on_the_map(add: str) -> None:
    block = " block=1G" if add == MEMBLOCK else ""
    _, outcome = removed(f"machine ram=2G profile=memmap-v2{block}", add)
    edges = np.array([0x100000, 0x100000 + 262144])
    marked, counts, notes = [], [], []
    for event in outcome.events:
        view = ModelView(event.state)
        head = view.page(0x100000)
        if event.function == "depopulate_section_memmap":
            counts.append(head.refcount)
            notes.append(head.note)
        if event.function == "vmemmap_free" and "go" in event.text:
            marked.append(int(view.page_counts(edges)[0][PageState.VMEMMAP]))
    assert counts == [7, 6, 5, 4, 3, 2, 1, 0]
    assert set(notes) == {""}  # what was marked is initialised
    assert marked == [3584, 3072, 2560, 2048, 1536, 1024, 512, 0]
