"""Rows about trees of kernel files: reading one against ``lsmem`` of util-linux."""

from __future__ import annotations

import shutil
import time
from functools import cache, partial
from pathlib import Path

from pfnmap.engine.sysroot.files import DirectoryTree
from pfnmap.engine.sysroot.read import observe
from tests.bench.processes import command_time, scratch
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


@cache
def tree(nr_blocks: int) -> Path:
    """A machine's files with that many memory blocks of 128 MiB on one node."""
    root = scratch() / f"tree-{nr_blocks}"
    memory, node = root / MEMORY, root / NODE
    node.mkdir(parents=True)
    memory.mkdir(parents=True)
    (memory / "block_size_bytes").write_text("8000000\n")
    for number in range(nr_blocks):
        block = memory / f"memory{number}"
        block.mkdir()
        for name, text in FILES.items():
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
    root = tree(nr_blocks)

    def ours() -> None:
        observation = observe(DirectoryTree(root))
        assert len(observation.blocks.ids) == nr_blocks

    yardstick = partial(command_time, [lsmem, "--sysroot", str(root), "--all"])
    return timed(ours, time.perf_counter), yardstick


ROWS = (
    Row(f"read {NR_BLOCKS:,} blocks", "lsmem --sysroot", 1.5, partial(read, NR_BLOCKS), rounds=5),
)
