"""Do things to a guest and write down what its kernel says after each of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.images import Image
from pfnmap.engine.guest.qmp import RefusedError
from pfnmap.engine.guest.trace import (
    REFUSED_BY_FIRMWARE,
    Params,
    Report,
    State,
    Step,
    Trace,
    error_name,
    read_report,
)

SECTION_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class Plug:
    """A DIMM is plugged in."""

    name: str
    size: int
    address: int | None = None
    node: int = 0


@dataclass(frozen=True, slots=True)
class Unplug:
    """A DIMM's eject button is pressed."""

    name: str


@dataclass(frozen=True, slots=True)
class WriteState:
    """``echo VALUE > …/memoryBLOCK/state``."""

    block: int
    value: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Any other line of shell."""

    command: str


Action = Plug | Unplug | WriteState | Shell


@dataclass(frozen=True, slots=True)
class Dimm:
    """A DIMM that is plugged in, wanted by the kernel or not."""

    start: int
    size: int


@dataclass
class Recorder:
    """One boot of a guest and the recording of it."""

    guest: Guest
    trace: Trace
    dimms: dict[str, Dimm] = field(default_factory=dict)

    @classmethod
    def start(cls, guest: Guest, note: dict[str, object] | None = None) -> Recorder:
        """Begin a recording of a guest that has just booted."""
        facts: dict[str, str] = {}
        for line in guest.shell("facts").output.splitlines():
            name, _, value = line.removeprefix("param ").partition(" ")
            facts[name] = value
        params: Params = {
            "memmap_on_memory": facts.get("memmap_on_memory"),
            "online_policy": facts["online_policy"],
            "auto_movable_ratio": int(facts["auto_movable_ratio"]),
            "auto_movable_numa_aware": facts["auto_movable_numa_aware"] == "Y",
            "auto_online_blocks": facts["auto_online_blocks"],
        }
        trace: Trace = {
            "format": "hotplug-trace-1",
            "kernel": facts["release"],
            "arch": "x86_64",
            "page_size": 4096,
            "section_size": SECTION_BYTES,
            "struct_page_size": 64,
            "memory_block_size": int(facts["block_size"], 16),
            "cmdline": facts["cmdline"].strip(),
            "params": params,
            "guest": note or {},
            "boot": read_report(guest.shell("report").output).state,
            "steps": [],
        }
        return cls(guest, trace)

    @property
    def now(self) -> State:
        """The state after the last step."""
        return self.trace["steps"][-1]["after"] if self.trace["steps"] else self.trace["boot"]

    @property
    def block_bytes(self) -> int:
        """The guest's memory block size."""
        return self.trace["memory_block_size"]

    def do(self, action: Action) -> Step:
        """Do one thing and record it. GuestHungError leaves the recording as it was before."""
        match action:
            case Plug():
                step = self._plug(action)
            case Unplug():
                step = self._unplug(action)
            case WriteState(block, value):
                path = f"/sys/devices/system/memory/memory{block}/state"
                reply = self.guest.shell(f"echo {value} > {path}")
                step = self._step("write-state", error_name(reply.output, reply.status))
                step["block"], step["value"] = block, value
            case Shell(command):
                reply = self.guest.shell(command)
                step = self._step("shell", error_name(reply.output, reply.status))
                step["command"], step["output"] = command, reply.output.strip()
        self.trace["steps"].append(step)
        return step

    def _plug(self, action: Plug) -> Step:
        start, reason = action.address, ""
        try:
            start = self.guest.plug(action.name, action.size, action.address, action.node)
            self.dimms[action.name] = Dimm(start, action.size)
        except RefusedError as refused:
            reason = str(refused)
        step = self._step("hot-add", None)
        if reason:
            step["result"], step["reason"] = REFUSED_BY_FIRMWARE, reason
        elif not self._taken(self.dimms[action.name], step["after"]):
            step["result"] = _why_not_taken(step["log"], self.dimms[action.name])
        step |= {"id": action.name, "node": action.node, "start": start, "size": action.size}
        return step

    def _taken(self, dimm: Dimm, state: State) -> bool:
        if dimm.start % self.block_bytes or dimm.size % self.block_bytes:
            return False  # all of it or nothing
        first = dimm.start // self.block_bytes
        present = {block["id"] for block in state["blocks"]}
        return present.issuperset(range(first, first + dimm.size // self.block_bytes))

    def _unplug(self, action: Unplug) -> Step:
        dimm = self.dimms.get(action.name)
        reason, gone = "", False
        try:
            gone = self.guest.unplug(action.name)
        except RefusedError as refused:
            reason = str(refused)
        step = self._step("hot-remove", None if gone else "EBUSY")
        if reason:
            step["result"], step["reason"] = REFUSED_BY_FIRMWARE, reason
        if gone:
            self.dimms.pop(action.name, None)
        step["id"] = action.name
        if dimm is not None:
            step["start"], step["size"] = dimm.start, dimm.size
        return step

    def _step(self, what: str, result: str | None) -> Step:
        report: Report = read_report(self.guest.shell("report").output)
        step: Step = {"do": what, "result": result, "log": report.log, "after": report.state}
        if result == "EBUSY" and report.unmovable:
            step["environment"] = {"unmovable": report.unmovable}
        if report.debug:
            step["debug"] = report.debug
        if report.huge:
            step["huge"] = report.huge
        return step


def _why_not_taken(log: list[str], dimm: Dimm) -> str:
    """The kernel tells the firmware nothing; its log has a line that names the range.

    It may have lines about other DIMMs as well: some kernels try again, at every plug, all
    those that they could not add before.
    """
    for line in log:
        if f"unaligned hotplug range: start {dimm.start:#x}," in line:
            return "EINVAL"
        if f"Hotplug memory [{dimm.start:#x}-" in line:
            return "E2BIG"
    return "FAILED"


def describe(image: Image, guest: Guest) -> dict[str, object]:
    """How the recording's machine was built, for whoever wants to make it again."""
    hardware = guest.hardware
    return {
        "version": image.version,
        "ram": hardware.ram_bytes,
        "nodes": hardware.nodes,
        "node_ram": {str(node): size for node, size in hardware.node_ram_bytes.items()},
        "cpu_nodes": list(hardware.cpu_nodes),
    }


def save(trace: Trace, path: Path) -> None:
    """Write a recording: one line, as compact as JSON gets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(trace, separators=(",", ":")) + "\n", encoding="utf-8")
