"""Zone spans of several machines as bars side by side, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from rich.segment import Segment
from textual.strip import Strip

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.view import NodeRow, View, ZoneRow
from pfnmap.tui.map.axis import Axis, reaching
from pfnmap.tui.map.side_by_side import cells_that_fit, union
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Row
from pfnmap.tui.widgets.zone_bars import bar_codes, spans

LEAST_COLUMNS: Final = 8
"""A bar narrower than this says nothing."""

Bar = Callable[[Row, int, Axis], int]
"""Draws the bar of the machine of an index onto a line; returns how many columns it took."""


def zone_lines(views: Sequence[View], paint: Paint, width: int, label: int) -> Iterator[Strip]:
    """A line for each zone that spans anything on one of the machines, and for each node.

    Args:
        views: the machines, in the order of the columns.
        paint: the theme.
        width: of a line.
        label: columns for the names, as beside the map, so that bars stand under maps.
    """
    columns = cells_that_fit(width - label, len(views))
    if columns < LEAST_COLUMNS:
        return
    axis = Axis(reaching(union(views), [s for view in views for s in spans(view)]), columns)
    zones = [{(row.node, row.zone): row for row in view.zones if row.spanned} for view in views]
    nodes = [{row.node: row for row in view.nodes} for view in views]
    named = sorted({key for each in zones for key in each})
    for node in sorted({number for each in nodes for number in each}):
        for zone in (zone for of, zone in named if of == node):
            rows = [each.get((node, zone)) for each in zones]
            name = f"{node} {zone.label}"
            draw = _zone_bar(views, rows, zone, paint)
            yield _line(paint, width, label, name, _unlike(rows), draw, axis, columns, len(views))
        ends = [each.get(node) for each in nodes]
        if any(span is not None and span.spanned for span in ends):
            draw = _node_bar(ends, paint)
            unlike = len({_extent(span) for span in ends}) > 1
            yield _line(
                paint, width, label, f"{node} span", unlike, draw, axis, columns, len(views)
            )


def _unlike(rows: Sequence[ZoneRow | None]) -> bool:
    """Whether the machines disagree about a zone."""
    return len(set(rows)) > 1


def _extent(node: NodeRow | None) -> tuple[int, int]:
    return (0, 0) if node is None else (node.start_pfn, node.spanned)


def _line(
    paint: Paint,
    width: int,
    label: int,
    name: str,
    unlike: bool,
    draw: Bar,
    axis: Axis,
    columns: int,
    machines: int,
) -> Strip:
    """The name, a mark where the machines differ, and a bar for each machine."""
    row = Row(width, paint).add(name, paint.role("dim"), label - 1)
    row.add(paint.changed_mark if unlike else " ", paint.role("changed"), 1)
    for index in range(machines):
        row.gap(columns - draw(row, index, axis) + 2)
    return row.strip()


def _zone_bar(
    views: Sequence[View], rows: Sequence[ZoneRow | None], zone: ZoneType, paint: Paint
) -> Bar:
    def draw(line: Row, index: int, axis: Axis) -> int:
        found = rows[index]
        if found is None:
            return 0
        view = views[index]
        codes = bar_codes(view, None, found, axis, view.page_counts(axis.edges))
        for code, run in groupby(codes):
            glyph, style = paint.bar(zone, code)
            length = len(list(run))
            line.raw(Segment(glyph * length, style), length)
        return len(codes)

    return draw


def _node_bar(spans: Sequence[NodeRow | None], paint: Paint) -> Bar:
    def draw(line: Row, index: int, axis: Axis) -> int:
        span = spans[index]
        first, end = (0, 0) if span is None else axis.columns(*_ends(span))
        line.gap(first).add(paint.span_line(end - first), paint.role("rule"))
        return end

    return draw


def _ends(span: NodeRow) -> tuple[int, int]:
    return span.start_pfn, span.start_pfn + span.spanned
