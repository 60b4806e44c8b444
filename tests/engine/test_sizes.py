"""One block, two blocks."""

from __future__ import annotations

from pfnmap.engine.sizes import counted, ranged


def test_one_is_no_plural() -> None:
    assert [counted(n, "memory block") for n in (0, 1, 2)] == [
        "0 memory blocks",
        "1 memory block",
        "2 memory blocks",
    ]
    assert ranged("block", 41, 41) == "block 41"
    assert ranged("block", 41, 43) == "blocks 41-43"
