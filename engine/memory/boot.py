"""The machine at boot: from a ``machine`` line, or from what a real kernel showed.

Sources: ``mm/mm_init.c:calculate_node_totalpages`` and ``zone_spanned_pages_in_node`` of
6.12 (a zone of a node is the zone's limits cut with the span of the node, not of its RAM);
``drivers/base/memory.c:early_node_zone_for_memory_block``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.cmdline import Amount, CommandLine, read_cmdline
from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import (
    ARCHITECTURES,
    GIB,
    MAX_NUMNODES,
    MIB,
    Geometry,
    probe_block_bytes,
)
from pfnmap.engine.kinds import KERNEL_ZONES, BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.page_map import page_zone, zone_pieces
from pfnmap.engine.memory.runs import Rows, RunMap
from pfnmap.engine.memory.state import (
    BLOCK_DTYPE,
    CMA,
    Node,
    Resource,
    State,
    Zone,
)
from pfnmap.engine.memory.zone_movable import movable_ranges
from pfnmap.engine.params import PARAM_SINCE, Params
from pfnmap.engine.profile import KernelProfile, get_profile
from pfnmap.engine.view import ZoneRow

KERNEL_IMAGE_BYTES = (16 * MIB, 64 * MIB)
"""Where a simulated kernel image lies (start, end), bytes."""


def _architecture(name: str, profile: KernelProfile) -> Geometry:
    """The architecture as the kernel knows it."""
    if name not in ARCHITECTURES:
        raise InputError(
            f"arch={name}: there is no such architecture; expected one of "
            f"{', '.join(ARCHITECTURES)}"
        )
    geometry = ARCHITECTURES[name]
    return geometry if profile.arm64_small_sections else geometry.with_old_sections()


def boot_layout(start: StartMachine) -> list[tuple[int, int, int]]:
    """(first byte, end byte, node) of boot RAM, ascending.

    InputError where the RAM alone is larger than the address space.
    """
    geometry = _architecture(start.arch, get_profile(start.profile))
    low, (hole, after) = geometry.ram_start, geometry.ram_hole
    sizes = dict(start.node_ram_bytes)
    if (total := start.ram_bytes + sum(sizes.values())) > geometry.physmem_end + 1:
        raise InputError(
            f"ram of {total >> 40}T is more than the {geometry.physmem_end + 1 >> 40}T that can be "
            "addressed"
        )
    layout: list[tuple[int, int, int]] = []
    for node in range(start.nodes):
        left = start.ram_bytes if node == 0 else sizes.get(node, 0)
        while left:
            limit = hole if low < hole else 1 << 62
            size = min(left, limit - low)
            layout.append((low, low + size, node))
            low += size
            left -= size
            if low == hole:
                low = after
    return layout


def _addressable(layout: list[tuple[int, int, int]], limit: int) -> list[tuple[int, int, int]]:
    """Boot RAM up to the last addressable byte: Linux ignores what the hole pushes behind it."""
    return [(a, min(b, limit + 1), node) for a, b, node in layout if a <= limit]


def boot(start: StartMachine) -> State:
    """The state that a ``machine`` line describes; InputError where it cannot be."""
    if not 1 <= start.nodes <= MAX_NUMNODES:
        raise InputError(f"nodes={start.nodes}: expected 1 to {MAX_NUMNODES}")
    for node, _ in start.node_ram_bytes:
        if node >= start.nodes:
            raise InputError(f"ram{node}: there is no node {node}; say nodes={node + 1}")
    layout = boot_layout(start)
    if not layout or layout[0][2] != 0:
        raise InputError("ram=0: node 0 must have memory")
    profile, words = get_profile(start.profile), read_cmdline(start.cmdline)
    geometry = _architecture(start.arch, profile)
    if words.mem is not None:
        layout = _limited(layout, words.mem, by_address=geometry.mem_is_address)
    advised = start.cxl_bytes if profile.advised_block_size else None
    size = start.block_bytes or probe_block_bytes(geometry, layout[-1][1], advised)
    geometry = geometry.with_block_bytes(size)
    layout = _addressable(layout, geometry.physmem_end)
    params = _params(words, start.params, profile)
    shift = geometry.page_shift
    ram = np.array([(a >> shift, b >> shift, n) for a, b, n in layout], np.int64)
    if geometry.reserves_page_0:
        ram[0, 0] = 1
    ram = ram[ram[:, 0] < ram[:, 1]]
    if not len(ram) or ram[0, 2] != 0:
        raise InputError(f"ram: node 0 must have more than a page of {geometry.page_bytes} bytes")
    geometry = replace(geometry, movable_ranges=movable_ranges(words, geometry, ram))
    state = _assemble(geometry, profile, params, ram, start.nodes)
    state = replace(
        state,
        distances=_distances(start),
        notes=tuple(f"{word}: ignored, it says nothing here" for word in words.ignored),
        resources=tuple(
            Resource(int(a) << shift, (int(b) << shift) - 1, "System RAM") for a, b, _ in ram
        ),
    )
    state = _reserve(state)
    return state if words.cma is None else _reserve_cma(state, words.cma)


def _params(
    words: CommandLine, said: tuple[tuple[str, str], ...], profile: KernelProfile
) -> Params:
    """Parameters from the command line, then those that the ``machine`` line says."""
    params = Params()
    for name, (word, value) in words.params.items():
        since = PARAM_SINCE.get(name, "")
        if since and not profile.is_since(since):
            raise InputError(f"{word}: does nothing here: Linux has it since {since}")
        params = params.with_word(name, value)
    for name, value in said:
        params = params.with_word(name, value)
    return params


def _limited(
    layout: list[tuple[int, int, int]], mem: Amount, *, by_address: bool
) -> list[tuple[int, int, int]]:
    """Boot RAM below an address on x86 (``e820__range_remove``), elsewhere the first so many bytes.

    (``memblock_mem_limit_remove_map``.)
    """
    kept, left = [], mem.size_bytes
    for start, end, node in layout:
        end = min(end, left if by_address else start + left)
        if start < end:
            kept.append((start, end, node))
            left -= 0 if by_address else end - start
    if kept == layout:
        raise InputError(f"{mem.word}: does nothing here: no memory lies behind that")
    return kept


def _distances(start: StartMachine) -> tuple[tuple[int, ...], ...]:
    """The SLIT, a row a node."""
    count = start.nodes
    if start.distances and len(start.distances) != count * count:
        raise InputError(
            f"distance: {len(start.distances)} distances are not those of {count} nodes; expected "
            f"{count * count}"
        )
    return tuple(start.distances[i : i + count] for i in range(0, len(start.distances), count))


def _reserve_cma(state: State, cma: Amount) -> State:
    """``dma_contiguous_reserve``: from 4 GiB up where there is room, else as high as it can be.

    On arm64 only where devices of 32 bits reach. Movable pages may be there, the kernel's own not.
    """
    geometry = state.geometry
    unit, limit = geometry.pageblock_pages, 4 * GIB >> geometry.page_shift
    size = -(-cma.size_bytes // (unit * geometry.page_bytes)) * unit
    places: list[int] = []
    for low, high, _ in state.early_ram.tolist():
        for start, end in free_memory.untaken(state, low, high):
            if geometry.keeps_boot_memory:
                end = min(end, limit)
            first = -(-max(start, limit) // unit) * unit
            last = (end - size) // unit * unit
            places += [first] if first + size <= end else [last] if last >= start else []
    if not places:
        raise InputError(f"{cma.word}: the kernel fails to reserve it, so much is not in one piece")
    above = [pfn for pfn in places if pfn >= limit]
    pfn = min(above) if above else max(places)
    node, zone_type = page_zone(state, pfn)
    zone = state.zone(node, zone_type)
    state = state.with_zone(node, zone_type, replace(zone, cma=zone.cma + size))
    taken = state.taken.insert(pfn, size, kind=int(PageState.MOVABLE), owner=CMA)
    state = replace(state, taken=taken)
    return free_memory.change(state, node, free_memory.zone_class(zone_type), -size)


def _assemble(
    geometry: Geometry,
    profile: KernelProfile,
    params: Params,
    ram: NDArray[np.int64],
    nr_nodes: int,
) -> State:
    """Zones, nodes and blocks of boot memory, everything managed."""
    limits = geometry.boot_zones()
    nodes = []
    for number in range(nr_nodes):
        mine = ram[ram[:, 2] == number]
        if not len(mine):
            nodes.append(Node(online=number == 0, has_cpu=number == 0))
            continue
        low, high = int(mine[:, 0].min()), int(mine[:, 1].max())
        zones = [Zone()] * 5
        for zone_type, first, last in limits:
            start, end = max(low, first), min(high, last)
            present = int(
                np.clip(np.minimum(mine[:, 1], end) - np.maximum(mine[:, 0], start), 0, None).sum()
            )
            if start < end and present:
                zones[zone_type] = Zone(start, end - start, present, present, present)
        nodes.append(Node(low, high - low, True, True, tuple(zones)))  # type: ignore[arg-type]
    rows = early_block_rows(geometry, ram)
    state = State(
        geometry,
        profile,
        params,
        tuple(nodes),
        RunMap.from_rows(rows),
        ram,
        policy_zone=highest_kernel_zone(nodes),
        normal_nodes=_normal_nodes(nodes),
    )
    return replace(
        state,
        free_pages=tuple(
            (sum(node.zones[z].managed for z in KERNEL_ZONES), node.zones[ZoneType.MOVABLE].managed)
            for node in nodes
        ),
    )


def early_block_rows(geometry: Geometry, ram: NDArray[np.int64]) -> Rows:
    """Rows of the boot memory blocks: zone and node where a block has just one of each."""
    pages = geometry.block_pages
    limits = geometry.boot_zones()
    edges = {int(edge) // pages for edge in ram[:, :2].ravel()}
    edges |= {-(-int(edge) // pages) for edge in ram[:, :2].ravel()}
    edges |= {low // pages for _, low, _ in limits}
    edges |= {-(-low // pages) for _, low, _ in limits}
    cuts = sorted(edges)
    rows = []
    for first, end in zip(cuts, [*cuts[1:], cuts[-1] + 1], strict=True):
        low, high = first * pages, end * pages
        inside = np.clip(np.minimum(ram[:, 1], high) - np.maximum(ram[:, 0], low), 0, None)
        if not inside.any():
            continue
        zones = {
            (zone, int(node))
            for start, stop, node in ram.tolist()
            for zone, a, b in limits
            if max(start, a, low) < min(stop, b, high)
        }
        zone, node = (
            next(iter(zones))
            if len(zones) == 1
            else (ZoneType.NONE, min(number for _, number in zones))
        )
        rows.append((first, end - first, zone, node, int(inside.sum()) // (end - first)))
    table = np.zeros(len(rows), BLOCK_DTYPE)
    for row, (first, count, zone, node, present) in zip(table, rows, strict=True):
        row["start"], row["count"], row["zone"], row["node"] = first, count, zone, node
        row["present"], row["link_zone"], row["link_node"] = present, max(zone, 0), node
    table["state"], table["early"] = int(BlockState.ONLINE), 1
    table["initialised"], table["device"], table["memmap"] = 1, -1, int(MemmapKind.BOOT)
    return table


def _reserve(state: State) -> State:
    """Take the kernel image and each node's boot memmap out of managed.

    Like memblock, from the top down: a node's memmap lies in the highest piece of its RAM that
    holds all of it (``sparse_init_nid`` asks for one buffer a node).
    """
    shift = state.geometry.page_shift
    base = int(state.early_ram[0, 0])
    low, high = (address >> shift for address in KERNEL_IMAGE_BYTES)
    base = base if base > high else 0
    for start, end, _ in state.early_ram[state.early_ram[:, 2] == 0].tolist():
        part = (max(start, base + low), min(end, base + high))
        state = _reserve_range(state, *part, PageState.RESERVED)
    per_frame = state.geometry.pages_per_struct_page_frame
    homes = state.homes
    for node in range(len(state.nodes)):
        mine = state.early_ram[state.early_ram[:, 2] == node]
        # A struct page lies at vmemmap + pfn: memory begins in the middle of a frame of them.
        frames = [(start // per_frame, -(-end // per_frame)) for start, end, _ in mine.tolist()]
        described = sum(last - first for first, last in frames)
        gaps = [
            gap for start, end, _ in mine.tolist() for gap in free_memory.untaken(state, start, end)
        ]
        top = max((end for start, end in gaps if end - start >= described), default=None)
        if top is None:
            if described:
                raise InputError(
                    f"ram of node {node}: no {described} pages in a row are left for its struct "
                    "pages; give it more"
                )
            continue
        cursor = top - described
        state = _reserve_range(state, cursor, top, PageState.VMEMMAP)
        for first, last in frames:
            start, count = first * per_frame, (last - first) * per_frame
            homes = homes.insert(start, count, bias=cursor * per_frame - start, node=node)
            cursor += last - first
    return replace(state, homes=homes)


def _reserve_range(state: State, first: int, end: int, kind: PageState) -> State:
    """Take boot RAM [first, end) for good: each part leaves managed of the zone it lies in."""
    if first >= end:
        return state
    state = replace(state, taken=state.taken.insert(first, end - first, kind=int(kind), owner=-1))
    for low, high, node, zone_type in zone_pieces(state, first, end):
        zone = state.zone(node, zone_type)
        zone = replace(zone, managed=zone.managed - (high - low))
        state = state.with_zone(node, zone_type, zone)
        state = free_memory.change(state, node, free_memory.zone_class(zone_type), low - high)
    return state


def _normal_nodes(nodes: Sequence[Node]) -> tuple[int, ...]:
    return tuple(number for number, node in enumerate(nodes) if node.has_normal_memory)


def highest_kernel_zone(nodes: Sequence[Node]) -> ZoneType:
    """The highest zone of kernel memory that has any (``check_highest_zone``)."""
    present = (zone for node in nodes for zone in KERNEL_ZONES if node.zones[zone].present)
    return max(present, default=ZoneType.DMA)


def from_observation(
    *,
    geometry: Geometry,
    profile: KernelProfile,
    params: Params,
    zones: Sequence[ZoneRow],
    blocks: Rows,
    ram: NDArray[np.int64],
    resources: Sequence[Resource],
    nr_nodes: int,
    online_nodes: frozenset[int],
    cpu_nodes: frozenset[int],
    title: str,
    distances: tuple[tuple[int, ...], ...] = (),
    normal_nodes: tuple[int, ...] | None = None,
) -> State:
    """A state with the zones, blocks and resources that a real kernel showed.

    ``zones``: every zone with its counters; ``blocks``: rows of BLOCK_DTYPE; ``ram``: boot
    RAM, int64 (n, 3). Where the kernel keeps its unmovable pages is not known, so none are
    assumed (``State.recorded``).
    """
    nodes = [
        Node(online=number in online_nodes, has_cpu=number in cpu_nodes)
        for number in range(nr_nodes)
    ]
    early = _present_early(zones, blocks, geometry)
    for row in zones:
        zone = Zone(
            row.start_pfn,
            row.spanned,
            row.present,
            row.managed,
            early.get((row.node, row.zone), 0),
            row.cma,
        )
        nodes[row.node] = nodes[row.node].with_zone(row.zone, zone)
    for number, node in enumerate(nodes):
        spans = [(z.start_pfn, z.end_pfn) for z in node.zones if z.spanned]
        low, high = min((a for a, _ in spans), default=0), max((b for _, b in spans), default=0)
        nodes[number] = replace(node, start_pfn=low, spanned=high - low)
    return State(
        geometry,
        profile,
        params,
        tuple(nodes),
        RunMap.from_rows(blocks),
        ram,
        resources=tuple(resources),
        policy_zone=highest_kernel_zone(nodes),
        normal_nodes=_normal_nodes(nodes) if normal_nodes is None else normal_nodes,
        recorded=True,
        title=title,
        distances=distances,
        free_pages=tuple(
            (sum(node.zones[z].managed for z in KERNEL_ZONES), node.zones[ZoneType.MOVABLE].managed)
            for node in nodes
        ),
    )


def _present_early(
    zones: Sequence[ZoneRow], blocks: Rows, geometry: Geometry
) -> dict[tuple[int, ZoneType], int]:
    """Boot memory present in each zone: all that is present less the hot-added blocks."""
    out = {(row.node, row.zone): row.present for row in zones}
    hot = blocks[(blocks["early"] == 0) & (blocks["state"] == BlockState.ONLINE)]
    for row in hot:
        key = (int(row["node"]), ZoneType(int(row["zone"])))
        if key in out:
            out[key] = max(0, out[key] - int(row["count"]) * geometry.block_pages)
    return out
