"""dax/kmem: the memory of a dax device as System RAM.

Source: ``drivers/dax/kmem.c`` of 6.12 and 7.3, and recordings of both. The driver came with
c221c0b0308f "device-dax: "Hotplug" persistent memory for use like normal RAM" (5.1).
"""

from __future__ import annotations

import errno

from msgspec.structs import replace

from pfnmap.engine.commands import Kmem, KmemDel
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import MemmapKind, MemmapPolicy, OnlineType
from pfnmap.engine.memory import resources
from pfnmap.engine.memory.memmap import eligibility
from pfnmap.engine.memory.state import Device, Resource, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import device as zone_device
from pfnmap.engine.operations.add import add_memory
from pfnmap.engine.operations.remove import offline_and_remove, remove_range
from pfnmap.engine.outcome import Refusal
from pfnmap.engine.params import ONLINE_WORDS, kstrtobool
from pfnmap.engine.sizes import counted

UNPLUGGED = "unplugged"
LINE = "System RAM (kmem)"
DAX_KINDS = ("pmem", "dax", "kmem")
"""Devices of the dax bus: held by device_dax, by no driver, by kmem."""
_FSDAX_INFO_BYTES = 8192
"""What libnvdimm keeps for itself at the start of a namespace (``nd_pfn_init``)."""
_ALIGN_BYTES = 2 << 20
_STRUCT_PAGE_BYTES = 64
"""What it reckons with, whatever the kernel's has (``MAX_STRUCT_PAGE_SIZE``)."""


def add(tx: Transaction, command: Kmem) -> Refusal | None:
    """``kmem NAME``: off device_dax, ``memmap_on_memory`` as the line says, on to kmem."""
    device = dax_device(tx.state, command.name)
    if (refusal := unbind_device_dax(tx, device)) is not None:
        return refusal
    if command.memmap is not None:
        refusal = write_memmap(tx, command.name, command.memmap == "on_memory")
        if refusal is not None:
            return refusal
    return bind(tx, dax_device(tx.state, command.name))


def delete(tx: Transaction, command: KmemDel) -> Refusal | None:
    """``kmem-del NAME``: off kmem, and where its memory is gone, back to device_dax."""
    device = dax_device(tx.state, command.name)
    if (refusal := unbind(tx, device)) is not None:
        return refusal
    device = tx.state.devices[device.id]
    return bind_device_dax(tx, device) if device.kind == "dax" else None


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
    if driver == "kmem" and name == "new_id":
        # driver_attach: all that no driver holds are tried, and what comes of it is not told.
        stuck = [
            each for each in tx.state.devices.values() if each.kind == "kmem" and not each.state
        ]
        for each in sorted([device, *stuck], key=lambda each: each.name):
            bind(tx, each)
        return None
    if driver == "kmem":
        return unbind(tx, device) if name == "unbind" else bind(tx, device)
    if name != "unbind":
        return bind_device_dax(tx, device)
    claimed = any(_is_claim(line, device) for line in tx.state.resources)
    if device.kind != "pmem" and not (device.kind == "dax" and claimed):
        return Refusal("ENODEV", "unbind_store", f"device_dax does not hold {word}")
    unbind_device_dax(tx, device)
    _release(tx, device)
    return None


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
    tx.state = tx.state.with_device(device)
    return device


def read_file(state: State, name: str, file: str) -> str | None:
    """A file of ``/sys/bus/dax/devices/NAME``, None where it is not there."""
    device = state.device_named(name)
    if device is None or device.kind not in DAX_KINDS:
        return None
    match file:
        case "state" if state.profile.dax_state_file and device.state:
            return device.state
        case "memmap_on_memory" if state.profile.is_since("6.9"):
            return str(int(device.own_memmap))
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
        there = device is not None and device.kind in DAX_KINDS
        errno = "EACCES" if there else "ENOENT"  # nobody may create a file there
        return Refusal(errno, "sysfs", f"/sys/bus/dax/devices/{name} has no file {file}")
    if file == "state":
        return write_state(tx, device, word)
    if file == "memmap_on_memory":
        if (truth := kstrtobool(word)) is None:
            return Refusal("EINVAL", "memmap_on_memory_store", f"{word} is no boolean")
        return write_memmap(tx, name, truth)
    return Refusal("EACCES", "sysfs", f"{file} of {name} cannot be written")


