r"""What ``lsmem`` printed, in any of its forms: a table, ``-r``, ``-P``, ``-J``, without headings.

It says little: the ranges of blocks and their states, nodes and ``valid_zones`` where these
columns were asked for. The block size follows from the columns RANGE and BLOCK, or from the
totals below the table. Around the lines may stand what a terminal showed besides.

Source: util-linux, ``sys-utils/lsmem.c`` and ``lsmem(1)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct, field

from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.limits import MAX_CAPTURE_BLOCKS
from pfnmap.engine.memory.runs import one_by_one
from pfnmap.engine.sysroot.observation import (
    MAX_ZONE_WORDS,
    UNKNOWN_STATE,
    BlockColumns,
    Listed,
)
from pfnmap.engine.sysroot.trees import clean
from pfnmap.engine.typed_json import typed
from pfnmap.engine.view import MemoryConfig

MIN_BLOCK_BYTES, MAX_BLOCK_BYTES = 1 << 20, 1 << 46

_HEAD = re.compile(rb'^\s{0,8}\{\s*("format": "pfnmap-blocks-1",\s*)?"memory"\s*:', re.M)
_RANGE = re.compile(r"0x([0-9a-fA-F]{1,16})-0x([0-9a-fA-F]{1,16})\Z")
_BLOCKS = re.compile(r"(\d{1,13})(?:-(\d{1,13}))?\Z")
_STATES = {"on->off": "going-offline", "?": UNKNOWN_STATE, "": UNKNOWN_STATE}
"""The words of lsmem that are not those of sysfs."""
_TRUTH: dict[bool | str, int] = {True: 1, False: 0, "yes": 1, "no": 0, "1": 1, "0": 0}
"""JSON in our time, words or digits before."""


_TOTAL = re.compile(r"(Memory block size|Memmap on memory parameter): +(\S+)\Z", re.I)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([BKMGTPE]?)\Z")
_PAIR = re.compile(r'([A-Z][A-Z-]{2,15})="([^"]{0,80})"')
_YES = re.compile(r"yes|no|[01]|-")
COLUMNS: dict[str, re.Pattern[str]] = {
    "RANGE": re.compile(r"0x[0-9a-fA-F]{1,16}-0x[0-9a-fA-F]{1,16}"),
    "SIZE": re.compile(r"\d+(\.\d+)?[BKMGTPE]?"),
    "STATE": re.compile(r"online|offline|on->off|going-offline|unknown|\?"),
    "REMOVABLE": _YES,
    "BLOCK": re.compile(r"\d{1,13}(-\d{1,13})?"),
    "NODE": re.compile(r"\d{1,7}|\?|-"),
    "ZONES": re.compile(r"[A-Za-z][A-Za-z0-9/]{0,63}|\?"),
    "CONFIGURED": _YES,
    "MEMMAP-ON-MEMORY": _YES,
}
"""The columns of lsmem, and what stands in them; empty cells leave nothing between blanks."""
_USUAL = tuple(COLUMNS)[:7]
"""What a table without headings is taken to have, in the order of ``--output-all``."""


def is_lsmem(head: bytes) -> bool:
    """Whether the first bytes of a file look like output of lsmem."""
    return _HEAD.search(head) is not None or bool(_text_lines(head)[0])


class _Line(Struct):
    """What a line may say; which of its kinds a value has depends on the release of lsmem."""

    range: Any = None
    size: Any = None
    block: Any = None
    state: Any = None
    removable: Any = None
    zones: Any = None
    node: Any = None
    configured: Any = None
    own_memmap: Any = field(default=None, name="memmap-on-memory")


class _Output(Struct):
    memory: list[_Line]


def _wrong(name: str, field: str, what: str) -> InputError:
    return InputError(f"{name}: field {field!r} {what}")


def listed(data: bytes, name: str) -> Listed:
    """The blocks from the lines; InputError that names the field or the line."""
    block_bytes, parameter = None, None
    places: Iterable[str]
    if (found := _HEAD.search(data)) is not None:
        end = data.rfind(b"\n}") + 2
        lines = typed(data[found.start() : end if end > 1 else len(data)], _Output, name).memory
        places = [f"memory[{index}]" for index in range(len(lines))]
    else:
        text, totals = _text_lines(data)
        lines, places = [line for _, line in text], [f"line {number}" for number, _ in text]
        block_bytes = _bytes(totals.get("memory block size", ""))
        parameter = totals.get("memmap on memory parameter")
    rows = [_Row(name, place, line, block_bytes) for place, line in zip(places, lines, strict=True)]
    if not rows:
        raise InputError(f"{name}: lsmem listed no memory")
    sizes = {row.block_bytes for row in rows}
    if len(sizes) > 1:
        raise _wrong(name, "memory", "has ranges that make different memory block sizes")
    missing = ["nodes (column NODE)"] if all(row.node is None for row in rows) else []
    missing += ["valid_zones (column ZONES)"] if all(row.zones is None for row in rows) else []
    said = (
        MemoryConfig(row.first, row.count, _known(row.configured), _known(row.own_memmap))
        for row in rows
        if row.configured >= 0 or row.own_memmap >= 0
    )
    return Listed(
        _columns(name, rows),
        sizes.pop(),
        tuple(said),
        tuple(sorted({row.node for row in rows if row.node is not None})),
        parameter,
        tuple(missing),
    )


def _known(value: int) -> bool | None:
    return None if value < 0 else value == 1


def _bytes(text: str) -> int | None:
    """``128M`` or ``134217728``; only whole sizes are a block's."""
    found = _SIZE.match(text)
    if found is None or "." in found[1] or len(found[1]) > 20:
        return None
    return int(found[1]) << 10 * "BKMGTPE".index(found[2] or "B")


