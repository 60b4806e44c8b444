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
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import asdict, replace
from numpy.typing import NDArray

from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.limits import (
    MAX_BLOCK_LINES,
    MAX_CAPTURE_BLOCKS,
    MAX_CAPTURE_BYTES,
    MAX_CAPTURE_NOTES,
    MAX_DUMP_BYTES,
)
from pfnmap.engine.memory.runs import one_by_one
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.sysroot.dumps import has_blocks, is_text_dump, parse_text_dump
from pfnmap.engine.sysroot.files import MAX_WORD, TextTree, clean
from pfnmap.engine.sysroot.lsmem import is_lsmem, listed
from pfnmap.engine.sysroot.observation import BlockColumns, Observation
from pfnmap.engine.sysroot.parse import MAX_IOMEM_LINES, DriverDevice, IomemLine, ZoneInfo
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.typed_json import NodeId, typed
from pfnmap.engine.view import HugetlbPool, MemoryConfig
from pfnmap.engine.whole_file import write_whole

FORMAT = "pfnmap-capture-1"
HEAD_BYTES = 1 << 14
"""How much of a file tells what it is: a transcript may begin with other things."""
_GZIP = b"\x1f\x8b"

Named = TypeVar("Named", ZoneInfo, IomemLine, DriverDevice)


# -- the file -----------------------------------------------------------------------------
class _Masks(Struct, frozen=True, omit_defaults=True):
    online: tuple[NodeId, ...] | None = None
    possible: tuple[NodeId, ...] | None = None
    has_memory: tuple[NodeId, ...] | None = None
    has_normal_memory: tuple[NodeId, ...] | None = None
    has_cpu: tuple[NodeId, ...] | None = None


class _Run(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Blocks that say the same."""

    first: Annotated[int, Meta(ge=0, le=1 << 40)]
    count: Annotated[int, Meta(ge=1, le=MAX_CAPTURE_BLOCKS)]
    state: str
    zones: tuple[str, ...] | None
    nodes: tuple[NodeId, ...] | None
    removable: Literal[0, 1] | None
    phys_device: Annotated[int, Meta(ge=0, le=1 << 32)] | None


class _Capture(Struct, frozen=True, kw_only=True):
    """The whole file, in the order of its keys."""

    format: str = FORMAT
    kernel: str | None = None
    arch: str | None = None
    page_bytes: Annotated[int, Meta(ge=4096, le=1 << 20)] | None = None
    block_bytes: Annotated[int, Meta(ge=4096, le=1 << 46)] | None = None
    params: dict[str, str] = {}
    masks: _Masks = _Masks()
    node_ids: Annotated[tuple[NodeId, ...], Meta(max_length=MAX_NUMNODES)]
    zones: Annotated[tuple[ZoneInfo, ...], Meta(max_length=5 * MAX_NUMNODES)] | None = None
    iomem: Annotated[tuple[IomemLine, ...], Meta(max_length=MAX_IOMEM_LINES)] | None = None
    pools: Annotated[tuple[HugetlbPool, ...], Meta(max_length=MAX_NUMNODES)] = ()
    config: tuple[MemoryConfig, ...] = ()
    devices: Annotated[tuple[DriverDevice, ...], Meta(max_length=MAX_CAPTURE_NOTES)] = ()
    balloons: Annotated[tuple[str, ...], Meta(max_length=MAX_CAPTURE_NOTES)] = ()
    blocks: Annotated[tuple[_Run, ...], Meta(max_length=MAX_BLOCK_LINES)] = ()
    notes: Annotated[tuple[str, ...], Meta(max_length=MAX_CAPTURE_NOTES)] = ()

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
        end = total = 0
        for index, run in enumerate(self.blocks):
            total += run.count
            if run.first < end or total > MAX_CAPTURE_BLOCKS:
                raise ValueError(
                    f"'blocks[{index}]' overlaps the one before, or is one of more than "
                    f"{MAX_CAPTURE_BLOCKS} blocks"
                )
            end = run.first + run.count


# -- writing ----------------------------------------------------------------------------
def _file(o: Observation) -> _Capture:
    return _Capture(
        kernel=o.kernel,
        arch=o.arch,
        page_bytes=o.page_bytes,
        block_bytes=o.block_bytes,
        params=dict(o.params),
        masks=_Masks(**o.masks),
        node_ids=o.node_ids,
        zones=o.zones,
        iomem=o.iomem,
        pools=o.pools,
        config=o.config,
        devices=o.devices,
        balloons=o.balloons,
        blocks=_block_runs(o.blocks),
        notes=o.notes,
    )


def _block_runs(blocks: BlockColumns) -> tuple[_Run, ...]:
    starts = blocks.run_starts().tolist()
    return tuple(
        _Run(
            int(blocks.ids[index]),
            end - index,
            blocks.state_word(index),
            blocks.zone_words(index),
            blocks.node_set(index),
            _unless_unknown(int(blocks.removable[index])),
            _unless_unknown(int(blocks.phys_device[index])),
        )
        for index, end in zip(starts, [*starts[1:], len(blocks)], strict=True)
    )


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
    lines = [f"{json.dumps(key)}: {_entries(value)}" for key, value in data.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    return gzip.compress(text.encode("ascii"), mtime=0) if compress else text.encode("ascii")


def _entries(value: object) -> str:
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
    return FORMAT.encode() in head or (is_lsmem(head) if as_json else is_text_dump(head))


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
    if FORMAT.encode() not in data[:HEAD_BYTES]:
        return _from_text(data, name)
    file = typed(data, _Capture, name)
    if file.format != FORMAT:
        raise InputError(f"{name}: not a capture of format {FORMAT}")
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
        blocks=_blocks(file.blocks),
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


def _blocks(runs: Sequence[_Run]) -> BlockColumns:
    """A row for every block."""
    rows, offsets = one_by_one(np.array([run.count for run in runs], np.int64))
    zones = [
        None if run.zones is None else tuple(clean(word, 16) for word in run.zones[:8])
        for run in runs
    ]

    def column(values: Iterable[int | None], kind: type[np.signedinteger[Any]]) -> NDArray[Any]:
        return np.array([-1 if value is None else value for value in values], kind)[rows]

    return BlockColumns.of(
        column((run.first for run in runs), np.int64) + offsets,
        ([clean(run.state, 32) for run in runs], rows),
        (zones, rows),
        ([run.nodes for run in runs], rows),
        column((run.removable for run in runs), np.int8),
        column((run.phys_device for run in runs), np.int64),
    )
