"""Captures: everything that is read of a machine, as one small JSON file.

gzip where the name ends in ``.gz``. Blocks are run-length coded, so a large machine is a few
kilobytes: in ``pfnmap-capture-1`` each run says all of it (``[first, count, state, valid_zones,
nodes, removable, phys_device]``), which can be read and compared; of a machine in many runs
``pfnmap-capture-2`` has them as columns, which are read in no time. Nothing else of the machine is
in it: no host name, no addresses of devices, no command line.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import asdict, astuple, replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.limits import (
    MAX_BLOCK_LINES,
    MAX_CAPTURE_BLOCKS,
    MAX_CAPTURE_BYTES,
    MAX_CAPTURE_NOTES,
    MAX_DUMP_BYTES,
)
from pfnmap.engine.memory.alike import kinds_of
from pfnmap.engine.memory.runs import one_by_one
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.sysroot.dumps import has_blocks, is_text_dump, parse_text_dump
from pfnmap.engine.sysroot.lsmem import is_lsmem, listed
from pfnmap.engine.sysroot.observation import BlockColumns, Observation
from pfnmap.engine.sysroot.parse import MAX_IOMEM_LINES, DriverDevice, IomemLine, ZoneInfo
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import MAX_WORD, TextTree, clean
from pfnmap.engine.typed_json import NodeId, typed
from pfnmap.engine.view import HugetlbPool, MemoryConfig
from pfnmap.engine.whole_file import write_whole

FORMAT: Final = "pfnmap-capture-1"
FORMAT_2: Final = "pfnmap-capture-2"
MAX_RUNS = 1024
"""A machine of more runs of blocks is written in the second format."""
HEAD_BYTES = 1 << 14
"""How much of a file tells what it is: a transcript may begin with other things."""
_GZIP = b"\x1f\x8b"

Named = TypeVar("Named", ZoneInfo, IomemLine, DriverDevice)


# -- the file -----------------------------------------------------------------------------
class Masks(Struct, frozen=True, omit_defaults=True):
    """Nodes in each mask that could be read."""

    online: tuple[NodeId, ...] | None = None
    possible: tuple[NodeId, ...] | None = None
    has_memory: tuple[NodeId, ...] | None = None
    has_normal_memory: tuple[NodeId, ...] | None = None
    has_cpu: tuple[NodeId, ...] | None = None


Removable = Literal[0, 1]
PhysDevice = Annotated[int, Meta(ge=0, le=1 << 32)]
FirstBlock = Annotated[int, Meta(ge=0, le=1 << 40)]
NrBlocks = Annotated[int, Meta(ge=1, le=MAX_CAPTURE_BLOCKS)]
BlockKind = tuple[
    str, tuple[str, ...] | None, tuple[NodeId, ...] | None, Removable | None, PhysDevice | None
]
"""state, valid_zones, nodes, removable and phys_device of a block; null where not known."""


class BlockRun(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Blocks that say the same."""

    first: FirstBlock
    count: NrBlocks
    state: str
    zones: tuple[str, ...] | None
    nodes: tuple[NodeId, ...] | None
    removable: Removable | None
    phys_device: PhysDevice | None


class BlockTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Runs of blocks that say the same, as columns; those of runs have one entry a run."""

    kinds: Annotated[tuple[BlockKind, ...], Meta(max_length=MAX_BLOCK_LINES)]
    """What there is to say of blocks: state, valid_zones, nodes, removable, phys_device."""
    first: Annotated[list[FirstBlock], Meta(max_length=MAX_CAPTURE_BLOCKS)]
    """Id of the first block of each run, ascending."""
    count: Annotated[list[NrBlocks], Meta(max_length=MAX_CAPTURE_BLOCKS)]
    """How many blocks each run has."""
    kind: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=MAX_CAPTURE_BLOCKS)]
    """Which of ``kinds``, from 0, each run is."""

    def __post_init__(self) -> None:
        if not len(self.first) == len(self.count) == len(self.kind):
            raise ValueError("'first', 'count' and 'kind' are not of one length")
        if self.kind and max(self.kind) >= len(self.kinds):
            raise ValueError(f"'kind' has {max(self.kind)}, but there are {len(self.kinds)} kinds")


class _Machine(Struct, frozen=True, kw_only=True):
    """All but the blocks, in the order of the file's keys."""

    format: Literal["pfnmap-capture-1", "pfnmap-capture-2"]
    kernel: str | None = None
    arch: str | None = None
    page_bytes: Annotated[int, Meta(ge=4096, le=1 << 20)] | None = None
    block_bytes: Annotated[int, Meta(ge=4096, le=1 << 46)] | None = None
    params: dict[str, str] = {}
    masks: Masks = Masks()
    node_ids: Annotated[tuple[NodeId, ...], Meta(max_length=MAX_NUMNODES)]
    zones: Annotated[tuple[ZoneInfo, ...], Meta(max_length=5 * MAX_NUMNODES)] | None = None
    iomem: Annotated[tuple[IomemLine, ...], Meta(max_length=MAX_IOMEM_LINES)] | None = None
    pools: Annotated[tuple[HugetlbPool, ...], Meta(max_length=MAX_NUMNODES)] = ()
    config: tuple[MemoryConfig, ...] = ()
    devices: Annotated[tuple[DriverDevice, ...], Meta(max_length=MAX_CAPTURE_NOTES)] = ()
    balloons: Annotated[tuple[str, ...], Meta(max_length=MAX_CAPTURE_NOTES)] = ()

    def __post_init__(self) -> None:
        for name, size in (("page_bytes", self.page_bytes), ("block_bytes", self.block_bytes)):
            if size is not None and size & (size - 1):
                raise ValueError(f"{name!r} is {size}, expected a power of two")
        for name, value in self.params.items():
            if name not in PARAM_VALUES:
                raise ValueError(f"'params' has no parameter {clean(name)!r}")
            try:
                Params().with_word(name, clean(value))
            except InputError as error:
                raise ValueError(f"'params': {error}") from None
        for index, line in enumerate(self.iomem or ()):
            if not line.start <= line.end <= 1 << 64:
                raise ValueError(f"'iomem[{index}]' ends before it starts, or nowhere")


