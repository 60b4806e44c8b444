"""Globs in the paths that ``cat`` and ``grep .`` read."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.limits import MAX_GLOB_FILES
from pfnmap.engine.machine import Machine

MEMORY = "/sys/devices/system/memory"


def test_the_files_that_match_are_read_in_the_order_of_their_names() -> None:
    outcome = Machine.boot().run(f"grep . {MEMORY}/memory[78]/state {MEMORY}/memory1?/state")
    names = [line.split("/")[-2] for line in outcome.output]
    assert names == ["memory7", "memory8", *(f"memory{block}" for block in range(10, 20))]


def test_more_files_than_anybody_reads_are_refused_at_once() -> None:
    huge = Machine.boot(StartMachine(ram_bytes=1 << 52))  # 33 million blocks
    with pytest.raises(InputError, match=f"more than {MAX_GLOB_FILES} files match"):
        huge.run(f"cat {MEMORY}/memory*/state")
