"""Step 0 of a real machine is its first reading; it booted long before."""

from __future__ import annotations

from pathlib import Path

from tests.engine.sysroot.trees import Tree
from tests.tui.screens.test_live import live_stage


async def test_step_0_is_called_the_first_reading(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 7, zones="DMA32")
    async with live_stage(tree, size=(100, 30)) as (on, _):
        assert "first reading" in on.text
        assert "at boot" not in on.text
        await on.keys("[")
        assert "nothing to undo: this is the first reading" in " ".join(on.text.split())
        await on.command("seek 9")
        assert "at boot" not in on.text
        await on.keys("escape", "b")
        assert any(line.endswith("at boot") for line in on.lines)
