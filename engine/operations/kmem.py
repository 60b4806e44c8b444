"""dax/kmem: the memory of a dax device as System RAM.

Source: ``drivers/dax/kmem.c`` of 6.12 and 7.3, and recordings of both. The driver came with
c221c0b0308f "device-dax: "Hotplug" persistent memory for use like normal RAM" (5.1).
"""

from __future__ import annotations

import errno

from msgspec.structs import replace

from pfnmap.engine.commands import Daxctl, Kmem, KmemDel
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, MemmapKind, MemmapPolicy, OnlineType
from pfnmap.engine.memory import resources
from pfnmap.engine.memory.memmap import eligibility
from pfnmap.engine.memory.runs import ranges_of
from pfnmap.engine.memory.state import Device, Resource, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import device as zone_device
from pfnmap.engine.operations.add import add_memory
from pfnmap.engine.operations.offline import offline_blocks
from pfnmap.engine.operations.online import online_blocks
from pfnmap.engine.operations.remove import offline_and_remove, remove_range
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.params import ONLINE_WORDS, kstrtobool
from pfnmap.engine.sizes_in_words import counted

UNPLUGGED = "unplugged"
LINE = "System RAM (kmem)"
_FSDAX_INFO_BYTES = 8192
"""What libnvdimm keeps for itself at the start of a namespace (``nd_pfn_init``)."""
_ALIGN_BYTES = 2 << 20


def add(tx: Transaction, command: Kmem) -> Refusal | None:
    """``kmem NAME``: off device_dax, ``memmap_on_memory`` as the line says, on to kmem."""
    device = _dax_device(tx.state, command.name)
    if (refusal := unbind_device_dax(tx, device)) is not None:
        return refusal
    if command.memmap is not None:
        refusal = write_memmap(tx, command.name, command.memmap == "on_memory")
        if refusal is not None:
            return refusal
    return bind(tx, _dax_device(tx.state, command.name))


def delete(tx: Transaction, command: KmemDel) -> Refusal | None:
    """``kmem-del NAME``: off kmem, and where its memory is gone, back to device_dax."""
    device = _dax_device(tx.state, command.name)
    if (refusal := unbind(tx, device)) is not None:
        return refusal
    device = tx.state.devices[device.id]
    return bind_device_dax(tx, device) if device.kind == "dax" else None


def daxctl(tx: Transaction, command: Daxctl) -> Refusal | None:
    """``daxctl`` of ndctl (daxctl/device.c): drivers changed, and blocks online or offline.

    Memory that is made System RAM goes to Movable unless the line says otherwise; it is taken back
    with blocks online only by force, which offlines them first.
    """
    device = _dax_device(tx.state, command.name)
    wanted = OnlineType.ONLINE_MOVABLE if command.movable else OnlineType.ONLINE_KERNEL
    if command.action != "reconfigure-device":
        if device.kind != "kmem":
            raise InputError(f"daxctl: {device.name} is no System RAM")
        return _switch(tx, device, wanted if command.action == "online-memory" else None)
    if command.mode == "system-ram":
        if (refusal := add(tx, Kmem(command.name))) is not None or not command.online:
            return refusal
        return _switch(tx, tx.state.devices[device.id], wanted)
    if device.kind == "kmem" and device.state:
        rows = tx.state.blocks.slice(*tx.state.blocks_of(device))
        online = int(rows["count"][rows["state"] != BlockState.OFFLINE].sum())
        if online and not command.force:
            rule = (
                f"{counted(online, 'memory block')} of {device.name} online: daxctl wants --force"
            )
            return Refusal("EBUSY", "daxctl", rule)
        if (refusal := _switch(tx, device, None)) is not None:
            return refusal
    return delete(tx, KmemDel(command.name))


def _switch(tx: Transaction, device: Device, kind: OnlineType | None) -> Refusal | None:
    """All blocks of a device online in a way, or offline; those that are already are left alone."""
    first, end = tx.state.blocks_of(device)
    rows = tx.state.blocks.slice(first, end)
    was = BlockState.ONLINE if kind is None else BlockState.OFFLINE
    for low, high in ranges_of(rows[rows["state"] == was]).tolist():
        if kind is None:
            refusal = offline_blocks(tx, low, high - 1)
        else:
            refusal = online_blocks(tx, low, high - 1, kind)
        if refusal is not None:
            return refusal
    return None


