"""The JSON documents of the subcommands: the classes below are their schemas.

As in ``pfnmap.tui.documents.view``, an object has all of its keys, and a new format number
means that one changed its meaning or went away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from msgspec import Struct

from pfnmap.engine.journal.resume import SessionInfo
from pfnmap.tui.documents.view import OutcomeData, ViewData


class RunData(Struct, frozen=True):
    """What `pfnmap run --json` prints: every command of a scenario and the machine at the end."""

    format: Literal["pfnmap-run-1"]
    steps: list[OutcomeData]
    """What each command for the machine did, in order."""
    end: ViewData
    """The machine after the last command."""


class VariantStepData(Struct, frozen=True):
    """A command of a variant."""

    number: int
    """Of the step in its session."""
    command: str
    result: str
    """ok, the errno with the function that decided, or why it could not be done."""


class VariantData(Struct, frozen=True):
    """A variant: its results and its machine at the end."""

    name: str
    """The variant as written."""
    steps: list[VariantStepData]
    price: list[str]
    """What it costs, saves, breaks and mends against the first; empty for the first."""
    end: ViewData


class CompareData(Struct, frozen=True):
    """What `pfnmap compare --json` prints: one scenario under several variants."""

    format: Literal["pfnmap-compare-1"]
    variants: list[VariantData]
    parts_at: int | None
    """The step at which two of them first differ; null where none does."""
    counters: dict[str, tuple[int | None, ...]]
    """Counters by name: a value for each variant, in their order."""
    assumed: tuple[str, ...]
    """What is taken for granted of a real machine, in sentences."""
    parted: tuple[str, ...]
    """Of kernels: the first step and field at which each goes another way, in lines."""


class PlanData(Struct, frozen=True):
    """What `pfnmap plan --json` prints: what commands would do on a real machine."""

    format: Literal["pfnmap-plan-1"]
    title: str
    """The machine: the root of its files or the name of a capture, and its kernel."""
    outcomes: list[OutcomeData]
    """What each command would do after those before it, in order; doubts are among its notes."""
    assumed: tuple[str, ...]
    """What the answers take for granted, in sentences."""


class SessionsData(Struct, frozen=True):
    """What `pfnmap sessions --json` prints: the kept sessions, the one written last first."""

    format: Literal["pfnmap-sessions-1"]
    directory: str
    """Where they are kept."""
    sessions: list[SessionInfo]


class ConfigData(Struct, frozen=True):
    """What `pfnmap config --json` prints: where things are kept. None of it need exist."""

    format: Literal["pfnmap-config-1"]
    config: str
    """The directory of all that is configured."""
    settings: str
    """The file with keys and defaults."""
    themes: str
    """The directory of your own themes."""
    state: str
    """The directory of sessions and of writes.log."""


_Config = TypedDict(
    "_Config", {"configured": bool | None, "memmap-on-memory": bool | None}, total=False
)


class MemoryRow(_Config, total=False):
    """Neighbouring blocks that say the same; the columns asked for, as lsmem -J has them.

    null where it is not known or does not apply. What a column shows says
    ``pfnmap.tui.text.blocks.COLUMNS``.
    """

    range: str
    size: str | int
    state: str
    removable: bool | None
    block: str
    node: int | None
    zones: str | None
    zone: str | None
    memmap: str
    vmemmap: int | None
    present: int
    device: str | None
    rule: str | None
    why: str | None


class NodeBlocksData(Struct, frozen=True):
    """The blocks of a node."""

    node: int | None
    """null for blocks whose node is not known."""
    online_blocks: int
    blocks: int


class PoolData(Struct, frozen=True):
    """A pool of huge pages."""

    node: int | None
    """null for the pool of the whole machine."""
    page_bytes: int
    """Bytes of one huge page."""
    total: int
    """Huge pages in the pool."""
    free: int


class BlocksTableData(Struct, frozen=True):
    """What `pfnmap blocks --json` prints: the table of memory blocks of a real machine."""

    format: Literal["pfnmap-blocks-1"]
    memory: Sequence[MemoryRow]
    block_size_bytes: int
    """Bytes of one memory block."""
    blocks: dict[str, int]
    """How many blocks are in each state."""
    nodes: list[NodeBlocksData]
    huge_pages: list[PoolData]
    """The pools of huge pages, of the machine and of each node."""
    notes: list[str]
    """What is missing, odd or assumed, in sentences."""
