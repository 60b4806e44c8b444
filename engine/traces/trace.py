"""Recordings of real kernels (format ``hotplug-trace-1``): reading and checking them.

``pfnmap.engine.traces.replay`` runs their steps, ``pfnmap.engine.traces.verify`` compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec import Struct

from pfnmap.engine.errors import InputError, quoted
from pfnmap.engine.geometry import ARCHITECTURES, MAX_NUMNODES
from pfnmap.engine.kinds import ZONE_BY_LABEL
from pfnmap.engine.memory.state import Resource
from pfnmap.engine.params import Params
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.view import ZoneRow

FORMAT = "hotplug-trace-1"
MAX_BYTES = 512 << 20
FIRMWARE = "REFUSED_BY_FIRMWARE"


class TraceError(InputError):
    """A recording that cannot be used: names the file, the step and the field."""


class RecordedBlock(Struct, frozen=True):
    """A memory block as the recording has it."""

    id: int
    state: str
    node: int | None
    removable: bool
    valid_zones: tuple[str, ...]


class RecordedState(Struct, frozen=True):
    """What the kernel showed at one moment."""

    zones: tuple[ZoneRow, ...]
    blocks: tuple[RecordedBlock, ...]
    iomem: tuple[Resource, ...]
    masks: Mapping[str, str]


class RecordedStep(Struct, frozen=True):
    """One step: what was done, what the kernel answered, and what it showed then."""

    do: str
    arguments: Mapping[str, Any]
    result: str | None
    log: tuple[str, ...]
    after: RecordedState
    unmovable: tuple[int, ...]


class Trace(Struct, frozen=True):
    """A whole recording."""

    name: str
    kernel: str
    geometry_arch: str
    block_bytes: int
    cmdline: str
    params: Params
    boot: RecordedState
    steps: tuple[RecordedStep, ...]


class _Reader:
    """Takes fields out of parsed JSON; every complaint names file, step and field."""

    def __init__(self, name: str, place: str, data: object) -> None:
        if not isinstance(data, dict):
            raise TraceError(f"{name}: {place} must be an object")
        self.name, self.place, self.data = name, place, data

    def fail(self, field: str, what: str) -> TraceError:
        return TraceError(f"{self.name}: {self.place}: field {field!r} {what}")

    def get(self, field: str, kind: type, *, optional: bool = False) -> Any:
        if field not in self.data:
            if optional:
                return None
            raise self.fail(field, "is missing")
        value = self.data[field]
        if optional and value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(field, f"must be {_KIND_WORDS[kind]}, is {type(value).__name__}")
        return value

    def count(self, field: str, limit: int = 1 << 52) -> int:
        value: int = self.get(field, int)
        if not 0 <= value < limit:
            raise self.fail(field, f"is {value}, expected 0 to {limit - 1}")
        return value


_KIND_WORDS: dict[type, str] = {
    int: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    bool: "true or false",
}
MAX_BLOCKS = 1 << 26
MAX_BLOCK_BYTES = 1 << 40
"""Far above the 64 GiB that any architecture allows for a memory block."""
MAX_BYTE = 1 << 64


def load_trace(path: str | Path) -> Trace:
    """Read a recording; TraceError with file, step and field where it is not one."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise TraceError(
                f"{path.name}: the file is too large for a recording (over {MAX_BYTES >> 20} MiB)"
            )
        data = json.loads(text)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "the text"
        raise TraceError(f"{path.name}: {where} is no JSON; is the file cut off?") from None
    return parse_trace(data, path.name)


def parse_trace(data: object, name: str) -> Trace:
    """A recording from parsed JSON."""
    top = _Reader(name, "recording", data)
    if top.data.get("format") != FORMAT:
        raise TraceError(f"{name}: not a recording of format {FORMAT}")
    arch = top.get("arch", str)
    if arch not in ARCHITECTURES:
        raise top.fail("arch", f"is {quoted(arch)}, expected one of {', '.join(ARCHITECTURES)}")
    block_bytes = top.count("memory_block_size", MAX_BLOCK_BYTES + 1)
    steps = [
        _step(_Reader(name, f"step {number}", step))
        for number, step in enumerate(top.get("steps", list), 1)
    ]
    cmdline = top.get("cmdline", str)
    return Trace(
        name,
        top.get("kernel", str),
        arch,
        block_bytes,
        cmdline,
        _params(_Reader(name, "params", top.get("params", dict)), cmdline),
        _state(_Reader(name, "boot", top.get("boot", dict))),
        tuple(steps),
    )


def _params(reader: _Reader, cmdline: str) -> Params:
    params = Params()
    words = {
        "memmap_on_memory": reader.get("memmap_on_memory", str, optional=True) or "N",
        "online_policy": reader.get("online_policy", str),
        "auto_movable_ratio": str(reader.count("auto_movable_ratio", 1 << 32)),
        "auto_movable_numa_aware": "Y" if reader.get("auto_movable_numa_aware", bool) else "N",
        "auto_online_blocks": reader.get("auto_online_blocks", str),
    }
    boot = cmdline.split()
    if "movable_node" in boot:
        words["movable_node"] = "Y"
    if "hugetlb_free_vmemmap=on" in boot:
        words["hugetlb_free_vmemmap"] = "on"
    for field, value in words.items():
        try:
            params = params.with_word(field, value)
        except InputError as error:
            raise reader.fail(field, f"is wrong: {error}") from None
    return params


