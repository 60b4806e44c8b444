"""From a real machine to a simulated one: the same, and what had to be assumed is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.kinds import BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.checks import broken_identities
from pfnmap.engine.memory.state import State
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.sysroot.what_if import state_of
from tests.engine.sysroot.trees import Tree, x86_tree


def view_of(tree: Tree) -> SysrootView:
    return SysrootView(observe(DirectoryTree(tree.root)))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def row(state: State, block: int, field: str) -> int:
    return int(state.blocks.row_at(block)[field])


def test_the_simulated_machine_shows_what_the_real_one_shows(tree: Tree) -> None:
    real = view_of(tree)
    simulated = ModelView(real.state)
    assert simulated.zones[: len(real.zones)] == real.zones
    assert simulated.block_counts() == real.block_counts()
    for block in real.block_ids(0, 99).tolist():
        one, other = real.block(block), simulated.block(block)
        assert one is not None
        assert other is not None
        assert (one.state, one.node, one.zone) == (other.state, other.node, other.zone)
        assert one.valid_zones == other.valid_zones
        assert one.present_pages == other.present_pages
    assert [(p.name, p.start, p.end) for p in simulated.resources] == [
        (p.name, p.start, p.end) for p in real.resources
    ]
    assert set(real.params) <= set(simulated.params)
    assert simulated.title == f"what if: {real.title}"
    assert real.state.recorded
    assert broken_identities(real.state) == []


def test_the_kernel_image_cannot_move(tree: Tree) -> None:
    taken = view_of(tree).state.taken
    found = taken.at(0x1000)
    assert found is not None
    assert found["kind"] == PageState.RESERVED
    assert taken.at(0x100000) is None


def test_memory_added_together_is_one_device(tree: Tree) -> None:
    state = view_of(tree).state
    names = {device.name: device for device in state.devices.values()}
    assert sorted(device.start_pfn for device in names.values()) == [0x100000, 0x110000]
    assert all(device.group_pages == 65536 for device in names.values())
    assert [row(state, block, "early") for block in (7, 32, 34)] == [1, 0, 0]


def test_struct_pages_inside_blocks_are_kept_and_guessed_from_neighbours(tree: Tree) -> None:
    state = view_of(tree).state
    assert [row(state, block, "vmemmap") for block in (1, 32, 33, 34)] == [0, 512, 512, 512]
    assert row(state, 32, "memmap") == MemmapKind.PER_BLOCK
    assert row(state, 1, "memmap") == MemmapKind.BOOT


def test_before_6_8_an_add_of_several_blocks_keeps_its_memmap_elsewhere(tree: Tree) -> None:
    tree.kernel("6.1.0-18-amd64", "x86_64")
    assert row(view_of(tree).state, 34, "vmemmap") == 0


def test_memory_of_unknown_origin_can_be_taken_either_way(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.kernel("6.12.0", "x86_64")
    tree.blocks(32, 33)
    tree.iomem("100000000-10fffffff : System RAM")
    view = view_of(tree)
    assert row(view.state, 32, "early") == 1
    assert row(state_of(view, added_later=True), 32, "early") == 0


def test_an_offline_under_way_holds_the_hotplug_lock(tree: Tree) -> None:
    tree.block(33, "going-offline", "Movable")
    view = view_of(tree)
    assert row(view.state, 33, "state") == BlockState.GOING_OFFLINE
    assert any("memory33 goes on and holds the hotplug lock" in text for text in view.assumptions)
    outcome = Machine(view.state).run("offline 33")
    assert (outcome.errno, outcome.refusal and outcome.refusal.block) == ("EINTR", 33)


def test_a_block_under_way_is_in_the_zone_that_spans_it_not_the_first_it_could_go_to(
    tree: Tree,
) -> None:
    tree.block(33, "going-offline", "Normal Movable")
    seen = view_of(tree).block(33)
    assert seen is not None and seen.zone is ZoneType.MOVABLE and "span" in seen.zone_rule


def test_removable_0_since_5_8_is_a_kernel_that_removes_nothing(tree: Tree) -> None:
    for block in (*range(8), *range(32, 36)):
        tree.write(f"sys/devices/system/memory/memory{block}/removable", "0\n")
    outcome = Machine(view_of(tree).state).run("offline 33")
    assert outcome.refusal is not None and "CONFIG_MEMORY_HOTREMOVE" in outcome.refusal.rule
    assert outcome.errno == "EINVAL"


def test_every_assumption_is_said(tmp_path: Path, tree: Tree) -> None:
    said = " / ".join(view_of(tree).assumptions)
    assert "none are assumed but the kernel image" in said
    assert "huge pages exist, but where they are is not known" in said
    bare = Tree(tmp_path / "bare")
    bare.block(0)
    said = " / ".join(view_of(bare).assumptions)
    assert "iomem cannot be read" in said
    assert "usual values are assumed for memmap_on_memory, online_policy" in said


def test_a_machine_without_zoneinfo_or_iomem_can_be_simulated(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 3, zones="DMA32")
    tree.blocks(4, 5, "offline", "Normal Movable")
    state = view_of(tree).state
    assert state.zone(0, ZoneType.DMA32).spanned == 4 * 32768
    assert [(r.start, r.end) for r in state.resources] == [(0, 6 * (128 << 20) - 1)]
    assert broken_identities(state) == []


def test_s390_can_be_simulated(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size="10000000")
    tree.kernel("3.10.0-s390x")
    tree.blocks(0, 6, zones="DMA")
    tree.block(7, zones="DMA Normal", phys_device="7")
    tree.blocks(8, 9)
    tree.block(10, zones="none")
    state = view_of(tree).state
    assert row(state, 7, "zone") == ZoneType.DMA
    assert state.blocks.nr_keys == 11
    # DMA ends at 2 GiB there.
    assert ModelView(state).page(10 * 65536).zone == ZoneType.NORMAL


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("6.18.1", "all of it is offline blocks from boot on"),
        ("6.19.0", "a block of it is added when /sys/firmware/memory/memoryN/config says 1"),
    ],
)
def test_standby_memory_of_s390_is_named(tmp_path: Path, release: str, words: str) -> None:
    tree = Tree(tmp_path / "root", block_size="10000000")
    tree.kernel(f"{release}-s390x")
    tree.blocks(0, 6, zones="DMA")
    assert f"standby memory is not modelled: {words}" in view_of(tree).assumptions


def test_a_machine_without_blocks_is_an_empty_one(tmp_path: Path) -> None:
    state = view_of(Tree(tmp_path / "root")).state
    assert state.blocks.nr_keys == 0
