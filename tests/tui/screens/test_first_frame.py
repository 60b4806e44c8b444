"""The first frame: nothing is missing from it, and it is not drawn more often than needed."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from textual.events import Resize

from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.themes import load_theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.pictures.offscreen import settle
from tests.tui.capture_driver import CaptureDriver
from tests.tui.stage import DIMM, MACHINE, stage


class Program(PfnmapApp):
    """The program without a terminal that could go away."""

    def _leave_in_order(self) -> None:
        """Nothing to watch."""


async def written() -> list[str]:
    """Everything the program writes until it comes to rest."""
    machine = Machine.boot(parse_line(MACHINE))  # type: ignore[arg-type]
    session = Session(machine)
    for line in DIMM:
        command = parse_line(line)
        assert command is not None
        assert session.run(command).ok
    app = Program(session, load_theme("dark"))
    app.driver_class = CaptureDriver
    async with app.run_test(headless=False, size=(120, 40)) as pilot:
        await settle(pilot)
        driver = app._driver
        assert isinstance(driver, CaptureDriver)
        return [text for text in driver.log if len(text) > 200]


async def test_the_first_frame_is_whole() -> None:
    frame = (await written())[0]
    for words in ("pfnmap", "figure", "pfn map", "inspector", "would the kernel", "events", "help"):
        assert words in frame


async def test_a_size_that_is_the_same_lays_nothing_out_and_asks_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stage(*DIMM) as on:
        done: list[str] = []
        for name in ("_put", "show_cursor"):
            monkeypatch.setattr(on.main, name, lambda *_, name=name: done.append(name))
        on.main.on_resize(Resize(on.app.size, on.app.size))
        await settle(on.pilot)
        assert done == []
        await on.pilot.resize_terminal(100, 30)
        await settle(on.pilot)
        assert done[0] == "_put"


@pytest.mark.usefixtures("drawn_at_once")
async def test_a_panel_that_was_drawn_for_its_size_is_not_drawn_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stage(*DIMM) as on:
        drawn = Mock(return_value=[])
        monkeypatch.setattr(on.main.figure, "draw", drawn)
        on.main.figure.on_resize()
        drawn.assert_not_called()
        on.main.figure.use_paint(on.main.paint)
        on.main.figure.on_resize()
        drawn.assert_called_once()


async def test_the_main_screen_is_the_only_one() -> None:
    async with stage() as on:
        assert on.app.screen_stack == [on.main]


async def test_colours_of_the_theme_are_those_of_textuals_own_widgets() -> None:
    for name in ("dark", "light"):
        async with stage(theme=name) as on:
            assert (
                on.app.get_css_variables()["background"].lower() == load_theme(name).ui.background
            )
            background = on.main.styles.background.hex.lower()
            assert background == load_theme(name).ui.background
