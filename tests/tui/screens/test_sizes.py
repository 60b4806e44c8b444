"""Sizes of the terminal that follow each other faster than the screen is drawn."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.geometry import Size

from pfnmap.tui.screens.main import MainScreen
from pfnmap.tui.testing import press, settle
from tests.tui.stage import stage

SIZES = [Size(60, 20), Size(200, 50), Size(60, 20), Size(200, 50)]


@pytest.mark.parametrize("dialog", [False, True])
async def test_sizes_on_their_way_do_not_bring_each_other_back(
    dialog: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each layout tells the screen its size again; two sizes would go on for ever."""
    placed: list[tuple[int, int]] = []
    place = MainScreen.place

    def counted(screen: MainScreen, size: Size) -> None:
        placed.append(size)
        place(screen, size)

    async with stage() as on:
        if dialog:
            await press(on.pilot, "question_mark")
        size = on.app.size
        monkeypatch.setattr(MainScreen, "place", counted)
        for other in (*SIZES, size):
            on.app.screen.post_message(events.Resize(other, other))
            on.main.post_message(events.Resize(other, other))
            await asyncio.sleep(0)  # waiting together they would be one
        async with asyncio.timeout(20):
            await settle(on.pilot)
        assert set(placed) <= {tuple(size)}
        assert on.main.size == size


async def test_the_last_size_counts() -> None:
    async with stage() as on:
        for width, height in SIZES:
            await on.pilot.resize_terminal(width, height)
        await settle(on.pilot)
        assert on.main.size == SIZES[-1]
        assert on.main.map.display
