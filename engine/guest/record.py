"""Do things to a guest and write down what its kernel says after each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.geometry import ARCHITECTURES
from pfnmap.engine.guest.errors import LackingError, RefusedError
from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.hardware import geometry_name
from pfnmap.engine.guest.report import error_name, read_report
from pfnmap.engine.traces.recorded_shell import only_reads
from pfnmap.engine.traces.trace import (
    FIRMWARE,
    DeviceStep,
    DimmStep,
    Environment,
    HotAdd,
    ObservedStep,
    RecordedParams,
    RecordedState,
    RecordedStep,
    ShellStep,
    Trace,
    WriteState,
)
from pfnmap.engine.traces.trace import Hardware as RecordedHardware

MEMORY = "/sys/devices/system/memory"
ENDLESS_SECONDS = 40
"""After which an offline that does not end is ended, as a person would with Ctrl-C."""
RESIZE_SECONDS = 120.0
STEADY_SECONDS = 4
"""Of the guest's time in which a virtio-mem device has not moved: it has done what it can."""


class Device(Struct, frozen=True):
    """A device with memory that is plugged in, wanted by the kernel or not."""

    start: int
    size: int
    kind: str = "pc-dimm"
    dax: str = ""
    """What the kernel calls the dax device that is made of an NVDIMM."""


