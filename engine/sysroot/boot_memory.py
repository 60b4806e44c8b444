"""Which memory was there at boot, as the spans and counters of the zones tell.

``/proc/iomem`` does not mark what was added later. But a zone of boot memory begins and ends
with the boot memory of its node (``mm/mm_init.c:zone_spanned_pages_in_node``), and boot memory
holds struct pages, which the buddy allocator never gets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pfnmap.engine.geometry import Geometry
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.sysroot.observation import BlockColumns
from pfnmap.engine.view import ZoneRow

Column = NDArray[np.int64]


def on_node(blocks: BlockColumns, node: int) -> NDArray[np.bool_]:
    """Which blocks are linked to this node and no other."""
    codes = [code for code, nodes in enumerate(blocks.node_sets) if nodes == (node,)]
    return np.isin(blocks.nodes, codes)


def told_by_zones(
    hot: Column,
    zone: Column,
    line: Column,
    blocks: BlockColumns,
    geometry: Geometry,
    zones: tuple[ZoneRow, ...],
    own_pages: int,
) -> Column:
    """Whether each block was hot-added, with what the zones tell where it was not known.

    All columns have one entry a block. ``hot``: 1, 0, or below 0 for not known; ``zone``:
    ZoneType of online blocks; ``line``: number of the System RAM line, below 0 for none.
    ``own_pages``: pages of struct pages that a hot-added block may hold itself, 0 for none.
    """
    told = hot.copy()
    if any(zone == ZoneType.DMA32 for zone, _ in geometry.zone_ends):
        _by_dma32(told, line, blocks, geometry, zones)
    for row in zones:
        mine = (zone == row.zone) & on_node(blocks, row.node)
        # Boot memory that was offlined and came back may be managed whole, in Movable; in Normal
        # its struct pages and what else the kernel reserved at boot are never managed.
        if row.zone == ZoneType.NORMAL and not (told[mine] == 0).any():
            missing = row.present - row.managed
            if missing in (0, own_pages * int(mine.sum())):
                told[mine] = 1
    return told


def _by_dma32(
    told: Column,
    line: Column,
    blocks: BlockColumns,
    geometry: Geometry,
    zones: tuple[ZoneRow, ...],
) -> None:
    """Blocks from 4 GiB on, by the end of DMA32: the limit where boot memory goes on behind it.

    PCs have no RAM right below 4 GiB, so offlining never takes that end away.
    """
    limit = next(end for kind, _, end in geometry.boot_zones() if kind == ZoneType.DMA32)
    first = limit // geometry.block_pages
    unknown = (told < 0) & (blocks.ids >= first)
    for row in zones:
        if row.zone != ZoneType.DMA32 or not row.spanned:
            continue
        if row.end_pfn < limit:
            told[unknown & on_node(blocks, row.node)] = 1
        elif row.end_pfn == limit:
            lowest = line[(blocks.ids == first) & (line >= 0)]
            told[unknown & np.isin(line, lowest)] = 0
