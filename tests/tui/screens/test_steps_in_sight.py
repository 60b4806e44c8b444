"""Over every shipped scenario: nothing jumps between two steps, and what a step was about is seen.

Panels are asked without the program around them; some scenarios go through the program too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from msgspec.structs import replace

from pfnmap.engine.commands import Zoom
from pfnmap.engine.machine import Machine
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.play import play
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.session import Session
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.themes import load_theme
from pfnmap.tui.keys import actions
from pfnmap.tui.keys.effects import Look
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.shown import shown
from pfnmap.tui.map.alike import alike_ranges
from pfnmap.tui.map.motions import touched
from pfnmap.tui.map.viewport import NOTHING, Viewport
from pfnmap.tui.screens import layout
from pfnmap.tui.screens.main import AT_FIRST
from pfnmap.tui.widgets import pfn_map
from pfnmap.tui.widgets.paint import Paint
from tests.tui.stage import session_of, stage

SIZES = ((80, 24), (120, 40), (200, 60))
TRIED = ("memmap-tower", "hugetlb-boot-hole", "shrink-e1-merged", "v2-partial-removal-first-block")
"""Scenarios of every run: an explicit zoom, huge pages, a device that goes, blocks that go."""
KEYS = Keymap().by_action
PAINT = Paint(load_theme("dark"))


def scenario(name: str) -> Session:
    found = load_scenario(shipped_scenarios()[name])
    session = Session(Machine.boot(found.start), start_command=found.start)
    list(play(found.lines, session))
    return session


def walk(session: Session, size: tuple[int, int]) -> Iterator[tuple[Outcome, pfn_map.PfnMap]]:
    """The map after every step of a session, as the main screen shows it."""
    session.seek(0)
    panel = pfn_map.PfnMap(PAINT, session.view)
    frame = shown(session, KEYS, panel.viewport)

    def fit() -> None:
        map_width = panel.side_by_side_width(size[0])
        place = layout.places(*size, AT_FIRST, map_width=map_width)[layout.MAP]
        panel.fit(place.width, place.height)

    fit()
    for position, outcome in enumerate(session.outcomes, 1):
        session.seek(position)
        frame = frame.now()
        panel.show(frame)
        fit()
        frame = replace(frame, viewport=panel.viewport)
        effect = actions.follow(frame, outcome)
        assert isinstance(effect, Look)
        panel.look(effect.viewport)
        fit()  # as when it is drawn
        yield outcome, panel


def unseen(outcome: Outcome, viewport: Viewport, present: list[int]) -> str:
    """What of the blocks that a step was about is not in sight, in words; empty for nothing."""
    pages = viewport.block_pages
    ranges = touched(outcome)
    blocks = [
        block
        for block in present
        if any(start < (block + 1) * pages and block * pages < end for start, end in ranges)
    ]
    if not blocks:
        return ""
    if not any(start <= viewport.cursor_pfn < end for start, end in ranges):
        return f"the cursor is at {viewport.cursor_pfn:#x}"
    lines = replace(viewport, rows=None, closed=NOTHING).rows
    fits = lines.line_of(blocks[-1] * pages) - lines.line_of(blocks[0] * pages) < viewport.nr_rows
    pfns = [block * pages for block in blocks]
    wanted = pfns if fits or len(pfns) == 1 else [pfns[0], pfns[-1] + pages - 1]
    return ", ".join(f"pfn {pfn:#x}" for pfn in wanted if not viewport.shows(pfn))


def check(session: Session, size: tuple[int, int]) -> None:
    columns, end_pfn = None, 0
    for outcome, panel in walk(session, size):
        view, line = panel.view, outcome.command.text
        present = view.block_ids(0, view.nr_blocks).tolist()
        assert unseen(outcome, panel.viewport, present) == "", (line, size)
        zoomed = isinstance(outcome.command, Zoom)
        now = (panel._margins, panel.viewport.columns, panel.side_by_side_width(size[0]))
        assert columns in (None, now) or view.end_pfn > end_pfn or zoomed, (line, size)
        columns, end_pfn = now, max(end_pfn, view.end_pfn)


@pytest.mark.parametrize("name", TRIED)
def test_what_a_step_was_about_is_in_sight(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pfn_map, "alike_ranges", cache(alike_ranges))
    session = scenario(name)
    for size in SIZES:
        check(session, size)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(shipped_scenarios()) - set(TRIED)))
def test_what_a_step_was_about_is_in_sight_everywhere(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_what_a_step_was_about_is_in_sight(name, monkeypatch)


@pytest.mark.parametrize("size", SIZES)
def test_blocks_that_there_is_no_room_for_are_counted_between_the_first_and_the_last(
    size: tuple[int, int],
) -> None:
    blocks = ",".join(str(32 + 2 * index) for index in range(24))
    session = session_of("add dimm0 8G", f"online {blocks} movable", "offline 32,78")
    found = [panel.viewport for _, panel in walk(session, size)]
    assert all(seen.shows(32 << 15) and seen.shows(78 << 15) for seen in found[1:])
    assert found[1].lines().is_fold.any() and not found[1].shows(60 << 15)
    assert found[1].at(60 << 15).shows(60 << 15)


def test_what_is_counted_stays_so_in_a_window_of_another_size() -> None:
    blocks = ",".join(str(32 + 2 * index) for index in range(24))
    session = session_of("add dimm0 8G", f"online {blocks} movable")
    *_, (_, panel) = walk(session, (80, 24))
    for lines in (12, 6, 9):
        panel.fit(80, lines)
        seen = panel.viewport
        assert seen.lines().is_fold.sum() == 1
        assert seen.shows(32 << 15)
        assert seen.shows(78 << 15)
    panel.fit(80, 60)
    assert all(panel.viewport.shows(block << 15) for block in range(32, 79))


@pytest.mark.parametrize("size", [*SIZES[:2], pytest.param(SIZES[2], marks=pytest.mark.slow)])
async def test_in_the_program_nothing_jumps_and_the_cursor_follows(size: tuple[int, int]) -> None:
    """Also what was done before the first frame, and what was refused."""
    lines = ("add dimm0 512M", "online 32-35 movable", "offline 34", 'note "said"', "online 9")
    async with stage(*lines, machine="machine ram=4G", size=size, from_start=False) as on:
        assert on.cursor >> 15 == 9
        seen: list[list[object]] = []
        for _ in lines:
            seen.append([(panel.display, panel.region) for panel in on.main.panels])
            lines_of = enumerate(on.main.figure.render_line(y).text for y in range(7))
            axis = next((y, text) for y, text in lines_of if text.split()[:1] == ["blocks"])
            seen[-1].append((on.main.map._margins, axis))
            await on.keys("[")
        assert seen == seen[:1] * len(lines)
        await on.keys("]", "]", "]")
        assert on.cursor >> 15 == 34
        await on.command("offline 41")
        assert on.cursor >> 15 == 41
        assert not on.main.inspector.display or "block 41" in on.text
