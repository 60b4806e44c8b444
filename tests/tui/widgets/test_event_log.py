"""The log: commands, phases, kernel lines, refusals; newest last."""

from __future__ import annotations

from engine.errors import InputError
from tests.tui.stage import DIMM, session_of, stage


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
        assert "─ events ─ #2 online dimm0[0] movable: 0 ─" in on.text


async def test_hostile_text_is_shown_as_text() -> None:
    async with stage() as on:
        on.main.acts.complain(str(InputError("\x1b[31m [bold]x[/] \u202e")))
        await on.keys("escape")
        assert "?[31m [bold]x[/] ?" in on.text


async def test_ten_thousand_commands_stay_light() -> None:
    session = session_of(*["set memmap_on_memory=N", "set memmap_on_memory=Y"] * 500)
    async with stage(*DIMM) as on:
        on.main.events.show(session.outcomes, 1000, None)
        assert "600 earlier commands" in on.main.events._body(100)[0].text
        assert on.main.events.nr_lines < 2500
