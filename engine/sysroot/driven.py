"""What adds memory on a real machine, as the devices of a simulated one: DIMMs, virtio-mem, dax.

A device is known by its line of iomem and what its driver says (:class:`DriverDevice`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.kinds import BlockState, MemmapKind, ZoneType
from pfnmap.engine.memory.runs import Rows, joined_ranges, sorted_set
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.memory.unplugged import plugged_pages, unplugged_rows
from pfnmap.engine.operations.sub_blocks import mark
from pfnmap.engine.sizes import human_size
from pfnmap.engine.sysroot.parse import OWNER, DriverDevice, IomemLine
from pfnmap.engine.sysroot.reading import Reading

_KINDS = {"virtio_mem": "virtio-mem", "kmem": "kmem"}


def device_numbers(reading: Reading) -> NDArray[np.int64]:
    """For each System RAM line the number of its device: the first line that the device has."""
    first: dict[tuple[str, str], int] = {}
    return np.array(
        [
            first.setdefault((device.name, driver), number) if device else number
            for number, (device, driver) in enumerate(reading.holders)
        ],
        np.int64,
    )


def devices_of(reading: Reading, rows: Rows, *, without_drivers: bool) -> dict[int, Device]:
    """The devices that hot-added blocks lie in, and those without memory, by number.

    ``without_drivers``: all of them as DIMMs, but that a dynamic memory group has no size.
    """
    devices: dict[int, Device] = {}
    for number in sorted_set(rows["device"][rows["device"] >= 0]).tolist():
        mine = rows[rows["device"] == number]
        line, driver = reading.holders[number]
        if line is None and driver in _KINDS:  # iomem has no line of its device
            line = replace(reading.inferred.lines[number], name=driver)
        pages = reading.geometry.block_pages
        ranges = joined_ranges(np.stack((mine["start"], mine["start"] + 1), axis=1)) * pages
        device = Device(
            id=number,
            name=line.name if line else f"ram{number}",
            kind=_KINDS.get(driver, "dimm") if line and not without_drivers else "dimm",
            start_pfn=int(ranges[0, 0]),
            nr_pages=int(ranges[-1, 1] - ranges[0, 0]),
            node=int(mine["node"][0]),
            memmap=MemmapKind(int(mine["memmap"][0])),
            group_pages=len(mine) * pages,
        )
        if line is not None and not without_drivers:
            device = _of_parts(device, tuple((low, high) for low, high in ranges.tolist()))
            device = _driven(reading, device, line)
        elif driver == "virtio_mem":
            device = replace(device, group_pages=0)
        devices[number] = device
    if without_drivers:
        return devices
    empty = enumerate(_without_memory(reading, devices), len(reading.inferred.lines))
    return devices | {
        number: _driven(reading, replace(device, id=number), line)
        for number, (device, line) in empty
    }


def _without_memory(
    reading: Reading, devices: dict[int, Device]
) -> Iterator[tuple[Device, IomemLine]]:
    """Devices that have no memory block: by their line of iomem, or by their mappings."""
    known, shift = {device.name for device in devices.values()}, reading.geometry.page_shift
    lines = [each for each in reading.observation.iomem or () if OWNER.fullmatch(each.name)]
    lines += [
        IomemLine(0, each.ranges[0][0], each.ranges[-1][1], each.name)
        for each in reading.observation.devices
        if each.ranges
    ]
    zones = [row for row in reading.zones if row.zone == ZoneType.DEVICE and row.spanned]
    nodes = {*reading.observation.masks.get("possible", ()), *(row.node for row in reading.nodes)}
    for line in lines:
        region = line.name.startswith("region")
        if region or line.name in known or line.end - line.start < 1 << shift:
            continue
        known.add(line.name)
        start, pages = line.start >> shift, (line.end + 1 - line.start) >> shift
        said, kind = _said(reading, line.name), "virtio-mem"
        node = said.node
        if line.name.startswith("dax"):
            mapped = [row.node for row in zones if row.start_pfn <= start < row.end_pfn]
            if mapped and said not in reading.observation.devices:
                node = mapped[0]
            kind = {"kmem": "kmem", "none": "dax"}.get(said.driver, "pmem" if mapped else "dax")
        node = node if node in nodes else 0
        yield Device(-1, line.name, kind, start, pages, node, MemmapKind.RAM), line


def _of_parts(device: Device, parts: tuple[tuple[int, int], ...]) -> Device:
    """The device with these [start, end) ranges of memory, ascending."""
    start, end = parts[0][0], parts[-1][1]
    several = parts if len(parts) > 1 and device.kind != "virtio-mem" else ()
    return replace(device, start_pfn=start, nr_pages=end - start, resources=several)


def _said(reading: Reading, name: str) -> DriverDevice:
    """What the driver of a device says."""
    said = (each for each in reading.observation.devices if each.name == name)
    return next(said, DriverDevice(name))


def _driven(reading: Reading, device: Device, line: IomemLine) -> Device:
    """The device with what its kind has, from the line that its driver claimed."""
    geometry, said = reading.geometry, _said(reading, line.name)
    shift = geometry.page_shift
    parts = tuple((low >> shift, (high + 1) >> shift) for low, high in sorted(said.ranges))
    if parts and parts[0][0] <= device.start_pfn and device.end_pfn <= parts[-1][1]:
        device = _of_parts(device, parts)  # of which the memory blocks are only a part
    if device.kind == "virtio-mem":
        unit = max(_pages(said.unit_bytes, shift), geometry.pageblock_pages)
        return replace(
            device,
            start_pfn=line.start >> shift,
            nr_pages=(line.end + 1 - line.start) >> shift,
            memmap=MemmapKind.RAM,
            group_pages=0,
            unit_pages=unit,
            device_block_pages=min(_pages(said.device_block_bytes, shift) or unit, unit),
            requested_pages=min(said.requested_bytes or 0, line.end + 1 - line.start) >> shift,
            bus_name=line.name,
        )
    if device.kind == "kmem":
        state = said.state or reading.observation.params.get("auto_online_blocks", "online")
        own, let_go = said.own_memmap, said.driver not in ("", "kmem")
        kind = MemmapKind.PER_BLOCK if own else device.memmap if own is None else MemmapKind.RAM
        device = replace(device, own_memmap=kind == MemmapKind.PER_BLOCK)
        return replace(device, state="" if let_go else state, memmap=kind)
    return device


def _pages(size_bytes: int, shift: int) -> int:
    """A size that is a power of two, in pages; 0 for any other."""
    return 0 if size_bytes & (size_bytes - 1) else size_bytes >> shift


# -- what is plugged of virtio-mem ------------------------------------------------------------
def with_plugged(state: State, reading: Reading) -> State:
    """The state with what the log says of how much was requested of each virtio-mem device.

    Of blocks about which no zone tells how much is plugged, as much is taken to be as was
    requested last; where no log tells that, it is taken to be what is plugged.
    """
    shift = reading.geometry.page_shift
    for device in [*state.devices.values()]:
        if not device.is_dynamic:
            continue
        plugged, requested = (
            plugged_pages(state, device),
            _said(reading, device.name).requested_bytes,
        )
        if requested is None:
            state = state.with_device(replace(device, requested_pages=plugged))
        elif device.unit_pages < state.geometry.block_pages:
            state = _less(state, device, plugged - (requested >> shift))
    return state


def _less(state: State, device: Device, surplus: int) -> State:
    """The state with so many pages less plugged in blocks that nothing is known of, the last first.

    Each keeps a sub-block at least: a block without any is removed.
    """
    pages, most = state.geometry.block_pages, state.geometry.block_pages - device.unit_pages
    for block in reversed(blocks_in_doubt(state, device)):
        if surplus <= 0:
            break
        count = min(surplus // device.unit_pages * device.unit_pages, most)
        end = (block + 1) * pages
        state = mark(state, device, end - count, end) if count else state
        surplus -= count
    return state


def blocks_in_doubt(state: State, device: Device) -> list[int]:
    """Blocks of a virtio-mem device of which the counters of no zone say how much is plugged."""
    found: list[int] = []
    for row in state.blocks.slice(*state.blocks_of(device)):
        zone = ZoneType(int(row["zone"]))
        online = row["state"] != BlockState.OFFLINE and zone != ZoneType.NONE
        if not online or state.zone(int(row["node"]), zone).present_early:
            found += range(int(row["start"]), int(row["start"] + row["count"]))
    return found


def driver_assumptions(reading: Reading, state: State) -> list[str]:
    """What is taken for granted of devices that virtio-mem drives, in sentences."""
    out: list[str] = []
    page = reading.geometry.page_bytes
    for device in state.devices.values():
        if not device.is_dynamic:
            continue
        said, plugged = _said(reading, device.name), human_size(plugged_pages(state, device) * page)
        if not said.unit_bytes:
            unit = human_size(device.unit_pages * page)
            out.append(f"{device.name}: parts of {unit} are assumed, no line of the log says it")
        if said.requested_bytes is None:
            out.append(f"{device.name}: {plugged} are plugged, and taken to be what is requested")
        if lacking := int(unplugged_rows(state, device)["count"].sum()):
            doubt = blocks_in_doubt(state, device)
            out.append(
                f"{device.name}: {lacking} pages of its blocks are not plugged; the last ones are "
                "taken for these" + (", of the offline ones, too" if doubt else "")
            )
    return out
