"""The block table never holds more than it shows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pfnmap.engine.view import BlockRow
from pfnmap.tui.map.viewport import Viewport
from pfnmap.tui.widgets.block_table import columns_for
from tests.tui.fake_view import FakeView, block_row, dimm_view
from tests.tui.stage import DIMM, stage

MILLIONS = 33_000_000


@dataclass
class Endless(FakeView):
    """Blocks by the million, made when asked for."""

    asked: list[int] = field(default_factory=list)

    @property
    def nr_blocks(self) -> int:
        return MILLIONS

    def block_ids(self, first_rank: int, count: int) -> NDArray[np.int64]:
        return np.arange(first_rank, min(first_rank + count, MILLIONS), dtype=np.int64)

    def rank_of(self, block_id: int) -> int:
        return block_id

    def block(self, block_id: int) -> BlockRow | None:
        self.asked.append(block_id)
        return block_row(block_id)

    def block_counts(self, first: int = 0, end: int | None = None) -> dict[str, int]:
        return {"offline": MILLIONS}


def test_columns_go_by_importance() -> None:
    assert [c.name for c in columns_for(30)] == ["block", "state", "zone"]
    assert [c.name for c in columns_for(12)] == ["block"]
    assert len(columns_for(200)) == 10


async def test_rows_and_columns() -> None:
    async with stage(*DIMM, theme="ascii", size=(200, 60)) as on:
        await on.keys("G", "H", "H", "3", "M")
        drawn = on.text
        assert "- memory blocks - 1 offline 9 online -" in drawn
        row = next(line for line in on.lines if line.startswith(">32"))
        assert row.split() == [
            ">32", "online", "Movable", "0x100000", "32768", "on_memory", "512", "0", "dimm0",
            "Movable",
        ]  # fmt: skip


async def test_the_end_of_millions_is_shown_without_asking_for_the_rest() -> None:
    async with stage(*DIMM) as on:
        await on.keys("3")
        view = Endless(dimm_view().runs)
        height = on.main.blocks.size.height
        extents = np.array([[0, MILLIONS * 32768]])
        end = Viewport(extents, 32768).at((MILLIONS - 1) * 32768)
        on.main.blocks.show(replace(on.main.shown, view=view, viewport=end))
        assert len(view.asked) <= height
        last = on.main.blocks.render_line(height - 1).text
        assert f"{MILLIONS - 1}" in last
        assert f"of {MILLIONS}" in on.main.blocks.render_line(0).text


async def test_a_click_goes_to_the_block() -> None:
    async with stage(*DIMM, size=(200, 60)) as on:
        await on.keys("3")
        await on.pilot.click("#blocks", offset=(3, 5))
        await on.pilot.pause()
        assert on.cursor == 3 * 32768
