"""The memory blocks of a tree as columns, and the nodes they belong to.

Of each block four small files are read, one file of all blocks after the other: three system
calls a file. The node comes from the links in the node directories (one listing for all
blocks of a node); only where a block is in none of them is its own directory listed.
"""

from __future__ import annotations

import errno
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.limits import MAX_CAPTURE_BLOCKS
from pfnmap.engine.sysroot.files import FileProblem, Notes, Tree, clean
from pfnmap.engine.sysroot.observation import (
    MAX_ZONE_WORDS,
    UNKNOWN_STATE,
    BlockColumns,
    Coded,
    Span,
)
from pfnmap.engine.sysroot.parse import parse_count

Ids = NDArray[np.int64]

MEMORY = "sys/devices/system/memory"
NODE = "sys/devices/system/node"

MAX_BLOCK_ID = 1 << 40
MAX_WORDS = 4096
"""Different states, zone lists or node sets that a tree may have; what is more is unknown."""

TURNS = 8
"""In so many readings the state of every block is read, where not all are read each time."""
MOST_IN_SIGHT = 1024
"""Blocks in sight that are read each time; a machine of no more blocks is, whole."""

BLOCK_NAME = re.compile(r"memory(\d{1,13})\Z")
_NODE_NAME = re.compile(r"node(\d{1,4})\Z")
_GONE = (errno.ENOENT, errno.ENODEV, errno.ENOTDIR)


def block_directories(tree: Tree, notes: Notes) -> dict[int, int]:
    """Block id to inode of its directory; InputError when the memory directory is missing."""
    try:
        entries = tree.subdirectories(MEMORY)
    except FileProblem as problem:
        raise InputError(
            f"{tree.name}: no memory blocks: {MEMORY} is {problem.why}; name the root of a "
            "tree that has it (a kernel has it with CONFIG_MEMORY_HOTPLUG)"
        ) from None
    found: dict[int, int] = {}
    odd: list[str] = []
    for name, inode in entries.items():
        match = BLOCK_NAME.match(name)
        if match is None:
            continue
        number = int(match[1])
        if number > MAX_BLOCK_ID or number in found or str(number) != match[1]:
            odd.append(name)
        else:
            found[number] = inode
    if odd:
        notes.add(f"{MEMORY}: {len(odd)} names are no block ids, e.g. {clean(min(odd))}")
    if len(found) > MAX_CAPTURE_BLOCKS:
        raise InputError(f"{tree.name}: {len(found)} memory blocks are more than can be read")
    if not found:
        notes.add(f"{MEMORY} has no memory block")
    return found


def block_names(ids: NDArray[np.int64]) -> list[str]:
    """Directory names of block ids."""
    return [f"memory{number}" for number in ids.tolist()]


class _Reading(Struct):
    """Blocks under way: those of the last reading that are still the same, and fresh ones."""

    ids: Ids
    names: list[str]
    states: list[bytes]
    failed: dict[int, int]
    fresh: NDArray[np.bool_]
    """Blocks that the last reading does not know."""


