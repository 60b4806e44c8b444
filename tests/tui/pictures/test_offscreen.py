"""The headless screen: it comes to rest, and what Textual keeps private is still there."""

from __future__ import annotations

import asyncio
import os

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from pfnmap.themes import load_theme
from pfnmap.tui.pictures.cast.frames import run_apart
from pfnmap.tui.pictures.headless import on_screen
from pfnmap.tui.pictures.offscreen import ink_of, strip_pieces
from pfnmap.tui.pictures.picture import Ink
from pfnmap.tui.pictures.render import render
from tests.tui.stage import session_of


async def test_dialogs_that_open_and_close_do_not_hold_it_up() -> None:
    async with on_screen(session_of("add dimm0 256M"), load_theme("dark"), (80, 24)) as screen:
        before = screen.picture()
        for _ in range(2):
            await screen.keys("?", "j", "escape", "a", "escape", ":", "escape", "enter", "escape")
        assert screen.picture().text() == before.text()


def test_a_device_that_goes_away_under_the_cursor() -> None:
    story = "machine ram=1G\nadd dimm0 256M\nremove dimm0\nzoom fit\n"
    assert "refused" not in render(story, size=(120, 34))


async def test_a_picture_is_exactly_as_large_as_the_screen() -> None:
    for size in ((60, 16), (80, 24), (133, 41)):
        async with on_screen(session_of(), load_theme("light"), size) as screen:
            picture = screen.picture()
        assert (picture.width, picture.height) == size
        assert all(sum(part.cells for part in line) == size[0] for line in picture.lines)


@pytest.mark.parametrize("theme", ["ansi", "mono"])
async def test_a_theme_without_hues_gives_none(theme: str) -> None:
    async with on_screen(session_of(), load_theme(theme), (80, 24)) as screen:
        inks = {part.ink for line in screen.picture().lines for part in line}
    assert not any("#" in ink.fg + ink.bg for ink in inks)


def test_styles_become_inks() -> None:
    assert ink_of(None) == Ink()
    assert ink_of(Style.parse("bold #102030 on bright_red")) == Ink(
        "#102030", "bright_red", bold=True
    )
    assert ink_of(Style.parse("underline reverse default on color(208)")) == Ink(
        "default", "#ff8700", underline=True, reverse=True
    )


def test_control_segments_are_no_text() -> None:
    strip = Strip([Segment("ab"), Segment("\x1b[2J", None, [(1,)])])  # type: ignore[list-item]
    assert [part.text for part in strip_pieces(strip)] == ["ab"]


async def test_a_loop_inside_a_loop_gives_results_and_errors() -> None:
    async def value() -> int:
        await asyncio.sleep(0)
        return 7

    async def error() -> None:
        raise KeyError("x")

    assert run_apart(value()) == 7
    with pytest.raises(KeyError):
        run_apart(error())


async def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with on_screen(session_of(), load_theme("dark"), (80, 24)) as screen:
        inks = {part.ink.fg for line in screen.picture().lines for part in line}
        assert os.environ["NO_COLOR"] == "1"
    assert "#f0e442" in inks or "#56b4e9" in inks