@dataclass
class Recorder:
    """One boot of a guest and the recording of it."""

    guest: Guest
    boot: RecordedState
    steps: list[RecordedStep] = field(default_factory=list)
    devices: dict[str, Device] = field(default_factory=dict)
    huge_pages: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The file of the pool and how many, of each name that ``hugetlb`` gave."""
    ended: str = ""
    _log: tuple[str, ...] = ()
    """Said between two steps while nothing changed."""

    @classmethod
    def start(cls, guest: Guest, *, calls: bool = False) -> Recorder:
        """Begin a recording of a guest that has just booted; ``calls``: of its functions too."""
        if calls:
            guest.run("follow")
        return cls(guest, read_report(guest.run("report").output).state)

    @property
    def now(self) -> RecordedState:
        """The state after the last step."""
        return self.steps[-1].after if self.steps else self.boot

    @property
    def block_bytes(self) -> int:
        """The guest's memory block size."""
        return int(self.guest.facts["block_size"], 16)

    @property
    def trace(self) -> Trace:
        """The recording so far."""
        facts, distances = self.guest.facts, self.guest.hardware.distances
        nodes = self.guest.hardware.nodes
        arch = geometry_name(self.guest.kernel.arch, int(facts.get("page_kb", 4)))
        geometry = ARCHITECTURES[arch]
        rows = [distances[row : row + nodes] for row in range(0, len(distances), nodes)]
        return Trace(
            kernel=facts["release"],
            geometry_arch=arch,
            block_bytes=self.block_bytes,
            cmdline=facts["cmdline"],
            boot_params=RecordedParams(
                online_policy=facts.get("online_policy", "contig-zones"),
                auto_movable_ratio=int(facts.get("auto_movable_ratio", 301)),
                auto_movable_numa_aware=facts.get("auto_movable_numa_aware", "Y") == "Y",
                auto_online_blocks=facts.get("auto_online_blocks", "offline"),
                memmap_on_memory=facts.get("memmap_on_memory"),
            ),
            boot=self.boot,
            steps=tuple(self.steps),  # type: ignore[arg-type]
            hardware=RecordedHardware(distances=tuple(map(tuple, rows))),
            page_bytes=geometry.page_bytes,
            section_bytes=geometry.section_pages * geometry.page_bytes,
            struct_page_bytes=geometry.struct_page_bytes,
            ended=self.ended,
        )

    def free_address(self, size: int) -> int:
        """The command language's default: the lowest free place behind boot RAM."""
        guest, block = self.guest, self.block_bytes
        address = -(-guest.hardware.hotplug_start(guest.kernel.arch) // block) * block
        for device in sorted(self.devices.values(), key=lambda device: device.start):
            if address + size <= device.start:
                break
            end = device.start + device.size
            address = max(address, -(-end // block) * block)
        return address

    def dax_name(self, name: str) -> str:
        """What the kernel calls a device that ``device-add`` made, by either name; else empty."""
        names = {each.dax: each.dax for each in self.devices.values()}
        names |= {given: each.dax for given, each in self.devices.items()}
        return names.get(name, "")

    def keep(self, step: RecordedStep) -> list[RecordedStep]:
        """Take a step into the recording; one that only reads changed nothing itself."""
        kept = [step]
        if isinstance(step, ShellStep) and step.after != self.now and only_reads(step.command):
            kept = [ObservedStep(log=step.log, after=step.after), replace(step, log=())]
        self.steps += kept
        return kept

    def look(self) -> list[RecordedStep]:
        """Take in what the guest did by itself since the last step, if anything."""
        report = read_report(self.guest.run("report").output)
        if report.state == self.now:
            self._log += report.log
            return []
        return self.keep(ObservedStep(log=report.log, after=report.state, calls=report.calls))

    # -- what can be done --------------------------------------------------------------------
    def write_state(self, block: int, value: str) -> RecordedStep:
        """``echo VALUE > …/memoryBLOCK/state``; an offline that does not end is ended."""
        line = f"echo {value} > {MEMORY}/memory{block}/state"
        if value == "offline":
            line = f"timeout -s HUP {ENDLESS_SECONDS} sh -c '{line}'"
        reply = self.guest.run(line, ENDLESS_SECONDS * 2)
        result = error_name(reply.output, reply.status)
        return self._step(WriteState, result, block=block, value=value)

    def shell(self, command: str) -> RecordedStep:
        """Any line of shell."""
        reply = self.guest.run(command)
        result = error_name(reply.output, reply.status)
        return self._step(ShellStep, result, command=command, output=reply.output.strip())

    def plug(self, name: str, size: int, address: int, node: int) -> RecordedStep:
        """A DIMM."""
        self.guest.needs("add")
        start, reason = address, ""
        try:
            start = self.guest.plug("pc-dimm", name, size, node, addr=address)["addr"]
            self.devices[name] = Device(start, size)
        except RefusedError as refused:
            reason = str(refused)
        words = {"id": name, "node": node, "start": start, "size": size}
        if reason:
            return self._step(HotAdd, FIRMWARE, reason=reason, **words)
        return self._step(HotAdd, lambda state, log: self._not_taken(name, state, log), **words)

    def _not_taken(self, name: str, state: RecordedState, log: tuple[str, ...]) -> str | None:
        """Why a DIMM's memory is not there; None where it is.

        The kernel tells the firmware nothing; its log has a line that names the range. It may
        have lines about other DIMMs as well: some kernels try again, at every plug, all those
        that they could not add before.
        """
        dimm, block = self.devices[name], self.block_bytes
        whole = dimm.start % block == dimm.size % block == 0  # all of it or nothing
        blocks = range(dimm.start // block, (dimm.start + dimm.size) // block)
        if whole and {each.id for each in state.blocks}.issuperset(blocks):
            return None
        for line in log:
            if f"unaligned hotplug range: start {dimm.start:#x}," in line:
                return "EINVAL"
            if f"Hotplug memory [{dimm.start:#x}-" in line:
                return "E2BIG"
        return "FAILED"

    def unplug(self, name: str) -> RecordedStep:
        """A DIMM's eject button."""
        dimm = self.devices.get(name)
        reason, gone = "", False
        try:
            gone = self.guest.unplug(name)
        except RefusedError as refused:
            reason = str(refused)
        if gone:
            self.devices.pop(name, None)
        where = {"start": dimm.start, "size": dimm.size} if dimm else {}
        result = FIRMWARE if reason else None if gone else "EBUSY"
        return self._step(DimmStep, result, reason=reason, id=name, **where)

    def plug_virtio_mem(self, name: str, size: int, node: int, **options: object) -> RecordedStep:
        """A virtio-mem device of which nothing is requested yet."""
        self.guest.needs("virtio-mem")
        bus = {}
        if self.guest.kernel.arch == "arm64":
            taken = sum(each.kind == "virtio-mem-pci" for each in self.devices.values())
            bus["bus"] = f"port{taken + 1}"
        given = {key: value for key, value in options.items() if value is not None}
        args = {"driver": "virtio-mem-pci", "id": name, "size": size, "node": node, **given}
        try:
            found = self.guest.plug("virtio-mem-pci", name, size, node, **options, **bus)
        except RefusedError as refused:
            return self._refused(refused, args)
        self.devices[name] = Device(found["memaddr"], size, "virtio-mem-pci")
        self.guest.run("sleep 1")  # the bus looks at it
        args |= {"memaddr": found["memaddr"], "block-size": found["block-size"]}
        return self._step(DeviceStep, None, cmd="device_add", args=args)

    def resize(self, name: str, size: int) -> RecordedStep:
        """What is requested of a virtio-mem device; waits until the guest has done what it can."""
        args = {"path": f"/machine/peripheral/{name}", "property": "requested-size", "value": size}
        qmp, result, plugged = self.guest.qmp, None, None
        try:
            qmp.execute("qom-set", **args)
            plugged, steady = -1, 0
            while steady < STEADY_SECONDS and plugged != size:
                self.guest.run("sleep 1")
                now = qmp.execute("qom-get", path=args["path"], property="size")
                steady = steady + 1 if now == plugged else 0
                plugged = now
        except RefusedError as refused:
            result = str(refused)
        return self._step(DeviceStep, result, cmd="qom-set", args=args, plugged=plugged)

    def plug_nvdimm(self, name: str, size: int, address: int, node: int) -> RecordedStep:
        """An NVDIMM: persistent memory, of which the kernel makes a region and a namespace."""
        self.guest.needs("device-add")
        args = {"driver": "nvdimm", "id": name, "size": size, "node": node, "addr": address}
        try:
            found = self.guest.plug("nvdimm", name, size, node, addr=address)
        except RefusedError as refused:
            return self._refused(refused, args)
        self.guest.run("sleep 1")
        regions = "/sys/bus/nd/devices/region*/resource"
        region = re.search(
            r"region(\d+)/", self.guest.run(f"grep -lx {found['addr']:#x} {regions}").output
        )
        if region is None:
            raise LackingError(f"device-add {name}: the kernel made no region of it")
        self.devices[name] = Device(found["addr"], size, "nvdimm", f"dax{region[1]}.0")
        return self._step(DeviceStep, None, cmd="device_add", args=args)

    def _refused(self, refused: RefusedError, args: dict[str, object]) -> RecordedStep:
        return self._step(DeviceStep, FIRMWARE, reason=str(refused), cmd="device_add", args=args)

    def _step(
        self,
        kind: type[RecordedStep],
        result: str | Callable[[RecordedState, tuple[str, ...]], str | None] | None,
        **fields: Any,
    ) -> RecordedStep:
        report = read_report(self.guest.run("report").output)
        answer = result(report.state, report.log) if callable(result) else result
        log, self._log = (*self._log, *report.log), ()
        pages = report.unmovable if answer == "EBUSY" else ()
        return kind(
            log=log,
            after=report.state,
            result=answer,
            environment=Environment(pages) if pages else None,
            debug=report.debug,
            calls=report.calls,
            **fields,
        )
