"""The view of a real machine: every answer of the protocol, and what stays unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.view import View
from tests.engine.sysroot.trees import Tree, x86_tree, zone


def view_of(tree: Tree, page_bytes: int | None = None) -> SysrootView:
    return SysrootView(observe(DirectoryTree(tree.root)), page_bytes=page_bytes)


@pytest.fixture
def x86(tmp_path: Path) -> SysrootView:
    return view_of(x86_tree(tmp_path / "root"))


def test_it_is_a_view(x86: SysrootView) -> None:
    view: View = x86
    assert view.title.endswith("root (Linux 6.12.9-amd64)")
    assert view.profile_name == "6.12"
    assert view.geometry.arch == "x86_64"
    assert dict(view.params)["auto_movable_ratio"] == "301"
    assert x86.notes == ()
    assert view.findings == ()


def test_zones_are_those_of_zoneinfo_in_its_order(x86: SysrootView) -> None:
    assert [(z.zone.label, z.start_pfn, z.spanned) for z in x86.zones] == [
        ("DMA", 1, 4095),
        ("DMA32", 4096, 258048),
        ("Normal", 0, 0),
        ("Movable", 0x100000, 65536),
        ("Device", 0, 0),
    ]


def test_a_node_spans_its_zones(x86: SysrootView) -> None:
    (node,) = x86.nodes
    assert (node.node, node.start_pfn, node.spanned) == (0, 1, 0x110000 - 1)
    assert node.present == 3998 + 258016 + 65536
    assert node.online
    assert node.has_memory
    assert node.has_normal_memory
    assert node.has_cpu


def test_blocks_are_ranked_by_id(x86: SysrootView) -> None:
    assert x86.nr_blocks == 12
    assert x86.block_ids(7, 3).tolist() == [7, 32, 33]
    assert x86.block_ids(11, 99).tolist() == [35]
    assert [x86.rank_of(i) for i in (0, 8, 32, 36)] == [0, 8, 8, 12]
    assert x86.block(20) is None
    assert x86.block_counts() == {"online": 10, "offline": 2}
    assert x86.node_block_counts() == [(0, 10, 12)]
    assert (x86.first_pfn, x86.end_pfn) == (0, 36 * 32768)
    assert x86.extents().tolist() == [[0, 8 * 32768], [32 * 32768, 36 * 32768]]


def test_an_online_block(x86: SysrootView) -> None:
    row = x86.block(2)
    assert row is not None
    assert (row.state, row.node, row.zone, row.removable) == ("online", 0, ZoneType.DMA32, True)
    assert (row.valid_zones, row.zone_rule) == (("DMA32",), "the zone it is online in")
    assert (row.start_pfn, row.nr_pages, row.present_pages) == (2 * 32768, 32768, 32768)
    assert row.memmap == "boot"
    assert row.device is None


def test_a_block_of_several_zones_has_none(x86: SysrootView) -> None:
    row = x86.block(0)
    assert row is not None
    assert (row.zone, row.valid_zones) == (ZoneType.NONE, ("none",))
    assert row.zone_rule == "the block spans several zones or nodes"
    # Its pages are in the only zone whose span has them.
    assert x86.page(16).zone == ZoneType.DMA
    assert x86.page(0x2000).zone == ZoneType.DMA32


def test_what_removable_says_of_an_offline_block_is_not_known(x86: SysrootView) -> None:
    row = x86.block(34)
    assert row is not None
    assert (row.state, row.removable, row.zone) == ("offline", None, ZoneType.NONE)


def test_the_rule_behind_valid_zones_is_the_models(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.blocks(34, 35, "offline", "Movable Normal")
    view = view_of(tree)
    row = view.block(34)
    assert row is not None
    # Block 34 lies behind the span of Movable, so the model expects kernel memory first.
    assert row.zone_rule.startswith("the model foresees Normal Movable, because contig-zones")


def test_valid_zones_that_cannot_be_read_are_inferred(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    for number in (2, 34):
        (tree.root / f"sys/devices/system/memory/memory{number}/valid_zones").unlink()
    view = view_of(tree)
    online, offline = view.block(2), view.block(34)
    assert online is not None
    assert offline is not None
    assert (online.zone, online.valid_zones) == (ZoneType.DMA32, ())
    assert online.zone_rule == "inferred: no other zone's span covers the block"
    assert offline.valid_zones == ()
    assert offline.zone_rule.startswith("inferred: Normal Movable, because")


# -- pages ----------------------------------------------------------------------------------
def test_pages_of_an_online_block_are_online_and_no_more_is_claimed(x86: SysrootView) -> None:
    edges = np.array([2, 3, 8, 32, 33, 35, 36], np.int64) * 32768
    counts = x86.page_counts(edges)
    assert counts.sum(axis=1).tolist() == np.diff(edges).tolist()
    assert counts[0, PageState.ONLINE] == 32768
    assert counts[2, PageState.HOLE] == 24 * 32768
    assert counts[3, PageState.VMEMMAP] == 512
    assert counts[3, PageState.ONLINE] == 32768 - 512
    assert counts[5, PageState.OFFLINE] == 32768
    row = x86.page(3 * 32768 + 7)
    assert (row.state, row.memmap_pfn, row.refcount) == (PageState.ONLINE, None, None)


def test_the_kernel_image_is_reserved_and_holes_of_iomem_are_holes(x86: SysrootView) -> None:
    counts = x86.page_counts(np.array([0, 32768, 7 * 32768, 8 * 32768], np.int64))
    image = (0x2200FFF + 1 - 0x1000000) // 4096 + (0x2E08FFF + 1 - 0x2400000) // 4096
    assert counts[0, PageState.RESERVED] == image
    assert counts[0, PageState.HOLE] == 1 + (0x100 - 0x9F)
    assert counts[2, PageState.HOLE] == 32
    row = x86.block(7)
    assert row is not None
    assert row.present_pages == 32768 - 32
    assert x86.page(0x1000).state == PageState.RESERVED
    assert x86.page(0).state == PageState.HOLE


def test_struct_pages_inside_a_block_are_inferred_and_say_so(x86: SysrootView) -> None:
    start = 33 * 32768
    head, last, user = x86.page(start), x86.page(start + 511), x86.page(start + 5000)
    assert (head.state, head.memmap_pfn) == (PageState.VMEMMAP, start)
    assert head.dependents == ((start, 64),)
    assert last.dependents == ((start + 511 * 64, 64),)
    assert (user.state, user.memmap_pfn, user.dependents) == (
        PageState.ONLINE,
        start + 5000 // 64,
        (),
    )
    assert "inferred" in user.note


def test_a_pfn_outside_all_blocks_is_a_hole(x86: SysrootView) -> None:
    row = x86.page(20 * 32768)
    assert (row.state, row.block, row.node, row.zone) == (PageState.HOLE, None, None, ZoneType.NONE)


def test_blocks_under_way_are_isolated(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.block(33, "going-offline", "Movable")
    view = view_of(tree)
    assert view.page(33 * 32768 + 5000).state == PageState.ISOLATED
    assert view.block_counts()["going-offline"] == 1


def test_persistent_memory_is_device_memory(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    text = (tree.root / "proc/zoneinfo").read_text()
    tree.write(
        "proc/zoneinfo", text.replace(zone(0, "Device", 0, 0, 0), zone(0, "Device", 0, 65536, 0))
    )
    iomem = (tree.root / "proc/iomem").read_text().splitlines()
    tree.iomem(*iomem, "140000000-14fffffff : Persistent Memory", "  140000000-14fffffff : dax0.0")
    view = view_of(tree)
    assert view.extents().tolist()[-1] == [0x140000, 0x150000]
    row = view.page(0x148000)
    assert (row.state, row.zone) == (PageState.DEVICE, ZoneType.DEVICE)
    device = next(z for z in view.zones if z.zone == ZoneType.DEVICE)
    assert (device.start_pfn, device.spanned) == (0x140000, 65536)
    # dax/kmem makes System RAM of it, another region lies above: the span is where it was.
    ram = ["    140000000-14fffffff : System RAM (kmem)", "180000000-18fffffff : Persistent Memory"]
    lines = ["140000000-14fffffff : Persistent Memory", "  140000000-14fffffff : dax0.0", *ram]
    tree.iomem(*iomem, *lines)
    device = next(z for z in view_of(tree).zones if z.zone == ZoneType.DEVICE)
    assert (device.start_pfn, device.spanned) == (0x140000, 65536)


# -- other machines ---------------------------------------------------------------------------
def test_s390_with_two_zones_in_an_online_block(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size="10000000")
    tree.blocks(0, 6, zones="DMA")
    tree.block(7, zones="DMA Normal", phys_device="7")
    tree.blocks(8, 16, zones="Normal")
    tree.block(17, zones="Normal Movable", removable="0")
    tree.block(18, "offline", "Movable Normal", phys_device="18")
    view = view_of(tree)
    assert view.geometry.arch == "s390x"
    assert view.geometry.block_pages == 65536
    seven, seventeen = view.block(7), view.block(17)
    assert seven is not None
    assert seventeen is not None
    assert (seven.zone, seven.valid_zones) == (ZoneType.DMA, ("DMA", "Normal"))
    assert "before 4.13" in seven.zone_rule
    assert (seventeen.zone, seventeen.removable) == (ZoneType.NORMAL, False)


def test_arm64_with_16k_pages_whose_first_block_is_8192(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.kernel("6.6.0-asahi-16k", "aarch64")
    tree.blocks(8192, 8199)
    view = view_of(tree)
    assert view.geometry.arch == "arm64-16k"
    assert view.geometry.block_pages == 8192
    assert view.first_pfn == 8192 * 8192
    assert view.rank_of(8192) == 0
    assert any("page size 16384 inferred" in note for note in view.notes)
    assert view.block_ids(0, 1).tolist() == [8192]


def test_a_node_without_memory_is_a_node(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.node(1)
    tree.masks(online="0-1", has_cpu="0-1")
    node = view_of(tree).nodes[1]
    assert (node.node, node.present, node.spanned, node.has_memory) == (1, 0, 0, False)
    assert node.online
    assert node.has_cpu


def test_a_block_on_two_nodes_has_no_single_one(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0, node=0)
    tree.block(0, node=1)
    view = view_of(tree)
    row = view.block(0)
    assert row is not None
    assert row.node is None
    assert [node.node for node in view.nodes] == [0, 1]


def test_without_zoneinfo_zones_are_what_the_blocks_imply(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 3, zones="DMA32")
    tree.blocks(6, 7, zones="Normal")
    view = view_of(tree)
    assert [(z.zone.label, z.start_pfn, z.spanned, z.present) for z in view.zones] == [
        ("DMA32", 0, 4 * 32768, 4 * 32768),
        ("Normal", 6 * 32768, 2 * 32768, 2 * 32768),
    ]
    assert any("zones are inferred" in note for note in view.notes)
    assert [f.code for f in view.findings] == ["not-known"] * len(view.notes)


def test_zones_this_program_does_not_know_are_noted(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.zoneinfo(zone(0, "HighMem", 5, 6, 6))
    view = view_of(tree)
    assert view.zones == ()
    assert "zone HighMem is not one that this program knows" in view.notes


def test_a_tree_without_blocks_has_an_empty_view(tmp_path: Path) -> None:
    view = view_of(Tree(tmp_path / "root"))
    assert (view.nr_blocks, view.first_pfn, view.end_pfn) == (0, 0, 0)
    assert view.extents().shape == (0, 2)
    assert view.page_counts(np.array([0, 10], np.int64))[0, PageState.HOLE] == 10
    assert view.page(3).state == PageState.HOLE
    assert list(view.block_runs()) == []
    assert view.block_counts() == {}


def test_runs_of_like_blocks_cover_every_block_once(x86: SysrootView) -> None:
    runs = list(x86.block_runs())
    ids = [number for first, last in runs for number in range(first, last + 1)]
    assert ids == x86.block_ids(0, 99).tolist()
    assert (32, 33) in runs
    assert (34, 35) in runs
