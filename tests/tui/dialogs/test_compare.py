"""Variants of one scenario side by side on the screen.

The baselines are text, one file a screen; ``UPDATE_SNAPSHOTS=1`` writes them anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from pfnmap.engine.compare import Comparison, compare
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.tui.cli import main
from pfnmap.tui.dialogs.compare import CompareScreen
from pfnmap.tui.dialogs.compare_body import at_step, nr_fitting, shown_runs
from pfnmap.tui.keys.session_verbs import variants_of
from pfnmap.tui.map.cells import CHANGED
from pfnmap.tui.map.side_by_side import MAX_ROWS, cells_that_fit, side_by_side
from pfnmap.tui.testing import settle
from tests.tui.figure.test_compare_frames import CASES
from tests.tui.screens.test_app_screens import compare as compare_baseline
from tests.tui.stage import DIMM, Stage, session_of, stage

SIZES = [(80, 24), (120, 40)]


def comparison_of(case: str) -> Comparison:
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
@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("case", CASES)
async def test_the_screen_is_the_one_that_was_read(case: str, size: tuple[int, int]) -> None:
    async with shown(comparison_of(case), size) as (on, _):
        assert all(len(line) <= size[0] for line in on.lines)
        compare_baseline(f"compare-{case}-{size[0]}x{size[1]}.txt", on.text + "\n")


async def test_in_ascii_everything_can_still_be_told() -> None:
    async with shown(comparison_of("device-vs-memblock-256m"), theme="ascii") as (on, _):
        assert on.text.isascii()
        assert "> differs" in on.text
        assert any(line.split()[:1] == ["32"] and " >v" in line for line in on.lines)


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (60, 16), (300, 100)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    async with shown(comparison_of("partial-removal"), size) as (on, _):
        assert len(on.lines) <= size[1]
        assert all(len(line) <= size[0] for line in on.lines)


# -- keys --------------------------------------------------------------------------------
async def test_steps_go_back_and_forward_in_all_variants() -> None:
    async with shown(comparison_of("shrink-e1"), (120, 40)) as (on, screen):
        assert "step 5/5" in on.lines[0]
        assert "expectations hold" in on.text
        await on.keys("[", "[")
        assert "step 3/5" in on.lines[0]
        assert "expectations hold" not in on.text, "they are about the end"
        assert "0 differ" in on.text
        await on.keys("]", "]", "]")
        assert screen.panel.step == 5
        assert "6 differ" in on.text


async def test_all_counters_or_only_those_that_differ() -> None:
    async with shown(comparison_of("shrink-e1"), (120, 60)) as (on, _):
        assert "zone 0 DMA32 managed" not in on.text
        await on.keys("a")
        assert "zone 0 DMA32 managed" in on.text


async def test_zoom_changes_the_cell_and_says_so() -> None:
    async with shown(comparison_of("device-vs-memblock-256m")) as (on, _):
        assert "1 cell = 1024 pfns = 4M, 1 row = 128M" in on.text
        await on.keys("-")
        assert "1 cell = 2048 pfns = 8M, 1 row = 256M" in on.text
        await on.keys("+", "+")
        assert "1 cell = 512 pfns = 2M, 1 row = 64M" in on.text


async def test_variants_without_room_are_counted_and_moved_to() -> None:
    scenario = load_scenario(shipped_scenarios()["memmap-device-256m"])
    variants = ["memmap=device", "memmap=memblock", "memmap=ram", "profile=6.1", "profile=5.14"]
    async with shown(compare(scenario, variants)) as (on, _):
        assert "and 2 more: h and l move to them" in on.text
        assert " D profile=6.1" not in on.text
        await on.keys("l", "l")
        assert " D profile=6.1" in on.text
        assert " A memmap=device" in on.text, "the first stays"
        await on.keys("l", "l", "l", "h", "h", "h", "h", "h")
        assert " B memmap=memblock" in on.text


async def test_it_scrolls_says_where_and_closes() -> None:
    async with shown(comparison_of("partial-removal")) as (on, screen):
        assert "of 3" in on.lines[-1]
        await on.keys("G")
        assert "steps" in on.text
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
        assert " A as written" in on.text
        assert " B memmap_on_memory=Y" in on.text
        assert "step 2/2" in on.lines[0]
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


# -- arithmetic --------------------------------------------------------------------------
def test_rows_are_aligned_by_pfn_and_differences_marked() -> None:
    one = session_of("add dimm0 256M", machine="machine ram=1G").view
    other = session_of("add dimm0 256M", machine="machine ram=1G memmap_on_memory=Y").view
    cell, rows = side_by_side([one, other], 64)
    assert cell == 512
    marked = [row for row in rows if row.differs]
    by_block = {row.start_pfn // 32768: row for row in marked}
    assert by_block[32].codes[0][0] & CHANGED
    assert not by_block[32].codes[0][1] & CHANGED
    assert all(len(codes) == 64 for row in rows for codes in row.codes)
    ends = [row.end_pfn for row in rows]
    assert ends == sorted(ends)


def test_machines_of_different_extent_share_one_scale() -> None:
    small = session_of(machine="machine ram=1G").view
    large = session_of("add dimm0 1G", machine="machine ram=2G").view
    _, rows = side_by_side([small, large], 16)
    assert rows[-1].end_pfn == large.end_pfn
    assert np.array_equal(rows[0].codes[0] & ~CHANGED, rows[0].codes[1] & ~CHANGED)


def test_a_machine_of_petabytes_takes_few_rows() -> None:
    view = session_of("add huge 1P", machine="machine ram=4G").view
    _, rows = side_by_side([view, view], 32, 1)
    assert len(rows) <= MAX_ROWS


@pytest.mark.parametrize(
    ("width", "machines", "cells"),
    [(69, 2, 32), (69, 3, 16), (109, 2, 32), (289, 2, 128), (20, 2, 8), (10, 2, 0)],
)
def test_cells_are_a_power_of_two_that_fits(width: int, machines: int, cells: int) -> None:
    assert cells_that_fit(width, machines) == cells
    assert cells * machines + 2 * machines <= width or not cells


def test_as_many_variants_as_fit_are_shown() -> None:
    assert nr_fitting(80, 5) == 3
    assert nr_fitting(20, 5) == 1
    assert shown_runs(80, 5, 1) == [0, 1, 2]
    assert shown_runs(80, 5, 9) == [0, 3, 4]
    assert shown_runs(20, 5, 1) == [0]


def test_a_step_of_a_comparison_is_that_step_of_every_run() -> None:
    whole = comparison_of("shrink-e1")
    at = at_step(whole, 1)
    assert [len(run.steps) for run in at.runs] == [1, 1]
    assert not any(row.differs for row in at.counters)
    assert at_step(whole, 0).runs[0].machine.state is whole.runs[0].start
    assert at_step(whole, len(whole.runs[0].steps)).counters == whole.counters


async def test_rows_that_repeat_name_the_row_they_are_like() -> None:
    async with shown(comparison_of("device-vs-memblock-256m"), (120, 60)) as (on, _):
        assert "the same as" not in on.text
        rows = [line.strip() for line in on.text.splitlines() if ": as block" in line]
        assert rows
        assert all(": the same" not in line for line in on.text.splitlines())
        for row in rows:
            folded, above = row.split(": as ")
            first = int(folded.split()[1].split("-")[0])
            last_above = int(above.split()[1].split("-")[-1])
            assert last_above == first - 1
