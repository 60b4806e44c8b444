"""The mouse: clicks and the wheel do what keys do, on every panel and in every list."""

from __future__ import annotations

import pytest
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.widget import Widget

from pfnmap.tui.dialogs.palette import Palette
from pfnmap.tui.dialogs.reader import Reader
from pfnmap.tui.testing import settle
from pfnmap.tui.widgets.panel import WHEEL_LINES
from tests.examples import some
from tests.tui.stage import DIMM, Stage, stage


async def wheel(on: Stage, widget: Widget, *, down: bool = True) -> None:
    """A turn of the wheel over a widget."""
    kind = MouseScrollDown if down else MouseScrollUp
    widget.post_message(kind(widget, 1, 1, 0, 0, 0, False, False, False, 1, 1))
    await settle(on.pilot)


async def click(on: Stage, widget: Widget, x: int, y: int) -> None:
    widget.post_message(Click(widget, x, y, 0, 0, 1, False, False, False, x, y))
    await settle(on.pilot)


async def test_a_key_of_the_footer_can_be_clicked() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        await click(on, on.main.footer, on.lines[-1].index("undo") + 1, 0)
        assert on.session.position == 1
        await click(on, on.main.footer, on.lines[-1].index("?"), 0)
        assert isinstance(on.app.screen, Reader)
        assert "u undo" not in on.lines[-1], "the help does not take that key"
        await on.keys("escape")
        assert "? help" in on.lines[-1]


@pytest.mark.parametrize("name", some(["figure", "inspector", "events", "blocks"]))
async def test_the_wheel_scrolls_a_panel_without_the_focus(name: str) -> None:
    dimms = [f"add dimm{node} 128M node={node}" for node in range(16)]
    async with stage(*dimms, machine="machine ram=32G nodes=16", size=(200, 40)) as on:
        await on.keys("3")
        on.main.map.focus()
        for number in range(40):
            on.main.events.say(f"line {number}")
        await settle(on.pilot)
        panel = on.main.by_name[name]
        assert panel.display and not panel.has_focus
        drawn, cursor = panel.draw(*panel.size), on.cursor
        await wheel(on, panel, down=name != "events")
        assert panel.draw(*panel.size)[1:] != drawn[1:]
        await wheel(on, panel, down=name == "events")
        assert panel.draw(*panel.size)[1:] == drawn[1:]
        assert on.cursor == cursor


async def test_the_wheel_moves_the_map() -> None:
    async with stage(*DIMM) as on:
        await wheel(on, on.main.map)
        assert on.main.viewport.cursor_line == WHEEL_LINES
        await wheel(on, on.main.map, down=False)
        assert on.cursor == 0


async def test_the_wheel_scrolls_text() -> None:
    async with stage() as on:
        await on.keys("?")
        reader = on.app.screen
        assert isinstance(reader, Reader)
        await wheel(on, reader.pages)
        assert reader.pages.first_line == WHEEL_LINES


async def test_an_entry_of_a_list_is_taken_with_a_click() -> None:
    async with stage(*DIMM) as on:
        await on.keys("ctrl+p")
        await on.type("last pfn")
        palette = on.app.screen
        assert isinstance(palette, Palette)
        await click(on, palette.choices, 3, 5)
        assert not on.on_main, "there is no fifth entry"
        await click(on, palette.choices, 3, 0)
        assert on.on_main
        assert on.cursor // 32768 == 33


async def test_the_wheel_chooses_in_a_list() -> None:
    async with stage() as on:
        await on.keys("ctrl+p")
        palette = on.app.screen
        assert isinstance(palette, Palette)
        await wheel(on, palette.choices)
        assert palette._chosen == WHEEL_LINES
        await wheel(on, palette.choices, down=False)
        assert palette._chosen == 0
