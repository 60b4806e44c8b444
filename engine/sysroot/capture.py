"""Captures: everything that is read of a machine, as one small JSON file.

Format ``pfnmap-capture-1``; gzip where the name ends in ``.gz``. Blocks are run-length coded
(``[first, count, state, valid_zones, nodes, removable, phys_device]``), so a large machine is
a few kilobytes. Nothing else of the machine is in it: no host name, no addresses of devices,
no command line.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pfnmap.engine.errors import InputError
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.sysroot.capture_fields import Fields
from pfnmap.engine.sysroot.dumps import is_lsmem_json, is_text_dump, observation_of, parse_text_dump
from pfnmap.engine.sysroot.files import TextTree, clean
from pfnmap.engine.sysroot.observation import BlockColumns, Observation
from pfnmap.engine.sysroot.parse import IomemLine, ZoneInfo
from pfnmap.engine.sysroot.read import MASKS, observe
from pfnmap.engine.view import HugetlbPool
from pfnmap.engine.whole_file import write_whole

FORMAT = "pfnmap-capture-1"
MAX_BYTES = 256 << 20
"""Largest capture that is read, after decompression."""
MAX_BLOCKS = 1 << 24
_GZIP = b"\x1f\x8b"


# -- writing ----------------------------------------------------------------------------
def capture_data(observation: Observation) -> dict[str, Any]:
    """The observation as plain data, in a fixed order."""
    o = observation
    return {
        "format": FORMAT,
        "kernel": o.kernel,
        "arch": o.arch,
        "page_bytes": o.page_bytes,
        "block_bytes": o.block_bytes,
        "params": dict(o.params),
        "masks": {name: list(o.masks[name]) for name in MASKS if name in o.masks},
        "node_ids": list(o.node_ids),
        "zones": None
        if o.zones is None
        else [[z.node, z.name, z.spanned, z.present, z.managed, z.start_pfn] for z in o.zones],
        "iomem": None
        if o.iomem is None
        else [[line.depth, line.start, line.end, line.name] for line in o.iomem],
        "pools": [[p.node, p.page_bytes, p.total, p.free, p.reserved, p.surplus] for p in o.pools],
        "blocks": _block_runs(o.blocks),
        "notes": list(o.notes),
    }


def _block_runs(blocks: BlockColumns) -> list[list[Any]]:
    starts = blocks.run_starts().tolist()
    ends = [*starts[1:], len(blocks)]
    runs = []
    for index, end in zip(starts, ends, strict=True):
        zones, nodes = blocks.zone_words(index), blocks.node_set(index)
        runs.append(
            [
                int(blocks.ids[index]),
                end - index,
                blocks.state_word(index),
                None if zones is None else list(zones),
                None if nodes is None else list(nodes),
                _unless_unknown(int(blocks.removable[index])),
                _unless_unknown(int(blocks.phys_device[index])),
            ]
        )
    return runs


def _unless_unknown(value: int) -> int | None:
    return None if value < 0 else value


def capture_bytes(observation: Observation, *, compress: bool = False) -> bytes:
    """The capture as a file's content; the same observation gives the same bytes."""
    data = capture_data(observation)
    # One entry of a list a line: small, and the diff of two captures can be read.
    lines = [f"{json.dumps(key)}: {_entries(value)}" for key, value in data.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    return gzip.compress(text.encode("ascii"), mtime=0) if compress else text.encode("ascii")


def _entries(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list | str):
        return "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
    return json.dumps(value)


def save_capture(observation: Observation, path: str | os.PathLike[str]) -> int:
    """Write a capture (gzip for ``*.gz``) whole or not at all; the number of bytes."""
    target = Path(path)
    data = capture_bytes(observation, compress=target.suffix == ".gz")
    write_whole(target, data)
    return len(data)


# -- reading ----------------------------------------------------------------------------
def is_capture(path: str | os.PathLike[str]) -> bool:
    """Whether a file looks like a capture, a text dump or output of lsmem (its first bytes)."""
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    if head.startswith(_GZIP):
        head = _decompress(head, 4096, partial=True)
    return FORMAT.encode() in head or is_lsmem_json(head) or is_text_dump(head)


def _decompress(data: bytes, limit: int, *, partial: bool = False) -> bytes:
    """Gzip data up to a limit; more raises ValueError, ``partial`` takes what there is."""
    engine = zlib.decompressobj(wbits=31)
    try:
        out = engine.decompress(data, limit + 1)
    except zlib.error:
        if partial:
            return b""
        raise ValueError("damaged gzip data") from None
    if partial:
        return out[:limit]
    if len(out) > limit:
        raise ValueError("more data than a capture may have")
    if not engine.eof:
        raise ValueError("the file is cut off")
    return out


def load_capture(path: str | os.PathLike[str]) -> Observation:
    """Read a capture, a text dump or what lsmem -J printed; InputError for anything else."""
    name = clean(os.path.basename(os.fspath(path)), 200)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{clean(os.fspath(path), 200)}: cannot be read: {error.strerror}"
        ) from None
    try:
        return parse_capture(capture_content(data), name)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None


