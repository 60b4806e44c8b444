"""The recording format ``hotplug-trace-1`` as types, and how the guest's report becomes a state.

The format is shared with recordings made elsewhere, so the names of its keys are fixed.
Keys that are ours in addition (``guest``, ``ended``, ``debug``, ``huge``) explain a
recording to a person; a replay may ignore them.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NotRequired, TypedDict


class ZoneRow(TypedDict):
    """A zone's counters, in pages; ``start_pfn`` is 0 where the kernel prints none."""

    node: int
    zone: str
    start_pfn: int
    spanned: int
    present: int
    managed: int


class BlockRow(TypedDict):
    """One memory block as sysfs shows it."""

    id: int
    state: str
    node: int | None
    removable: bool
    valid_zones: list[str]


class ResourceRow(TypedDict):
    """A line of ``/proc/iomem``; ``end`` is inclusive."""

    depth: int
    start: int
    end: int
    name: str


class State(TypedDict):
    """Everything a replay compares after a step."""

    zones: list[ZoneRow]
    blocks: list[BlockRow]
    iomem: list[ResourceRow]
    nodes: dict[str, str]


class Environment(TypedDict):
    """What no model can predict about one step."""

    unmovable: list[int]


class Step(TypedDict):
    """One thing done to the machine; which arguments there are depends on ``do``."""

    do: str
    result: str | None
    log: list[str]
    after: State
    id: NotRequired[str]
    node: NotRequired[int]
    start: NotRequired[int | None]
    size: NotRequired[int]
    block: NotRequired[int]
    value: NotRequired[str]
    command: NotRequired[str]
    output: NotRequired[str]
    reason: NotRequired[str]
    environment: NotRequired[Environment]
    debug: NotRequired[list[str]]
    huge: NotRequired[dict[str, int]]


class Params(TypedDict):
    """The module's parameters at boot."""

    memmap_on_memory: str | None
    online_policy: str
    auto_movable_ratio: int
    auto_movable_numa_aware: bool
    auto_online_blocks: str


class Trace(TypedDict):
    """A whole recording."""

    format: str
    kernel: str
    arch: str
    page_size: int
    section_size: int
    struct_page_size: int
    memory_block_size: int
    cmdline: str
    params: Params
    guest: dict[str, object]
    boot: State
    steps: list[Step]
    ended: NotRequired[str]


REFUSED_BY_FIRMWARE = "REFUSED_BY_FIRMWARE"

_TIMESTAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d{6}\] ")
_DUMPED_PAGE = re.compile(r"^page:.*\bpfn:0x([0-9a-f]+)")
_UNMOVABLE = "page dumped because: unmovable page"
_PAGE_DUMP = re.compile(
    r"^(?:page:|page dumped because:|head:|raw:|memcg:|aops:|page_type:|"
    r"(?:anon |ksm )?flags:|migrating pfn|failed to isolate pfn)"
)
_NOISE = re.compile(
    r"^(?:clocksource:|crng |hrtimer:|input:|kworker|memory_tier|random:|sched_clock|tsc:|"
    r"workqueue:)"
)
_DEBUG = re.compile(
    r"^(?:Offlined Pages|memory offlining \[|online_pages \[|Unable to reserve System RAM)"
)
_ERROR_NAMES = {os.strerror(number): name for number, name in errno.errorcode.items()}
_SHELL_WORDS = {"nonexistent directory": "ENOENT"}


@dataclass(frozen=True, slots=True)
class Report:
    """One report of the guest, sorted out."""

    state: State
    log: list[str]
    debug: list[str]
    unmovable: list[int]
    huge: dict[str, int]


def read_report(text: str) -> Report:
    """What ``report`` of the guest's init script printed."""
    state: State = {"zones": [], "blocks": [], "iomem": [], "nodes": {}}
    lines: list[str] = []
    huge: dict[str, int] = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        words = rest.split()
        match kind:
            case "zone":
                state["zones"].append(_zone(words))
            case "block":
                state["blocks"].append(_block(words))
            case "iomem":
                state["iomem"].append(_resource(rest))
            case "nodes":
                state["nodes"][words[0]] = words[1] if len(words) > 1 else ""
            case "huge":
                huge[words[0]] = int(words[1])
            case "log":
                lines.append(_TIMESTAMP.sub("", rest))
    state["blocks"].sort(key=lambda block: block["id"])
    told = [line for line in lines if not _PAGE_DUMP.match(line) and not _NOISE.match(line)]
    return Report(
        state,
        log=[line for line in told if not _DEBUG.match(line)],
        debug=[line for line in told if _DEBUG.match(line)],
        unmovable=_unmovable(lines),
        huge=huge if any(huge.values()) else {},
    )


def _zone(words: list[str]) -> ZoneRow:
    node, zone, spanned, present, managed, start = words
    return {
        "node": int(node),
        "zone": zone,
        "start_pfn": int(start),
        "spanned": int(spanned),
        "present": int(present),
        "managed": int(managed),
    }


def _block(words: list[str]) -> BlockRow:
    number, state, node, removable, *zones = words
    return {
        "id": int(number),
        "state": state,
        "node": None if node == "-" else int(node),
        "removable": removable == "1",
        "valid_zones": zones,
    }


def _resource(line: str) -> ResourceRow:
    extent, _, name = line.partition(" : ")
    start, end = (int(number, 16) for number in extent.split("-"))
    depth = (len(line) - len(line.lstrip(" "))) // 2
    return {"depth": depth, "start": start, "end": end, "name": name}


def _unmovable(lines: Iterable[str]) -> list[int]:
    pfns: set[int] = set()
    dumped: int | None = None
    for line in lines:
        if found := _DUMPED_PAGE.match(line):
            dumped = int(found[1], 16)
        elif _UNMOVABLE in line and dumped is not None:
            pfns.add(dumped)
    return sorted(pfns)


def error_name(output: str, status: int) -> str | None:
    """The errno that a shell command's last words stand for; None when it succeeded."""
    if status == 0:
        return None
    last = output.strip().rsplit("\n", 1)[-1].rsplit(": ", 1)[-1]
    return _SHELL_WORDS.get(last) or _ERROR_NAMES.get(last) or f"exit status {status}"
