"""Which blocks and pages the words of a command mean on a given machine."""

from __future__ import annotations

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import PfnRef, Ref
from pfnmap.engine.complaints import closest
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import GIB
from pfnmap.engine.memory.runs import joined_ranges, ranges_of
from pfnmap.engine.memory.state import Device, State


def _device(state: State, name: str) -> Device:
    if (found := state.device_named(name)) is None:
        names = sorted(device.name for device in state.devices.values())
        known, near = ", ".join(names[:8]) or "none", closest(name, names)
        meant = f"; did you mean {near}?" if near else ""
        raise InputError(f"{name}: there is no device of that name; there are: {known}{meant}")
    return found


def _ranges(state: State, ref: Ref) -> list[tuple[int, int]]:
    """The (first, last) block ids of one part of a REF.

    Of a virtio-mem device its name means the blocks that it has: most of its region is empty.
    """
    if ref.device is not None and ref.first is None:
        device = _device(state, ref.device)
        rows = state.blocks.slice(*state.blocks_of(device))
        if device.is_dynamic and len(rows):
            return [(low, high - 1) for low, high in joined_ranges(ranges_of(rows)).tolist()]
    return [_range(state, ref)]


def _range(state: State, ref: Ref) -> tuple[int, int]:
    size = state.geometry.block_bytes
    if ref.address is not None:
        low, high = ref.address
        if low % size or (high + 1) % size:
            first, last = low // size * size, -(-high // size) * size - 1
            raise InputError(
                f"{low:#x}-{high:#x}: an address range covers whole blocks of {size:#x} bytes, "
                f"its end included; did you mean {first:#x}-{max(last, first + size - 1):#x}?"
            )
        return low // size, high // size
    assert ref.device is not None
    device = _device(state, ref.device)
    if not device.is_ram:
        raise InputError(f"{device.name}: ZONE_DEVICE memory has no memory blocks")
    first, end = state.blocks_of(device)
    count = end - first
    if ref.first is None:
        return first, first + count - 1
    last = ref.first if ref.last is None else ref.last
    if last >= count:
        raise InputError(f"{device.name}[{last}]: {device.name} has blocks 0 to {count - 1}")
    return first + ref.first, first + last


def listed_blocks(state: State, refs: tuple[Ref, ...]) -> NDArray[np.int64]:
    """[first, end) of the blocks of a REF, ascending and disjoint, int64 (n, 2)."""
    parts: list[tuple[int, int]] = []
    for ref in refs:
        if ref.first is not None and ref.device is None:  # a list may name thousands
            parts.append((ref.first, ref.first if ref.last is None else ref.last))
        else:
            parts += _ranges(state, ref)
    limit = state.geometry.physmem_end // state.geometry.block_bytes
    if parts and max(last for _, last in parts) > limit:
        _, last = min(part for part in parts if part[1] > limit)
        size = state.geometry.block_bytes
        meant = "" if last % size else f"; did you mean {last:#x}-{last + size - 1:#x}?"
        raise InputError(f"{last}: the last block that can be addressed is {limit}{meant}")
    return joined_ranges(np.add(np.array(parts, np.int64).reshape(-1, 2), (0, 1)))


def block_ranges(state: State, refs: tuple[Ref, ...]) -> list[tuple[int, int]]:
    """The (first, last) block ids of a REF, ascending and disjoint."""
    return [(first, end - 1) for first, end in listed_blocks(state, refs).tolist()]


def pfn_of(state: State, ref: PfnRef) -> int:
    """The page that ``N`` or ``dimm0+N`` means."""
    if ref.device is None:
        limit = state.geometry.physmem_end >> state.geometry.page_shift
        if ref.offset > limit:
            raise InputError(f"pfn {ref.offset:#x}: the last one is {limit:#x}")
        return ref.offset
    device = _device(state, ref.device)
    if ref.offset >= device.nr_pages:
        raise InputError(
            f"{ref.device}+{ref.offset}: {ref.device} has pages 0 to {device.nr_pages - 1}"
        )
    return device.start_pfn + ref.offset


def default_address(state: State, size_bytes: int, align: int = 0) -> int:
    """Lowest free block-aligned address at or above 4 GiB and the end of boot RAM.

    Where sections of a failed add are still mapped nothing fits. ``align``: a coarser alignment.
    """
    block = max(state.geometry.block_bytes, align)
    shift = state.geometry.page_shift
    boot_end = int(state.early_ram[:, 1].max()) << shift if len(state.early_ram) else 0
    address = -(-max(4 * GIB, boot_end) // block) * block
    busy = [(r.start, r.end + 1) for r in state.resources]
    busy += [(start, end) for _, start, end in state.plugged()]
    leaked = state.leaked.rows
    ends = leaked["start"] + leaked["count"]
    busy += list(zip((leaked["start"] << shift).tolist(), (ends << shift).tolist(), strict=True))
    for start, end in sorted(busy):
        if start < address + size_bytes and end > address:
            address = -(-end // block) * block
    return address