class Capture(_Machine, frozen=True, kw_only=True):
    """The whole file."""

    format: Literal["pfnmap-capture-1"]
    blocks: Annotated[tuple[BlockRun, ...], Meta(max_length=MAX_BLOCK_LINES)] = ()
    notes: Annotated[tuple[str, ...], Meta(max_length=MAX_CAPTURE_NOTES)] = ()

    @property
    def table(self) -> BlockTable:
        """The blocks as columns."""
        known: dict[BlockKind, int] = {}
        kinds = [known.setdefault(astuple(run)[2:], len(known)) for run in self.blocks]
        first, count = [run.first for run in self.blocks], [run.count for run in self.blocks]
        return BlockTable(tuple(known), first, count, kinds)


class Capture2(_Machine, frozen=True, kw_only=True):
    """The whole file of a machine in many runs."""

    format: Literal["pfnmap-capture-2"]
    blocks: BlockTable
    notes: Annotated[tuple[str, ...], Meta(max_length=MAX_CAPTURE_NOTES)] = ()

    @property
    def table(self) -> BlockTable:
        """The blocks as columns."""
        return self.blocks


# -- writing ----------------------------------------------------------------------------
def _file(o: Observation) -> Capture | Capture2:
    table = _table(o.blocks)
    machine: dict[str, Any] = {
        "kernel": o.kernel,
        "arch": o.arch,
        "page_bytes": o.page_bytes,
        "block_bytes": o.block_bytes,
        "params": dict(o.params),
        "masks": Masks(**o.masks),
        "node_ids": o.node_ids,
        "zones": o.zones,
        "iomem": o.iomem,
        "pools": o.pools,
        "config": o.config,
        "devices": o.devices,
        "balloons": o.balloons,
        "notes": o.notes,
    }
    if len(table.first) > MAX_RUNS:
        return Capture2(format=FORMAT_2, blocks=table, **machine)
    runs = zip(table.first, table.count, table.kind, strict=True)
    rows = tuple(BlockRun(first, count, *table.kinds[kind]) for first, count, kind in runs)
    return Capture(format=FORMAT, blocks=rows, **machine)


def _table(blocks: BlockColumns) -> BlockTable:
    starts = blocks.run_starts()
    rows = blocks.rows(starts)
    columns = (rows.state, rows.zones, rows.nodes, rows.removable, rows.phys_device)
    kinds = kinds_of(rows.ids, rows.ids, columns).kinds
    said = tuple(
        (
            rows.state_word(index),
            rows.zone_words(index),
            rows.node_set(index),
            _unless_unknown(int(rows.removable[index])),
            _unless_unknown(int(rows.phys_device[index])),
        )
        for index in np.unique(kinds, return_index=True)[1].tolist()
    )
    counts = np.diff(starts, append=len(blocks))
    return BlockTable(said, rows.ids.tolist(), counts.tolist(), kinds.tolist())


def _unless_unknown(value: int) -> Any:
    return None if value < 0 else value


def capture_bytes(observation: Observation, *, compress: bool = False) -> bytes:
    """The capture as a file's content; the same observation gives the same bytes."""
    data = msgspec.to_builtins(_file(observation))
    if data["zones"] is not None:  # CMA is the last of a zone, and most machines have none
        data["zones"] = [row if row[-1] else row[:-1] for row in data["zones"]]
    for name in ("config", "devices", "balloons"):  # few machines have any
        if not data[name]:
            del data[name]
    # One entry of a list a line: small, and the diff of two captures can be read.
    text = f"{_lines(data)}\n"
    return gzip.compress(text.encode("ascii"), mtime=0) if compress else text.encode("ascii")


