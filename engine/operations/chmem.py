"""``chmem`` of util-linux on a simulated machine.

Source: ``sys-utils/chmem.c`` of util-linux 2.39 (``chmem_onoff_size``, ``chmem_onoff_range``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pfnmap.engine.commands import Chmem
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, OnlineType
from pfnmap.engine.limits import MAX_BLOCKS_ONE_BY_ONE
from pfnmap.engine.memory.runs import Rows, ranges_of
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import offline, online, pending
from pfnmap.engine.operations.many_ranges import Ranges, Tried, do_ranges, first_refusal
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import human_size, ranged


def chmem(tx: Transaction, command: Chmem) -> Refusal | None:
    """Write ``state`` of blocks that are not as they shall be; failures are passed over.

    Those of a range in ascending order; of a size the lowest first, and the highest where they
    are to be disabled, until as many as were asked for are. Memory goes to Movable where that is
    among the valid zones and no zone is named (60a7e9e94 "lsmem/chmem: add memory zone
    awareness", util-linux 2.32).
    """
    if (refusal := pending.waits(tx)) is not None:
        return refusal
    block_bytes = tx.state.geometry.block_bytes
    if command.size_bytes is not None:
        return _Switching(tx, command).switch_some(command.size_bytes // block_bytes)
    unit = 1 if command.blocks else block_bytes
    first, end = command.first // unit, command.last // unit + 1
    if not len(tx.state.blocks.slice(first, end)):
        return Refusal("ENOENT", "sysfs", f"not there: {ranged('block', first, end - 1)}")
    return _Switching(tx, command).switch(first, end)


class _Switching:
    """Blocks that chmem enables or disables."""

    def __init__(self, tx: Transaction, command: Chmem) -> None:
        self.tx, self.command = tx, command
        self.nr_failed = 0
        self.refusal: Refusal | None = None
        """Why the block that failed last did."""

    def switch(self, first: int, end: int) -> Refusal | None:
        """All of [first, end)."""
        self._write(self._unlike(self.tx.state.blocks.slice(first, end)))
        return self.refusal

    def switch_some(self, wanted: int) -> Refusal | None:
        """So many, the lowest of them or the highest."""
        tx, enable = self.tx, self.command.enable
        left, missing = self._unlike(tx.state.blocks.rows), wanted
        while missing and len(left) and tx.state.pending is None:
            if enable:
                part, left = _parted(left, missing)
            else:
                left, part = _parted(left, max(0, _nr_blocks(left) - missing))
            failed = self.nr_failed
            # Of more than anybody follows the order makes no difference to what is left.
            one_by_one = not enable and _nr_blocks(part) <= MAX_BLOCKS_ONE_BY_ONE
            for ranges in _each_from_top(part) if one_by_one else [part]:
                self._write(ranges)
            missing -= _nr_blocks(part) - (self.nr_failed - failed)
        if tx.state.pending is not None:
            return self.refusal
        if missing:
            size = human_size((wanted - missing) * tx.state.geometry.block_bytes)
            tx.output.append(f"chmem: Could only {'en' if enable else 'dis'}able {size} of memory")
        return self.refusal if missing else None

    def _unlike(self, rows: Rows) -> Ranges:
        """The blocks that are not as they shall be; where a zone is named, of its blocks."""
        rows = rows[(rows["state"] == BlockState.ONLINE) != self.command.enable]
        if self.command.zone != OnlineType.ONLINE:
            label = "Movable" if self.command.zone == OnlineType.ONLINE_MOVABLE else "Normal"
            state = self.tx.state
            fits = [label in valid_zones(state, int(row["start"]), row)[0] for row in rows]
            rows = rows[np.array(fits, bool)]
        return ranges_of(rows)

    def _write(self, ranges: Ranges) -> None:
        """Switch blocks in ascending order; behind one that fails it goes on."""
        if self.tx.state.pending is not None:
            return
        for last, refusal in self._tried(ranges):
            failed: Refusal | None = refusal
            while failed is not None:
                self._note(failed)
                if self.tx.state.pending is not None:
                    return
                if failed.block is None or failed.block >= last:
                    break
                rest = np.array([(failed.block + 1, last + 1)], np.int64)
                failed = first_refusal(self._tried(rest))

    def _tried(self, ranges: Ranges) -> Tried:
        """Write the one word into all, or what each block is to be told by its valid zones."""
        command, shifting = self.command, self.tx.state.profile.zone_shifting
        if not command.enable:
            yield from self._written(ranges, OnlineType.OFFLINE)
        elif command.zone != OnlineType.ONLINE:
            yield from self._written(ranges, command.zone)
        elif not shifting:  # every offline block may go to Movable
            yield from self._written(ranges, OnlineType.ONLINE_MOVABLE)
        else:
            for block in (block for first, end in ranges.tolist() for block in range(first, end)):
                state = self.tx.state
                movable = "Movable" in valid_zones(state, block, state.blocks.row_at(block))[0]
                kind = OnlineType.ONLINE_MOVABLE if movable else OnlineType.ONLINE
                yield from self._written(np.array([(block, block + 1)], np.int64), kind)

    def _written(self, ranges: Ranges, kind: OnlineType) -> Tried:
        def one(tx: Transaction, first: int, last: int) -> Refusal | None:
            if (waiting := pending.waits(tx)) is not None:
                return waiting
            if kind == OnlineType.OFFLINE:
                return offline.offline_blocks(tx, first, last)
            return online.online_blocks(tx, first, last, kind)

        reach = None if kind == OnlineType.OFFLINE else online.reach(kind)
        return do_ranges(self.tx, ranges, one, reach)

    def _note(self, refusal: Refusal) -> None:
        self.refusal, self.nr_failed = refusal, self.nr_failed + 1
        if self.nr_failed > MAX_BLOCKS_ONE_BY_ONE:
            raise InputError(
                f"chmem: more than {MAX_BLOCKS_ONE_BY_ONE} blocks cannot be "
                f"{'en' if self.command.enable else 'dis'}abled, each found out by trying; ask "
                "for less, or for blocks (-b) that can"
            )


def _nr_blocks(ranges: Ranges) -> int:
    return int((ranges[:, 1] - ranges[:, 0]).sum())


def _parted(ranges: Ranges, count: int) -> tuple[Ranges, Ranges]:
    """The ranges of the first ``count`` blocks, and those of the others."""
    below = np.cumsum(ranges[:, 1] - ranges[:, 0])
    at = int(below.searchsorted(count, side="right"))
    if at == len(ranges):
        return ranges, ranges[:0]
    cut = ranges[at, 1] - (below[at] - count)
    first, rest = ranges[: at + 1].copy(), ranges[at:].copy()
    first[-1, 1] = rest[0, 0] = cut
    return first[first[:, 0] < first[:, 1]], rest


def _each_from_top(ranges: Ranges) -> Iterator[Ranges]:
    for first, end in ranges[::-1].tolist():
        for block in range(end - 1, first - 1, -1):
            yield np.array([(block, block + 1)], np.int64)