def _text_lines(data: bytes) -> tuple[list[tuple[int, _Line]], dict[str, str]]:
    """(number, line) of a table or of pairs, and the totals; what else stands there is not."""
    found: list[tuple[int, _Line]] = []
    totals: dict[str, str] = {}
    columns: Sequence[str] = _USUAL
    headed = False
    for number, raw in enumerate(data.decode("ascii", "replace").splitlines(), 1):
        text = raw.strip().removeprefix("> ").strip()
        words = text.split()
        if not words or len(words) > 64:
            continue
        if words[0] in COLUMNS and all(word in COLUMNS for word in words):
            columns, headed = words, True
        elif pairs := _PAIR.findall(text):
            if pairs[0][0] in COLUMNS:
                found.append((number, _line(pairs)))
        elif total := _TOTAL.match(text):
            totals[total[1].lower()] = total[2]
        elif (headed or COLUMNS["RANGE"].fullmatch(words[0])) and (
            line := _aligned(columns, words)
        ) is not None:
            found.append((number, line))
        else:
            headed = False
    return found, totals


def _aligned(columns: Sequence[str], words: Sequence[str]) -> _Line | None:
    """The words of a row under their columns, where cells may be empty; None for no row."""
    pairs: list[tuple[str, str]] = []
    left = iter(columns)
    for word in words:
        column = next((name for name in left if COLUMNS[name].fullmatch(word)), None)
        if column is None:
            return None
        pairs.append((column, word))
    return _line(pairs)


def _line(pairs: Iterable[tuple[str, str]]) -> _Line:
    values = {"memmap-on-memory": "own_memmap"}
    return _Line(
        **{
            values.get(name.lower(), name.lower()): value
            for name, value in pairs
            if name in COLUMNS and value not in ("", "-")
        }
    )


class _Row:
    """One range of blocks."""

    def __init__(self, name: str, place: str, line: _Line, block_bytes: int | None) -> None:
        """``block_bytes``: the block size as the totals say it, None where they do not."""
        self.place = place
        span = _RANGE.match(str(line.range))
        ids = _BLOCKS.match(str(line.block))
        if (span is None or ids is None) and (block_bytes is None or span is ids):
            raise _wrong(name, place, "lacks a range or a block; print both: lsmem --output-all")
        size = block_bytes or 1
        if span is not None:
            low, high = int(span[1], 16), int(span[2], 16) + 1
            self.first, last = low // size, (high - 1) // size
        if ids is not None:
            self.first, last = int(ids[1]), int(ids[2] or ids[1])
            if span is None:
                low, high = self.first * size, (last + 1) * size
        self.count = last - self.first + 1
        if not 0 < self.count <= MAX_CAPTURE_BLOCKS or high <= low or (high - low) % self.count:
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
        self.configured, self.own_memmap = _truth(line.configured), _truth(line.own_memmap)
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
    """A row for every block: what is not configured is none."""
    rows = [row for row in rows if row.configured != 0]
    end = 0
    for row in rows:
        if row.first < end:
            raise _wrong(name, row.place, "overlaps the one before")
        end = row.first + row.count
    counts = np.array([row.count for row in rows], np.int64)
    if int(counts.sum()) > MAX_CAPTURE_BLOCKS:
        raise _wrong(name, "memory", "has more blocks than can be read")
    which, offsets = one_by_one(counts)
    return BlockColumns.of(
        np.array([row.first for row in rows], np.int64)[which] + offsets,
        ([row.state for row in rows], which),
        ([row.zones for row in rows], which),
        ([None if row.node is None else (row.node,) for row in rows], which),
        np.array([row.removable for row in rows], np.int8)[which],
        np.full(len(which), -1, np.int64),
    )
