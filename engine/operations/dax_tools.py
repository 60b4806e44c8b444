"""``daxctl`` and ``cxl`` of ndctl: what they do to drivers, regions and memory blocks.

Source: ``daxctl/device.c``, ``cxl/region.c`` and ``drivers/cxl/core/region.c``. Of CXL the windows
that iomem has are known, and the regions made in them; memory devices and decoders are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from msgspec.structs import replace

from pfnmap.engine.commands import Cxl, Daxctl, Kmem, KmemDel
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, MemmapKind, OnlineType, ZoneType
from pfnmap.engine.memory import resources
from pfnmap.engine.memory.runs import Rows, joined_rows, ranges_of
from pfnmap.engine.memory.state import Device, Resource, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import kmem
from pfnmap.engine.operations.offline import offline_blocks
from pfnmap.engine.operations.online import online_blocks
from pfnmap.engine.operations.refs import default_address
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.sizes import counted

_KINDS = ("pmem", "dax", "kmem")
_ALIGN_BYTES = 256 << 20
"""Of a region: each way is of so many bytes or more (CXL 3.0, 8.2.4.20)."""


def daxctl(tx: Transaction, command: Daxctl) -> Refusal | None:
    """Drivers changed, and blocks online or offline; the first device that fails ends it."""
    everything = command.name in ("", "all")
    devices = [each for each in tx.state.devices.values() if each.kind in _KINDS]
    chosen = devices if everything else [kmem.dax_device(tx.state, command.name)]
    if command.action == "list":
        _print(tx, [_described(tx.state, device) for device in chosen])
        return None
    verb = {"online-memory": "onlined memory for", "offline-memory": "offlined memory for"}
    words, done = verb.get(command.action, "reconfigured"), 0
    for device in chosen:
        if (refusal := _change(tx, device, command)) is not None:
            tx.output.append(f"{words} {counted(done, 'device')}")
            return refusal
        done += 1
    if command.action == "reconfigure-device":
        _print(tx, [_described(tx.state, tx.state.devices[device.id]) for device in chosen])
    tx.output.append(f"{words} {counted(done, 'device')}")
    return None


def _change(tx: Transaction, device: Device, command: Daxctl) -> Refusal | None:
    """One device; it goes to Movable unless the line says otherwise.

    It is taken back with blocks online only by force, which offlines them first.
    """
    wanted = OnlineType.ONLINE_MOVABLE if command.movable else OnlineType.ONLINE_KERNEL
    if command.action != "reconfigure-device":
        if device.kind != "kmem":
            raise InputError(f"daxctl: {device.name} is no System RAM")
        return _switch(tx, device, wanted if command.action == "online-memory" else None)
    if command.mode == "system-ram":
        auto = tx.state.params.auto_online_blocks != OnlineType.OFFLINE
        if auto and not command.force and (command.movable or not command.online):
            rule = f"{device.name}: error: kernel policy will auto-online memory, aborting"
            tx.output.append(rule)
            return Refusal("EBUSY", "daxctl", f"{rule} (auto_online_blocks is not offline; -f)")
        if device.kind == "kmem" and device.state:
            tx.output.append(f"{device.name} was already in system-ram mode")
        elif (refusal := kmem.add(tx, Kmem(device.name))) is not None:
            return refusal
        return _switch(tx, tx.state.devices[device.id], wanted) if command.online else None
    if device.kind == "kmem" and device.state:
        rows = _blocks(tx.state, device)
        online = int(rows["count"][rows["state"] != BlockState.OFFLINE].sum())
        if online and not command.force:
            rule = f"{counted(online, 'memory block')} of {device.name} online"
            return Refusal("EBUSY", "daxctl", f"{rule}: daxctl wants --force")
        if (refusal := _switch(tx, device, None)) is not None:
            return refusal
    return kmem.delete(tx, KmemDel(device.name))


def _blocks(state: State, device: Device) -> Rows:
    """The rows of a device's memory blocks, ascending."""
    parts = [state.blocks.slice(first, end) for first, end in state.mappings_of(device)]
    return joined_rows(parts, state.blocks.dtype)


def _switch(tx: Transaction, device: Device, kind: OnlineType | None) -> Refusal | None:
    """All blocks of a device online in a way, or offline; those that are already are left alone."""
    rows = _blocks(tx.state, device)
    was = BlockState.ONLINE if kind is None else BlockState.OFFLINE
    for low, high in ranges_of(rows[rows["state"] == was]).tolist():
        if kind is None:
            refusal = offline_blocks(tx, low, high - 1)
        else:
            refusal = online_blocks(tx, low, high - 1, kind)
        if refusal is not None:
            return refusal
    return None


def _described(state: State, device: Device) -> dict[str, object]:
    """A device as ``daxctl list`` prints it."""
    size = sum(high - low for low, high in device.parts) * state.geometry.page_bytes
    ram = device.kind == "kmem"
    said: dict[str, object] = {"chardev": device.name, "size": size, "target_node": device.node}
    said |= {"align": 2 << 20, "mode": "system-ram" if ram else "devdax"}
    if not ram:
        return said | ({} if device.kind == "pmem" else {"state": "disabled"})
    rows = _blocks(state, device)
    online = rows[rows["state"] == BlockState.ONLINE]
    said["online_memblocks"] = int(online["count"].sum())
    said["total_memblocks"] = int(rows["count"].sum())
    return said | {"movable": bool(len(online) and (online["zone"] == ZoneType.MOVABLE).all())}


def _print(tx: Transaction, objects: list[dict[str, object]]) -> None:
    """As ndctl's tools print JSON, colons without blanks."""
    text = json.dumps(objects, indent=2, separators=(",", ":"))
    tx.output.extend(text.splitlines() if objects else [])


