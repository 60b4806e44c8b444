"""What is inferred: hot-added or boot memory, and where struct pages live."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.sysroot.inference import block_memmap_pages
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from tests.engine.sysroot.trees import Tree, x86_tree, zone


def view_of(tree: Tree) -> SysrootView:
    return SysrootView(observe(DirectoryTree(tree.root)))


def memmap(view: SysrootView, block: int) -> tuple[str, int | None]:
    row = view.block(block)
    assert row is not None
    return row.memmap, row.vmemmap_pages


def hot(view: SysrootView, block: int) -> int:
    return int(view.inferred.hot[view.rank_of(block)])


def test_a_system_ram_line_that_touches_another_was_hot_added(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    (tree.root / "proc/zoneinfo").unlink()
    view = view_of(tree)
    assert hot(view, 1) == 0
    assert hot(view, 32) == -1
    assert hot(view, 34) == 1


@pytest.mark.parametrize("name", ["System RAM (kmem)", "System RAM (virtio_mem)"])
def test_a_line_with_a_drivers_name_was_hot_added(tmp_path: Path, name: str) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.iomem("00100000-3fffffff : System RAM", f"100000000-11fffffff : {name}")
    view = view_of(tree)
    assert [hot(view, block) for block in (32, 35)] == [1, 1]


def test_memory_in_the_zones_of_devices_was_there_at_boot(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    (tree.root / "proc/iomem").unlink()
    (tree.root / "proc/zoneinfo").unlink()
    view = view_of(tree)
    assert hot(view, 3) == 0
    assert hot(view, 34) == -1


def test_present_without_managed_in_movable_is_memmap_on_memory(tmp_path: Path) -> None:
    view = view_of(x86_tree(tmp_path / "root"))
    assert memmap(view, 32) == ("on_memory (inferred)", 512)
    assert memmap(view, 34) == ("unknown", None)


def test_movable_that_is_all_managed_has_its_struct_pages_elsewhere(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.zoneinfo(zone(0, "Movable", 0x100000, 65536, 65536))
    assert memmap(view_of(tree), 32) == ("ram (inferred)", 0)


def test_a_sum_that_fits_neither_is_not_known(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.zoneinfo(zone(0, "Movable", 0x100000, 65536, 65536, 65536 - 512))
    assert memmap(view_of(tree), 32) == ("unknown", None)


def test_the_parameter_off_settles_it_for_every_block(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root", memmap_on_memory="N")
    (tree.root / "proc/zoneinfo").unlink()
    view = view_of(tree)
    assert memmap(view, 32) == ("not in the block (inferred)", 0)
    assert memmap(view, 34) == ("ram (inferred)", 0)


def test_without_the_parameter_nothing_is_claimed(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    (tree.root / "sys/module/memory_hotplug/parameters/memmap_on_memory").unlink()
    assert memmap(view_of(tree), 32) == ("unknown", None)


def test_boot_memory_has_its_struct_pages_from_boot(tmp_path: Path) -> None:
    view = view_of(x86_tree(tmp_path / "root"))
    assert memmap(view, 0) == ("boot (inferred)", 0)
    assert memmap(view, 1) == ("boot", 0)


def test_force_rounds_up_to_whole_pageblocks(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.kernel("6.12.0-64k", "aarch64")
    tree.block(0)
    geometry = view_of(tree).geometry
    # Blocks of 128 MiB are far below the 512 MiB of a pageblock: 2 pages become 8192.
    assert block_memmap_pages(geometry, "Y") == 2
    assert block_memmap_pages(geometry, "force") == 8192


def test_an_address_beyond_what_a_machine_has_is_harmless(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.iomem(f"00100000-{(1 << 64) - 1:x} : System RAM", "fffffffffffff000-fffffffffffff001 : x")
    view = view_of(tree)
    assert view.nr_blocks == 12
    assert view.state.blocks.nr_keys == 12
