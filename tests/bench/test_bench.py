"""The short form of the benchmarks: a few rounds, bounds that only a real loss can break.

``python -m tests.bench`` measures against the targets; here each row may take three times its
target, and what is counted rather than timed has to meet it.
"""

from __future__ import annotations

import pytest

from tests.bench import engine_rows, process_rows, screen_rows, sysfs_rows
from tests.bench.table import Result, Row, render

SLACK = 3.0
"""Times the target: other processes run beside these tests."""

TIMED = {
    "first frame": process_rows,
    "pfnmap show": process_rows,
    "pfnmap check": process_rows,
    "pfnmap --version": process_rows,
    "key to map, 4 PiB, block": screen_rows,
    "key to map, 4 PiB, fit": screen_rows,
    "half a page to map, 4 GiB": screen_rows,
    "add + online 1,000,000 blocks": engine_rows,
    "offline + online + undo, 2,000,000 blocks": engine_rows,
}
COUNTED = {
    "bytes of a cursor key": screen_rows,
    "bytes of a changed block": screen_rows,
    "memory for 33 million blocks": engine_rows,
}


def row_named(module: object, name: str) -> Row:
    rows: tuple[Row, ...] = module.ROWS  # type: ignore[attr-defined]
    return next(row for row in rows if row.name == name)


@pytest.mark.parametrize("name", TIMED)
def test_no_row_is_far_from_its_target(name: str) -> None:
    row = row_named(TIMED[name], name)
    result = row.run(rounds=3)
    assert result is not None
    assert result.ratio <= SLACK * row.limit, render([result], [name])[1]


@pytest.mark.parametrize("name", COUNTED)
def test_what_is_counted_meets_its_target(name: str) -> None:
    result = row_named(COUNTED[name], name).run(rounds=1)
    assert result is not None
    assert result.met, render([result], [name])[1]


def test_reading_a_tree_is_no_slower_than_lsmem() -> None:
    pair = sysfs_rows.read(1024)
    if pair is None:
        pytest.skip("lsmem of util-linux is not installed")
    row = Row("read 1,024 blocks", "lsmem", 1.5, lambda: pair)
    result = row.run(rounds=3)
    assert result is not None
    assert result.ratio <= SLACK * row.limit


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
    names = [
        row.name
        for module in (process_rows, screen_rows, engine_rows, sysfs_rows)
        for row in module.ROWS
    ]
    assert len(names) == len(set(names))
    assert {*TIMED, *COUNTED} <= set(names)
