"""What a guest's ``report`` says: the machine as a recording has it, and the log sorted out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, convert

from pfnmap.engine.errors import ERRNO_OF_TEXT
from pfnmap.engine.guest.calls import read_calls
from pfnmap.engine.traces.trace import Call, RecordedState

_TIMESTAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d{6}\] ")
_DUMPED_PAGE = re.compile(r"^page:.*\bpfn:0x([0-9a-f]+)")
_UNMOVABLE = "page dumped because: unmovable page"
_PAGE_DUMP = re.compile(
    r"^(?:page:|page dumped because:|head:|raw:|memcg:|aops:|page_type:|"
    r"(?:anon |ksm )?flags:|migrating pfn|failed to isolate pfn)"
)
_NOISE = re.compile(
    r"^(?:clocksource:|crng |hrtimer:|input:|kworker|memory_tier|random:|sched_clock|tsc:|"
    r"workqueue:|pci(?:eport|ehp)? |virtio-pci |pci_bus |shpchp |nvdimm |nd_pmem |pmem\d)"
)
_DEBUG = re.compile(
    r"^(?:Offlined Pages|memory offlining \[|online_pages \[|Unable to reserve System RAM)"
)
_SHELL_WORDS = {"nonexistent directory": "ENOENT"}
_ENDED_BY_SIGNAL = (129, 143)
"""Exit statuses of what was ended because it did not end."""


class Report(Struct, frozen=True):
    """One report of the guest."""

    state: RecordedState
    log: tuple[str, ...]
    debug: tuple[str, ...]
    unmovable: tuple[int, ...]
    calls: tuple[Call, ...]


def read_report(text: str) -> Report:
    """What ``report`` of the guest's init script printed."""
    rows: dict[str, list[Any]] = {"zones": [], "blocks": [], "iomem": []}
    masks: dict[str, str] = {}
    lines: list[str] = []
    called: list[str] = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        words = rest.split()
        match kind:
            case "zone":
                names = ("spanned", "present", "managed", "start_pfn", "cma")
                zone = {"node": int(words[0]), "zone": words[1]}
                rows["zones"].append(zone | dict(zip(names, map(int, words[2:]), strict=True)))
            case "block":
                rows["blocks"].append(_block(words))
            case "iomem":
                rows["iomem"].append(_resource(rest))
            case "nodes":
                masks[words[0]] = words[1] if len(words) > 1 else ""
            case "log":
                lines.append(_TIMESTAMP.sub("", rest))
            case "call":
                called.append(rest)
    told = [line for line in lines if not _PAGE_DUMP.match(line) and not _NOISE.match(line)]
    return Report(
        convert({**rows, "nodes": masks}, RecordedState),
        log=tuple(line for line in told if not _DEBUG.match(line)),
        debug=tuple(line for line in told if _DEBUG.match(line)),
        unmovable=_unmovable(lines),
        calls=tuple(call for call in read_calls(called) if call.name or call.log in told),
    )


def _block(words: list[str]) -> dict[str, object]:
    number, state, node, removable, *zones = words
    return {
        "id": int(number),
        "state": state,
        "node": None if node == "-" else int(node),
        "removable": removable == "1",
        "valid_zones": tuple(zones),
    }


def _resource(line: str) -> dict[str, object]:
    extent, _, name = line.partition(" : ")
    start, end = (int(number, 16) for number in extent.split("-"))
    depth = (len(line) - len(line.lstrip(" "))) // 2
    return {"depth": depth, "start": start, "end": end, "name": name}


def _unmovable(lines: Iterable[str]) -> tuple[int, ...]:
    pfns: set[int] = set()
    dumped: int | None = None
    for line in lines:
        if found := _DUMPED_PAGE.match(line):
            dumped = int(found[1], 16)
        elif _UNMOVABLE in line and dumped is not None:
            pfns.add(dumped)
    return tuple(sorted(pfns))


def error_name(output: str, status: int) -> str | None:
    """The errno that a shell command's last words stand for; None when it succeeded."""
    if status == 0:
        return None
    if status in _ENDED_BY_SIGNAL:
        return "EINTR"
    last = output.strip().rsplit("\n", 1)[-1].rsplit(": ", 1)[-1]
    return _SHELL_WORDS.get(last) or ERRNO_OF_TEXT.get(last) or f"exit status {status}"
