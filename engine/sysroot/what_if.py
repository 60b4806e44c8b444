"""From a real machine to a simulated one: the same blocks, zones and parameters.

What the files do not say is assumed, and :func:`assumptions` lists it: a plan is as good as
they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.geometry import MAX_NUMNODES, S390X
from pfnmap.engine.kinds import BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.memory.boot import from_observation
from pfnmap.engine.memory.runs import Rows, joined_ranges, merge_rows, one_by_one, unbroken
from pfnmap.engine.memory.state import BLOCK_DTYPE, Device, Pending, Resource, State
from pfnmap.engine.memory.unplugged import with_unplugged
from pfnmap.engine.params import PARAM_SINCE, Params
from pfnmap.engine.profile import is_release_of
from pfnmap.engine.sysroot.driven import (
    device_numbers,
    devices_of,
    driver_assumptions,
    with_plugged,
)
from pfnmap.engine.sysroot.inference import UNKNOWN, block_memmap_pages, state_mask
from pfnmap.engine.sysroot.parse import is_kernel_image
from pfnmap.engine.sysroot.reading import BALLOONS, Reading
from pfnmap.engine.view import ZoneRow


def state_of(
    reading: Reading, *, added_later: bool = False, without_drivers: bool = False
) -> State:
    """A state with the blocks, zones and parameters of a real machine (``recorded``).

    ``added_later``: take memory of which it does not show for hot-added, not for boot memory.
    ``without_drivers``: take what drivers added for DIMMs.
    """
    hot = (reading.inferred.hot != 0) if added_later else _guess_hot(reading)
    rows = _rows(reading, hot)
    devices = devices_of(reading, rows, without_drivers=without_drivers)
    ram = _boot_ram(reading, rows)
    masks = reading.observation.masks
    possible = [number for number in masks.get("possible", ()) if number < MAX_NUMNODES]
    known = [node.node for node in reading.nodes]
    state = from_observation(
        geometry=reading.geometry,
        profile=reading.profile,
        params=_params(reading),
        zones=_zones(reading, rows),
        blocks=merge_rows(rows),
        ram=ram,
        resources=_resources(reading, devices) or _assumed_resources(reading),
        nr_nodes=max((*possible, *known), default=0) + 1,
        online_nodes=frozenset(node.node for node in reading.nodes if node.online),
        cpu_nodes=frozenset(masks.get("has_cpu", (0,))),
        title=f"what if: {reading.title}",
        normal_nodes=masks.get("has_normal_memory"),
    )
    blocks = reading.observation.blocks
    held = blocks.ids[state_mask(blocks, "online") & (blocks.removable == 0)]
    kept = state.kept
    for first, last in unbroken(held):
        kept = kept.insert(first, last - first + 1, owner=-1)
    going = blocks.ids[state_mask(blocks, "going-offline")]
    state = replace(
        state,
        devices=devices,
        next_id=max((len(reading.inferred.lines) - 1, *devices)) + 1,
        kept=kept,
        pending=Pending(int(going[0])) if len(going) else None,
    )
    return _with_image(with_plugged(with_unplugged(state), reading), reading)


def assumptions(reading: Reading, state: State, pages: str = "") -> tuple[str, ...]:
    """What had to be assumed to make ``state`` of a reading, in sentences.

    ``pages``: how single pages are known, empty where they are not.
    """
    blocks, inferred = reading.observation.blocks, reading.inferred
    out = ["where unmovable pages are is not known: none are assumed but the kernel image"]
    if pages:
        out = [
            f"no pages are unmovable but the kernel image and those of /proc/kpageflags ({pages})"
        ]
    release, rules = reading.kernel_release, reading.profile_name
    if release and not is_release_of(release, rules):
        out.insert(0, f"Linux {release} is taken to follow the rules of {rules}")
    if (inferred.hot == UNKNOWN).any():
        out.append(
            "memory is taken for hot-added where a block of the same System RAM line is offline "
            "or Movable, and for boot memory elsewhere"
        )
    if any(device.kind == "dimm" for device in state.devices.values()):
        out.append("each System RAM line of hot-added memory is taken for one DIMM")
    out += driver_assumptions(reading, state)
    balloons = (BALLOONS[name] for name in reading.observation.balloons if name in BALLOONS)
    out += [f"{name} changes nothing" for name in balloons]
    if reading.is_s390:
        out.append("the hypervisor assigns standby memory that is to go online (SCLP)")
    if (inferred.vmemmap == UNKNOWN).any():
        out.append("where struct pages are is not known for every block")
    if reading.observation.iomem is None:
        out.append("blocks are taken to have no holes, because iomem cannot be read")
    if len(blocks) and not state_mask(blocks, "online", "offline", "going-offline").all():
        out.append("a block in any other state than offline is taken for online")
    if state.pending is not None:
        out.append(f"the offline of memory{state.pending.block} goes on and holds the hotplug lock")
    if reading.observation.zones is None and _without_zone(reading).any():
        out.append(
            "blocks whose zone is not known are taken to be in the zones that lie at their "
            f"addresses at boot on {reading.geometry.arch}"
        )
    if reading.observation.pools and any(pool.total for pool in reading.observation.pools):
        out.append("huge pages exist, but where they are is not known: none are placed")
    if reading.geometry.arch == S390X.arch:
        standby = "all of it is offline blocks from boot on"
        if reading.profile.s390_config_files:
            standby = "a block of it is added when /sys/firmware/memory/memoryN/config says 1"
        out.append(f"standby memory is not modelled: {standby}")
    if missing := _missing_params(reading):
        out.append(f"usual values are assumed for {', '.join(missing)}")
    return tuple(out)


def _missing_params(reading: Reading) -> list[str]:
    """Parameters that the kernel has and that could not be read."""
    profile, known = reading.profile, reading.observation.params
    passed_over = {"movable_node", "vmemmap_hotplug"}
    passed_over |= {name for name, since in PARAM_SINCE.items() if not profile.is_since(since)}
    return [name for name, _ in Params().words() if name not in passed_over and name not in known]


def _params(reading: Reading) -> Params:
    params = Params()
    for name, value in reading.params:
        params = params.with_word(name, value)
    return params


def _guess_hot(reading: Reading) -> NDArray[np.bool_]:
    """Which blocks are taken for hot-added where it does not show.

    All blocks of one System RAM line were added together: one that is offline or Movable is
    taken to say so for all of them.
    """
    inferred = reading.inferred
    sign = state_mask(reading.observation.blocks, "offline") | (inferred.zone == ZoneType.MOVABLE)
    telling = sign & (inferred.hot == UNKNOWN)
    together = np.isin(inferred.line, inferred.line[telling & (inferred.line >= 0)])
    guess = telling | together
    return np.asarray(np.where(inferred.hot == UNKNOWN, guess, inferred.hot == 1), bool)


def _rows(reading: Reading, hot: NDArray[np.bool_]) -> Rows:
    """The block table: one row a block."""
    blocks, inferred = reading.observation.blocks, reading.inferred
    pages = reading.geometry.block_pages
    offline = state_mask(blocks, "offline")
    nodes = np.array([(node or (0,))[0] for node in blocks.node_sets] or [0], np.int64)
    rows = np.zeros(len(blocks), BLOCK_DTYPE)
    rows["start"], rows["count"] = blocks.ids, 1
    rows["node"] = nodes[blocks.nodes]
    rows["state"] = np.where(offline, int(BlockState.OFFLINE), int(BlockState.ONLINE))
    rows["state"][state_mask(blocks, "going-offline")] = int(BlockState.GOING_OFFLINE)
    rows["zone"] = np.where(offline, int(ZoneType.NONE), inferred.zone)
    rows["present"] = np.where(hot, pages, inferred.present)
    rows["early"], rows["device"] = ~hot, -1
    rows["device"][hot] = np.append(device_numbers(reading), -1)[inferred.line[hot]]
    rows["initialised"] = (inferred.home >= 0) | ~offline | ~hot
    rows["link_zone"] = np.maximum(inferred.home, 0)
    rows["link_node"] = np.where(rows["initialised"] == 1, rows["node"], 0)
    rows["vmemmap"] = _vmemmap(reading, hot)
    rows["memmap"] = np.where(
        ~hot,
        int(MemmapKind.BOOT),
        np.where(rows["vmemmap"] > 0, int(MemmapKind.PER_BLOCK), int(MemmapKind.RAM)),
    )
    return rows


def _vmemmap(reading: Reading, hot: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Vmemmap pages of each block: as its neighbours of one add, else as the rules say."""
    known, line = reading.inferred.vmemmap, reading.inferred.line
    guess = np.where(hot, _usual_vmemmap(reading), 0)
    elsewhere = np.isin(line, line[(known == 0) & hot & (line >= 0)])
    guess[elsewhere] = 0
    return np.asarray(np.where(known == UNKNOWN, guess, known), np.int64)