class BlockReader:
    """Reads the blocks of a tree again and again, each time only what can have changed.

    The state of every block is read each time, or in turn (:meth:`read`). ``valid_zones``
    depends on zones, parameters and other blocks, so it is read when any of these changed;
    ``removable`` is constant since 53cdc1cb29e8 "drivers/base/memory.c: indicate all memory
    blocks as removable" (5.8) and read with the state only where a 0 shows an older kernel;
    node and phys_device of a block never change while its directory stays the same.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._inodes: dict[int, int] = {}
        self._stamp: object = None
        self._turn = 0
        self._states: list[bytes] = []
        self._failed: dict[int, int] = {}
        self._columns = BlockColumns.of(
            _none(), ([], _none()), ([], _none()), ([], _none()), _none().astype(np.int8), _none()
        )
        self._notes: dict[str, tuple[str, ...]] = {}

    def read(self, *, surroundings_changed: bool, in_sight: Span | None = None) -> BlockColumns:
        """The blocks now: the same object when nothing changed; InputError without directory.

        ``surroundings_changed``: whether zones or parameters are not those of the last time.
        ``in_sight``: ids of blocks that somebody looks at. Then only these (``MOST_IN_SIGHT`` of
        them) and one of ``TURNS`` of the others are read; once one of them is not as it was, or
        there are other blocks, all. None: all.
        """
        if in_sight is not None and not surroundings_changed and self._as_they_were(in_sight):
            return self._columns
        reading = self._states_now()
        old = self._columns
        same_blocks = np.array_equal(reading.ids, old.ids) and not reading.fresh.any()
        changed = surroundings_changed or not same_blocks or reading.states != self._states
        moving = bool((old.removable == 0).any())
        if not changed and not moving:
            return old
        self._states, self._failed = reading.states, reading.failed
        columns = BlockColumns.of(
            reading.ids,
            state_codes(reading.states),
            self._zone_lists(reading) if changed else (old.zone_lists, old.zones),
            (old.node_sets, old.nodes) if same_blocks else self._nodes(reading),
            self._values(reading, "removable", old.removable, again=moving),
            self._values(reading, "phys_device", old.phys_device, again=False),
        )
        if columns != old:
            self._columns = columns
        return self._columns

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be read of the blocks, in sentences."""
        return tuple(line for lines in self._notes.values() for line in lines)

    def _as_they_were(self, in_sight: Span) -> bool:
        """Whether nothing shows that a block changed; in ``TURNS`` readings each is looked at."""
        ids = self._columns.ids
        low, high = np.searchsorted(ids, in_sight).tolist()
        near = np.arange(low, min(high, low + MOST_IN_SIGHT))
        turns = TURNS if len(ids) > MOST_IN_SIGHT else 1
        self._turn = (self._turn + 1) % turns
        which = np.union1d(near, np.arange(self._turn, len(ids), turns)).tolist()
        if self._stamp != self.tree.stamp(MEMORY):
            return False
        if not self._turn and block_directories(self.tree, Notes()) != self._inodes:
            return False
        names = block_names(ids[which])
        contents, failed = read_column(self.tree, names, "state")
        for at, index in enumerate(which):
            if (contents[at], failed.get(at)) != (self._states[index], self._failed.get(index)):
                return False
        removable = self._columns.removable
        if not (removable == 0).any():
            return True
        contents, _ = read_column(self.tree, names, "removable")
        return bool((number_column(contents, 1) == removable[which]).all())

    def _states_now(self) -> _Reading:
        notes = Notes()
        self._stamp = self.tree.stamp(MEMORY)
        directories = block_directories(self.tree, notes)
        ids = np.array(sorted(directories), np.int64)
        names = block_names(ids)
        contents, failed = read_column(self.tree, names, "state")
        if failed:
            ids, contents, failed = _without_vanished(self.tree, ids, contents, failed, notes)
            names = block_names(ids)
            note_failures(notes, ids, "state", failed)
        fresh = np.zeros(len(ids), bool)
        if directories != self._inodes:
            inodes = self._inodes
            fresh[:] = [inodes.get(block) != directories[block] for block in ids.tolist()]
            self._inodes = directories
        self._notes["state"] = notes.lines()
        return _Reading(ids, names, contents, failed, fresh)

    def _zone_lists(self, reading: _Reading) -> Coded[tuple[str, ...] | None]:
        notes = Notes()
        contents, failed = read_column(self.tree, reading.names, "valid_zones")
        note_failures(notes, reading.ids, "valid_zones", failed)
        self._notes["valid_zones"] = notes.lines()
        return zone_codes(contents, failed)

    def _nodes(self, reading: _Reading) -> Coded[tuple[int, ...] | None]:
        notes = Notes()
        links = node_links(self.tree, notes)
        coded = node_codes(self.tree, reading.ids, links, notes)
        self._notes["node"] = notes.lines()
        return coded

    def _values(
        self, reading: _Reading, file: str, old: NDArray[Any], *, again: bool
    ) -> NDArray[Any]:
        """A column of numbers: read for fresh blocks (or all), else as it was."""
        wanted = np.ones(len(reading.ids), bool) if again else reading.fresh
        values = np.full(len(reading.ids), -1, old.dtype)
        known = ~wanted
        values[known] = old[np.searchsorted(self._columns.ids, reading.ids[known])]
        which = np.flatnonzero(wanted)
        if len(which):
            notes = Notes()
            contents, failed = read_column(self.tree, [reading.names[i] for i in which], file)
            values[which] = number_column(contents, 1 if file == "removable" else 1 << 32)
            note_failures(notes, reading.ids[which], file, failed)
            self._notes[file] = notes.lines()
        return values


def _none() -> Ids:
    return np.zeros(0, np.int64)


def read_column(tree: Tree, names: Sequence[str], file: str) -> tuple[list[bytes], dict[int, int]]:
    """One file of many blocks; where the memory directory itself vanished, nothing is read."""
    try:
        return tree.read_each(MEMORY, names, file)
    except FileProblem as problem:
        return [b""] * len(names), dict.fromkeys(range(len(names)), problem.number)


def _without_vanished(
    tree: Tree, ids: Ids, contents: list[bytes], failed: dict[int, int], notes: Notes
) -> tuple[Ids, list[bytes], dict[int, int]]:
    """The same without the blocks whose directory is no longer there."""
    gone = [index for index, number in failed.items() if number in _GONE]
    present = block_directories(tree, Notes()) if gone else {}
    gone = [index for index in gone if int(ids[index]) not in present]
    if not gone:
        return ids, contents, failed
    notes.add(f"removed while they were read: {_blocks_words([int(ids[i]) for i in gone])}")
    keep = np.setdiff1d(np.arange(len(ids)), gone)
    moved = {int(old): new for new, old in enumerate(keep)}
    left = {moved[index]: number for index, number in failed.items() if index in moved}
    return ids[keep], [contents[i] for i in keep], left


