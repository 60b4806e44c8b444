r"""What other tools print of a machine: a text dump from a shell, and ``lsmem -J``.

A text dump is read as a tree of files: one line ``PATH:CONTENT`` for every line of a file, as
``grep`` prints it, and one line ``PATH`` for every node and every link to one.
:data:`SHELL_LINE` makes it with POSIX tools only::

    pagesize:4096
    /sys/devices/system/memory/memory32/node0
    /sys/devices/system/memory/memory32/state:online
    /proc/zoneinfo:Node 0, zone   Normal

``lsmem -J`` (``pfnmap blocks -J`` as well) says little: the ranges of blocks and their states,
nodes and ``valid_zones`` where these columns were asked for. The block size follows from the
columns RANGE and BLOCK.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct, field

from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.sysroot.files import clean
from pfnmap.engine.sysroot.observation import (
    MAX_ZONE_WORDS,
    UNKNOWN_STATE,
    BlockColumns,
    Observation,
)
from pfnmap.engine.typed_json import typed

SHELL_LINE = r"""( echo pagesize:$(getconf PAGESIZE)
cd /sys/devices/system; find "$PWD/memory" -type l -name 'node[0-9]*'
find "$PWD/node" -type d -name 'node[0-9]*'
find "$PWD/memory" "$PWD/node" /sys/module/memory_hotplug/parameters \
 /sys/kernel/mm/hugepages -type f \( -name state -o -name valid_zones \
 -o -name removable -o -name phys_device -o -name 'block_size*' \
 -o -name 'auto_*' -o -name 'has_*' -o -name '*_hugepages' \
 -o -name possible -o -path '*/node/online' -o -path '*/parameters/*' \) \
 -exec grep -s . /dev/null {} +
grep -sE 'Node|spanned|present|managed|cma|start_' /dev/null /proc/zoneinfo
grep -sE 'RAM|Kernel|Crash|Persistent' /dev/null /proc/iomem
cd /proc/sys; grep -s . /dev/null "$PWD/kernel/osrelease" \
 "$PWD/kernel/arch" "$PWD/vm/hugetlb_optimize_vmemmap"
! grep -qs movable_node /proc/cmdline || echo /proc/cmdline:movable_node
) > dump.txt 2> /dev/null"""
"""What a person pastes into a shell; the output may be gzipped."""

_PATH = re.compile(rb"(?:.{0,200}?/)?((?:sys/(?:devices/system|module|kernel)|proc)/[^:\s]{1,200})")
_LINK = re.compile(r"sys/devices/system/memory/memory\d+/node\d+\Z")
_NODE = re.compile(r"sys/devices/system/node/node\d+\Z")


def is_text_dump(head: bytes) -> bool:
    """Whether the first bytes of a file look like a dump."""
    lines = head.split(b"\n")[:64]
    return any(
        (found := _PATH.match(line)) is not None
        and line[found.end() : found.end() + 1] in (b":", b"", b"\r")
        for line in lines
    )


def parse_text_dump(data: bytes) -> tuple[dict[str, bytes], list[str]]:
    """File contents by path (no leading slash), and names without content.

    The latter are links to nodes, and the directories of nodes with a slash at the end.

    Lines that name no kernel file are passed over.
    """
    files: dict[str, list[bytes]] = {}
    links: list[str] = []
    for line in data.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"pagesize:"):
            files["pagesize"] = [line[9:]]
            continue
        found = _PATH.match(line)
        if found is None:
            continue
        path = found[1].decode("ascii", "replace")
        rest = line[found.end() :]
        if rest.startswith(b":"):
            files.setdefault(path, []).append(rest[1:])
        elif not rest.strip() and _LINK.match(path):
            links.append(path)
        elif not rest.strip() and _NODE.match(path):
            links.append(f"{path}/")
    return {path: b"\n".join(lines) + b"\n" for path, lines in files.items()}, links


MAX_BLOCKS = 1 << 24
MIN_BLOCK_BYTES, MAX_BLOCK_BYTES = 1 << 20, 1 << 46

_HEAD = re.compile(rb'\A\s*\{\s*("format": "pfnmap-blocks-1",\s*)?"memory"\s*:')
_RANGE = re.compile(r"0x([0-9a-fA-F]{1,16})-0x([0-9a-fA-F]{1,16})\Z")
_BLOCKS = re.compile(r"(\d{1,13})(?:-(\d{1,13}))?\Z")
_STATES = {"on->off": "going-offline", "?": UNKNOWN_STATE, "": UNKNOWN_STATE}
"""The words of lsmem that are not those of sysfs."""
_TRUTH: dict[bool | str, int] = {True: 1, False: 0, "yes": 1, "no": 0, "1": 1, "0": 0}
"""JSON in our time, words or digits before."""


def is_lsmem_json(head: bytes) -> bool:
    """Whether the first bytes of a file look like it."""
    return _HEAD.match(head) is not None


class _Line(Struct):
    """What a line may say; which of its kinds a value has depends on the release of lsmem."""

    range: Any = None
    block: Any = None
    state: Any = None
    removable: Any = None
    zones: Any = None
    node: Any = None
    own_memmap: Any = field(default=None, name="memmap-on-memory")


class _Output(Struct):
    memory: list[_Line]


def _wrong(name: str, field: str, what: str) -> InputError:
    return InputError(f"{name}: field {field!r} {what}")


def observation_of(data: bytes, name: str) -> Observation:
    """An observation from the JSON; InputError that names the field."""
    lines = typed(data, _Output, name).memory
    rows = [_Row(name, f"memory[{index}]", line) for index, line in enumerate(lines)]
    if not rows:
        raise InputError(f"{name}: lsmem listed no memory")
    sizes = {row.block_bytes for row in rows}
    if len(sizes) > 1:
        raise _wrong(name, "memory", "has ranges that make different memory block sizes")
    return Observation(
        title=name,
        kernel=None,
        arch=None,
        page_bytes=None,
        block_bytes=sizes.pop(),
        blocks=_columns(name, rows),
        own_memmap=tuple(
            (row.first, row.first + row.count - 1, row.own_memmap == 1)
            for row in rows
            if row.own_memmap >= 0
        ),
        zones=None,
        iomem=None,
        masks={},
        node_ids=tuple(sorted({row.node for row in rows if row.node is not None})),
        params={},
        notes=_notes(rows),
    )


class _Row:
    """One range of blocks."""

    def __init__(self, name: str, place: str, line: _Line) -> None:
        self.place = place
        span = _RANGE.match(str(line.range))
        ids = _BLOCKS.match(str(line.block))
        if span is None or ids is None:
            raise _wrong(name, place, "lacks a range or a block; print both: lsmem -J --output-all")
        self.first, last = int(ids[1]), int(ids[2] or ids[1])
        self.count = last - self.first + 1
        low, high = int(span[1], 16), int(span[2], 16) + 1
        if not 0 < self.count <= MAX_BLOCKS or high <= low or (high - low) % self.count:
            raise _wrong(name, place, "has a range that is not whole blocks")
        self.block_bytes = (high - low) // self.count
        size = self.block_bytes
        sound = MIN_BLOCK_BYTES <= size <= MAX_BLOCK_BYTES and not size & (size - 1)
        if not sound or low != self.first * size:
            raise _wrong(name, place, "has a range that is not that of its blocks")
        state = clean(str(line.state or ""), 32)
        self.state = _STATES.get(state, state)
        # lsmem looks at removable of online blocks only and says false of all others.
        self.removable = _truth(line.removable) if self.state == "online" else -1
        self.own_memmap = _truth(line.own_memmap)
        self.zones = _zone_words(line.zones)
        self.node = _node(name, place, line.node)


def _truth(value: object) -> int:
    """1, 0, or -1 for what is no truth."""
    return _TRUTH.get(value, -1) if isinstance(value, bool | str) else -1


def _zone_words(value: object) -> tuple[str, ...] | None:
    """``DMA/Normal`` as a list; lsmem writes ``None`` where sysfs says ``none``."""
    if not isinstance(value, str) or not value:
        return None
    words = tuple(clean(word, 16) for word in value.split("/")[:MAX_ZONE_WORDS])
    return ("none",) if words == ("None",) else words


def _node(name: str, place: str, value: object) -> int | None:
    """A node, as a number or in digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMNODES:
        raise _wrong(name, place, f"has a node that is not a number from 0 to {MAX_NUMNODES - 1}")
    return value


