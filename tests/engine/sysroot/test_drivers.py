"""Memory that drivers add: named, counted, and why it will not go offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.language import parse_line
from pfnmap.engine.sysroot.files import DirectoryTree
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.tui.text.blocks import summary_lines
from tests.engine.sysroot.trees import Tree, zone

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
    assert "dax0.0 (kmem): 6 of 8 blocks online" in summary_lines(view)
    assert any("dax0.0 (kmem) add and remove" in text for text in view.assumptions)


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
    assert any(text.startswith("512 pages of virtio-mem are not") for text in view.assumptions)
    command = parse_line("offline 37")
    assert command is not None
    (outcome,) = plan(view, [command])
    assert any("managed -32256" in event.text for event in outcome.events)