def capture_content(data: bytes) -> bytes:
    """What a capture's bytes hold, unpacked if they are packed; ValueError for what is none."""
    if len(data) > MAX_BYTES:
        raise ValueError("more data than a capture may have")
    return _decompress(data, MAX_BYTES) if data.startswith(_GZIP) else data


def parse_capture(data: bytes, name: str) -> Observation:
    """An observation from the content of a capture, a text dump or output of lsmem -J."""
    # A capture has notes, and they name files as a dump does.
    if FORMAT.encode() not in data[:4096] and is_text_dump(data[:4096]):
        files, links = parse_text_dump(data)
        return observe(TextTree(name, files, links))
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError(
            f"{name}: neither a capture (JSON of format {FORMAT}) nor a text dump; is the file "
            "cut off?"
        ) from None
    if is_lsmem_json(data[:4096]):
        return observation_of(parsed, name)
    top = Fields(name, "capture", parsed)
    if top.data.get("format") != FORMAT:
        raise InputError(f"{name}: not a capture of format {FORMAT}")
    params: dict[str, str] = {}
    for key, value in top.mapping("params").items():
        if key not in PARAM_VALUES or not isinstance(value, str):
            raise top.wrong("params", f"has no parameter {clean(str(key))!r}")
        params[key] = dict(Params().with_word(key, clean(value)).words())[key]
    masks = {
        mask: top.numbers(f"masks.{mask}", value)
        for mask, value in top.mapping("masks").items()
        if mask in MASKS
    }
    return Observation(
        title=name,
        kernel=top.word("kernel"),
        arch=top.word("arch"),
        page_bytes=top.power_of_two("page_bytes", 1 << 20),
        block_bytes=top.power_of_two("block_bytes", 1 << 46),
        blocks=_blocks(top),
        zones=_zones(top),
        iomem=_iomem(top),
        masks=masks,
        node_ids=top.numbers("node_ids", top.data.get("node_ids")),
        params=params,
        pools=_pools(top),
        notes=tuple(clean(str(note), 500) for note in top.items("notes")),
    )


def _zones(top: Fields) -> tuple[ZoneInfo, ...] | None:
    if top.data.get("zones") is None:
        return None
    rows = []
    for index, item in enumerate(top.rows("zones", 6)):
        place = f"zones[{index}]"
        spanned, present, managed = (top.count(place, value) for value in item[2:5])
        start = None if item[5] is None else top.count(place, item[5])
        node = top.count(place, item[0], 1023)
        rows.append(ZoneInfo(node, clean(str(item[1]), 16), spanned, present, managed, start))
    return tuple(rows)


def _iomem(top: Fields) -> tuple[IomemLine, ...] | None:
    if top.data.get("iomem") is None:
        return None
    rows = []
    for index, item in enumerate(top.rows("iomem", 4)):
        place = f"iomem[{index}]"
        start, end = (top.count(place, value, 1 << 64) for value in item[1:3])
        if end < start:
            raise top.wrong(place, "ends before it starts")
        rows.append(IomemLine(top.count(place, item[0], 64), start, end, clean(str(item[3]))))
    return tuple(rows)


def _pools(top: Fields) -> tuple[HugetlbPool, ...]:
    rows = []
    for index, item in enumerate(top.rows("pools", 6)):
        place = f"pools[{index}]"
        optional = [None if value is None else top.count(place, value) for value in item]
        node, page_bytes, total, free, reserved, surplus = optional
        if page_bytes is None or total is None or free is None:
            raise top.wrong(place, "lacks a count")
        rows.append(HugetlbPool(node, page_bytes, total, free, reserved, surplus))
    return tuple(rows)


def _blocks(top: Fields) -> BlockColumns:
    """Columns from the runs, which must ascend."""
    firsts: list[int] = []
    counts: list[int] = []
    states: list[str] = []
    zones: list[tuple[str, ...] | None] = []
    nodes: list[tuple[int, ...] | None] = []
    numbers: list[tuple[int, int]] = []
    end = 0
    for index, item in enumerate(top.rows("blocks", 7)):
        place = f"blocks[{index}]"
        first, count = top.count(place, item[0], 1 << 40), top.count(place, item[1], MAX_BLOCKS)
        if first < end or not count or sum(counts) + count > MAX_BLOCKS:
            raise top.wrong(place, "overlaps the one before, is empty, or is too large")
        end = first + count
        firsts.append(first)
        counts.append(count)
        states.append(clean(str(item[2]), 32))
        zones.append(None if item[3] is None else top.words(place, item[3]))
        nodes.append(None if item[4] is None else top.numbers(place, item[4]))
        removable = -1 if item[5] is None else top.count(place, item[5], 1)
        device = -1 if item[6] is None else top.count(place, item[6], 1 << 32)
        numbers.append((removable, device))
    repeats = np.array(counts, np.int64)
    rows = np.repeat(np.arange(len(counts)), repeats)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    values = np.array(numbers, np.int64).reshape(-1, 2)
    return BlockColumns.of(
        np.array(firsts, np.int64)[rows] + offsets,
        (states, rows),
        (zones, rows),
        (nodes, rows),
        values[rows, 0].astype(np.int8),
        values[rows, 1],
    )
