"""Spans of zones as bars on one scale, for machines side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pfnmap.engine.kinds import FREE_BY_ZONE, PageState, ZoneType
from pfnmap.engine.view import View, ZoneRow
from pfnmap.tui.map.axis import Axis
from pfnmap.tui.widgets.paint import HOLE, OUT, PRESENT

ZONE_STATE: dict[int, PageState] = {
    **{int(zone): state for zone, state in FREE_BY_ZONE.items()},
    int(ZoneType.DEVICE): PageState.DEVICE,
}
"""The state whose colour and glyph stand for a zone."""

FREE_COLUMNS = [int(state) for state in FREE_BY_ZONE.values()] + [int(PageState.DEVICE)]


def spans(view: View) -> list[tuple[int, int]]:
    """[start_pfn, end_pfn) of every zone and every node."""
    zones = [(row.start_pfn, row.end_pfn) for row in view.zones]
    return zones + [(row.start_pfn, row.start_pfn + row.spanned) for row in view.nodes]


def bar_codes(view: View, row: ZoneRow, axis: Axis, counts: NDArray[np.int64]) -> list[int]:
    """What each column of the axis is (OUT, HOLE, PRESENT of ``pfnmap.tui.widgets.paint``).

    ``counts`` are the pages of each state in each column, int64 (columns, states).
    """
    codes = np.full(axis.width, OUT, dtype=np.int64)
    first, end = axis.columns(row.start_pfn, row.end_pfn)
    codes[first:end] = HOLE
    if end > first:
        present = _present(view, row, axis, counts)
        codes[first:end] = np.where(present[first:end], PRESENT, HOLE)
    result: list[int] = codes.tolist()
    return result


def _present(view: View, row: ZoneRow, axis: Axis, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which columns hold pages of the zone.

    Free pages say their zone themselves. Columns without any free page are decided by the
    page in their middle.
    """
    state = ZONE_STATE[int(row.zone)]
    present: NDArray[np.bool_] = counts[:, state] > 0
    unsure = (counts[:, FREE_COLUMNS].sum(axis=1) == 0) & (
        counts[:, PageState.HOLE] + counts[:, PageState.OFFLINE] < counts.sum(axis=1)
    )
    first, end = axis.columns(row.start_pfn, row.end_pfn)
    unsure[[first, end - 1]] |= ~present[[first, end - 1]]  # shared with another zone
    if any(_overlap(row, other) for other in view.zones):
        unsure |= present  # a free page does not say of which node it is
    for column in (np.flatnonzero(unsure[first:end]) + first).tolist():
        low = max(int(axis.edges[column]), row.start_pfn)
        high = min(int(axis.edges[column + 1]), row.end_pfn)
        page = view.page((low + high) // 2)
        here = page.zone == row.zone and page.node in (row.node, None)
        present[column] = here and page.state != PageState.HOLE
    return present


def _overlap(row: ZoneRow, other: ZoneRow) -> bool:
    """Whether the zone of the same name of another node reaches into this one's span."""
    return (
        (row.zone, other.node != row.node) == (other.zone, True)
        and row.start_pfn < other.end_pfn
        and other.start_pfn < row.end_pfn
    )
