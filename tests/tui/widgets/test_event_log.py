"""The log: commands, phases, kernel lines, refusals; newest last."""

from __future__ import annotations

from engine.errors import InputError
from tests.tui.stage import DIMM, session_of, stage
from tui.widgets.event_log import outcome_pieces


def test_a_command_its_phases_and_its_result() -> None:
    outcome = session_of(*DIMM).outcomes[1]
    pieces = outcome_pieces(2, outcome)
    assert (pieces[0].text, pieces[0].right) == ("#2 online dimm0[0] movable", "0")
    assert "move_pfn_range_to_zone" in [piece.head for piece in pieces]
    assert "Policy zone: DMA32" in [piece.text for piece in pieces if piece.role == "log"]


def test_a_refusal_has_errno_words_function_and_rule() -> None:
    outcome = session_of("add dimm0 256M", "remove 32", "online 32", "remove 32").outcomes[-1]
    pieces = outcome_pieces(4, outcome)
    assert outcome.refusal is not None
    assert pieces[0].right == outcome.refusal.errno
    last = pieces[-1]
    assert (last.role, last.head) == ("refusal", outcome.refusal.function)
    assert last.text.startswith(f"{outcome.refusal.errno} ({outcome.refusal.shell_text}): ")


def test_slow_motion_shows_the_phases_so_far() -> None:
    outcome = session_of(*DIMM).outcomes[1]
    pieces = outcome_pieces(2, outcome, 2)
    assert pieces[0].right == f"phase 2 of {len(outcome.events)}"
    heads = [piece.head for piece in pieces if piece.head]
    assert heads == [event.function for event in outcome.events[:2]]


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
