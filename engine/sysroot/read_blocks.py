"""The memory blocks of a tree as columns, and the nodes they belong to.

Of each block four small files are read at most, each with three system calls. Where the kernel's
own rules say that one block speaks for all, only that one is read. The node comes from the links in
the node directories (one listing for all blocks of a node); only where a block is in none of them
is its own directory listed.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.limits import MAX_CAPTURE_BLOCKS
from pfnmap.engine.memory.runs import among, sorted_set
from pfnmap.engine.profile import numbers_of
from pfnmap.engine.sysroot.observation import (
    MAX_ZONE_WORDS,
    UNKNOWN_STATE,
    BlockColumns,
    Coded,
    Span,
)
from pfnmap.engine.sysroot.parse import parse_count
from pfnmap.engine.sysroot.trees import FileProblem, Notes, Tree, clean

Ids = NDArray[np.int64]
Content = bytes | int
"""Of a small file; the errno where it cannot be read."""

MEMORY = "sys/devices/system/memory"
NODE = "sys/devices/system/node"

MAX_BLOCK_ID = 1 << 40
MAX_WORDS = 4096
"""Different states, zone lists or node sets that a tree may have; what is more is unknown."""

TURNS = 16
"""In so many readings the state of every block is read, where not all are read each time."""
ZONE_TURNS = 64
"""In so many readings ``valid_zones`` of every block is, where nothing asks for it sooner."""
MOST_IN_SIGHT = 1024
"""Blocks in sight that are read each time; a machine of no more blocks is, whole."""

PHYS_DEVICE_OF_ALL: Final = frozenset((b"0\n",))
"""What ``phys_device`` of the highest block is to be that of all.