def _lines(data: dict[str, Any]) -> str:
    lines = [f"{json.dumps(key)}: {_entries(value)}" for key, value in data.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _entries(value: object) -> str:
    if isinstance(value, dict) and "kinds" in value:
        return _lines(value)
    if isinstance(value, list | tuple) and value and not isinstance(value[0], int):
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
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    if head.startswith(_GZIP):
        head = _decompress(head, HEAD_BYTES, partial=True)
    as_json = head.lstrip()[:1] == b"{"
    return _format(head) is not None or (is_lsmem(head) if as_json else is_text_dump(head))


FORMATS: dict[str, type[Capture | Capture2]] = {FORMAT: Capture, FORMAT_2: Capture2}


def _format(head: bytes) -> str | None:
    """The format that the first bytes of a file name."""
    return next((name for name in FORMATS if name.encode() in head), None)


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
        raise ValueError(f"more than {MAX_CAPTURE_BYTES >> 20} MiB of data; no capture is so large")
    if not engine.eof:
        raise ValueError("the file is cut off")
    return out


def load_capture(path: str | os.PathLike[str]) -> Observation:
    """Read a capture, a text dump or what lsmem -J printed; InputError for anything else."""
    name = clean(os.path.basename(os.fspath(path)), 200)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_CAPTURE_BYTES + 1)
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
    if len(data) > MAX_CAPTURE_BYTES:
        raise ValueError(f"more than {MAX_CAPTURE_BYTES >> 20} MiB of data; no capture is so large")
    return _decompress(data, MAX_CAPTURE_BYTES) if data.startswith(_GZIP) else data


def parse_capture(data: bytes, name: str) -> Observation:
    """An observation from the content of a capture, a text dump or output of lsmem -J."""
    # A capture has notes, and they name files as a dump does.
    found = _format(data[:HEAD_BYTES])
    if found is None:
        return _from_text(data, name)
    file: Capture | Capture2 = typed(data, FORMATS[found], name)
    blocks = _blocks(file.table, name)
    params = Params()
    for key, word in file.params.items():
        params = params.with_word(key, clean(word))
    words = dict(params.words())
    return Observation(
        title=name,
        kernel=None if file.kernel is None else clean(file.kernel),
        arch=None if file.arch is None else clean(file.arch),
        page_bytes=file.page_bytes,
        block_bytes=file.block_bytes,
        blocks=blocks,
        zones=_cleaned(file.zones, 16),
        iomem=_cleaned(file.iomem),
        masks={name: nodes for name, nodes in asdict(file.masks).items() if nodes is not None},
        node_ids=file.node_ids,
        params={key: words[key] for key in file.params},
        pools=file.pools,
        config=file.config,
        devices=_cleaned(file.devices) or (),
        balloons=tuple(map(clean, file.balloons)),
        notes=tuple(clean(note, 500) for note in file.notes),
    )


def _from_text(data: bytes, name: str) -> Observation:
    """An observation from a text dump, a transcript, or what lsmem printed."""
    if len(data) > MAX_DUMP_BYTES:
        raise InputError(
            f"{name}: no capture of format {FORMAT}, and larger than the {MAX_DUMP_BYTES >> 20} "
            "MiB that a text dump may have; make a capture (pfnmap capture)"
        )
    as_json = data.lstrip()[:1] == b"{"
    files, links = ({}, []) if as_json else parse_text_dump(data)
    given = None if has_blocks((*files, *links)) or not is_lsmem(data) else listed(data, name)
    if given is None and not files:
        raise InputError(
            f"{name}: neither a capture of format {FORMAT} nor a text dump nor output of lsmem"
        )
    return observe(TextTree(name, files, links), given)


def _cleaned(rows: tuple[Named, ...] | None, limit: int = MAX_WORD) -> tuple[Named, ...] | None:
    """The rows with names that can be shown."""
    if rows is None:
        return None
    return tuple(replace(row, name=clean(row.name, limit)) for row in rows)


def _blocks(table: BlockTable, name: str) -> BlockColumns:
    """A row for every block; InputError where runs overlap, or there are too many blocks."""
    first, count = np.array(table.first, np.int64), np.array(table.count, np.int64)
    before = np.concatenate(([0], (first + count)[:-1]))[: len(first)]
    wrong = np.flatnonzero((first < before) | (np.cumsum(count) > MAX_CAPTURE_BLOCKS))
    if len(wrong):
        raise InputError(
            f"{name}: 'blocks[{wrong[0]}]' overlaps the one before, or is one of more than "
            f"{MAX_CAPTURE_BLOCKS} blocks"
        )
    run, offsets = one_by_one(count)
    kind = np.array(table.kind, np.int64)[run]

    def column(place: int, dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
        said = [-1 if kind[place] is None else kind[place] for kind in table.kinds]
        return np.array(said, dtype)[kind]

    zones = [
        None if words is None else tuple(clean(word, 16) for word in words[:8])
        for _, words, *_ in table.kinds
    ]
    return BlockColumns.of(
        first[run] + offsets,
        ([clean(state, 32) for state, *_ in table.kinds], kind),
        (zones, kind),
        ([nodes for _, _, nodes, *_ in table.kinds], kind),
        column(3, np.int8),
        column(4, np.int64),
    )
