"""Where a key acts: the blocks, page, zone and node under the cursor or the selection."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.runs import unbroken
from pfnmap.engine.view import BlockRow, View
from pfnmap.engine.words import listed

MOST_BLOCKS = 65_536
"""Blocks that one key press may act on; more would be a slip of the hand."""


class Situation(Struct, frozen=True):
    """``start``, ``end``: the pfns [start, end) of the cursor's cell or of the selection."""

    view: View
    start: int
    end: int
    selected: bool = False

    @property
    def _first_rank(self) -> int:
        return self.view.rank_of(self.start // self.view.geometry.block_pages)

    @property
    def nr_blocks(self) -> int:
        """How many memory blocks there are here, also when a key would not act on so many."""
        pages = self.view.geometry.block_pages
        return self.view.rank_of((self.end - 1) // pages + 1) - self._first_rank

    @property
    def block_ids(self) -> list[int]:
        """Ids of the memory blocks here, ascending; the first :data:`MOST_BLOCKS` of them."""
        count = min(self.nr_blocks, MOST_BLOCKS)
        ids: list[int] = self.view.block_ids(self._first_rank, count).tolist()
        return ids

    @property
    def first_block(self) -> BlockRow | None:
        """The first of the blocks, None where there is none."""
        ids = self.block_ids
        return self.view.block(ids[0]) if ids else None

    @property
    def ref(self) -> str:
        """The blocks as a REF of the command language; empty where there are none."""
        return ranges(self.block_ids)

    @property
    def zone(self) -> ZoneType:
        """The zone here: of the block where it has one, else of the page."""
        block = self.first_block
        if block is not None and block.zone >= 0:
            return block.zone
        return self.view.page(self.start).zone

    @property
    def node(self) -> int:
        """The node here, 0 where there is none."""
        return self.view.page(self.start).node or 0

    @property
    def states(self) -> set[str]:
        """Which states the blocks are in."""
        rows = (self.view.block(block_id) for block_id in self.block_ids[:256])
        return {row.state for row in rows if row is not None}

    @property
    def removal_ref(self) -> str:
        """What ``remove`` acts on: the device here, or the blocks when some are selected."""
        block = self.first_block
        if not self.selected and block is not None and block.device:
            return block.device
        return self.ref


def ranges(block_ids: list[int]) -> str:
    """Ascending ids as ``32-34,40``."""
    return listed(unbroken(np.array(block_ids, np.int64)))
