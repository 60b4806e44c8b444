"""The command language on a real kernel: the same words, done by a guest.

Only what a person could do to that guest is translated. Commands that exist in the model
alone (placing a pin, changing a rule, injecting a fault) raise UnplayableError; talk and
expectations are passed over.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pfnmap.engine.commands import (
    TALK,
    Add,
    Command,
    Offline,
    Online,
    Ref,
    Remove,
    SetParam,
    StartMachine,
    SysfsRead,
    SysfsWrite,
)
from pfnmap.engine.guest.hardware import GIB, LOW_RAM_BYTES, Hardware
from pfnmap.engine.guest.images import VERSIONS
from pfnmap.engine.guest.record import Action, Plug, Recorder, Shell, Unplug, WriteState
from pfnmap.engine.guest.trace import Step
from pfnmap.engine.language import parse_line

_MODULE = "/sys/module/memory_hotplug/parameters"
_SYSFS_PARAMS = {
    "online_policy": f"{_MODULE}/online_policy",
    "auto_movable_ratio": f"{_MODULE}/auto_movable_ratio",
    "auto_movable_numa_aware": f"{_MODULE}/auto_movable_numa_aware",
    "auto_online_blocks": "/sys/devices/system/memory/auto_online_blocks",
    "hugetlb_free_vmemmap": "/proc/sys/vm/hugetlb_optimize_vmemmap",
}
_BOOT_WORDS = {
    "memmap_on_memory": "memory_hotplug.memmap_on_memory={}",
    "online_policy": "memory_hotplug.online_policy={}",
    "auto_movable_ratio": "memory_hotplug.auto_movable_ratio={}",
    "auto_movable_numa_aware": "memory_hotplug.auto_movable_numa_aware={}",
    "auto_online_blocks": "memhp_default_state={}",
    "hugetlb_free_vmemmap": "hugetlb_free_vmemmap={}",
}
_STATE_FILE = re.compile(r"/sys/devices/system/memory/memory(\d+)/state\Z")


class UnplayableError(Exception):
    """A command that no real machine can be given."""


@dataclass(frozen=True, slots=True)
class Script:
    """A scenario taken apart: what to boot, and what to do then."""

    version: str
    hardware: Hardware
    commands: tuple[Command, ...]


def read_script(lines: Iterable[str], version: str | None = None) -> Script:
    """Parse lines of the command language; ``version`` boots another kernel than they name."""
    parsed = (parse_line(text, line=number) for number, text in enumerate(lines, start=1))
    commands = [command for command in parsed if command is not None]
    start = StartMachine()
    if commands and isinstance(commands[0], StartMachine):
        start = commands[0]
        commands = commands[1:]
    params = dict(start.params)
    while commands and isinstance(commands[0], (SetParam, *TALK)):
        first = commands.pop(0)
        if isinstance(first, SetParam):
            params[first.name] = first.value
    wanted = version or start.profile
    return Script(wanted, _hardware(start, wanted, params), tuple(commands))


def _hardware(start: StartMachine, version: str, params: dict[str, str]) -> Hardware:
    if version not in VERSIONS:
        raise UnplayableError(f"there is no kernel to boot for profile {version}")
    if start.arch != "x86_64" or start.block_bytes is not None:
        raise UnplayableError("a guest is an x86_64 machine, and its kernel chooses the block size")
    node_ram = dict(start.node_ram_bytes)
    if any(not node_ram.get(node) for node in range(1, start.nodes - 1)):
        # The kernel numbers nodes as the firmware's tables mention them, and QEMU's mention,
        # beside those with RAM, the last one only: any other numbering would not be ours.
        raise UnplayableError("of a guest's nodes only the last can be without RAM")
    return Hardware(
        ram_bytes=start.ram_bytes,
        nodes=start.nodes,
        node_ram_bytes=node_ram,
        cmdline=kernel_words(params),
    )


def kernel_words(params: dict[str, str]) -> tuple[str, ...]:
    """The kernel command line that boots with these parameters.

    The default online type is always given: kernels are built with different ones, and the
    command language promises ``offline``.
    """
    words = []
    for name, value in ({"auto_online_blocks": "offline"} | params).items():
        if name == "movable_node":
            words += ["movable_node"] if value in ("Y", "y", "1", "on") else []
        elif name in _BOOT_WORDS:
            words.append(_BOOT_WORDS[name].format(value))
        else:
            raise UnplayableError(f"no real kernel has the parameter {name}")
    return tuple(words)


def play(recorder: Recorder, command: Command) -> list[Step]:
    """Do one command to the guest; the steps it took. Stops at the first refusal, as we do."""
    steps: list[Step] = []
    for action in actions(recorder, command):
        steps.append(recorder.do(action))
        if steps[-1]["result"] is not None:
            break
    return steps


def actions(recorder: Recorder, command: Command) -> Sequence[Action]:
    """What a command comes to on this guest, in order."""
    match command:
        case Add(name=name, size_bytes=size, address=address, node=node):
            if command.memmap is not None:
                raise UnplayableError("a real kernel chooses the memmap's place by its parameters")
            place = _default_address(recorder, size) if address is None else address
            return [Plug(name, size, place, node or 0)]
        case Online(blocks=refs, online_type=kind):
            return [WriteState(block, kind.word) for block in _blocks(recorder, refs)]
        case Offline(blocks=refs):
            return [WriteState(block, "offline") for block in _blocks(recorder, refs)]
        case Remove(blocks=(Ref(device=str(device), first=None) as ref,)):
            _device_blocks(recorder, ref)
            return [Unplug(device)]
        case SetParam(name=name, value=value):
            if name not in _SYSFS_PARAMS:
                raise UnplayableError(f"{name} cannot be changed on a running kernel")
            return [Shell(f"echo {_switch(name, value)} > {_SYSFS_PARAMS[name]}")]
        case SysfsWrite(word=word, path=path):
            if found := _STATE_FILE.match(path):
                return [WriteState(int(found[1]), word)]
            return [Shell(f"echo {shlex.quote(word)} > {shlex.quote(path)}")]
        case SysfsRead(paths=paths, named=named):
            read = "grep ." if named else "cat"
            return [Shell(" ".join((read, *(shlex.quote(path) for path in paths))))]
    if isinstance(command, TALK):
        return []
    raise UnplayableError(f"{command.text or type(command).__name__}: only the model can do this")


def _switch(name: str, value: str) -> str:
    if name == "hugetlb_free_vmemmap":
        return "1" if value in ("on", "Y", "y", "1") else "0"
    return value


def _default_address(recorder: Recorder, size: int) -> int:
    """The command language's default: the lowest free place after boot RAM, from 4 GiB on."""
    block = recorder.block_bytes
    above = max(0, recorder.guest.hardware.total_bytes - LOW_RAM_BYTES)
    address = 4 * GIB + -(-above // block) * block
    for dimm in sorted(recorder.dimms.values(), key=lambda dimm: dimm.start):
        if address + size <= dimm.start:
            break
        end = dimm.start + dimm.size
        address = max(address, -(-end // block) * block)
    return address


def _blocks(recorder: Recorder, refs: Sequence[Ref]) -> list[int]:
    numbers: set[int] = set()
    for ref in refs:
        if ref.address is not None:
            first, last = (byte // recorder.block_bytes for byte in ref.address)
        elif ref.device is None:
            if ref.first is None:
                raise UnplayableError("a reference to no block at all")
            first, last = ref.first, ref.first if ref.last is None else ref.last
        else:
            first, last = _device_blocks(recorder, ref)
        numbers.update(range(first, last + 1))
    return sorted(numbers)


def _device_blocks(recorder: Recorder, ref: Ref) -> tuple[int, int]:
    dimm = recorder.dimms.get(ref.device or "")
    if dimm is None:
        raise UnplayableError(f"no DIMM {ref.device} is plugged in")
    start = dimm.start // recorder.block_bytes
    if ref.first is None:
        return start, start + dimm.size // recorder.block_bytes - 1
    return start + ref.first, start + (ref.first if ref.last is None else ref.last)
