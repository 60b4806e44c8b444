"""The state of a machine: immutable columns and values, nothing per page.

A change makes a new :class:`State` that shares everything it did not touch, so keeping
every earlier state (undo, slow motion, branches) costs next to nothing. What can be
derived is not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.finding import Finding
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import MemmapKind, MemmapPolicy, ZoneType
from pfnmap.engine.memory.runs import Rows, RunMap, run_dtype
from pfnmap.engine.params import Params
from pfnmap.engine.profile import KernelProfile

BLOCK_DTYPE = run_dtype(
    ("state", "u1"),  # BlockState
    ("zone", "i1"),  # ZoneType of mem->zone, NONE when NULL
    ("node", "<i2"),  # mem->nid
    ("online_type", "u1"),  # mem->online_type: a type left behind by a refused write
    ("memmap", "u1"),  # MemmapKind
    ("early", "u1"),  # 1: boot memory
    ("initialised", "u1"),  # 1: its struct pages carry a zone and node link
    ("link_zone", "i1"),  # that link; survives offline until the memory is removed
    ("link_node", "<i2"),
    ("device", "<i4"),  # Device.id, -1 for boot memory
    ("vmemmap", "<i8"),  # pages at the block's start that hold struct pages
    ("present", "<i8"),  # pages of the block that are memory (less than all: holes)
)
"""Columns of the memory block table, keyed by block id. One row describes a run of blocks
that are alike; ``vmemmap`` and ``present`` are pages per block."""

HOME_DTYPE = run_dtype(("bias", "<i8"), ("node", "<i2"), ("base", "u1"))
"""Where struct pages outside their own block live, keyed by the pfn they describe.