def _usual_vmemmap(reading: Reading) -> NDArray[np.int64]:
    """Vmemmap pages that a hot-added block has by the parameter and the kernel's rule."""
    policy = reading.observation.params.get("memmap_on_memory", "N")
    pages = 0 if policy == "N" else block_memmap_pages(reading.geometry, policy)
    rule = reading.profile.memmap
    pages = pages if rule in ("per-block", "single-block") else 0
    usual = np.full(len(reading.observation.blocks), pages)
    if rule == "single-block":  # an add of several blocks never keeps its memmap before 6.8
        line = reading.inferred.line
        several = np.bincount(line[line >= 0], minlength=1) > 1
        usual[(line >= 0) & several[np.maximum(line, 0)]] = 0
    return usual


def _without_zone(reading: Reading) -> NDArray[np.bool_]:
    """Which blocks are online in a zone that is not known, or in several."""
    offline = state_mask(reading.observation.blocks, "offline")
    return np.asarray(~offline & (reading.inferred.zone == ZoneType.NONE))


def _zones(reading: Reading, rows: Rows) -> list[ZoneRow]:
    """The zones; where they are inferred from blocks, also around blocks that tell none."""
    zones = {(row.node, row.zone): row for row in reading.zones}
    if reading.observation.zones is not None:
        return list(zones.values())
    geometry = reading.geometry
    limits = geometry.boot_zones()
    telling_none = rows[_without_zone(reading)]
    for low, high, node in _node_runs(telling_none, geometry.block_pages).tolist():
        for zone, zone_low, zone_high in limits:
            start, end = max(low, zone_low), min(high, zone_high)
            if start < end:
                old = zones.get((node, zone), ZoneRow(node, zone, start, 0, 0, 0))
                zones[node, zone] = _with_pages(old, start, end)
    return [zones[key] for key in sorted(zones)]


