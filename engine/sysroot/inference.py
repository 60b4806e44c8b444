"""What follows from the files of a machine without being written in them.

Zone of a block, pages that are memory, whether a block was there at boot or added later, and
where its struct pages live. Every answer can be "unknown"; a guess is called inferred.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import ZONE_BY_LABEL, ZoneType
from pfnmap.engine.memory.runs import joined_ranges
from pfnmap.engine.memory.unplugged import DRIVER as VIRTIO_MEM
from pfnmap.engine.profile import KernelProfile
from pfnmap.engine.sysroot.observation import BlockColumns, Observation
from pfnmap.engine.sysroot.parse import IomemLine, holder
from pfnmap.engine.view import ZoneRow

Column = NDArray[np.int64]
Ranges = NDArray[np.int64]
"""int64 (n, 2) of [start_pfn, end_pfn), ascending and disjoint."""

UNKNOWN = -1
_MAX_ADDRESS = (1 << 62) - 1

MEMMAP_WORDS = (
    "unknown",
    "boot",
    "boot (inferred)",
    "ram (inferred)",
    "on_memory (inferred)",
    "not in the block (inferred)",
    "on_memory",
    "not in the block",
)
(
    UNKNOWN_MEMMAP,
    BOOT,
    BOOT_INFERRED,
    RAM,
    ON_MEMORY,
    ELSEWHERE,
    ON_MEMORY_SAID,
    NOT_ON_MEMORY_SAID,
) = range(8)

ZONE_RULES = (
    "",
    "the zone it is online in",
    "the block spans several zones or nodes",
    "the first of several is the zone it is online in: kernels before 4.13 list the zones it "
    "could shift to as well",
    "inferred: no other zone's span covers the block",
    "not known: valid_zones does not say",
    "inferred: the first of several, where it would come back: the block is under way",
)
NO_RULE, OWN_ZONE, SEVERAL, BEFORE_4_13, BY_SPAN, NOT_KNOWN, UNDER_WAY = range(7)


class Known(Struct, frozen=True, eq=False):
    """What is inferred from."""

    blocks: BlockColumns
    geometry: Geometry
    zones: tuple[ZoneRow, ...]
    """Those that were read."""


class Inferred(Struct, frozen=True, eq=False):
    """One entry a block in each column."""

    zone: Column
    """ZoneType; NONE for offline blocks and where it is not known."""
    home: Column
    """The same, but before 4.13 an offline block is in a zone too, from hot-add on."""
    zone_rule: Column
    """Index into ZONE_RULES; NO_RULE for offline blocks."""
    present: Column
    """Pages that are memory."""
    hot: Column
    """1 hot-added, 0 boot memory, UNKNOWN."""
    vmemmap: Column
    """Pages at the block's start that hold its struct pages; UNKNOWN."""
    memmap: Column
    """Index into MEMMAP_WORDS."""
    line: Column
    """Index into ``lines`` of the System RAM line that the block lies in; UNKNOWN."""
    lines: tuple[IomemLine, ...]
    """System RAM lines, ascending; the kernel makes one for every hot-add."""
    ram: Ranges | None
    """System RAM; None where iomem does not say."""


def state_mask(blocks: BlockColumns, *words: str) -> NDArray[np.bool_]:
    """Which blocks are in one of these states."""
    wanted = np.array([word in words for word in blocks.states], bool)
    return np.asarray(wanted[blocks.state])


def ram_ranges(iomem: tuple[IomemLine, ...] | None, page_shift: int) -> Ranges | None:
    """Whole pages of System RAM; None where it is not known."""
    if iomem is None:
        return None
    lines = [
        (-(-line.start >> page_shift), (min(line.end, _MAX_ADDRESS) + 1) >> page_shift)
        for line in iomem
        if line.name.startswith("System RAM") and line.start < _MAX_ADDRESS
    ]
    return joined_ranges(np.array(lines, np.int64).reshape(-1, 2))