def note_failures(notes: Notes, ids: NDArray[np.int64], file: str, failed: dict[int, int]) -> None:
    """One sentence for each reason why a file of some blocks cannot be read."""
    for number, _ in Counter(failed.values()).most_common():
        why = FileProblem(file, number).why
        which = [int(ids[index]) for index, reason in failed.items() if reason == number]
        whole = "every memory block" if len(which) == len(ids) else _blocks_words(which)
        notes.add(f"{file} of {whole}: {why}")


def _blocks_words(ids: list[int]) -> str:
    return f"memory{ids[0]}" if len(ids) == 1 else f"{len(ids)} blocks, first memory{min(ids)}"


def _coded(contents: list[bytes]) -> tuple[list[bytes], NDArray[np.int64]]:
    """The different contents and, for each block, which of them it has."""
    known: dict[bytes, int] = {}
    codes = np.array([known.setdefault(data, len(known)) for data in contents], np.int64)
    if len(known) <= MAX_WORDS:
        return list(known), codes
    return [*list(known)[:MAX_WORDS], b""], np.minimum(codes, MAX_WORDS)


def state_codes(contents: list[bytes]) -> tuple[list[str], NDArray[np.int64]]:
    """States as words; ``unknown`` for what could not be read or is not one word."""
    different, codes = _coded(contents)
    words = [clean(data, 32) for data in different]
    return [word if word and " " not in word else UNKNOWN_STATE for word in words], codes


def zone_codes(
    contents: list[bytes], failed: dict[int, int]
) -> tuple[list[tuple[str, ...] | None], NDArray[np.int64]]:
    """``valid_zones`` as lists of words; None for files that could not be read."""
    different, codes = _coded(contents)
    lists: list[tuple[str, ...] | None] = [
        tuple(clean(word, 16) for word in data.split()[:MAX_ZONE_WORDS]) or None
        for data in different
    ]
    if failed:
        codes[list(failed)] = len(lists)
        lists.append(None)
    return lists, codes


def number_column(contents: list[bytes], limit: int) -> Ids:
    """Numbers from 0 to ``limit``; -1 for anything else."""
    table: dict[bytes, int] = {}
    for data in set(contents):
        number = parse_count(data, limit)
        table[data] = -1 if number is None else number
    return np.array([table[data] for data in contents], np.int64)


def read_node_ids(tree: Tree, notes: Notes) -> tuple[int, ...]:
    """Nodes that have a directory, ascending."""
    try:
        names = tree.subdirectories(NODE)
    except FileProblem as problem:
        notes.problem(problem)
        return ()
    numbers = (int(found[1]) for name in names if (found := _NODE_NAME.match(name)))
    return tuple(sorted(number for number in numbers if number < MAX_NUMNODES))


def node_links(tree: Tree, notes: Notes) -> dict[int, tuple[int, ...]]:
    """Block id to nodes, by the links in the nodes' directories."""
    links: dict[int, tuple[int, ...]] = {}
    for node in read_node_ids(tree, Notes()):
        try:
            entries = tree.names(f"{NODE}/node{node}")
        except FileProblem as problem:
            notes.problem(problem)
            continue
        for name in entries:
            if (match := BLOCK_NAME.match(name)) is not None:
                block = int(match[1])
                links[block] = (*links.get(block, ()), node)
    return links


def node_codes(
    tree: Tree, ids: NDArray[np.int64], links: dict[int, tuple[int, ...]], notes: Notes
) -> tuple[list[tuple[int, ...] | None], NDArray[np.int64]]:
    """Nodes of each block: by the node's links, else by the block's own (even dangling)."""
    known: dict[tuple[int, ...] | None, int] = {}
    codes: list[int] = []
    lost: list[int] = []
    for number in ids.tolist():
        nodes: tuple[int, ...] | None = links.get(number)
        if nodes is None:
            nodes = _own_links(tree, number)
            if nodes is None:
                lost.append(number)
        if len(known) >= MAX_WORDS and nodes not in known:
            nodes = None
        codes.append(known.setdefault(nodes, len(known)))
    if lost:
        notes.add(f"no node link: {_blocks_words(lost)}")
    return list(known), np.array(codes, np.int64)


def _own_links(tree: Tree, block: int) -> tuple[int, ...] | None:
    """``nodeN`` entries of a block's directory; the target need not be there."""
    try:
        names = tree.names(f"{MEMORY}/memory{block}")
    except FileProblem:
        return None
    found = (int(match[1]) for name in names if (match := _NODE_NAME.match(name)))
    return tuple(sorted(node for node in found if node < MAX_NUMNODES)) or None
