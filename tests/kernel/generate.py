"""Random walks in the command language, steered by what the machine looks like at the moment.

Blind random commands are mostly refused. This walk looks at the blocks and proposes what
could succeed most of the time, what must fail some of the time, and now and then nonsense.
The same seed on the same kernel gives the same walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from pfnmap.engine.geometry import MIB
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.traces.trace import RecordedBlock

_MEMORY = "/sys/devices/system/memory"
_PARAMETERS = "/sys/module/memory_hotplug/parameters"
_SIZES_IN_BLOCKS = (1, 1, 2, 2, 3, 4, 5, 8)
_SPREAD_BLOCKS = 64
_MOST_BLOCKS = 40
_SMALL_RAM = ("1G", "1G", "2G", "4G", "5G")
_LARGE_RAM = ("64768M", "65024M", "66G", "67G")
"""Ends of RAM from 64 GiB on that make a guest choose blocks of 256M, 512M, 1G and 2G."""
_WHEN_OFFLINE = {"online_movable": 50, "online": 25, "online_kernel": 15, "offline": 5, "bogus": 2}
_WHEN_ONLINE = {"offline": 60, "online_movable": 4, "online": 2, "online_kernel": 2, "bogus": 1}


def pick(random: Random, weights: dict[str, int]) -> str:
    """One of the keys, as often as its weight says."""
    return random.choices(list(weights), list(weights.values()))[0]


def machine_line(random: Random, version: str) -> str:
    """The ``machine`` line a walk starts with."""
    small = random.random() < 0.9
    ram = random.choice(_SMALL_RAM if small else _LARGE_RAM)
    words = [f"machine ram={ram} profile={version}"]
    nodes = int(pick(random, {"1": 50, "2": 30, "3": 12, "4": 8}))
    if nodes > 1:
        words.append(f"nodes={nodes}")
        last = nodes - 1 if random.random() < 0.5 else nodes
        words += [f"ram{node}=1G" for node in range(1, last)]
    memmap = pick(random, {"N": 35, "Y": 50, "force": 15 if version == "6.12" else 0})
    words.append(f"memmap_on_memory={memmap}")
    online = {"offline": 64, "online": 12, "online_kernel": 8, "online_movable": 16}
    words.append(f"auto_online_blocks={pick(random, online)}")
    if random.random() < 0.3:
        words.append("online_policy=auto-movable")
        if random.random() < 0.5:
            words.append(f"auto_movable_ratio={random.choice((0, 50, 100, 150, 400))}")
        if random.random() < 0.4:
            words.append("auto_movable_numa_aware=N")
    if random.random() < 0.1:
        words.append("movable_node=Y")
    return " ".join(words)


@dataclass
class Walk:
    """An endless walk over one machine."""

    random: Random
    planned: list[str] = field(default_factory=list)
    names: int = 0

    def next_line(self, recorder: Recorder) -> str:
        """The next thing to do."""
        if self.planned:
            return self.planned.pop(0)
        hot = self._hot_blocks(recorder)
        kinds = {"add": 13 if len(hot) < _MOST_BLOCKS else 0, "param": 5}
        if recorder.devices:
            kinds |= {"remove": 7, "online-file": 6, "run": 8, "state": 58}
        match pick(self.random, kinds):
            case "add":
                return self._add(recorder)
            case "remove":
                return f"remove {self.random.choice(sorted(recorder.devices))}"
            case "param":
                return self._parameter()
            case "online-file":
                block = self._some_block(recorder, hot).id
                word = self.random.choice(("0", "1", "1", "0", "maybe"))
                return f"echo {word} > {_MEMORY}/memory{block}/online"
            case "run":
                return self._run(recorder)
        block_row = self._some_block(recorder, hot)
        return self._write(block_row.id, block_row.state)

    def _hot_blocks(self, recorder: Recorder) -> list[RecordedBlock]:
        boot = {block.id for block in recorder.boot.blocks}
        return [block for block in recorder.now.blocks if block.id not in boot]

    def _some_block(self, recorder: Recorder, hot: list[RecordedBlock]) -> RecordedBlock:
        if hot and self.random.random() < 0.88:
            return self.random.choice(hot)
        return self.random.choice(recorder.now.blocks)

    def _write(self, block: int, state: str) -> str:
        word = pick(self.random, _WHEN_OFFLINE if state == "offline" else _WHEN_ONLINE)
        return f"echo {word} > {_MEMORY}/memory{block}/state"

    def _run(self, recorder: Recorder) -> str:
        """A word for all blocks of a DIMM, one after the other, from either end."""
        name = self.random.choice(sorted(recorder.devices))
        dimm = recorder.devices[name]
        size = recorder.block_bytes
        blocks = list(range(dimm.start // size, (dimm.start + dimm.size) // size))
        if not blocks:
            return f"remove {name}"
        if self.random.random() < 0.4:
            blocks.reverse()
        word = pick(self.random, {"offline": 4, "online_movable": 4, "online": 3})
        self.planned = [f"echo {word} > {_MEMORY}/memory{block}/state" for block in blocks]
        return self.planned.pop(0)

    def _add(self, recorder: Recorder) -> str:
        self.names += 1
        block = recorder.block_bytes
        size = self.random.choice(_SIZES_IN_BLOCKS) * block // MIB
        first = -(-recorder.guest.hardware.hotplug_start("x86_64") // block) * block
        ends = [dimm.start + dimm.size for dimm in recorder.devices.values()] or [first]
        address = self.random.choice(ends)
        if self.random.random() < 0.5:
            address = first + self.random.randrange(_SPREAD_BLOCKS) * block
        if self.random.random() < 0.03:
            address += self.random.choice((2, 32, 64)) * MIB
        elif self.random.random() < 0.03:
            size = self.random.choice((64, 130, 192))
        line = f"add d{self.names} {size}M at={address:#x}"
        nodes = recorder.guest.hardware.nodes
        if nodes > 1:
            line += f" node={self.random.choice((*range(nodes), nodes - 1))}"
        return line

    def _parameter(self) -> str:
        word, path = self.random.choice(
            (
                ("offline", f"{_MEMORY}/auto_online_blocks"),
                ("online", f"{_MEMORY}/auto_online_blocks"),
                ("online_movable", f"{_MEMORY}/auto_online_blocks"),
                ("nope", f"{_MEMORY}/auto_online_blocks"),
                ("auto-movable", f"{_PARAMETERS}/online_policy"),
                ("contig-zones", f"{_PARAMETERS}/online_policy"),
                ("nope", f"{_PARAMETERS}/online_policy"),
                ("150", f"{_PARAMETERS}/auto_movable_ratio"),
                ("301", f"{_PARAMETERS}/auto_movable_ratio"),
                ("N", f"{_PARAMETERS}/auto_movable_numa_aware"),
                ("Y", f"{_PARAMETERS}/auto_movable_numa_aware"),
            )
        )
        return f"echo {word} > {path}"
