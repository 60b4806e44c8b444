"""A scenario becomes beats: what is done, what is said, and for how long."""

from __future__ import annotations

import pytest

from pfnmap.engine.errors import ParseError
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.tui.pictures.cast.script import (
    EFFECT_MS,
    LONGEST_NOTE_MS,
    MOVE_MS,
    OPENING_MS,
    reading_ms,
    script_of,
)


def test_commands_notes_and_pauses_become_beats() -> None:
    script = script_of(
        parse_scenario(
            'title "the story"\n'
            "machine ram=1G\n"
            "pause 250ms\n"
            "add dimm0 256M  # a comment\n"
            "goto block 32\n"
            'note "look"\n'
            "pause 2s\n"
            "pause 1s\n"
            "expect ok\n"
        )
    )
    assert script.title == "the story"
    assert [(b.line, b.note, b.hold_ms, b.pause_ms) for b in script.beats] == [
        ("", "", OPENING_MS, 250),
        ("add dimm0 256M", "", EFFECT_MS, 0),
        ("goto block 32", "", MOVE_MS, 0),
        ("", "look", reading_ms("look"), 3000),
    ]
    assert script.beats[1].outcome is not None
    assert script.failures == []


def test_what_is_for_the_reader_stands_with_the_beat_behind_it() -> None:
    script = script_of(
        parse_scenario(
            'title "t"\nadd d 256M\nexpect ok\nnote "n"\nonline d\npause 1s\nexpect ok\n'
        )
    )
    told = [[type(command).__name__ for command in beat.told] for beat in script.beats]
    assert told == [[], ["Title"], ["Expect", "Note"], []]
    assert [type(command).__name__ for command in script.told] == ["Pause", "Expect"]


def test_expectations_that_do_not_hold_are_named_with_their_place() -> None:
    script = script_of(parse_scenario("add dimm0 256M\nexpect errno=EBUSY\n", "a.hotplug"))
    (failure,) = script.failures
    assert failure.startswith("a.hotplug:2: ")


def test_a_line_that_cannot_be_done_is_named() -> None:
    with pytest.raises(ParseError, match=r"^b\.hotplug:2:8: dimm7: "):
        script_of(parse_scenario('note "x"\nonline dimm7\n', "b.hotplug"))


@pytest.mark.parametrize("place", ["0x10000000", "block 4096", "64G", "dimm7+1"])
def test_a_place_that_is_not_there_is_named_before_anything_is_drawn(place: str) -> None:
    with pytest.raises(ParseError, match=r"^b\.hotplug:2:"):
        script_of(parse_scenario(f"machine ram=1G\ngoto {place}\n", "b.hotplug"))


def test_reading_time_grows_with_the_words_but_not_without_end() -> None:
    assert reading_ms("") < reading_ms("x" * 40) < reading_ms("x" * 80)
    assert reading_ms("x" * 10_000) == LONGEST_NOTE_MS
