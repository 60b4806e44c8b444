"""Making what failed as short as it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Piece = TypeVar("Piece")
MAX_TRIES = 400


def shortest(
    pieces: list[Piece],
    fails: Callable[[list[Piece]], bool],
    *,
    keep: int = 0,
    max_tries: int = MAX_TRIES,
) -> list[Piece]:
    """The shortest list found by taking pieces out while it still fails.

    The first ``keep`` pieces stay. After ``max_tries`` trials it is short enough.
    """
    step = max(1, len(pieces) // 2)
    while step:
        position = keep
        while position < len(pieces) and max_tries:
            shorter = pieces[:position] + pieces[position + step :]
            max_tries -= 1
            if fails(shorter):
                pieces = shorter
            else:
                position += step
        step //= 2
    return pieces