def _with_pages(row: ZoneRow, start: int, end: int) -> ZoneRow:
    """A zone with these pages as well, all of them present and managed."""
    low = min(row.start_pfn, start)
    return replace(
        row,
        start_pfn=low,
        spanned=max(row.end_pfn, end) - low,
        present=row.present + end - start,
        managed=row.managed + end - start,
    )


def _boot_ram(reading: Reading, rows: Rows) -> NDArray[np.int64]:
    """Boot RAM as (start, end, node): System RAM inside early blocks, cut where nodes change."""
    runs = _node_runs(rows[rows["early"] == 1], reading.geometry.block_pages)
    ram = reading.inferred.ram
    if ram is None:
        return runs
    low, high, _ = runs.T
    first, end = ram[:, 1].searchsorted(low, side="right"), ram[:, 0].searchsorted(high)
    # Where iomem and the blocks do not fit, all of a run is RAM.
    which, place = one_by_one(np.maximum(end - first, 1))
    pieces = runs[which]
    inside = (end > first)[which]
    held = ram[(first[which] + place)[inside]]
    pieces[inside, 0] = np.maximum(pieces[inside, 0], held[:, 0])
    pieces[inside, 1] = np.minimum(pieces[inside, 1], held[:, 1])
    return pieces


def _node_runs(blocks: Rows, pages: int) -> NDArray[np.int64]:
    """Touching blocks of one node, int64 (n, 3) of start_pfn, end_pfn, node."""
    ids, nodes = blocks["start"], blocks["node"]
    fresh = np.ones(len(ids), bool)
    fresh[1:] = (ids[1:] != ids[:-1] + 1) | (nodes[1:] != nodes[:-1])
    last = np.append(fresh[1:], True)[: len(ids)]
    return np.column_stack((ids[fresh] * pages, (ids[last] + 1) * pages, nodes[fresh]))


def _resources(reading: Reading, devices: dict[int, Device]) -> list[Resource]:
    """The lines of iomem; those of a driver's device, and of its memory, are the device's."""
    named = {device.name: device.id for device in devices.values() if device.kind != "dimm"}
    held = zip(reading.inferred.lines, reading.holders, strict=True)
    owners = {line: named.get(device.name, -1) for line, (device, _) in held if device}
    return [
        Resource(
            line.start,
            line.end,
            line.name,
            line.depth,
            line.name.startswith("System RAM"),
            owners.get(line, named.get(line.name, -1)),
        )
        for line in reading.observation.iomem or ()
        if line.end < 1 << 62
    ]


def _assumed_resources(reading: Reading) -> Sequence[Resource]:
    """One System RAM line for every range of blocks, where iomem cannot be read."""
    size = reading.geometry.block_bytes
    ids = reading.observation.blocks.ids
    return [
        Resource(start * size, end * size - 1, "System RAM")
        for start, end in joined_ranges(np.stack((ids, ids + 1), axis=1)).tolist()
    ]


def _with_image(state: State, reading: Reading) -> State:
    """The kernel image reserved, inside online blocks."""
    taken, shift = state.taken, reading.geometry.page_shift
    for line in reading.observation.iomem or ():
        if not is_kernel_image(line.name):
            continue
        low, high = line.start >> shift, -(-(line.end + 1) >> shift)
        block = state.block_at(low)
        if block is not None and block["state"] == BlockState.ONLINE:
            taken = taken.insert(low, high - low, kind=int(PageState.RESERVED), owner=-1)
    return replace(state, taken=taken)
