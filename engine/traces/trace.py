"""Recordings of real kernels (format ``hotplug-trace-1``): reading and checking them.

The classes are the format; what they cannot say is in their ``__post_init__``, so that whatever
is wrong is said with its place in the file. ``pfnmap.engine.traces.replay`` runs the steps,
``pfnmap.engine.traces.verify`` compares.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field, to_builtins
from msgspec.structs import asdict, force_setattr, replace

from pfnmap.engine.errors import InputError, quoted
from pfnmap.engine.geometry import ARCHITECTURES
from pfnmap.engine.kinds import ZONE_BY_LABEL
from pfnmap.engine.memory.state import Resource
from pfnmap.engine.params import Params
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.typed_json import Byte, NodeId, Pages, typed
from pfnmap.engine.view import ZoneRow

FORMAT = "hotplug-trace-1"
MAX_BYTES = 32 << 20
FIRMWARE = "REFUSED_BY_FIRMWARE"

BlockId = Annotated[int, Meta(ge=0, lt=1 << 26)]
BlockBytes = Annotated[int, Meta(ge=0, le=1 << 40)]
"""Far above the 64 GiB that any architecture allows for a memory block."""


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")


class TraceError(InputError):
    """A recording that cannot be used: names the file and the field."""


class RecordedZone(Struct, frozen=True, omit_defaults=True):
    """A zone as the recording has it."""

    node: NodeId
    zone: Literal["DMA", "DMA32", "Normal", "Movable", "Device"]
    start_pfn: Pages
    spanned: Pages
    present: Pages
    managed: Pages
    cma: Pages = 0

    @property
    def row(self) -> ZoneRow:
        """The same as a view has it."""
        return ZoneRow(**{**asdict(self), "zone": ZONE_BY_LABEL[self.zone]})


class RecordedBlock(Struct, frozen=True, kw_only=True):
    """A memory block as the recording has it."""

    id: BlockId
    state: Literal["online", "offline", "going-offline"]
    node: NodeId | None = None
    removable: bool
    valid_zones: tuple[str, ...]


class RecordedLine(Struct, frozen=True):
    """A line of ``/proc/iomem``; ``end`` inclusive, bytes."""

    depth: Annotated[int, Meta(ge=0, lt=64)]
    start: Byte
    end: Byte
    name: str

    def __post_init__(self) -> None:
        if not self.start <= self.end < 1 << 64:
            raise ValueError("'end' is below 'start', or above any address")


class RecordedMasks(Struct, frozen=True):
    """The node lists of ``/sys/devices/system/node``."""

    online: str = ""
    has_memory: str = ""
    has_normal_memory: str = ""
    possible: str = ""
    has_cpu: str = ""

    def __post_init__(self) -> None:
        for name, mask in asdict(self).items():
            if parse_mask(mask) is None:
                raise ValueError(f"{name!r} is no node list: {quoted(mask)}")


class RecordedState(Struct, frozen=True):
    """What the kernel showed at one moment."""

    zones: tuple[RecordedZone, ...]
    blocks: tuple[RecordedBlock, ...]
    """Ascending, whatever their order in the file."""
    iomem: tuple[RecordedLine, ...]
    masks: RecordedMasks = field(name="nodes")

    def __post_init__(self) -> None:
        force_setattr(self, "blocks", tuple(sorted(self.blocks, key=lambda block: block.id)))
        for one, two in pairwise(self.blocks):
            if one.id == two.id:
                raise ValueError(f"'blocks' has block {one.id} twice")
        if len({(zone.node, zone.zone) for zone in self.zones}) < len(self.zones):
            raise ValueError("'zones' has a zone twice")

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The lines of ``/proc/iomem`` as a machine has them."""
        return tuple(
            Resource(r.start, r.end, r.name, r.depth, r.name.startswith("System RAM"))
            for r in self.iomem
        )


