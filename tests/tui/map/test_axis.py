"""The common scale of the zone bars: memory to scale, holes squeezed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.tui.map.axis import Axis, Int64s

GIB = 1 << 18
"""Pages of a GiB."""


def extents(*ranges: tuple[int, int]) -> Int64s:
    return np.array(ranges, dtype=np.int64).reshape(-1, 2)


def test_memory_without_holes_is_to_scale() -> None:
    axis = Axis(extents((0, 4 * GIB)), 64)
    assert axis.columns(0, GIB) == (0, 16)
    assert axis.columns(3 * GIB, 4 * GIB) == (48, 64)


def test_a_hole_of_a_pebibyte_takes_a_few_columns() -> None:
    axis = Axis(extents((0, GIB), (1 << 38, (1 << 38) + GIB)), 64)
    first, end = axis.columns(0, GIB)
    assert end - first >= 28
    assert axis.columns(1 << 38, (1 << 38) + GIB)[1] == 64


def test_all_holes_together_leave_room_for_memory() -> None:
    ranges = extents(*[(i << 30, (i << 30) + 1000) for i in range(500)])
    axis = Axis(ranges, 100)
    columns = [axis.columns(int(a), int(b)) for a, b in ranges]
    assert columns[0][0] == 0
    assert columns[-1][1] == 100


def test_the_smallest_range_gets_a_column_and_an_empty_one_none() -> None:
    axis = Axis(extents((0, 4 * GIB)), 10)
    assert axis.columns(5, 6) == (0, 1)
    assert axis.columns(5, 5) == (0, 0)
    assert axis.columns(4 * GIB - 1, 4 * GIB) == (9, 10)


@given(
    st.lists(st.integers(1, 1 << 34), min_size=2, max_size=30).map(
        lambda steps: np.cumsum(steps)[: len(steps) // 2 * 2].reshape(-1, 2).astype(np.int64)
    ),
    st.integers(1, 200),
)
def test_edges_ascend_from_the_first_pfn_to_the_last(ranges: Int64s, width: int) -> None:
    axis = Axis(ranges, width)
    assert len(axis.edges) == axis.width + 1
    assert (np.diff(axis.edges) > 0).all()
    assert axis.edges[0] == ranges[0, 0]
    assert axis.edges[-1] == ranges[-1, 1]


def test_a_machine_without_memory_has_an_axis() -> None:
    assert Axis(extents(), 50).width == 1