def _columns(name: str, rows: Sequence[_Row]) -> BlockColumns:
    """A row for every block."""
    end = 0
    for row in rows:
        if row.first < end:
            raise _wrong(name, row.place, "overlaps the one before")
        end = row.first + row.count
    counts = np.array([row.count for row in rows], np.int64)
    if int(counts.sum()) > MAX_BLOCKS:
        raise _wrong(name, "memory", "has more blocks than can be read")
    which = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    return BlockColumns.of(
        np.array([row.first for row in rows], np.int64)[which] + offsets,
        ([row.state for row in rows], which),
        ([row.zones for row in rows], which),
        ([None if row.node is None else (row.node,) for row in rows], which),
        np.array([row.removable for row in rows], np.int8)[which],
        np.full(len(which), -1, np.int64),
    )


def _notes(rows: list[_Row]) -> tuple[str, ...]:
    """What such a file lacks."""
    missing = ["zones (/proc/zoneinfo), iomem, parameters and huge pages"]
    missing += ["nodes (column NODE)"] if all(row.node is None for row in rows) else []
    missing += ["valid_zones (column ZONES)"] if all(row.zones is None for row in rows) else []
    return (
        f"made from what lsmem printed, which lacks {', '.join(missing)}; blocks of one line are "
        "taken to be alike",
    )
