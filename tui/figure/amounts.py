"""Amounts of memory for people: a size in the unit that fits, with the pages beside it."""

from __future__ import annotations

from typing import Final

from pfnmap.engine.memory.state import State
from pfnmap.engine.sizes_in_words import counted

MOST_UNITS: Final = 10_000
"""A number with more digits reads worse than one that is rounded."""
_UNITS: Final = "KMGTPE"


def human(size_bytes: int) -> str:
    """A size to one place in the largest unit it has one of, e.g. ``252M``, ``1.9G``.

    Where that is not exact and a whole number of the next unit is, it is that: ``2016M``.
    """
    if size_bytes == 0:
        return "0"
    power = min(max((size_bytes.bit_length() - 1) // 10, 1), len(_UNITS))
    if power > 1 and size_bytes * 10 % (1 << 10 * power):
        whole, rest = divmod(size_bytes, 1 << 10 * (power - 1))
        if not rest and whole < MOST_UNITS:
            return f"{whole}{_UNITS[power - 2]}"
    value = size_bytes / (1 << 10 * power)
    if value >= 1023.95 and power < len(_UNITS):
        value, power = value / 1024, power + 1  # rounded, it is one of the next unit
    return f"{value:.1f}".removesuffix(".0") + _UNITS[power - 1]


def amount(nr_pages: int, state: State) -> str:
    """``2M (512 pages)``."""
    return f"{human(nr_pages * state.geometry.page_bytes)} ({counted(nr_pages, 'page')})"


def pages_words(nr_pages: int, block_pages: int) -> str:
    """A length as blocks where it is whole ones, else as pages."""
    blocks, rest = divmod(nr_pages, block_pages)
    return counted(nr_pages, "page") if rest else counted(blocks, "block")
