"""A command under way: phases, faults that were asked for, findings."""

from __future__ import annotations

from pfnmap.engine.finding import MAX_FINDINGS, Finding
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.state import Fault
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.outcome import Refusal
from tests.engine.tools import booted


def begun() -> Transaction:
    return Transaction(booted("machine ram=1G").state)


def test_a_new_transaction_has_done_nothing() -> None:
    state = booted("machine ram=1G").state
    tx = Transaction(state)
    assert tx.state is state
    assert (tx.events, tx.output, tx.notes) == ([], [], [])


def test_a_phase_keeps_the_state_it_left() -> None:
    tx = begun()
    before = tx.state
    tx.event("first", "nothing yet")
    tx.state = tx.state.with_zone(0, ZoneType.NORMAL, tx.state.zone(0, ZoneType.DMA32))
    tx.event("second", "a zone more", log=["a line", "another"], block=7, nr_blocks=3)
    first, second = tx.events
    assert (first.function, first.text, first.log) == ("first", "nothing yet", ())
    assert first.state is before
    assert second.state is tx.state
    assert second.log == ("a line", "another")
    assert (second.first_block, second.nr_blocks) == (7, 3)


def test_a_phase_about_no_block_counts_none() -> None:
    tx = begun()
    tx.event("one", "of block 0", block=0)
    tx.event("none", "of the machine")
    tx.event("none", "whatever the number says", nr_blocks=5)
    assert [(e.first_block, e.nr_blocks) for e in tx.events] == [(0, 1), (-1, 0), (-1, 0)]


def test_a_fault_strikes_once_and_only_its_phase() -> None:
    tx = begun()
    tx.arm(Fault("online_pages", "EINVAL"))
    tx.arm(Fault("MEM_GOING_ONLINE", "EPERM"))
    assert [fault.phase for fault in tx.state.faults] == ["online_pages", "MEM_GOING_ONLINE"]
    assert tx.fault("arch_add_memory") is None
    assert tx.fault("MEM_GOING_ONLINE") == "EPERM"
    assert tx.fault("MEM_GOING_ONLINE") is None
    assert [fault.phase for fault in tx.state.faults] == ["online_pages"]


def test_of_two_faults_for_a_phase_the_first_strikes_first() -> None:
    tx = begun()
    for errno in ("ENOMEM", "EINVAL"):
        tx.arm(Fault("online_pages", errno))
    assert [tx.fault("online_pages") for _ in range(3)] == ["ENOMEM", "EINVAL", None]


def test_an_injected_refusal_names_phase_and_block() -> None:
    tx = begun()
    assert tx.injected("online_pages", block=32) is None
    tx.arm(Fault("online_pages", "EINVAL"))
    assert tx.injected("online_pages", block=32) == Refusal(
        "EINVAL", "online_pages", "fault injected: online_pages was told to fail", 32
    )
    tx.arm(Fault("arch_add_memory", "ENOMEM"))
    refusal = tx.injected("arch_add_memory")
    assert refusal is not None
    assert refusal.block is None


def test_a_finding_is_reported_once() -> None:
    tx = begun()
    for place in ((5, 6), (7, 8), (5, 6)):
        tx.finding("oom", "once", *place)
    assert tx.state.findings == (Finding("oom", "once", 5, 6), Finding("oom", "once", 7, 8))


def test_of_one_kind_so_many_findings_are_kept_each_once() -> None:
    tx = begun()
    room = [tx.finding("a", "the same") for _ in range(2)]
    room += [tx.finding("a", f"number {number}", number) for number in range(MAX_FINDINGS)]
    assert room.count(True) == MAX_FINDINGS + 1 and not room[-1]
    assert len(tx.state.findings) == MAX_FINDINGS
    assert tx.finding("b", "another kind"), "which has room of its own"
    assert tx.state.findings[-1] == Finding("b", "another kind")
