"""Trees in the layout that ``lsmem --sysroot`` takes: little is in them, and less is certain.

Each tree shows a trait of dumps of real machines: nothing but the memory directory, dangling
links to nodes, old kernels, memory that begins far above 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory.checks import broken_identities
from pfnmap.engine.profile import NEWEST
from pfnmap.engine.sysroot.kernel import rules_of
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from tests.engine.sysroot.trees import Tree


def view_of(tree: Tree) -> SysrootView:
    return SysrootView(observe(DirectoryTree(tree.root)))


def arm64(root: Path) -> Tree:
    """arm64: memory from 1 TiB on, all in DMA, a gap of two blocks before the last."""
    tree = Tree(root)
    tree.blocks(8192, 8199, zones="DMA")
    tree.block(8202, zones="DMA")
    return tree


def s390(root: Path) -> Tree:
    """s390x before 4.13: online blocks in two zones, an offline one inside Normal."""
    tree = Tree(root, block_size="10000000")
    for number, (state, zones, removable) in enumerate(
        [
            ("online", "DMA", "1"),
            ("online", "DMA Normal", "0"),
            ("online", "Normal", "1"),
            ("offline", "Normal", "1"),
            ("online", "Normal Movable", "0"),
            ("online", "Movable Normal", "1"),
            ("offline", "Movable", "1"),
        ],
        6,
    ):
        tree.block(number, state, zones, removable=removable, phys_device=str(number))
    return tree


def x86(root: Path) -> Tree:
    """x86_64 between 4.13 and 5.8: removable tells blocks apart, zones end inside blocks."""
    tree = Tree(root)
    tree.block(0, zones="none", removable="0")
    tree.blocks(1, 6, zones="DMA32")
    tree.block(7, zones="DMA32", removable="0")
    tree.blocks(32, 34, zones="Normal")
    tree.block(35, zones="none", removable="0")
    return tree


def bare(root: Path) -> Tree:
    """A kernel before valid_zones and auto_online_blocks; no node, no device."""
    tree = Tree(root)
    for number in range(4):
        tree.block(number, zones=None, node=None, removable="1", phys_device=None)
    return tree


@pytest.mark.parametrize("make", [arm64, s390, x86, bare])
def test_every_dump_can_be_shown_simulated_and_planned_on(make: type[Tree], tmp_path: Path) -> None:
    view = view_of(make(tmp_path / "root"))
    assert sum(view.block_counts().values()) == view.nr_blocks
    assert broken_identities(view.state) == []
    first, last = view.block_ids(1, 1)[0], view.block_ids(view.nr_blocks - 1, 1)[0]
    for words in (f"offline {first}", f"online {first}", f"offline {last}"):
        command = parse_line(words)
        assert command is not None
        assert len(plan(view, [command])) == 1


def test_what_is_missing_is_one_note_and_says_nothing_twice(tmp_path: Path) -> None:
    notes = view_of(arm64(tmp_path / "root")).observation.notes
    assert notes == (
        "not there: proc/sys/kernel/osrelease, proc/{zoneinfo,iomem}, "
        "sys/module/memory_hotplug/parameters/{memmap_on_memory,online_policy,"
        "auto_movable_ratio,auto_movable_numa_aware}, "
        "sys/devices/system/memory/auto_online_blocks, sys/devices/system/node, "
        "sys/kernel/mm/hugepages",
    )


# -- which machine ---------------------------------------------------------------------------
def test_memory_in_dma_that_begins_above_0_is_arm64(tmp_path: Path) -> None:
    view = view_of(arm64(tmp_path / "root"))
    assert view.geometry.arch == "arm64-4k"
    assert not any("architecture is not known" in note for note in view.notes)


def test_blocks_in_dma_from_0_on_are_another_machine_than_x86_64(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 3, zones="DMA")
    view = view_of(tree)
    assert view.geometry.arch == "unknown"
    assert any("section sizes of x86_64 are assumed" in note for note in view.notes)


def test_a_first_block_that_lists_dma_may_be_x86_64(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0, zones="DMA")
    tree.blocks(1, 3, zones="DMA32")
    assert view_of(tree).geometry.arch == "x86_64"


# -- which kernel ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "profile", "words"),
    [
        (s390, "4.12", "online blocks list several zones, as up to 4.12"),
        (x86, "5.7", "removable is 0 and 1, as up to 5.7"),
        (arm64, NEWEST, f"the rules of {NEWEST} are assumed"),
    ],
)
def test_the_age_of_the_kernel_shows(
    make: type[Tree], profile: str, words: str, tmp_path: Path
) -> None:
    observation = observe(DirectoryTree(make(tmp_path / "root").root))
    name, note = rules_of(observation)
    assert name == profile
    assert words in note


def test_the_release_outranks_what_shows(tmp_path: Path) -> None:
    tree = s390(tmp_path / "root")
    tree.kernel("6.1.0-9-s390x")
    view = view_of(tree)
    assert view.profile_name == "6.1"
    assert not any("kernel is not known" in note for note in view.notes)


def test_an_offline_block_may_list_several_zones_on_any_kernel(tmp_path: Path) -> None:
    tree = arm64(tmp_path / "root")
    tree.block(8203, "offline", "Normal Movable")
    assert view_of(tree).profile_name == NEWEST


def test_before_4_13_an_offline_block_is_in_the_zone_it_lists_first(tmp_path: Path) -> None:
    view = view_of(s390(tmp_path / "root"))
    zones = {row.zone: row for row in view.zones}
    normal, movable = zones[ZoneType.NORMAL], zones[ZoneType.MOVABLE]
    assert (normal.spanned, normal.present) == (3 * 65536, 2 * 65536)
    assert (movable.spanned, movable.present) == (2 * 65536, 65536)
    inside = view.block(9)
    assert inside is not None
    assert inside.zone_rule == "it is in a zone since hot-add, and may shift at that zone's edges"


def test_a_kernel_without_memmap_on_memory_keeps_no_struct_pages_in_blocks(tmp_path: Path) -> None:
    view = view_of(x86(tmp_path / "root"))
    row = view.block(33)
    assert row is not None
    assert row.vmemmap_pages == 0
    said = " / ".join(view.assumptions)
    assert "where struct pages are is not known" not in said
    assert "memmap_on_memory" not in said
    assert "online_policy" not in said


# -- what a plan makes of it -----------------------------------------------------------------
def test_a_plan_refuses_what_removable_0_speaks_against(tmp_path: Path) -> None:
    view = view_of(x86(tmp_path / "root"))
    command = parse_line("offline 6-7")
    assert command is not None
    (outcome,) = plan(view, [command])
    assert outcome.refusal is not None
    assert (outcome.errno, outcome.refusal.block) == ("EBUSY", 7)
    assert outcome.refusal.rule.startswith("removable is 0")


# -- words of old and new kernels ------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "words", "zone"),
    [
        ("none", ("none",), ZoneType.NONE),
        ("Normal", ("Normal",), ZoneType.NORMAL),
        ("Normal Movable", ("Normal", "Movable"), ZoneType.NORMAL),
        ("DMA Normal Movable", ("DMA", "Normal", "Movable"), ZoneType.DMA),
        ("", (), ZoneType.NONE),
        ("HighMem", ("HighMem",), ZoneType.NONE),
    ],
)
def test_zone_lists_are_kept_as_they_are(
    text: str, words: tuple[str, ...], zone: ZoneType, tmp_path: Path
) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(40, zones=text)
    row = view_of(tree).block(40)
    assert row is not None
    assert (row.valid_zones, row.zone) == (words, zone)


@pytest.mark.parametrize(("text", "mib"), [("8000000", 128), ("10000000", 256), ("1000000", 16)])
def test_the_block_size_is_hexadecimal_without_0x(text: str, mib: int, tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size=text)
    tree.blocks(0, 1)
    assert view_of(tree).geometry.block_bytes == mib << 20
