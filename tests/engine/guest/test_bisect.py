"""The first to fail of an ordered list."""

from __future__ import annotations

import pytest

from pfnmap.engine.guest.bisect import Verdict, first_failing

WORDS = {"+": Verdict.HOLDS, "-": Verdict.FAILS, "?": Verdict.SKIPPED}


@pytest.mark.parametrize(
    ("course", "first", "maybe"),
    [
        ("++++", None, []),
        ("++--", 2, []),
        ("----", 0, []),
        ("+++-", 3, []),
        ("+??-", 3, [1, 2]),
        ("+?--", 2, [1]),
        ("??", None, []),
        ("+-?", 1, []),
        ("?-", 1, [0]),
    ],
)
def test_the_first_is_found_and_what_was_passed_over_is_said(
    course: str, first: int | None, maybe: list[int]
) -> None:
    asked: list[int] = []

    def test(number: int) -> Verdict:
        asked.append(number)
        return WORDS[course[number]]

    found, passed = first_failing(len(course), test)
    assert (found, passed if found is not None else []) == (first, maybe)
    assert len(asked) == len(set(asked))


def test_few_are_asked() -> None:
    asked: list[int] = []

    def test(number: int) -> Verdict:
        asked.append(number)
        return WORDS["-" if number >= 700 else "+"]

    assert first_failing(1000, test) == (700, [])
    assert len(asked) <= 12
