"""Hot-remove under the posted series of 2019: refcounted vmemmap, freed backwards.

Source: post "[PATCH v2 0/5] Allocate memmap from hotadded memory" and its patches 3/5 and
4/5 (June 2019); v3 3/5 (July 2019). What goes wrong when less is removed than was added is
reported as findings, with the struct pages that are gone.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import MemmapKind, PageState
from pfnmap.engine.limits import MAX_SECTIONS_ONE_BY_ONE
from pfnmap.engine.memory import free_memory, memmap
from pfnmap.engine.memory.runs import (
    Rows,
    joined_ranges,
    outside,
    ranges_of,
    sorted_set,
    unbroken,
    units_of,
)
from pfnmap.engine.memory.state import Countdown, Device, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import counted, ranged

MAX_SHOWN = 64
"""Sections of a larger range whose backward free becomes a phase; the last always does."""


def governs(state: State, rows: Rows) -> bool:
    """Whether the teardown of these blocks goes through v2's refcounts."""
    if state.profile.removal == "v3-bug":
        return False
    if state.profile.removal not in ("v2-refcount", "forward"):
        return any(_device(state, row).head_pages for row in rows if row["device"] >= 0)
    return True


def _device(state: State, row: object) -> Device:
    return state.devices[int(row["device"])]  # type: ignore[index]


