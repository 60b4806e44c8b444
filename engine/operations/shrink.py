"""``shrink``: take the highest online blocks of a zone out, by the profile's own means.

Up to 5.4 (and in no other profile) a span shrinks when memory is removed, so there the block
is removed as well.
"""

from __future__ import annotations

from pfnmap.engine.commands import Shrink
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState
from pfnmap.engine.limits import MAX_BLOCKS_ONE_BY_ONE
from pfnmap.engine.memory.state import State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import offline, remove
from pfnmap.engine.outcome import Refusal


def highest_blocks(state: State, command: Shrink) -> list[int]:
    """Ids of the zone's K highest online blocks, the highest first."""
    found: list[int] = []
    for rows in state.blocks.chunks_downward(0, state.blocks.end_key):
        for row in rows[::-1]:
            if (
                row["state"] == BlockState.ONLINE
                and row["node"] == command.node
                and row["zone"] == command.zone
            ):
                last = int(row["start"] + row["count"]) - 1
                count = min(int(row["count"]), command.nr_blocks - len(found))
                found += range(last, last - count, -1)
            if len(found) >= command.nr_blocks:
                return found
    return found


def shrink(tx: Transaction, command: Shrink) -> Refusal | None:
    """Offline (and before 5.5 remove) the zone's highest blocks, one by one."""
    if not 0 <= command.node < len(tx.state.nodes):
        raise InputError(f"node={command.node}: there are nodes 0 to {len(tx.state.nodes) - 1}")
    if command.nr_blocks > MAX_BLOCKS_ONE_BY_ONE:
        raise InputError(
            f"shrink: {command.nr_blocks} blocks, which go one by one; at most "
            f"{MAX_BLOCKS_ONE_BY_ONE} in one command"
        )
    blocks = highest_blocks(tx.state, command)
    if not blocks:
        return Refusal(
            "ENOENT", "shrink", f"{command.zone.label} of node {command.node} has no online block"
        )
    for block in blocks:
        if (refusal := offline.offline_blocks(tx, block, block)) is not None:
            return refusal
        if tx.state.profile.shrink != "remove-valid":
            continue
        if (refusal := remove.remove_range(tx, block, block)) is not None:
            return refusal
    if len(blocks) < command.nr_blocks:
        tx.notes.append(
            f"{command.zone.label} of node {command.node} had {len(blocks)} online blocks only"
        )
    return None
