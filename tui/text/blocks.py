"""The table of memory blocks: neighbours that say the same merged into one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.view import BlockRow, View
from pfnmap.engine.words import counted
from pfnmap.tui.text.ascii import plain, span

MAX_LISTED: Final = 16384
"""Blocks that are looked at one by one; the rest is counted."""
HEADING: Final = f"{'blocks':<15} {'state':<13} {'node':>4} {'zone':<7} {'vmemmap':>7} valid_zones"


class BlockRange(Struct, frozen=True):
    """Consecutive block ids that differ in nothing but id and address."""

    first: int
    last: int
    row: BlockRow
    """The first of them."""


def block_ranges(view: View, limit: int | None = None) -> Iterator[BlockRange]:
    """All blocks (or the first ``limit``) merged in ranges, ascending."""
    current: BlockRange | None = None
    left = view.nr_blocks if limit is None else limit
    for first, end in view.block_runs():
        last = min(end, first + left - 1)
        row = view.block(first) if first <= last else None
        if row is None:
            continue
        left -= last - first + 1
        if current and first == current.last + 1 and _same(row, current.row):
            current = replace(current, last=last)
            continue
        if current:
            yield current
        current = BlockRange(first, last, row)
    if current:
        yield current


def _same(one: BlockRow, other: BlockRow) -> bool:
    return replace(one, id=other.id, start_pfn=other.start_pfn) == other


def block_lines(view: View) -> list[str]:
    """Heading, a line a range, and a line a device."""
    if not view.nr_blocks:
        return []
    lines = [HEADING]
    devices: dict[str, list[tuple[int, int]]] = {}
    last: tuple[BlockRange, str] | None = None
    merged: list[tuple[int, int, str]] = []
    for part in block_ranges(view, MAX_LISTED):
        text = _words(part.row)
        # Ranges that differ only in what this table does not show are one line.
        if last and merged[-1][1] == part.first - 1 and merged[-1][2] == text:
            merged[-1] = (merged[-1][0], part.last, text)
        else:
            merged.append((part.first, part.last, text))
        last = (part, text)
        if part.row.device:
            _extend(devices.setdefault(part.row.device, []), part)
    lines += [f"{span(first, end):<15} {text}".rstrip() for first, end, text in merged]
    if view.nr_blocks > MAX_LISTED:
        lines.append(f"({counted(view.nr_blocks - MAX_LISTED, 'further block')} not listed)")
    for name, spans in devices.items():
        ids = ",".join(span(first, end) for first, end in spans)
        lines.append(f"{plain(name)} is block{'s' if '-' in ids or ',' in ids else ''} {ids}")
    return lines


def _extend(spans: list[tuple[int, int]], part: BlockRange) -> None:
    """Add a range of blocks to a device's, joining neighbours."""
    if spans and spans[-1][1] == part.first - 1:
        spans[-1] = (spans[-1][0], part.last)
    else:
        spans.append((part.first, part.last))


def _words(row: BlockRow) -> str:
    """Everything about a block but its id."""
    node = "-" if row.node is None else str(row.node)
    zone = "-" if row.zone is ZoneType.NONE else row.zone.label
    vmemmap = "?" if row.vmemmap_pages is None else str(row.vmemmap_pages)
    valid = plain(" ".join(row.valid_zones))
    return f"{plain(row.state):<13} {node:>4} {zone:<7} {vmemmap:>7} {valid}"
