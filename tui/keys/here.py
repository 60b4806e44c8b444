"""Where a key acts: the blocks, page, zone and node under the cursor or the selection."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from msgspec import Struct

from pfnmap.engine.commands import Ref
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.runs import unbroken
from pfnmap.engine.view import BlockRow, PageRow, View

MOST_BLOCKS = 65_536
"""Blocks that one key press may act on; more would be a slip of the hand."""


class Here(Struct, frozen=True, dict=True):
    """``start``, ``end``: the pfns [start, end) of the cursor's cell or of the selection.

    Everything else is looked up when it is first asked for.
    """

    view: View
    start: int
    end: int
    selected: bool = False

    @cached_property
    def _ranks(self) -> range:
        """The blocks by their place among those that exist."""
        pages = self.view.geometry.block_pages
        rank_of = self.view.rank_of
        return range(rank_of(self.start // pages), rank_of((self.end - 1) // pages + 1))

    @property
    def nr_blocks(self) -> int:
        """How many memory blocks there are here, also when a key would not act on so many."""
        return len(self._ranks)

    @cached_property
    def block_ids(self) -> list[int]:
        """Ids of the memory blocks here, ascending; the first :data:`MOST_BLOCKS` of them."""
        count = min(self.nr_blocks, MOST_BLOCKS)
        ids: list[int] = self.view.block_ids(self._ranks.start, count).tolist()
        return ids

    @cached_property
    def first_block(self) -> BlockRow | None:
        """The first of the blocks, None where there is none."""
        return self.view.block(self.block_ids[0]) if self.block_ids else None

    @cached_property
    def states(self) -> frozenset[str]:
        """Which states the blocks are in."""
        pages = self.view.geometry.block_pages
        return frozenset(self.view.block_counts(self.start // pages, (self.end - 1) // pages + 1))

    @cached_property
    def refs(self) -> tuple[Ref, ...]:
        """The blocks as a REF of the command language; empty where there are none."""
        return refs_of(self.block_ids)

    @property
    def removal_refs(self) -> tuple[Ref, ...]:
        """What ``remove`` acts on: the device here, or the blocks when some are selected."""
        block = self.first_block
        if self.selected or block is None or not block.device:
            return self.refs
        # Of a real machine only the driver may be known, which is no name of a device.
        known = self.view.state.device_named(block.device)
        return self.refs if known is None else (Ref(device=block.device),)

    @cached_property
    def _page(self) -> PageRow:
        return self.view.page(self.start)

    @property
    def zone(self) -> ZoneType:
        """The zone here: of the block where it has one, else of the page."""
        block = self.first_block
        return block.zone if block is not None and block.zone >= 0 else self._page.zone

    @property
    def node(self) -> int:
        """The node here, 0 where there is none."""
        return self._page.node or 0


def refs_of(block_ids: list[int]) -> tuple[Ref, ...]:
    """Ascending ids as ranges: ``32-34,40``."""
    runs = unbroken(np.array(block_ids, np.int64))
    return tuple(Ref(int(first), int(last)) for first, last in runs)
