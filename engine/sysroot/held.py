"""Pages that are known not to move, placed in the machine that stands for a real one.

Known pages are runs, int64 (n, 3) of first pfn, page state and number of pages, ascending and
disjoint; :func:`coded_runs` makes a short text of them for a journal.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from typing import Final

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, PageState, ZoneType
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.page_map import zone_pieces
from pfnmap.engine.memory.runs import RunMap, one_by_one
from pfnmap.engine.memory.state import TAKEN_DTYPE, State
from pfnmap.engine.sysroot.page_kinds import CANNOT_MOVE, PageKinds

HeldRuns = NDArray[np.int64]

MAX_HELD_PAGES: Final = 1 << 20
"""More than one look at a machine reads; a text with more of them is none of ours."""
_END_PFN: Final = 1 << 52
_RUN_BYTES: Final = 3 * 8


def held_runs(kinds: PageKinds) -> HeldRuns:
    """Every page that was read and cannot move; of a sample only the pages themselves."""
    held = np.isin(kinds.states, CANNOT_MOVE)
    pfns, what = kinds.pfns[held], kinds.states[held].astype(np.int64)
    fresh = np.ones(len(pfns), bool)
    fresh[1:] = (np.diff(pfns) != 1) | (np.diff(what) != 0)
    firsts = np.flatnonzero(fresh)
    return np.column_stack((pfns[firsts], what[firsts], np.diff(firsts, append=len(pfns))))


def with_held(state: State, kinds: PageKinds) -> State:
    """The state with every page that was read and cannot move taken (:func:`with_held_runs`)."""
    return with_held_runs(state, held_runs(kinds))


def with_held_runs(state: State, runs: HeldRuns) -> State:
    """The state with these pages taken as a pin takes them: they are not free any more.

    Left as they are: pages that are taken already, and those where a pin finds nothing to
    take, in blocks that are not online and where a block holds its own struct pages.
    """
    starts, kinds, counts = runs.T
    which, place = one_by_one(counts)
    pfns, what = starts[which] + place, kinds[which]
    open_to = _can_be_pinned(state, pfns)
    pfns, what = pfns[open_to], what[open_to]
    if not len(pfns):
        return state
    rows = np.zeros(len(pfns), TAKEN_DTYPE)
    rows["start"], rows["count"] = pfns, 1
    rows["kind"], rows["owner"] = what, -1
    both = np.concatenate((state.taken.rows, rows))
    taken = RunMap.from_rows(both[np.argsort(both["start"], kind="stable")])
    # Reserved pages never were the allocator's: managed, and so free, does not count them.
    return _less_free(replace(state, taken=taken), pfns[what == PageState.UNMOVABLE])


def _can_be_pinned(state: State, pfns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pages nothing has taken yet, in online blocks and behind their struct pages."""
    blocks, taken = state.blocks.rows, state.taken.rows
    if not len(blocks):
        return np.zeros(len(pfns), bool)
    number, offset = np.divmod(pfns, state.geometry.block_pages)
    at = np.searchsorted(blocks["start"], number, side="right") - 1
    row = blocks[at]
    out = (at >= 0) & (number < row["start"] + row["count"])
    out &= (row["state"] == BlockState.ONLINE) & (offset >= row["vmemmap"])
    if len(taken):
        at = np.searchsorted(taken["start"], pfns, side="right") - 1
        out &= (at < 0) | (pfns >= (taken["start"] + taken["count"])[at])
    return np.asarray(out, bool)


def _less_free(state: State, pfns: NDArray[np.int64]) -> State:
    """The state in which these pages (ascending, of online blocks) are free no more."""
    if not len(pfns):
        return state
    for low, high, node, zone_type in zone_pieces(state, int(pfns[0]), int(pfns[-1]) + 1):
        first, end = np.searchsorted(pfns, (low, high)).tolist()
        if first < end and zone_type != ZoneType.NONE:
            kind = free_memory.zone_class(zone_type)
            state = free_memory.change(state, node, kind, first - end)
    return state


# -- in a journal ------------------------------------------------------------------------
def coded_runs(runs: HeldRuns) -> str:
    """The runs as a text without blanks: compressed columns; empty for no run."""
    if not len(runs):
        return ""
    return b64encode(zlib.compress(runs.T.astype("<i8").tobytes(), 9)).decode("ascii")


def decoded_runs(text: str) -> HeldRuns:
    """The runs that a text of :func:`coded_runs` stands for; InputError for any other text."""
    if not text:
        return np.zeros((0, 3), np.int64)
    runs = _unpacked(text)
    if runs is None or not _in_order(runs):
        raise InputError("the pages that were held when it began cannot be read")
    return runs


def _unpacked(text: str) -> HeldRuns | None:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(b64decode(text, validate=True), MAX_HELD_PAGES * _RUN_BYTES)
    except (ValueError, zlib.error):
        return None
    if not unpacker.eof or len(data) % _RUN_BYTES:
        return None
    return np.frombuffer(data, "<i8").astype(np.int64).reshape(3, -1).T


def _in_order(runs: HeldRuns) -> bool:
    """Whether the runs are such as :func:`held_runs` gives."""
    starts, kinds, counts = runs.T
    sound = np.isin(kinds, CANNOT_MOVE) & (starts >= 0) & (starts < _END_PFN)
    sound &= (counts > 0) & (counts <= MAX_HELD_PAGES)
    if not sound.all() or counts.sum() > MAX_HELD_PAGES:
        return False
    return bool((starts[1:] >= (starts + counts)[:-1]).all())