def covered(ranges: Ranges, edges: Column) -> Column:
    """How many pages of the ranges lie below each pfn."""
    if not len(ranges):
        return np.zeros(len(edges), np.int64)
    sizes = ranges[:, 1] - ranges[:, 0]
    before = np.concatenate(([0], np.cumsum(sizes)))
    index = np.searchsorted(ranges[:, 0], edges, side="right")
    last = np.maximum(index - 1, 0)
    into = np.clip(edges - ranges[last, 0], 0, sizes[last])
    return np.asarray(np.where(index > 0, before[last] + into, 0), np.int64)


def infer(
    observation: Observation, geometry: Geometry, zones: tuple[ZoneRow, ...], profile: KernelProfile
) -> Inferred:
    """Everything inferred about the blocks; ``zones`` are those that were read."""
    blocks = observation.blocks
    known = Known(blocks, geometry, zones)
    zone, rule = _block_zones(known)
    ram = ram_ranges(observation.iomem, geometry.page_shift)
    present = np.full(len(blocks), geometry.block_pages, np.int64)
    if ram is not None:
        starts = blocks.ids * geometry.block_pages
        present = covered(ram, starts + geometry.block_pages) - covered(ram, starts)
        present[present == 0] = geometry.block_pages  # iomem and the blocks do not fit: no claim
    found = (line for line in observation.iomem or () if line.name.startswith("System RAM"))
    lines = tuple(sorted(found, key=lambda line: line.start))
    hot, line = _hot_added(observation, geometry, zone, lines)
    policy = memmap_policy(observation, profile)
    own_pages = 0 if policy in (None, "N") else block_memmap_pages(geometry, policy)
    hot = told_by_zones(known, hot, zone, line, own_pages)
    vmemmap, memmap = _placement(known, zone, hot, policy)
    for said in observation.config:
        if said.own_memmap is None:
            continue
        told = slice(*np.searchsorted(blocks.ids, (said.first, said.first + said.count)).tolist())
        vmemmap[told] = block_memmap_pages(geometry, "Y") if said.own_memmap else 0
        memmap[told] = ON_MEMORY_SAID if said.own_memmap else NOT_ON_MEMORY_SAID
    for number, each in enumerate(lines):
        mine = line == number
        if (own := _driver_hosts(each, observation)) and own_pages:
            vmemmap[mine], memmap[mine] = own_pages, ON_MEMORY
        elif own is False and ("kmem" not in each.name or (memmap[mine] != ON_MEMORY).any()):
            vmemmap[mine], memmap[mine] = 0, RAM  # of kmem unless the counters tell otherwise
    home = _homes(blocks, zone) if profile.zone_shifting else zone
    return Inferred(zone, home, rule, present, hot, vmemmap, memmap, line, lines, ram)


def _driver_hosts(line: IomemLine, observation: Observation) -> bool | None:
    """Whether a driver wants its blocks to hold their struct pages; None: not known, or no driver.

    Neither mode of virtio-mem does so, whatever the parameter: recorded. kmem does as the file of
    its device says; without that (before 6.9), by default for CXL alone: 42d9358252e5 "dax/kmem:
    allow kmem to add memory with memmap_on_memory" (6.8).
    """
    iomem = observation.iomem or ()
    device, driver = holder(line, iomem)
    if driver == "virtio_mem" or line.name == VIRTIO_MEM:
        return False
    if driver != "kmem" or device is None:
        return None
    said = {each.name: each.own_memmap for each in observation.devices}.get(device.name)
    cxl = any(
        above.name.startswith("CXL Window") and above.start <= line.start <= above.end
        for above in iomem
    )
    return said if said is not None or cxl else False


