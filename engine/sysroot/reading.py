"""A machine as its files describe it: sizes, rules in force, parameters, zones and nodes.

The part of a view that says nothing of single blocks and pages; a simulated machine that starts
as a real one is made of it (see ``what_if``).
"""

from __future__ import annotations

from functools import cached_property

from msgspec.structs import replace

from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import ZONE_BY_LABEL, ZoneType
from pfnmap.engine.memory.runs import sorted_set
from pfnmap.engine.profile import KernelProfile, get_profile
from pfnmap.engine.sysroot.inference import Inferred, infer
from pfnmap.engine.sysroot.kernel import geometry_of, rules_of
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.page_runs import is_persistent
from pfnmap.engine.sysroot.parse import IomemLine, ZoneInfo, holder
from pfnmap.engine.view import HugetlbPool, MemoryConfig, NodeRow, ResourceRow, ZoneRow

PARAM_ORDER = (
    "memmap_on_memory",
    "online_policy",
    "auto_movable_ratio",
    "auto_movable_numa_aware",
    "auto_online_blocks",
    "movable_node",
    "hugetlb_free_vmemmap",
)


BALLOONS = {
    "hv_balloon": "Hyper-V's balloon, which also adds memory,",
    "virtio_balloon": "virtio's balloon",
    "vmw_balloon": "VMware's balloon",
}
"""In words, by the name of the driver."""
STANDBY = "standby (sclp)"
"""Offline memory of s390: the hypervisor assigns it when it is to go online (``sclp_mem.c``)."""