The struct page of pfn p is in pfn (p + bias) // struct pages per page frame, on ``node``;
``bias`` is constant along a linear mapping, so a run stays one row however it is split; ``base``
is 1 where the memmap is mapped by base pages, because no larger piece was free."""

TAKEN_DTYPE = run_dtype(("kind", "u1"), ("owner", "<i4"))
"""Page frames that are not simply free, keyed by pfn: ``kind`` is a PageState, ``owner`` a
hugetlb set id or the id of the device whose struct pages they hold (-1: none), or one of the
marks below."""

PINNED, POISONED, IN_USE, CMA = -3, -4, -5, -6
"""Marks of page frames: held so that they cannot be migrated for now; hwpoisoned; allocated by
whatever else runs, so that only as much is free as was said (``free``, ``freelist``); reserved for
contiguous allocations, and movable until then."""

DEVICE_ZONE_DTYPE = run_dtype(("node", "<i2"), ("device", "<i4"), ("altmap", "<i8"))
"""ZONE_DEVICE memory keyed by pfn; ``altmap`` is not zero where the range holds its own
struct pages."""


class Zone(Struct, frozen=True):
    """A zone of one node; pages. ``present_early`` counts boot memory only."""

    start_pfn: int = 0
    spanned: int = 0
    present: int = 0
    managed: int = 0
    present_early: int = 0
    cma: int = 0
    """``cma_pages``: reserved for contiguous allocations, and movable until then."""

    @property
    def end_pfn(self) -> int:
        """First pfn behind the span (``zone_end_pfn``)."""
        return self.start_pfn + self.spanned

    def intersects(self, start_pfn: int, nr_pages: int) -> bool:
        """``zone_intersects``: purely by span, whoever owns the pages inside."""
        return (
            self.spanned > 0 and start_pfn < self.end_pfn and start_pfn + nr_pages > self.start_pfn
        )


class Node(Struct, frozen=True):
    """A NUMA node: its span and the zones (indexed by ZoneType), in pages."""

    start_pfn: int = 0
    spanned: int = 0
    online: bool = False
    has_cpu: bool = False
    zones: tuple[Zone, Zone, Zone, Zone, Zone] = (Zone(), Zone(), Zone(), Zone(), Zone())

    @property
    def present(self) -> int:
        """``node_present_pages``: the sum over the zones."""
        return sum(zone.present for zone in self.zones)

    @property
    def has_memory(self) -> bool:
        """Member of N_MEMORY."""
        return self.present > 0

    @property
    def has_normal_memory(self) -> bool:
        """Member of N_NORMAL_MEMORY: memory in a zone up to Normal."""
        return any(zone.present for zone in self.zones[: ZoneType.MOVABLE])

    def with_zone(self, zone_type: ZoneType, zone: Zone) -> Node:
        """This node with one zone changed."""
        zones = list(self.zones)
        zones[zone_type] = zone
        return replace(self, zones=tuple(zones))


class Device(Struct, frozen=True):
    """Something whose memory is hot-plugged; pages.

    ``kind``: ``dimm``; ``pmem``, a ZONE_DEVICE range; ``kmem``, a dax device whose memory dax/kmem
    made System RAM; ``dax``, one that no driver holds; ``virtio-mem``, the region of that device.
    """

    id: int
    name: str
    kind: str
    start_pfn: int
    nr_pages: int
    node: int
    memmap: MemmapKind
    head_pages: int = 0
    """vmemmap pages of one chunk under the 2019 policies (0: another design)."""
    altmap_pages: int = 0
    mapping: str = ""
    """``public`` or ``private``: memory of HMM, with or without a linear mapping."""
    group_pages: int = 0
    """``group->s.max_pages`` of the static memory group."""
    acpi_index: int = -1
    """Instance number of the ACPI device (``PNP0C80:00``)."""
    resources: tuple[tuple[int, int], ...] = ()
    """[start, end) pfns of each memory resource where it has several (each its own memmap)."""
    state: str = ""
    """Of a kmem device: what its file ``state`` reads, empty once the driver has let go of it."""
    own_memmap: bool = False
    """Of a dax device: its file ``memmap_on_memory``, which counts when kmem takes it over."""
    unit_pages: int = 0
    """Of virtio-mem: pages of a sub-block, or of a big block, which is no part of a memory block.
    What is not plugged of a block that is there: ``taken``, PAGE_OFFLINE, owned by the device."""
    device_block_pages: int = 0
    """Of virtio-mem: what the hypervisor plugs in portions of."""
    requested_pages: int = 0
    """Of virtio-mem: how much the hypervisor wants to be plugged."""
    bus_name: str = ""
    """What log lines call the device: ``virtio0``."""

    @property
    def is_dynamic(self) -> bool:
        """Whether its memory group is a dynamic one."""
        return self.kind == "virtio-mem"

    def part(self, pfn: int) -> tuple[int, int]:
        """[start, end) pfns of the memory resource that a page of the device lies in."""
        inside = (part for part in self.resources if part[0] <= pfn < part[1])
        return next(inside, (self.start_pfn, self.end_pfn))

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """[start, end) pfns of its memory resources."""
        return self.resources or ((self.start_pfn, self.end_pfn),)

    @property
    def is_ram(self) -> bool:
        """Whether its memory is System RAM, in memory blocks."""
        return self.kind not in ("pmem", "dax")

    @property
    def end_pfn(self) -> int:
        """First pfn behind the range."""
        return self.start_pfn + self.nr_pages


class FailedDimm(Struct, frozen=True):
    """A plugged DIMM whose memory the kernel refused; bytes."""

    name: str
    start: int
    size_bytes: int
    acpi_index: int
    node: int = 0
    policy: MemmapPolicy | None = None
    sizes: tuple[int, ...] = ()
    """Of its memory resources, one behind the other."""
    bound: bool = False
    """The driver took EEXIST for success: it holds the DIMM, and nothing tries it again."""


class Resource(Struct, frozen=True):
    """A line of ``/proc/iomem``: bytes, ``end`` inclusive; ``owner`` is a device id or -1."""

    start: int
    end: int
    name: str
    depth: int = 0
    system_ram: bool = True
    owner: int = -1


class HugetlbSet(Struct, frozen=True):
    """HugeTLB pages placed by one command.

    ``freed_per_page``: vmemmap pages that optimising one of them gives back;
    ``freed_pages``: those that were given back for the whole set.
    """

    id: int
    name: str
    start_pfn: int
    nr_pages: int
    page_pages: int
    optimised: bool
    verdict: str
    rule: str
    freed_per_page: int
    reason: str
    freed_pages: int = 0

    @property
    def count(self) -> int:
        """Number of huge pages."""
        return self.nr_pages // self.page_pages


class Fault(Struct, frozen=True):
    """``fail next at=PHASE errno=E``."""

    phase: str
    errno: str


class Pending(Struct, frozen=True):
    """An offline that does not end: it holds the hotplug lock, and its block is going-offline."""

    block: int
    device: str = ""
    """The DIMM whose eject it belongs to: a kworker, which gets no signals."""
    corrupt: bool = False
    """A page can never reach the buddy, whatever is unpinned."""


class Countdown(Struct, frozen=True):
    """v2's global state of a deferred hot-remove (post "[PATCH v2 0/5]", patch 4/5)."""

    freeing: bool = False
    head_pfn: int = -1


