"""A scenario as the shell lines that do the same on a real machine.

What sysfs can do becomes ``echo … > …``; what only the hypervisor or the boot loader can do
becomes a comment that says so. The scenario is run on its own machine meanwhile, so device
names and default addresses come out as block ids and addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pfnmap.engine import commands as c
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.memory.alike import offlined
from pfnmap.engine.memory.state import State
from pfnmap.engine.notation import format_size
from pfnmap.engine.operations.refs import block_ranges
from pfnmap.engine.play import play
from pfnmap.engine.scenarios.run import opened
from pfnmap.engine.scenarios.scenario import Scenario
from pfnmap.engine.sysfs_words import (
    DAX_DRIVERS,
    HUGEPAGES_DIR,
    MEMORY_DIR,
    NODE_DIR,
    PARAMETERS_DIR,
    VM_DIR,
)

MAX_SEPARATE_BLOCKS: Final = 4
"""More blocks than this in a row become a loop."""


def as_shell(scenario: Scenario) -> list[str]:
    """The lines of a POSIX shell script, comments included.

    Raises:
        ParseError: A line cannot be done on the scenario's machine (``FILE:LINE:COL: …``).
    """
    lines = [*_boot_lines(scenario.start)]
    lines += [f"# source: {words}" for words in scenario.origins]
    for step in play(scenario.lines, opened(scenario), scenario.complaint):
        lines += _written(step.command, step.outcome.before, step.outcome.after)
    return lines


def _boot_lines(start: c.StartMachine) -> Iterator[str]:
    profile = f", a kernel with the rules of {start.profile}"
    yield f"# {start.arch}, {format_size(start.ram_bytes)} of boot RAM{profile}"
    for node, size in start.node_ram_bytes:
        yield f"# node {node}: {format_size(size)} of boot RAM"
    words = [word for name, value in start.params if (word := _boot_word(name, value))]
    if words := start.cmdline.split() + words:
        yield f"# kernel command line: {' '.join(words)}"
    for name, value in start.params:
        if name == "vmemmap_hotplug":
            yield from _set(c.SetParam(name, value))


def _boot_word(name: str, value: str) -> str:
    """A parameter as the kernel's command line takes it, empty for what it does not."""
    match name:
        case "auto_online_blocks":
            return f"memhp_default_state={value}"
        case "movable_node":
            return "movable_node" if value == "Y" else ""
        case "hugetlb_free_vmemmap":
            return f"hugetlb_free_vmemmap={value}"
        case "vmemmap_hotplug":
            return ""
    return f"memory_hotplug.{name}={value}"


_SIMULATED: Final = (c.SetRule, c.Pin, c.Unpin, c.Signal, c.Free, c.Freelist, c.FailNext)
_FOR_A_SHELL: Final = (c.SysfsWrite, c.SysfsRead, c.Chmem, c.Daxctl, c.Cxl, c.Shell, c.Cd)


# -- by the kind of command ----------------------------------------------------------------
def _written(command: c.Command, before: State, after: State) -> list[str]:
    """The lines that do on a real machine what a command did here."""
    line = format_command(command)
    if isinstance(command, _FOR_A_SHELL):
        return [line]
    if isinstance(command, _SIMULATED):
        return [f"# only simulated: {line}"]
    match command:
        case c.SetParam():
            return _set(command)
        case c.Add():
            return _add(command, before, after)
        case c.Online():
            return _write_state(block_ranges(before, command.blocks), command.online_type.word)
        case c.Offline():
            return _write_state(block_ranges(before, command.blocks), "offline")
        case c.Remove(blocks=(c.Ref(device=str(name), first=None),)):
            return [f"# QEMU monitor: device_del {name}"]
        case c.Remove():
            return [f"# {line}: only a driver can remove single memory blocks"]
        case c.Shrink():  # the highest first, as the command takes them
            gone = [block for block, _ in offlined(before, after)]
            return [f"echo offline > {MEMORY_DIR}/memory{block}/state" for block in reversed(gone)]
        case c.DeviceAdd():
            where = f"--map={'dev' if command.altmap_bytes else 'mem'}"
            make = f"ndctl create-namespace --mode=fsdax {where} --size="
            return [f"# {line}: a pmem region, then {make}{format_size(command.size_bytes)}"]
        case c.DeviceDel():
            return [f"# {line}: ndctl disable-namespace"]
        case c.Kmem(name=name, memmap=memmap):
            file = f"/sys/bus/dax/devices/{name}/memmap_on_memory"
            knob = [f"echo {int(memmap == 'on_memory')} > {file}"] if memmap else []
            unbind = f"echo {name} > {DAX_DRIVERS}/device_dax/unbind"
            return [unbind, *knob, f"echo {name} > {DAX_DRIVERS}/kmem/new_id"]
        case c.KmemDel(name=name):
            device = after.device_named(name)
            back = [f"echo {name} > {DAX_DRIVERS}/device_dax/bind"]
            free = device is not None and device.kind == "pmem"
            return [f"echo {name} > {DAX_DRIVERS}/kmem/unbind", *(back if free else [])]
        case c.VirtioMem(name=name):
            device = after.device_named(name)
            size = device.requested_pages * after.geometry.page_bytes if device else 0
            how = f"in the hypervisor, QEMU's monitor: qom-set {name} requested-size {size}"
            return [f"# {line}: {how}"]
        case c.VirtioMemDel(name=name):
            return [f"# {line}: in QEMU's monitor: device_del {name}"]
        case c.Hugetlb() | c.HugetlbFree():
            return _hugetlb(command, before, after)
        case c.Note(words=words) | c.Title(words=words):
            return [f"# {words}"]
        case c.Pause():
            return [f"sleep {command.seconds:g}"]
        case c.Expect():
            return [f"# {line}"]
    assert isinstance(command, c.Goto | c.Zoom | c.Interactive)  # of the screen
    return []