def _block_zones(given: Known) -> tuple[Column, Column]:
    """Zone of each block that is not offline, and the rule."""
    blocks = given.blocks
    zone = np.full(len(blocks), int(ZoneType.NONE), np.int64)
    rule = np.full(len(blocks), NO_RULE, np.int64)
    offline = state_mask(blocks, "offline")
    for code, words in enumerate(blocks.zone_lists):
        mine = ~offline & (blocks.zones == code)
        known = ZONE_BY_LABEL.get(words[0]) if words else None
        if words == ("none",):
            rule[mine] = SEVERAL
        elif words and known is not None:
            zone[mine], rule[mine] = int(known), OWN_ZONE if len(words) == 1 else BEFORE_4_13
        else:
            rule[mine] = NOT_KNOWN
            if words is None:
                _by_span(given, zone, rule, np.flatnonzero(mine))
    # Of blocks that are not online the kernel lists the zones they could go to (valid_zones_show).
    under_way = np.flatnonzero(~offline & ~state_mask(blocks, "online") & (rule == BEFORE_4_13))
    rule[under_way] = UNDER_WAY
    _by_span(given, zone, rule, under_way)
    return zone, rule


def _homes(blocks: BlockColumns, zone: Column) -> Column:
    """Zone of each block, that of an offline one by the first of its ``valid_zones``."""
    firsts = [ZONE_BY_LABEL.get(words[0]) if words else None for words in blocks.zone_lists]
    listed = [int(ZoneType.NONE if kind is None else kind) for kind in firsts]
    first = np.array(listed or [-1], np.int64)[blocks.zones]
    return np.asarray(np.where(state_mask(blocks, "offline"), first, zone), np.int64)


def memmap_policy(observation: Observation, profile: KernelProfile) -> str | None:
    """The word of memmap_on_memory: N where the kernel is older than it; None: not known."""
    older = profile.memmap == "ram"
    return observation.params.get("memmap_on_memory", "N" if older else None)


def _by_span(given: Known, zone: Column, rule: Column, which: Column) -> None:
    """Blocks whose ``valid_zones`` is missing: the only zone whose span covers them."""
    pages = given.geometry.block_pages
    starts = given.blocks.ids[which] * pages
    hits = np.zeros(len(which), np.int64)
    found = np.full(len(which), int(ZoneType.NONE), np.int64)
    for row in given.zones:
        if row.zone == ZoneType.DEVICE or not row.present:
            continue
        touches = (starts < row.end_pfn) & (starts + pages > row.start_pfn)
        inside = (starts >= row.start_pfn) & (starts + pages <= row.end_pfn)
        hits += touches
        found[inside] = int(row.zone)
    sure = (hits == 1) & (found >= 0)
    zone[which[sure]], rule[which[sure]] = found[sure], BY_SPAN


def _hot_added(
    observation: Observation, geometry: Geometry, zone: Column, lines: tuple[IomemLine, ...]
) -> tuple[Column, Column]:
    """Whether each block was hot-added, as far as it shows; and its System RAM line.

    The kernel makes a resource for each add, and only boot memory merges with its
    neighbours: a System RAM line that starts where another ends was added later, one with a
    driver's name in brackets too. A line that is not of whole blocks, or holds the kernel, or a
    block in DMA or DMA32, was there at boot.
    """
    starts = observation.blocks.ids * geometry.block_bytes
    hot = np.full(len(starts), UNKNOWN, np.int64)
    own_line = np.full(len(starts), UNKNOWN, np.int64)
    images = [line.start for line in observation.iomem or () if line.name == "Kernel code"]
    previous_end = -1
    for number, line in enumerate(lines):
        whole = not (line.start | (line.end + 1)) & (geometry.block_bytes - 1)
        # In Python's integers: an address of iomem may need all 64 bits.
        low = min(line.start, _MAX_ADDRESS)
        mine = (starts + geometry.block_bytes > low) & (starts <= min(line.end, _MAX_ADDRESS))
        own_line[mine] = number
        if whole and ("(" in line.name or line.start == previous_end + 1):
            hot[mine] = 1
        elif not whole or any(line.start <= image <= line.end for image in images):
            hot[mine] = 0
        previous_end = line.end
    hot[np.isin(zone, (int(ZoneType.DMA), int(ZoneType.DMA32)))] = 0
    return hot, own_line


