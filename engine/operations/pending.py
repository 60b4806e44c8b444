"""An offline that does not end: what waits for it, and what ends it.

Source: ``mm/memory_hotplug.c:offline_pages`` of 6.12, the loop around ``do_migrate_range`` (it asks
``signal_pending``); ``drivers/base/core.c:lock_device_hotplug``.
"""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.commands import Command, Signal, Unpin
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory.memmap import vmemmap_apart
from pfnmap.engine.memory.state import Pending
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import allocations, offline, remove
from pfnmap.engine.outcome import Refusal


def waits(tx: Transaction, _command: Command | None = None) -> Refusal | None:
    """Why hotplug has to wait, or None (:func:`offline.waiting`)."""
    return offline.waiting(tx.state)


def signal(tx: Transaction, _command: Signal) -> Refusal:
    """A signal for the writer: the block stays online.

    InputError where no offline is under way, or where a kworker does it, which gets no signals.
    """
    if (held := tx.state.pending) is None:
        raise InputError("signal: no offline is under way that it could end")
    if held.device:
        raise InputError(
            f"signal: memory block {held.block} is offlined for the eject of {held.device}, by a "
            "kworker, which gets no signals; it ends when the page can move (unpin)"
        )
    row = tx.state.blocks.row_at(held.block)
    tx.state = replace(tx.state, pending=None)
    refusal = Refusal("EINTR", "do_migrate_range", "a signal ended the offline", held.block)
    offline.failed(tx, held.block, row, "do_migrate_range", refusal)
    return refusal


def unpin(tx: Transaction, command: Unpin) -> Refusal | None:
    """Lift allocations; an offline, or an eject, that waited for one of them ends."""
    refusal = allocations.unpin(tx, command)
    if refusal is not None or (held := _released(tx)) is None:
        return refusal
    if (ejected := tx.state.device_named(held.device)) is not None:
        return remove.eject(tx, ejected)
    return offline.offline_blocks(tx, held.block, held.block)


def _released(tx: Transaction) -> Pending | None:
    """The offline that can end now because its page can move, taken back to its start."""
    held = tx.state.pending
    if held is None or held.corrupt or offline.stuck_pfn(tx.state, held.block) is not None:
        return None
    row = tx.state.blocks.row_at(held.block)
    node, zone_type = int(row["node"]), ZoneType(int(row["zone"]))
    zone = tx.state.zone(node, zone_type)
    zone = replace(zone, present=zone.present + vmemmap_apart(tx.state, row))
    state = tx.state.with_zone(node, zone_type, zone)
    state = state.with_blocks(held.block, 1, state=BlockState.ONLINE)
    tx.state = replace(state, pending=None)
    return held