def write_driver(tx: Transaction, driver: str, name: str, word: str) -> Refusal | None:
    """``echo WORD > /sys/bus/dax/drivers/DRIVER/NAME``."""
    if driver not in ("kmem", "device_dax"):
        return Refusal("ENOENT", "sysfs", f"there is no driver {driver} of dax devices")
    if name == "remove_id":
        return None
    if (device := _found(tx, word)) is None:
        return Refusal("ENODEV", f"{name}_store", f"there is no dax device {word}")
    if name == "new_id" and device.kind != "dax":
        return None  # another driver holds it: the id is only remembered
    if driver == "kmem":
        return unbind(tx, device) if name == "unbind" else bind(tx, device)
    if name != "unbind":
        return bind_device_dax(tx, device)
    if device.kind == "kmem":
        return Refusal("ENODEV", "unbind_store", f"device_dax does not hold {word}")
    return unbind_device_dax(tx, device)


def _found(tx: Transaction, name: str) -> Device | None:
    """The dax device of that name; one that is only a line of iomem so far is made one."""
    device = tx.state.device_named(name)
    line = next((each for each in tx.state.resources if each.name == name), None)
    if device is not None or line is None or line.system_ram:
        return device
    shift, number = tx.state.geometry.page_shift, tx.state.next_id
    pages = (line.end + 1 - line.start) >> shift
    device = Device(number, name, "dax", line.start >> shift, pages, 0, MemmapKind.RAM)
    lines = (replace(each, owner=number) if each is line else each for each in tx.state.resources)
    tx.state = replace(tx.state, resources=tuple(lines), next_id=number + 1)
    _become(tx, device)
    return device


def read_file(state: State, name: str, file: str) -> str | None:
    """A file of ``/sys/bus/dax/devices/NAME``, None where it is not there."""
    device = state.device_named(name)
    if device is None or device.kind not in ("pmem", "dax", "kmem"):
        return None
    match file:
        case "state" if state.profile.dax_state_file and device.state:
            return device.state
        case "memmap_on_memory" if state.profile.is_since("6.9"):
            return str(int(device.memmap == MemmapKind.PER_BLOCK))
        case "target_node" | "numa_node":
            return str(device.node)
        case "size":
            return str(device.nr_pages * state.geometry.page_bytes)
        case "resource":
            return f"{device.start_pfn * state.geometry.page_bytes:#x}"
    return None


def write_file(tx: Transaction, name: str, file: str, word: str) -> Refusal | None:
    """``echo WORD > /sys/bus/dax/devices/NAME/FILE``."""
    device = tx.state.device_named(name)
    if device is None or read_file(tx.state, name, file) is None:
        return Refusal("ENOENT", "sysfs", f"/sys/bus/dax/devices/{name} has no file {file}")
    if file == "state":
        return write_state(tx, device, word)
    if file == "memmap_on_memory":
        truth = kstrtobool(word)
        if truth is None:
            return Refusal("EINVAL", "memmap_on_memory_store", f"{word} is no boolean")
        return write_memmap(tx, name, truth)
    return Refusal("EACCES", "sysfs", f"{file} of {name} cannot be written")


def _dax_device(state: State, name: str) -> Device:
    device = state.device_named(name)
    if device is None or device.kind not in ("pmem", "dax", "kmem") or device.mapping:
        raise InputError(f"{name}: there is no dax device of that name; device-add makes one")
    if not state.profile.is_since("5.1"):
        raise InputError(f"{state.profile.name} has no dax/kmem, it came with 5.1")
    return device


# -- the driver of ZONE_DEVICE memory -------------------------------------------------------
def unbind_device_dax(tx: Transaction, device: Device) -> Refusal | None:
    """``echo NAME > …/device_dax/unbind``: what describes the range as ZONE_DEVICE goes."""
    if device.kind == "kmem" and device.state:
        return Refusal("EBUSY", "driver_attach", f"{device.name} is System RAM already (kmem)")
    if device.kind == "pmem":
        plain = replace(device, kind="dax", memmap=MemmapKind.RAM)
        zone_device.unmap_range(tx, device, plain)
    return None


def bind_device_dax(tx: Transaction, device: Device) -> Refusal | None:
    """``echo NAME > …/device_dax/bind``: ZONE_DEVICE memory."""
    if device.kind != "dax":
        return Refusal("EBUSY", "driver_attach", f"the region of {device.name} is taken")
    kind = MemmapKind.PER_DEVICE if device.altmap_pages else MemmapKind.RAM
    return zone_device.map_range(tx, replace(device, kind="pmem", memmap=kind))


