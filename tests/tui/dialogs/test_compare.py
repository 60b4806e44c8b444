"""Variants of one scenario side by side on the screen.

The baselines are text, one file a screen; ``UPDATE_SNAPSHOTS=1`` writes them anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import pytest

from pfnmap.engine.compare import Comparison, compare
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli import main
from pfnmap.tui.dialogs.compare import CompareScreen
from pfnmap.tui.keys.session_verbs import variants_of
from pfnmap.tui.testing import settle
from tests.examples import some
from tests.tui.figure.test_compare_frames import CASES
from tests.tui.screens.test_app_screens import compare as compare_baseline
from tests.tui.stage import DIMM, Stage, stage

SIZES = [(80, 24), (120, 40)]


@cache
def comparison_of(case: str) -> Comparison:
    """Made once for all that is asked of it."""
    scenario, *variants = CASES[case]
    return compare(load_scenario(shipped_scenarios()[scenario]), variants)


@asynccontextmanager
async def shown(
    comparison: Comparison, size: tuple[int, int] = (80, 24), theme: str = "dark"
) -> AsyncIterator[tuple[Stage, CompareScreen]]:
    async with stage(size=size, theme=theme) as on:
        screen = CompareScreen(on.app.paint, on.app.keys, comparison)
        on.app.push_screen(screen)
        await settle(on.pilot)
        yield on, screen


# -- whole screens -----------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "size", [pytest.param(SIZES[0], marks=pytest.mark.slow), SIZES[1]], ids=["80x24", "120x40"]
)
async def test_the_screen_is_the_one_that_was_read(case: str, size: tuple[int, int]) -> None:
    async with shown(comparison_of(case), size) as (on, _):
        assert all(len(line) <= size[0] for line in on.lines)
        compare_baseline(f"compare-{case}-{size[0]}x{size[1]}.txt", on.text + "\n")


async def test_in_ascii_everything_can_still_be_told() -> None:
    async with shown(comparison_of("device-vs-memblock-256m"), theme="ascii") as (on, _):
        assert on.text.isascii()
        assert any(line.startswith("  1 no zone") and "|2ooo" in line for line in on.lines)


@pytest.mark.parametrize(("width", "height"), some([(20, 5), (40, 10), (60, 16), (300, 100)]))
async def test_any_size_is_drawn(width: int, height: int) -> None:
    async with shown(comparison_of("partial-removal"), (width, height)) as (on, _):
        assert len(on.lines) <= height
        assert all(len(line) <= width for line in on.lines)


# -- keys --------------------------------------------------------------------------------
async def test_it_opens_where_the_variants_part_and_goes_step_by_step() -> None:
    async with shown(comparison_of("shrink-e1")) as (on, _):
        number = on.lines[0].rpartition(" step ")[2]
        at = next(at for at, line in enumerate(on.lines) if line.startswith("step "))
        assert on.lines[at + 1] == "* here they part"
        assert on.lines[at].startswith(f"step {number.split()[0]}: ")
        assert "expectations hold" in on.lines[1], "the names stay"
        await on.keys("[")
        assert on.lines[at].startswith("step ")
        assert "* here they part" not in on.lines[at + 1]
        await on.keys("[", "[", "[", "[", "[")
        assert on.lines[at] == "at the start"
        assert on.lines[at - 1].startswith("  scale"), "the axis stays"


async def test_what_it_costs_stands_at_the_foot() -> None:
    async with shown(comparison_of("device-vs-memblock-256m")) as (on, _):
        for key in ("g", "G"):
            await on.keys(key)
            assert on.lines[-2] == "B: memmap=memblock: longest run 252M -> 126M"


async def test_all_counters_or_only_those_that_differ() -> None:
    async with shown(comparison_of("shrink-e1"), (120, 200)) as (on, _):
        assert "zone 0 DMA32 managed" not in on.text
        await on.keys("a")
        assert "zone 0 DMA32 managed" in on.text


async def test_many_variants_leave_room_for_the_figure() -> None:
    scenario = load_scenario(shipped_scenarios()["memmap-device-256m"])
    variants = ["memmap=device", "memmap=memblock", "memmap=ram", "profile=6.1", "profile=5.14"]
    async with shown(compare(scenario, variants)) as (on, _):
        assert sum(line.startswith("* here they part") for line in on.lines) == 1
        await on.keys("g")
        assert on.lines[4].startswith("A: memmap=device")


async def test_it_scrolls_says_where_and_closes() -> None:
    async with shown(comparison_of("partial-removal")) as (on, screen):
        assert " of " in on.lines[-1]
        await on.keys("G")
        assert "findings" in on.text
        await on.keys("g", "j")
        assert screen.panel.first_line == 1
        await on.keys("escape")
        assert on.on_main


async def test_the_copy_is_what_the_command_line_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with shown(comparison_of("shrink-e1")) as (on, _):
        await on.keys("y")
        copied = on.app.clipboard
    name, *variants = CASES["shrink-e1"]
    words = [word for variant in variants for word in ("--with", variant)]
    assert main(["compare", name, *words]) == 0
    assert copied + "\n" == capsys.readouterr().out


# -- from the session --------------------------------------------------------------------
async def test_the_sessions_own_commands_are_compared() -> None:
    async with stage(*DIMM, machine="machine ram=1G") as on:
        await on.command("compare memmap_on_memory=Y")
        assert isinstance(on.app.screen, CompareScreen)
        assert "A: as written" in on.text
        assert "B: memmap_on_memory=Y: costs 4M of dimm0; saves 4M of node 0" in on.text
        assert "step 2: online dimm0[0] movable" in on.text
        await on.keys("q")
        assert on.on_main


async def test_a_wrong_variant_stays_on_the_line() -> None:
    async with stage() as on:
        await on.command("compare memmap=nowhere")
        assert not isinstance(on.app.screen, CompareScreen)
        assert "nowhere" in on.text


def test_a_key_that_comes_again_begins_another_variant() -> None:
    assert variants_of((("memmap", "device"), ("memmap", "memblock"))) == [
        (("memmap", "device"),),
        (("memmap", "memblock"),),
    ]
    assert variants_of((("profile", "4.19"), ("memmap", "ram"))) == [
        (("profile", "4.19"), ("memmap", "ram"))
    ]
    assert variants_of(()) == []
