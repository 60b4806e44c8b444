"""The same commands under several rules: who wins, what differs, what is aligned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from pfnmap.engine.commands import Add, Online, StartMachine
from pfnmap.engine.compare import (
    AS_WRITTEN,
    Comparison,
    compare,
    compare_commands,
    compare_machine,
    parse_variant,
    run_variant,
)
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import OnlineType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.state import Pending
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.sources import trace_session
from pfnmap.engine.sysroot.open_machine import open_watcher
from pfnmap.engine.traces.trace import load_trace
from tests.engine.sysroot.trees import x86_tree

TRACES = Path(__file__).parent.parent / "traces"
BLOCK = 32768
MIB = 1 << 20

DIMM = """\
title "256M"
machine ram=2G profile=memmap-v2
add dimm0 256M at=0x100000000
online dimm0 movable
expect device dimm0 largest_run=252M
"""
EDGE = """\
machine ram=2G profile=4.19 nodes=2
add dimm0 1G at=0x140000000 node=1
online 41 movable
online 43 movable
offline 43
offline 41
"""


def compared(text: str, *variants: str) -> Comparison:
    return compare(parse_scenario(text, "test.hotplug"), variants)


def counter(comparison: Comparison, name: str) -> tuple[int | None, ...]:
    return next(row.values for row in comparison.counters if row.name == name)


# -- what a variant is -------------------------------------------------------------------
def test_one_variant_is_compared_with_the_scenario_as_written() -> None:
    runs = compared(DIMM, "memmap=memblock").runs
    assert [run.name for run in runs] == [AS_WRITTEN, "memmap=memblock"]


def test_two_variants_leave_the_scenario_as_written_out() -> None:
    runs = compared(DIMM, "memmap=memblock", "profile=6.12 memmap_on_memory=Y").runs
    assert [run.name for run in runs] == ["memmap=memblock", "profile=6.12 memmap_on_memory=Y"]


@pytest.mark.parametrize("words", ["memap=device", "memmap=nowhere", "profile=3.9", "memmap", ""])
def test_a_wrong_variant_is_refused(words: str) -> None:
    with pytest.raises(InputError):
        parse_variant(words)


def test_a_machine_that_cannot_boot_is_refused() -> None:
    with pytest.raises(InputError, match="--with block=3M"):
        compared(DIMM, "block=3M")


# -- the variant wins --------------------------------------------------------------------
def test_a_variant_wins_over_the_policy_on_an_add_line_and_says_so() -> None:
    text = "machine ram=2G profile=memmap-v2\nadd dimm0 256M memmap=memblock\n"
    (run,) = [run for run in compared(text, "memmap=device").runs if run.pairs]
    assert run.steps[0].line == "add dimm0 256M memmap=memblock"
    assert run.steps[0].ran == "add dimm0 256M memmap=device"


def test_an_add_line_without_a_policy_loses_nothing() -> None:
    (run,) = [run for run in compared(DIMM, "memmap=memblock").runs if run.pairs]
    assert [step.ran for step in run.steps] == ["", ""]
    assert run.machine.state.devices[0].head_pages == 512


def test_a_variant_wins_over_rule_and_set_lines() -> None:
    text = "machine ram=2G\nrule shrink=rfc2\nset memmap_on_memory=Y\n"
    run = run_variant(parse_scenario(text, "t"), (("shrink", "oct2018"), ("memmap_on_memory", "N")))
    assert run.machine.state.profile.shrink == "oct2018"
    assert run.machine.state.params.memmap_on_memory == "N"
    assert [step.ran for step in run.steps] == [
        "rule shrink=oct2018",
        "set memmap_on_memory=N",
    ]


def test_a_rule_is_in_force_from_boot_on() -> None:
    assert compared(EDGE, "shrink=merged").runs[1].start.profile.shrink == "merged"


# -- what differs ------------------------------------------------------------------------
def test_per_device_and_per_block_agree_on_the_sum_and_differ_in_the_largest_run() -> None:
    comparison = compared(DIMM, "memmap=device", "memmap=memblock")
    assert counter(comparison, "device dimm0 usable bytes") == (252 * MIB, 252 * MIB)
    assert counter(comparison, "device dimm0 largest run") == (252 * MIB, 126 * MIB)
    differing = [row.name for row in comparison.counters if row.differs]
    assert differing == ["device dimm0 largest run"]


def test_a_counter_that_a_variant_lacks_is_not_zero() -> None:
    comparison = compared(EDGE, "shrink=remove-valid", "shrink=merged")
    assert counter(comparison, "zone 1 Movable spanned") == (3 * BLOCK, None)
    assert counter(comparison, "node 1 spanned") == (3 * BLOCK, 0)


def test_expectations_are_evaluated_for_every_variant() -> None:
    device, memblock = compared(DIMM, "memmap=device", "memmap=memblock").runs
    assert (device.nr_expectations, device.failed) == (1, ())
    assert memblock.failed == ("line 5: device dimm0 largest_run: expected 252M, is 126M",)


def test_findings_belong_to_the_variant_whose_rules_break_something() -> None:
    old, merged = compared(EDGE, "shrink=remove-valid", "shrink=merged").findings
    assert [finding.code for finding in old] == ["span-without-memory"]
    assert merged == ()


def test_blocks_that_are_not_alike_are_ranges_of_pfns() -> None:
    blocks = compared(DIMM, "memmap=device", "memmap=memblock").blocks
    assert [(block.start_pfn, block.end_pfn) for block in blocks] == [
        (32 * BLOCK, 33 * BLOCK),
        (33 * BLOCK, 34 * BLOCK),
    ]
    assert blocks[1].words == (
        "online Movable, node 0, vmemmap 0, blocks of 128M",
        "online Movable, node 0, vmemmap 512, blocks of 128M",
    )


def test_blocks_that_one_variant_lacks() -> None:
    text = "machine ram=2G profile=4.19\nadd dimm0 256M at=0x100000000\n"
    gone = compared(text, "block=128M", "block=1G").blocks[-1]
    assert gone.words[1] == "no block"


def test_a_scenario_without_differences_has_none() -> None:
    comparison = compared(DIMM, "memmap=device")
    assert comparison.blocks == ()
    assert not any(row.differs for row in comparison.counters)


def test_a_command_that_means_nothing_on_a_variant_is_left_out() -> None:
    text = "machine ram=2G\nadd dimm0 256M\nonline dimm0[1]\n"
    _, large = compared(text, "block=128M", "block=1G").runs
    assert large.steps[0].result == "EINVAL (check_hotplug_memory_range)"
    assert large.steps[1].result.startswith("not possible: dimm0")
    assert [step.outcome is None for step in large.steps] == [False, True]


def test_the_commands_of_a_session_are_compared_like_a_scenario() -> None:
    online = parse_line("online dimm0 movable")
    assert isinstance(online, Online)
    assert online.online_type is OnlineType.ONLINE_MOVABLE
    comparison = compare_commands(
        StartMachine(2 << 30, profile="memmap-v2"),
        [Add("dimm0", (256 * MIB,), 4 << 30), online],
        ["memmap=device", "memmap=memblock"],
        "my session",
    )
    assert comparison.title == "my session"
    assert counter(comparison, "device dimm0 largest run") == (252 * MIB, 126 * MIB)


def test_comparing_twice_gives_the_same() -> None:
    first, second = (compared(EDGE, "shrink=merged") for _ in range(2))
    assert first.counters == second.counters
    assert first.blocks == second.blocks
    assert first.findings == second.findings


def test_comparing_needs_no_screen() -> None:
    code = (
        "import sys; from pfnmap.engine.compare import compare; "
        "from pfnmap.engine.scenarios.scenario import "
        "parse_scenario; compare(parse_scenario('machine\\n', 't'), ['profile=6.1']); "
        "sys.exit(any(name in sys.modules for name in ('textual', 'rich', 'tui')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- machines that nobody booted here ------------------------------------------------------
def test_a_recorded_machine_does_its_steps_under_other_rules() -> None:
    session = trace_session(load_trace(TRACES / "life-256m-plain.json"))
    commands = [outcome.command for outcome in session.outcomes]
    plain, own = compare_machine(session.start, commands, ["memmap_on_memory=Y"], "life").runs
    assert [step.number for step in plain.steps] == list(range(1, len(commands) + 1))
    assert [plain.steps[0].result, own.steps[0].result] == ["ok", "ok"]
    outcomes = [run.steps[0].outcome for run in (plain, own)]
    vmemmap = [outcome.after.blocks.rows["vmemmap"][-1] for outcome in outcomes if outcome]
    assert vmemmap == [0, 512]


def test_what_was_hot_added_to_a_real_machine_is_added_again(tmp_path: Path) -> None:
    state = open_watcher(x86_tree(tmp_path / "root").root).view.state
    comparison = compare_machine(state, (), ["memmap_on_memory=N"], "real")
    as_it_is, other = comparison.runs
    assert [step.number for step in as_it_is.steps] == list(range(-len(as_it_is.steps), 0))
    assert as_it_is.steps[0].line.startswith("add ram")
    assert all(step.result == "ok" for run in comparison.runs for step in run.steps)
    now, then = as_it_is.machine.state.blocks.rows, state.blocks.rows
    for name in ("start", "state", "zone", "node", "vmemmap"):
        assert now[name].tolist() == then[name].tolist()
    assert not other.machine.state.blocks.rows["vmemmap"].any()
    assert "hot-added memory is added again" in comparison.assumed[-1]


def test_the_blocks_of_a_machine_that_is_there_keep_their_size(tmp_path: Path) -> None:
    state = open_watcher(x86_tree(tmp_path / "root").root).view.state
    with pytest.raises(InputError, match="block=1G: the memory blocks of this machine are of 128M"):
        compare_machine(state, (), ["block=1G"], "real")


def test_a_dimm_that_cannot_be_taken_out_stays_and_is_named() -> None:
    machine = Machine.boot(StartMachine(1 << 30))
    machine.run("add d 256M")
    machine.run("online d[0] movable")
    held = replace(machine.state, pending=Pending(39))
    assert "d stays as it is: EINTR" in compare_machine(held, (), ["profile=6.1"], "m").assumed[0]
