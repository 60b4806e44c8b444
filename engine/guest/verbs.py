"""The command language on a real kernel: what each word comes to on a guest.

Words that exist in the model alone raise UnplayableError with the reason; talk and claims are
passed over.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from pfnmap.engine import commands as c
from pfnmap.engine.commands import Command, Ref
from pfnmap.engine.guest.errors import UnplayableError
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.kinds import BlockState, OnlineType
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.sysfs_words import MEMORY_DIR, NODE_DIR, PARAMETERS_DIR, expand_braces
from pfnmap.engine.traces.trace import RecordedBlock, RecordedStep

MEANINGLESS: Final[dict[type[Command], str]] = {
    c.Pin: "a real kernel places its allocations itself",
    c.Unpin: "a real kernel places its allocations itself",
    c.Free: "how much is free is the kernel's to say: cat /proc/zoneinfo",
    c.Freelist: "what the buddy lists hold is the kernel's to say: cat /proc/buddyinfo",
    c.FailNext: "a real kernel fails when it fails",
    c.SetRule: "the rules of a real kernel are its code: boot another one",
    c.Shrink: "no released kernel has it: offline the highest blocks of the zone",
    c.Signal: "an offline that does not end is ended by itself here",
    c.Daxctl: "the guest has no daxctl: kmem NAME, kmem-del NAME",
    c.Cxl: "the guest has no cxl, and no CXL memory: device-add NAME, kmem NAME",
    c.StartMachine: "the machine is switched on already",
    c.Interactive: "that is for the session",
}
"""Why a word means nothing on a real machine."""

_SYSFS_PARAMS = {
    "online_policy": f"{PARAMETERS_DIR}/online_policy",
    "auto_movable_ratio": f"{PARAMETERS_DIR}/auto_movable_ratio",
    "auto_movable_numa_aware": f"{PARAMETERS_DIR}/auto_movable_numa_aware",
    "auto_online_blocks": f"{MEMORY_DIR}/auto_online_blocks",
    "hugetlb_free_vmemmap": "/proc/sys/vm/hugetlb_optimize_vmemmap",
}
_STATE_FILE = re.compile(r"/sys/devices/system/memory/memory(\d+)/state\Z")
_ND, _DAX = "/sys/bus/nd", "/sys/bus/dax"
_UUID = "12345678-1234-1234-1234-{:012x}"
_GLOB = re.compile(r"[\w./*?{},:@%+=\[\]-]+\Z")


def perform(recorder: Recorder, command: Command) -> list[RecordedStep]:
    """Do one command to the guest; the steps that it took, up to the first refusal.

    Before them stands what the guest has done by itself meanwhile.

    Raises:
        UnplayableError: It means nothing on a real machine, or on this one; nothing was done.
        GuestError: There is no answer, or the kernel lacks what it takes.
    """
    done = recorder.look()
    for step in _steps(recorder, command):
        done += recorder.keep(step)
        if step.result is not None:
            break
    return done


def _steps(on: Recorder, command: Command) -> Iterator[RecordedStep]:
    """Each step is taken when it is asked for."""
    match command:
        case c.Add(name=name, size_bytes=size, address=address, node=node):
            if command.memmap is not None or len(command.sizes) > 1:
                raise _meaningless(
                    command, "a real kernel chooses the place of struct pages by its parameters, "
                    "and QEMU's DIMMs have one size"
                )  # fmt: skip
            place = on.free_address(size) if address is None else address
            yield on.plug(name, size, place, node or 0)
        case c.Online(blocks=refs, online_type=kind):
            for block in _blocks(on, refs):
                yield on.write_state(block, kind.word)
        case c.Offline(blocks=refs):
            for block in _blocks(on, refs):
                yield on.write_state(block, "offline")
        case c.Remove(blocks=(Ref(device=str(device), first=None) as ref,)):
            _device_blocks(on, ref)
            yield on.unplug(device)
        case c.Remove():
            raise _meaningless(command, "a real machine ejects whole DIMMs: remove NAME")
        case c.SetParam(name=name, value=value):
            if name not in _SYSFS_PARAMS:
                raise _meaningless(command, "it cannot be changed on a running kernel")
            yield on.shell(f"echo {_switch(name, value)} > {_SYSFS_PARAMS[name]}")
        case c.VirtioMem():
            yield from _virtio_mem(on, command)
        case c.VirtioMemDel(name=name) | c.DeviceDel(name=name) if name not in on.devices:
            raise _meaningless(command, "no device of that name is plugged in")
        case c.VirtioMemDel(name=name):
            yield on.unplug(name)
        case c.DeviceAdd() | c.DeviceDel() | c.Kmem() | c.KmemDel():
            yield from _persistent(on, command)
        case c.Hugetlb() | c.HugetlbFree():
            yield on.shell(_huge_pages(on, command))
        case c.SysfsWrite(word=word, path=path):
            if found := _STATE_FILE.match(path):
                yield on.write_state(int(found[1]), word)
            else:
                yield on.shell(f"echo {shlex.quote(word)} > {shlex.quote(path)}")
        case c.SysfsRead() | c.Shell() | c.Chmem():
            yield from _shell_line(on, command)
        case _ if isinstance(command, (*c.TALK, c.Source)):
            return
        case _:
            raise refuse(command)


def refuse(command: Command) -> UnplayableError:
    """Why a word that is :data:`MEANINGLESS` is not done."""
    return _meaningless(command, MEANINGLESS[type(command)])


def _meaningless(command: Command, why: str) -> UnplayableError:
    return UnplayableError(f"{format_command(command)}: not on a real machine: {why}")


def _switch(name: str, value: str) -> str:
    if name == "hugetlb_free_vmemmap":
        return "1" if value in ("on", "Y", "y", "1") else "0"
    return value


# -- blocks ------------------------------------------------------------------------------------
def _blocks(on: Recorder, refs: Sequence[Ref]) -> list[int]:
    numbers: set[int] = set()
    for ref in refs:
        if ref.address is not None:
            first, last = (byte // on.block_bytes for byte in ref.address)
        elif ref.device is None:
            first = ref.first or 0
            last = first if ref.last is None else ref.last
        else:
            first, last = _device_blocks(on, ref)
        numbers.update(range(first, last + 1))
    return sorted(numbers)


def _device_blocks(on: Recorder, ref: Ref) -> tuple[int, int]:
    device = on.devices.get(ref.device or "")
    if device is None:
        raise UnplayableError(f"no device {ref.device} is plugged in")
    start = device.start // on.block_bytes
    if ref.first is None:
        return start, start + device.size // on.block_bytes - 1
    return start + ref.first, start + (ref.first if ref.last is None else ref.last)


# -- devices -----------------------------------------------------------------------------------
def _virtio_mem(on: Recorder, command: c.VirtioMem) -> Iterator[RecordedStep]:
    if command.name not in on.devices:
        if command.size_bytes is None:
            raise UnplayableError(f"virtio-mem {command.name}: no such device; size=SIZE makes one")
        place = command.address or on.free_address(command.size_bytes)
        options = {"memaddr": place, "block-size": command.block_bytes}
        yield on.plug_virtio_mem(command.name, command.size_bytes, command.node or 0, **options)
    elif command.sets_up:
        raise UnplayableError(f"virtio-mem {command.name}: it is there; requested=SIZE resizes it")
    if command.requested_bytes is not None:
        yield on.resize(command.name, command.requested_bytes)


def _persistent(
    on: Recorder, command: c.DeviceAdd | c.DeviceDel | c.Kmem | c.KmemDel
) -> Iterator[RecordedStep]:
    """Persistent memory is a region of the nvdimm bus, and a dax device over it."""
    if isinstance(command, c.DeviceAdd):
        if command.mapping is not None:
            raise _meaningless(command, "QEMU has no device with memory of that kind")
        place = command.address or on.free_address(command.size_bytes)
        yield on.plug_nvdimm(command.name, command.size_bytes, place, command.node or 0)
        mode = "ram" if command.altmap_bytes is None else "pmem"
        yield on.shell(_claimed(on.devices[command.name].dax, mode))
        return
    if not (dax := on.dax_name(command.name)):
        raise UnplayableError(f"{format_command(command)}: device-add makes such a device first")
    match command:
        case c.DeviceDel():
            yield on.shell(f"echo {dax} > {_ND}/drivers/dax_pmem/unbind")
        case c.Kmem(memmap=memmap):
            on.guest.needs("kmem")
            hosted = f"echo {int(memmap == 'on_memory')} > {_DAX}/devices/{dax}/memmap_on_memory; "
            line = hosted if memmap is not None else ""
            line = f"echo {dax} > {_DAX}/drivers/device_dax/unbind; {line}"
            yield on.shell(f"{line}echo {dax} > {_DAX}/drivers/kmem/new_id")
        case c.KmemDel():
            step = on.shell(f"echo {dax} > {_DAX}/drivers/kmem/unbind")
            yield step
            if not any(line.name == dax for line in step.after.iomem):  # none is stuck online
                yield on.shell(f"echo {dax} > {_DAX}/drivers/device_dax/bind")


def _claimed(dax: str, mode: str) -> str:
    """The line that makes a dax device of a namespace, struct pages on it (``pmem``) or not."""
    namespace = dax.replace("dax", "namespace")
    number = int(dax[len("dax") : -len(".0")])
    fields = {
        "uuid": _UUID.format(number),
        "mode": mode,
        "align": str(2 << 20),
        "namespace": namespace,
    }
    writes = [f"echo {word} > {_ND}/devices/{dax}/{file}" for file, word in fields.items()]
    unbind = f"echo {namespace} > {_ND}/drivers/nd_pmem/unbind"
    return " && ".join([unbind, *writes, f"echo {dax} > {_ND}/drivers/dax_pmem/bind"])


def _huge_pages(on: Recorder, command: c.Hugetlb | c.HugetlbFree) -> str:
    """The line that makes the pool of a node larger or smaller."""
    on.guest.needs("hugetlb")
    if isinstance(command, c.HugetlbFree):
        if command.name not in on.huge_pages:
            raise UnplayableError(f"hugetlb-free {command.name}: hugetlb makes such pages first")
        pool, count = on.huge_pages.pop(command.name)
        left = max(0, _pool(on, pool) - count)  # offlining memory dissolves pages
        return f"echo {left} > {pool}"
    if command.address is not None or command.pfn is not None:
        raise _meaningless(command, "a real kernel chooses where huge pages lie")
    size = command.page_bytes >> 10
    pool = f"{NODE_DIR}/node{command.node or 0}/hugepages/hugepages-{size}kB/nr_hugepages"
    on.huge_pages[command.name] = (pool, command.count)
    return f"echo {_pool(on, pool) + command.count} > {pool}"


def _pool(on: Recorder, file: str) -> int:
    found = on.guest.run(f"cat {file}")
    if found.status:
        raise UnplayableError(f"the kernel has no {file}")
    return int(found.output)


# -- shell lines -------------------------------------------------------------------------------
def _shell_line(on: Recorder, command: c.SysfsRead | c.Shell | c.Chmem) -> Iterator[RecordedStep]:
    if isinstance(command, c.SysfsRead):
        read = ["grep", command.pattern or "."] if command.named or command.pattern else ["cat"]
        files = (path if _GLOB.match(path) else shlex.quote(path) for path in command.paths)
        yield on.shell(" ".join((*map(shlex.quote, read), *files)))
    elif isinstance(command, c.Shell):
        # The guest's shell is busybox's, which does not know braces.
        yield on.shell(re.sub(r"\S*\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}\S*", _braces, command.line))
    else:
        for block in _chosen(on, command):
            word = command.zone.word if command.enable else "offline"
            if word == OnlineType.ONLINE.word and "Movable" in block.valid_zones:
                word = OnlineType.ONLINE_MOVABLE.word  # as chmem has it since util-linux 2.32
            yield on.write_state(block.id, word)


def _braces(found: re.Match[str]) -> str:
    word, end = found[0].rstrip(";"), ";" * found[0].endswith(";")
    return " ".join(expand_braces(word)) + end


def _chosen(on: Recorder, command: c.Chmem) -> list[RecordedBlock]:
    """Blocks as ``chmem`` takes them: of a size the lowest offline or the highest online ones."""
    have = [b for b in on.now.blocks if (b.state == BlockState.ONLINE.word) != command.enable]
    if command.size_bytes is not None:
        wanted = command.size_bytes // on.block_bytes
        return have[:wanted] if command.enable else have[::-1][:wanted]
    unit = 1 if command.blocks else on.block_bytes
    first, last = command.first // unit, command.last // unit
    return [block for block in have if first <= block.id <= last]
