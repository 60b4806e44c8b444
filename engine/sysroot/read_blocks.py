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

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.sysroot.files import FileProblem, Tree, clean
from engine.sysroot.notes import Notes
from engine.sysroot.observation import MAX_ZONE_WORDS, UNKNOWN_STATE, BlockColumns
from engine.sysroot.parse import MAX_NODES, parse_count

MEMORY = "sys/devices/system/memory"
NODE = "sys/devices/system/node"

MAX_BLOCK_ID = 1 << 40
MAX_BLOCKS = 1 << 24
MAX_WORDS = 4096
"""Different states, zone lists or node sets that a tree may have; what is more is unknown."""

_BLOCK = re.compile(r"memory(\d{1,13})\Z")
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
        match = _BLOCK.match(name)
        if match is None:
            continue
        number = int(match[1])
        if number > MAX_BLOCK_ID or number in found or str(number) != match[1]:
            odd.append(name)
        else:
            found[number] = inode
    if odd:
        notes.add(f"{MEMORY}: {len(odd)} names are no block ids, e.g. {clean(min(odd))}")
    if len(found) > MAX_BLOCKS:
        raise InputError(f"{tree.name}: {len(found)} memory blocks are more than can be read")
    if not found:
        notes.add(f"{MEMORY} has no memory block")
    return found


def block_names(ids: NDArray[np.int64]) -> list[str]:
    """Directory names of block ids."""
    return [f"memory{number}" for number in ids.tolist()]


def read_blocks(
    tree: Tree, ids: NDArray[np.int64], links: dict[int, tuple[int, ...]], notes: Notes
) -> BlockColumns:
    """Every column of the blocks; those that vanish while they are read are left out."""
    names = block_names(ids)
    contents, failed = read_column(tree, names, "state")
    if failed:
        ids, names, contents, failed = _without_vanished(tree, ids, names, contents, failed, notes)
        note_failures(notes, ids, "state", failed)
    states, state = state_codes(contents)
    contents, failed = read_column(tree, names, "valid_zones")
    note_failures(notes, ids, "valid_zones", failed)
    zone_lists, zones = zone_codes(contents, failed)
    contents, failed = read_column(tree, names, "removable")
    note_failures(notes, ids, "removable", failed)
    removable = truth_column(contents)
    contents, failed = read_column(tree, names, "phys_device")
    note_failures(notes, ids, "phys_device", failed)
    phys_device = _number_column(contents)
    node_sets, nodes = node_codes(tree, ids, links, notes)
    return BlockColumns.of(
        ids, (states, state), (zone_lists, zones), (node_sets, nodes), removable, phys_device
    )


def read_column(tree: Tree, names: Sequence[str], file: str) -> tuple[list[bytes], dict[int, int]]:
    """One file of many blocks; where the memory directory itself vanished, nothing is read."""
    try:
        return tree.read_each(MEMORY, names, file)
    except FileProblem as problem:
        return [b""] * len(names), dict.fromkeys(range(len(names)), problem.number)


def _without_vanished(
    tree: Tree,
    ids: NDArray[np.int64],
    names: list[str],
    contents: list[bytes],
    failed: dict[int, int],
    notes: Notes,
) -> tuple[NDArray[np.int64], list[str], list[bytes], dict[int, int]]:
    """The same without the blocks whose directory is no longer there."""
    gone = [index for index, number in failed.items() if number in _GONE]
    present = block_directories(tree, Notes()) if gone else {}
    gone = [index for index in gone if int(ids[index]) not in present]
    if not gone:
        return ids, names, contents, failed
    notes.add(f"removed while they were read: {_blocks_words([int(ids[i]) for i in gone])}")
    keep = np.setdiff1d(np.arange(len(ids)), gone)
    moved = {int(old): new for new, old in enumerate(keep)}
    return (
        ids[keep],
        [names[i] for i in keep],
        [contents[i] for i in keep],
        {moved[index]: number for index, number in failed.items() if index in moved},
    )


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


def truth_column(contents: list[bytes]) -> NDArray[np.int8]:
    """1, 0, or -1 for anything else."""
    values = {b"1": 1, b"0": 0}
    table = {data: values.get(data.strip(), -1) for data in set(contents)}
    return np.array([table[data] for data in contents], np.int8)


def _number_column(contents: list[bytes]) -> NDArray[np.int64]:
    table: dict[bytes, int] = {}
    for data in set(contents):
        number = parse_count(data)
        table[data] = -1 if number is None else number
    return np.array([table[data] for data in contents], np.int64)


def node_links(tree: Tree, notes: Notes) -> tuple[tuple[int, ...], dict[int, tuple[int, ...]]]:
    """Node ids that have a directory, and block id to nodes by the links in those."""
    try:
        names = tree.subdirectories(NODE)
    except FileProblem as problem:
        notes.problem(problem)
        return (), {}
    nodes = sorted(
        number
        for name in names
        if (found := _NODE_NAME.match(name)) and (number := int(found[1])) < MAX_NODES
    )
    links: dict[int, tuple[int, ...]] = {}
    for node in nodes:
        try:
            entries = tree.names(f"{NODE}/node{node}")
        except FileProblem as problem:
            notes.problem(problem)
            continue
        for name in entries:
            if (match := _BLOCK.match(name)) is not None:
                block = int(match[1])
                links[block] = (*links.get(block, ()), node)
    return tuple(nodes), links


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
    return tuple(sorted(node for node in found if node < MAX_NODES)) or None