def block_memmap_pages(geometry: Geometry, policy: str) -> int:
    """Pages that ``memmap_on_memory`` keeps at a block's start (``force`` rounds up)."""
    pages = geometry.block_memmap_pages
    if policy == "force":
        pages = -(-pages // geometry.pageblock_pages) * geometry.pageblock_pages
    return pages


def _placement(
    given: Known, zone: Column, hot: Column, policy: str | None
) -> tuple[Column, Column]:
    """Vmemmap pages of each block and where its struct pages live."""
    vmemmap = np.full(len(hot), UNKNOWN, np.int64)
    memmap = np.full(len(hot), UNKNOWN_MEMMAP, np.int64)
    if policy == "N":
        vmemmap[:], memmap[:] = 0, ELSEWHERE
        memmap[hot == 1] = RAM
    elif policy is not None:
        per_block = block_memmap_pages(given.geometry, policy)
        # managed counts what the buddy allocator got, present also the struct pages inside:
        # in a zone of hot-added blocks alone the difference tells which of the two it is.
        for row in given.zones:
            mine = (zone == row.zone) & on_node(given.blocks, row.node)
            added_later = row.zone == ZoneType.MOVABLE or (hot[mine] == 1).all()
            missing = row.present - row.managed
            if not mine.any() or not added_later:
                continue
            if missing == 0:
                vmemmap[mine], memmap[mine] = 0, RAM
            elif missing == per_block * int(mine.sum()):
                vmemmap[mine], memmap[mine] = per_block, ON_MEMORY
    vmemmap[hot == 0], memmap[hot == 0] = 0, BOOT_INFERRED
    memmap[np.isin(zone, (int(ZoneType.DMA), int(ZoneType.DMA32)))] = BOOT
    return vmemmap, memmap


def on_node(blocks: BlockColumns, node: int) -> NDArray[np.bool_]:
    """Which blocks are linked to this node and no other."""
    wanted = np.array([nodes == (node,) for nodes in blocks.node_sets], bool)
    return np.asarray(wanted[blocks.nodes])


def told_by_zones(given: Known, hot: Column, zone: Column, line: Column, own_pages: int) -> Column:
    """Whether each block was hot-added, with what the zones tell where it was not known.

    All columns have one entry a block. ``hot``: 1, 0, or below 0 for not known; ``zone``:
    ZoneType of online blocks; ``line``: number of the System RAM line, below 0 for none.
    ``own_pages``: pages of struct pages that a hot-added block may hold itself, 0 for none.
    """
    told = hot.copy()
    if any(zone == ZoneType.DMA32 for zone, _ in given.geometry.zone_ends):
        _by_dma32(given, told, line)
    for row in given.zones:
        mine = (zone == row.zone) & on_node(given.blocks, row.node)
        # Boot memory that was offlined and came back may be managed whole, in Movable; in Normal
        # its struct pages and what else the kernel reserved at boot are never managed.
        if row.zone == ZoneType.NORMAL and not (told[mine] == 0).any():
            missing = row.present - row.managed
            if missing in (0, own_pages * int(mine.sum())):
                told[mine] = 1
    return told


def _by_dma32(given: Known, told: Column, line: Column) -> None:
    """Blocks from 4 GiB on, by the end of DMA32: the limit where boot memory goes on behind it.

    PCs have no RAM right below 4 GiB, so offlining never takes that end away.
    """
    blocks, boot_zones = given.blocks, given.geometry.boot_zones()
    limit = next(end for kind, _, end in boot_zones if kind == ZoneType.DMA32)
    first = limit // given.geometry.block_pages
    unknown = (told < 0) & (blocks.ids >= first)
    for row in given.zones:
        if row.zone != ZoneType.DMA32 or not row.spanned:
            continue
        if row.end_pfn < limit:
            told[unknown & on_node(blocks, row.node)] = 1
        elif row.end_pfn == limit:
            lowest = line[(blocks.ids == first) & (line >= 0)]
            told[unknown & np.isin(line, lowest)] = 0