class Environment(Struct, frozen=True):
    """What a step met that the files do not show."""

    unmovable: tuple[Pages, ...] = ()


class Call(Struct, frozen=True, omit_defaults=True):
    """A function that the kernel called during a step, or a line that it logged in between."""

    depth: Annotated[int, Meta(ge=0, lt=64)]
    name: str = ""
    log: str = ""


class RecordedStep(Struct, frozen=True, kw_only=True, tag_field="do", omit_defaults=True):
    """One step: what was done, what the kernel answered, and what it showed then.

    What is behind ``environment`` explains it to a person; no replay needs it.
    """

    log: tuple[str, ...]
    after: RecordedState
    result: str | None = None
    environment: Environment | None = None
    reason: str = ""
    """Of a refusal of the firmware."""
    debug: tuple[str, ...] = ()
    """Lines that the kernel logs only when asked to: why it refused."""
    calls: tuple[Call, ...] = ()
    """In the kernel's order."""

    @property
    def do(self) -> str:
        """What was done, in a word."""
        return str(self.__struct_config__.tag)

    @property
    def unmovable(self) -> tuple[int, ...]:
        """Pages that were found unmovable."""
        return self.environment.unmovable if self.environment else ()


class DimmStep(RecordedStep, frozen=True, kw_only=True, tag="hot-remove"):
    """A DIMM was unplugged. Where it lay is not known if the firmware refused."""

    id: str
    start: Byte | None = None
    size: Byte | None = None

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("size", self.size)):
            if value is None and self.result != FIRMWARE:
                raise ValueError(f"{name!r} is missing")
            if value is not None and value >= 1 << 64:
                raise ValueError(f"{name!r} is {quoted(value)}, above any address")


class HotAdd(DimmStep, frozen=True, kw_only=True, tag="hot-add"):
    """A DIMM was plugged in."""

    node: NodeId


class WriteState(RecordedStep, frozen=True, tag="write-state"):
    """A word was written into a block's ``state``."""

    block: BlockId
    value: str


class ShellStep(RecordedStep, frozen=True, tag="shell"):
    """Shell lines were run."""

    command: str
    output: str | None = None


class ObservedStep(RecordedStep, frozen=True, tag="observed"):
    """Nothing was done: the machine had changed by itself when it was read."""


class Plugged(Struct, frozen=True):
    """A device with memory, as the emulator was told of it."""

    driver: Literal["virtio-mem-pci", "nvdimm"]
    id: Annotated[str, Meta(pattern=f"^{_NAME.pattern}$")]
    size: Annotated[int, Meta(gt=0, lt=1 << 62)]
    node: NodeId = 0
    addr: Annotated[int, Meta(ge=0, lt=1 << 62)] | None = None
    memaddr: Annotated[int, Meta(ge=0, lt=1 << 62)] | None = None
    block_bytes: Annotated[int, Meta(gt=0, lt=1 << 62)] | None = field(
        default=None, name="block-size"
    )


class DeviceStep(RecordedStep, frozen=True, tag="device"):
    """Something was done to a device of the emulator."""

    cmd: str
    args: dict[str, Any] = {}
    plugged: Byte | None = None
    """Of virtio-mem: what was plugged then."""

    @property
    def resizes(self) -> tuple[str, int] | None:
        """The name of a virtio-mem device, and the size that was asked for; None: another step."""
        path, size = self.args.get("path"), self.args.get("value")
        if (self.cmd, self.args.get("property")) != ("qom-set", "requested-size"):
            return None
        name = path.rpartition("/")[2] if isinstance(path, str) else ""
        right = isinstance(size, int) and 0 <= size < 1 << 63 and _NAME.fullmatch(name)
        return (name, int(str(size))) if right else None

    @property
    def plugs(self) -> Plugged | None:
        """The device with memory that was plugged in; None: another step."""
        if self.cmd != "device_add":
            return None
        try:
            return msgspec.convert(self.args, Plugged)
        except msgspec.ValidationError:
            return None


