"""Recordings of real kernels (format ``hotplug-trace-1``): reading, checking, replaying.

The machine is built from the recording's boot state and parameters; each recorded step is
run by the engine. ``engine.verify`` compares.
"""

from __future__ import annotations

import bisect
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.boot import from_observation
from engine.commands import Add, Command, Note, Ref, Remove, SysfsWrite
from engine.errors import InputError
from engine.geometry import ARCHITECTURES
from engine.kinds import ZONE_BY_LABEL, BlockState, MemmapKind, PageState, ZoneType
from engine.machine import predict
from engine.outcome import Event, Outcome
from engine.params import Params
from engine.profile import PROFILES, KernelProfile
from engine.recorded_shell import ShellError, parse_script
from engine.runs import Rows
from engine.state import BLOCK_DTYPE, Resource, State
from engine.values import dataclass
from engine.view import ZoneRow

FORMAT = "hotplug-trace-1"
MAX_BYTES = 512 << 20
_FIRMWARE = "REFUSED_BY_FIRMWARE"


class TraceError(InputError):
    """A recording that cannot be used: names the file, the step and the field."""


@dataclass(frozen=True, slots=True)
class RecordedBlock:
    """A memory block as the recording has it."""

    id: int
    state: str
    node: int | None
    removable: bool
    valid_zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordedState:
    """What the kernel showed at one moment."""

    zones: tuple[ZoneRow, ...]
    blocks: tuple[RecordedBlock, ...]
    iomem: tuple[Resource, ...]
    masks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One step: what was done, what the kernel answered, and what it showed then."""

    do: str
    arguments: Mapping[str, Any]
    result: str | None
    log: tuple[str, ...]
    after: RecordedState
    unmovable: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trace:
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
MAX_NODES = 1024
MAX_BLOCKS = 1 << 26
MAX_BLOCK_BYTES = 1 << 40
"""Far above the 64 GiB that any architecture allows for a memory block."""
MAX_BYTE = 1 << 64


def load_trace(path: str | Path) -> Trace:
    """Read a recording; TraceError with file, step and field where it is not one."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise TraceError(
                f"{path.name}: {size >> 20} MiB is more than a recording may have "
                f"({MAX_BYTES >> 20} MiB)"
            )
        data = json.loads(path.read_bytes())
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
        raise top.fail("arch", f"is {arch!r}, expected one of {', '.join(ARCHITECTURES)}")
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
            raise zone.fail("zone", f"is {label!r}, expected one of {', '.join(ZONE_BY_LABEL)}")
        zones.append(
            ZoneRow(
                zone.count("node", MAX_NODES),
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
        if node is not None and not 0 <= node < MAX_NODES:
            raise block.fail("node", f"is {node}, expected 0 to {MAX_NODES - 1}")
        state = block.get("state", str)
        if state not in _STATES:
            raise block.fail("state", f"is {state!r}, expected one of {', '.join(_STATES)}")
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
        twice = next(block for block in ids if ids.count(block) > 1)
        raise reader.fail("blocks", f"has block {twice} twice")
    places = [(zone.node, zone.zone) for zone in zones]
    if len(set(places)) < len(places):
        raise reader.fail("zones", "has a zone twice")
    nodes = _Reader(reader.name, f"{reader.place}, nodes", reader.get("nodes", dict))
    masks = {key: nodes.get(key, str, optional=True) or "" for key in _MASKS}
    for key, mask in masks.items():
        if parse_mask(mask) is None:
            raise nodes.fail(key, f"is no node list: {mask!r}")
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
        raise reader.fail("do", f"is {do!r}, expected one of {', '.join(_ARGUMENTS)}")
    refused = reader.data.get("result") == _FIRMWARE
    arguments = {}
    for field, kind in _ARGUMENTS[do]:
        arguments[field] = reader.get(field, kind, optional=refused and field in ("start", "size"))
    for field in ("start", "size", "node", "block"):
        value = arguments.get(field)
        if isinstance(value, int) and not 0 <= value < MAX_BYTE:
            raise reader.fail(field, f"is {value}, expected 0 to {MAX_BYTE - 1}")
    if arguments.get("node", 0) >= MAX_NODES:
        raise reader.fail("node", f"is {arguments['node']}, expected below {MAX_NODES}")
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


_MASK_PART = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")


def parse_mask(text: str) -> tuple[int, ...] | None:
    """A node list as sysfs prints it (``0-1,3``); None where it is not one."""
    numbers: list[int] = []
    for part in text.strip().split(",") if text.strip() else []:
        found = _MASK_PART.fullmatch(part)
        if found is None:
            return None
        low, high = int(found[1]), int(found[2] or found[1])
        if not low <= high < MAX_NODES:
            return None
        numbers += range(low, high + 1)
    return tuple(numbers)


# -- the machine ------------------------------------------------------------------------
def profile_of(kernel: str) -> KernelProfile:
    """The profile for a kernel release: the newest one that is not newer."""
    match = re.match(r"([0-9]{1,4})\.([0-9]{1,4})", kernel)
    wanted = (int(match[1]), int(match[2])) if match else (6, 12)
    versions = sorted(
        (tuple(int(part) for part in name.split(".")), name)
        for name in PROFILES
        if re.fullmatch(r"\d+\.\d+", name)
    )
    fitting = [name for version, name in versions if version <= wanted]
    return PROFILES[fitting[-1] if fitting else versions[0][1]]


def machine_state(trace: Trace) -> State:
    """The machine at boot as the recording shows it."""
    geometry = ARCHITECTURES[trace.geometry_arch]
    try:
        geometry = geometry.with_block_bytes(trace.block_bytes)
    except InputError as error:
        raise TraceError(f"{trace.name}: recording: field 'memory_block_size': {error}") from None
    boot = trace.boot
    shift, pages = geometry.page_shift, geometry.block_pages
    ram = ram_ranges(boot.iomem, boot.blocks, shift, pages)
    possible = parse_mask(boot.masks["possible"]) or (0,)
    used = [z.node for z in boot.zones] + [b.node or 0 for b in boot.blocks]
    used += [step.arguments.get("node", 0) for step in trace.steps]
    nr_nodes = max((*possible, *used)) + 1
    online = frozenset(parse_mask(boot.masks["online"]) or ())
    memory = frozenset(parse_mask(boot.masks["has_memory"]) or ())
    return from_observation(
        geometry=geometry,
        profile=profile_of(trace.kernel),
        params=trace.params,
        zones=[_with_device_start(zone, boot.iomem, shift) for zone in boot.zones],
        blocks=observed_rows(boot.blocks, ram, pages),
        ram=ram,
        resources=boot.iomem,
        nr_nodes=nr_nodes,
        online_nodes=online,
        cpu_nodes=frozenset({0}) | (online - memory),
        title=trace.name,
    )


def _with_device_start(zone: ZoneRow, iomem: Sequence[Resource], shift: int) -> ZoneRow:
    """The kernel prints no start for ZONE_DEVICE: it is that of the lowest pmem region."""
    regions = [line.start >> shift for line in iomem if not line.system_ram and not line.depth]
    if zone.zone != ZoneType.DEVICE or not zone.spanned or zone.start_pfn or not regions:
        return zone
    return replace(zone, start_pfn=min(regions))


def ram_ranges(
    iomem: Sequence[Resource], blocks: Sequence[RecordedBlock], shift: int, pages: int
) -> NDArray[np.int64]:
    """Boot RAM from the System RAM lines: whole pages, int64 (n, 3) of start, end, node."""
    node_of = {block.id: block.node or 0 for block in blocks}
    ids = sorted(node_of)
    out: list[tuple[int, int, int]] = []
    for line in iomem:
        start, end = -(-line.start >> shift), (line.end + 1) >> shift
        if not line.system_ram or start >= end:
            continue
        # Where the node may change: at the edges of the recorded blocks inside.
        known = ids[
            bisect.bisect_left(ids, start // pages) : bisect.bisect_left(ids, -(-end // pages))
        ]
        edges = {
            start,
            end,
            *(e for i in known for e in (i * pages, (i + 1) * pages) if start < e < end),
        }
        cuts = sorted(edges)
        pieces = [(a, b, node_of.get(a // pages, 0)) for a, b in itertools.pairwise(cuts)]
        for low, high, node in pieces:
            if out and out[-1][1:] == (low, node) and low != start:
                out[-1] = (out[-1][0], high, node)
            else:
                out.append((low, high, node))
    return np.array(out, np.int64).reshape(-1, 3)


def observed_rows(blocks: Sequence[RecordedBlock], ram: NDArray[np.int64], pages: int) -> Rows:
    """Block rows of boot memory: state, zone and node as shown, present pages from iomem."""
    rows = np.zeros(len(blocks), BLOCK_DTYPE)
    for row, block in zip(rows, blocks, strict=True):
        low, high = block.id * pages, (block.id + 1) * pages
        inside = np.clip(np.minimum(ram[:, 1], high) - np.maximum(ram[:, 0], low), 0, None)
        online = block.state == "online"
        zone = ZoneType.NONE
        if online and len(block.valid_zones) == 1:
            zone = ZONE_BY_LABEL.get(block.valid_zones[0], ZoneType.NONE)
        row["start"], row["count"], row["node"] = block.id, 1, block.node or 0
        row["state"] = int(BlockState.ONLINE if online else BlockState.OFFLINE)
        row["zone"], row["link_zone"], row["link_node"] = zone, max(zone, 0), block.node or 0
        row["present"] = int(inside.sum())
    rows["early"], rows["device"], rows["initialised"] = 1, -1, 1
    rows["memmap"] = int(MemmapKind.BOOT)
    return rows


# -- replaying --------------------------------------------------------------------------
def step_commands(step: RecordedStep, directory: str = "/") -> list[Command]:
    """The commands that a recorded step means; ShellError where that is not known."""
    a = step.arguments
    if step.result == _FIRMWARE:
        return [Note(f"the firmware refused {step.do} {a.get('id', '')}: the kernel saw nothing")]
    match step.do:
        case "hot-add":
            return [Add(a["id"], a["size"], a["start"], a["node"])]
        case "hot-remove":
            return [Remove((Ref(device=a["id"]),))]
        case "write-state":
            path = f"/sys/devices/system/memory/memory{a['block']}/state"
            return [SysfsWrite(a["value"], path)]
        case "shell":
            return parse_script(a["command"], directory)
    raise ShellError(f"a {step.do} step ({a.get('cmd', '')}) is not modelled")


def run_step(state: State, step: RecordedStep) -> Outcome:
    """Replay one step on a state. Pages recorded as unmovable count for this step only."""
    commands = step_commands(step)
    pinned = state.taken
    for pfn in step.unmovable:
        pinned = pinned.insert(pfn, 1, kind=int(PageState.UNMOVABLE), owner=-2)
    current = replace(state, taken=pinned)
    outcomes = []
    for command in commands:
        outcomes.append(predict(current, command))
        current = outcomes[-1].after
    taken = current.taken
    for row in taken.rows[taken.rows["owner"] == -2]:
        taken = taken.delete(int(row["start"]), int(row["start"] + row["count"]))
    events: tuple[Event, ...] = tuple(event for o in outcomes for event in o.events)
    last = outcomes[-1] if outcomes else None
    return Outcome(
        commands[-1] if commands else Note(step.do),
        state,
        replace(current, taken=taken),
        events,
        last.refusal if last else None,
    )
