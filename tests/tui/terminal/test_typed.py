"""What a terminal sends is cut into keys as it was typed, however it arrives."""

from __future__ import annotations

import random

import pytest
from textual.events import Key, MouseDown, Paste
from textual.message import Message

from pfnmap.tui.terminal.typed import Typed


def names(events: list[Message]) -> list[str]:
    """Keys by name, pastes in quotes, the mouse by where it is."""
    said = []
    for event in events:
        match event:
            case Key():
                said.append(event.key)
            case Paste():
                said.append(repr(event.text))
            case MouseDown():
                said.append(f"{event.x:.0f},{event.y:.0f}")
            case _:
                said.append(type(event).__name__)
    return said


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("ab\r", "a b enter"),
        ("6M\n", "6 M enter"),  # what the kernel makes of Enter for a shell
        ("\x1b", "escape"),
        ("\x1b\x1b", "escape escape"),
        ("\x1bq", "escape q"),
        ('\x1b:note "a rather long line behind it"\r', "escape colon n o t e"),
        ("\x1b[A\x1bOB\x1b[5~", "up down pageup"),
        ("\x1b\x1b[A", "escape up"),
        ("\x1b[[A", "f1"),
        ("\x1b[", "escape left_square_bracket"),
        ("\x1bO", "escape O"),
        ("\x1b[12", "escape left_square_bracket 1 2"),
        ("\x1b[<0;3;4M", "2,3"),
        ("\x1b[200~a\x1b[Ab\rc\x1b[201~d", "'a\\x1b[Ab\\rc' d"),
        ("\x1b[?61;6cd", "d"),  # an answer that nobody asked for
        ("\x1b[57;1;1;1;1Rq", "q"),
        ("ä→大", "ä rightwards_arrow 大"),
    ],
)
def test_keys(sent: str, typed: str) -> None:
    whole = Typed()
    found = names([*whole.feed(sent), *whole.over()])
    assert found[: len(typed.split(" "))] == typed.split(" ")
    one_by_one = Typed()
    events = [event for character in sent for event in one_by_one.feed(character)]
    assert names([*events, *one_by_one.over()]) == found
    assert names(list(one_by_one.feed("x"))) == ["x"]


def test_nothing_that_is_sent_stops_it() -> None:
    dice = random.Random(5)
    typed = Typed()
    for _ in range(3000):
        sent = "".join(dice.choices("\x1b\x1b[[O?<;:~0127MmAbcuR \r\x00\xff", k=dice.randint(1, 9)))
        list(typed.feed(sent))
        if dice.random() < 0.3:
            list(typed.over())
    list(typed.feed("\x1b[201~"))
    list(typed.over())
    assert names(list(typed.feed("x"))) == ["x"]
