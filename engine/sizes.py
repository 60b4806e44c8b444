"""Numbers, ranges and sizes as people read them; ``human_size`` is how lsmem writes a size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def counted(number: int, noun: str) -> str:
    """``1 block``, ``2 blocks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ranged(noun: str, first: int, last: int) -> str:
    """``block 3``, ``blocks 3-5``; ``last`` is the last of them."""
    return f"{noun} {first}" if first == last else f"{noun}s {first}-{last}"


def listed(ranges: Iterable[tuple[int, int]]) -> str:
    """(first, last) of each range as ``32-34,40``."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def format_mask(nodes: Sequence[int]) -> str:
    """A node list as sysfs prints it: ``0-1,3``."""
    parts: list[list[int]] = []
    for node in nodes:
        if parts and node == parts[-1][1] + 1:
            parts[-1][1] = node
        else:
            parts.append([node, node])
    return listed((first, last) for first, last in parts)


def human_size(nr_bytes: int) -> str:
    """A size as lsmem prints it: the largest unit, one decimal rounded half up."""
    if nr_bytes <= 0:
        return "0B"
    exponent = min((nr_bytes.bit_length() - 1) // 10, 6)
    unit = 1 << 10 * exponent
    tenths = (nr_bytes * 10 + unit // 2) // unit
    if tenths >= 10240 and exponent < 6:
        tenths, exponent = 10, exponent + 1
    whole, rest = divmod(tenths, 10)
    return f"{whole}{f'.{rest}' if rest else ''}{'BKMGTPE'[exponent]}"
