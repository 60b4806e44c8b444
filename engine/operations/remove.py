"""Removing memory: the eject of a DIMM, and removal of offline blocks.

Source: ``drivers/acpi/scan.c:acpi_scan_try_to_offline``, ``mm/memory_hotplug.c:
try_remove_memory`` of 6.12 and 6.1; ``__remove_pages`` with spans as in 4.19.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.commands import Remove
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, MemmapKind, OnlineType, PageState, ZoneType
from pfnmap.engine.limits import MAX_BLOCKS_ONE_BY_ONE
from pfnmap.engine.memory import free_memory, resources, spans_history
from pfnmap.engine.memory.runs import Rows, joined_ranges, picked, ranges_of
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import add, offline, online, remove_2019
from pfnmap.engine.operations.allocations import PIN_KINDS
from pfnmap.engine.operations.many_ranges import Ranges, first_refusal
from pfnmap.engine.operations.refs import block_ranges
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import ranged

_SECTIONS_GONE: Final = "the sections are gone"
_LEAVE_WITH_BLOCKS: Final = [*(kind for kind, _ in PIN_KINDS.values()), PageState.OFFLINE]
"""Kinds of page frames that are no longer known when the blocks that they lie in are gone."""
_TAKEN_BY: Final = {"kmem": "kmem-del NAME", "virtio-mem": "virtio-mem NAME requested=SIZE"}


def remove(tx: Transaction, command: Remove) -> Refusal | None:
    """``remove NAME`` ejects a DIMM, ``remove REF`` removes blocks that are offline."""
    whole = command.blocks[0] if len(command.blocks) == 1 else None
    if whole is not None and whole.device is not None and whole.first is None:
        held = tx.state.device_named(whole.device)
        if held is not None and held.kind == "dimm":
            return eject(tx, held)
        if add.unplug_failed(tx, whole.device):
            return None
    ranges = block_ranges(tx.state, command.blocks)
    rows = [row for first, last in ranges for row in tx.state.blocks.slice(first, last + 1)]
    if any(row["state"] != BlockState.OFFLINE for row in rows):
        rows = []  # try_remove_memory refuses, whoever asks
    for row in rows:
        device = tx.state.devices.get(int(row["device"]))
        if device is not None and device.kind != "dimm":
            raise InputError(
                f"remove: memory block {int(row['start'])} is memory of {device.name}, which only "
                f"its driver takes away: {_TAKEN_BY[device.kind]}"
            )
    for first, last in ranges:
        if (refusal := remove_range(tx, first, last)) is not None:
            return refusal
    return None


def eject(tx: Transaction, device: Device) -> Refusal | None:
    """An eject request for a DIMM: offline every block in two passes, then remove all.

    Where a block stays online, the others are onlined again: with the type that a refused
    write left behind, otherwise with the policy's zone.
    """
    pages = tx.state.geometry.block_pages
    first, last = device.start_pfn // pages, device.end_pfn // pages - 1
    were_online = _online_ranges(tx.state, first, last)
    failed, refusal = _first_pass(tx, were_online), None
    for block in failed if tx.state.pending is None else ():
        # Pass 2 tries again what pass 1 left, and stops at the first that fails again.
        if (refusal := offline.offline_blocks(tx, block, block)) is not None:
            break
    if (held := tx.state.pending) is not None:
        tx.state = replace(tx.state, pending=replace(held, device=device.name))
        rule = (
            f"{device.name} is never ejected and no answer comes: the offline of block "
            f"{held.block} goes on, by a kworker, which gets no signals"
        )
        return Refusal("EINTR", "acpi_scan_try_to_offline", rule, held.block)
    if refusal is not None:
        tx.event(
            "acpi_scan_try_to_offline",
            f"memory block {refusal.block} stays online",
            log=[f"memory memory{refusal.block}: Offline failed."],
            block=refusal.block or -1,
        )
        for _ in online.online_ranges(tx, were_online, OnlineType.ONLINE, through="online"):
            pass  # whatever comes of it
        tx.event("acpi_scan_try_to_offline", "the other blocks are online again; eject fails")
        rule = (
            f"{device.name} cannot be ejected, because block {refusal.block} cannot be "
            f"offlined: {refusal.rule}"
        )
        return Refusal("EBUSY", "acpi_scan_hot_remove", rule, refusal.block, refusal.pfn)
    for low, high in device.parts:  # acpi_memory_remove_memory: each resource that was added
        first, last = low // pages, high // pages - 1
        if device.resources and not len(tx.state.blocks.slice(first, last + 1)):
            continue
        if (refusal := remove_range(tx, first, last)) is not None:
            return refusal
    return None


def offline_and_remove(tx: Transaction, *ranges: tuple[int, int]) -> Refusal | None:
    """``offline_and_remove_memory``: all blocks of these [first, last], or they are as they were.

    Several ranges at once: ``offline_and_remove_memory_ranges`` (7.3).
    """
    was = [row for low, high in ranges for row in tx.state.blocks.slice(low, high + 1)]
    for first, last in ranges:
        tried = offline.offline_ranges(tx, _online_ranges(tx.state, first, last))
        if (refusal := first_refusal(tried)) is not None:
            _online_again(tx, was)
            return refusal
    for first, last in ranges:
        if (refusal := remove_range(tx, first, last)) is not None:
            return refusal
    return None


def _online_again(tx: Transaction, was: Sequence[np.void]) -> None:
    """Bring the blocks of these rows that were online before online again, in their zones."""
    for row in was:
        if row["state"] != BlockState.ONLINE:
            continue
        movable = row["zone"] == ZoneType.MOVABLE
        kind = OnlineType.ONLINE_MOVABLE if movable else OnlineType.ONLINE_KERNEL
        now = tx.state.blocks.slice(row["start"], row["start"] + row["count"])
        for low, high in ranges_of(now[now["state"] == BlockState.OFFLINE]).tolist():
            online.online_blocks(tx, low, high - 1, kind)


def _online_ranges(state: State, first: int, last: int) -> Ranges:
    """[first, end) of the blocks of first..last that are online, ascending."""
    rows = state.blocks.slice(first, last + 1)
    return ranges_of(picked(rows, rows["state"] == BlockState.ONLINE))


def _first_pass(tx: Transaction, ranges: Ranges) -> list[int]:
    """Offline what can be offlined; the blocks that could not be, ascending."""
    failed: list[int] = []
    refusal: Refusal | None
    for last, refusal in offline.offline_ranges(tx, ranges):
        while refusal is not None and refusal.block is not None:
            if tx.state.pending is not None:
                return failed
            failed.append(refusal.block)
            if len(failed) > MAX_BLOCKS_ONE_BY_ONE:
                raise InputError(
                    f"remove: more than {MAX_BLOCKS_ONE_BY_ONE} blocks of one device cannot be "
                    "offlined, and each is tried by itself; unpin some, or remove fewer blocks"
                )
            refusal = offline.offline_blocks(tx, refusal.block + 1, last)
    return failed


def remove_range(tx: Transaction, first: int, last: int) -> Refusal | None:
    """``try_remove_memory`` for the blocks first..last; absent ones are ignored."""
    rows = tx.state.blocks.slice(first, last + 1)
    if not len(rows):
        rule = f"no {ranged('memory block', first, last)} is there"
        return Refusal("ENOENT", "try_remove_memory", rule, first)
    refusal = _check_offline(tx, rows) or _check_granularity(tx, rows, first, last)
    if refusal is not None:
        return refusal
    releases_first = not tx.state.profile.is_since("5.2")
    if releases_first:  # d9eb1417c77d "release memory resource after arch_remove_memory()" (5.2)
        _release(tx, first, last)
    if (refusal := _tear_down(tx, rows, first, last)) is not None:
        return refusal
    if not releases_first:
        _release(tx, first, last)
    for node in sorted({int(row["node"]) for row in rows}):
        try_offline_node(tx, node)
    return None


def _tear_down(tx: Transaction, rows: Rows, first: int, last: int) -> Refusal | None:
    """Block devices, then sections with their struct pages.

    Where blocks hold their own memmap, 6.8 goes from block to block
    (``remove_memory_blocks_and_altmaps``): the first by itself, the rest as a batch.
    """
    profile = tx.state.profile
    old = not profile.is_since("5.5") or profile.shrink == "remove-valid"
    if old or remove_2019.governs(tx.state, rows):
        return _by_section(tx, rows, first, last)
    one_by_one = profile.removal == "all-or-none" and last > first and bool(rows["vmemmap"][0])
    for low, high in ((first, first), (first + 1, last)) if one_by_one else ((first, last),):
        mine = tx.state.blocks.slice(low, high + 1)
        _drop_blocks(tx, low, high)
        _unregistered(tx, low, high)
        tx.state = _free_memmap(tx.state, mine)
        tx.event(
            "vmemmap_free", "their struct pages are unmapped", block=low, nr_blocks=high - low + 1
        )
        tx.event("arch_remove_memory", _SECTIONS_GONE, block=low, nr_blocks=high - low + 1)
    return None


def _by_section(tx: Transaction, rows: Rows, first: int, last: int) -> Refusal | None:
    """``__remove_pages`` up to 5.4: each section leaves its block device, the spans, its memmap.

    Since 5.3 the block devices go before (4c4b7f9ba948); the posts of 2018 shrink spans at offline.
    The series of 2019 defers the memmap, so there the sections stand until all are through.
    """
    profile, pages = tx.state.profile, tx.state.geometry.block_pages
    posted = remove_2019.Teardown(tx, rows) if remove_2019.governs(tx.state, rows) else None
    whole = int(rows["start"][0]) * pages, int(rows["start"][-1] + rows["count"][-1]) * pages
    shrinking = None
    if profile.zone_shifting or profile.shrink == "remove-valid":
        shrinking = spans_history.Shrinking(tx, *_zone_of_first_page(tx, rows), whole)
    devices_first = profile.is_since("5.3")
    if devices_first:
        _devices_go(tx, first, last, stand=posted is not None)
    if shrinking is not None:
        shrinking.begin()
    turns = shrinking.turns if shrinking else spans_history.section_turns(tx.state, *whole)
    for low, high in turns:
        if not devices_first and high // pages > low // pages:
            _devices_go(tx, low // pages, high // pages - 1, stand=posted is not None)
        if shrinking is not None:
            shrinking.turn(low, high)
        if posted is None:
            _leave_memmap(tx, rows, low, high)
        elif (refusal := posted.remove(low, high)) is not None:
            return refusal
    if shrinking is not None:
        shrinking.end()
    if posted is not None:
        posted.report()
        _drop_blocks(tx, first, last)
    tx.event("arch_remove_memory", _SECTIONS_GONE, block=first, nr_blocks=last - first + 1)
    return None


def _devices_go(tx: Transaction, first: int, last: int, *, stand: bool) -> None:
    """The memory block devices leave sysfs; where they ``stand``, their sections are needed yet."""
    if not stand:
        _drop_blocks(tx, first, last)
    _unregistered(tx, first, last)


def _leave_memmap(tx: Transaction, rows: Rows, low: int, high: int) -> None:
    """``sparse_remove_section``: the struct pages of the sections in [low, high)."""
    tx.state = _free_memmap(tx.state, rows, low, high)
    section = tx.state.geometry.section_pages
    text = f"{ranged('section', low // section, high // section - 1)}: struct pages are unmapped"
    tx.event("sparse_remove_section", text)


def _check_offline(tx: Transaction, rows: Rows) -> Refusal | None:
    online_rows = rows[rows["state"] != BlockState.OFFLINE]
    if not len(online_rows):
        return None
    block = int(online_rows["start"][0])
    geometry = tx.state.geometry
    start = block * geometry.block_bytes
    tx.event(
        "try_remove_memory",
        f"memory block {block} is not offline",
        log=[
            f"removing memory fails, because memory [{start:#018x}-"
            f"{start + geometry.block_bytes - 1:#018x}] is onlined"
        ],
        block=block,
    )
    return Refusal("EBUSY", "try_remove_memory", f"memory block {block} is online", block)


def _check_granularity(tx: Transaction, rows: Rows, first: int, last: int) -> Refusal | None:
    """Whether memory with its own memmap may be removed in this portion."""
    rule, state = tx.state.profile.removal, tx.state
    hosting = rows[(rows["memmap"] == MemmapKind.PER_BLOCK) & (rows["vmemmap"] > 0)]
    if rule == "all-or-none" and len(hosting) and int(hosting["count"].sum()) != last - first + 1:
        why = (
            f"{int(hosting['count'].sum())} of {last - first + 1} blocks hold their own memmap: "
            "all or none must"
        )
        return Refusal("EINVAL", "memory_blocks_have_altmaps", why, first)
    if rule == "single-block" and len(hosting) and last > first:
        start = first * state.geometry.block_bytes
        size = (last - first + 1) * state.geometry.block_bytes
        tx.event(
            "try_remove_memory",
            "more than one block with its own memmap",
            log=[f"Refuse to remove {start:#x} - {start + size:#x},wrong granularity"],
        )
        why = "blocks that hold their own memmap are removed one at a time"
        return Refusal("EINVAL", "try_remove_memory", why, first)
    if rule == "v3-bug":
        return remove_2019.check_v3(tx, rows, first, last)
    return None


def _zone_of_first_page(tx: Transaction, rows: Rows) -> tuple[int, ZoneType]:
    """(node, zone) whose spans ``__remove_pages`` shrinks: one, that of the first page."""
    row = rows[0]
    if row["initialised"]:
        return int(row["link_node"]), ZoneType(int(row["link_zone"]))
    text = "the first page was never onlined: its struct page is zero and reads as node 0, zone DMA"
    tx.event("page_zone", text)
    return 0, ZoneType.DMA


def _free_memmap(state: State, rows: Rows, low: int = 0, high: int = 1 << 62) -> State:
    """Without the struct pages of these blocks, as far as they lie in [low, high)."""
    pages = state.geometry.block_pages
    for early in (False, True):
        parts = joined_ranges(ranges_of(rows)[(rows["early"] != 0) == early]) * pages
        for first, end in np.clip(parts, low, high).tolist():
            if first < end:
                state = free_memory.give_back_memmap(state, first, end, early=early)
    return state


def _drop_blocks(tx: Transaction, first: int, last: int) -> None:
    """Without these blocks, what lies in them, and devices that have no block left."""
    pages = tx.state.geometry.block_pages
    blocks = tx.state.blocks.delete(first, last + 1)
    devices = {}
    for device in tx.state.devices.values():
        low, high = device.start_pfn // pages, device.end_pfn // pages
        if device.kind != "dimm" or len(blocks.slice(low, high)):
            devices[device.id] = device
    pins = tx.state.taken.slice(first * pages, (last + 1) * pages)
    pins = pins[np.isin(pins["kind"], _LEAVE_WITH_BLOCKS)]
    taken = tx.state.taken.delete_rows(pins)
    lost = tx.state.lost.delete(first * pages, (last + 1) * pages)
    tx.state = replace(tx.state, blocks=blocks, devices=devices, taken=taken, lost=lost)


def _unregistered(tx: Transaction, first: int, last: int) -> None:
    text = f"{ranged('memory block', first, last)} {'is' if first == last else 'are'} gone"
    tx.event("remove_memory_block_devices", text, block=first, nr_blocks=last - first + 1)


def _release(tx: Transaction, first: int, last: int) -> None:
    """``release_mem_region_adjustable``: it can fail, with a warning, until cb8e3c8b4f45 (5.10)."""
    size = tx.state.geometry.block_bytes
    start, end = first * size, (last + 1) * size - 1
    before = tx.state
    tx.state, text = resources.release(before, start, end)
    log = []
    if tx.state is before and not before.profile.is_since("5.10"):
        log = [f"Unable to release resource <{start:#018x}-{end:#018x}> (-22)"]
    tx.event("release_mem_region_adjustable", text, log=log)


def try_offline_node(tx: Transaction, number: int) -> None:
    """``try_offline_node``: a node without span, blocks and CPU goes offline."""
    node = tx.state.nodes[number]
    if not node.online:
        return
    rows = tx.state.blocks.rows
    if node.spanned:
        why = "it still spans memory"
    elif (rows["node"] == number).any():
        why = "it still has memory blocks"
    elif node.has_cpu:
        why = "it has a CPU"
    else:
        tx.state = tx.state.with_node(number, replace(node, online=False))
        tx.event("try_offline_node", f"node {number} goes offline")
        return
    tx.event("try_offline_node", f"node {number} stays online: {why}")