def _set(command: c.SetParam) -> list[str]:
    name, value = command.name, command.value
    match name:
        case "memmap_on_memory" | "movable_node":
            word = _boot_word(name, value) or f"no {name}"
            return [f"# boot only, on the kernel command line: {word}"]
        case "auto_online_blocks" | "vmemmap_hotplug":
            return [f"echo {value} > {MEMORY_DIR}/{name}"]
        case "hugetlb_free_vmemmap":
            return [f"echo {int(value == 'on')} > {VM_DIR}/hugetlb_optimize_vmemmap"]
    return [f"echo {value} > {PARAMETERS_DIR}/{name}"]


def _add(command: c.Add, before: State, after: State) -> list[str]:
    device = after.device_named(command.name)
    address = command.address
    if device is not None:
        address = device.start_pfn << after.geometry.page_shift
    size = format_size(command.size_bytes)
    options = f"pc-dimm,id={command.name},memdev=mem-{command.name}"
    options += f",addr={address:#x}" if address is not None else ""
    options += f",node={command.node}" if command.node is not None else ""
    lines = [f"# only simulated: memmap={command.memmap.value}"] if command.memmap else []
    lines += [
        f"# QEMU monitor: object_add memory-backend-ram,id=mem-{command.name},size={size}",
        f"# QEMU monitor: device_add {options}",
    ]
    if address is not None and command.size_bytes == before.geometry.block_bytes:
        lines.append(f"# or, with CONFIG_ARCH_MEMORY_PROBE: echo {address:#x} > {MEMORY_DIR}/probe")
    return lines


def _write_state(ranges: Iterable[tuple[int, int]], word: str) -> list[str]:
    """Writes to the ``state`` files in ascending order; loops stop at the first refusal."""
    lines: list[str] = []
    for first, last in ranges:
        if last - first < MAX_SEPARATE_BLOCKS:
            lines += [
                f"echo {word} > {MEMORY_DIR}/memory{block}/state"
                for block in range(first, last + 1)
            ]
        else:
            lines.append(
                f"for i in $(seq {first} {last}); do echo {word} > "
                f"{MEMORY_DIR}/memory$i/state || break; done"
            )
    return lines


def _hugetlb(command: c.Hugetlb | c.HugetlbFree, before: State, after: State) -> list[str]:
    """The new size of every pool whose size changed."""

    def sizes(state: State) -> dict[int, int]:
        pools: dict[int, int] = {}
        for held in state.hugetlb.values():
            kib = held.page_pages * state.geometry.page_bytes >> 10
            pools[kib] = pools.get(kib, 0) + held.count
        return pools

    old, new = sizes(before), sizes(after)
    folder = HUGEPAGES_DIR
    if isinstance(command, c.Hugetlb) and command.node is not None:
        folder = f"{NODE_DIR}/node{command.node}/hugepages"
    return [
        f"echo {new.get(kib, 0)} > {folder}/hugepages-{kib}kB/nr_hugepages"
        for kib in sorted({*old, *new})
        if new.get(kib, 0) != old.get(kib, 0)
    ]
