"""What ``/`` finds: a block, an address, a pfn, a zone, a state or a device.

States are found by counting pages in coarse bins and going into the first bin that has
some, so a machine of 2^40 pages is searched in a handful of counts.
"""

from __future__ import annotations

import numpy as np

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZONE_BY_LABEL, PageState
from pfnmap.engine.view import View

BINS = 4096
KNOWN_OF_BLOCKS = frozenset({"offline", "online", "device"})
"""States that whole blocks and regions tell; the others are those of single pages."""

STATE_WORDS: dict[str, tuple[PageState, ...]] = {
    "offline": (PageState.OFFLINE,),
    "online": (PageState.ONLINE,),
    "vmemmap": (PageState.VMEMMAP,),
    "free": (
        PageState.FREE_DMA,
        PageState.FREE_DMA32,
        PageState.FREE_NORMAL,
        PageState.FREE_MOVABLE,
    ),
    "movable": (PageState.MOVABLE,),
    "unmovable": (PageState.UNMOVABLE,),
    "hugetlb": (PageState.HUGETLB, PageState.HUGETLB_OPTIMISED),
    "isolated": (PageState.ISOLATED,),
    "device": (PageState.DEVICE,),
    "reserved": (PageState.RESERVED,),
    "broken": (PageState.BROKEN,),
    "page-offline": (PageState.PAGE_OFFLINE,),
}
"""Words after ``state`` (or alone) and the page states that they mean."""

FORMS = (
    "block 34",
    "0x140000000 (an address)",
    "pfn 0x140000",
    "zone Movable",
    f"one of {' '.join(STATE_WORDS)}",
)
"""The forms a search may take, for messages and help."""


def find(view: View, words: str, from_pfn: int, *, forward: bool = True) -> int:
    """The pfn that a search means, going on from ``from_pfn`` and around the end.

    Raises InputError with one sentence when the words mean nothing or nothing is there.
    """
    first, _, rest = words.strip().partition(" ")
    rest = rest.strip()
    if not first:
        raise InputError(f"nothing to search for; try {', '.join(FORMS)}")
    if first in ("block", "blk", "memory"):
        return _block_start(view, _number(rest, FORMS[0]))
    if first == "pfn":
        return _existing(view, _number(rest, FORMS[2]))
    if first == "zone":
        return _zone_start(view, rest, from_pfn, forward=forward)
    if first in ("state", "kind"):
        return _state_pfn(view, rest, from_pfn, forward=forward)
    if first in ZONE_BY_LABEL and not rest:
        return _zone_start(view, first, from_pfn, forward=forward)
    if first.lower() in STATE_WORDS and not rest:
        return _state_pfn(view, first, from_pfn, forward=forward)
    if first.startswith("memory") and first[6:].isdigit():
        return _block_start(view, int(first[6:]))
    if first[0].isdigit() and not rest:
        return _existing(view, _number(first, FORMS[1]) // view.geometry.page_bytes)
    raise InputError(f"cannot search for {words.strip()!r}; try {', '.join(FORMS)}")


def _number(word: str, form: str) -> int:
    """The number in a search; ``form``: a search that has one, for the message."""
    if not word:
        raise InputError(f"the number is missing; try {form}")
    try:
        return int(word, 0)
    except ValueError:
        raise InputError(f"{word!r} is not a number (decimal or 0x…)") from None


def _block_start(view: View, block_id: int) -> int:
    row = view.block(block_id)
    if row is None:
        raise InputError(f"there is no memory block {block_id}")
    return row.start_pfn


def _existing(view: View, pfn: int) -> int:
    if not 0 <= pfn < view.end_pfn:
        raise InputError(f"pfn {pfn:#x} is behind the end of memory (pfn {view.end_pfn:#x})")
    return pfn


def _zone_start(view: View, label: str, from_pfn: int, *, forward: bool) -> int:
    known = {name.lower(): zone for name, zone in ZONE_BY_LABEL.items()}
    zone = known.get(label.lower())
    if zone is None:
        raise InputError(f"there is no zone {label!r}; zones are {' '.join(ZONE_BY_LABEL)}")
    starts = sorted(row.start_pfn for row in view.zones if row.zone == zone and row.spanned)
    if not starts:
        raise InputError(f"zone {zone.label} is empty on every node")
    if forward:
        return next((start for start in starts if start > from_pfn), starts[0])
    return next((start for start in reversed(starts) if start < from_pfn), starts[-1])


def _state_pfn(view: View, word: str, from_pfn: int, *, forward: bool) -> int:
    states = STATE_WORDS.get(word.lower())
    if states is None:
        raise InputError(f"there is no state {word!r}; states are {' '.join(STATE_WORDS)}")
    others = tuple(state for state in PageState if state not in states)
    if forward:
        start: int | None = from_pfn
        if from_pfn < view.end_pfn and view.page(from_pfn).state in states:
            start = _page_in(view, others, from_pfn, view.end_pfn)  # behind this run
        found = None if start is None else _page_in(view, states, start, view.end_pfn)
        found = _page_in(view, states, 0, view.end_pfn) if found is None else found
    else:
        found = _page_in(view, states, 0, from_pfn, last=True)
        found = _page_in(view, states, 0, view.end_pfn, last=True) if found is None else found
        if found is not None:  # where its run begins
            other = _page_in(view, others, 0, found, last=True)
            found = 0 if other is None else other + 1
    if found is None:
        raise InputError(_none_is(view, word.lower()))
    return found


def _none_is(view: View, word: str) -> str:
    """That no page is in a state, or on a real machine that none is known to be.

    There only the pages on the screen are read, if any may be.
    """
    if not view.real or word in KNOWN_OF_BLOCKS:
        return f"no page is {word}"
    how = f": {view.page_source}" if view.page_source else ", and none of them was read"
    return f"no page is known to be {word}; pages are read for what is on the screen{how}"


def _page_in(
    view: View, states: tuple[PageState, ...], start: int, end: int, *, last: bool = False
) -> int | None:
    """The first page in [start, end) in one of the states, or the last one."""
    while start < end:
        step = max(1, -(-(end - start) // BINS))
        edges = np.append(np.arange(start, end, step, dtype=np.int64), end)
        hits = np.flatnonzero(view.page_counts(edges)[:, list(states)].sum(axis=1))
        if not len(hits):
            return None
        bin_ = int(hits[-1 if last else 0])
        start, end = int(edges[bin_]), int(edges[bin_ + 1])
        if end - start == 1:
            return start
    return None
