"""What single pages of a real machine are, for the range of pfns that is being looked at.

``/proc/kpageflags`` and ``/proc/kpagecount`` say it, 8 bytes a page frame. Bits are those of
``include/uapi/linux/kernel-page-flags.h`` (0 to 26, part of the ABI) and of
``include/linux/kernel-page-flags.h`` (from 32 on, for kernel hackers, and stable all the same);
``fs/proc/page.c:stable_page_flags`` sets them.

Everything in a small range is read. Of a large one every n-th page is, in pieces spread
evenly, and each piece stands for the stretch it was taken from: then :attr:`PageKinds.every`
is n, and :attr:`PageKinds.words` says so.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import PageState
from pfnmap.engine.sysroot.page_runs import OPEN_KINDS, PageRuns, merged_runs

Flags = NDArray[np.uint64]
States = NDArray[np.int8]
"""PageState of each page; NOT_SAID where the flags say nothing."""

NOT_SAID = -1

KPF: dict[str, int] = {
    "LOCKED": 0,
    "ERROR": 1,
    "REFERENCED": 2,
    "UPTODATE": 3,
    "DIRTY": 4,
    "LRU": 5,
    "ACTIVE": 6,
    "SLAB": 7,
    "WRITEBACK": 8,
    "RECLAIM": 9,
    "BUDDY": 10,
    "MMAP": 11,
    "ANON": 12,
    "SWAPCACHE": 13,
    "SWAPBACKED": 14,
    "COMPOUND_HEAD": 15,
    "COMPOUND_TAIL": 16,
    "HUGE": 17,
    "UNEVICTABLE": 18,
    "HWPOISON": 19,
    "NOPAGE": 20,
    "KSM": 21,
    "THP": 22,
    "OFFLINE": 23,
    "ZERO_PAGE": 24,
    "IDLE": 25,
    "PGTABLE": 26,
    "RESERVED": 32,
    "MLOCKED": 33,
    "PRIVATE": 35,
    "PRIVATE_2": 36,
    "OWNER_PRIVATE": 37,
    "ARCH": 38,
    "UNCACHED": 39,
    "SOFTDIRTY": 40,
    "ARCH_2": 41,
}
"""Name behind ``KPF_`` to bit number."""

_MOVABLE_BITS = (
    "LRU",
    "ANON",
    "SWAPBACKED",
    "SWAPCACHE",
    "UNEVICTABLE",
    "MLOCKED",
    "KSM",
    "THP",
    "UPTODATE",
)
"""Anonymous memory and page cache, also while it is off its LRU list for a moment."""


def bit(*names: str) -> np.uint64:
    """These flags as a mask."""
    return np.uint64(sum(1 << KPF[name] for name in names))


def page_states(
    pfns: NDArray[np.int64], flags: Flags, counts: Flags | None, free: States
) -> States:
    """The state of each of these pages (``pfns`` ascend).

    ``free``: for each page FREE_* of the zone it is in, ONLINE where the zone is not known;
    ``counts``: how often each is mapped, None where that cannot be read. What the kernel holds
    for itself cannot move; in zone Movable it holds nothing. Tails of a compound page are what
    their head is: kernels before 6.10 give them no flags of their own. A page without any flag
    may be the kernel's own, free on a CPU's list, or not initialised yet: nothing is said of it.
    """
    movable_zone = free == PageState.FREE_MOVABLE
    states = np.full(len(flags), int(PageState.UNMOVABLE), np.int8)
    states[movable_zone] = int(PageState.MOVABLE)
    tails = _tails_without_flags(flags)
    states[tails] = _of_heads(pfns, flags, counts, movable_zone)[tails]
    # From the weakest word to the strongest.
    for mask, state in (
        (bit(*_MOVABLE_BITS), PageState.MOVABLE),
        (bit("SLAB", "PGTABLE"), PageState.UNMOVABLE),
        (bit("RESERVED", "ZERO_PAGE"), PageState.RESERVED),
    ):
        states[(flags & mask) != 0] = int(state)
    buddy = (flags & bit("BUDDY")) != 0
    states[buddy] = free[buddy]
    for mask, said in (
        (bit("HUGE"), int(PageState.HUGETLB)),
        (bit("OFFLINE", "HWPOISON"), int(PageState.PAGE_OFFLINE)),
        (bit("NOPAGE"), NOT_SAID),
    ):
        states[(flags & mask) != 0] = said
    states[flags == 0] = NOT_SAID
    return states


def _tails_without_flags(flags: Flags) -> NDArray[np.bool_]:
    """Tail pages that nothing is said of but that they are one."""
    telling = bit(*_MOVABLE_BITS, "SLAB", "PGTABLE", "RESERVED", "BUDDY", "HUGE", "OFFLINE")
    return np.asarray(((flags & bit("COMPOUND_TAIL")) != 0) & ((flags & telling) == 0))


def _of_heads(
    pfns: NDArray[np.int64], flags: Flags, counts: Flags | None, movable_zone: NDArray[np.bool_]
) -> States:
    """For each tail what the head before it is; ONLINE where the head was not read."""
    places = np.arange(len(flags))
    is_head = (flags & bit("COMPOUND_HEAD")) != 0
    head = np.maximum.accumulate(np.where(is_head, places, -1))
    # Between a head and its tails there is nothing but tails, and no pfn is left out.
    strange = (flags & bit("COMPOUND_TAIL")) == 0
    strange[1:] |= np.diff(pfns) != 1
    other = np.maximum.accumulate(np.where(strange & ~is_head, places, -1))
    known = (head >= 0) & (head > other)
    of_head = flags[np.maximum(head, 0)]
    states = np.where((of_head & bit(*_MOVABLE_BITS)) != 0, PageState.MOVABLE, PageState.UNMOVABLE)
    states = np.where(known, states, PageState.ONLINE)
    mapped = np.zeros(len(flags), bool) if counts is None else counts > 0
    states = np.where(~known & mapped | movable_zone, PageState.MOVABLE, states)
    return states.astype(np.int8)


def flag_words(flags: int) -> str:
    """The names of the flags that are set, e.g. ``KPF_LRU KPF_ANON``."""
    names = [f"KPF_{name}" for name, number in KPF.items() if flags >> number & 1]
    return " ".join(names) or "no KPF flag"


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