def _state(reader: _Reader) -> RecordedState:
    zones = []
    for index, item in enumerate(reader.get("zones", list)):
        zone = _Reader(reader.name, f"{reader.place}, zone {index}", item)
        label = zone.get("zone", str)
        if label not in ZONE_BY_LABEL:
            raise zone.fail(
                "zone", f"is {quoted(label)}, expected one of {', '.join(ZONE_BY_LABEL)}"
            )
        zones.append(
            ZoneRow(
                zone.count("node", MAX_NUMNODES),
                ZONE_BY_LABEL[label],
                zone.count("start_pfn"),
                zone.count("spanned"),
                zone.count("present"),
                zone.count("managed"),
            )
        )
    blocks = []
    for index, item in enumerate(reader.get("blocks", list)):
        block = _Reader(reader.name, f"{reader.place}, block {index}", item)
        valid = block.get("valid_zones", list)
        if not all(isinstance(word, str) for word in valid):
            raise block.fail("valid_zones", "must be a list of strings")
        node = block.get("node", int, optional=True)
        if node is not None and not 0 <= node < MAX_NUMNODES:
            raise block.fail("node", f"is {node}, expected 0 to {MAX_NUMNODES - 1}")
        state = block.get("state", str)
        if state not in _STATES:
            raise block.fail("state", f"is {quoted(state)}, expected one of {', '.join(_STATES)}")
        blocks.append(
            RecordedBlock(
                block.count("id", MAX_BLOCKS),
                state,
                node,
                block.get("removable", bool),
                tuple(valid),
            )
        )
    iomem = []
    for index, item in enumerate(reader.get("iomem", list)):
        line = _Reader(reader.name, f"{reader.place}, iomem line {index}", item)
        label = line.get("name", str)
        start, end = line.count("start", MAX_BYTE), line.count("end", MAX_BYTE)
        if end < start:
            raise line.fail("end", "is below 'start'")
        iomem.append(
            Resource(
                start,
                end,
                label,
                line.count("depth", 64),
                label.startswith("System RAM"),
            )
        )
    ids = [block.id for block in blocks]
    if len(set(ids)) < len(ids):
        twice = next(a for a, b in pairwise(sorted(ids)) if a == b)
        raise reader.fail("blocks", f"has block {twice} twice")
    places = [(zone.node, zone.zone) for zone in zones]
    if len(set(places)) < len(places):
        raise reader.fail("zones", "has a zone twice")
    nodes = _Reader(reader.name, f"{reader.place}, nodes", reader.get("nodes", dict))
    masks = {key: nodes.get(key, str, optional=True) or "" for key in _MASKS}
    for key, mask in masks.items():
        if parse_mask(mask) is None:
            raise nodes.fail(key, f"is no node list: {quoted(mask)}")
    return RecordedState(
        tuple(zones), tuple(sorted(blocks, key=lambda b: b.id)), tuple(iomem), masks
    )


_STATES = ("online", "offline", "going-offline")
_MASKS = ("online", "has_memory", "has_normal_memory", "possible")
_ARGUMENTS: dict[str, tuple[tuple[str, type], ...]] = {
    "hot-add": (("id", str), ("node", int), ("start", int), ("size", int)),
    "hot-remove": (("id", str), ("start", int), ("size", int)),
    "write-state": (("block", int), ("value", str)),
    "shell": (("command", str),),
    "device": (("cmd", str),),
}


def _step(reader: _Reader) -> RecordedStep:
    do = reader.get("do", str)
    if do not in _ARGUMENTS:
        raise reader.fail("do", f"is {quoted(do)}, expected one of {', '.join(_ARGUMENTS)}")
    refused = reader.data.get("result") == FIRMWARE
    arguments = {}
    for field, kind in _ARGUMENTS[do]:
        arguments[field] = reader.get(field, kind, optional=refused and field in ("start", "size"))
    for field in ("start", "size", "node", "block"):
        value = arguments.get(field)
        if isinstance(value, int) and not 0 <= value < MAX_BYTE:
            raise reader.fail(field, f"is {value}, expected 0 to {MAX_BYTE - 1}")
    if arguments.get("node", 0) >= MAX_NUMNODES:
        raise reader.fail("node", f"is {arguments['node']}, expected below {MAX_NUMNODES}")
    if arguments.get("block", 0) >= MAX_BLOCKS:
        raise reader.fail("block", f"is {arguments['block']}, out of range")
    log = reader.get("log", list)
    if not all(isinstance(line, str) for line in log):
        raise reader.fail("log", "must be a list of strings")
    environment = reader.get("environment", dict, optional=True) or {}
    pins = environment.get("unmovable", [])
    if not isinstance(pins, list) or not all(
        isinstance(pfn, int) and not isinstance(pfn, bool) and 0 <= pfn < 1 << 52 for pfn in pins
    ):
        raise reader.fail("environment.unmovable", "must be a list of pfns")
    return RecordedStep(
        do,
        arguments,
        reader.get("result", str, optional=True),
        tuple(log),
        _state(_Reader(reader.name, f"{reader.place}, after", reader.get("after", dict))),
        tuple(pins),
    )
