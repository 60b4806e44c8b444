"""Reading ``/proc/kpageflags`` and ``/proc/kpagecount`` (8 bytes a page frame, root only).

Both are read for a range of pfns only, where the blocks' files say that memory is online. Of
more than :data:`EXACT_PAGES` pages a sample is read.
"""

from __future__ import annotations

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.memory.runs import one_by_one
from pfnmap.engine.sysroot.page_kinds import Flags, PageKinds, nothing_read, page_states
from pfnmap.engine.sysroot.trees import FileProblem, Notes, Reachable
from pfnmap.engine.sysroot.view import SysrootView

KPAGEFLAGS = "proc/kpageflags"
KPAGECOUNT = "proc/kpagecount"
ENTRY_BYTES = 8

EXACT_PAGES = 1 << 17
"""The largest range of which every page is read: some hundredths of a second."""
MOST_PAGES = 1 << 16
"""Pages that are read of a larger one, which takes as long."""
LONGEST_PAGES = 1 << 14
"""Most pages that one system call reads."""

Pieces = NDArray[np.int64]
"""int64 (n, 3): first pfn, pages to read from there on, and pages that these stand for."""


def read_pages(tree: Reachable, view: SysrootView, *spans: tuple[int, int]) -> PageKinds:
    """What the online pages of [low_pfn, high_pfn) are; where that is not known, why.

    ``spans``: one or several such ranges, ascending and disjoint.
    """
    notes = Notes()
    big_endian = view.geometry.arch == "s390x" or view.observation.arch == "ppc64"
    order = ">" if big_endian else "<"
    ranges = np.concatenate([view.online_ranges(*span) for span in spans])
    pieces, every = _pieces(ranges, tree.piece_bytes // ENTRY_BYTES)
    flags, lengths = _entries(tree, KPAGEFLAGS, order, notes, pieces)
    pieces, lengths = pieces[lengths > 0], lengths[lengths > 0]
    there = np.column_stack((pieces[:, 0], lengths, pieces[:, 2]))
    counts, counted = _entries(tree, KPAGECOUNT, order, notes, there)
    if not len(flags):
        return nothing_read(notes.lines())
    pfns, starts, ends = _places(pieces, lengths)
    known = counts if np.array_equal(counted, lengths) else None
    states = page_states(pfns, flags, known, view.free_states(pfns))
    return PageKinds(pfns, starts, ends, states, flags, known, every, notes.lines())


def _pieces(ranges: NDArray[np.int64], piece_pages: int) -> tuple[Pieces, int]:
    """What to read of the ranges, and one of how many pages that is.

    ``piece_pages``: neighbours that are read together where a range is sampled.
    """
    nr_pages = int((ranges[:, 1] - ranges[:, 0]).sum())
    every = 1 if nr_pages <= EXACT_PAGES else -(-nr_pages // MOST_PAGES)
    step = LONGEST_PAGES if every == 1 else piece_pages * every
    firsts = [np.arange(low, high, step, dtype=np.int64) for low, high in ranges.tolist()]
    if not firsts:
        return np.zeros((0, 3), np.int64), every
    first = np.concatenate(firsts)
    high = np.repeat(ranges[:, 1], [len(part) for part in firsts])
    stands_for = np.minimum(high - first, step)
    return np.column_stack((first, -(-stands_for // every), stands_for)), every


def _places(pieces: Pieces, lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """The pfn of each page that was read, and the [start, end) that it stands for."""
    piece, offset = one_by_one(lengths)
    first, wanted, stands_for = pieces[piece].T
    starts = first + offset * stands_for // wanted
    ends = first + (offset + 1) * stands_for // wanted
    return first + offset, starts, ends


def _entries(
    tree: Reachable, path: str, order: str, notes: Notes, pieces: Pieces
) -> tuple[Flags, NDArray[np.int64]]:
    """One of the two files: the entries of all pieces in a row, and how many of each piece.

    What lies behind the file's end is short; where it cannot be read, which is noted, is nothing.
    """
    wanted = [(first * ENTRY_BYTES, count * ENTRY_BYTES) for first, count, _ in pieces.tolist()]
    try:
        found = tree.ranges(path, wanted)
    except FileProblem as problem:
        notes.problem(problem)
        found = []
    if found and not any(found):
        notes.add(f"{path} has nothing about these pages")
    whole = [data[: len(data) // ENTRY_BYTES * ENTRY_BYTES] for data in found]
    lengths = np.zeros(len(pieces), np.int64)
    lengths[: len(whole)] = [len(data) // ENTRY_BYTES for data in whole]
    return np.frombuffer(b"".join(whole), f"{order}u8").astype(np.uint64), lengths
