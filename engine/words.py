"""Numbers and ranges in sentences."""

from __future__ import annotations

from collections.abc import Iterable


def counted(number: int, noun: str) -> str:
    """``1 block``, ``2 blocks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ranged(noun: str, first: int, last: int) -> str:
    """``block 3``, ``blocks 3-5``; ``last`` is the last of them."""
    return f"{noun} {first}" if first == last else f"{noun}s {first}-{last}"


def listed(ranges: Iterable[tuple[int, int]]) -> str:
    """(first, last) of each range as ``32-34,40``."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
