"""The hotplug rules of Linux 6.1 and 6.12, page by page, in the plainest Python there is.

A second, independent telling of the same story: one dictionary entry per page, loops over
pages, nothing clever. The engine works on runs and batches; the two must agree on every page
and every counter after every command. Only the kernel's own rules are here; where the engine
chooses something the kernel leaves open (which free frames hold struct pages), the choice is
handed over and checked for being allowed.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

DMA, DMA32, NORMAL, MOVABLE, DEVICE = range(5)
ZONE_NAMES = ("DMA", "DMA32", "Normal", "Movable", "Device")
OFFLINE, ONLINE, ONLINE_KERNEL, ONLINE_MOVABLE = range(4)
PIN_KINDS = ("unmovable", "movable", "page-offline")


@dataclass
class RefZone:
    """A zone's counters, in pages."""

    start: int = 0
    spanned: int = 0
    present: int = 0
    managed: int = 0
    early: int = 0

    @property
    def end(self) -> int:
        return self.start + self.spanned

    def touches(self, low: int, high: int) -> bool:
        return self.spanned > 0 and low < self.end and high > self.start


@dataclass
class RefNode:
    """A node: span, whether online, whether it has a CPU, five zones."""

    start: int = 0
    spanned: int = 0
    online: bool = False
    cpu: bool = False
    zones: list[RefZone] = field(default_factory=lambda: [RefZone() for _ in range(5)])

    @property
    def present(self) -> int:
        return sum(zone.present for zone in self.zones)


@dataclass
class RefBlock:
    """A memory block; ``vmemmap`` is the number of its own pages that hold struct pages."""

    node: int
    online: bool = False
    zone: int | None = None
    left_type: int = OFFLINE
    vmemmap: int = 0
    device: str | None = None
    early: bool = False


@dataclass
class RefDevice:
    """A DIMM or a ZONE_DEVICE range, in pages."""

    start: int
    size: int
    node: int
    dimm: bool = True
    guest: bool = False
    """Whether a driver takes its memory: virtio-mem, or dax/kmem."""
    state: str = ""
    """What kmem's file ``state`` reads; empty where kmem does not hold it."""
    own: bool = False
    """Whether its blocks are to hold their struct pages."""

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass
class RefGuest:
    """A virtio-mem device: its blocks, pages of a sub-block, and how much is requested."""

    blocks: range
    unit: int
    threshold: int
    requested: int = 0


@dataclass
class Sizes:
    """The geometry, in pages; ``per_frame``: how many struct pages fit in one page."""

    block: int
    section: int
    subsection: int
    pageblock: int
    per_frame: int
    limit: int


