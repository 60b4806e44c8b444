"""What happened, told in lines."""

from __future__ import annotations

from pfnmap.engine.commands import SysfsWrite
from pfnmap.tui.say.told import outcome_pieces, result_words
from tests.tui.stage import DIMM, session_of


def test_a_command_its_phases_and_its_result() -> None:
    pieces = outcome_pieces(session_of(*DIMM).outcomes, 1)
    assert (pieces[0].text, pieces[0].right) == ("#2 online dimm0[0] movable", "ok")
    assert "move_pfn_range_to_zone" in [piece.head for piece in pieces]
    assert "Policy zone: DMA32" in [piece.text for piece in pieces if piece.role == "log"]


def test_a_refusal_has_errno_words_function_and_rule() -> None:
    outcomes = session_of("add dimm0 256M", "online 32", "remove 32").outcomes
    outcome, pieces = outcomes[2], outcome_pieces(outcomes, 2)
    assert outcome.refusal is not None
    assert pieces[0].right == outcome.refusal.errno
    last = pieces[-1]
    assert (last.role, last.head) == ("refusal", outcome.refusal.function)
    assert last.text.startswith(f"{outcome.refusal.errno} ({outcome.refusal.shell_text}): ")


def test_slow_motion_shows_the_phases_so_far() -> None:
    outcomes = session_of(*DIMM).outcomes
    outcome, pieces = outcomes[1], outcome_pieces(outcomes, 1, 2)
    assert pieces[0].right == f"phase 2 of {len(outcome.events)}"
    heads = [piece.head for piece in pieces if piece.head]
    assert heads == [event.function for event in outcome.events[:2]]


def test_claims_are_checked_where_they_stand() -> None:
    claims = ("expect block 32 state=online zone=Movable", "expect zone Movable spanned=1")
    outcomes = session_of(*DIMM, *claims, "expect ok", "offline 32").outcomes
    assert [result_words(outcomes, i) for i in range(2, 6)] == [
        "holds", "does not hold", "holds", "ok",
    ]  # fmt: skip
    pieces = outcome_pieces(outcomes, 3)
    assert pieces[0].bad
    assert pieces[1].text == "zone Movable spanned: expected 1, is 32768"


def test_notes_are_words_for_the_reader() -> None:
    outcomes = session_of('note "look at the span"').outcomes
    assert [(p.role, p.text) for p in outcome_pieces(outcomes, 0)] == [
        ("accent", "look at the span")
    ]


def test_a_command_that_was_never_a_line_is_told_in_normal_form() -> None:
    session = session_of()
    session.run(SysfsWrite("nope", "/sys/devices/system/memory/auto_online_blocks"))
    heading = outcome_pieces(session.outcomes, 0)[0]
    assert heading.text == "#1 echo nope > /sys/devices/system/memory/auto_online_blocks"
    assert heading.right == "EINVAL"
