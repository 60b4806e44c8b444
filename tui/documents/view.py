"""A machine and its last step as JSON: formats ``pfnmap-view-2`` and ``pfnmap-view-1``.

The classes below are the schema: an object has exactly these keys, always all of them. Where
a row says what one of the engine says, it is that one. Format 2 says what there is to say of
blocks once for all that are alike, and is small for a machine in very many pieces; format 1
says it for each run of blocks, and is that of ``run``, ``compare`` and a diff.
Pages are counted in pages, addresses and sizes in bytes (the name says so), ``null`` means
not known or not applicable. Zone names, states and parameters are the kernel's words.
The same machine gives the same bytes. A new format number means that a key changed its
meaning or went away; new keys may come without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, TypeVar, cast

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.finding import Finding
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.view import NodeRow, ResourceRow, View
from pfnmap.themes.model import state_key
from pfnmap.tui.figure.bill import Bill, bill_of
from pfnmap.tui.text.blocks import block_ranges

_Row = TypeVar("_Row", bound=Struct)
_Table = NDArray[np.int64]

CHUNK_ROWS: Final = 1 << 13
"""Rows of a table that are made to text at a time."""


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


class BlockKindData(Struct, frozen=True):
    """What memory blocks that are alike have in common; pages are those of each block."""

    state: str
    node: int | None
    zone: str
    """``none`` for offline blocks."""
    valid_zones: tuple[str, ...]
    """In the kernel's order: the first is the default."""
    zone_rule: str
    removable: bool | None
    nr_pages: int
    present_pages: int
    vmemmap_pages: int | None
    memmap: str
    device: str | None


class BlockRunsData(Struct, frozen=True):
    """All memory blocks."""

    kinds: list[BlockKindData]
    runs: Sequence[tuple[int, int, int]]
    """[first, last, kind]: block ids, both inclusive, ascending; the kind counts from 0."""


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
    """The document in format 1."""

    format: Literal["pfnmap-view-1"]
    title: str
    machine: MachineData
    params: dict[str, str]
    zones: list[ZoneData]
    nodes: Sequence[NodeRow]
    extents: Sequence[tuple[int, int]]
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


class ViewData2(ViewData, frozen=True):
    """The document in format 2."""

    format: Literal["pfnmap-view-2"]  # type: ignore[assignment]
    blocks: BlockRunsData  # type: ignore[assignment]


def view_data(view: View, outcome: Outcome | None = None) -> ViewData2:
    """Everything a view says, and what the last command did."""
    return ViewData2(
        format="pfnmap-view-2",
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
        extents=cast(Any, view.extents()),
        pages=_pages(view),
        block_counts=dict(sorted(view.block_counts().items())),
        blocks=_block_runs(view),
        bill=bill_of(view.state),
        resources=view.resources,
        findings=view.findings,
        last_step=None if outcome is None else outcome_data(outcome),
    )


def view_data_1(view: View, outcome: Outcome | None = None) -> ViewData:
    """The same in format 1."""
    told, pages = view_data(view, outcome), view.geometry.block_pages
    kinds = [_like(BlocksData, kind, first=0, last=0, start_pfn=0) for kind in told.blocks.kinds]
    return _like(
        ViewData,
        told,
        format="pfnmap-view-1",
        extents=[tuple(pair) for pair in view.extents().tolist()],
        blocks=[
            replace(kinds[kind], first=first, last=last, start_pfn=first * pages)
            for first, last, kind in cast(_Table, told.blocks.runs).tolist()
        ],
    )


def _block_runs(view: View) -> BlockRunsData:
    table = block_ranges(view)
    kinds: dict[BlockKindData, int] = {}
    numbers = [
        kinds.setdefault(_like(BlockKindData, part.row, zone=part.row.zone.label), len(kinds))
        for part in table.examples
    ]
    of_runs = np.array(numbers, np.int64)[table.kinds]
    runs = np.stack((table.firsts, table.lasts, of_runs), axis=1)
    return BlockRunsData([*kinds], cast(Any, runs))


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


def as_json(document: object, indent: int = 2) -> str:
    """A document as JSON text: ASCII, indented, keys in the order of the schema."""
    return "".join(json_pieces(document, indent))


def json_pieces(document: object, indent: int = 2, line: str = "\n") -> Iterator[str]:
    """The same in pieces: rows of objects one by one, of a table some thousands at a time.

    ``line`` begins a line where the document stands.
    """
    inner = line + " " * indent
    match document:
        case Struct():
            for number, name in enumerate(document.__struct_fields__):
                yield f'{"," if number else "{"}{inner}"{name}": '
                yield from json_pieces(getattr(document, name), indent, inner)
            yield line + "}"
        case list() if document and isinstance(document[0], Struct):
            for number, row in enumerate(document):
                yield ("," if number else "[") + inner
                yield from json_pieces(row, indent, inner)
            yield line + "]"
        case np.ndarray() if len(document):
            for start in range(0, len(document), CHUNK_ROWS):
                rows = json.dumps(document[start : start + CHUNK_ROWS].tolist())[1:-1]
                yield ("," if start else "[") + inner + rows.replace("], [", f"],{inner}[")
            yield line + "]"
        case _:
            plain = msgspec.to_builtins(document, enc_hook=np.ndarray.tolist)
            yield json.dumps(plain, indent=indent).replace("\n", line)
