"""Which memory was there at boot, as zones tell it where the lines of iomem do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from tests.engine.sysroot.trees import Tree, zone

GIB_PFN = 1 << 18
LOW = ("00001000-0009fbff : System RAM", "00100000-bffdffff : System RAM")


def hot(tree: Tree) -> list[int]:
    """1 hot-added, 0 boot memory, -1 not known: of blocks 32 to 35, from 4 GiB on."""
    view = SysrootView(observe(DirectoryTree(tree.root)))
    return [int(view.inferred.hot[view.rank_of(block)]) for block in range(32, 36)]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """RAM below 3 GiB, and 512 MiB in Normal at 4 GiB that may be boot memory or not."""
    tree = Tree(tmp_path / "root")
    tree.kernel("6.12.9-amd64", "x86_64")
    tree.blocks(1, 7, zones="DMA32")
    tree.blocks(32, 35, zones="Normal")
    tree.iomem(*LOW, "100000000-11fffffff : System RAM")
    return tree


def dma32(end_pfn: int, node: int = 0) -> str:
    return zone(node, "DMA32", 4096, end_pfn - 4096, 3 * GIB_PFN - 4096, 3 * GIB_PFN - 20480)


def normal(managed: int, node: int = 0) -> str:
    return zone(node, "Normal", 4 * GIB_PFN, 4 * 32768, 4 * 32768, managed)


PARTLY_MANAGED = 4 * 32768 - 4711


def test_a_dma32_that_ends_below_4_gib_had_no_boot_memory_behind_it(tree: Tree) -> None:
    tree.zoneinfo(dma32(3 * GIB_PFN), normal(PARTLY_MANAGED))
    assert hot(tree) == [1, 1, 1, 1]


def test_a_dma32_up_to_4_gib_had_the_line_that_begins_there(tree: Tree) -> None:
    tree.zoneinfo(dma32(4 * GIB_PFN), normal(PARTLY_MANAGED))
    assert hot(tree) == [0, 0, 0, 0]


def test_an_offline_block_of_that_line_is_boot_memory_too(tree: Tree) -> None:
    tree.block(33, "offline", "Normal Movable")
    tree.zoneinfo(dma32(4 * GIB_PFN), normal(PARTLY_MANAGED))
    assert hot(tree) == [0, 0, 0, 0]


def test_a_line_further_on_may_be_either(tree: Tree) -> None:
    tree.iomem(*LOW, "100000000-107ffffff : System RAM", "110000000-11fffffff : System RAM")
    tree.remove_block(33)
    tree.zoneinfo(dma32(4 * GIB_PFN), normal(PARTLY_MANAGED))
    view = SysrootView(observe(DirectoryTree(tree.root)))
    assert view.inferred.hot.tolist()[-3:] == [0, -1, -1]


def test_a_node_tells_of_its_own_blocks_only(tree: Tree) -> None:
    for block in (34, 35):
        tree.block(block, zones="Normal", node=None)
        (tree.root / f"sys/devices/system/memory/memory{block}/node0").unlink()
        tree.block(block, zones="Normal", node=1)
    tree.zoneinfo(dma32(3 * GIB_PFN), normal(PARTLY_MANAGED, node=1))
    assert hot(tree) == [1, 1, -1, -1]


def test_normal_that_is_managed_whole_holds_no_boot_memory(tree: Tree) -> None:
    tree.zoneinfo(normal(4 * 32768))
    assert hot(tree) == [1, 1, 1, 1]


@pytest.mark.parametrize(("policy", "expected"), [("Y", 1), ("N", -1)])
def test_normal_that_lacks_the_struct_pages_of_its_blocks_alone_was_hot_added(
    tree: Tree, policy: str, expected: int
) -> None:
    tree.params(memmap_on_memory=policy)
    tree.zoneinfo(normal(4 * 32768 - 4 * 512))
    assert hot(tree) == [expected] * 4


def test_movable_that_is_managed_whole_may_be_boot_memory_that_came_back(tree: Tree) -> None:
    tree.blocks(32, 35, zones="Movable")
    tree.zoneinfo(zone(0, "Movable", 4 * GIB_PFN, 4 * 32768, 4 * 32768))
    assert hot(tree) == [-1, -1, -1, -1]


def test_other_architectures_divide_boot_memory_elsewhere(tree: Tree) -> None:
    tree.kernel("6.12.9-arm64", "aarch64")
    tree.zoneinfo(dma32(3 * GIB_PFN), normal(PARTLY_MANAGED))
    assert hot(tree) == [-1, -1, -1, -1]
