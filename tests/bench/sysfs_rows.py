"""Rows about trees of kernel files: reading one against ``lsmem`` of util-linux."""

from __future__ import annotations

import gc
import shutil
import sys
import time
import tracemalloc
from functools import cache, partial
from itertools import cycle, islice
from pathlib import Path

from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.tui.cli import main as cli
from tests.bench.process_rows import program_is_painted
from tests.bench.processes import PROGRAM, command_time, first_frame, processor_time, scratch
from tests.bench.table import Measure, Row, timed

NR_BLOCKS = 32_768
MEMORY = "sys/devices/system/memory"
NODE = "sys/devices/system/node/node0"
FILES = {
    "state": "online\n",
    "removable": "1\n",
    "valid_zones": "Normal\n",
    "phys_device": "0\n",
}
OFFLINE = {**FILES, "state": "offline\n", "valid_zones": "Normal Movable\n"}
IN_SIGHT = (0, 40 << 15)
"""Page frames of the blocks that a person looks at."""
TURN = 16
"""Readings in which every block is looked at once."""


@cache
def tree(nr_blocks: int, *, alternating: bool = False) -> Path:
    """A machine's files with that many memory blocks of 128 MiB on one node.

    ``alternating``: every other one is offline.
    """
    root = scratch() / f"tree-{nr_blocks}{'-alternating' * alternating}"
    memory, node = root / MEMORY, root / NODE
    node.mkdir(parents=True)
    memory.mkdir(parents=True)
    (memory / "block_size_bytes").write_text("8000000\n")
    (root / "proc/sys/kernel").mkdir(parents=True)
    (root / "proc/sys/kernel/osrelease").write_text("6.12.0\n")
    for number in range(nr_blocks):
        block = memory / f"memory{number}"
        block.mkdir()
        for name, text in (OFFLINE if alternating and number % 2 else FILES).items():
            (block / name).write_text(text)
        (block / "phys_index").write_text(f"{number:08x}\n")
        (block / "node0").symlink_to("../../node/node0")
        (node / f"memory{number}").symlink_to(f"../../memory/memory{number}")
    return root


def read(nr_blocks: int) -> tuple[Measure, Measure] | None:
    """Everything that is known of each block, as columns; lsmem lists each block."""
    lsmem = shutil.which("lsmem")
    if lsmem is None:
        return None
    root = tree(nr_blocks, alternating=False)

    def ours() -> None:
        observation = observe(DirectoryTree(root))
        assert len(observation.blocks.ids) == nr_blocks

    yardstick = partial(command_time, [lsmem, "--sysroot", str(root), "--all"])
    return timed(ours, time.perf_counter), yardstick


def blocks(nr_blocks: int, alternating: bool) -> tuple[Measure, Measure] | None:
    """The table of lsmem, each by the processor time of the whole process."""
    lsmem = shutil.which("lsmem")
    if lsmem is None:
        return None
    root = str(tree(nr_blocks, alternating=alternating))
    ours = [sys.executable, *PROGRAM, "blocks", "--root", root]
    return partial(processor_time, ours), partial(processor_time, [lsmem, "--sysroot", root])


def poll(nr_blocks: int) -> Measure:
    """A reading in which nothing has changed."""
    watcher = Watcher(tree(nr_blocks, alternating=True))
    watcher.poll(IN_SIGHT)
    turn = timed(lambda: [watcher.poll(IN_SIGHT) for _ in range(TURN)])
    return lambda: turn() / TURN


def polls(many: int, few: int) -> tuple[Measure, Measure]:
    """Of a large machine and of a small one."""
    return poll(many), poll(few)


def kept_bytes(nr_blocks: int) -> float:
    """Bytes that a reading keeps in which ten blocks have changed, once all caches are full."""
    root = tree(nr_blocks, alternating=True)
    numbers = cycle(range(nr_blocks // 2, nr_blocks))
    # What is made before would leave uncounted, and what takes its place would count as kept.
    tracemalloc.start()
    history = ObservedHistory(Watcher(root))

    def traced(readings: int) -> int:
        for _ in range(readings):
            for number in islice(numbers, 10):
                block = root / MEMORY / f"memory{number}"
                online = (block / "state").read_text() == FILES["state"]
                for name, text in (OFFLINE if online else FILES).items():
                    (block / name).write_text(text)
            assert history.poll()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    try:
        before = traced(10)
        return (traced(20) - before) / 20
    finally:
        tracemalloc.stop()


def capture_file(nr_blocks: int) -> str:
    """A capture of every other block online."""
    file = scratch() / f"capture-{nr_blocks}.json"
    if not file.exists():
        root = str(tree(nr_blocks, alternating=True))
        assert cli(["capture", "--root", root, "-o", str(file)]) == 0
    return str(file)


def _first_frames(many: int, few: int) -> tuple[Measure, Measure]:
    made = ((*PROGRAM, capture_file(number)) for number in (many, few))
    large, small = (partial(first_frame, words, program_is_painted) for words in made)
    return large, small


ROWS = (
    Row(f"read {NR_BLOCKS:,} blocks", "lsmem --sysroot", 1.5, partial(read, NR_BLOCKS), rounds=5),
    *(
        Row(f"pfnmap blocks, {number:,} {'alternating' if apart else 'alike'}", "lsmem", 1.5,
            partial(blocks, number, apart), rounds=5)
        for number in (8_192, NR_BLOCKS, 131_072) for apart in (False, True)
    ),
    Row("live: a reading, nothing new, 200 blocks", "20 blocks", 0.02, partial(polls, 200, 20),
        absolute=True),
    Row("live: a reading, nothing new, 32,768 blocks", "3,277 blocks", 0.1,
        partial(polls, NR_BLOCKS, NR_BLOCKS // 10 + 1), rounds=3, absolute=True),
    Row("live: memory kept by a change, 32,768 blocks", "3,277 blocks", 20_000,
        lambda: (partial(kept_bytes, NR_BLOCKS), partial(kept_bytes, NR_BLOCKS // 10 + 1)),
        unit="B", rounds=1, absolute=True, warm=False),
    Row("first frame of a capture, 32,768 blocks", "3,277 blocks", 1,
        partial(_first_frames, NR_BLOCKS, NR_BLOCKS // 10 + 1), absolute=True),
)  # fmt: skip
"""At a reading every two seconds the targets are 1 % and 5 % of a core; a thousand changes, of
which an hour of a busy machine may consist, are 20 MB."""
