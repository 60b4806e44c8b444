"""The judge of plans, and how captures are taken and kept; without booting anything."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from pfnmap.engine.commands import Offline, Ref, Remove
from pfnmap.engine.guest.archive import CAPTURE_SCRIPT
from pfnmap.engine.guest.guest import Guest, Reply
from pfnmap.engine.sysroot.capture import parse_capture
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.traces.trace import (
    DimmStep,
    HotAdd,
    RecordedMasks,
    RecordedState,
    RecordedStep,
    ShellStep,
    WriteState,
)
from pfnmap.tui.help.topics import text
from tests.engine.sysroot.trees import Tree, zone
from tests.kernel.captures import (
    DUMP,
    CapturingRecorder,
    Moment,
    keep,
    keep_dump,
    moments,
    operation_of,
)
from tests.kernel.foresee import Tally, show
from tests.kernel.foresight import BUSY, ORIGIN, TYPE, Operation, Verdict, asked, judge
from tests.kernel.series import KEPT_FOLDER, recorded_moments

EDGES = list(moments(KEPT_FOLDER / "6.12-edges"))
AUTO_ONLINE = list(moments(KEPT_FOLDER / "6.1-auto-online"))
NOTHING = RecordedState((), (), (), RecordedMasks())


def moment(words: str, result: str | None = None) -> Moment:
    """The first operation of the two series with these words in it and this result."""
    both = (*EDGES, *AUTO_ONLINE)
    return next(m for m in both if words in m.operation.line and m.operation.result == result)


def verdict_of(found: Moment, **changed: Any) -> list[str]:
    """The deviations once something else is said of the machine afterwards."""
    after = SysrootView(replace(found.after.observation, **changed))
    return [str(one) for one in judge(found.before, found.operation, after).deviations]


def test_what_came_as_planned_deviates_in_nothing() -> None:
    found = moment("online_movable")
    assert judge(found.before, found.operation, found.after).deviations == ()


def test_every_kind_of_difference_is_found() -> None:
    found = moment("online_movable")
    seen: Observation = found.after.observation
    assert seen.zones is not None
    assert seen.iomem is not None
    zones = tuple(
        replace(zone, present=zone.present - 1) if zone.name == "Movable" else zone
        for zone in seen.zones
    )
    assert verdict_of(found, zones=zones) == [
        "node 0 zone Movable present: kernel 32767, plan 32768"
    ]
    line = seen.iomem[-1]
    assert verdict_of(found, iomem=seen.iomem[:-1]) == [
        f"iomem {line.start:x}-{line.end:x} : System RAM: kernel absent, plan there"
    ]
    assert verdict_of(found, masks={**seen.masks, "has_memory": (0, 1)}) == [
        "nodes has_memory: kernel (0, 1), plan (0,)"
    ]
    assert verdict_of(found, params={**seen.params, "online_policy": "auto-movable"}) == [
        "online_policy: kernel auto-movable, plan contig-zones"
    ]
    assert "block 33 state: kernel offline, plan online" in verdict_of(
        found, blocks=found.before.observation.blocks
    )


def test_blocks_on_one_side_alone_are_found() -> None:
    added, removed = moment("add dimm0"), moment("remove")
    assert verdict_of(added, blocks=added.before.observation.blocks)[0].startswith(
        "blocks from 32 on: kernel absent, plan there"
    )
    assert "block 42: kernel there, plan absent" in verdict_of(
        removed, blocks=removed.before.observation.blocks
    )


def test_another_result_is_told_with_the_reason_of_the_plan() -> None:
    found = moment("perhaps", "EINVAL")
    operation = dataclasses.replace(found.operation, result=None)
    (one,) = judge(found.before, operation, found.after).deviations
    assert str(one) == "result: kernel success, plan EINVAL (perhaps is no state)"


def test_a_command_that_makes_no_sense_is_a_difference() -> None:
    found = moment("online_movable")
    operation = Operation("offline dimm7", None)
    (one,) = judge(found.before, operation, found.after).deviations
    assert one.field == "command"
    assert "no device of that name" in one.plan


# -- what a plan is excused for ---------------------------------------------------------------
def busy(pfns: tuple[int, ...]) -> Moment:
    """A boot block that cannot be offlined, with the pages that the log named."""
    found = moment("online_movable")
    line = "echo offline > /sys/devices/system/memory/memory6/state"
    return Moment(found.before, Operation(line, "EBUSY", pfns), found.before)


def test_pages_that_no_file_shows_excuse_a_plan_that_names_them() -> None:
    found = busy((6 * 32768 + 17,))
    verdict = judge(found.before, found.operation, found.after)
    assert verdict.deviations == ()
    assert BUSY in verdict.excuse


def test_a_busy_block_without_such_pages_is_no_excuse() -> None:
    found = busy(())
    assert judge(found.before, found.operation, found.after).deviations != ()


def test_the_excuse_covers_the_answer_and_nothing_more() -> None:
    found = busy((6 * 32768 + 17,))
    verdict = judge(found.before, found.operation, EDGES[-1].after)
    assert verdict.deviations != ()


def test_the_type_of_a_refused_write_excuses_a_write_to_online() -> None:
    found = moment("echo 1 >")
    verdict = judge(found.before, found.operation, found.after)
    assert verdict.deviations == ()
    assert TYPE in verdict.excuse


def test_memory_of_unknown_origin_excuses_where_the_other_reading_comes_true(
    tmp_path: Path,
) -> None:
    """2 GiB at 8 GiB in Normal, behind boot memory: hot-added or not, auto-movable counts it."""
    tree = Tree(tmp_path / "root")
    tree.kernel("6.12.9", "x86_64")
    tree.blocks(1, 7, zones="DMA32")
    tree.blocks(32, 39)
    tree.blocks(64, 79)
    tree.blocks(80, 83, "offline", "Normal Movable")
    tree.params(online_policy="auto-movable", auto_movable_ratio="20", memmap_on_memory="N")
    tree.masks(online="0", has_memory="0", has_normal_memory="0", has_cpu="0")
    tree.iomem(
        "00100000-3fffffff : System RAM",
        "100000000-13fffffff : System RAM",
        "200000000-27fffffff : System RAM",
        "280000000-29fffffff : System RAM",
    )
    tree.zoneinfo(
        zone(0, "DMA32", 4096, (1 << 20) - 4096, 258048, 250000),
        zone(0, "Normal", 1 << 20, 48 * 32768, 24 * 32768, 780000),
        zone(0, "Movable", 0, 0, 0, 0),
    )
    before = SysrootView(observe(DirectoryTree(tree.root)))
    assert before.inferred.hot.tolist().count(-1) == 16
    done = Operation("echo offline > /sys/devices/system/memory/memory79/state", None)
    tree.block(79, "offline", "Normal Movable")
    tree.zoneinfo(
        zone(0, "DMA32", 4096, (1 << 20) - 4096, 258048, 250000),
        zone(0, "Normal", 1 << 20, 47 * 32768, 23 * 32768, 780000 - 32768),
        zone(0, "Movable", 0, 0, 0, 0),
    )
    after = SysrootView(observe(DirectoryTree(tree.root)))
    verdict = judge(before, done, after)
    assert verdict.deviations == ()
    assert ORIGIN in verdict.excuse


# -- what is asked ----------------------------------------------------------------------------
def test_the_eject_of_a_dimm_is_asked_of_the_device_that_is_taken_to_be_there() -> None:
    found = moment("remove")
    (command,) = asked(found.before, found.operation)
    assert isinstance(command, Remove)
    (ref,) = command.blocks
    device = found.before.state.device_named(str(ref.device))
    assert device is not None
    assert device.start_pfn << 12 == 0x150000000


def test_where_no_device_is_taken_to_be_it_is_offline_and_remove() -> None:
    view = moment("echo 1 >").after
    part = Operation("remove 0x110000000-0x127ffffff", None)
    offline, remove = asked(view, part)
    assert isinstance(offline, Offline)
    assert isinstance(remove, Remove)
    assert offline.blocks == (Ref(34, 34), Ref(35, 35))
    assert remove.blocks == (Ref(34, 36),)


def test_nothing_is_asked_about_a_dimm_that_the_tree_does_not_show() -> None:
    view = EDGES[0].before
    assert asked(view, Operation("remove 0x100000000-0x107ffffff", None)) == []
    unaligned = Operation("remove 0x100200000-0x1081fffff", None)
    assert asked(EDGES[0].after, unaligned) == []
    assert judge(view, unaligned, view).deviations == ()


# -- taking and keeping -----------------------------------------------------------------------
def test_every_step_of_a_recording_is_a_line_of_the_language() -> None:
    def line(kind: type[RecordedStep], **fields: Any) -> str | None:
        operation = operation_of(kind(log=(), after=NOTHING, **fields))
        return None if operation is None else operation.line

    dimm = {"id": "d", "start": 1 << 32, "size": 128 << 20}
    assert line(HotAdd, node=1, **dimm) == "add d 128M at=0x100000000 node=1"
    assert line(DimmStep, **dimm) == "remove 0x100000000-0x107ffffff"
    assert line(WriteState, block=7, value="offline") == (
        "echo offline > /sys/devices/system/memory/memory7/state"
    )
    assert line(ShellStep, command="echo 1 > /x") == "echo 1 > /x"
    assert line(HotAdd, node=1, result="REFUSED_BY_FIRMWARE", **dimm) is None


def test_the_guest_captures_itself_with_the_line_of_the_help() -> None:
    pasted = "\n".join(line.removeprefix("    ") for line in text("real-machines").splitlines())
    script = CAPTURE_SCRIPT.splitlines()
    assert "\n".join(script[2:-1]) in pasted


class Obeying:
    """A guest with one memory block, whose state is what was written last."""

    state = "online"

    def run(self, command: str, seconds: float = 0) -> Reply:
        if found := re.search(r"echo (\w+) > \S+/state", command):
            self.state = found[1]
        return Reply(0, f"block 0 {self.state} 0 1 DMA32\n" if command == "report" else "")

    def dump(self) -> bytes:
        return DUMPED % self.state.encode()


def test_a_recorder_captures_before_the_first_operation_and_after_each() -> None:
    recorder = CapturingRecorder.of(cast(Guest, Obeying()))
    recorder.keep(recorder.write_state(0, "offline"))
    recorder.keep(recorder.write_state(0, "online"))
    first, second = recorded_moments(recorder)
    assert first.operation.line == "echo offline > /sys/devices/system/memory/memory0/state"
    states = [view.block_counts() for view in (first.before, first.after, second.after)]
    assert states == [{"online": 1}, {"offline": 1}, {"online": 1}]
    assert second.before.observation == first.after.observation


def test_plans_that_were_wrong_are_counted_by_what_they_had_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorder = CapturingRecorder.of(cast(Guest, Obeying()))
    recorder.keep(recorder.write_state(0, "online"))
    tally = Tally()
    assert show(recorder, 0, "6.12 seed 1", tally)
    assert capsys.readouterr().out == (
        "6.12 seed 1, operation 1: echo online > /sys/devices/system/memory/memory0/state\n"
        "  result: kernel success, plan EINVAL (memory block 0 is online already)\n"
    )
    tally.count(Verdict(excuse="memory32: EBUSY"))
    tally.count(Verdict(excuse="memory33: EBUSY"))
    assert (tally.operations, tally.deviations) == (3, 1)
    assert tally.excuses == {"memoryN: EBUSY": 2}


DUMPED = (
    b"pagesize:\n"
    b"/sys/devices/system/memory/block_size_bytes:8000000\n"
    b"/sys/devices/system/memory/memory0/state:%s\n"
    b"/sys/devices/system/memory/soft_offline_page:nobody reads this\n"
    b"/proc/iomem:00001000-07ffffff : System RAM\n"
    b"/proc/iomem:000a0000-000bffff : Video RAM area\n"
    b"/proc/sys/kernel/arch:x86_64\n"
)


def test_a_series_is_kept_without_what_the_kernel_never_saw(tmp_path: Path) -> None:
    on, off = DUMPED % b"online", DUMPED % b"offline"
    done = Operation("offline 0", "EBUSY", (17,))
    keep(tmp_path, [on, on, off], [None, done])
    (kept,) = moments(tmp_path)
    assert kept.operation == done
    assert kept.before.block_counts() == {"online": 1}
    assert kept.after.block_counts() == {"offline": 1}


def test_a_kept_dump_has_no_line_that_nobody_reads(tmp_path: Path) -> None:
    dump = DUMPED % b"online"
    keep_dump(tmp_path, dump)
    kept = (tmp_path / DUMP).read_bytes()
    assert parse_capture(kept, "x") == parse_capture(dump, "x")
    assert kept.splitlines() == [dump.splitlines()[number] for number in (1, 2, 4, 6)]
