"""Reading ``/proc/kpageflags`` and ``/proc/kpagecount`` (8 bytes a page frame, root only).

Both are read for a range of pfns only, where the blocks' files say that memory is online. Of
more than :data:`EXACT_PAGES` pages a sample is read.
"""

from __future__ import annotations

import os
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from pfnmap.engine.memory.runs import one_by_one
from pfnmap.engine.sysroot.files import DirectoryTree, FileProblem, Notes
from pfnmap.engine.sysroot.page_kinds import Flags, PageKinds, nothing_read, page_states
from pfnmap.engine.sysroot.view import SysrootView

KPAGEFLAGS = "proc/kpageflags"
KPAGECOUNT = "proc/kpagecount"
ENTRY_BYTES = 8

EXACT_PAGES = 1 << 17
"""The largest range of which every page is read: some hundredths of a second."""
MOST_PAGES = 1 << 16
"""Pages that are read of a larger one, which takes as long."""
PIECE_PAGES = 16
"""Neighbouring pages that are read together where a range is sampled."""
LONGEST_PAGES = 1 << 14
"""Most pages that one system call reads."""

Pieces = NDArray[np.int64]
"""int64 (n, 3): first pfn, pages to read from there on, and pages that these stand for."""


def read_pages(tree: DirectoryTree, view: SysrootView, *spans: tuple[int, int]) -> PageKinds:
    """What the online pages of [low_pfn, high_pfn) are; where that is not known, why.

    ``spans``: one or several such ranges, ascending and disjoint.
    """
    notes = Notes()
    big_endian = view.geometry.arch == "s390x" or view.observation.arch == "ppc64"
    order = ">" if big_endian else "<"
    pieces, every = _pieces(np.concatenate([view.online_ranges(*span) for span in spans]))
    with _Entries(tree, KPAGEFLAGS, order, notes) as file:
        flags, lengths = file.read(pieces)
    pieces, lengths = pieces[lengths > 0], lengths[lengths > 0]
    with _Entries(tree, KPAGECOUNT, order, notes) as file:
        counts, counted = file.read(np.column_stack((pieces[:, 0], lengths, pieces[:, 2])))
    if not len(flags):
        return nothing_read(notes.lines())
    pfns, starts, ends = _places(pieces, lengths)
    known = counts if np.array_equal(counted, lengths) else None
    states = page_states(pfns, flags, known, view.free_states(pfns))
    return PageKinds(pfns, starts, ends, states, flags, known, every, notes.lines())


def _pieces(ranges: NDArray[np.int64]) -> tuple[Pieces, int]:
    """What to read of the ranges, and one of how many pages that is."""
    nr_pages = int((ranges[:, 1] - ranges[:, 0]).sum())
    every = 1 if nr_pages <= EXACT_PAGES else -(-nr_pages // MOST_PAGES)
    step = LONGEST_PAGES if every == 1 else PIECE_PAGES * every
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


class _Entries:
    """One of the two files, open for reading; one that cannot be opened reads as empty."""

    def __init__(self, tree: DirectoryTree, path: str, order: str, notes: Notes) -> None:
        self.path, self.order, self.notes = path, order, notes
        self.handle: int | None = None
        try:
            self.handle = tree.file(path)
        except FileProblem as problem:
            notes.problem(problem)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.handle is not None:
            os.close(self.handle)

    def read(self, pieces: Pieces) -> tuple[Flags, NDArray[np.int64]]:
        """The entries of all pieces in a row, and how many there are of each piece."""
        found: list[bytes] = []
        if self.handle is not None:
            try:
                # One buffer's worth of entries a call; what lies behind the file's end is short.
                for first, count, _ in pieces.tolist():
                    found.append(os.pread(self.handle, count * ENTRY_BYTES, first * ENTRY_BYTES))
            except OSError as error:
                self.notes.problem(FileProblem(self.path, error.errno or 0))
        if found and not any(found):
            self.notes.add(f"{self.path} has nothing about these pages")
        whole = [data[: len(data) // ENTRY_BYTES * ENTRY_BYTES] for data in found]
        lengths = np.zeros(len(pieces), np.int64)
        lengths[: len(whole)] = [len(data) // ENTRY_BYTES for data in whole]
        return np.frombuffer(b"".join(whole), f"{self.order}u8").astype(np.uint64), lengths
