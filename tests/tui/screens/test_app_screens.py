"""Whole screens, exactly as they are drawn.

The baselines are text, one file a screen; ``UPDATE_SNAPSHOTS=1`` writes them anew. Two
pictures keep the colours.
"""

from __future__ import annotations

import os
from gc import collect
from pathlib import Path
from weakref import ref

import pytest

from pfnmap.tui.pictures.offscreen import picture
from pfnmap.tui.pictures.svg_html import to_svg
from tests.examples import some
from tests.tui.stage import DIMM, Stage, stage

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]
STORY = ("add dimm0 256M", "online dimm0[0] movable", "online dimm0[1]", "pin pfn=0x108300")


def compare(name: str, drawn: str) -> None:
    """Compare with the baseline of that name."""
    file = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(drawn, encoding="utf-8")
    assert file.exists(), f"no baseline {file}; UPDATE_SNAPSHOTS=1 writes it"
    assert drawn == file.read_text(encoding="utf-8")


def text_of(on: Stage) -> str:
    return on.text + "\n"


@pytest.mark.parametrize(
    ("theme", "size"),
    [
        *(("dark", size) for size in SIZES),
        *some((theme, size) for size in SIZES for theme in ("mono", "ascii")),
    ],
    ids=lambda part: part if isinstance(part, str) else f"{part[0]}x{part[1]}",
)
async def test_a_life_of_a_dimm(theme: str, size: tuple[int, int]) -> None:
    async with stage(*STORY, size=size, theme=theme) as on:
        await on.keys("G", "H", "f")
        on.app.clear_notifications()
        await on.keys("l", "h")
        assert all(len(line) <= size[0] for line in on.lines)
        if theme == "ascii":
            assert on.text.isascii()
        compare(f"life-{theme}-{size[0]}x{size[1]}.txt", text_of(on))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_first_screen_says_what_to_press(size: tuple[int, int]) -> None:
    async with stage(size=size, machine="machine ram=4G") as on:
        assert "press a to hot-add a DIMM, ? for help" in on.text
        compare(f"boot-{size[0]}x{size[1]}.txt", text_of(on))


@pytest.mark.parametrize("memmap", ["device", "memblock"])
async def test_the_first_example_of_the_posts(memmap: str) -> None:
    machine = "machine ram=1G profile=memmap-v2"
    async with stage(f"add dimm0 256M memmap={memmap}", machine=machine, size=(100, 30)) as on:
        await on.keys("G", "H", "H")
        compare(f"posts-{memmap}.txt", text_of(on))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("form", ["a"]),
        ("help", ["?"]),
        ("palette", ["ctrl+p"]),
        ("prompt", [":", "o", "n"]),
        ("explain", ["enter"]),
        ("diff", ["D"]),
        ("slow", ["u", ";", ";"]),
        ("blocks", ["3"]),
        ("zoomed", ["+", "+", "+"]),
        ("fit", ["Z"]),
        ("selected", ["v", "k"]),
    ],
)
async def test_panels_and_dialogs(
    name: str, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # How many lines the topics have changes with every word in them.
    monkeypatch.setattr("pfnmap.tui.dialogs.texts.topics", lambda: ())
    async with stage(*DIMM, size=(80, 24)) as on:
        await on.keys("G", "H", "H", *keys)
        compare(f"{name}-80x24.txt", text_of(on))


async def test_a_refusal() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        await on.keys("G", "x")
        compare("refusal-80x24.txt", text_of(on))


@pytest.mark.parametrize(("theme", "size"), [("dark", (80, 24)), ("light", (120, 40))])
async def test_colours(theme: str, size: tuple[int, int]) -> None:
    async with stage(*STORY, size=size, theme=theme) as on:
        await on.keys("G", "H", "H")
        compare(f"life-{theme}.svg", to_svg(picture(on.app, on.app.paint.theme)))


@pytest.mark.parametrize(
    ("width", "height"), some([(1, 1), (1, 50), (300, 1), (59, 40), (40, 10)])
)  # fmt: skip
async def test_no_terminal_is_too_small(width: int, height: int) -> None:
    async with stage(*DIMM, size=(width, height)) as on:
        for key in ("j", "l", "G", "-", "+", "z", "v", "o", "u", "tab", "3", "M", "M", "?"):
            await on.keys(key)
        await on.keys("escape", "a", "escape", ":", "escape", "ctrl+p", "escape")
        assert on.on_main
        assert all(len(line) <= width for line in on.lines)
        if width >= 40 and height >= 2:
            assert "is small" in on.text


async def test_resizing_at_any_moment() -> None:
    async with stage(*DIMM) as on:
        for width, height in [(80, 24), (1, 1), (200, 60), (60, 16), (33, 7), (120, 40)]:
            await on.resize(width, height)
            await on.keys("a")
            await on.resize(height, width // 2 + 1)
            await on.keys("escape", "j")
            assert on.app._exception is None
        await on.resize(120, 40)
        again = on.text
        on.main.refresh(layout=True)
        await on.keys("escape")
        assert on.text == again


@pytest.mark.parametrize("key", ["?", ":", "ctrl+p"])
async def test_nothing_of_a_closed_dialog_is_kept(key: str) -> None:
    async with stage(*DIMM) as on:
        await on.keys(key)
        drawn = ref(on.app.screen.children[0]._styles_cache)
        await on.keys("escape")
        assert on.on_main
        collect()
        assert drawn() is None
