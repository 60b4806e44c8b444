"""What was read of a machine, as values: the one thing a capture keeps.

Blocks are numpy columns sorted by id. Words that repeat (states, zone lists, node sets) are
stored once and referred to by code, so a comparison of two readings is a comparison of
small integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.memory.runs import sorted_set
from pfnmap.engine.sysroot.parse import DriverDevice, IomemLine, ZoneInfo
from pfnmap.engine.view import HugetlbPool, MemoryConfig

Word = TypeVar("Word")
Coded = tuple[Sequence[Word], NDArray[np.integer[Any]]]
Span = tuple[int, int]
"""What lies from the first number on, and before the second."""
Coded16 = tuple[tuple[Word, ...], NDArray[np.uint16]]

UNKNOWN_STATE = "unknown"
MAX_ZONE_WORDS = 8


class BlockColumns(Struct, frozen=True, eq=False):
    """Memory blocks; every column has one entry a block, ascending by id."""

    ids: NDArray[np.int64]
    state: NDArray[np.uint16]
    """Index into ``states``."""
    zones: NDArray[np.uint16]
    """Index into ``zone_lists``."""
    nodes: NDArray[np.uint16]
    """Index into ``node_sets``."""
    removable: NDArray[np.int8]
    """1, 0, or -1 where not known."""
    phys_device: NDArray[np.int64]
    """-1 where not known."""
    states: tuple[str, ...]
    zone_lists: tuple[tuple[str, ...] | None, ...]
    """Words of ``valid_zones``; None where the file could not be read."""
    node_sets: tuple[tuple[int, ...] | None, ...]
    """Nodes a block is linked to; None where no link was found."""

    @classmethod
    def of(
        cls,
        ids: NDArray[np.int64],
        states: Coded[str],
        zones: Coded[tuple[str, ...] | None],
        nodes: Coded[tuple[int, ...] | None],
        removable: NDArray[np.int8],
        phys_device: NDArray[np.int64],
    ) -> BlockColumns:
        """Columns with the words in a fixed order, so that equal blocks have equal columns."""
        state_words, state = _ordered(*states)
        zone_lists, zone = _ordered(*zones)
        node_sets, node = _ordered(*nodes)
        return cls(
            ids, state, zone, node, removable, phys_device, state_words, zone_lists, node_sets
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BlockColumns):
            return NotImplemented
        return all(_same(getattr(self, f), getattr(other, f)) for f in self.__struct_fields__)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def state_word(self, index: int) -> str:
        """State of the block at this index."""
        return self.states[int(self.state[index])]

    def zone_words(self, index: int) -> tuple[str, ...] | None:
        """``valid_zones`` of the block at this index."""
        return self.zone_lists[int(self.zones[index])]

    def node_set(self, index: int) -> tuple[int, ...] | None:
        """Nodes of the block at this index."""
        return self.node_sets[int(self.nodes[index])]

    def run_starts(self) -> NDArray[np.int64]:
        """Indices at which something but the id changes, or the ids have a gap."""
        if not len(self):
            return np.zeros(0, np.int64)
        change = np.diff(self.ids) != 1
        for column in (self.state, self.zones, self.nodes, self.removable, self.phys_device):
            change |= column[1:] != column[:-1]
        return np.concatenate(([0], np.flatnonzero(change) + 1)).astype(np.int64)

    def rows(self, which: NDArray[np.integer[Any]]) -> BlockColumns:
        """The blocks at these indices, which ascend."""
        return replace(self, **{name: getattr(self, name)[which] for name in _COLUMNS})


_CODED = (("state", "states"), ("zones", "zone_lists"), ("nodes", "node_sets"))
"""Columns of codes, and the words that they refer to."""
_COLUMNS = ("ids", "state", "zones", "nodes", "removable", "phys_device")


def differing(
    before: BlockColumns, after: BlockColumns, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the blocks at indices ``a`` before, and ``b`` after, differ in any column."""
    differ = (before.removable[a] != after.removable[b]) | (
        before.phys_device[a] != after.phys_device[b]
    )
    for column, words in _CODED:
        differ |= getattr(before, column)[a] != _translated(after, before, column, words)[b]
    return np.asarray(differ)


def _translated(
    blocks: BlockColumns, other: BlockColumns, column: str, words: str
) -> NDArray[np.int64]:
    """The codes of a column as those of the same words in another reading, -1 without one."""
    place = {word: code for code, word in enumerate(getattr(other, words))}
    table = np.array([place.get(word, -1) for word in getattr(blocks, words)] or [-1], np.int64)
    return np.asarray(table[getattr(blocks, column)])


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one is other or np.array_equal(one, other)
    return one == other