# -- regions of CXL windows -----------------------------------------------------------------------
def cxl(tx: Transaction, command: Cxl) -> Refusal | None:
    """Regions of CXL memory: each is a dax device, which dax/kmem takes over by itself.

    09d09e04d2fc "cxl/dax: Create dax devices for CXL RAM regions" and e9ee9fe3a9d4 "dax: Assign RAM
    regions to memory-hotplug by default" (6.3).
    """
    if not tx.state.profile.is_since("6.3"):
        raise InputError(f"{tx.state.profile.name} has no volatile CXL regions, they came with 6.3")
    if command.action == "list":
        _print(tx, [_region(line) for line in _lines(tx.state, "region")])
        tx.notes.append("memory devices, ports and decoders of CXL are not modelled")
        return None
    if command.action == "create-region":
        return _create(tx, command)
    name = f"region{command.number}"
    line = next((line for line in _lines(tx.state, "region") if line.name == name), None)
    if line is None:
        raise InputError(f"cxl: there is no {name}; create-region makes one")
    device = _device_in(tx.state, line)
    if command.action == "enable-region":
        return None if device else _enable(tx, line)
    if device is not None and (refusal := _disable(tx, device, force=command.force)) is not None:
        return refusal
    verb = "disabled"
    if command.action == "destroy-region":
        kept = tuple(each for each in tx.state.resources if each != line)
        tx.state, verb = replace(tx.state, resources=kept), "destroyed"
    tx.event("cxl_region_remove", f"{name} is {verb}")
    action = command.action.replace("-", "_")
    tx.output.append(f"cxl region: cmd_{action}: {verb} 1 region")
    return None


def _lines(state: State, word: str) -> Iterable[Resource]:
    return (line for line in state.resources if line.name.startswith(word))


def _region(line: Resource) -> dict[str, object]:
    size = line.end + 1 - line.start
    return {"region": line.name, "resource": line.start, "size": size, "type": "ram"}


def _device_in(state: State, region: Resource) -> Device | None:
    shift = state.geometry.page_shift
    for device in state.devices.values():
        if device.kind in _KINDS and region.start <= device.start_pfn << shift <= region.end:
            return device
    return None


def _create(tx: Transaction, command: Cxl) -> Refusal | None:
    """A region at the first free place of the window, which becomes System RAM."""
    state, name = tx.state, f"CXL Window {command.number}"
    size, window = command.size_bytes, next(iter(_lines(state, name)), None)
    if size is not None and (size <= 0 or size % (_ALIGN_BYTES * len(command.memdevs))):
        rule = f"the size must be a multiple of 256M for each of the ways: {size:#x}"
        return Refusal("EINVAL", "alloc_hpa", rule)
    if window is None:
        if size is None:
            raise InputError(f"cxl: there is no {name} here, so -s must say a size; it makes one")
        start = default_address(state, size, _ALIGN_BYTES)
        window = Resource(start, start + size - 1, name, 0, False)
        tx.state = resources.insert(state, window)
    start = window.start
    for line in _lines(state, "region"):
        if window.start <= line.start <= window.end:
            start = max(start, line.end + 1)
    size = window.end + 1 - start if size is None else size
    if size <= 0 or start + size - 1 > window.end:
        return Refusal("ENXIO", "alloc_hpa", f"{name} has no room for it")
    used = {line.name for line in _lines(state, "region")}
    number = next(i for i in range(len(used) + 1) if f"region{i}" not in used)
    line = Resource(start, start + size - 1, f"region{number}", window.depth + 1, False)
    tx.state = resources.insert(tx.state, line)
    tx.event("cxl_region_probe", f"{line.name} at {start:#x}, of {', '.join(command.memdevs)}")
    if (refusal := _enable(tx, line)) is not None:
        return refusal
    _print(tx, [_region(line)])
    tx.output.append("cxl region: cmd_create_region: created 1 region")
    return None


def _enable(tx: Transaction, line: Resource) -> Refusal | None:
    """``cxl_dax_region_probe``: the dax device of a region, and dax/kmem takes it over.

    It is to keep its memmap itself, and on the node of its window: one without RAM of its own.
    """
    state, shift = tx.state, tx.state.geometry.page_shift
    nodes = [number for number, node in enumerate(state.nodes) if not node.has_memory]
    device = Device(
        state.next_id,
        f"dax{line.name.removeprefix('region')}.0",
        "dax",
        line.start >> shift,
        (line.end + 1 - line.start) >> shift,
        nodes[-1] if nodes else 0,
        MemmapKind.RAM,
        own_memmap=state.profile.is_since("6.8"),
    )
    if state.device_named(device.name) is not None:
        return Refusal("EEXIST", "cxl_dax_region_probe", f"there is a device {device.name} already")
    tx.state = replace(state.with_device(device), next_id=device.id + 1)
    text = f"{device.name} of {line.name}, its memory is node {device.node}'s"
    tx.event("cxl_dax_region_probe", text)
    return kmem.bind(tx, device)


def _disable(tx: Transaction, device: Device, *, force: bool) -> Refusal | None:
    """``cxl disable-region``: its memory offline, off its driver, and the dax device is gone."""
    if device.kind == "kmem" and device.state:
        if (refusal := _switch(tx, device, None)) is not None and not force:
            return refusal
        if (failed := kmem.unbind(tx, device)) is not None:
            return failed
    elif device.kind == "pmem":
        kmem.unbind_device_dax(tx, device)
    if tx.state.devices[device.id].kind == "kmem":
        return None  # a part of it stays System RAM until the next reboot
    tx.state = tx.state.without_device(device)
    return None
