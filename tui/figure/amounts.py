"""Amounts of memory for people: a size in the unit that fits, with the pages beside it."""

from __future__ import annotations

from typing import Final

from pfnmap.engine.memory.state import State
from pfnmap.engine.notation import format_size
from pfnmap.engine.sizes import counted, human_size

MOST_LETTERS: Final = 5
"""A number with more than four digits reads worse than one that is rounded."""


def human(size_bytes: int) -> str:
    """A size to one place in the largest unit it has one of, e.g. ``252M``, ``1.9G``.

    Where that is not exact and a whole number of the next unit is, it is that: ``2016M``.
    """
    if size_bytes == 0:
        return "0"
    unit = 1 << max(size_bytes.bit_length() - 1, 10) // 10 * 10
    exact = format_size(size_bytes)
    short = len(exact) <= MOST_LETTERS and size_bytes % (unit // 2)
    return exact if short else human_size(size_bytes)


def amount(nr_pages: int, state: State) -> str:
    """``2M (512 pages)``."""
    return f"{human(nr_pages * state.geometry.page_bytes)} ({counted(nr_pages, 'page')})"


def pages_words(nr_pages: int, block_pages: int) -> str:
    """A length as blocks where it is whole ones, else as pages."""
    blocks, rest = divmod(nr_pages, block_pages)
    return counted(nr_pages, "page") if rest else counted(blocks, "block")
