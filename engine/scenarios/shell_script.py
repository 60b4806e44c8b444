"""A scenario as the shell lines that do the same on a real machine.

What sysfs can do becomes ``echo … > …``; what only the hypervisor or the boot loader can do
becomes a comment that says so. The scenario is run on its own machine meanwhile, so device
names and default addresses come out as block ids and addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pfnmap.engine import commands as c
from pfnmap.engine.kinds import BlockState
from pfnmap.engine.language import format_command, format_size
from pfnmap.engine.memory.state import State
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
        lines += _WRITERS[type(step.command)](step.command, step.outcome.before, step.outcome.after)
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


# -- one function for each kind of command -----------------------------------------------
def _set(command: c.SetParam, *_states: State) -> list[str]:
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


def _write_state(state: State, refs: tuple[c.Ref, ...], word: str) -> list[str]:
    """Writes to the ``state`` files in ascending order; loops stop at the first refusal."""
    lines: list[str] = []
    for first, last in block_ranges(state, refs):
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


def _remove(command: c.Remove, before: State, after: State) -> list[str]:
    device = command.blocks[0].device
    if device and command.blocks == (c.Ref(device=device),):
        return [f"# QEMU monitor: device_del {device}"]
    return [f"# {format_command(command)}: only a driver can remove single memory blocks"]


def _shrink(command: c.Shrink, before: State, after: State) -> list[str]:
    """The blocks that went offline, highest first, as the command takes them."""
    rows = before.blocks.rows
    online = [
        block
        for row in rows[rows["state"] == BlockState.ONLINE]
        for block in range(int(row["start"]), int(row["start"] + row["count"]))
    ]
    gone = [
        block
        for block in online
        if (row := after.blocks.at(block)) is None or row["state"] == BlockState.OFFLINE
    ]
    return [f"echo offline > {MEMORY_DIR}/memory{block}/state" for block in reversed(gone)]


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


def _device_add(command: c.DeviceAdd, before: State, after: State) -> list[str]:
    where = "dev" if command.altmap_bytes else "mem"
    return [
        f"# {format_command(command)}: a pmem region, then "
        f"ndctl create-namespace --mode=fsdax --map={where} --size="
        f"{format_size(command.size_bytes)}"
    ]


def _kmem(command: c.Kmem, before: State, after: State) -> list[str]:
    name = command.name
    lines = [f"echo {name} > {DAX_DRIVERS}/device_dax/unbind"]
    if command.memmap is not None:
        wanted = int(command.memmap == "on_memory")
        lines.append(f"echo {wanted} > /sys/bus/dax/devices/{name}/memmap_on_memory")
    return [*lines, f"echo {name} > {DAX_DRIVERS}/kmem/new_id"]


def _kmem_del(command: c.KmemDel, before: State, after: State) -> list[str]:
    lines = [f"echo {command.name} > {DAX_DRIVERS}/kmem/unbind"]
    device = after.device_named(command.name)
    if device is not None and device.kind == "pmem":
        lines.append(f"echo {command.name} > {DAX_DRIVERS}/device_dax/bind")
    return lines


def _virtio_mem(command: c.VirtioMem, before: State, after: State) -> list[str]:
    device = after.device_named(command.name)
    size = 0 if device is None else device.requested_pages * after.geometry.page_bytes
    return [
        f"# {format_command(command)}: in the hypervisor, QEMU's monitor: "
        f"qom-set {command.name} requested-size {size}"
    ]


_SIMULATED: Final = (c.SetRule, c.Pin, c.Unpin, c.Signal, c.Free, c.Freelist, c.FailNext)
_FOR_A_SHELL: Final = (c.SysfsWrite, c.SysfsRead, c.Chmem, c.Daxctl, c.Cxl, c.Shell, c.Cd)
_OF_THE_SCREEN: Final = (c.Goto, c.Zoom, c.Interactive)

_WRITERS: Final[dict[type[c.Command], Callable[..., list[str]]]] = {
    c.SetParam: _set,
    c.Add: _add,
    c.Online: lambda on, before, _: _write_state(before, on.blocks, on.online_type.word),
    c.Offline: lambda off, before, _: _write_state(before, off.blocks, "offline"),
    c.Remove: _remove,
    c.Shrink: _shrink,
    c.DeviceAdd: _device_add,
    c.DeviceDel: lambda gone, *_: [f"# {format_command(gone)}: ndctl disable-namespace"],
    c.Kmem: _kmem,
    c.KmemDel: _kmem_del,
    c.VirtioMem: _virtio_mem,
    c.VirtioMemDel: lambda gone, *_: [
        f"# {format_command(gone)}: in QEMU's monitor: device_del {gone.name}"
    ],
    c.Hugetlb: _hugetlb,
    c.HugetlbFree: _hugetlb,
    c.Note: lambda note, *_: [f"# {note.words}"],
    c.Title: lambda title, *_: [f"# {title.words}"],
    c.Pause: lambda pause, *_: [f"sleep {pause.seconds:g}"],
    c.Expect: lambda claim, *_: [f"# {format_command(claim)}"],
    **dict.fromkeys(_SIMULATED, lambda word, *_: [f"# only simulated: {format_command(word)}"]),
    **dict.fromkeys(_FOR_A_SHELL, lambda line, *_: [format_command(line)]),
    **dict.fromkeys(_OF_THE_SCREEN, lambda *_: []),
}
