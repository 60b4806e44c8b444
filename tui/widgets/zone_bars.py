"""Zones and nodes: spans as bars on one scale, with the kernel's own counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual.strip import Strip

from pfnmap.engine.kinds import FREE_BY_ZONE, PageState, ZoneType
from pfnmap.engine.view import NodeRow, View, ZoneRow
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.map.axis import Axis, reaching
from pfnmap.tui.say.words import pfn_words, signed
from pfnmap.tui.widgets.paint import GAINED, HOLE, LOST, OUT, PRESENT, Paint
from pfnmap.tui.widgets.panel import Panel, Row

ZONE_STATE: dict[int, PageState] = {
    **{int(zone): state for zone, state in FREE_BY_ZONE.items()},
    int(ZoneType.DEVICE): PageState.DEVICE,
}
"""The state whose colour and glyph stand for a zone."""

FREE_COLUMNS = [int(state) for state in FREE_BY_ZONE.values()] + [int(PageState.DEVICE)]
LABEL_WIDTH = 16
NUMBER_WIDTH = 9
MIN_BAR = 12
DELTAS_WIDTH = 56
FIELDS = ("start_pfn", "spanned", "present", "managed")


def spans(view: View) -> list[tuple[int, int]]:
    """[start_pfn, end_pfn) of every zone and every node."""
    zones = [(row.start_pfn, row.end_pfn) for row in view.zones]
    return zones + [(row.start_pfn, row.start_pfn + row.spanned) for row in view.nodes]


def bar_codes(
    view: View, before: View | None, row: ZoneRow, axis: Axis, counts: NDArray[np.int64]
) -> list[int]:
    """What each column of the axis is (OUT … GAINED of ``pfnmap.tui.widgets.paint``).

    ``counts`` are the pages of each state in each column, int64 (columns, states).
    """
    codes = np.zeros(axis.width, dtype=np.int64)
    first, end = axis.columns(row.start_pfn, row.end_pfn)
    codes[first:end] = HOLE
    if end > first:
        present = _present(view, row, axis, counts)
        codes[first:end] = np.where(present[first:end], PRESENT, HOLE)
    old = _same_zone(before, row)
    if old is not None and (old.start_pfn, old.spanned) != (row.start_pfn, row.spanned):
        was = np.zeros(axis.width, dtype=bool)
        was_first, was_end = axis.columns(old.start_pfn, old.end_pfn)
        was[was_first:was_end] = True
        codes[was & (codes == OUT)] = LOST
        codes[~was & (codes == PRESENT)] = GAINED
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


def _same_zone(view: View | None, row: ZoneRow) -> ZoneRow | None:
    if view is None:
        return None
    same = (old for old in view.zones if (old.node, old.zone) == (row.node, row.zone))
    return next(same, ZoneRow(row.node, row.zone, 0, 0, 0, 0))


def shown_zones(view: View, before: View | None) -> list[ZoneRow]:
    """The zones worth a line: populated now or before the last step."""
    rows = []
    for row in view.zones:
        old = _same_zone(before, row)
        if row.spanned or (old is not None and old.spanned):
            rows.append(row)
    return rows


class ZoneBars(Panel):
    """Per node: a bar and the counters of each zone, and the node's own span."""

    TITLE = "zones"

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._view: View | None = None
        self._before: View | None = None
        self._at_node = 0
        self._to_node = False
        """Whether the cursor's node is wanted in sight more than what the last step changed."""
        self._widths = _field_widths(())
        self._scrolled = False
        """Whether somebody scrolled since something was last brought into sight."""

    def show(self, shown: Shown) -> None:
        """Show a machine; differences from the one before are drawn in.

        Where not all nodes are in sight, the one that the cursor is in comes into sight.
        """
        if shown.view is not self._view or shown.before is not self._before:
            self._view, self._before = shown.view, shown.before
            self._to_node = self._scrolled = False
            self.repaint()
        node = shown.here.node
        if node != self._at_node:
            self._at_node, self._to_node, self._scrolled = node, True, False
            if self.nr_lines >= self.size.height:
                self.repaint()

    def scroll_lines(self, lines: int) -> None:
        """Scroll; what was brought into sight need not stay there."""
        self._scrolled = True
        super().scroll_lines(lines)

    @staticmethod
    def wanted_height(view: View, before: View | None) -> int:
        """Lines that show everything, heading included."""
        return 1 + len(shown_zones(view, before)) + len(view.nodes)

    def draw(self, width: int, height: int) -> list[Strip]:
        """Heading, column names, zones node by node."""
        view = self._view
        if view is None:
            return []
        rows = shown_zones(view, self._before)
        self._widths = _field_widths((*rows, *view.nodes))
        fields, bar = _columns(width, self._widths)
        axis = Axis(reaching(view.extents(), spans(view)), bar)
        counts = view.page_counts(axis.edges)
        body: list[Strip] = []
        changed, here = -1, range(0)
        for node in view.nodes:
            mine = [row for row in rows if row.node == node.node]
            if node.node == self._at_node:
                here = range(len(body), len(body) + len(mine) + 1)
            for index, row in enumerate(mine):
                head = f"node {node.node}" if index == 0 else ""
                if changed < 0 and _same_zone(self._before, row) not in (None, row):
                    changed = len(body)
                codes = bar_codes(view, self._before, row, axis, counts)
                body.append(self._zone(width, head, row, codes, bar, fields))
            body.append(self._node(width, node, axis, bar, fields, alone=not mine))
        room = max(0, height - 1)
        if len(body) > room >= 1 and len(view.nodes) == 1:
            body = body[:-1]  # the node's own span repeats what its zones say
        if changed >= 0 and not self._to_node:
            here = range(changed, changed + 1)
        if here and not (self.has_focus or self._scrolled):
            self.first_line = min(max(self.first_line, here.stop - room), here.start)
        shown = self.window(body, room)
        hidden = f"{len(shown)} of {len(body)} lines" if len(body) > len(shown) else ""
        return [self._title(width, bar, fields, hidden), *shown]

    def _title(self, width: int, bar: int, fields: tuple[str, ...], hidden: str) -> Strip:
        """The heading, with the names of the counters over their columns."""
        paint = self.paint
        rule, dim = "rule", "dim"
        names = LABEL_WIDTH + bar + 1
        title = self.heading(names, extra=hidden or self._summary())
        row = Row(width, paint, "rule")
        for segment in title:
            row.raw(segment, segment.cell_length)
        for index, name in enumerate(fields):
            room = self._widths[name] - len(name) - 2
            joint = " " if index else paint.line
            row.add(joint + paint.line * room + " ", rule).add(name, dim)
        row.add(" ", rule)
        return row.rule(paint.line, rule).strip()

    def _summary(self) -> str:
        """Which zones exist but are empty; left out with several nodes, where many are."""
        if self._view is None or len(self._view.nodes) != 1:
            return ""
        empty = [row.zone.label for row in self._view.zones if not row.spanned]
        return f"empty: {' '.join(empty)}" if empty else ""

    def _zone(
        self,
        width: int,
        head: str,
        row: ZoneRow,
        codes: list[int],
        bar: int,
        fields: tuple[str, ...],
    ) -> Strip:
        paint = self.paint
        line = Row(width, paint).gap().add(head, "heading", 8)
        line.add(row.zone.label, paint.zone_text(row.zone.label), LABEL_WIDTH - 9)
        for code, length in _runs(codes):
            glyph, style = paint.bar(row.zone, code)
            line.raw(Segment(glyph * length, style), length)
        line.gap(bar - len(codes) + 1)
        self._numbers(line, row, _same_zone(self._before, row), fields)
        return line.strip()

    def _numbers(
        self, line: Row, row: ZoneRow, old: ZoneRow | None, fields: tuple[str, ...]
    ) -> None:
        paint = self.paint
        deltas = []
        for name in fields:
            value = getattr(row, name)
            was = value if old is None else getattr(old, name)
            words = _number_words(name, value)
            style = "changed" if value != was else "text"
            mark = paint.changed_mark if value != was else " "
            line.add(f"{mark}{words}".rjust(self._widths[name]), style)
            if value != was and name != "start_pfn":
                deltas.append(f"{name} {signed(value - was)}")
        words = "  " + " ".join(deltas)
        if deltas and len(words) <= line.room:
            line.add(words, "changed")

    def _node(
        self,
        width: int,
        node: NodeRow,
        axis: Axis,
        bar: int,
        fields: tuple[str, ...],
        *,
        alone: bool,
    ) -> Strip:
        paint = self.paint
        line = Row(width, paint, "dim").gap()
        line.add(f"node {node.node}" if alone else "", "heading", 8)
        line.add("span" if node.spanned else "empty", "dim", LABEL_WIDTH - 9)
        first, end = axis.columns(node.start_pfn, node.start_pfn + node.spanned)
        line.gap(first).add(paint.span_line(end - first), "rule")
        line.gap(bar - end + 1)
        for name in fields:
            value = getattr(node, name, None)
            line.add(_number_words(name, value).rjust(self._widths[name]), "dim")
        return line.strip()


