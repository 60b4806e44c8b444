"""Of blocks that are alike one is looked at, and the answer is that of every one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.kinds import BlockState
from pfnmap.engine.memory.alike import alike, offline_in_model
from pfnmap.engine.operations import zone_policy
from pfnmap.engine.sysroot import explain as explaining
from pfnmap.engine.sysroot.explain import explain
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.tui.text.blocks import TableOptions, table_lines
from tests.engine.sysroot.trees import Tree, x86_tree, zone

PAGES = 32768


def test_runs_cover_every_block_once(tmp_path: Path) -> None:
    view = SysrootView(observe(DirectoryTree(x86_tree(tmp_path / "root").root)))
    covered = [
        b for first, last in alike(view.state, view.block_runs()) for b in range(first, last + 1)
    ]
    assert covered == view.block_ids(0, 100).tolist()


def test_which_blocks_the_model_has_offline(tmp_path: Path) -> None:
    state = SysrootView(observe(DirectoryTree(x86_tree(tmp_path / "root").root))).state
    ids = np.array([0, 7, 8, 32, 34, 35, 36, 99])
    rows = [state.blocks.at(block) for block in ids.tolist()]
    wanted = [row is not None and row["state"] == BlockState.OFFLINE for row in rows]
    assert offline_in_model(state, ids).tolist() == wanted
    assert wanted == [False, False, False, False, True, True, False, False]


# -- what it is for --------------------------------------------------------------------------
MANY = 120
LAST = 31 + MANY


def machine_of_many_blocks(root: Path) -> Tree:
    """120 blocks in Movable, of which the last 100 are offline."""
    tree = Tree(root)
    tree.kernel("6.12.9", "x86_64")
    tree.blocks(0, 7, zones="DMA32")
    tree.blocks(32, LAST - 100, zones="Movable")
    tree.blocks(LAST - 99, LAST, "offline", "Normal Movable")
    tree.node(0, *range(8), *range(32, LAST + 1))
    tree.params(memmap_on_memory="N", auto_online_blocks="offline", online_policy="contig-zones")
    zones(tree, MANY - 100)
    return tree


def zones(tree: Tree, nr_blocks: int) -> None:
    tree.zoneinfo(
        zone(0, "DMA32", 4096, 258048, 258048),
        zone(0, "Normal", 0, 0, 0),
        zone(0, "Movable", 32 * PAGES, nr_blocks * PAGES, nr_blocks * PAGES),
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The blocks that the model is asked about."""
    blocks: list[int] = []
    real = zone_policy.valid_zones

    def counted(state: object, block: int, row: object) -> object:
        blocks.append(block)
        return real(state, block, row)  # type: ignore[arg-type]

    monkeypatch.setattr(explaining, "valid_zones", counted)
    return blocks


def test_explaining_a_change_does_not_ask_about_every_block(
    tmp_path: Path, asked: list[int]
) -> None:
    tree = machine_of_many_blocks(tmp_path / "root")
    watcher = Watcher(tree.root)
    before = watcher.view
    tree.block(LAST - 100, "offline", "Movable Normal")
    tree.block(LAST - 100, "offline", "Normal Movable")
    zones(tree, MANY - 101)
    explanation = explain(before, watcher.poll())
    assert explanation.commands == (f"offline {LAST - 100}",)
    assert explanation.findings == ()
    assert 0 < len(asked) < 40


def test_a_difference_inside_a_run_is_still_found(tmp_path: Path) -> None:
    tree = machine_of_many_blocks(tmp_path / "root")
    watcher = Watcher(tree.root)
    before = watcher.view
    tree.block(LAST - 100, "offline", "Normal Movable")
    tree.block(LAST - 50, "offline", "Movable Normal")
    zones(tree, MANY - 101)
    (finding,) = explain(before, watcher.poll()).findings
    assert f"memory{LAST - 50} valid_zones: the model foresees Normal Movable" in finding.text


def test_the_table_of_reasons_is_that_of_every_block(tmp_path: Path) -> None:
    tree = machine_of_many_blocks(tmp_path / "root")
    tree.iomem(
        "00001000-3fffffff : System RAM",
        "  08000000-08ffffff : Kernel code",
        f"100000000-{(LAST + 1) * (128 << 20) - 1:x} : System RAM",
    )
    view = SysrootView(observe(DirectoryTree(tree.root)))
    columns = ("BLOCK", "STATE", "RULE", "WHY")
    merged = table_lines(view, TableOptions(columns=columns, summary=False))
    every = table_lines(view, TableOptions(columns=columns, summary=False, every_block=True))
    said = {line.split(None, 1)[1] for line in every}
    assert {line.split(None, 1)[1] for line in merged} == said
    assert len(every) == view.nr_blocks + 1
    assert len(merged) == 6  # the heading; 0, 1 with the kernel, 2-7; online; offline


def test_the_table_of_reasons_does_not_look_at_every_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = SysrootView(observe(DirectoryTree(machine_of_many_blocks(tmp_path / "root").root)))
    asked: list[int] = []
    real = SysrootView.block

    def counted(self: SysrootView, block: int) -> object:
        asked.append(block)
        return real(self, block)

    monkeypatch.setattr(SysrootView, "block", counted)
    table_lines(view, TableOptions(columns=("BLOCK", "RULE", "WHY"), summary=False))
    assert 0 < len(asked) < 60
