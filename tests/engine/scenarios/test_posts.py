"""The five posts sentence by sentence: each that can be checked has a scenario that shows it.

``posts.txt`` numbers them, in words of our own, each with the lines of the post, the scenario and
what shows it there: a claim of the file (``expect …``, one key of it is enough), or what one of
its commands tells, in that order (``… > …``): pieces of ``function: text``, of log lines and of
refusals (``ERRNO function: rule``).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from pfnmap.engine.outcome import Outcome
from pfnmap.engine.scenarios.run import run_scenario
from tests.engine.scenarios.test_shipped import FILES, claims, loaded

LENGTHS = {"0": 166, "1": 60, "2": 90, "3": 48, "4": 508}
"""Post to the number of its lines."""
ROWS = [
    tuple(part.strip() for part in line.split(" | "))
    for line in (Path(__file__).parent / "posts.txt").read_text("ascii").splitlines()
    if line and not line.startswith("#")
]


@cache
def told(name: str) -> tuple[tuple[str, ...], ...]:
    """What each command of a scenario tells, a line for each phase, log line and refusal."""
    return tuple(_lines(step.outcome) for step in run_scenario(loaded(name)).steps)


def _lines(outcome: Outcome) -> tuple[str, ...]:
    lines: list[str] = []
    for event in outcome.events:
        lines += [f"{event.function}: {event.text}", *event.log]
    if (no := outcome.refusal) is not None:
        lines.append(f"{no.errno} {no.function}: {no.rule}")
    return tuple(lines)


def _in_order(lines: tuple[str, ...], pieces: list[str]) -> bool:
    rest = iter(lines)
    return all(any(piece in line for line in rest) for piece in pieces)


def is_shown(name: str, evidence: str) -> bool:
    """Whether a scenario has the claim, or tells the pieces in their order."""
    if evidence.startswith("expect "):
        return evidence.removeprefix("expect ") in set(claims(name))
    return any(_in_order(lines, evidence.split(" > ")) for lines in told(name))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_scenario_shows_the_sentence(row: tuple[str, ...]) -> None:
    _number, _place, sentence, name, evidence = row
    assert name in FILES, f"{sentence}: there is no scenario {name}"
    assert is_shown(name, evidence), f"{sentence}: {name} does not show {evidence!r}"


def test_the_list_is_numbered_and_names_lines_of_the_posts() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 100
    for _, place, *_ in ROWS:
        match = re.fullmatch(r"([0-4]):(\d+)(?:-(\d+))?", place)
        assert match, place
        first, last = int(match[2]), int(match[3] or match[2])
        assert 1 <= first <= last <= LENGTHS[match[1]], place
    assert {place[0] for _, place, *_ in ROWS} == set(LENGTHS)
    assert len({row[2] for row in ROWS}) == len(ROWS)


def test_what_is_not_told_is_not_shown() -> None:
    assert not is_shown("v2-1g-device-refcount", "expect device dimm0 refcount=7")
    assert not is_shown(
        "v2-1g-device-refcount", "mark_vmemmap_pages: head > __add_pages: the altmap"
    )