class Reading:
    """One observation and what follows from it for the machine as a whole."""

    def __init__(self, observation: Observation, *, page_bytes: int | None = None) -> None:
        """``page_bytes``: the page size, where a person knows it and the tree does not say."""
        self.observation = observation
        self.page_bytes = page_bytes
        self._geometry, self._assumed = geometry_of(observation, page_bytes)

    # -- the machine ---------------------------------------------------------------------
    @property
    def title(self) -> str:
        """The root of the tree or the name of the capture, and the kernel."""
        kernel = self.observation.kernel
        return f"{self.observation.title} (Linux {kernel})" if kernel else self.observation.title

    @property
    def geometry(self) -> Geometry:
        """Page, section and block sizes."""
        return self._geometry

    @cached_property
    def _rules(self) -> tuple[str, str]:
        return rules_of(self.observation)

    @property
    def profile_name(self) -> str:
        """The profile whose rules hold: by the kernel's release, else by what shows its age."""
        return self._rules[0]

    @property
    def kernel_release(self) -> str:
        """What the kernel calls itself, empty where no file says it."""
        return self.observation.kernel or ""

    @property
    def profile(self) -> KernelProfile:
        """The rules of ``profile_name``."""
        return get_profile(self.profile_name)

    @cached_property
    def params(self) -> tuple[tuple[str, str], ...]:
        """The parameters that could be read; others are left out."""
        known = self.observation.params
        return tuple((name, known[name]) for name in PARAM_ORDER if name in known)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is missing, odd or assumed, and why; ready to show."""
        notes = [*self.observation.notes, *self._assumed]
        if self._rules[1]:
            notes.append(self._rules[1])
        if self.observation.zones is None and len(self.observation.blocks):
            notes.append(
                "zones are inferred from the blocks: spans may be larger, managed is not known"
            )
        notes += [
            f"{BALLOONS[name]} is there ({name}): the pages it holds are not managed, and what "
            "it does is not modelled"
            for name in self.observation.balloons
            if name in BALLOONS
        ]
        odd = {zone.name for zone in self._zone_infos if zone.name not in ZONE_BY_LABEL}
        notes += [f"zone {name} is not one that this program knows" for name in sorted(odd)]
        return tuple(dict.fromkeys(notes))

    @property
    def pools(self) -> tuple[HugetlbPool, ...]:
        """The pools of huge pages."""
        return self.observation.pools

    @property
    def config(self) -> tuple[MemoryConfig, ...]:
        """What ``/sys/firmware/memory`` says."""
        return self.observation.config

    # -- zones and nodes -----------------------------------------------------------------
    @property
    def _zone_infos(self) -> tuple[ZoneInfo, ...]:
        return self.observation.zones or ()

    @cached_property
    def _read_zones(self) -> tuple[ZoneRow, ...]:
        rows = []
        for zone in self._zone_infos:
            kind = ZONE_BY_LABEL.get(zone.name)
            if kind is not None:
                start = zone.start_pfn if zone.start_pfn is not None else 0
                pages = (zone.spanned, zone.present, zone.managed)
                row = ZoneRow(zone.node, kind, start, *pages, zone.cma)
                rows.append(self._with_device_start(row))
        return tuple(rows)

    def _with_device_start(self, row: ZoneRow) -> ZoneRow:
        """The kernel prints no start of ZONE_DEVICE: it is that of persistent memory, if any.

        Of that with which the span ends at the end of some, else of the lowest. A span never
        shrinks: it covers what is System RAM by now, too.
        """
        if row.zone != ZoneType.DEVICE or not row.spanned or row.start_pfn:
            return row
        shift = self.geometry.page_shift
        lines = [each for each in self.observation.iomem or () if is_persistent(each)]
        starts = [line.start >> shift for line in lines]
        ends = {(line.end + 1) >> shift for line in lines}
        fits = [start for start in starts if start + row.spanned in ends]
        return replace(row, start_pfn=min(fits or starts, default=0))

    @cached_property
    def zones(self) -> tuple[ZoneRow, ...]:
        """Zones as read; without ``/proc/zoneinfo``, the least that the blocks imply."""
        if self.observation.zones is not None:
            return self._read_zones
        blocks, pages = self.observation.blocks, self.geometry.block_pages
        rows = []
        for code, nodes in enumerate(blocks.node_sets):
            node = nodes[0] if nodes else 0
            for kind in sorted_set(self.inferred.home).tolist():
                mine = (self.inferred.home == kind) & (blocks.nodes == code)
                if kind < 0 or not mine.any():
                    continue
                ids = blocks.ids[mine]
                present = int(self.inferred.present[mine & (self.inferred.zone == kind)].sum())
                start, end = int(ids[0]) * pages, (int(ids[-1]) + 1) * pages
                rows.append(ZoneRow(node, ZoneType(kind), start, end - start, present, present))
        return tuple(sorted(rows, key=lambda row: (row.node, row.zone)))

    @cached_property
    def nodes(self) -> tuple[NodeRow, ...]:
        """Every node that is online, has a directory, a zone or a block."""
        masks = self.observation.masks
        linked = {n for nodes in self.observation.blocks.node_sets for n in nodes or ()}
        numbers = {*masks.get("online", ()), *self.observation.node_ids, *linked}
        numbers |= {row.node for row in self.zones}
        rows = []
        for number in sorted(numbers):
            mine = [row for row in self.zones if row.node == number and row.spanned]
            low = min((row.start_pfn for row in mine), default=0)
            high = max((row.end_pfn for row in mine), default=0)
            present = sum(row.present for row in mine)
            normal = any(row.present for row in mine if row.zone < ZoneType.MOVABLE)
            rows.append(
                NodeRow(
                    number,
                    low,
                    high - low,
                    present,
                    number in masks["online"] if "online" in masks else True,
                    number in masks["has_memory"] if "has_memory" in masks else present > 0,
                    number in masks["has_normal_memory"]
                    if "has_normal_memory" in masks
                    else normal,
                    number in masks.get("has_cpu", ()),
                )
            )
        return tuple(rows)

    @cached_property
    def resources(self) -> tuple[ResourceRow, ...]:
        """The lines of ``/proc/iomem`` about memory."""
        lines = self.observation.iomem or ()
        return tuple(ResourceRow(line.depth, line.start, line.end, line.name) for line in lines)

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """For each System RAM line, what added it where it was a driver: ``dax0.0 (kmem)``."""
        return tuple(
            f"{device.name} ({driver})" if device else driver for device, driver in self.holders
        )

    @cached_property
    def holders(self) -> tuple[tuple[IomemLine | None, str], ...]:
        """For each System RAM line the device that it lies in, and the driver that added it."""
        iomem = self.observation.iomem or ()
        return tuple(holder(line, iomem) for line in self.inferred.lines)

    def device_of(self, index: int) -> str | None:
        """The device that the driver of a block's memory serves, by the block's place."""
        line = int(self.inferred.line[index])
        if line >= 0 and self.owners[line]:
            return self.owners[line]
        blocks = self.observation.blocks
        offline = self.is_s390 and blocks.state_word(index) == "offline"
        return STANDBY if offline else None

    @property
    def is_s390(self) -> bool:
        """Whether it is a machine with standby memory."""
        return self.geometry.arch.startswith("s390")

    # -- what follows --------------------------------------------------------------------
    @cached_property
    def inferred(self) -> Inferred:
        """What follows from the files (see ``inference``)."""
        return infer(self.observation, self.geometry, self._read_zones, self.profile)
