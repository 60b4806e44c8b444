"""What single pages of a real machine are, for the range of pfns that is being looked at.

Everything in a small range is read. Of a large one every n-th page is, in pieces spread
evenly, and each piece stands for the stretch it was taken from: then :attr:`PageKinds.every`
is n, and :attr:`PageKinds.words` says so.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pfnmap.engine.kinds import PageState
from pfnmap.engine.sysroot.page_flags import NOT_SAID, Flags, States, flag_words
from pfnmap.engine.sysroot.page_runs import OPEN_KINDS, PageRuns, merged_runs

Pfns = NDArray[np.int64]

CANNOT_MOVE = (int(PageState.UNMOVABLE), int(PageState.RESERVED))
"""Page states that make offlining a block fail with EBUSY."""


class PageKinds(Struct, frozen=True, eq=False):
    """Pages that were read: columns with one entry a page, ascending."""

    pfns: Pfns
    starts: Pfns
    """First of the pfns that the page stands for: itself, or where pages are sampled, more."""
    ends: Pfns
    states: States
    flags: Flags
    counts: Flags | None
    """How often each page is mapped; None where that cannot be read."""
    every: int = 1
    """One of so many pages was read."""
    notes: tuple[str, ...] = ()
    """What could not be read, and why."""

    @property
    def words(self) -> str:
        """For a heading: how the pages are known; nothing where none was read."""
        if not len(self.pfns):
            return ""
        return "pages read" if self.every == 1 else f"pages sampled, 1 of {self.every}"

    def same_as(self, other: PageKinds | None) -> bool:
        """Whether another reading says the same."""
        return (
            other is not None
            and self.notes == other.notes
            and np.array_equal(self.pfns, other.pfns)
            and np.array_equal(self.ends, other.ends)
            and np.array_equal(self.states, other.states)
        )

    def page_words(self, pfn: int) -> str:
        """The flags of a page and how often it is mapped; nothing where it was not read."""
        index = int(np.searchsorted(self.pfns, pfn))
        if index >= len(self.pfns) or self.pfns[index] != pfn:
            return ""
        words = flag_words(int(self.flags[index]))
        if self.counts is None:
            return words
        times = int(self.counts[index])
        return f"{words}, mapped {times} time{'s' * (times != 1)}"

    def nr_read(self, start_pfn: int, end_pfn: int) -> int:
        """How many pages of a range of pfns were read."""
        low, high = np.searchsorted(self.pfns, (start_pfn, end_pfn)).tolist()
        return int(high - low)


def nothing_read(notes: tuple[str, ...]) -> PageKinds:
    """No page is known, and why."""
    none = np.zeros(0, np.int64)
    return PageKinds(
        none, none, none, none.astype(np.int8), none.astype(np.uint64), None, notes=notes
    )


def overlay(runs: PageRuns, kinds: PageKinds) -> PageRuns:
    """Runs in which online memory is what its flags say, where they were read."""
    said = kinds.states != NOT_SAID
    starts, ends, states = kinds.starts[said], kinds.ends[said], kinds.states[said]
    if not len(starts):
        return runs
    fresh = np.concatenate(([True], (starts[1:] != ends[:-1]) | (states[1:] != states[:-1])))
    starts, ends, states = starts[fresh], ends[np.roll(fresh, -1)], states[fresh]
    edges = np.unique(np.concatenate((runs.starts, runs.ends, starts, ends)))
    lows, highs = edges[:-1], edges[1:]
    under = np.searchsorted(runs.starts, lows, side="right") - 1
    inside = (under >= 0) & (lows < runs.ends[np.maximum(under, 0)])
    known = np.where(inside, runs.kinds[np.maximum(under, 0)], int(PageState.HOLE))
    over = np.searchsorted(starts, lows, side="right") - 1
    read = (over >= 0) & (lows < ends[np.maximum(over, 0)])
    open_to = np.isin(known, OPEN_KINDS)
    result = np.where(read & open_to, states[np.maximum(over, 0)], known).astype(np.int64)
    keep = result != PageState.HOLE
    return merged_runs(lows[keep], highs[keep], result[keep], runs.devices)
