"""virtio-mem devices of a recorded machine: what its steps tell of them.

Its region is a line of iomem, which not every recording keeps: else it begins where its memory
first appears. What the device holds back at the end of a step is what the step shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace

from pfnmap.engine.commands import VirtioMem
from pfnmap.engine.kinds import ZONE_BY_LABEL
from pfnmap.engine.machine import predict
from pfnmap.engine.memory import resources
from pfnmap.engine.memory.page_map import page_zone
from pfnmap.engine.memory.runs import ranges_of
from pfnmap.engine.memory.state import Resource, State
from pfnmap.engine.memory.unplugged import DRIVER, plugged_pages, unplugged_rows
from pfnmap.engine.operations.kmem import with_region
from pfnmap.engine.traces.trace import DeviceStep, HotAdd, Trace

ROOM_BYTES = 1 << 30
"""How much larger a device is taken to be than the most that was asked for."""
MOST_GUESSES = 4
"""How often a step is replayed to find what stays plugged."""

REGION = "Persistent Memory"
_BLOCK_SIZE = re.compile(r"multiples of 'block-size' \((0x[0-9a-f]{1,15})\)")
_BUS_NAME = re.compile(r"virtio_mem (virtio\d{1,4}): requested size")


def with_devices(state: State, trace: Trace, block_bytes: int) -> State:
    """The machine at boot with the devices that are resized later, empty."""
    for name in dict.fromkeys(name for name, _ in resized(trace)):
        steps = [step for each, step in resized(trace) if each == name]
        said = [found[1] for step in steps for line in step.log if (found := _BUS_NAME.match(line))]
        region = next((line for line in state.resources if line.name in said[:1]), None)
        start, node = _place(trace, name)
        unit = max(block_bytes, state.geometry.block_bytes)
        most = max(step.resizes[1] for step in steps if step.resizes) + ROOM_BYTES
        starts = [place[1] for place in _places(trace)]
        starts += [step.start for step in trace.steps if isinstance(step, HotAdd) and step.start]
        room = [other - start for other in starts if start is not None and other > start]
        size = min([most, *room]) // unit * unit
        if region is not None:
            start, size = region.start, region.end + 1 - region.start
            others = tuple(line for line in state.resources if line is not region)
            state = replace(state, resources=others)
        outcome = predict(state, VirtioMem(name, size, 0, block_bytes, start, node))
        device = outcome.after.device_named(name)
        if outcome.refusal is not None or device is None:
            continue
        bus_name = said[0] if said else device.bus_name
        lines = tuple(
            replace(line, name=bus_name) if line.owner == device.id else line
            for line in outcome.after.resources
        )
        devices = {**outcome.after.devices, device.id: replace(device, bus_name=bus_name)}
        state = replace(outcome.after, devices=devices, resources=lines)
    return state


def with_nvdimm(state: State, start: int, size: int, node: int) -> State:
    """The machine with an NVDIMM: its region, whose number counts them, and a raw namespace."""
    regions = [line for line in state.resources if line.name.startswith(REGION) and not line.depth]
    number, end = len(regions), start + size - 1
    for depth, name in enumerate((REGION, f"namespace{number}.0")):
        state = resources.insert(state, Resource(start, end, name, depth, system_ram=False))
    return with_region(state, f"dax{number}.0", start, end, node)


def resized(trace: Trace) -> Iterator[tuple[str, DeviceStep]]:
    """Steps that resize a device which was there at boot."""
    later = set()
    for step in trace.steps:
        if isinstance(step, DeviceStep) and step.plugs:
            later.add(step.plugs.id)
        elif isinstance(step, DeviceStep) and step.resizes and step.resizes[0] not in later:
            yield step.resizes[0], step


def block_sizes(trace: Trace) -> list[int]:
    """What the devices' block size may be, bytes: what the emulator said, or what divides all.

    The likeliest first: QEMU's 2 MiB, by which memory blocks are plugged in parts.
    """
    steps = [step for _, step in resized(trace)]
    for step in steps:
        if found := _BLOCK_SIZE.search(step.result or ""):
            return [int(found[1], 16)]
    sizes = [step.resizes[1] for step in steps if step.resizes]
    divides = [unit for i in range(20, 37) if not any(size % (unit := 1 << i) for size in sizes)]
    small = [unit for unit in divides if unit <= 2 << 20][-1:] or [1 << 20]
    return [*small, *(unit for unit in divides if unit >= trace.block_bytes)]


def _places(trace: Trace) -> list[tuple[str, int, int]]:
    """(device, first byte, node) of each device, from the first step that shows its memory."""
    found: list[tuple[str, int, int]] = []
    before = {line.start for line in trace.boot.iomem if line.name == DRIVER}
    for step in trace.steps:
        now = {line.start for line in step.after.iomem if line.name == DRIVER}
        name = step.resizes[0] if isinstance(step, DeviceStep) and step.resizes else ""
        if name and name not in [place[0] for place in found] and (fresh := now - before):
            start = min(fresh)
            nodes = {block.id: block.node or 0 for block in step.after.blocks}
            found.append((name, start, nodes.get(start // trace.block_bytes, 0)))
        before = now
    return found


def _place(trace: Trace, name: str) -> tuple[int | None, int]:
    return next(((start, node) for each, start, node in _places(trace) if each == name), (None, 0))


def kept_pages(before: State, step: DeviceStep, foreseen: State) -> list[int]:
    """Pages in sub-blocks that the kernel did not unplug, though nothing known is in the way.

    A page in each block that was recorded and is foreseen to go; then, where more of a zone is
    managed than foreseen, in as many of the sub-blocks that are foreseen to be unplugged.
    """
    device = foreseen.device_named(step.resizes[0]) if step.resizes else None
    if device is None or device.requested_pages >= plugged_pages(before, device):
        return []
    pages, (first, end) = before.geometry.block_pages, before.blocks_of(device)
    there = [block.id for block in step.after.blocks if first <= block.id < end]
    if gone := [block for block in there if foreseen.blocks.at(block) is None]:
        return [block * pages for block in gone]
    kept: list[int] = []
    for zone in step.after.zones:
        kind = ZONE_BY_LABEL[zone.zone]
        more = zone.managed - foreseen.zone(zone.node, kind).managed
        starts = (
            start
            for low, high in ranges_of(unplugged_rows(foreseen, device)).tolist()
            for start in range(low, high, device.unit_pages)
            if page_zone(foreseen, start) == (zone.node, kind)
        )
        kept += islice(starts, max(0, more) // device.unit_pages)
    return kept