Only s390x ever had another (``Documentation/ABI/testing/sysfs-devices-memory``), and there it
ascends: ``arch_get_memory_phys_device`` shifts the block's address.
"""
_BLOCKS = re.compile(r"/memory(0|[1-9][0-9]{0,12})(?=/)")
_LEADING_ZEROS = re.compile(r"/(memory0[0-9]{1,12})(?=/)")
_NODE_NAME = re.compile(r"node(\d{1,4})\Z")
_GONE = frozenset((errno.ENOENT, errno.ENODEV, errno.ENOTDIR))


def memory_entries(tree: Tree) -> Mapping[str, int]:
    """Names and inodes of the directories of blocks, and of others; InputError without them."""
    try:
        return tree.subdirectories(MEMORY)
    except FileProblem as problem:
        raise InputError(
            f"{tree.name}: no memory blocks: {MEMORY} is {problem.why}; name the root of a "
            "tree that has it (a kernel has it with CONFIG_MEMORY_HOTPLUG)"
        ) from None


def block_numbers(names: Iterable[str]) -> tuple[Ids, list[str]]:
    """Ids in those names that are of blocks, and the names that only look so.

    All names at once, and a name has no slash in it: one by one takes three times as long.
    """
    text = f"/{'/'.join(names)}/"
    ids = np.array(_BLOCKS.findall(text), np.int64)
    few = ids <= MAX_BLOCK_ID
    return ids[few], [*_LEADING_ZEROS.findall(text), *block_names(ids[~few])]


def block_ids(tree: Tree, entries: Mapping[str, int], notes: Notes) -> Ids:
    """Ids of the blocks that have a directory, ascending; InputError where there are too many."""
    found, odd = block_numbers(entries)
    if odd:
        notes.add(f"{MEMORY}: {len(odd)} names are no block ids, e.g. {clean(min(odd))}")
    if len(found) > MAX_CAPTURE_BLOCKS:
        raise InputError(f"{tree.name}: {len(found)} memory blocks are more than can be read")
    if not len(found):
        notes.add(f"{MEMORY} has no memory block")
    return np.sort(found)


def block_names(ids: NDArray[np.int64]) -> list[str]:
    """Directory names of block ids."""
    return [f"memory{number}" for number in ids.tolist()]


class _Reading(Struct):
    """Blocks under way: those of the last reading that are still the same, and fresh ones."""

    ids: Ids
    names: list[str]
    places: NDArray[np.int64]
    """Where the last reading has the same block; -1 for one that it does not know."""


class BlockReader:
    """Reads the blocks of a tree again and again, each time only what can have changed.

    The state of every block is read each time, or in turn (:meth:`read`). ``valid_zones`` follows
    from the block's state, from zones and from parameters, so it is read where these changed;
    ``removable`` is read with the state only where a 0 shows that it is no constant; node and
    phys_device of a block never change while its directory stays the same.
    """

    def __init__(self, tree: Tree, kernel: str | None = None) -> None:
        """``kernel``: its release, where that is known."""
        self.tree = tree
        self._removable_of_all = removable_of_all(kernel)
        self._entries: Mapping[str, int] = {"": 0}
        self._stamp: object = None
        self._turn = 0
        self._names: list[str] = []
        self._files: dict[str, list[Content]] = {
            name: [] for name in ("state", "valid_zones", "removable", "phys_device")
        }
        """As they were read last, by the index of the block."""
        self._columns = BlockColumns.of(
            _none(), ([], _none()), ([], _none()), ([], _none()), _none().astype(np.int8), _none()
        )
        self._notes: dict[str, tuple[str, ...]] = {}

    def read(
        self, *, counts_changed: bool, zones_moved: bool, in_sight: Span | None = None
    ) -> BlockColumns:
        """The blocks now: the same object when nothing changed; InputError without directory.

        ``counts_changed``: whether zones or parameters show that blocks may have another state;
        ``zones_moved``: that ``valid_zones`` of any block may be another.
        ``in_sight``: ids of blocks that somebody looks at. Then the state is read of these
        (``MOST_IN_SIGHT`` of them) and of one of ``TURNS`` of the others, ``valid_zones`` of one
        of ``ZONE_TURNS``. Once one of these is not as it was, or there are other blocks, each
        state is read, and ``valid_zones`` in sight and where the state is another; all, where
        that of one is not as it was. None: each state, and all where one changed.
        """
        old = self._columns
        low, high = self._near(in_sight)
        self._turn += in_sight is not None
        turn = range(self._turn % ZONE_TURNS, len(old), ZONE_TURNS)
        if in_sight is not None and not counts_changed and self._as_they_were(low, high):
            if self._as_it_was("valid_zones", turn):
                return old
            # No state is another that would explain it.
            counts_changed = zones_moved = True
        moving = self._moving
        sure = {
            "state": True,
            "valid_zones": zones_moved or not len(old),
            "removable": moving or not (len(old) or self._removable_of_all),
        }
        reading, now = self._now([file for file in sure if sure[file]], listing=in_sight is None)
        was, states, same_blocks = self._files["state"], now["state"], reading.ids is old.ids
        places = reading.places.tolist()
        differ = np.array(
            [at < 0 or was[at] != state for at, state in zip(places, states, strict=True)], bool
        )
        changed = counts_changed or not same_blocks or bool(differ.any())
        if not changed and not moving:
            return old
        near = (reading.places >= low) & (reading.places < high)
        zones_read = differ | (changed & near)
        zones_read[turn.start :: ZONE_TURNS] |= changed
        fresh = reading.places < 0
        for file, wanted, alike in (
            ("valid_zones", zones_read, frozenset[bytes]()),
            ("removable", fresh, self._removable_of_all),
            ("phys_device", fresh, PHYS_DEVICE_OF_ALL),
        ):
            if file not in now:
                now[file] = self._again(reading, file, wanted, alike)
        self._files = now
        columns = BlockColumns.of(
            reading.ids,
            state_codes(states),
            zone_codes(self._files["valid_zones"]),
            (old.node_sets, old.nodes) if same_blocks else self._nodes(reading),
            number_column(self._files["removable"], 1).astype(np.int8),
            number_column(self._files["phys_device"], 1 << 32),
        )
        self._names = reading.names
        if columns != old:
            self._columns = columns
        return self._columns

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be read of the blocks, in sentences."""
        return tuple(line for lines in self._notes.values() for line in lines)

    @property
    def _moving(self) -> bool:
        """Whether ``removable`` of a block may be another than it was: a 0 is of an old kernel."""
        return not self._removable_of_all and bool((self._columns.removable == 0).any())

    # -- what is read -------------------------------------------------------------------------
    def _near(self, in_sight: Span | None) -> Span:
        """Which blocks are read each time, by their index."""
        ids = self._columns.ids
        if in_sight is None or len(ids) <= MOST_IN_SIGHT:
            return 0, len(ids)
        low, high = np.searchsorted(ids, in_sight).tolist()
        return low, min(high, low + MOST_IN_SIGHT)

    def _as_they_were(self, low: int, high: int) -> bool:
        """Whether nothing shows that a block changed; in ``TURNS`` readings each is looked at."""
        nr_blocks = len(self._columns)
        turns = TURNS if high - low < nr_blocks else 1
        turn = self._turn % turns
        if self._stamp != self.tree.stamp(MEMORY):
            return False
        if not turn and memory_entries(self.tree) != self._entries:
            return False
        which = [*range(turn, low, turns), *range(low, high)]
        which += range(high + (turn - high) % turns, nr_blocks, turns)
        return self._as_it_was("state", which) and (
            not self._moving or self._as_it_was("removable", which)
        )

    def _as_it_was(self, file: str, which: Sequence[int]) -> bool:
        """Whether a file of these blocks, by their index, is as it was."""
        was = self._files[file]
        now = read_column(self.tree, [self._names[index] for index in which], file)
        return now == [was[index] for index in which]

    def _now(
        self, files: Sequence[str], *, listing: bool
    ) -> tuple[_Reading, dict[str, list[Content]]]:
        """The blocks that are there and files of each, of which the first is the state.

        ``listing``: for certain.
        """
        notes = Notes()
        reading = self._listed(again=listing)
        columns = read_columns(self.tree, reading.names, files)
        if not _GONE.isdisjoint(columns[0]):
            reading, columns = self._without_vanished(reading, columns, notes)
        self._notes["vanished"] = notes.lines()
        for file, column in zip(files, columns, strict=True):
            self._note_failures(reading.ids, file, column)
        return reading, dict(zip(files, columns, strict=True))

    def _note_failures(self, ids: Ids, file: str, contents: list[Content]) -> None:
        notes = Notes()
        note_failures(notes, ids, file, contents)
        self._notes[file] = notes.lines()

    def _without_vanished(
        self, reading: _Reading, columns: list[list[Content]], notes: Notes
    ) -> tuple[_Reading, list[list[Content]]]:
        """The same without the blocks whose directory is no longer there."""
        entries = memory_entries(self.tree)
        there = np.array([name in entries for name in reading.names], bool)
        there |= [state not in _GONE for state in columns[0]]
        if there.all():
            return reading, columns
        notes.add(f"removed while they were read: {_blocks_words(reading.ids[~there].tolist())}")
        self._stamp = None
        ids, kept = reading.ids[there], np.flatnonzero(there).tolist()
        names = [reading.names[index] for index in kept]
        self._entries = {name: self._entries[name] for name in names}
        columns = [[column[index] for index in kept] for column in columns]
        return _Reading(ids, names, reading.places[there]), columns

    def _listed(self, *, again: bool) -> _Reading:
        """The blocks that have a directory: as before, unless something says that they differ."""
        old = self._columns
        stamp = self.tree.stamp(MEMORY)
        if again or stamp != self._stamp or not self._turn % TURNS:
            before, entries = self._entries, memory_entries(self.tree)
            if entries != before:
                notes = Notes()
                ids = block_ids(self.tree, entries, notes)
                self._stamp, self._entries = stamp, entries
                self._notes["listing"] = notes.lines()
                names = block_names(ids)
                at = {name: index for index, name in enumerate(self._names)}
                known = (
                    at.get(name, -1) if entries[name] == before.get(name) else -1 for name in names
                )
                places = np.fromiter(known, np.int64, len(names)) if at else np.full(len(names), -1)
                if len(ids) != len(old) or (places < 0).any():
                    return _Reading(ids, names, places)
            self._stamp = stamp
        return _Reading(old.ids, self._names, np.arange(len(old)))

    def _nodes(self, reading: _Reading) -> Coded[tuple[int, ...] | None]:
        notes = Notes()
        coded = node_codes(self.tree, reading.ids, notes)
        self._notes["node"] = notes.lines()
        return coded

    def _again(
        self, reading: _Reading, file: str, wanted: NDArray[np.bool_], alike: frozenset[bytes]
    ) -> list[Content]:
        """A file of every block: read of those that are wanted, else as it was.

        ``alike``: what the last of these has where all of them have it.
        """
        was = self._files[file]
        contents = [was[at] if at >= 0 else b"" for at in reading.places.tolist()]
        which = np.flatnonzero(wanted).tolist()
        names = [reading.names[index] for index in which]
        last = read_column(self.tree, names[-1:], file) if alike else []
        if last and last[0] in alike:
            now = last * len(names)
        else:
            now = [*read_column(self.tree, names[: len(names) - len(last)], file), *last]
        for index, content in zip(which, now, strict=True):
            contents[index] = content
        self._note_failures(reading.ids, file, contents)
        return contents


