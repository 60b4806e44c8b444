"""What a step changed as JSON: format ``pfnmap-diff-1``.

Rows are those of ``pfnmap-view-1``; ``before`` or ``after`` is ``null`` where there was or is
no such thing. What did not change is not named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, TypedDict

from pfnmap.engine.view import View
from pfnmap.tui.documents.view import (
    BlocksData,
    FindingData,
    NodeData,
    ResourceData,
    ViewData,
    ZoneData,
    view_data,
)

FORMAT: Final = "pfnmap-diff-1"


class ZoneChange(TypedDict):
    """A zone of a node."""

    before: ZoneData | None
    after: ZoneData | None


class NodeChange(TypedDict):
    """A node."""

    before: NodeData | None
    after: NodeData | None


class BlocksChange(TypedDict):
    """Memory blocks ``first`` to ``last`` (inclusive), of which the same changed."""

    first: int
    last: int
    before: BlocksData | None
    after: BlocksData | None


class ParamChange(TypedDict):
    """A parameter."""

    name: str
    before: str
    after: str


class StepDiff(TypedDict):
    """What one step changed."""

    step: int
    """Its number; 1 is the first command."""
    command: str
    errno: str | None
    params: list[ParamChange]
    zones: list[ZoneChange]
    nodes: list[NodeChange]
    blocks: list[BlocksChange]
    resources_gone: list[ResourceData]
    resources_new: list[ResourceData]
    findings_gone: list[FindingData]
    findings_new: list[FindingData]


class DiffData(TypedDict):
    """The document."""

    format: str
    steps: list[StepDiff]


def step_diff(step: int, command: str, errno: str | None, before: View, after: View) -> StepDiff:
    """The difference of two views of one machine."""
    old, new = view_data(before), view_data(after)
    return {
        "step": step,
        "command": command,
        "errno": errno,
        "params": [
            {"name": name, "before": old["params"].get(name, ""), "after": value}
            for name, value in new["params"].items()
            if old["params"].get(name) != value
        ],
        "zones": list(_pairs(old["zones"], new["zones"], ("node", "zone"))),
        "nodes": list(_pairs(old["nodes"], new["nodes"], ("node",))),
        "blocks": list(_block_changes(old, new)),
        "resources_gone": _only_in(old["resources"], new["resources"]),
        "resources_new": _only_in(new["resources"], old["resources"]),
        "findings_gone": _only_in(old["findings"], new["findings"]),
        "findings_new": _only_in(new["findings"], old["findings"]),
    }


def _pairs(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], keys: tuple[str, ...]
) -> Iterator[Any]:
    """Rows that differ, matched by these keys, in the order of what there is now."""
    before = {tuple(row[key] for key in keys): row for row in old}
    after = {tuple(row[key] for key in keys): row for row in new}
    for name in {**after, **before}:
        if before.get(name) != after.get(name):
            yield {"before": before.get(name), "after": after.get(name)}


def _only_in(rows: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    return [row for row in rows if row not in others]


def _block_changes(old: ViewData, new: ViewData) -> Iterator[BlocksChange]:
    """Blocks of which something changed, neighbours with the same rows together."""
    block_pages = new["machine"]["block_pages"]
    rows = (*old["blocks"], *new["blocks"])
    edges = sorted({edge for row in rows for edge in (row["first"], row["last"] + 1)})
    for first, end in pairwise(edges):
        before, after = (_cut(view["blocks"], first, end - 1, block_pages) for view in (old, new))
        if before != after:
            yield {"first": first, "last": end - 1, "before": before, "after": after}


def _cut(rows: list[BlocksData], first: int, last: int, block_pages: int) -> BlocksData | None:
    """The row of these blocks, all of one row, as a row of its own; None where there are none."""
    from bisect import bisect_right

    index = bisect_right(rows, first, key=lambda row: row["first"]) - 1
    if index < 0 or rows[index]["last"] < last:
        return None
    return {**rows[index], "first": first, "last": last, "start_pfn": first * block_pages}