def dax_device(state: State, name: str) -> Device:
    """The dax device of that name; InputError where there is none, or no dax/kmem."""
    device = state.device_named(name)
    if device is None or device.kind not in DAX_KINDS or device.mapping:
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
    refusal = zone_device.map_range(tx, replace(device, kind="pmem", memmap=kind))
    if refusal is None and not any(line.owner == device.id for line in tx.state.resources):
        shift = tx.state.geometry.page_shift
        claim = _claim(tx.state, device, device.start_pfn << shift, (device.end_pfn << shift) - 1)
        tx.state = resources.insert(tx.state, claim)
    return refusal


def with_region(
    state: State, name: str, start: int, end: int, node: int = 0, *, hosting: bool = False
) -> State:
    """With the dax device that libnvdimm makes of a region of pmem, behind its label; bytes.

    ``nd_pfn_init``, aligned to 2 MiB. ``hosting``: struct pages lie behind the label, too. No
    driver holds the device yet.
    """
    shift, number = state.geometry.page_shift, state.next_id
    label = _FSDAX_INFO_BYTES
    if hosting:
        label += (end + 1 - start - label >> shift) * _STRUCT_PAGE_BYTES
    start = -(-(start + label) // _ALIGN_BYTES) * _ALIGN_BYTES
    pages = (end + 1 - start) >> shift
    device = Device(number, name, "dax", start >> shift, pages, node, MemmapKind.RAM)
    if old := state.device_named(name):
        device = replace(old, start_pfn=device.start_pfn, nr_pages=pages)
    if pages <= 0 or device.kind != "dax":
        return state
    return replace(state.with_device(device), next_id=number + 1)


def bind_region(tx: Transaction, name: str, region: Resource) -> None:
    """``echo NAME > …/dax_pmem/bind``: a dax device over a region, and device_dax takes it."""
    if tx.state.device_named(name) is None:
        tx.state = with_region(tx.state, name, region.start, region.end)
    device = tx.state.device_named(name)
    if device is None or device.kind != "dax":
        return
    start = device.start_pfn << tx.state.geometry.page_shift
    inside = [
        replace(line, end=min(line.end, start - 1)) if line.depth == region.depth + 1 else line
        for line in tx.state.resources
        if not region.start <= line.start <= line.end <= region.end or line.start < start
    ]
    tx.state = replace(tx.state, resources=tuple(inside))
    bind_device_dax(tx, device)


def unbind_region(tx: Transaction, name: str) -> None:
    """``echo NAME > …/dax_pmem/unbind``: its driver lets go of the dax device."""
    device = tx.state.device_named(name)
    if device is not None and device.kind == "kmem" and device.state:
        unbind(tx, device)
    elif device is not None and device.kind == "pmem":
        unbind_device_dax(tx, device)
        _release(tx, device)


def _claim(state: State, device: Device, start: int, end: int) -> Resource:
    """The line of a dax device, which its memory becomes a child of."""
    depth = resources.depth_of(state, start, end)
    return Resource(start, end, device.name, depth, system_ram=False, owner=device.id)


# -- kmem -----------------------------------------------------------------------------------
def write_memmap(tx: Transaction, name: str, wanted: bool) -> Refusal | None:
    """``memmap_on_memory_store`` of a dax device: before kmem takes it over.

    73954d379efd "dax: add a sysfs knob to control memmap_on_memory behavior" (6.9).
    """
    device, state = dax_device(tx.state, name), tx.state
    if not state.profile.is_since("6.9"):
        raise InputError(f"{state.profile.name} has no memmap_on_memory of a dax device (6.9)")
    checks, _ = eligibility(state.geometry, state.params.memmap_on_memory)
    failed = [check.rule for check in checks if not check.holds]
    if wanted and failed:
        return Refusal("EOPNOTSUPP", "memmap_on_memory_store", f"this does not hold: {failed[0]}")
    if device.kind == "kmem" and device.state and wanted != device.own_memmap:
        return Refusal("EBUSY", "memmap_on_memory_store", f"kmem holds {name} already")
    tx.state = tx.state.with_device(replace(device, own_memmap=wanted))
    tx.event("memmap_on_memory_store", f"memmap_on_memory of {name} is {int(wanted)}")
    return None


def bind(tx: Transaction, device: Device) -> Refusal | None:
    """``dev_dax_kmem_probe``: the whole memory blocks in each range become System RAM."""
    state, says = tx.state, f"kmem {device.name}:"
    mappings, page = state.mappings_of(device), state.geometry.page_bytes
    if device.kind == "kmem" and device.state:
        return Refusal("EBUSY", "driver_attach", f"kmem holds {device.name} already")
    blocks = sum(end - first for first, end in mappings)
    pages = blocks * state.geometry.block_pages
    lost = sum(high - low for low, high in device.parts) - pages
    # Said by 6.18 and by 7.3 (recorded), not by 6.12.
    truncated = f"{says} DAX region truncated by {_three_digits(lost * page)} due to alignment"
    says_more = [truncated] if blocks and lost and state.profile.is_since("6.18") else []
    if device.kind == "kmem":
        span = _span(state, *next((each for each in mappings if each[0] < each[1]), mappings[0]))
        log = [*says_more, f"{says} mapping0: {span} could not reserve region"]
        rule = f"the region of {device.name} is taken until the next reboot"
        tx.event("dev_dax_kmem_probe", rule, log=log)
        return Refusal("EBUSY", "dev_dax_kmem_probe", rule)
    if device.kind == "pmem":
        return Refusal("EBUSY", "driver_attach", f"device_dax holds {device.name}")
    log = [
        f"{says} mapping{number}: {low * page:#x}-{high * page - 1:#x} too small after alignment"
        for number, (low, high) in enumerate(device.parts)
        if mappings[number][0] >= mappings[number][1]
    ]
    if not blocks:
        start, end = device.start_pfn * page, device.end_pfn * page - 1
        rule = f"no whole memory block lies in [{start:#x}-{end:#x}]"
        log.append(f"{says} rejecting DAX region without any memory after alignment")
        tx.event("dev_dax_kmem_probe", rule, log=log)
        return Refusal("EINVAL", "dev_dax_kmem_probe", rule)
    kind = MemmapKind.PER_BLOCK if device.own_memmap else MemmapKind.RAM
    held = replace(device, kind="kmem", state=UNPLUGGED, group_pages=pages, memmap=kind)
    tx.state = tx.state.with_device(held)
    # eedf634aac3b "dax/kmem: use a single static memory group for a single probed unit" (5.15)
    group = f": a static memory group of {pages} pages" if state.profile.is_since("5.15") else ""
    text = f"{counted(blocks, 'whole memory block')} of {device.name}{group}"
    tx.event("dev_dax_kmem_probe", text, log=[*log, *says_more])
    refusal = _plug(tx, held, tx.state.params.auto_online_blocks)
    if refusal is not None:
        tx.state = tx.state.with_device(replace(device, kind="dax"))
    return refusal


def _plug(tx: Transaction, device: Device, kind: OnlineType) -> Refusal | None:
    """The regions are claimed and their memory added; behind one that was, failures are passed by.

    "Once some memory has been onlined we can't assume that it can be un-onlined safely."
    """
    # A region whose device_dax has let go of it is not claimed any more.
    _release(tx, device)
    # 42d9358252e5 "dax/kmem: allow kmem to add memory with memmap_on_memory" (6.8)
    policy = None if device.memmap == MemmapKind.PER_BLOCK else MemmapPolicy.RAM
    # 7b7b27214bba "mm/memory_hotplug: introduce add_memory_driver_managed()" (5.8)
    line = LINE if tx.state.profile.is_since("5.8") else "System RAM"
    tx.state = tx.state.with_device(replace(device, state=kind.word))
    mapped, size = 0, tx.state.geometry.block_bytes
    for number, (first, end) in enumerate(tx.state.mappings_of(device)):
        if first >= end:
            continue
        claim = _claim(tx.state, device, first * size, end * size - 1)
        tx.state = resources.insert(tx.state, claim)
        length = (end - first) * size
        refusal = add_memory(tx, device, first * size, length, policy, line=line, kind=kind)
        if refusal is None:
            mapped += 1
            continue
        _release(tx, device, first, end)
        says = f"kmem {device.name}: mapping{number}: {_span(tx.state, first, end)}"
        log = [f"{says} memory add failed"]
        tx.event("dax_kmem_do_hotplug", f"not added: {refusal.rule}", log=log)
        if not mapped:
            tx.state = tx.state.with_device(device)
            return refusal
    return None


def _is_claim(line: Resource, device: Device) -> bool:
    return line.owner == device.id and line.name == device.name


def _release(tx: Transaction, device: Device, first: int = 0, end: int = 1 << 62) -> None:
    """The regions that kmem claimed, of the blocks first..end - 1, are nobody's."""
    size = tx.state.geometry.block_bytes
    kept = tuple(
        line
        for line in tx.state.resources
        if not _is_claim(line, device) or not first <= line.start // size < end
    )
    tx.state = replace(tx.state, resources=kept)


def unbind(tx: Transaction, device: Device) -> Refusal | None:
    """``dev_dax_kmem_remove``: the unbind succeeds; a range with a block online stays as it is."""
    if device.kind != "kmem" or not device.state:
        return Refusal("ENODEV", "unbind_store", f"kmem does not hold {device.name}")
    # 9f960da72b25 "device-dax: "Hotremove" persistent memory that is used like normal RAM" (5.3)
    removes = tx.state.profile.is_since("5.3")
    stuck: list[tuple[int, tuple[int, int]]] = []
    for number, (first, end) in enumerate(tx.state.mappings_of(device)):
        if not len(tx.state.blocks.slice(first, end)):
            continue
        if not removes or remove_range(tx, first, end - 1):
            stuck.append((number, (first, end)))
        else:
            _release(tx, device, first, end)
    if stuck:
        tx.state = tx.state.with_device(replace(device, state=""))
        tx.event(
            "dev_dax_kmem_remove",
            f"the unbind of {device.name} succeeds, but its memory stays System RAM until the next "
            "reboot",
            log=_stuck_log(tx.state, device, stuck) if removes else [],
        )
        tx.notes.append(f"{device.name} stays System RAM until the next reboot")
        return None
    _release(tx, device)
    tx.state = tx.state.with_device(
        replace(device, kind="dax", state="", group_pages=0, memmap=MemmapKind.RAM)
    )
    tx.event("dev_dax_kmem_remove", f"{device.name} is no System RAM any more")
    return None


def _span(state: State, first: int, end: int) -> str:
    size = state.geometry.block_bytes
    return f"{first * size:#x}-{end * size - 1:#x}"


def _stuck_log(state: State, device: Device, stuck: list[tuple[int, tuple[int, int]]]) -> list[str]:
    """What the driver says of memory that it cannot take away, in the words of its release."""
    says, newest = f"kmem {device.name}:", state.profile.dax_state_file
    # 60e93dc097f7 "device-dax: add dis-contiguous resource support" (5.10) numbers the ranges.
    numbered = state.profile.is_since("5.10")
    words = "stuck online until reboot" if newest else "cannot be hotremoved until the next reboot"
    log = [
        f"{says} {f'mapping{number}: ' if numbered else ''}{_span(state, *blocks)} {words}"
        for number, blocks in stuck
    ]
    return log + [f"{says} Hotplug regions stuck online until reboot"] * newest


def write_state(tx: Transaction, device: Device, word: str) -> Refusal | None:
    """``state_store``: all memory of the device at once, online in one way, or away."""
    known = {**ONLINE_WORDS, UNPLUGGED: OnlineType.OFFLINE}
    if word not in known or word == "offline":
        rule = f"{word!r} is none of unplugged, online, online_kernel, online_movable"
        return Refusal("EINVAL", "state_store", rule)
    if word == device.state:
        return None
    if word == UNPLUGGED:
        ranges = [(low, high - 1) for low, high in tx.state.mappings_of(device) if low < high]
        if (refusal := offline_and_remove(tx, *ranges)) is not None:
            number = -getattr(errno, refusal.errno)
            log = [f"kmem {device.name}: hotremove failed, device left online: {number}"]
            text = f"the blocks are as they were: {refusal.rule}"
            tx.event("dax_kmem_do_hotremove", text, log=log)
            return refusal
        _release(tx, device)
        tx.state = tx.state.with_device(replace(device, state=UNPLUGGED))
        tx.event("dax_kmem_do_hotremove", f"all memory of {device.name} is unplugged")
        return None
    if device.state != UNPLUGGED:
        rule = f"the memory is {device.state}: it can be brought in from unplugged only"
        return Refusal("EBUSY", "state_store", rule)
    return _plug(tx, device, known[word])


def _three_digits(size: int) -> str:
    """``string_get_size`` with binary units: three digits, so 126 MiB, 62.0 MiB, 1.50 GiB."""
    power = max(0, (size.bit_length() - 1) // 10)
    whole, unit = size / 1024**power, ("B", "KiB", "MiB", "GiB", "TiB")[power]
    digits = 2 if whole < 10 else 1 if whole < 100 else 0
    return f"{whole:.{digits if power else 0}f} {unit}"