def removable_of_all(kernel: str | None) -> frozenset[bytes]:
    """What ``removable`` of one block may be to be that of all, by the kernel's release.

    Since 53cdc1cb29e8 "drivers/base/memory.c: indicate all memory blocks as removable" (5.8) it is
    CONFIG_MEMORY_HOTREMOVE, whatever is in the block.
    """
    constant = (numbers_of(kernel or "") or (0, 0, 0)) >= (5, 8, 0)
    return frozenset((b"0\n", b"1\n") if constant else ())


def _none() -> Ids:
    return np.zeros(0, np.int64)


def read_column(tree: Tree, names: Sequence[str], file: str) -> list[Content]:
    """One file of many blocks."""
    return read_columns(tree, names, [file])[0]


def read_columns(tree: Tree, names: Sequence[str], files: Sequence[str]) -> list[list[Content]]:
    """Files of many blocks, a column each; without the memory directory itself, none is there.

    Block by block: a directory is then in the processor's cache for all its files but the first,
    which takes a tenth off reading two.
    """
    if not names:
        return [[] for _ in files]
    contents: list[Content]
    try:
        read, failed = tree.read_each(
            MEMORY, (f"{name}/{file}" for name in names for file in files)
        )
        contents = [*read]
    except FileProblem as problem:
        contents, failed = [problem.number] * (len(names) * len(files)), {}
    for index, number in failed.items():
        contents[index] = number
    return [contents[at :: len(files)] for at in range(len(files))]