class RecordedParams(Struct, frozen=True):
    """Parameters of ``memory_hotplug`` after boot."""

    online_policy: str
    auto_movable_ratio: Annotated[int, Meta(ge=0, lt=1 << 32)]
    auto_movable_numa_aware: bool
    auto_online_blocks: str
    memmap_on_memory: str | None = None

    def __post_init__(self) -> None:
        self.given("")

    def given(self, cmdline: str) -> Params:
        """All parameters, those of the kernel's command line too."""
        words = {
            "memmap_on_memory": self.memmap_on_memory or "N",
            "online_policy": self.online_policy,
            "auto_movable_ratio": str(self.auto_movable_ratio),
            "auto_movable_numa_aware": "Y" if self.auto_movable_numa_aware else "N",
            "auto_online_blocks": self.auto_online_blocks,
        }
        if "movable_node" in cmdline.split():
            words["movable_node"] = "Y"
        if "hugetlb_free_vmemmap=on" in cmdline.split():
            words["hugetlb_free_vmemmap"] = "on"
        params = Params()
        for name, word in words.items():
            try:
                params = params.with_word(name, word)
            except InputError as error:
                raise ValueError(f"{name!r} is wrong: {error}") from None
        return params


class Hardware(Struct, frozen=True, omit_defaults=True):
    """What the machine had and no file of its state tells."""

    distances: tuple[tuple[Annotated[int, Meta(ge=1, le=255)], ...], ...] = ()
    """The SLIT, rows by node."""
    address_bits: Annotated[int, Meta(ge=32, le=64)] | None = None
    """Bits of a physical address."""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.distances) for row in self.distances):
            raise ValueError("'distances' is no square")


class _Format(Struct):
    format: Any = None


class Trace(Struct, frozen=True):
    """A whole recording."""

    kernel: str
    geometry_arch: str = field(name="arch")
    block_bytes: BlockBytes = field(name="memory_block_size")
    cmdline: str
    boot_params: RecordedParams = field(name="params")
    boot: RecordedState
    steps: tuple[DimmStep | HotAdd | WriteState | ShellStep | DeviceStep | ObservedStep, ...]
    hardware: Hardware = Hardware()
    page_bytes: int = field(default=4096, name="page_size")
    section_bytes: int = field(default=128 << 20, name="section_size")
    struct_page_bytes: int = field(default=64, name="struct_page_size")
    ended: str = ""
    """Why it ends before its scenario does."""
    name: str = ""
    """Of the file."""

    def __post_init__(self) -> None:
        if self.geometry_arch not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise ValueError(f"'arch' is {quoted(self.geometry_arch)}, expected one of {known}")

    @property
    def params(self) -> Params:
        """The parameters at boot."""
        return self.boot_params.given(self.cmdline)


def trace_bytes(trace: Trace) -> bytes:
    """The recording as a file: one line, as compact as JSON gets."""
    document = to_builtins(trace)
    for key in ("name", "hardware", "ended"):
        if not document[key] or key == "name":
            del document[key]
    for step in document["steps"]:
        step.setdefault("result", None)
    return msgspec.json.encode({"format": FORMAT} | document) + b"\n"


def load_trace(path: str | Path) -> Trace:
    """Read a recording; TraceError with file and field where it is not one."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from None
    if len(text) > MAX_BYTES:
        raise TraceError(
            f"{path.name}: the file is too large for a recording (over {MAX_BYTES >> 20} MiB)"
        )
    return parse_trace(text, path.name)


def parse_trace(data: bytes | dict[str, Any], name: str) -> Trace:
    """A recording from JSON, as text or parsed."""
    try:
        if typed(data, _Format, name).format != FORMAT:
            raise InputError(f"{name}: not a recording of format {FORMAT}")
        return replace(typed(data, Trace, name), name=name)
    except InputError as error:
        raise TraceError(str(error)) from None
