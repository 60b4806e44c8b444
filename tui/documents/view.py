"""A machine and its last step as JSON: format ``pfnmap-view-1``.

The classes below are the schema: an object has exactly these keys, always all of them.
Pages are counted in pages, addresses and sizes in bytes (the name says so), ``null`` means
not known or not applicable. Zone names, states and parameters are the kernel's words.
The same machine gives the same bytes. A new format number means that a key changed its
meaning or went away; new keys may come without.
"""

from __future__ import annotations

from typing import Any, Final, TypedDict

import numpy as np

from pfnmap.engine.kinds import PageState
from pfnmap.engine.language import line_of
from pfnmap.engine.outcome import Outcome, Refusal
from pfnmap.engine.view import View
from pfnmap.tui.text.blocks import block_ranges

FORMAT: Final = "pfnmap-view-1"


class ZoneData(TypedDict):
    """A zone of a node, empty ones too."""

    node: int
    zone: str
    start_pfn: int
    spanned: int
    present: int
    managed: int


class NodeData(TypedDict):
    """A node and its place in the node masks."""

    node: int
    start_pfn: int
    spanned: int
    present: int
    online: bool
    has_memory: bool
    has_normal_memory: bool
    has_cpu: bool


class BlocksData(TypedDict):
    """Memory blocks ``first`` to ``last`` (inclusive), alike but for their addresses."""

    first: int
    last: int
    state: str
    node: int | None
    zone: str
    """``none`` for an offline block."""
    valid_zones: list[str]
    """In the kernel's order: the first is the default."""
    zone_rule: str
    removable: bool | None
    start_pfn: int
    """Of the first block."""
    nr_pages: int
    """Of each block, as are the two below."""
    present_pages: int
    vmemmap_pages: int | None
    memmap: str
    device: str | None


class FindingData(TypedDict):
    """Something the rules in force broke."""

    code: str
    text: str
    start_pfn: int
    nr_pages: int


class ResourceData(TypedDict):
    """A line of ``/proc/iomem``; ``end`` inclusive, both in bytes."""

    depth: int
    start: int
    end: int
    name: str


class EventData(TypedDict):
    """A phase of an operation."""

    function: str
    text: str
    log: list[str]
    first_block: int | None
    nr_blocks: int


class RefusalData(TypedDict):
    """Why the kernel said no."""

    errno: str
    message: str
    function: str
    rule: str
    block: int | None
    pfn: int | None


class OutcomeData(TypedDict):
    """What a command did."""

    command: str
    refusal: RefusalData | None
    events: list[EventData]
    output: list[str]
    notes: list[str]


class MachineData(TypedDict):
    """Sizes; all in pages but ``page_bytes``."""

    arch: str
    profile: str
    """The kernel whose rules hold."""
    kernel_release: str | None
    """What a real machine's own kernel calls itself; null where none is known."""
    page_bytes: int
    subsection_pages: int
    pageblock_pages: int
    section_pages: int
    block_pages: int


class ViewData(TypedDict):
    """The document."""

    format: str
    title: str
    machine: MachineData
    params: dict[str, str]
    zones: list[ZoneData]
    nodes: list[NodeData]
    extents: list[list[int]]
    """[start_pfn, end_pfn) of all memory."""
    pages: dict[str, int]
    """Pages in each state, by the states' names in theme files; holes not counted."""
    block_counts: dict[str, int]
    blocks: list[BlocksData]
    resources: list[ResourceData]
    findings: list[FindingData]
    last_step: OutcomeData | None


def view_data(view: View, outcome: Outcome | None = None) -> ViewData:
    """Everything a view says, and what the last command did."""
    return {
        "format": FORMAT,
        "title": view.title,
        "machine": _machine(view),
        "params": dict(view.params),
        "zones": [
            {
                "node": zone.node,
                "zone": zone.zone.label,
                "start_pfn": zone.start_pfn,
                "spanned": zone.spanned,
                "present": zone.present,
                "managed": zone.managed,
            }
            for zone in view.zones
        ],
        "nodes": [
            {
                "node": node.node,
                "start_pfn": node.start_pfn,
                "spanned": node.spanned,
                "present": node.present,
                "online": node.online,
                "has_memory": node.has_memory,
                "has_normal_memory": node.has_normal_memory,
                "has_cpu": node.has_cpu,
            }
            for node in view.nodes
        ],
        "extents": view.extents().tolist(),
        "pages": _pages(view),
        "block_counts": dict(sorted(view.block_counts().items())),
        "blocks": _blocks(view),
        "resources": [
            {"depth": line.depth, "start": line.start, "end": line.end, "name": line.name}
            for line in view.resources
        ],
        "findings": [
            {
                "code": finding.code,
                "text": finding.text,
                "start_pfn": finding.start_pfn,
                "nr_pages": finding.nr_pages,
            }
            for finding in view.findings
        ],
        "last_step": None if outcome is None else outcome_data(outcome),
    }


def outcome_data(outcome: Outcome) -> OutcomeData:
    """What one command did."""
    return {
        "command": line_of(outcome.command),
        "refusal": None if outcome.refusal is None else _refusal(outcome.refusal),
        "events": [
            {
                "function": event.function,
                "text": event.text,
                "log": list(event.log),
                "first_block": event.first_block if event.nr_blocks else None,
                "nr_blocks": event.nr_blocks,
            }
            for event in outcome.events
        ],
        "output": list(outcome.output),
        "notes": list(outcome.notes),
    }


def _refusal(refusal: Refusal) -> RefusalData:
    return {
        "errno": refusal.errno,
        "message": refusal.shell_text,
        "function": refusal.function,
        "rule": refusal.rule,
        "block": refusal.block,
        "pfn": refusal.pfn,
    }


def _machine(view: View) -> MachineData:
    geometry = view.geometry
    return {
        "arch": geometry.arch,
        "profile": view.profile_name,
        "kernel_release": view.kernel_release or None,
        "page_bytes": geometry.page_bytes,
        "subsection_pages": geometry.subsection_pages,
        "pageblock_pages": geometry.pageblock_pages,
        "section_pages": geometry.section_pages,
        "block_pages": geometry.block_pages,
    }


def _pages(view: View) -> dict[str, int]:
    from pfnmap.themes.model import state_key

    edges = np.array([view.first_pfn, view.end_pfn], dtype=np.int64)
    counts = view.page_counts(edges)[0].tolist()
    return {
        state_key(state): counts[state]
        for state in PageState
        if counts[state] and state is not PageState.HOLE
    }


def _blocks(view: View) -> list[BlocksData]:
    return [
        {
            "first": part.first,
            "last": part.last,
            "state": part.row.state,
            "node": part.row.node,
            "zone": part.row.zone.label,
            "valid_zones": list(part.row.valid_zones),
            "zone_rule": part.row.zone_rule,
            "removable": part.row.removable,
            "start_pfn": part.row.start_pfn,
            "nr_pages": part.row.nr_pages,
            "present_pages": part.row.present_pages,
            "vmemmap_pages": part.row.vmemmap_pages,
            "memmap": part.row.memmap,
            "device": part.row.device,
        }
        for part in block_ranges(view)
    ]


def as_json(document: Any) -> str:
    """A document as JSON text: ASCII, indented, keys in the order of the schema."""
    import json

    return json.dumps(document, indent=2, ensure_ascii=True)
