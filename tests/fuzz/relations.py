"""Devices in each other's place: over, beside and behind others, taken out and put back."""

from __future__ import annotations

from dataclasses import dataclass

from pfnmap.engine.memory.state import State
from tests.fuzz.commands import Commands
from tests.fuzz.words import LineMaker

PLACES = 6
"""Blocks from 8 GiB on that devices begin at or near."""


class Neighbours(LineMaker):
    """Lines that put devices where others are, some under their names."""

    def line(self, state: State) -> str:
        """One more line."""
        makers = (self.add, self.device_add, self.online, self.offline, self.remove,
                  self.remove_blocks, self.device_del, self.kmem, self.kmem_del, self.virtio_mem,
                  self.virtio_mem_del, self.fail)  # fmt: skip
        return self.rng.choices(makers, (8, 4, 5, 3, 6, 4, 4, 2, 2, 2, 1, 1))[0](state)

    def name(self) -> str:
        """A name that may be taken."""
        return f"n{self.rng.randrange(40)}"

    def at(self, state: State) -> str:
        """A place that is somebody's, or ends or begins there; at times a part of a block on."""
        block = state.geometry.block_bytes
        odd = self.rng.choice((0, 0, 0, 0, 2 << 20, block // 2, -(2 << 20)))
        return f" at={(8 << 30) // block * block + self.rng.randrange(PLACES) * block + odd:#x}"


@dataclass(frozen=True)
class Relations(Commands):
    """Sequences of commands about devices in few places."""

    what: str = "relations"
    maker: type[LineMaker] = Neighbours