def _ordered(words: Sequence[Word], codes: NDArray[np.integer[Any]]) -> Coded16[Word]:
    """The words that are used, each once, in a fixed order; and the codes for them."""
    used = sorted_set(codes.astype(np.int64)).tolist()
    order = sorted({words[code] for code in used}, key=repr)
    place = {word: index for index, word in enumerate(order)}
    table = np.zeros(len(words), np.uint16)
    for code in used:
        table[code] = place[words[code]]
    return tuple(order), table[codes]


class Listed(Struct, frozen=True):
    """What follows from lines of lsmem, of which a machine may have nothing more."""

    blocks: BlockColumns
    block_bytes: int
    config: tuple[MemoryConfig, ...]
    node_ids: tuple[int, ...]
    memmap_on_memory: str | None
    """The parameter, as the totals say it: ``yes``, ``no`` or ``force``."""
    missing: tuple[str, ...]
    """Columns that would have said more."""


class Observation(Struct, frozen=True):
    """Everything that was read of a machine at one moment, and what could not be."""

    title: str
    kernel: str | None
    """Release, e.g. ``6.12.9``."""
    arch: str | None
    """Machine name as ``uname -m`` prints it."""
    page_bytes: int | None
    block_bytes: int | None
    blocks: BlockColumns
    zones: tuple[ZoneInfo, ...] | None
    iomem: tuple[IomemLine, ...] | None
    masks: Mapping[str, tuple[int, ...]]
    """Members of ``online possible has_memory has_normal_memory has_cpu`` that could be read."""
    node_ids: tuple[int, ...]
    """Nodes that have a directory."""
    params: Mapping[str, str]
    """Words of ``set`` that could be read: name to value."""
    pools: tuple[HugetlbPool, ...] = ()
    config: tuple[MemoryConfig, ...] = ()
    """What ``/sys/firmware/memory`` says, ascending; empty where there is no such directory."""
    devices: tuple[DriverDevice, ...] = ()
    """What drivers that add memory say of their devices."""
    balloons: tuple[str, ...] = ()
    """Drivers of balloons that are there: ``hv_balloon``."""
    notes: tuple[str, ...] = ()
    """What is missing or odd, and why; ready to show."""


# -- from one to another --------------------------------------------------------------------
class WayBack(Struct, frozen=True, eq=False):
    """What an observation lacks of the one before it; as large as what changed between them."""

    fields: dict[str, Any]
    """The earlier value of each field that differs, but for the blocks."""
    rows: BlockColumns | None
    """The earlier blocks that were otherwise, or are gone; None where no block differs."""
    come: NDArray[np.int64]
    """Ids of blocks that were not there yet."""

    def applied(self, later: Observation) -> Observation:
        """The earlier observation, from the one that followed it."""
        if self.rows is not None:
            return replace(later, blocks=self._blocks(later.blocks, self.rows), **self.fields)
        return replace(later, **self.fields)

    def _blocks(self, later: BlockColumns, rows: BlockColumns) -> BlockColumns:
        columns = {name: getattr(later, name) for name in ("ids", "removable", "phys_device")}
        for column, words in _CODED:
            columns[column] = _translated(later, rows, column, words).astype(np.uint16)
        keep = ~np.isin(later.ids, np.concatenate((rows.ids, self.come)))
        order = np.argsort(np.concatenate((later.ids[keep], rows.ids)), kind="stable")
        for name, column in columns.items():
            columns[name] = np.concatenate((column[keep], getattr(rows, name)))[order]
        return replace(rows, **columns)


def way_back(later: Observation, earlier: Observation) -> WayBack:
    """What leads from an observation back to the one before it."""
    names = [name for name in Observation.__struct_fields__ if name != "blocks"]
    both = {name: (getattr(earlier, name), getattr(later, name)) for name in names}
    fields = {name: _sharing(old, new) for name, (old, new) in both.items() if old != new}
    old, new = earlier.blocks, later.blocks
    if old == new:
        return WayBack(fields, None, new.ids[:0])
    kept = np.intersect1d(old.ids, new.ids, assume_unique=True)
    a, b = np.searchsorted(old.ids, kept), np.searchsorted(new.ids, kept)
    gone = np.ones(len(old), bool)
    gone[a] = differing(old, new, a, b)
    come = np.setdiff1d(new.ids, old.ids, assume_unique=True)
    return WayBack(fields, old.rows(np.flatnonzero(gone)), come)


def _sharing(old: object, new: object) -> object:
    """The old value with the parts that are equal to one of the new value's in common with it."""
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return old
    known = {part: part for part in new}
    return tuple(known.get(part, part) for part in old)
