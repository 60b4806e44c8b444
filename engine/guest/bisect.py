"""Which of an ordered list is the first to fail, asking as few as possible."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Verdict(Enum):
    """What a kernel made of the claims."""

    HOLDS = "holds"
    FAILS = "fails"
    SKIPPED = "skipped"


def first_failing(count: int, test: Callable[[int], Verdict]) -> tuple[int | None, list[int]]:
    """The first that fails, and those right before it that could not be tested.

    What fails is taken to fail on all behind it, and is looked for by halving. None where no one
    fails that could be tested.
    """
    good, bad = -1, count
    skipped: set[int] = set()
    tested = iter([count - 1])  # whether there is anything to look for
    while left := [each for each in range(good + 1, bad) if each not in skipped]:
        middle = next(tested, left[(len(left) - 1) // 2])
        match test(middle):
            case Verdict.HOLDS:
                good = middle
            case Verdict.FAILS:
                bad = middle
            case Verdict.SKIPPED:
                skipped.add(middle)
    return (bad if bad < count else None), list(range(good + 1, bad))
