"""One command over many ranges of blocks: ranges that are treated alike are one batch.

A batch says what the machine is behind any of its ranges without doing those before, so a list
of a million blocks costs a few columns. Its phases are those of one range after the other; they
are made when somebody asks, by doing the range in question on the machine in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.runs import Rows, RunMap, attributes_of, merge_rows
from pfnmap.engine.memory.spans import (
    find_smallest_section_pfn,
    grow,
    update_pgdat_span,
    zone_ranges,
)
from pfnmap.engine.memory.state import State, Zone
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations.zone_policy import block_device
from pfnmap.engine.outcome import Event, Refusal, RepeatedEvents
from pfnmap.engine.recent import Recent

Ranges = NDArray[np.int64]
"""[first, end) of blocks, int64 (n, 2), ascending and disjoint."""
One = Callable[[Transaction, int, int], Refusal | None]
"""What the command does with the blocks first..last."""
Reach = Callable[[State, int, int], tuple[ZoneType, int]]
"""Which zone a block goes to, and from which block before ``end`` on it may be another."""

LEAST = 8
"""Ranges that are worth a batch."""
_AT_ONCE = 64
_MADE = 256
"""Ranges whose phases are kept once they are made."""
_CHANGES = {"blocks", "nodes", "free_pages", "policy_zone"}
"""What a range of a batch may change of the machine."""


Tried = Iterator[tuple[int, Refusal]]
"""The last block of each range that fails, and why, before the ranges behind it are done."""


def do_ranges(tx: Transaction, ranges: Ranges, one: One, reach: Reach | None = None) -> Tried:
    """Do ``one`` with each range in order, as long as what is refused is asked for.

    ``reach``: for a command that chooses a zone.
    """
    at = 0
    while at < len(ranges):
        before, (first, end) = tx.state, ranges[at].tolist()
        refusal = one(tx, first, end - 1)
        at += 1
        if refusal is not None:
            yield end - 1, refusal
            continue
        batch = _batch_behind(before, tx.state, ranges[at - 1 :], one, reach)
        if batch is not None:
            tx.repeat(batch, batch.state_behind(len(batch.ranges)))
            at += len(batch.ranges)


def first_refusal(tried: Tried) -> Refusal | None:
    """Do the ranges up to the first that fails."""
    return next((refusal for _, refusal in tried), None)


class Change(Struct, frozen=True):
    """What every block of a batch does to the machine; pages."""

    row: Rows
    """One row: what a block is afterwards."""
    node: int
    zone: ZoneType
    managed: int
    present: int
    present_early: int


class Batch(RepeatedEvents):
    """Ranges that a command treats like the one in front of them, and the phases of each."""

    _kept: Recent[Batch] = Recent(2)

    def __init__(
        self, state: State, ranges: Ranges, one: One, change: Change, starts: NDArray[np.int64]
    ) -> None:
        """A batch on a machine.

        ``starts``: where the zone begins behind each of the first ranges, as far as each of them
        is where it begins.
        """
        self.state = state
        self.ranges = ranges
        self._one = one
        self._change = change
        self._starts = starts
        self._made: dict[int, tuple[Sequence[Event], State]] = {}
        # Alike in how many phases they have are ranges of one block, and those of several.
        kinds = 2 * (np.arange(len(ranges)) < len(starts)) + (ranges[:, 1] - ranges[:, 0] > 1)
        firsts = [np.flatnonzero(kinds == kind)[:1].tolist() for kind in range(4)]
        lengths = np.array([sum(len(self._done(at)[0]) for at in first) for first in firsts])
        self._ends = np.cumsum(lengths[kinds])

    def state_behind(self, count: int) -> State:
        """The machine behind the first ``count`` ranges."""
        if not count:
            return self.state
        state, change, ranges = self.state, self._change, self.ranges[:count]
        node, zone_type, pages = change.node, change.zone, state.geometry.block_pages
        rows = np.repeat(change.row, count)
        rows["start"], rows["count"] = ranges[:, 0], ranges[:, 1] - ranges[:, 0]
        blocks = int(rows["count"].sum())
        state = replace(state, blocks=state.blocks.insert_rows(merge_rows(rows)))
        kind, managed = free_memory.zone_class(zone_type), blocks * change.managed
        state = free_memory.change(state, node, kind, managed)
        zone = state.zone(node, zone_type)
        zone = replace(
            zone,
            managed=zone.managed + managed,
            present=zone.present + blocks * change.present,
            present_early=zone.present_early + blocks * change.present_early,
        )
        if len(walked := self._starts[:count]):
            start = int(walked[-1])
            zone = replace(zone, start_pfn=start, spanned=zone.end_pfn - start)
            return update_pgdat_span(state.with_zone(node, zone_type, zone), node)
        state = state.with_zone(node, zone_type, zone)
        if change.row["state"][0] == BlockState.ONLINE:
            low, high = (ranges[-1] * pages).tolist()  # it holds what is before the batch
            return grow(state, node, zone_type, low, high - low)
        return state

    def _done(self, index: int, before: State | None = None) -> tuple[Sequence[Event], State]:
        """The phases of one range, and the machine behind them."""
        if index not in self._made:
            tx = Transaction(self.state_behind(index) if before is None else before)
            first, end = self.ranges[index].tolist()
            refusal = self._one(tx, first, end - 1)
            assert refusal is None, refusal
            self._kept.keep(self)
            if len(self._made) >= _MADE:
                self._made.clear()
            self._made[index] = tx.events, tx.state
        return self._made[index]

    def forget(self) -> None:
        """Let go of the phases until they are asked for again."""
        self._made = {}

    def __len__(self) -> int:
        return int(self._ends[-1])

    def behind(self, number: int) -> Iterator[Event]:
        """All phases behind the first ``number``."""
        first = int(self._ends.searchsorted(number + 1))
        number -= int(self._ends[first - 1]) if first else 0
        state: State | None = None
        for index in range(first, len(self.ranges)):
            events, state = self._done(index, state)
            yield from events[number:]
            number = 0

    @property
    def log(self) -> Iterator[str]:
        """The lines that the kernel prints."""
        printed: dict[int, list[str]] = {}  # by as many blocks
        for index, count in enumerate((self.ranges[:, 1] - self.ranges[:, 0]).tolist()):
            if count not in printed:
                events, _ = self._done(index)
                printed[count] = [line for event in events for line in event.log]
            yield from printed[count]

    @property
    def touched(self) -> Ranges:
        """[first, end) of the blocks that the phases were about."""
        return self.ranges


def _batch_behind(
    before: State, state: State, ranges: Ranges, one: One, reach: Reach | None
) -> Batch | None:
    """The ranges behind the first that are treated as it just was; None where they are few.

    ``before``, ``state``: the machine in front of the first and behind it.
    """
    if (change := _change(before, state, ranges[0])) is None:
        return None
    was = before.blocks.row_at(int(ranges[0, 0]))
    rest = ranges[1 : 1 + _alike_prefix(state, ranges[1:], was)]
    if len(rest) < LEAST or not _alike(before, ranges[:1], was):
        return None
    starts = rest[:0, 0]
    if reach is not None:
        zone, stop = reach(state, int(rest[0, 0]), int(rest[-1, 1]))
        rest = rest[rest[:, 1] <= stop] if zone == change.zone else rest[:0]
    elif state.profile.shrink == "merged":
        rest, starts = _inside(state, rest, change, int(was["vmemmap"]))
    rest = _while_enough(state, rest, change)
    if len(rest) < LEAST:
        return None
    return Batch(state, rest, one, change, starts[: len(rest)])


def _change(before: State, state: State, done: NDArray[np.int64]) -> Change | None:
    """What doing one range changed, for each of its blocks; None where it was out of the usual."""
    first, end = done.tolist()
    was, now = before.blocks.row_at(first), state.blocks.row_at(first)
    device = block_device(before, was)
    if before.profile.zone_shifting or before.profile.shrink in ("rfc2", "oct2018"):
        return None
    if before.faults or (device is not None and device.is_dynamic):
        return None
    fields = (name for name in State.__struct_fields__ if name not in _CHANGES)
    if any(getattr(before, name) is not getattr(state, name) for name in fields):
        return None
    online = now["state"] == BlockState.ONLINE
    node, zone_type = int(was["node"]), ZoneType(int((now if online else was)["zone"]))
    one, other = before.zone(node, zone_type), state.zone(node, zone_type)
    deltas = [
        getattr(other, name) - getattr(one, name)
        for name in ("managed", "present", "present_early")
    ]
    # By the policy "auto-movable" the blocks of one range may have gone to two zones.
    if zone_type == ZoneType.NONE or state.blocks.slice(first, end)["count"][0] != end - first:
        return None
    if any(delta % (end - first) for delta in deltas):
        return None
    kind = free_memory.zone_class(zone_type)
    if before.free_pages[node][kind] + deltas[0] != state.free_pages[node][kind]:
        return None
    row = state.blocks.slice(first, first + 1)
    return Change(row, node, zone_type, *(delta // (end - first) for delta in deltas))


def _alike_prefix(state: State, ranges: Ranges, was: Rows) -> int:
    """How many ranges from the first on are alike; looks at few where few are."""
    found, size = 0, _AT_ONCE
    while found < len(ranges):
        here = ranges[found : found + size]
        count = _alike(state, here, was)
        found += count
        if count < len(here):
            break
        size *= 4
    return found


def _alike(state: State, ranges: Ranges, was: Rows) -> int:
    """How many of the ranges, from the first on, are of blocks that are as one was.

    Each is within a run of blocks, and nothing is placed in it.
    """
    low, high = int(ranges[0, 0]), int(ranges[-1, 1])
    rows = state.blocks.slice(low, high)
    if not len(rows):
        return 0
    at = rows["start"].searchsorted(ranges[:, 0], side="right") - 1
    alike = (at >= 0) & (ranges[:, 1] <= (rows["start"] + rows["count"])[at])
    alike &= (attributes_of(rows) == attributes_of(np.array([was])))[at]
    pages = state.geometry.block_pages
    alike &= ~_held(state.taken, ranges * pages) & ~_held(state.kept, ranges)
    return int(np.append(alike, False).argmin())


def _held(held: RunMap, ranges: Ranges) -> NDArray[np.bool_]:
    """In which of the ranges of keys a map has any."""
    rows = held.slice(int(ranges[0, 0]), int(ranges[-1, 1]))
    ends = rows["start"] + rows["count"]
    return np.asarray(
        ends.searchsorted(ranges[:, 0], side="right") < rows["start"].searchsorted(ranges[:, 1])
    )


def _inside(
    state: State, ranges: Ranges, change: Change, vmemmap: int
) -> tuple[Ranges, NDArray[np.int64]]:
    """The ranges that leave the end of the zone where it is, of those to be offlined.

    And where the zone begins behind each of the first, as long as each is where it begins.
    """
    zone: Zone = state.zone(change.node, change.zone)
    pages = state.geometry.block_pages
    ranges = ranges[ranges[:, 1] * pages < zone.end_pfn]
    if not len(ranges) or int(ranges[0, 0]) * pages > zone.start_pfn:
        return ranges, ranges[:0, 0]
    ends = ranges[:, 1] * pages
    held = zone_ranges(
        state, state.blocks_over(int(ends[0]), int(ends[-1])), change.node, change.zone
    )
    last = find_smallest_section_pfn(state, change.node, change.zone, int(ends[-1]), zone.end_pfn)
    if last is None or vmemmap % state.geometry.subsection_pages:
        return ranges[:0], ranges[:0, 0]
    behind = held[:, 1].searchsorted(ends, side="right")
    starts = np.maximum(np.append(held[:, 0], last)[behind], ends)
    walks = np.append(True, ranges[1:, 0] * pages == starts[:-1])
    return ranges, starts[: int(np.append(walks, False).argmin())]


def _while_enough(state: State, ranges: Ranges, change: Change) -> Ranges:
    """The ranges until less than nothing would be free, or nothing present."""
    blocks = np.cumsum(ranges[:, 1] - ranges[:, 0])
    free = state.free_pages[change.node][free_memory.zone_class(change.zone)]
    present = state.zone(change.node, change.zone).present
    enough = (free + blocks * change.managed >= 0) & (present + blocks * change.present > 0)
    return ranges[: int(np.append(enough, False).argmin())]
