"""What a step changed as JSON: format ``pfnmap-diff-1``.

Rows are those of ``pfnmap-view-1``; ``before`` or ``after`` is ``null`` where there was or is
no such thing. What did not change is not named.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.finding import Finding
from pfnmap.engine.view import NodeRow, ResourceRow, View
from pfnmap.tui.documents.view import BlocksData, ViewData, ZoneData, view_data_1

_Row = TypeVar("_Row")


class ZoneChange(Struct, frozen=True):
    """A zone of a node."""

    before: ZoneData | None
    after: ZoneData | None


class NodeChange(Struct, frozen=True):
    """A node."""

    before: NodeRow | None
    after: NodeRow | None


class BlocksChange(Struct, frozen=True):
    """Memory blocks ``first`` to ``last`` (inclusive), of which the same changed."""

    first: int
    last: int
    before: BlocksData | None
    after: BlocksData | None


class ParamChange(Struct, frozen=True):
    """A parameter."""

    name: str
    before: str
    after: str


class StepDiff(Struct, frozen=True):
    """What one step changed."""

    step: int
    """Its number; 1 is the first command."""
    command: str
    errno: str | None
    params: list[ParamChange]
    zones: list[ZoneChange]
    nodes: list[NodeChange]
    blocks: list[BlocksChange]
    resources_gone: list[ResourceRow]
    resources_new: list[ResourceRow]
    findings_gone: list[Finding]
    findings_new: list[Finding]


class DiffData(Struct, frozen=True):
    """The document."""

    format: Literal["pfnmap-diff-1"]
    steps: list[StepDiff]


def step_diff(step: int, command: str, errno: str | None, before: View, after: View) -> StepDiff:
    """The difference of two views of one machine."""
    old, new = view_data_1(before), view_data_1(after)
    return StepDiff(
        step=step,
        command=command,
        errno=errno,
        params=[
            ParamChange(name, old.params.get(name, ""), value)
            for name, value in new.params.items()
            if old.params.get(name) != value
        ],
        zones=[ZoneChange(*pair) for pair in _pairs(old.zones, new.zones, "node", "zone")],
        nodes=[NodeChange(*pair) for pair in _pairs(old.nodes, new.nodes, "node")],
        blocks=list(_block_changes(old, new)),
        resources_gone=_only_in(old.resources, new.resources),
        resources_new=_only_in(new.resources, old.resources),
        findings_gone=_only_in(old.findings, new.findings),
        findings_new=_only_in(new.findings, old.findings),
    )


def _pairs(
    old: Sequence[_Row], new: Sequence[_Row], *keys: str
) -> Iterator[tuple[_Row | None, _Row | None]]:
    """Rows that differ, matched by these keys, in the order of what there is now."""
    key: Callable[[_Row], object] = attrgetter(*keys)
    before, after = ({key(row): row for row in rows} for rows in (old, new))
    for name in {**after, **before}:
        if before.get(name) != after.get(name):
            yield before.get(name), after.get(name)


def _only_in(rows: Sequence[_Row], others: Sequence[_Row]) -> list[_Row]:
    return [row for row in rows if row not in others]


def _block_changes(old: ViewData, new: ViewData) -> Iterator[BlocksChange]:
    """Blocks of which something changed, neighbours with the same rows together."""
    rows = (*old.blocks, *new.blocks)
    edges = sorted({edge for row in rows for edge in (row.first, row.last + 1)})
    for first, end in pairwise(edges):
        before, after = (
            _cut(view.blocks, first, end - 1, new.machine.block_pages) for view in (old, new)
        )
        if before != after:
            yield BlocksChange(first, end - 1, before, after)


def _cut(rows: list[BlocksData], first: int, last: int, block_pages: int) -> BlocksData | None:
    """The row of these blocks, all of one row, as a row of its own; None where there are none."""
    index = bisect_right(rows, first, key=lambda row: row.first) - 1
    if index < 0 or rows[index].last < last:
        return None
    return replace(rows[index], first=first, last=last, start_pfn=first * block_pages)
