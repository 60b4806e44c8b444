"""A machine and its last step as JSON: format ``pfnmap-view-1``.

The classes below are the schema: an object has exactly these keys, always all of them. Where
a row says what one of the engine says, it is that one.
Pages are counted in pages, addresses and sizes in bytes (the name says so), ``null`` means
not known or not applicable. Zone names, states and parameters are the kernel's words.
The same machine gives the same bytes. A new format number means that a key changed its
meaning or went away; new keys may come without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.finding import Finding
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language import line_of
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.view import NodeRow, ResourceRow, View
from pfnmap.themes.model import state_key
from pfnmap.tui.figure.bill import Bill, bill_of
from pfnmap.tui.text.blocks import block_ranges

_Row = TypeVar("_Row", bound=Struct)


class ZoneData(Struct, frozen=True):
    """A zone of a node, empty ones too."""

    node: int
    zone: str
    start_pfn: int
    spanned: int
    present: int
    managed: int


class BlocksData(Struct, frozen=True):
    """Memory blocks ``first`` to ``last`` (inclusive), alike but for their addresses."""

    first: int
    last: int
    state: str
    node: int | None
    zone: str
    """``none`` for an offline block."""
    valid_zones: tuple[str, ...]
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


class EventData(Struct, frozen=True):
    """A phase of an operation."""

    function: str
    text: str
    log: tuple[str, ...]
    first_block: int | None
    nr_blocks: int


class RefusalData(Struct, frozen=True):
    """Why the kernel said no."""

    errno: str
    message: str
    function: str
    rule: str
    block: int | None
    pfn: int | None


class OutcomeData(Struct, frozen=True):
    """What a command did."""

    command: str
    refusal: RefusalData | None
    events: list[EventData]
    output: tuple[str, ...]
    notes: tuple[str, ...]


class MachineData(Struct, frozen=True):
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


class ViewData(Struct, frozen=True):
    """The document."""

    format: Literal["pfnmap-view-1"]
    title: str
    machine: MachineData
    params: dict[str, str]
    zones: list[ZoneData]
    nodes: Sequence[NodeRow]
    extents: list[tuple[int, int]]
    """[start_pfn, end_pfn) of all memory."""
    pages: dict[str, int]
    """Pages in each state, by the states' names in theme files; holes not counted."""
    block_counts: dict[str, int]
    blocks: list[BlocksData]
    bill: Bill
    """What each device gives and costs, and what each node pays for it."""
    resources: Sequence[ResourceRow]
    findings: Sequence[Finding]
    last_step: OutcomeData | None


def view_data(view: View, outcome: Outcome | None = None) -> ViewData:
    """Everything a view says, and what the last command did."""
    return ViewData(
        format="pfnmap-view-1",
        title=view.title,
        machine=_like(
            MachineData,
            view.geometry,
            profile=view.profile_name,
            kernel_release=view.kernel_release or None,
        ),
        params=dict(view.params),
        zones=[_like(ZoneData, zone, zone=zone.zone.label) for zone in view.zones],
        nodes=view.nodes,
        extents=[(start, end) for start, end in view.extents().tolist()],
        pages=_pages(view),
        block_counts=dict(sorted(view.block_counts().items())),
        blocks=[*_blocks(view)],
        bill=bill_of(view.state),
        resources=view.resources,
        findings=view.findings,
        last_step=None if outcome is None else outcome_data(outcome),
    )


def _blocks(view: View) -> Iterator[BlocksData]:
    table, pages = block_ranges(view), view.geometry.block_pages
    kinds = [
        _like(BlocksData, part.row, first=0, last=0, zone=part.row.zone.label)
        for part in table.examples
    ]
    for first, last, kind in table.places():
        yield replace(kinds[kind], first=first, last=last, start_pfn=first * pages)


def outcome_data(outcome: Outcome) -> OutcomeData:
    """What one command did."""
    refusal = outcome.refusal
    return OutcomeData(
        command=line_of(outcome.command),
        refusal=None
        if refusal is None
        else _like(RefusalData, refusal, message=refusal.shell_text),
        events=[
            _like(EventData, event, first_block=event.first_block if event.nr_blocks else None)
            for event in outcome.events
        ],
        output=outcome.output,
        notes=outcome.notes,
    )


def _like(kind: type[_Row], thing: object, **given: Any) -> _Row:
    """A row with what is given, and the rest as the attributes of a thing have it."""
    rest = (name for name in kind.__struct_fields__ if name not in given)
    return kind(**given, **{name: getattr(thing, name) for name in rest})


def _pages(view: View) -> dict[str, int]:
    edges = np.array([view.first_pfn, view.end_pfn], dtype=np.int64)
    counts = view.page_counts(edges)[0].tolist()
    return {
        state_key(state): counts[state]
        for state in PageState
        if counts[state] and state is not PageState.HOLE
    }


def as_json(document: Any, indent: int = 2) -> str:
    """A document as JSON text: ASCII, indented, keys in the order of the schema."""
    return json.dumps(msgspec.to_builtins(document), indent=indent)
