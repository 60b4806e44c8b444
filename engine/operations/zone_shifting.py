"""Zones before Linux 4.13: memory joins a zone at hot-add and may shift at zone borders.

Source: ``mm/memory_hotplug.c`` of 4.12 (``zone_can_shift``, ``move_pfn_range_left``,
``move_pfn_range_right``, ``zone_for_memory``), ``drivers/base/memory.c:show_valid_zones``;
ended by f1dd2cd13c4b "mm, memory_hotplug: do not associate hotadded memory to zones until
online" (4.13).
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pfnmap.engine.kinds import BlockState, OnlineType, ZoneType
from pfnmap.engine.memory import free_memory, zonelists
from pfnmap.engine.memory.spans import grow, span_text
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.outcome import Refusal


def after_add(tx: Transaction, device: Device, end_pfn: int) -> None:
    """The memory up to ``end_pfn`` joins a zone before any of it is online."""
    _join_zone(tx, device.node, device.start_pfn, end_pfn)


def _join_zone(tx: Transaction, node: int, start_pfn: int, end_pfn: int) -> None:
    """``__add_zone``: the range joins Normal, or Movable when that lies below it already."""
    state = tx.state
    movable = state.zone(node, ZoneType.MOVABLE)
    joins_movable = movable.spanned and start_pfn >= movable.start_pfn
    zone_type = ZoneType.MOVABLE if joins_movable else ZoneType.NORMAL
    pages = state.geometry.block_pages
    state = grow(state, node, zone_type, start_pfn, end_pfn - start_pfn)
    first = start_pfn // pages
    count = end_pfn // pages - first
    tx.state = state.with_blocks(first, count, initialised=1, link_zone=zone_type, link_node=node)
    zone = tx.state.zone(node, zone_type)
    tx.event("__add_zone", f"{zone_type.label} of node {node} spans {span_text(zone)}")


def _can_shift(state: State, block: int, row: Any, target: ZoneType) -> bool:
    """``zone_can_shift``: only an edge of the zone may move, and only to the next zone.

    Hot-added memory is in Normal or in Movable, and those two are neighbours.
    """
    current = ZoneType(int(row["link_zone"]))
    zone = state.zone(int(row["node"]), current)
    if current < target:
        return state.block_pfn(block + 1) == zone.end_pfn
    return target == current or state.block_pfn(block) == zone.start_pfn


def valid_zones(state: State, block: int, row: Any) -> tuple[tuple[str, ...], str]:
    """The zone the block is in, then the ones it may shift to."""
    current = ZoneType(int(row["link_zone"]))
    shifts = [
        target.label
        for target in (ZoneType.NORMAL, ZoneType.MOVABLE)
        if target != current and _can_shift(state, block, row, target)
    ]
    return (
        current.label,
        *shifts,
    ), "it is in a zone since hot-add, and may shift at that zone's edges"


def online_block(tx: Transaction, block: int, kind: OnlineType) -> Refusal | None:
    """``online_pages`` of 4.12: shift if asked to, then give the pages to the buddy."""
    row = tx.state.blocks.row_at(block)
    if not row["initialised"]:  # added, or taken offline, before this rule was in force
        _join_zone(tx, int(row["node"]), tx.state.block_pfn(block), tx.state.block_pfn(block + 1))
        row = tx.state.blocks.row_at(block)
    node, current = int(row["node"]), ZoneType(int(row["link_zone"]))
    target = {
        OnlineType.ONLINE_KERNEL: ZoneType.NORMAL,
        OnlineType.ONLINE_MOVABLE: ZoneType.MOVABLE,
    }.get(kind, current)
    if not _can_shift(tx.state, block, row, target):
        rule = f"block {block} is in {current.label} and not at the edge towards {target.label}"
        return Refusal("EINVAL", "zone_can_shift", rule, block)
    if target != current:
        _shift(tx, block, node, current, target)
    before = tx.state
    zone = before.zone(node, target)
    was_populated = zone.present > 0
    pages = before.geometry.block_pages
    freed = pages - int(row["vmemmap"])
    zone = replace(zone, present=zone.present + pages, managed=zone.managed + freed)
    state = before.with_zone(node, target, zone)
    state = free_memory.change(state, node, free_memory.zone_class(target), freed)
    tx.state = state.with_blocks(
        block, 1, state=BlockState.ONLINE, zone=target, link_zone=target, online_type=0
    )
    amount = f"present and managed +{pages}: {zone.present}"
    if freed < pages:
        amount = f"present +{pages}: {zone.present}, managed +{freed}: {zone.managed}"
    tx.event("online_pages", amount, block=block)
    if not was_populated:
        zonelists.build_all(tx, f"{target.label} of node {node} is populated", block)
    return None


def _shift(tx: Transaction, block: int, node: int, current: ZoneType, target: ZoneType) -> None:
    """``move_pfn_range_left``/``right``: the border between two zones moves."""
    start, pages = tx.state.block_pfn(block), tx.state.geometry.block_pages
    zone = tx.state.zone(node, current)
    spanned = zone.spanned - pages
    low = zone.start_pfn + pages if zone.start_pfn == start else zone.start_pfn
    tx.state = tx.state.with_zone(
        node, current, replace(zone, start_pfn=low if spanned else 0, spanned=spanned)
    )
    tx.state = grow(tx.state, node, target, start, pages)
    function = "move_pfn_range_right" if target > current else "move_pfn_range_left"
    zone = tx.state.zone(node, target)
    text = f"block {block} shifts from {current.label} to {target.label} {span_text(zone)}"
    tx.event(function, text, block=block)


def after_offline(tx: Transaction, block: int) -> None:
    """Offlining changes no span before 4.13; the block stays in its zone."""
    tx.event("offline_pages", "no span changes until the memory is removed", block=block)