def _columns(width: int, widths: Mapping[str, int]) -> tuple[tuple[str, ...], int]:
    """Which counters fit and how wide the bars may be."""
    for fields in (FIELDS, FIELDS[1:], FIELDS[1:3], ()):
        numbers = sum(widths[name] for name in fields)
        bar = width - LABEL_WIDTH - numbers - 2
        if bar >= MIN_BAR:
            room_for_deltas = DELTAS_WIDTH if bar >= 2 * DELTAS_WIDTH else 0
            return fields, min(bar - room_for_deltas, 128)
    return (), max(1, width - LABEL_WIDTH - 2)


def _field_widths(rows: Iterable[ZoneRow | NodeRow]) -> dict[str, int]:
    """How wide each counter is: a blank, a mark, and the longest number; seldom more than usual."""
    rows = tuple(rows)
    widths = {}
    for name in FIELDS:
        usual = NUMBER_WIDTH + (3 if name == "start_pfn" else 1)
        wanted = [2 + len(_number_words(name, getattr(row, name, None))) for row in rows]
        widths[name] = max(usual, *wanted) if wanted else usual
    return widths


def _number_words(name: str, value: int | None) -> str:
    if value is None:
        return ""
    return pfn_words(value) if name == "start_pfn" else str(value)


def _runs(codes: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for code in codes:
        if runs and runs[-1][0] == code:
            runs[-1] = (code, runs[-1][1] + 1)
        else:
            runs.append((code, 1))
    return runs
