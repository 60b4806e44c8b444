"""The log: commands, phases, kernel lines, refusals; newest last."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from pfnmap.engine.commands import SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.tui.widgets.event_log import KEPT_PIECES
from tests.tui.stage import DIMM, session_of, stage


@pytest.mark.usefixtures("drawn_at_once")
async def test_the_newest_is_in_sight_until_somebody_scrolls() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        log = on.main.events
        assert log.first_line + log.size.height - 1 == log.nr_lines
        log.scroll_lines(-5)
        before = log.first_line
        log.repaint()
        assert log.first_line == before
        await on.keys("t")
        assert log.first_line + log.size.height - 1 == log.nr_lines


async def test_the_heading_names_the_command_that_scrolled_out() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        assert "─ events ─ #2 online dimm0[0] movable: ok ─" in on.text


async def test_hostile_text_is_shown_as_text() -> None:
    async with stage() as on:
        on.main.complain(str(InputError("\x1b[31m [bold]x[/] \u202e")))
        await on.keys("escape")
        assert "?[31m [bold]x[/] ?" in on.text


async def test_ten_thousand_commands_stay_light() -> None:
    session = session_of(*["set memmap_on_memory=N", "set memmap_on_memory=Y"] * 500)
    async with stage(*DIMM) as on:
        frame = replace(on.main.shown, outcomes=tuple(session.outcomes), position=1000)
        on.main.events.show(frame)
        assert "600 earlier commands" in on.main.events._body(100, frame)[0].text
        assert on.main.events.nr_lines < 2500


async def test_an_answer_of_thousands_of_lines_is_cut_and_counted() -> None:
    grep = "grep . /sys/devices/system/memory/memory*/state"
    async with stage(grep, machine="machine ram=256G block=128M") as on:
        blocks = on.session.view.nr_blocks
        assert len(on.last.output) == blocks
        log = on.main.events
        assert log.nr_lines < KEPT_PIECES + 10 < blocks
        assert (
            f"and {blocks + 1 - KEPT_PIECES} more lines" in log._body(100, on.main.shown)[-1].text
        )


STATE = "/sys/devices/system/memory/memory32/state"


async def test_a_recorded_step_has_its_words_in_the_log_its_heading_and_on_the_time_line() -> None:
    async with stage("add dimm0 256M", size=(100, 24)) as on:
        on.session.run(SysfsWrite("bogus", STATE))
        on.main.show_session()
        await on.pilot.pause()
        line = f"echo bogus > {STATE}"
        assert f"─ events ─ #2 {line}: EINVAL ─" in on.text
        assert any(row.startswith(f" #2 {line} ") and row.endswith(" EINVAL") for row in on.lines)
        assert any(row.startswith(" time ") and row.endswith(f" {line}") for row in on.lines)


@pytest.mark.parametrize(("theme", "sign"), [("dark", "…"), ("ascii", "~")])
async def test_a_long_command_gives_way_to_its_result(theme: str, sign: str) -> None:
    async with stage("add dimm0 256M", size=(60, 60), theme=theme) as on:
        on.session.run(SysfsWrite("bogus", STATE))
        on.main.show_session()
        await on.pilot.pause()
        assert any(re.fullmatch(rf" #2 echo bogus > /sys/.*{sign} EINVAL", x) for x in on.lines)
        assert any(re.fullmatch(rf" time .* echo bogus > /sys.*{sign}", x) for x in on.lines)
