"""Hot-remove under the posted series of 2019: refcounted vmemmap, freed backwards.

Source: post "[PATCH v2 0/5] Allocate memmap from hotadded memory" and its patches 3/5 and
4/5 (June 2019); v3 3/5 (July 2019). What goes wrong when less is removed than was added is
reported as findings, with the struct pages that are gone.
"""

from __future__ import annotations

from dataclasses import replace

from engine import free_memory, memmap
from engine.kinds import MemmapKind, PageState
from engine.outcome import Finding, Refusal
from engine.runs import Rows
from engine.state import Device, State, Teardown
from engine.transaction import Transaction


def governs(state: State, rows: Rows) -> bool:
    """Whether the teardown of these blocks goes through v2's refcounts."""
    if state.profile.removal == "v3-bug":
        return False
    if state.profile.removal != "v2-refcount":
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
        whole = (device.start_pfn // pages, device.end_pfn // pages - 1)
        if whole != (first, last):
            tx.finding(
                Finding(
                    "v3-bug",
                    f"kernel BUG: {device.name} was added as blocks {whole[0]}-{whole[1]} and is "
                    f"removed as {first}-{last}; v3 stops the machine here",
                    first * pages,
                    (last - first + 1) * pages,
                )
            )
            return Refusal(
                "EINVAL",
                "__remove_pages",
                "BUG(): v3 removes a range with its own memmap only as it was added",
                first,
            )
    return None


class _Teardown:
    """Section by section, with v2's global ``freeing`` state."""

    def __init__(self, tx: Transaction, rows: Rows) -> None:
        self.tx = tx
        self.section = tx.state.geometry.section_pages
        self.rows = rows
        self.devices = dict(tx.state.devices)
        self.removed: set[int] = set()

    def head_of(self, pfn: int) -> tuple[int, int, int] | None:
        """The vmemmap chunk that ``pfn`` lies in, see :func:`engine.memmap.head_of`."""
        return memmap.head_of(self.tx.state, pfn)

    def refcount(self, pfn: int) -> int:
        """Refcount of a page that v2 takes for a vmemmap head (a tail has 1)."""
        known = self.tx.state.heads.get(pfn)
        if known is not None:
            return known
        chunk = self.head_of(pfn)
        return chunk[2] if chunk is not None and chunk[0] == pfn else 1

    def run(self) -> None:
        for row in self.rows:
            start = self.tx.state.block_pfn(int(row["start"]))
            end = self.tx.state.block_pfn(int(row["start"] + row["count"]))
            for pfn in range(start, end, self.section):
                self.remove_section(pfn)

    def remove_section(self, pfn: int) -> None:
        """One pass of v2's loop: count down, or free at once."""
        tx = self.tx
        teardown = tx.state.teardown
        marked = self.head_of(pfn) is not None
        if not marked and not teardown.freeing:
            self.free_memmap(pfn, pfn)
            self.removed.add(pfn // self.section)
            return
        if not teardown.freeing:
            teardown = Teardown(True, pfn)
        count = self.refcount(teardown.head_pfn) - 1
        tx.state = replace(
            tx.state, teardown=teardown, heads={**tx.state.heads, teardown.head_pfn: count}
        )
        self.removed.add(pfn // self.section)
        number, head = pfn // self.section, teardown.head_pfn
        self.warn_foreign(pfn, head)
        tx.event("__kfree_section_memmap", f"section {number}: head {head:#x} refcount {count}")
        if count == 0:
            self.free_backwards(pfn, head)

    def warn_foreign(self, pfn: int, head: int) -> None:
        """A section counted against the head of another range."""
        chunk = self.head_of(head)
        inside = chunk is not None and head <= pfn < head + chunk[2] * self.section
        if not inside:
            self.tx.finding(
                Finding(
                    "foreign-countdown",
                    f"the removal of section {pfn // self.section} is counted against the vmemmap "
                    f"head at pfn {head:#x} of another range",
                    pfn,
                    self.section,
                )
            )

    def free_backwards(self, pfn: int, head: int) -> None:
        """Refcount 0: free the memmap from this section back to the head's."""
        tx = self.tx
        last, first = pfn // self.section, head // self.section
        if last < first:
            tx.finding(
                Finding(
                    "leaked-memmap",
                    f"the backward free from section {last} to the head's section {first} runs "
                    "nowhere: the memmap of the head's range is never freed",
                    head,
                    self.section,
                )
            )
        for section in range(last, first - 1, -1):
            self.free_memmap(section * self.section, pfn)
        tx.state = replace(tx.state, teardown=Teardown())
        tx.event("vmemmap_free", f"sections {last} down to {first} are freed")

    def free_memmap(self, pfn: int, cause: int) -> None:
        """Unmap the struct pages of one section; what is still in use loses them."""
        tx = self.tx
        block = pfn // tx.state.geometry.block_pages
        exists = tx.state.blocks.at(block) is not None
        tx.state = free_memory.give_back_memmap(tx.state, pfn, pfn + self.section)
        if pfn // self.section in self.removed or pfn == cause:
            self.strip_marks(pfn)
            return
        if exists:
            tx.state = replace(
                tx.state,
                lost=tx.state.lost.insert(pfn, self.section, kind=int(PageState.BROKEN), owner=-1),
            )
            tx.finding(
                Finding(
                    "lost-memmap",
                    f"the struct pages of section {pfn // self.section} are freed while its memory "
                    "is still there: the next access to one of its pages faults",
                    pfn,
                    self.section,
                )
            )

    def strip_marks(self, pfn: int) -> None:
        """Frames that held this section's struct pages lose the vmemmap marks.

        Where those frames stay (the range's first block is not removed), they look like
        unmovable pages from now on.
        """
        tx = self.tx
        state = tx.state
        row = state.blocks.at(pfn // state.geometry.block_pages)
        device = self.devices.get(int(row["device"])) if row is not None else None
        if row is None or device is None or row["memmap"] != MemmapKind.PER_DEVICE:
            return
        unit = state.geometry.memmap_pages(self.section)
        frames = device.start_pfn + (pfn - device.start_pfn) // self.section * unit
        host = frames // self.section
        if host in self.removed or state.blocks.at(frames // state.geometry.block_pages) is None:
            return
        if self.will_go(frames):
            return
        tx.state = replace(
            state,
            taken=state.taken.insert(frames, unit, kind=int(PageState.UNMOVABLE), owner=device.id),
        )
        tx.finding(
            Finding(
                "stripped-marks",
                f"pfns {frames:#x}-{frames + unit - 1:#x} are no longer marked as vmemmap, but "
                f"keep refcount 1: block {frames // state.geometry.block_pages} can no longer be "
                "offlined",
                frames,
                unit,
            )
        )

    def will_go(self, pfn: int) -> bool:
        """Whether this same removal takes the block of ``pfn`` too."""
        block = pfn // self.tx.state.geometry.block_pages
        return any(r["start"] <= block < r["start"] + r["count"] for r in self.rows)


def remove_sections(tx: Transaction, rows: Rows) -> None:
    """Tear the sections of these (offline) blocks down as v2 does, and report what breaks."""
    before = tx.state
    _Teardown(tx, rows).run()
    _report_stuck(tx)
    _report_hosts(tx, before, rows)


def _report_stuck(tx: Transaction) -> None:
    teardown = tx.state.teardown
    if teardown.freeing:
        left = tx.state.heads.get(teardown.head_pfn, 0)
        tx.finding(
            Finding(
                "stuck-freeing",
                f"the removal ended while the head at pfn {teardown.head_pfn:#x} has refcount "
                f"{left}: nothing is freed, and later removals are counted against it",
                teardown.head_pfn,
                1,
            )
        )


def _report_hosts(tx: Transaction, before: State, rows: Rows) -> None:
    """Removed frames that held struct pages of memory that stays."""
    pages, per_frame = before.geometry.block_pages, before.geometry.pages_per_struct_page_frame
    removed = [(int(r["start"]) * pages, int(r["start"] + r["count"]) * pages) for r in rows]
    for row in rows:
        if row["memmap"] != MemmapKind.PER_DEVICE or not row["vmemmap"]:
            continue
        device = before.devices.get(int(row["device"]))
        if device is None:
            continue
        first = int(row["start"]) * pages
        last = first + (int(row["count"]) - 1) * pages + int(row["vmemmap"])
        low = device.start_pfn + (first - device.start_pfn) * per_frame
        high = min(device.start_pfn + (last - device.start_pfn) * per_frame, device.end_pfn)
        for start, end in _staying(tx.state, low, high, removed):
            tx.state = replace(
                tx.state,
                lost=tx.state.lost.insert(start, end - start, kind=int(PageState.BROKEN), owner=-1),
            )
            tx.finding(
                Finding(
                    "dangling-memmap",
                    f"the struct pages of pfns {start:#x}-{end - 1:#x} lie in memory that is "
                    f"removed (from pfn {first:#x}): whoever touches one of those pages uses "
                    "memory that is gone",
                    start,
                    end - start,
                )
            )


def _staying(
    state: State, low: int, high: int, removed: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Parts of [low, high) whose blocks exist and are not being removed."""
    pages = state.geometry.block_pages
    parts = []
    for row in state.blocks.slice(low // pages, -(-high // pages)):
        pieces = [
            (
                max(low, int(row["start"]) * pages),
                min(high, int(row["start"] + row["count"]) * pages),
            )
        ]
        for start, end in removed:
            pieces = [
                piece
                for a, b in pieces
                for piece in ((a, min(b, start)), (max(a, end), b))
                if piece[0] < piece[1]
            ]
        parts += pieces
    return parts