def check_v3(tx: Transaction, rows: Rows, first: int, last: int) -> Refusal | None:
    """v3 checks that a range with its own memmap is removed as it was added: BUG() if not."""
    pages = tx.state.geometry.block_pages
    for row in rows:
        if row["memmap"] != MemmapKind.PER_DEVICE or row["device"] < 0:
            continue
        device = _device(tx.state, row)
        start, end = device.part(tx.state.block_pfn(int(row["start"])))
        whole = (start // pages, end // pages - 1)
        if whole != (first, last):
            text = (
                f"kernel BUG: {device.name} was added as blocks {whole[0]}-{whole[1]} and is "
                f"removed as {first}-{last}; v3 stops the machine here"
            )
            tx.finding("v3-bug", text, first * pages, (last - first + 1) * pages)
            rule = "BUG(): v3 removes a range with its own memmap only as it was added"
            return Refusal("EINVAL", "__remove_pages", rule, first)
    return None


class Teardown:
    """Memory removed section by section, with v2's global ``freeing`` state."""

    def __init__(self, tx: Transaction, rows: Rows) -> None:
        """Begin with the (offline) blocks that go; InputError where they are too many."""
        self.tx = tx
        self.section = tx.state.geometry.section_pages
        self.before = tx.state
        self.rows = rows
        sections = int(rows["count"].sum()) * tx.state.geometry.block_pages // self.section
        if sections > MAX_SECTIONS_ONE_BY_ONE:
            raise InputError(
                f"remove: {sections} sections in one command; where removal counts them one by one "
                f"(the series of 2019), at most {MAX_SECTIONS_ONE_BY_ONE}"
            )
        # How an earlier removal left the countdown is not how this one leaves it.
        kept = tuple(found for found in tx.state.findings if found.code != "stuck-freeing")
        tx.state = replace(tx.state, findings=kept)
        self.devices = dict(tx.state.devices)
        self.removed: set[int] = set()
        self.foreign: list[tuple[int, int]] = []
        """(head pfn, section) of sections counted against the head of another range."""
        self.lost: list[tuple[int, int]] = []
        """Runs [low, high) of sections whose struct pages were freed while their memory stays."""

    def head_of(self, pfn: int) -> tuple[int, int, int] | None:
        """The vmemmap chunk that ``pfn`` lies in, see ``memmap.head_of``."""
        return memmap.head_of(self.tx.state, pfn)

    def refcount(self, pfn: int) -> int:
        """Refcount of a page that v2 takes for a vmemmap head (a tail has 1)."""
        if (known := self.tx.state.heads.get(pfn)) is not None:
            return known
        chunk = self.head_of(pfn)
        return chunk[2] if chunk is not None and chunk[0] == pfn else 1

    def remove(self, low: int, high: int) -> Refusal | None:
        """The sections in [low, high), lowest first; a refusal where the kernel stops half-way."""
        forward, at_once = self.tx.state.profile.removal == "forward", 0
        for row in self.rows:
            start = self.tx.state.block_pfn(int(row["start"]))
            end = self.tx.state.block_pfn(int(row["start"] + row["count"]))
            for pfn in range(max(start, low), min(end, high), self.section):
                if not forward:
                    at_once += self.remove_section(pfn)
                elif (refusal := self.free_forward(pfn)) is not None:
                    return refusal
        if at_once:
            first, last = low // self.section, high // self.section - 1
            self.tx.event("vmemmap_free", f"{ranged('section', first, last)}: freed at once")
        return None

    def remove_section(self, pfn: int) -> bool:
        """One pass of v2's loop: count down, or free at once; whether it was that."""
        tx = self.tx
        teardown, number = tx.state.teardown, pfn // self.section
        marked = self.head_of(pfn) is not None
        self.removed.add(number)
        if not marked and not teardown.freeing:
            self.free_memmap(number, number + 1)
            return True
        if not teardown.freeing:
            teardown = Countdown(True, pfn)
        count = self.refcount(teardown.head_pfn) - 1
        tx.state = replace(
            tx.state, teardown=teardown, heads={**tx.state.heads, teardown.head_pfn: count}
        )
        head = teardown.head_pfn
        if not self.counts_for(pfn, head):
            self.foreign.append((head, number))
        tx.event("depopulate_section_memmap", f"section {number}: head {head:#x} refcount {count}")
        if count == 0:
            self.free_backwards(pfn, head)
        return False

    def counts_for(self, pfn: int, head: int) -> bool:
        """Whether a section belongs to the range of this head.

        After the head's own block is gone, the range is that of the block's device.
        """
        if (chunk := self.head_of(head)) is not None:
            return head <= pfn < head + chunk[2] * self.section
        return any(
            device.head_pages and device.start_pfn <= pfn < device.end_pfn
            for device in self.devices.values()
            if device.start_pfn <= head < device.end_pfn
        )

    def free_forward(self, pfn: int) -> Refusal | None:
        """What v2 does not do: free the memmap of each section as its turn comes.

        Freeing asks the struct page of the frame behind the section's memmap what kind of
        page it is, and that one may be unmapped already.
        """
        tx = self.tx
        frame = memmap.home_of(tx.state, pfn) if tx.state.block_at(pfn) else None
        number, self_hosted = pfn // self.section, self.head_of(pfn) is not None
        if frame is not None and frame // self.section in self.removed:
            host = frame // self.section
            rule = (
                f"section {number} faults: the struct page of pfn {frame:#x}, which holds its "
                f"struct pages, was unmapped with section {host}"
            )
            low = host * self.section
            _lose(tx, low, self.section)
            tx.finding("forward-free", rule, low, self.section)
            tx.event("depopulate_section_memmap", rule)
            return Refusal("EFAULT", "depopulate_section_memmap", rule, self.block(pfn), frame)
        self.removed.add(number)
        self.free_memmap(number, number + 1)
        marks = ", whose first page holds struct pages" if self_hosted else ""
        tx.event("depopulate_section_memmap", f"section {number}{marks}: its memmap is unmapped")
        return None

    def block(self, pfn: int) -> int:
        """The memory block of a page."""
        return pfn // self.tx.state.geometry.block_pages

    def free_backwards(self, pfn: int, head: int) -> None:
        """Refcount 0: free the memmap from this section back to the head's."""
        tx = self.tx
        last, first = pfn // self.section, head // self.section
        if last < first:
            left = len([number for at, number in self.foreign if at == head])
            told = (
                f"the backward free from section {last} to the head's section {first} runs "
                f"nowhere: the memmap of {counted(left + 1, 'section')} is leaked, that of "
                f"section {first} and of every section counted here"
            )
            tx.finding("leaked-memmap", told, head, self.section)
        shown = {first, *range(max(first, last - MAX_SHOWN + 1), last + 1)}
        for low, high in self.known_sections(first, last, shown):
            frame = memmap.home_of(tx.state, low * self.section)
            self.free_memmap(low, high)
            if frame is not None and low in shown:
                end = frame + tx.state.geometry.memmap_pages(self.section) - 1
                text = f"section {low}: its struct pages in pfns {frame:#x}-{end:#x} go"
                tx.event("vmemmap_free", text)
        tx.state = replace(tx.state, teardown=Countdown())
        freed = f"sections {last} down to {first} are freed" if first <= last else "none is freed"
        tx.event("vmemmap_free", freed)

    def known_sections(self, first: int, last: int, apart: set[int]) -> list[tuple[int, int]]:
        """Runs [low, high) of sections of [first, last] with something to free, highest first.

        The kernel walks over the others as well and does nothing; from a DIMM at 2 PiB back to
        one at 4 GiB they are millions. A run lies in one row of blocks or in none, and is
        removed throughout or not at all; sections ``apart`` are runs of their own.
        """
        state = self.tx.state
        low, high = first * self.section, (last + 1) * self.section
        pages = state.geometry.block_pages
        rows = state.blocks_over(low, high)
        blocks = ranges_of(rows) * pages
        others = [state.homes.slice(low, high), state.device_ranges.slice(low, high)]
        held = np.concatenate((blocks, *map(ranges_of, others)))
        removed = _singles(self.removed)
        known = np.concatenate((units_of(held, self.section), removed))
        known = joined_ranges(np.clip(known, first, last + 1))
        cuts = (known, blocks // self.section, removed, _singles(apart))
        edges = sorted_set(np.clip(np.concatenate(cuts).ravel(), first, last + 1))
        begun = np.searchsorted(known[:, 0], edges[:-1], side="right")
        ended = np.searchsorted(known[:, 1], edges[:-1], side="right")
        runs = np.stack((edges[:-1], edges[1:]), axis=1)[begun > ended]
        return [(int(low), int(high)) for low, high in runs[::-1]]

    def free_memmap(self, low: int, high: int) -> None:
        """Unmap the struct pages of sections [low, high); what is still in use loses them.

        They lie in one row of blocks, or in none, and are removed all of them or none.
        """
        tx = self.tx
        start, end = low * self.section, high * self.section
        row = tx.state.block_at(start)
        early = row is not None and bool(row["early"])
        frame = memmap.home_of(tx.state, start)
        tx.state = free_memory.give_back_memmap(tx.state, start, end, early=early)
        if row is None:
            return
        _lose(tx, start, end - start)
        if low not in self.removed:
            self.lost.append((low, high))
        elif frame is not None and row["memmap"] in (MemmapKind.PER_DEVICE, MemmapKind.PER_BLOCK):
            unit = tx.state.geometry.memmap_pages(self.section)
            for number in range(high - low):
                self.strip_marks(frame + number * unit, unit)

    def report(self) -> None:
        """Findings about what went wrong, one for each run of sections."""
        for head in dict.fromkeys(head for head, _ in self.foreign):
            sections = sorted(number for at, number in self.foreign if at == head)
            for first, last in unbroken(np.array(sections, np.int64)):
                self.tx.finding(
                    "foreign-countdown",
                    f"the removal of {ranged('section', first, last)} is counted against the "
                    f"vmemmap head at pfn {head:#x} of another range",
                    first * self.section,
                    (last - first + 1) * self.section,
                )
        lost = joined_ranges(np.array(self.lost, np.int64).reshape(-1, 2))
        for first, end in lost.tolist():
            last = end - 1
            low, count = first * self.section, (end - first) * self.section
            memory = "its memory is" if first == last else "their memory is"
            text = (
                f"the struct pages of {ranged('section', first, last)} are freed while "
                f"{memory} still there: whoever touches a page of pfns "
                f"{low:#x}-{low + count - 1:#x} faults"
            )
            self.tx.finding("lost-memmap", text, low, count)
        _report_stuck(self.tx)
        _report_hosts(self.tx, self.before, self.rows)

    def strip_marks(self, frame: int, unit: int) -> None:
        """``unit`` page frames that held a section's struct pages lose the vmemmap marks.

        Where they stay, because the range's first block is not removed, they look like unmovable
        pages from now on.
        """
        state = self.tx.state
        row = state.block_at(frame)
        if row is None or not row["vmemmap"]:
            return
        leaves = frame // self.section in self.removed
        kind, owner = (PageState.OFFLINE, -1) if leaves else (PageState.UNMOVABLE, row["device"])
        taken = state.taken.insert(frame, unit, kind=int(kind), owner=int(owner))
        self.tx.state = replace(state, taken=taken)
        if leaves:
            return
        text = (
            f"pfns {frame:#x}-{frame + unit - 1:#x} are no longer marked as vmemmap, but "
            f"keep refcount 1: block {self.block(frame)} can no longer be offlined"
        )
        self.tx.finding("stripped-marks", text, frame, unit)


def _lose(tx: Transaction, pfn: int, nr_pages: int) -> None:
    """Pages have no struct pages from here on."""
    lost = tx.state.lost.insert(pfn, nr_pages, kind=int(PageState.BROKEN), owner=-1)
    tx.state = replace(tx.state, lost=lost)


def _singles(numbers: set[int]) -> NDArray[np.int64]:
    """Each number as a range [number, number + 1): int64 (n, 2), ascending."""
    low = np.array(sorted(numbers), np.int64)
    return np.stack((low, low + 1), axis=1)


def _report_stuck(tx: Transaction) -> None:
    teardown = tx.state.teardown
    if teardown.freeing:
        left = tx.state.heads.get(teardown.head_pfn, 0)
        text = (
            f"the removal ended while the head at pfn {teardown.head_pfn:#x} has refcount "
            f"{left}: nothing is freed, and later removals are counted against it"
        )
        tx.finding("stuck-freeing", text, teardown.head_pfn, 1)


def _report_hosts(tx: Transaction, before: State, rows: Rows) -> None:
    """Removed frames that held struct pages of memory that stays."""
    pages, per_frame = before.geometry.block_pages, before.geometry.pages_per_struct_page_frame
    removed, homes = ranges_of(rows) * pages, before.homes.rows
    for first, end in removed.tolist():
        low = np.maximum(homes["start"], first * per_frame - homes["bias"])
        high = np.minimum(homes["start"] + homes["count"], end * per_frame - homes["bias"])
        for at in np.flatnonzero(low < high):
            for start, stop in _staying(tx.state, int(low[at]), int(high[at]), removed):
                _dangles(tx, start, stop, first)


def _dangles(tx: Transaction, start: int, end: int, host: int) -> None:
    """Pages [start, end) stay, but their struct pages lie in removed memory from ``host``."""
    _lose(tx, start, end - start)
    text = (
        f"the struct pages of pfns {start:#x}-{end - 1:#x} lie in memory that is removed "
        f"(from pfn {host:#x}): whoever touches one of those pages uses memory that is gone"
    )
    tx.finding("dangling-memmap", text, start, end - start)


def _staying(state: State, low: int, high: int, removed: NDArray[np.int64]) -> list[list[int]]:
    """Parts of [low, high) whose blocks exist and are not being removed."""
    pages = state.geometry.block_pages
    blocks = ranges_of(state.blocks_over(low, high)) * pages
    there = state.lost.rows_over(np.clip(blocks, low, high))
    there["owner"] = np.arange(len(there))  # so that rows of blocks stay apart
    parts: list[list[int]] = ranges_of(outside(there, removed)).tolist()
    return parts