class Reference:
    """A machine of pages. Methods named after commands return an errno or None."""

    def __init__(self, profile: str, sizes: Sizes, nr_nodes: int) -> None:
        self.modern = profile != "6.1"
        self.sizes = sizes
        self.nodes = [RefNode() for _ in range(nr_nodes)]
        self.kind: dict[int, str] = {}
        self.page_node: dict[int, int] = {}
        self.page_zone: dict[int, int | None] = {}
        self.early: set[int] = set()
        self.home: dict[int, int] = {}
        self.blocks: dict[int, RefBlock] = {}
        self.devices: dict[str, RefDevice] = {}
        self.failed: list[str] = []
        self.ram_lines: list[tuple[int, int]] = []
        self.huge: dict[int, tuple[str, int, bool]] = {}
        self.unreserved: set[int] = set()
        self.unplugged: set[int] = set()
        self.guests: dict[str, RefGuest] = {}
        self.faults: list[tuple[str, str]] = []
        self.param = {
            "memmap_on_memory": "N",
            "online_policy": "contig-zones",
            "auto_movable_ratio": "301",
            "auto_movable_numa_aware": "Y",
            "auto_online_blocks": "offline",
            "movable_node": "N",
            "hugetlb_free_vmemmap": "off",
        }

    # -- time ------------------------------------------------------------------------
    def save(self) -> bytes:
        return pickle.dumps(self.__dict__)

    def restore(self, saved: bytes) -> None:
        self.__dict__ = pickle.loads(saved)

    def fault(self, phase: str) -> str | None:
        """The errno of a fault armed for this phase; it strikes once."""
        for entry in self.faults:
            if entry[0] == phase:
                self.faults.remove(entry)
                return entry[1]
        return None

    # -- boot ------------------------------------------------------------------------
    def boot_pages(
        self, start: int, end: int, node: int, limits: list[tuple[int, int, int]]
    ) -> None:
        """Boot memory [start, end) of a node; ``limits``: (zone, first pfn, end pfn)."""
        for pfn in range(start, end):
            zone = next(z for z, low, high in limits if low <= pfn < high)
            self.kind[pfn], self.page_node[pfn], self.page_zone[pfn] = "free", node, zone
            self.early.add(pfn)
        self.ram_lines.append((start, end))

    def boot_done(self, limits: list[tuple[int, int, int]]) -> None:
        """Zones cut the node's span with their limits; blocks know a zone if it is single."""
        for number, node in enumerate(self.nodes):
            mine = [pfn for pfn in self.kind if self.page_node[pfn] == number]
            node.online = node.cpu = bool(mine) or number == 0
            if not mine:
                continue
            node.start, node.spanned = min(mine), max(mine) + 1 - min(mine)
            for zone, low, high in limits:
                pages = [pfn for pfn in mine if self.page_zone[pfn] == zone]
                if pages:
                    low, high = max(low, min(mine)), min(high, max(mine) + 1)
                    free = sum(self.kind[pfn] == "free" for pfn in pages)
                    node.zones[zone] = RefZone(low, high - low, len(pages), free, len(pages))
        for number in sorted({pfn // self.sizes.block for pfn in self.kind}):
            pages = [pfn for pfn in self.pages_of(number) if pfn in self.kind]
            places = {(self.page_node[pfn], self.page_zone[pfn]) for pfn in pages}
            single = next(iter(places))[1] if len(places) == 1 else None
            node_id = min(place[0] for place in places)
            self.blocks[number] = RefBlock(node_id, True, single, early=True)

    # -- pages -----------------------------------------------------------------------
    def pages_of(self, block: int) -> range:
        return range(block * self.sizes.block, (block + 1) * self.sizes.block)

    def is_online(self, pfn: int) -> bool:
        block = self.blocks.get(pfn // self.sizes.block)
        return block is not None and block.online and self.kind.get(pfn, "device") != "device"

    def counts_for(self, pfn: int, node: int, zone: int) -> bool:
        """The test of both span searches: online, and linked to this node and zone."""
        return self.is_online(pfn) and self.page_node[pfn] == node and self.page_zone[pfn] == zone

    # -- spans -----------------------------------------------------------------------
    def grow(self, node_id: int, zone_id: int, low: int, high: int) -> None:
        node = self.nodes[node_id]
        zone = node.zones[zone_id]
        old_end = zone.end if zone.spanned else low
        if not zone.spanned or low < zone.start:
            zone.start = low
        zone.spanned = max(high, old_end) - zone.start
        old_end = node.start + node.spanned if node.spanned else low
        if not node.spanned or low < node.start:
            node.start = low
        node.spanned = max(high, old_end) - node.start

    def leave_zone(self, node_id: int, zone_id: int, low: int, high: int) -> None:
        """``remove_pfn_range_from_zone``: the zone's edges move in, then the node's."""
        node, step = self.nodes[node_id], self.sizes.subsection
        zone = node.zones[zone_id]
        end = zone.end
        if zone.spanned and zone.start == low:
            found = next(
                (p for p in range(high, end, step) if self.counts_for(p, node_id, zone_id)), None
            )
            zone.start = 0 if found is None else found
            zone.spanned = 0 if found is None else end - found
        elif zone.spanned and end == high:
            found = next(
                (
                    p
                    for p in range(low - 1, zone.start - 1, -step)
                    if self.counts_for(p, node_id, zone_id)
                ),
                None,
            )
            zone.spanned = 0 if found is None else found + 1 - zone.start
            zone.start = 0 if found is None else zone.start
        spans = [(z.start, z.end) for z in node.zones if z.spanned]
        node.start = min((a for a, _ in spans), default=0)
        node.spanned = max((b for _, b in spans), default=0) - node.start

    # -- which zone ------------------------------------------------------------------
    def kernel_zone(self, node: int, low: int, high: int) -> int:
        for zone in (DMA, DMA32):
            if self.nodes[node].zones[zone].touches(low, high):
                return zone
        return NORMAL

    def policy_zone(self, number: int) -> int:
        """Where plain ``online`` puts a block."""
        block = self.blocks[number]
        low, high = number * self.sizes.block, (number + 1) * self.sizes.block
        kernel = self.kernel_zone(block.node, low, high)
        if self.param["online_policy"] == "auto-movable":
            return MOVABLE if self._auto_movable(block) else kernel
        in_kernel = self.nodes[block.node].zones[kernel].touches(low, high)
        in_movable = self.nodes[block.node].zones[MOVABLE].touches(low, high)
        if in_kernel != in_movable:
            return kernel if in_kernel else MOVABLE
        return MOVABLE if self.param["movable_node"] == "Y" else kernel

    def _auto_movable(self, block: RefBlock) -> bool:
        ratio = int(self.param["auto_movable_ratio"])
        if ratio == 0:
            return False
        wanted = self.sizes.block
        if block.device is not None and block.device not in self.guests:
            group = [b for b in self.blocks.values() if b.device == block.device and b.online]
            if any(b.zone != MOVABLE for b in group):
                return False
            wanted = self.devices[block.device].size - len(group) * self.sizes.block
        scopes = [list(range(len(self.nodes)))]
        if self.param["auto_movable_numa_aware"] == "Y":
            scopes.append([block.node])
        for numbers in scopes:
            nodes = [self.nodes[number] for number in numbers]
            kernel = sum(n.zones[z].early for n in nodes for z in (DMA, DMA32, NORMAL))
            movable = sum(n.zones[MOVABLE].present for n in nodes)
            for name in self.guests:
                own_kernel, own_movable = self._group(name)
                if name == block.device:
                    kernel += own_kernel
                elif self.devices[name].node in numbers:
                    kernel -= max(0, own_movable * 100 // ratio - own_kernel)
                    movable -= own_movable
            if kernel <= 0 or movable + wanted > ratio * kernel // 100:
                return False
        return True

    def _group(self, name: str) -> tuple[int, int]:
        """Pages of a device that are online: the kernel's, Movable."""
        online = [b.zone for b in self.blocks.values() if b.device == name and b.online]
        movable = online.count(MOVABLE)
        return (len(online) - movable) * self.sizes.block, movable * self.sizes.block

    def valid_zones(self, number: int) -> str:
        """What the sysfs file reads."""
        block = self.blocks[number]
        if block.online:
            return "none" if block.zone is None else ZONE_NAMES[block.zone]
        low = number * self.sizes.block
        listed = [self.policy_zone(number)]
        for zone in (self.kernel_zone(block.node, low, low + self.sizes.block), MOVABLE):
            if zone not in listed:
                listed.append(zone)
        return " ".join(ZONE_NAMES[zone] for zone in listed)

    # -- online ----------------------------------------------------------------------
    def online(self, numbers: list[int], kind: int) -> str | None:
        """Write ``state`` of each block, stop at the first error."""
        for number in numbers:
            block = self.blocks.get(number)
            if block is None:
                return "ENOENT"
            if block.online:
                block.left_type = kind
                return "EINVAL"
            if (errno := self._online(number, kind)) is not None:
                return errno
        return None

    def online_file(self, number: int) -> str | None:
        """``echo 1 > memoryN/online``: an online block is fine; a type left behind counts."""
        block = self.blocks.get(number)
        if block is None:
            return "ENOENT"
        return None if block.online else self._online(number, block.left_type or ONLINE)

    def _online(self, number: int, kind: int) -> str | None:
        block = self.blocks[number]
        low, high = number * self.sizes.block, (number + 1) * self.sizes.block
        zone_id = {
            ONLINE: lambda: self.policy_zone(number),
            ONLINE_KERNEL: lambda: self.kernel_zone(block.node, low, high),
            ONLINE_MOVABLE: lambda: MOVABLE,
        }[kind]()
        block.left_type = OFFLINE
        usable = low + block.vmemmap
        if block.vmemmap:
            if (errno := self.fault("mhp_init_memmap_on_memory")) is not None:
                return errno
            self.grow(block.node, zone_id, low, usable)
        for phase in ("online_pages", "MEM_GOING_ONLINE"):
            if phase == "MEM_GOING_ONLINE":
                self.grow(block.node, zone_id, usable, high)
            if (errno := self.fault(phase)) is not None:
                self.leave_zone(block.node, zone_id, usable, high)
                if block.vmemmap:
                    self.leave_zone(block.node, zone_id, low, usable)
                return errno
        zone = self.nodes[block.node].zones[zone_id]
        present = [pfn for pfn in self.pages_of(number) if pfn in self.page_node]
        for pfn in present:
            self.page_zone[pfn] = zone_id
            if self.kind[pfn] == "offline":
                self.kind[pfn] = "free"
        zone.present += len(present)
        zone.managed += len(present) - block.vmemmap - len(self.unplugged & set(present))
        zone.early += len(present) if block.early else 0
        block.online, block.zone = True, zone_id
        return None

    # -- offline ---------------------------------------------------------------------
    def offline(self, numbers: list[int]) -> str | None:
        """Write ``offline`` into each block, stop at the first error."""
        for number in numbers:
            if number not in self.blocks:
                return "ENOENT"
            if not self.blocks[number].online:
                return "EINVAL"
            if (errno := self._offline(number)) is not None:
                return errno
        return None

    def _offline(self, number: int) -> str | None:
        block = self.blocks[number]
        pages = self.pages_of(number)
        usable = [pfn for pfn in pages if pfn >= pages.start + block.vmemmap]
        if block.zone is None or any(pfn not in self.page_node for pfn in pages):
            return "EINVAL"
        if any(self.kind[pfn] in ("unmovable", "reserved", "vmemmap") for pfn in usable):
            return "EBUSY"
        for phase in ("start_isolate_page_range", "MEM_GOING_OFFLINE", "do_migrate_range"):
            if (errno := self.fault(phase)) is not None:
                return errno
        for pfn in usable:
            if self.kind[pfn] == "movable":
                self.kind[pfn] = "free"
        if (errno := self.fault("dissolve_free_hugetlb_folios")) is not None:
            return errno
        for head in sorted({self.huge_head(pfn) for pfn in usable} - {None}, key=str):
            assert head is not None
            self.free_huge(head)
        node, zone_id = block.node, block.zone
        zone = self.nodes[node].zones[zone_id]
        zone.managed -= sum(self.kind[pfn] != "page-offline" for pfn in usable)
        zone.present -= len(pages)
        zone.early -= len(pages) if block.early else 0
        block.online, block.zone = False, None
        self.leave_zone(node, zone_id, pages.start + block.vmemmap, pages.stop)
        if block.vmemmap:
            self.leave_zone(node, zone_id, pages.start, pages.start + block.vmemmap)
        for pfn in pages:
            self.page_zone[pfn] = None
            if pfn >= pages.start + block.vmemmap and pfn not in self.unplugged:
                self.kind[pfn] = "offline"
        return None

    def shrink(self, zone: int, node: int, count: int) -> str | None:
        """The highest online blocks of a zone go offline."""
        mine = [n for n, b in self.blocks.items() if b.online and (b.node, b.zone) == (node, zone)]
        if not mine:
            return "ENOENT"
        for number in sorted(mine, reverse=True)[:count]:
            if (errno := self._offline(number)) is not None:
                return errno
        return None

    # -- huge pages ------------------------------------------------------------------
    def huge_head(self, pfn: int) -> int | None:
        """The first page of the huge page that ``pfn`` belongs to."""
        if not self.kind[pfn].startswith("hugetlb"):
            return None
        return next(h for h, (_, size, _) in self.huge.items() if h <= pfn < h + size)

    def frames_of(self, head: int, size: int) -> list[int]:
        """The frames that hold the struct pages of a huge page, but for the one it keeps."""
        frames = sorted({self.home[pfn] for pfn in range(head, head + size) if pfn in self.home})
        return frames[1:]

    def hugetlb(self, name: str, head: int, size: int) -> bool:
        """Whether one huge page can be placed at ``head``; places it."""
        pages = range(head, head + size)
        places = {(self.page_node.get(p), self.page_zone.get(p)) for p in pages}
        if any(self.kind.get(p) != "free" for p in pages) or len(places) > 1:
            return False
        frames = self.frames_of(head, size)
        self_hosted = head - head % self.sizes.block <= self.home[head] < head
        optimise = (
            self.param["hugetlb_free_vmemmap"] == "on"
            and bool(frames)
            and not (self_hosted and self.blocks[head // self.sizes.block].vmemmap)
        )
        for pfn in pages:
            self.kind[pfn] = "hugetlb-optimised" if optimise else "hugetlb"
        self.huge[head] = (name, size, optimise)
        if optimise:
            self._give_vmemmap_back(head, size, frames)
        return True

    def _give_vmemmap_back(self, head: int, size: int, frames: list[int]) -> None:
        if head in self.early and not self.unreserved & set(range(head, head + size)):
            # Boot memmap was never managed; 6.12 frees the first frame too and buys a new one.
            frame = self.home[head]
            zone = self.page_zone[frame]
            assert zone is not None
            self.nodes[self.page_node[frame]].zones[zone].managed += len(frames) + self.modern
            self.unreserved |= set(range(head, head + size))
        for frame in frames:
            self.kind[frame] = "free"

    def free_huge(self, head: int) -> None:
        """A huge page is free memory again; its vmemmap is built where it was, if it can be."""
        _, size, optimised = self.huge.pop(head)
        for pfn in range(head, head + size):
            self.kind[pfn] = "free"
        frames = self.frames_of(head, size)
        if optimised and all(self.kind.get(frame) == "free" for frame in frames):
            for frame in frames:
                self.kind[frame] = "vmemmap"

    def hugetlb_free(self, name: str) -> None:
        for head in [h for h, held in self.huge.items() if held[0] == name]:
            self.free_huge(head)

    # -- pins ------------------------------------------------------------------------
    def pin(self, pfn: int, count: int, kind: str) -> bool:
        pages = range(pfn, pfn + count)
        places = {(self.page_node.get(p), self.page_zone.get(p)) for p in pages}
        if any(self.kind.get(p) != "free" for p in pages) or len(places) > 1:
            return False
        for page in pages:
            self.kind[page] = kind
        if kind == "page-offline":
            self._manage(pfn, -count)
        return True

    def unpin(self, pfn: int, count: int, kinds: tuple[str, ...]) -> bool:
        pages = [p for p in range(pfn, pfn + count) if self.kind.get(p) in kinds]
        for page in pages:
            if self.kind[page] == "page-offline":
                self._manage(page, 1)
            self.kind[page] = "free"
        return bool(pages)

    def _manage(self, pfn: int, count: int) -> None:
        zone = self.page_zone[pfn]
        assert zone is not None
        self.nodes[self.page_node[pfn]].zones[zone].managed += count

    # -- virtio-mem, sub-block by sub-block ------------------------------------------
    def guest_blocks(self, name: str, *, online: bool | None, zone: int | None = None) -> list[int]:
        """The blocks of a device that are online or offline, in a zone where one is named."""
        mine = [(n, b) for n, b in self.blocks.items() if b.device == name]
        return sorted(n for n, b in mine if b.online == online and zone in (None, b.zone))

    def plugged(self, name: str) -> int:
        pages = [p for n, b in self.blocks.items() if b.device == name for p in self.pages_of(n)]
        return len(set(pages) - self.unplugged)

    def parts(self, name: str, number: int) -> list[range]:
        """The sub-blocks of a block."""
        pages, unit = self.pages_of(number), self.guests[name].unit
        return [range(low, low + unit) for low in range(pages.start, pages.stop, unit)]

    def run_queue(self, name: str) -> None:
        """``virtio_mem_run_wq``."""
        for zone in (MOVABLE, NORMAL):
            for number in self.guest_blocks(name, online=True, zone=zone):
                self._drop_emptied(number)
        for number in self.guest_blocks(name, online=False):
            self._drop_emptied(number)
        guest = self.guests[name]
        more = (guest.requested - self.plugged(name)) // guest.unit
        less = (self.plugged(name) - guest.requested) // guest.unit
        if more > 0:
            self._plug(name, more)
        elif less > 0:
            self._unplug(name, less)

    def _drop_emptied(self, number: int) -> None:
        if not set(self.pages_of(number)) <= self.unplugged:
            return
        if self.blocks[number].online and self._offline(number) is not None:
            return
        del self.blocks[number]
        for pfn in self.pages_of(number):
            del self.kind[pfn], self.page_node[pfn], self.page_zone[pfn]
            self.unplugged.discard(pfn)

    def _plug(self, name: str, wanted: int) -> None:
        guest = self.guests[name]
        turns = [
            self.guest_blocks(name, online=True, zone=NORMAL),
            self.guest_blocks(name, online=True, zone=MOVABLE),
            self.guest_blocks(name, online=False),
        ]
        for number in (number for turn in turns for number in turn):
            for part in self.parts(name, number):
                if wanted and part.start in self.unplugged:
                    wanted -= 1
                    self.unplugged -= set(part)
                    block = self.blocks[number]
                    self.kind |= dict.fromkeys(part, "free" if block.online else "offline")
                    if block.online and block.zone is not None:
                        self.nodes[block.node].zones[block.zone].managed += len(part)
        for number in guest.blocks:
            offline = len(self.guest_blocks(name, online=False)) + 1
            if number in self.blocks or not wanted or offline * self.sizes.block > guest.threshold:
                continue
            self.blocks[number] = RefBlock(self.devices[name].node, device=name)
            for part in self.parts(name, number):
                self.kind |= dict.fromkeys(part, "offline" if wanted else "page-offline")
                self.unplugged |= set() if wanted else set(part)
                wanted -= wanted > 0
                self.page_node |= dict.fromkeys(part, self.devices[name].node)
                self.page_zone |= dict.fromkeys(part)

    def _unplug(self, name: str, wanted: int) -> None:
        for online, zone, in_part in (
            (False, None, True),
            (False, None, False),
            (True, MOVABLE, True),
            (True, NORMAL, True),
            (True, MOVABLE, False),
            (True, NORMAL, False),
        ):
            for number in reversed(self.guest_blocks(name, online=online, zone=zone)):
                if bool(self.unplugged & set(self.pages_of(number))) != in_part:
                    continue
                for part in reversed(self.parts(name, number)):
                    stays = any(self.kind[p] not in ("free", "movable") for p in part)
                    if not wanted or part.start in self.unplugged or (online and stays):
                        continue
                    wanted -= 1
                    self.unplugged |= set(part)
                    self.kind |= dict.fromkeys(part, "page-offline")
                    if online:
                        self._manage(part.start, -len(part))
                self._drop_emptied(number)
