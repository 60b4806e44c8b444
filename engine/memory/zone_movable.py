"""Where Movable begins in boot memory that ``kernelcore=`` or ``movablecore=`` divides.

Source: ``mm/mm_init.c:find_zone_movable_pfns_for_nodes`` of 6.12; recorded with movablecore=512M.
"""

from __future__ import annotations

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.cmdline import Amount, CommandLine
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import Geometry


def movable_ranges(
    words: CommandLine, geometry: Geometry, ram: NDArray[np.int64]
) -> tuple[tuple[int, int], ...]:
    """[first pfn, end pfn) of Movable on each node that has some; ``ram``: start, end, node.

    InputError where a word asks for what this machine does not do.
    """
    asked = words.kernelcore or words.movablecore
    if asked is None:
        return ()
    if "movable_node" in words.params:
        raise InputError(f"{asked.word}: does nothing beside movable_node, which comes before it")
    total = int((ram[:, 1] - ram[:, 0]).sum())
    kernel = _pages(words.kernelcore, geometry, total)
    if words.movablecore is not None:
        unit = 1 << geometry.max_order
        movable = -(-_pages(words.movablecore, geometry, total) // unit) * unit
        kernel = max(kernel, total - min(total, movable))
    found = _ranges(geometry, ram, kernel) if 0 < kernel < total else ()
    if not found:
        why = "all memory is the kernel's then" if kernel else "no memory is the kernel's then"
        if 0 < kernel < total:
            why = "what may be Movable, the highest zone, has not so much memory"
        raise InputError(f"{asked.word}: does nothing here: {why}")
    return found


def _pages(amount: Amount | None, geometry: Geometry, total: int) -> int:
    if amount is None:
        return 0
    return total * amount.percent // 100 or amount.size_bytes >> geometry.page_shift


def _ranges(
    geometry: Geometry, ram: NDArray[np.int64], required: int
) -> tuple[tuple[int, int], ...]:
    """Kernel memory is spread evenly over the nodes; what a node lacks is taken on the others."""
    pieces = ram.tolist()
    highest = max(end for _, end, _ in pieces)
    usable = max(low for _, low, _ in geometry.boot_zones() if low < highest)
    nodes = sorted({node for _, _, node in pieces})
    starts = dict.fromkeys(nodes, 0)
    left = len(nodes)
    while left and required > left * (left < len(nodes)):
        share = required // left
        for node in nodes:
            share = min(share, required // left) if required < share else share
            wanted = share
            for start, end, owner in pieces:
                start = max(start, starts[node])
                if owner != node or start >= end:
                    continue
                below = max(0, min(end, usable) - start)
                wanted, required = wanted - min(below, wanted), required - min(below, required)
                if end <= usable:
                    starts[node] = end
                    continue
                start = max(start, usable)
                size = min(end - start, wanted)
                starts[node] = start + size
                wanted, required = wanted - size, required - min(required, size)
                if not wanted:
                    break
        left -= 1
    unit = 1 << geometry.max_order
    ends = {node: max(end for _, end, owner in pieces if owner == node) for node in nodes}
    found = ((-(-starts[node] // unit) * unit, ends[node]) for node in nodes if starts[node])
    return tuple((start, end) for start, end in found if start < end)
