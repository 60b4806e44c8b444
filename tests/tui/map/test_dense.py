"""A machine too full for any screen: panels scroll, and count what they leave out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import tests.tui.stage as stages
from pfnmap.engine.compare import compare_commands
from pfnmap.engine.language.lines import parse_line
from pfnmap.tui.dialogs.compare import CompareScreen
from pfnmap.tui.dialogs.palette import Palette
from pfnmap.tui.say.page_facts import MIX_SHOWN, page_facts
from pfnmap.tui.testing import settle
from tests.examples import some
from tests.tui.dense import NODES, ZONES, dense_session
from tests.tui.screens.test_app_screens import compare
from tests.tui.stage import Stage, stage

SIZES = [(80, 24), (200, 60)]
OF = re.compile(r"(\d+) of (\d+)")


@asynccontextmanager
async def dense(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(stages, "session_of", lambda *_, **__: dense_session())
    async with stage(size=size) as on:
        yield on


def heading(on: Stage, title: str) -> str:
    """The rule above a panel."""
    return [line for line in on.lines if f"─ {title} " in line][-1]


def test_the_machine_is_as_dense_as_it_says() -> None:
    view = dense_session().view
    assert view.nr_blocks >= 100_000
    assert len(view.extents()) >= 1000
    assert len(view.nodes) == NODES
    assert len(view.zones) == NODES * len(ZONES)


@pytest.mark.parametrize("size", some(map(list, SIZES), 2), ids=["80x24", "200x60"])
@pytest.mark.parametrize(
    "frames",
    [
        {"start": [], "end": ["G"], "explain": ["enter"], "blocks": ["escape", "3"]},
        {"fit": ["Z"]},
        {"figure": ["2", "G"]},
    ],
    ids=["start", "fit", "figure"],
)
async def test_frames(
    frames: dict[str, list[str]], size: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each behind the one before."""
    async with dense((size[0], size[1]), monkeypatch) as on:
        for name, keys in frames.items():
            await on.keys(*keys)
            assert all(len(line) <= size[0] for line in on.lines)
            compare(f"dense-{name}-{size[0]}x{size[1]}.txt", on.text + "\n")


@pytest.mark.parametrize("size", SIZES[1:], ids=["200x60"])
async def test_every_panel_says_how_much_there_is(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dense(size, monkeypatch) as on:
        await on.keys("Z", "3")
        assert OF.search(heading(on, "figure"))
        assert "of 101033" in heading(on, "pfn map")
        assert "of 100032" in heading(on, "memory blocks")
        assert OF.search(heading(on, "inspector"))
        assert "……" not in on.text, "what is cut is said once"


@pytest.mark.parametrize("size", SIZES[:1], ids=["80x24"])
async def test_every_zone_can_be_reached(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dense(size, monkeypatch) as on:
        await on.keys("2", "g")
        seen: set[str] = set()
        for _ in range(NODES):
            seen |= set(re.findall(r"(\d+) (?:Normal|Movable) ", on.text))
            await on.keys("ctrl+d")
        assert seen == {str(node) for node in range(NODES)}


async def test_the_figure_goes_along_with_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    async with dense((200, 60), monkeypatch) as on:
        assert " 0 DMA " in on.text
        await on.keys("G")
        assert re.search("15 (Normal|Movable) ", on.text) and " 0 DMA " not in on.text
        await on.keys("g")
        assert " 0 DMA " in on.text


async def test_a_cell_of_everything_counts_what_it_does_not_name() -> None:
    view = dense_session().view
    words = {
        name: text for name, text, _ in page_facts(view, view.page(5), (0, view.end_pfn), "->")
    }
    named, more = words["cell"].rpartition(", ")[::2]
    assert re.fullmatch(r"\d+ more states?", more)
    assert named.count(", ") == MIX_SHOWN


async def test_lists_say_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async with dense((80, 24), monkeypatch) as on:
        await on.keys("ctrl+p")
        palette = on.app.screen
        assert isinstance(palette, Palette)
        assert re.search(rf"1–\d+ of {len(palette.hits)} ", on.text)
        await on.keys("pagedown", "pagedown", "pagedown")
        assert not re.search(r" 1–\d+ of", on.text)
        await on.type("shrink")
        assert not re.search(r"–\d+ of \d+ │", on.text), "everything is in sight"


async def test_more_variants_than_letters_are_all_named() -> None:
    start = parse_line("machine ram=1G")
    variants = [f"auto_movable_ratio={ratio}" for ratio in range(100, 130)]
    comparison = compare_commands(start, [], variants, "many")  # type: ignore[arg-type]
    async with stage(size=(80, 24)) as on:
        screen = CompareScreen(on.app.paint, on.app.keys, comparison)
        on.app.push_screen(screen)
        await settle(on.pilot)
        assert "A: auto_movable_ratio=100" in on.text
        await on.keys("G")
        assert "AD: auto_movable_ratio=129" in on.text