def note_failures(notes: Notes, ids: Ids, file: str, contents: list[Content]) -> None:
    """One sentence for each reason why a file of some blocks cannot be read."""
    failed = [content for content in {*contents} if isinstance(content, int)]
    for number in sorted(failed, key=contents.count, reverse=True):
        why = FileProblem(file, number).why
        which = [int(ids[index]) for index, content in enumerate(contents) if content == number]
        whole = "every memory block" if len(which) == len(ids) else _blocks_words(which)
        notes.add(f"{file} of {whole}: {why}")


def _blocks_words(ids: list[int]) -> str:
    return f"memory{ids[0]}" if len(ids) == 1 else f"{len(ids)} blocks, first memory{min(ids)}"


def _coded(contents: list[Content]) -> tuple[list[Content], NDArray[np.int64]]:
    """The different contents and, for each block, which of them it has."""
    known = {content: code for code, content in enumerate(dict.fromkeys(contents))}
    codes = np.fromiter(map(known.__getitem__, contents), np.int64, len(contents))
    if len(known) <= MAX_WORDS:
        return list(known), codes
    return [*list(known)[:MAX_WORDS], b""], np.minimum(codes, MAX_WORDS)


def state_codes(contents: list[Content]) -> tuple[list[str], NDArray[np.int64]]:
    """States as words; ``unknown`` for what could not be read or is not one word."""
    different, codes = _coded(contents)
    words = ["" if isinstance(data, int) else clean(data, 32) for data in different]
    return [word if word and " " not in word else UNKNOWN_STATE for word in words], codes


def zone_codes(
    contents: list[Content],
) -> tuple[list[tuple[str, ...] | None], NDArray[np.int64]]:
    """``valid_zones`` as lists of words; None for files that could not be read."""
    different, codes = _coded(contents)
    words = [b"" if isinstance(data, int) else data for data in different]
    return [
        tuple(clean(word, 16) for word in data.split()[:MAX_ZONE_WORDS]) or None for data in words
    ], codes


