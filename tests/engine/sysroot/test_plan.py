"""Plans: what a real kernel would answer, and what could make it answer otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.operations.offline import offline_obstacle
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.sysroot.page_kinds import bit
from pfnmap.engine.sysroot.plan import looked_at, plan
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from tests.engine.sysroot.trees import dimm_tree, x86_tree


@pytest.fixture
def view(tmp_path: Path) -> SysrootView:
    return SysrootView(observe(DirectoryTree(x86_tree(tmp_path / "root").root)))


def planned(view: SysrootView, *lines: str) -> list[Outcome]:
    commands = [parse_line(line) for line in lines]
    return plan(view, [command for command in commands if command is not None])


def test_each_command_follows_those_before_it(view: SysrootView) -> None:
    outcomes = planned(view, "online 34", "offline 34", "offline 34")
    assert [outcome.errno for outcome in outcomes] == [None, None, "EINVAL"]
    assert outcomes[1].before is outcomes[0].after
    assert view.block_counts() == {"online": 10, "offline": 2}


def test_a_refusal_does_not_end_the_plan(view: SysrootView) -> None:
    outcomes = planned(view, "offline 0", "offline 33")
    assert [outcome.errno for outcome in outcomes] == ["EINVAL", None]
    assert outcomes[0].refusal is not None
    assert "several zones" in outcomes[0].refusal.rule


def test_offlining_kernel_memory_says_that_it_may_still_be_busy(view: SysrootView) -> None:
    (outcome,) = planned(view, "offline 2-3")
    assert outcome.ok
    assert outcome.notes == (
        "2 blocks in DMA32: EBUSY if the kernel keeps a page there, which no file shows but "
        "/proc/kpageflags, to root",
    )


def test_as_root_a_plan_looks_at_the_pages_that_would_have_to_move(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    pages = np.full(4 * 32768, bit("LRU"), "<u8")
    pages[3 * 32768 + 5 : 3 * 32768 + 9] = bit("SLAB")
    tree.write("proc/kpageflags", pages.tobytes())
    files = DirectoryTree(tree.root)
    view = SysrootView(observe(files))
    lines = ("online 34", "offline 1-2", "offline 3")
    blind = planned(view, *lines)
    assert [outcome.errno for outcome in blind] == [None, None, None]
    seen = planned(looked_at(files, view, blind), *lines)
    assert [outcome.errno for outcome in seen] == [None, None, "EBUSY"]
    assert seen[1].notes == (
        "2 blocks in DMA32: EBUSY if the kernel keeps a page there, but of 65536 pages read none "
        "is known to be one",
    )
    assert seen[2].refusal is not None
    assert seen[2].refusal.pfn == 3 * 32768 + 5
    assert looked_at(files, view, planned(view, "online 34")) is view


def test_offlining_movable_memory_is_nearly_sure(view: SysrootView) -> None:
    (outcome,) = planned(view, "offline 33")
    assert any("going-offline until a signal comes" in note for note in outcome.notes)


def test_a_write_to_online_may_bring_back_a_type_that_no_file_shows(view: SysrootView) -> None:
    (outcome,) = planned(view, "echo 1 > /sys/devices/system/memory/memory34/online")
    assert any(
        note.startswith("memory34: another zone if an earlier write to its state was refused")
        for note in outcome.notes
    )
    (named,) = planned(view, "echo online > /sys/devices/system/memory/memory34/state")
    assert named.notes == ()
    (nothing,) = planned(view, "echo 1 > /sys/devices/system/memory/memory33/online")
    assert nothing.notes == ()


def test_an_eject_says_where_blocks_may_go_if_it_fails(view: SysrootView) -> None:
    (device,) = (d.name for d in view.state.devices.values() if d.start_pfn == 0x100000)
    (outcome,) = planned(view, f"remove {device}")
    assert outcome.notes[-1].startswith("should the eject fail, the other blocks come online again")
    (offline,) = planned(view, "remove 34-35")
    assert offline.notes == ()


def test_what_stays_where_it_is_has_no_doubts(view: SysrootView) -> None:
    assert planned(view, "set online_policy=auto-movable", "offline 34")[1].notes == ()


def test_a_device_is_removed_by_its_made_up_name(view: SysrootView) -> None:
    name = next(iter(sorted(d.name for d in view.state.devices.values() if d.start_pfn > 0x100000)))
    (outcome,) = planned(view, f"remove {name}")
    assert outcome.ok
    assert outcome.after.blocks.at(34) is None


def test_a_block_that_is_not_there_is_the_kernels_refusal(view: SysrootView) -> None:
    (outcome,) = planned(view, "offline 4000")
    assert outcome.errno == "ENOENT"


def test_a_device_that_is_not_there_is_an_error(view: SysrootView) -> None:
    with pytest.raises(InputError, match="there is no device of that name"):
        planned(view, "remove dimm7")


# -- obstacles --------------------------------------------------------------------------------
def obstacle(view: SysrootView, block: int) -> str:
    row = view.block(block)
    assert row is not None
    return offline_obstacle(view.state, row)


def test_why_a_block_cannot_be_offlined(view: SysrootView) -> None:
    assert "several zones or nodes" in obstacle(view, 0)
    assert obstacle(view, 7).startswith("EINVAL: memory holes: 32 pages")
    assert obstacle(view, 34) == "EINVAL: offline already"
    assert obstacle(view, 33) == ""


def test_the_kernel_image_and_an_old_removable_are_obstacles(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.iomem("00000000-3fffffff : System RAM", "  08000000-08ffffff : Kernel code")
    tree.block(2, zones="DMA32", removable="0")
    tree.kernel("5.4.0-99-generic")
    view = SysrootView(observe(DirectoryTree(tree.root)))
    assert obstacle(view, 1).startswith("EBUSY: failure to isolate range")
    assert obstacle(view, 2).startswith("EBUSY: removable is 0")
    tree.block(3, "going-offline", "DMA32")
    view = SysrootView(observe(DirectoryTree(tree.root)))
    assert obstacle(view, 3) == "EINTR: its state is going-offline, until a signal comes"
    assert obstacle(view, 4).startswith("EINTR: waits until a signal comes")


@pytest.mark.parametrize("line", ["offline 33", "online 33", "online 34", "remove 33"])
def test_behind_a_block_that_is_going_offline_everything_waits(line: str, tmp_path: Path) -> None:
    tree = dimm_tree(tmp_path / "root")
    tree.block(33, "going-offline", "Movable")
    command = parse_line(line)
    assert command is not None
    (outcome,) = plan(SysrootView(observe(DirectoryTree(tree.root))), [command])
    assert outcome.errno == "EINTR"
    assert outcome.refusal is not None
    assert "the offline of memory block 33 goes on" in outcome.refusal.rule
