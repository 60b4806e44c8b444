"""The benchmarks work, and what they count rather than time meets its target.

How long anything takes is no matter of a test: ``python -m tests.bench`` measures that, on a
machine that does nothing else.
"""

from __future__ import annotations

import pytest

from tests.bench import engine_rows, fragmented, process_rows, screen_rows, sysfs_rows
from tests.bench.modules import MODULES
from tests.bench.table import Result, Row, render
from tests.examples import some

TIMED = {
    "pfnmap --version": process_rows,
    "key to map, 4 GiB, fit": screen_rows,
    "offline + online + undo, 2,000,000 blocks": engine_rows,
}
"""One of each kind; all that is asked of it is that it runs."""
COUNTED = {
    "bytes of a cursor key": screen_rows,
    "bytes of a changed block": screen_rows,
    "memory for 33 million blocks": engine_rows,
}


def row_named(module: object, name: str) -> Row:
    rows: tuple[Row, ...] = module.ROWS  # type: ignore[attr-defined]
    return next(row for row in rows if row.name == name)


@pytest.mark.parametrize("name", some(TIMED, 2))
def test_a_row_can_be_measured(name: str) -> None:
    pair = row_named(TIMED[name], name).prepare()
    assert pair is not None
    for measure in pair:
        measure()


@pytest.mark.parametrize("name", COUNTED)
def test_what_is_counted_meets_its_target(name: str) -> None:
    pair = row_named(COUNTED[name], name).prepare()
    assert pair is not None
    ours, yardstick = (measure() for measure in pair)
    assert ours <= row_named(COUNTED[name], name).limit * yardstick


@pytest.mark.parametrize("what", [what for what in fragmented.WORK if what != "cast"])
def test_what_is_done_on_pieces_can_be_done(what: str) -> None:
    fragmented.WORK[what](4)()


def test_reading_a_tree_can_be_measured() -> None:
    pair = sysfs_rows.read(64)
    if pair is None:
        pytest.skip("lsmem of util-linux is not installed")
    for measure in pair:
        measure()


def test_a_table_says_what_was_missed_and_what_was_left_out() -> None:
    slow = Result("slow", 0.4, 0.1, 4.0, "s", "2x", False, "nothing")
    big = Result("big", 10.0, 40.0, 0.25, "B", "1x", True, "more")
    lines = render([slow, None, big], ["slow", "absent", "big"])
    assert lines[1].split() == ["slow", "400.00", "ms", "100.00", "ms", "nothing", "4.00", "2x",
                                "MISSED"]  # fmt: skip
    assert lines[2].split() == ["absent", "-", "not", "installed", "-", "-", "skipped"]
    assert lines[3].split()[-3:] == ["0.25", "1x", "ok"]


def test_a_row_takes_medians_of_rounds_that_alternate() -> None:
    order: list[str] = []
    mine, others = iter([9.0, 3.0, 1.0, 8.0]), iter([9.0, 4.0, 2.0, 4.0])

    def ours() -> float:
        order.append("ours")
        return next(mine)

    def yardstick() -> float:
        order.append("yardstick")
        return next(others)

    result = Row("row", "other", 1, lambda: (ours, yardstick)).run(rounds=3)
    assert order == ["ours", "yardstick"] * 4  # the first round warms up and does not count
    assert result == Result("row", 3.0, 4.0, 0.75, "s", "1x", True, "other")


def test_rows_have_names_of_their_own() -> None:
    names = [row.name for module in MODULES for row in module.ROWS]
    assert len(names) == len(set(names))
    assert {*TIMED, *COUNTED} <= set(names)
