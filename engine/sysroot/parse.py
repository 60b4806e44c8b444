"""Words of kernel files as values: ``/proc/zoneinfo``, ``/proc/iomem``, node lists, sizes.

Pure functions. What is not what the kernel prints is left out and reported as a problem in
words; nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.sysroot.trees import clean
from pfnmap.engine.typed_json import Byte, NodeId, Pages

MAX_PFN = 1 << 52
MAX_ZONES = 8 * MAX_NUMNODES
MAX_IOMEM_LINES = 200_000

_NODE_ZONE = re.compile(r"Node (\d{1,6}), zone +(\S{1,16})")
_COUNTER = re.compile(r"\s+(spanned|present|managed|cma|start_pfn:)\s+(\d{1,20})\s*\Z")
_IOMEM = re.compile(r"( *)([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16}) : (.*)")


class ZoneInfo(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A zone as ``/proc/zoneinfo`` prints it; pages. ``start_pfn`` None: not printed."""

    node: NodeId
    name: str
    spanned: Pages
    present: Pages
    managed: Pages
    start_pfn: Pages | None
    cma: Pages = 0


class IomemLine(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A line of ``/proc/iomem``; bytes, ``end`` inclusive."""

    depth: Annotated[int, Meta(ge=0, le=64)]
    start: Byte
    end: Byte
    name: str


class DriverDevice(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a driver that adds memory says of a device in its files and the log, beyond iomem."""

    name: str
    """``virtio0`` or ``dax0.0``."""
    driver: str = ""
    """Of a dax device: the driver that holds it, ``none``; empty where it is not known."""
    state: str = ""
    """Of a dax device: what its file ``state`` reads (7.3)."""
    own_memmap: bool | None = None
    """Of a dax device: its ``memmap_on_memory``."""
    node: NodeId = 0
    """Of a dax device: its ``target_node``."""
    ranges: tuple[tuple[Byte, Byte], ...] = ()
    """Of a dax device: first and last byte of its mappings, where they may be read."""
    requested_bytes: Byte | None = None
    """Of virtio-mem: how much the hypervisor wanted last to be plugged."""
    unit_bytes: Byte = 0
    """Of virtio-mem: a sub-block, or a big block."""
    device_block_bytes: Byte = 0


def parse_zoneinfo(data: bytes) -> tuple[tuple[ZoneInfo, ...], list[str]]:
    """Zones in the order printed, and problems.

    Only the zone-wide counters are taken; per-node statistics and page sets are passed over.
    """
    zones: dict[tuple[int, str], ZoneInfo] = {}
    problems: list[str] = []
    heading: tuple[int, str] | None = None
    counters: dict[str, int] = {}

    def finish() -> None:
        if heading is None:
            return
        missing = [name for name in ("spanned", "present", "managed") if name not in counters]
        if missing:
            problems.append(f"node {heading[0]} zone {heading[1]} has no {', '.join(missing)}")
        elif max(counters.values()) > MAX_PFN:
            problems.append(f"node {heading[0]} zone {heading[1]} counts more pages than can be")
        else:
            start = counters.get("start_pfn:")
            pages = (counters["spanned"], counters["present"], counters["managed"])
            zones[heading] = ZoneInfo(*heading, *pages, start, counters.get("cma", 0))

    for line in data.decode("ascii", "replace").splitlines():
        if found := _NODE_ZONE.match(line):
            finish()
            node = int(found[1])
            heading, counters = (node, clean(found[2], 16)), {}
            if node >= MAX_NUMNODES or len(zones) >= MAX_ZONES:
                problems.append(f"node {node} is more than a kernel can have")
                heading = None
        elif found := _COUNTER.match(line):
            counters.setdefault(found[1], int(found[2]))
    finish()
    if not zones and not problems:
        problems.append("no zone in it")
    return tuple(zones.values()), problems


def parse_iomem(data: bytes) -> tuple[tuple[IomemLine, ...], list[str]]:
    """The lines about memory (System RAM and what owns it, the kernel image), and problems.

    All other lines name devices of the machine, which is nobody's business here.
    """
    lines: list[IomemLine] = []
    hidden = wrong = 0
    text = data.decode("ascii", "replace").splitlines()
    for number, line in enumerate(text):
        if number >= MAX_IOMEM_LINES:
            return tuple(lines), [f"only the first {MAX_IOMEM_LINES} lines are used"]
        found = _IOMEM.match(line)
        if not found:
            wrong += bool(line.strip())
            continue
        name = clean(found[4])
        if not is_memory_line(name):
            continue
        start, end = int(found[2], 16), int(found[3], 16)
        if end == 0:
            hidden += 1
        elif end < start:
            wrong += 1
        else:
            lines.append(IomemLine(len(found[1]) // 2, start, end, name))
    problems = []
    if hidden:
        problems.append("the addresses are hidden (0-0) from readers without CAP_SYS_ADMIN")
    if wrong:
        problems.append(f"{wrong} lines are no resource and are passed over")
    return tuple(lines), problems


_KERNEL_IMAGE = ("Kernel code", "Kernel rodata", "Kernel data", "Kernel bss", "Crash kernel")


OWNER = re.compile(r"(virtio|region|dax)\d+(\.\d+)?")
"""Devices whose drivers add memory, by their name in ``/proc/iomem``."""


def holder(line: IomemLine, iomem: Sequence[IomemLine]) -> tuple[IomemLine | None, str]:
    """The device that a System RAM line lies in, and the driver that added it, if one did.

    Before 5.8 kmem's line has no driver's name (7b7b27214bba), but lies in one of a dax device.
    """
    driver = re.fullmatch(r"System RAM( \((\w+)\))?", line.name)
    if driver is None or not (driver[1] or line.depth):
        return None, ""
    above = (
        each
        for each in iomem
        if each.depth < line.depth and each.start <= line.start and line.end <= each.end
    )
    devices = [each for each in above if OWNER.fullmatch(each.name)]
    device = max(devices, key=lambda each: each.depth, default=None)
    by_place = "kmem" if device is not None and device.name.startswith("dax") else ""
    return device, driver[2] or by_place


def is_memory_line(name: str) -> bool:
    """Whether a line of ``/proc/iomem`` is about memory."""
    return (
        name.startswith(("System RAM", "Persistent Memory", "namespace", "dax", "CXL Window"))
        or name in _KERNEL_IMAGE
        or OWNER.fullmatch(name) is not None
    )


def is_kernel_image(name: str) -> bool:
    """Whether the pages of this resource are reserved for good."""
    return name in _KERNEL_IMAGE


_VIRTIO_MEM = re.compile(
    r"virtio_mem (virtio\d{1,4}): (device block|subblock|big block|requested) size: 0x([0-9a-f]+)"
)


def parse_driver_log(data: bytes) -> tuple[DriverDevice, ...]:
    """virtio-mem devices as the kernel's log tells of them; the last that is said counts."""
    said: dict[str, dict[str, int]] = {}
    for name, what, size in _VIRTIO_MEM.findall(data.decode("ascii", "replace")):
        if len(size) <= 15:
            said.setdefault(name, {})[what] = int(size, 16)
    return tuple(
        DriverDevice(
            name,
            requested_bytes=sizes.get("requested"),
            unit_bytes=sizes.get("subblock", sizes.get("big block", 0)),
            device_block_bytes=sizes.get("device block", 0),
        )
        for name, sizes in sorted(said.items())
    )


_RELEASE = re.compile(rb"Linux (?:version|\S{1,64}) (\d+\.\d+\S{0,80}) (?:.*#\d|\()")


def parse_release(line: bytes) -> str | None:
    """The release from a line of ``uname -a``, ``/proc/version`` or the kernel's log."""
    found = _RELEASE.search(line)
    return None if found is None else clean(found[1])


def parse_block_size(data: bytes) -> int | None:
    """``block_size_bytes``: hexadecimal without 0x; None unless a power of two of sane size."""
    text = data.strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", text):
        return None
    size = int(text, 16)
    return size if 1 << 20 <= size <= 1 << 46 and not size & (size - 1) else None


def parse_count(data: bytes, limit: int = MAX_PFN) -> int | None:
    """A decimal number up to ``limit``; None where it is not one."""
    text = data.strip()
    if not re.fullmatch(rb"\d{1,20}", text) or int(text) > limit:
        return None
    return int(text)
