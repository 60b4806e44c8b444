"""Memory that drivers add: named, counted, and why it will not go offline."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.commands import Command
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory.checks import broken_identities
from pfnmap.engine.sysroot.capture import capture_bytes, parse_capture
from pfnmap.engine.sysroot.explain import explain
from pfnmap.engine.sysroot.parse import DriverDevice
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.tui.text.blocks import summary_lines
from tests.engine.sysroot.trees import Tree, zone
from tests.kernel.captures import Moment, kept_observations, moments
from tests.kernel.foresight import judge
from tests.kernel.series import KEPT_FOLDER

CXL = (
    "00001000-3fffffff : System RAM",
    "100000000-13fffffff : CXL Window 0",
    "  100000000-13fffffff : region0",
    "    100000000-13fffffff : dax0.0",
    "      100000000-13fffffff : System RAM (kmem)",
)


def tree_of(tmp_path: Path, *iomem: str, zones: str) -> Tree:
    tree = Tree(tmp_path / "root")
    tree.kernel("6.12.30", "x86_64")
    tree.blocks(1, 7, zones="DMA32")
    tree.blocks(32, 37, zones=zones)
    tree.blocks(38, 39, "offline", "Normal Movable")
    tree.iomem(*iomem)
    return tree


def view_of(tree: Tree) -> SysrootView:
    return SysrootView(observe(DirectoryTree(tree.root)))


@pytest.mark.parametrize(
    ("word", "put"),
    [
        ("online", "auto_online_blocks=online puts"),
        ("offline", "an online that names no zone puts"),
    ],
)
def test_why_memory_of_dax_does_not_go(word: str, put: str, tmp_path: Path) -> None:
    tree = tree_of(tmp_path, *CXL, zones="Normal")
    tree.params(auto_online_blocks=word)
    view = view_of(tree)
    row = view.block(33)
    assert row is not None
    assert row.device == "dax0.0 (kmem)"
    why = view.offline_obstacle(row)
    assert why.startswith(f"EBUSY if the kernel keeps a page there: it is in Normal, where {put}")
    assert "online_movable" in why
    boot = view.block(3)
    assert boot is not None and boot.device is None
    assert view.offline_obstacle(boot) == ""
    assert "dax0.0 (kmem): 6 of 8 blocks online, in CXL Window 0" in summary_lines(view)
    (device,) = view.state.devices.values()
    assert (device.name, device.kind, device.nr_pages) == ("dax0.0", "kmem", 8 * 32768)


def test_a_partly_plugged_block_is_not_foreseen_as_a_full_one(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path,
        "00001000-3fffffff : System RAM",
        "100000000-23fffffff : virtio0",
        "  100000000-13fffffff : System RAM (virtio_mem)",
        zones="Movable",
    )
    tree.params(memmap_on_memory="Y")
    present = 6 * 32768
    tree.zoneinfo(
        zone(
            0, "Movable", start=32 * 32768, spanned=present, present=present, managed=present - 512
        )
    )
    view = view_of(tree)
    row = view.block(37)
    assert row is not None
    assert (row.device, row.vmemmap_pages) == ("virtio0 (virtio_mem)", 0)
    assert any(
        text.startswith("virtio0: 512 pages of its blocks are not plugged")
        for text in view.assumptions
    )
    assert view.page_counts(np.array([37 * 32768, 38 * 32768]))[0, PageState.PAGE_OFFLINE] == 512
    assert "virtio0 (virtio_mem): 6 of 8 blocks online, 1022M plugged" in summary_lines(view)
    command = parse_line("offline 37")
    assert command is not None
    (outcome,) = plan(view, [command])
    assert any("managed -32256" in event.text for event in outcome.events)


# -- guests whose devices were resized and given to drivers ----------------------------------
FOLDERS = [
    KEPT_FOLDER / name
    for name in (
        "6.12-virtio-mem",
        "6.12-virtio-mem-kernel-zone",
        "6.12-virtio-mem-big-blocks",
        "6.12-kmem",
        "7.3-kmem",
    )
]
STUCK = ("6.12-virtio-mem-kernel-zone", 5)
"""The kernel keeps pages in two sub-blocks: 4M stay plugged."""


@pytest.mark.parametrize(
    ("folder", "moment"),
    [
        pytest.param(folder, moment, id=f"{folder.name}-{number}")
        for folder in FOLDERS
        for number, moment in enumerate(moments(folder), 1)
        if (folder.name, number) != STUCK
    ],
)
def test_what_was_asked_of_a_driver_was_foreseen(folder: Path, moment: Moment) -> None:
    verdict = judge(moment.before, moment.operation, moment.after)
    assert (verdict.deviations, verdict.excuse) == ((), "")
    assert broken_identities(moment.after.state) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_was_asked_of_a_driver_is_explained(folder: Path) -> None:
    views = [SysrootView(each) for each in kept_observations(folder)]
    assert [explain(*both).findings for both in pairwise(views)] == [()] * (len(views) - 1)


def kept_view(name: str, number: int) -> SysrootView:
    return SysrootView(kept_observations(KEPT_FOLDER / name)[number])


def test_a_plan_says_where_virtio_mem_may_be_stuck() -> None:
    before, after = (kept_view(STUCK[0], STUCK[1] - 1), kept_view(*STUCK))
    command = parse_line("virtio-mem virtio0 requested=0M")
    assert command is not None
    (outcome,) = plan(before, [command])
    assert any("virtio0 stays plugged in part where the kernel keeps" in n for n in outcome.notes)
    (row,) = after.driven()
    assert (row.plugged_bytes, row.requested_bytes) == (4 << 20, 0)
    assert "virtio0 (virtio_mem): 1 of 1 block online, 4M plugged of 0B requested" in summary_lines(
        after
    )
    assert explain(before, after).commands == ("virtio-mem virtio0 requested=4M",)


def test_of_an_offline_block_the_log_says_how_much_is_plugged() -> None:
    view = kept_view("6.12-virtio-mem-kernel-zone", 2)
    (row,) = view.driven()
    assert (row.online, row.blocks, row.plugged_bytes) == (2, 3, 300 << 20)


@pytest.mark.parametrize(
    "line",
    [
        "virtio_mem virtio1: requested size: 0x40000000",
        "[    2.103] virtio_mem virtio1: requested size: 0x40000000",
        "Aug 01 10:00:00 host kernel: virtio_mem virtio1: requested size: 0x40000000",
    ],
)
def test_the_log_of_a_dump_is_read(line: str) -> None:
    dump = f"/sys/devices/system/memory/block_size_bytes:8000000\n{line}\n"
    dump += "/sys/devices/system/memory/memory0/state:online\n"
    (device,) = parse_capture(dump.encode(), "dump.txt").devices
    assert (device.name, device.requested_bytes) == ("virtio1", 1 << 30)


TWO_RANGES = (
    "00001000-3fffffff : System RAM",
    "100000000-15fffffff : CXL Window 0",
    "  100000000-15fffffff : region0",
    "    100000000-10fffffff : dax0.0",
    "      100000000-10fffffff : System RAM (kmem)",
    "    120000000-12fffffff : dax0.0",
    "      120000000-12fffffff : System RAM (kmem)",
)


@pytest.mark.parametrize(
    ("kernel", "line", "left", "log"),
    [
        ("7.3.1", "echo unplugged > /sys/bus/dax/devices/dax0.0/state", [], ""),
        (
            "7.3.1",
            "kmem-del dax0.0",
            [36, 37],
            "kmem dax0.0: mapping1: 0x120000000-0x12fffffff stuck online until reboot",
        ),
        (
            "6.12.1",
            "kmem-del dax0.0",
            [36, 37],
            "kmem dax0.0: mapping1: 0x120000000-0x12fffffff cannot be hotremoved until the next "
            "reboot",
        ),
    ],
)
def test_several_ranges_of_a_dax_device(
    kernel: str, line: str, left: list[int], log: str, tmp_path: Path
) -> None:
    tree = Tree(tmp_path / "root")
    tree.kernel(kernel, "x86_64")
    tree.blocks(1, 7, zones="DMA32")
    tree.blocks(32, 33, "offline", "Movable")
    tree.blocks(36, 36, "offline", "Movable")
    tree.blocks(37, 37, zones="Movable")
    tree.iomem(*TWO_RANGES)
    tree.params(auto_online_blocks="offline", memmap_on_memory="N")
    (outcome,) = plan(view_of(tree), [command_of(line)])
    assert outcome.refusal is None
    there = [block for block in range(32, 40) if outcome.after.blocks.at(block) is not None]
    assert there == left
    logged = [each for event in outcome.events for each in event.log]
    assert not log or log in logged


def command_of(line: str) -> Command:
    command = parse_line(line)
    assert command is not None
    return command


# -- Hyper-V's balloon, standby memory of s390 ------------------------------------------------
@pytest.mark.parametrize(
    "line",
    [
        "/sys/module/hv_balloon",
        "[    3.1] hv_balloon: Using Dynamic Memory protocol version 2.0",
    ],
)
def test_hyper_v_s_balloon_is_named_where_it_matters(line: str) -> None:
    dump = f"/sys/devices/system/memory/block_size_bytes:8000000\n{line}\n"
    dump += "/proc/sys/kernel/osrelease:6.12.1\n"
    for block in (0, 33):
        dump += f"/sys/devices/system/memory/memory{block}/state:online\n"
        dump += f"/sys/devices/system/memory/memory{block}/valid_zones:Normal\n"
    observation = parse_capture(dump.encode(), "dump.txt")
    assert observation.balloons == ("hv_balloon",)
    assert parse_capture(capture_bytes(observation), "c").balloons == ("hv_balloon",)
    view = SysrootView(observation)
    assert any("Hyper-V's balloon" in note for note in view.notes)
    assert any("Hyper-V's balloon" in text for text in view.assumptions)
    row = view.block(33)
    assert row is not None
    assert view.offline_obstacle(row).startswith("EBUSY if Hyper-V's balloon holds a page there")


def test_standby_memory_of_s390_is_named_where_it_matters(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size="10000000")
    tree.kernel("6.12.30", "s390x")
    tree.blocks(0, 7, zones="Normal")
    tree.blocks(8, 9, "offline", "Normal Movable")
    view = view_of(tree)
    row = view.block(8)
    assert row is not None and row.device == "standby (sclp)"
    (outcome,) = plan(view, [command_of("online 8")])
    assert any(note.startswith("memory8: EIO if the hypervisor") for note in outcome.notes)
    assert any("SCLP" in text for text in view.assumptions)


def test_before_5_8_memory_of_kmem_is_known_by_its_place(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path,
        "00001000-3fffffff : System RAM",
        "100000000-13fffffff : Persistent Memory",
        "  100000000-13fffffff : dax0.0",
        "    100000000-13fffffff : System RAM",
        zones="Normal",
    )
    tree.kernel("5.4.0", "x86_64")
    row = view_of(tree).block(33)
    assert row is not None and row.device == "dax0.0 (kmem)"


def test_memory_of_a_driver_without_a_line_of_its_device(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path,
        "00001000-3fffffff : System RAM",
        "100000000-13fffffff : System RAM (kmem)",
        zones="Movable",
    )
    view = view_of(tree)
    assert [(row.name, row.driver, row.online, row.blocks) for row in view.driven()] == [
        ("kmem", "kmem", 6, 8)
    ]


SIZES = st.sampled_from((0, 1, 4096, 0x3000, 2 << 20, 256 << 20, 1 << 40))
SAID = st.builds(
    DriverDevice,
    st.sampled_from(("virtio0", "dax0.0")),
    st.sampled_from(("", "kmem", "none", "device_dax")),
    st.sampled_from(("", "unplugged", "online")),
    st.none() | st.booleans(),
    st.sampled_from((0, 3)),
    st.lists(st.tuples(SIZES, SIZES.map((1 << 41).__add__)), max_size=2).map(tuple),
    st.none() | SIZES,
    SIZES,
    SIZES,
)
ASKED = (
    "virtio-mem virtio0 requested=512M",
    "virtio-mem virtio0 requested=0M",
    "kmem dax0.0",
    "kmem-del dax0.0",
    "daxctl offline-memory all",
    "echo unplugged > /sys/bus/dax/devices/dax0.0/state",
)


@given(
    st.sampled_from(FOLDERS), st.integers(1, 5), st.lists(SAID, max_size=2), st.sampled_from(ASKED)
)
@settings(max_examples=25, deadline=None)
def test_whatever_a_driver_says_a_plan_answers(
    folder: Path, number: int, said: list[DriverDevice], line: str
) -> None:
    observation = replace(kept_observations(folder)[number], devices=tuple(said))
    view = SysrootView(observation)
    assert summary_lines(view) and view.assumptions
    with suppress(InputError):
        assert plan(view, [command_of(line)])
