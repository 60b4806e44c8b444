"""Rows about the model alone: bulk operations, single steps on large machines, memory."""

from __future__ import annotations

import subprocess
import sys
from itertools import cycle

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.commands import Offline, Online, Ref
from pfnmap.engine.kinds import OnlineType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.state import BLOCK_DTYPE
from pfnmap.engine.session import Session
from tests.bench.table import Measure, Row, timed

MILLION = 1_000_000


def _machine(line: str) -> Machine:
    start = parse_line(line)
    return Machine.boot(start)  # type: ignore[arg-type]


def bulk() -> tuple[Measure, Measure]:
    """Add and online a million blocks against writing the same columns once."""

    def ours() -> None:
        machine = _machine("machine ram=4G memmap_on_memory=Y")
        machine.run(f"add big {MILLION * 128 >> 10}G")
        outcome = machine.run("online big movable")
        assert outcome.ok

    def yardstick() -> None:
        table = {
            name: np.zeros(MILLION, kind[0])
            for name, kind in BLOCK_DTYPE.fields.items()  # type: ignore[union-attr]
        }
        table["start"][:] = np.arange(MILLION)
        for column in table.values():
            column[:] += 1

    return timed(ours), timed(yardstick)


def single_step() -> tuple[Measure, Measure]:
    """Offline, online and undo one of 2,000,000 blocks against the same on 2,000."""

    def stepper(size: str, middle: int) -> Measure:
        machine = _machine("machine ram=4G block=128M memmap_on_memory=Y")
        machine.run(f"add big {size}")
        machine.run("online big movable")
        session = Session(machine)
        blocks = cycle(range(middle, middle + 500, 2))

        def step() -> None:
            ref = (Ref(next(blocks)),)
            assert session.run(Offline(ref)).ok
            assert session.run(Online(ref, OnlineType.ONLINE_MOVABLE)).ok
            session.undo(2)

        return timed(step)

    return stepper("250000G", MILLION), stepper("250G", 1000)


def replay() -> tuple[Measure, Measure]:
    """A session of 10,000 steps, gone through to the end and back (ours alone is bounded)."""
    lines = []
    for block in range(40, 40 + 5000):
        lines += [Online((Ref(block),), OnlineType.ONLINE_MOVABLE), Offline((Ref(block),))]

    def ours() -> None:
        machine = _machine("machine ram=4G memmap_on_memory=Y")
        machine.run("add big 1T")
        session = Session(machine)
        for command in lines:
            session.run(command)
        session.undo(len(lines))

    def yardstick() -> None:
        state = _machine("machine ram=4G").state
        for _ in lines:
            state = replace(state, next_id=state.next_id + 1)

    return timed(ours), timed(yardstick)


_RSS = """
import sys
sys.path.insert(0, {root!r})
from pfnmap.engine.machine import Machine
from pfnmap.engine.language.lines import parse_line
def most_resident():
    # KiB; not ru_maxrss, which a process inherits from the one that started it.
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
base = most_resident()
machine = Machine.boot(parse_line("machine ram=4G memmap_on_memory=Y"))
machine.run("add big {size}")
machine.run("online big movable")
view = machine.view()
view.block(view.nr_blocks // 2)
print((most_resident() - base) * 1024)
"""


def memory() -> tuple[Measure, Measure]:
    """Bytes beyond start-up for 33 million blocks against 64 bytes for each."""

    def ours() -> float:
        code = _RSS.format(root=str(sys.path[0] or "."), size="4095T")
        out = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return max(1.0, float(out.stdout))

    return ours, lambda: 64.0 * 4095 * 8192


ROWS = (
    Row("add + online 1,000,000 blocks", "numpy columns", 10, bulk),
    Row("offline + online + undo, 2,000,000 blocks", "2,000 blocks", 2, single_step, rounds=101),
    Row("session of 10,000 steps", "empty steps", 10, replay, rounds=3, absolute=True),
    Row("memory for 33 million blocks", "64 bytes a block", 1, memory, unit="B", rounds=3),
)
"""Rows that need nothing but the engine."""