class State(Struct, frozen=True):
    """A whole machine at one moment."""

    geometry: Geometry
    profile: KernelProfile
    params: Params
    nodes: tuple[Node, ...]
    """Possible nodes in id order."""
    blocks: RunMap
    early_ram: NDArray[np.int64]
    """Boot memory: int64 (n, 3) of start_pfn, end_pfn, node."""
    resources: tuple[Resource, ...] = ()
    devices: Mapping[int, Device] = field(default_factory=dict)
    homes: RunMap = field(default_factory=lambda: RunMap(HOME_DTYPE))
    taken: RunMap = field(default_factory=lambda: RunMap(TAKEN_DTYPE))
    device_ranges: RunMap = field(default_factory=lambda: RunMap(DEVICE_ZONE_DTYPE))
    hugetlb: Mapping[int, HugetlbSet] = field(default_factory=dict)
    free_pages: tuple[tuple[int, int], ...] = ()
    """Per node: free pages of (kernel zones, Movable)."""
    freelists: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Per node: a buddy free list as (order, count), where one was given."""
    policy_zone: ZoneType = ZoneType.DMA
    """``policy_zone``: the highest populated zone below Movable ever seen."""
    heads: Mapping[int, int] = field(default_factory=dict)
    """v1/v2: refcount of each vmemmap head page that still has one, by pfn."""
    teardown: Countdown = Countdown()
    lost: RunMap = field(default_factory=lambda: RunMap(TAKEN_DTYPE))
    """Pages whose struct pages were freed under them."""
    unreserved: RunMap = field(default_factory=lambda: RunMap(TAKEN_DTYPE))
    """Memory whose boot vmemmap was freed once: since then the buddy provides it."""
    leaked: RunMap = field(default_factory=lambda: RunMap(TAKEN_DTYPE))
    """Sections that a failed add left mapped, without memory block devices, by pfn."""
    failed_dimms: tuple[FailedDimm, ...] = ()
    findings: tuple[Finding, ...] = ()
    faults: tuple[Fault, ...] = ()
    next_id: int = 0
    next_huge_node: int = 0
    """Where the next page of a HugeTLB pool is looked for first."""
    pending: Pending | None = None
    kept: RunMap = field(default_factory=lambda: RunMap(TAKEN_DTYPE))
    """Blocks, by id, of which a real kernel says that they cannot go: ``removable`` is 0."""
    shared_tails: tuple[tuple[int, ZoneType, int], ...] = ()
    """(node, zone, pages) of optimised huge pages whose tail struct pages have been made."""
    distances: tuple[tuple[int, ...], ...] = ()
    """The SLIT, rows by node; empty: 10 within a node, 20 between any two."""
    normal_nodes: tuple[int, ...] = ()
    """N_NORMAL_MEMORY as it was at boot."""
    probe_file: bool = True
    """CONFIG_ARCH_MEMORY_PROBE: the file ``probe`` is there."""
    notes: tuple[str, ...] = ()
    """What was said about the machine and does nothing."""
    recorded: bool = False
    """True for a machine built from a recording or a real system: where its unmovable
    pages are is not known, so none are assumed."""
    title: str = "simulated"

    def lean_on(self, older: State) -> None:
        """Hold only what is other than in an older state: a history keeps many."""
        for name in RUN_MAPS:
            getattr(self, name).lean_on(getattr(older, name))

    # -- looking up ------------------------------------------------------------------
    def zone(self, node: int, zone_type: ZoneType) -> Zone:
        """One zone; an empty one for a node that does not exist."""
        return self.nodes[node].zones[zone_type] if 0 <= node < len(self.nodes) else Zone()

    def with_node(self, number: int, node: Node) -> State:
        """This state with one node changed."""
        nodes = list(self.nodes)
        nodes[number] = node
        return replace(self, nodes=tuple(nodes))

    def with_zone(self, number: int, zone_type: ZoneType, zone: Zone) -> State:
        """This state with one zone changed."""
        return self.with_node(number, self.nodes[number].with_zone(zone_type, zone))

    def with_blocks(self, first: int, count: int, **attributes: int) -> State:
        """This state with something else about ``count`` blocks."""
        return replace(self, blocks=self.blocks.update(first, first + count, **attributes))

    def with_managed(self, number: int, zone_type: ZoneType, more: int) -> State:
        """This state with so many pages more (or fewer) that a zone's page allocator manages."""
        zone = self.zone(number, zone_type)
        return self.with_zone(number, zone_type, replace(zone, managed=zone.managed + more))

    def with_device(self, device: Device) -> State:
        """This state with a device that is new, or has changed."""
        return replace(self, devices={**self.devices, device.id: device})

    def without_device(self, device: Device) -> State:
        """This state without a device."""
        devices = {number: held for number, held in self.devices.items() if number != device.id}
        return replace(self, devices=devices)

    def device_named(self, name: str) -> Device | None:
        """The device of that name."""
        return next((d for d in self.devices.values() if d.name == name), None)

    def plugged(self) -> list[tuple[str, int, int]]:
        """(name, first byte, end byte) of every device, and of DIMMs without memory."""
        shift, held = self.geometry.page_shift, self.devices.values()
        places = [(d.name, d.start_pfn << shift, d.end_pfn << shift) for d in held]
        return places + [(d.name, d.start, d.start + d.size_bytes) for d in self.failed_dimms]

    def blocks_of(self, device: Device) -> tuple[int, int]:
        """[first, end) ids of the whole memory blocks that a device has room for."""
        pages = self.geometry.block_pages
        return -(-device.start_pfn // pages), device.end_pfn // pages

    def mappings_of(self, device: Device) -> list[tuple[int, int]]:
        """[first, end) ids of the whole memory blocks in each range of a device; may be empty."""
        pages = self.geometry.block_pages
        return [
            (-(-low // pages), max(-(-low // pages), high // pages)) for low, high in device.parts
        ]

    def block_pfn(self, block: int) -> int:
        """First pfn of a block (``section_nr_to_pfn(mem->start_section_nr)``)."""
        return block * self.geometry.block_pages

    def block_at(self, pfn: int) -> Any | None:
        """The row of the block that a page lies in, None where there is none."""
        return self.blocks.at(pfn // self.geometry.block_pages)

    def blocks_over(self, start_pfn: int, end_pfn: int) -> Rows:
        """The rows of the blocks that have any of [start_pfn, end_pfn), cut to them."""
        pages = self.geometry.block_pages
        return self.blocks.slice(start_pfn // pages, -(-end_pfn // pages))

    def nodes_in(self, mask: str) -> tuple[int, ...]:
        """Members of a node mask.

        Masks: ``online``, ``has_memory``, ``has_normal_memory``, ``possible``, ``has_cpu``.
        """
        if mask == "possible":
            return tuple(range(len(self.nodes)))
        if mask == "has_normal_memory" and not self.profile.normal_memory_mask:
            return self.normal_nodes
        return tuple(i for i, node in enumerate(self.nodes) if getattr(node, mask))


RUN_MAPS = ("blocks", "homes", "taken", "device_ranges", "lost", "unreserved", "leaked", "kept")
"""The fields of a state that are maps."""