def number_column(contents: list[Content], limit: int) -> Ids:
    """Numbers from 0 to ``limit``; -1 for anything else."""
    different, codes = _coded(contents)
    numbers = [None if isinstance(data, int) else parse_count(data, limit) for data in different]
    table = np.array([-1 if number is None else number for number in numbers] or [-1], np.int64)
    return np.asarray(table[codes])


def zone_ends(blocks: BlockColumns) -> list[tuple[object, object, int, int]]:
    """The first and the last of the online blocks of each ``valid_zones`` on each node."""
    online = np.array([word == "online" for word in blocks.states] or [False])[blocks.state]
    ids, nr_sets = blocks.ids[online], len(blocks.node_sets)
    codes = blocks.zones[online].astype(np.int64) * nr_sets + blocks.nodes[online]
    known = sorted_set(codes)
    at, firsts, lasts = known.searchsorted(codes), known.copy(), known.copy()
    firsts[at[::-1]], lasts[at] = ids[::-1], ids
    return [
        (blocks.zone_lists[code // nr_sets], blocks.node_sets[code % nr_sets], first, last)
        for code, first, last in zip(known.tolist(), firsts.tolist(), lasts.tolist(), strict=True)
    ]


def read_node_ids(tree: Tree, notes: Notes) -> tuple[int, ...]:
    """Nodes that have a directory, ascending."""
    try:
        names = tree.subdirectories(NODE)
    except FileProblem as problem:
        notes.problem(problem)
        return ()
    numbers = (int(found[1]) for name in names if (found := _NODE_NAME.match(name)))
    return tuple(sorted(number for number in numbers if number < MAX_NUMNODES))


def node_links(tree: Tree, notes: Notes) -> Iterator[tuple[int, Ids]]:
    """Each node and its blocks, by the links in its directory."""
    for node in read_node_ids(tree, Notes()):
        try:
            yield node, block_numbers(tree.names(f"{NODE}/node{node}"))[0]
        except FileProblem as problem:
            notes.problem(problem)


def node_codes(tree: Tree, ids: Ids, notes: Notes) -> Coded[tuple[int, ...] | None]:
    """Nodes of each block: by the node's links, else by the block's own (even dangling)."""
    sets = [(0, 0)]
    """Of each code but 0, no node: the code of the same set without its last node, and that."""
    codes = np.zeros(len(ids), np.int64)
    for node, linked in node_links(tree, notes):
        which = among(ids, np.sort(linked))
        without = codes[which]
        known = sorted_set(without)
        codes[which] = len(sets) + known.searchsorted(without)
        sets += [(code, node) for code in known.tolist()]
    unlinked = np.flatnonzero(codes == 0).tolist()
    used = sorted_set(codes)
    codes = used.searchsorted(codes)
    known_sets = {_nodes_of(sets, code): at for at, code in enumerate(used.tolist())}
    lost: list[int] = []
    for index in unlinked:
        nodes = _own_links(tree, int(ids[index]))
        if nodes is None:
            lost.append(int(ids[index]))
        codes[index] = known_sets.setdefault(nodes, len(known_sets))
    if lost:
        notes.add(f"no node link: {_blocks_words(lost)}")
    return [*list(known_sets)[:MAX_WORDS], None], np.minimum(codes, MAX_WORDS)


def _nodes_of(sets: Sequence[tuple[int, int]], code: int) -> tuple[int, ...] | None:
    nodes: list[int] = []
    while code:
        code, node = sets[code]
        nodes.append(node)
    return (*reversed(nodes),) or None


def _own_links(tree: Tree, block: int) -> tuple[int, ...] | None:
    """``nodeN`` entries of a block's directory; the target need not be there."""
    try:
        names = tree.names(f"{MEMORY}/memory{block}")
    except FileProblem:
        return None
    found = (int(match[1]) for name in names if (match := _NODE_NAME.match(name)))
    return tuple(sorted(node for node in found if node < MAX_NUMNODES)) or None