def bind_region(tx: Transaction, name: str, region: Resource) -> None:
    """``echo NAME > …/dax_pmem/bind``: a dax device over a region of pmem, behind its label.

    ``nd_pfn_init`` for a memmap in RAM, aligned to 2 MiB.
    """
    shift = tx.state.geometry.page_shift
    start = -(-(region.start + _FSDAX_INFO_BYTES) // _ALIGN_BYTES) * _ALIGN_BYTES
    number = tx.state.next_id
    pages = (region.end + 1 - start) >> shift
    device = Device(number, name, "dax", start >> shift, pages, 0, MemmapKind.RAM)
    if pages <= 0 or tx.state.device_named(name) is not None:
        return
    inside = [
        replace(line, end=min(line.end, start - 1)) if line.depth == region.depth + 1 else line
        for line in tx.state.resources
        if not region.start <= line.start <= line.end <= region.end or line.start < start
    ]
    devices = {**tx.state.devices, number: device}
    state = replace(tx.state, devices=devices, resources=tuple(inside), next_id=number + 1)
    tx.state = resources.insert(state, _claim(state, device, start, region.end))


def _claim(state: State, device: Device, start: int, end: int) -> Resource:
    """The line of a dax device, which its memory becomes a child of."""
    depth = resources.depth_of(state, start, end)
    return Resource(start, end, device.name, depth, system_ram=False, owner=device.id)


# -- kmem -----------------------------------------------------------------------------------
def write_memmap(tx: Transaction, name: str, wanted: bool) -> Refusal | None:
    """``memmap_on_memory_store`` of a dax device: before kmem takes it over.

    73954d379efd "dax: add a sysfs knob to control memmap_on_memory behavior" (6.9).
    """
    device, state = _dax_device(tx.state, name), tx.state
    if not state.profile.is_since("6.9"):
        raise InputError(f"{state.profile.name} has no memmap_on_memory of a dax device (6.9)")
    checks, _ = eligibility(state.geometry, state.params.memmap_on_memory)
    failed = [check.rule for check in checks if not check.holds]
    if wanted and failed:
        return Refusal("EOPNOTSUPP", "memmap_on_memory_store", f"this does not hold: {failed[0]}")
    has = device.memmap == MemmapKind.PER_BLOCK
    if device.kind == "kmem" and device.state and wanted != has:
        return Refusal("EBUSY", "memmap_on_memory_store", f"kmem holds {name} already")
    if device.kind == "dax":
        kind = MemmapKind.PER_BLOCK if wanted else MemmapKind.RAM
        _become(tx, replace(device, memmap=kind))
        tx.event("memmap_on_memory_store", f"memmap_on_memory of {name} is {int(wanted)}")
    return None


def _become(tx: Transaction, device: Device) -> None:
    tx.state = replace(tx.state, devices={**tx.state.devices, device.id: device})


def bind(tx: Transaction, device: Device) -> Refusal | None:
    """``dev_dax_kmem_probe``: the whole memory blocks inside become System RAM."""
    state, says = tx.state, f"kmem {device.name}:"
    first, end = state.blocks_of(device)
    page = state.geometry.page_bytes
    start, size = device.start_pfn * page, device.nr_pages * page
    if device.kind == "kmem":
        log = [f"{says} mapping0: {_span(state, first, end)} could not reserve region"]
        rule = f"the region of {device.name} is taken until the next reboot"
        tx.event("dev_dax_kmem_probe", rule, log=log)
        return Refusal("EBUSY", "dev_dax_kmem_probe", rule)
    if device.kind == "pmem":
        return Refusal("EBUSY", "driver_attach", f"device_dax holds {device.name}")
    if first >= end:
        rule = f"no whole memory block lies in [{start:#x}-{start + size - 1:#x}]"
        log = [
            f"{says} mapping0: {start:#x}-{start + size - 1:#x} too small after alignment",
            f"{says} rejecting DAX region without any memory after alignment",
        ]
        tx.event("dev_dax_kmem_probe", rule, log=log)
        return Refusal("EINVAL", "dev_dax_kmem_probe", rule)
    pages = (end - first) * state.geometry.block_pages
    lost = size - pages * page
    # Said by 6.18 and by 7.3 (recorded), not by 6.12.
    truncated = f"{says} DAX region truncated by {_three_digits(lost)} due to alignment"
    log = [truncated] if lost and state.profile.is_since("6.18") else []
    held = replace(device, kind="kmem", state=UNPLUGGED, group_pages=pages)
    _become(tx, held)
    tx.event(
        "dev_dax_kmem_probe",
        f"{counted(end - first, 'whole memory block')} of {device.name}: a static memory group of "
        f"{pages} pages",
        log=log,
    )
    refusal = _plug(tx, held, tx.state.params.auto_online_blocks)
    if refusal is not None:
        _become(tx, replace(device, kind="dax"))
    return refusal


def _plug(tx: Transaction, device: Device, kind: OnlineType) -> Refusal | None:
    """The region is claimed and its memory added; in one piece, or not at all."""
    first, end = tx.state.blocks_of(device)
    start, size = first * tx.state.geometry.block_bytes, (end - first)
    size *= tx.state.geometry.block_bytes
    # A region whose device_dax has let go of it is not claimed any more.
    lines = [line for line in tx.state.resources if not _is_claim(line, device)]
    state = replace(tx.state, resources=tuple(lines))
    tx.state = resources.insert(state, _claim(state, device, start, start + size - 1))
    # 42d9358252e5 "dax/kmem: allow kmem to add memory with memmap_on_memory" (6.8)
    policy = None if device.memmap == MemmapKind.PER_BLOCK else MemmapPolicy.RAM
    # 7b7b27214bba "mm/memory_hotplug: introduce add_memory_driver_managed()" (5.8)
    line = LINE if tx.state.profile.is_since("5.8") else "System RAM"
    _become(tx, replace(device, state=kind.word))
    refusal = add_memory(tx, device, start, size, policy, line=line, kind=kind)
    if refusal is not None:
        _release(tx, device)
        _become(tx, device)
        says = f"kmem {device.name}: mapping0: {_span(tx.state, first, end)} memory add failed"
        tx.event("dax_kmem_do_hotplug", f"not added: {refusal.rule}", log=[says])
    return refusal


def _is_claim(line: Resource, device: Device) -> bool:
    return line.owner == device.id and line.name == device.name


def _release(tx: Transaction, device: Device) -> None:
    kept = tuple(line for line in tx.state.resources if not _is_claim(line, device))
    tx.state = replace(tx.state, resources=kept)


def unbind(tx: Transaction, device: Device) -> Refusal | None:
    """``dev_dax_kmem_remove``: the unbind succeeds; memory with a block online stays as it is."""
    if device.kind != "kmem" or not device.state:
        return Refusal("ENODEV", "unbind_store", f"kmem does not hold {device.name}")
    first, end = tx.state.blocks_of(device)
    there = len(tx.state.blocks.slice(first, end)) > 0
    # 9f960da72b25 "device-dax: "Hotremove" persistent memory that is used like normal RAM" (5.3)
    if there and (not tx.state.profile.is_since("5.3") or remove_range(tx, first, end - 1)):
        _become(tx, replace(device, state=""))
        tx.event(
            "dev_dax_kmem_remove",
            f"the unbind of {device.name} succeeds, but its memory stays System RAM until the next "
            "reboot",
            log=_stuck_log(tx.state, device, first, end),
        )
        tx.notes.append(f"{device.name} stays System RAM until the next reboot")
        return None
    _release(tx, device)
    _become(tx, replace(device, kind="dax", state="", group_pages=0))
    tx.event("dev_dax_kmem_remove", f"{device.name} is no System RAM any more")
    return None


def _span(state: State, first: int, end: int) -> str:
    size = state.geometry.block_bytes
    return f"{first * size:#x}-{end * size - 1:#x}"


def _stuck_log(state: State, device: Device, first: int, end: int) -> list[str]:
    """What the driver says of memory that it cannot take away, in the words of its release."""
    says, where = f"kmem {device.name}:", _span(state, first, end)
    if not state.profile.is_since("5.3"):
        return []
    if state.profile.dax_state_file:
        return [
            f"{says} mapping0: {where} stuck online until reboot",
            f"{says} Hotplug regions stuck online until reboot",
        ]
    # 60e93dc097f7 "device-dax: add dis-contiguous resource support" (5.10) numbers the ranges.
    mapping = "mapping0: " if state.profile.is_since("5.10") else ""
    return [f"{says} {mapping}{where} cannot be hotremoved until the next reboot"]


def write_state(tx: Transaction, device: Device, word: str) -> Refusal | None:
    """``state_store``: all memory of the device at once, online in one way, or away."""
    known = {**ONLINE_WORDS, UNPLUGGED: OnlineType.OFFLINE}
    if word not in known or word == "offline":
        return Refusal("EINVAL", "state_store", f"{word}: unplugged, online, online_kernel, …")
    if word == device.state:
        return None
    if word == UNPLUGGED:
        first, end = tx.state.blocks_of(device)
        if (refusal := offline_and_remove(tx, first, end - 1)) is not None:
            number = -getattr(errno, refusal.errno)
            log = [f"kmem {device.name}: hotremove failed, device left online: {number}"]
            text = f"the blocks are as they were: {refusal.rule}"
            tx.event("dax_kmem_do_hotremove", text, log=log)
            return refusal
        _release(tx, device)
        _become(tx, replace(device, state=UNPLUGGED))
        tx.event("dax_kmem_do_hotremove", f"all memory of {device.name} is unplugged")
        return None
    if device.state != UNPLUGGED:
        rule = f"the memory is {device.state}: it can be brought in from unplugged only"
        return Refusal("EBUSY", "state_store", rule)
    return _plug(tx, device, known[word])


def _three_digits(size: int) -> str:
    """``string_get_size`` with binary units: three digits, so 126 MiB, 62.0 MiB, 1.50 GiB."""
    power = max(0, (size.bit_length() - 1) // 10)
    whole, unit = size / 1024**power, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")[power]
    digits = 2 if whole < 10 else 1 if whole < 100 else 0
    return f"{whole:.{digits if power else 0}f} {unit}"
