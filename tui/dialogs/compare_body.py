"""The body of the compare screen: maps, zones, counters, findings, steps, as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from rich.segment import Segment
from textual.strip import Strip

from pfnmap.engine.compare import Comparison, VariantRun
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.notation import format_size
from pfnmap.engine.view import NodeRow, View, ZoneRow
from pfnmap.tui.map.axis import Axis, reaching
from pfnmap.tui.map.side_by_side import SideRow, cells_that_fit, side_by_side, union
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Row
from pfnmap.tui.widgets.zone_bars import bar_codes, spans

LABEL: Final = 11
"""Columns for block ids or pfns, with the mark behind them."""
NAME: Final = 28
VALUE: Final = 14
LEAST_CELLS: Final = 16
"""A map narrower than this is left out for want of room."""
LEAST_COLUMNS: Final = 8
"""A bar narrower than this says nothing."""

Bar = Callable[[Row, int, Axis], int]
"""Draws the bar of the machine of an index onto a line; returns how many columns it took."""


class Options(Struct, frozen=True):
    """What a person chose to see."""

    first: int = 1
    """The first variant beside A."""
    every_counter: bool = False
    zoom: int = 0
    """How often the cells were halved (negative: doubled), from a block to a row."""
    counters_key: str = ""
    """The key that shows every counter."""


def letter(index: int) -> str:
    """What a variant is called: A to Z, then AA and so on."""
    tens, ones = divmod(index, 26)
    return (letter(tens - 1) if tens else "") + chr(ord("A") + ones)


def at_step(comparison: Comparison, step: int) -> Comparison:
    """Every variant as it is after ``step`` commands of the scenario."""
    return Comparison(comparison.title, tuple(_run_at(run, step) for run in comparison.runs))


def _run_at(run: VariantRun, step: int) -> VariantRun:
    steps = run.steps[:step]
    if len(steps) == len(run.steps):
        return run
    done = [each.outcome for each in steps if each.outcome is not None]
    machine = Machine(done[-1].after if done else run.start)
    return replace(run, steps=steps, machine=machine, nr_expectations=0, failed=())


def nr_fitting(width: int, nr_runs: int) -> int:
    """How many variants stand side by side in a width, at least one."""
    room = width - LABEL
    return max([n for n in range(1, nr_runs + 1) if cells_that_fit(room, n) >= LEAST_CELLS] or [1])


def shown_runs(width: int, nr_runs: int, first: int) -> list[int]:
    """Which variants are shown: A, and from ``first`` on as many as fit beside it."""
    fitting = nr_fitting(width, nr_runs)
    first = max(1, min(first, nr_runs - fitting + 1))
    return [0, *range(first, min(first + fitting - 1, nr_runs))]


def body_lines(
    comparison: Comparison, paint: Paint, width: int, options: Options
) -> Iterator[Strip]:
    """All lines below the headings of the variants."""
    shown = shown_runs(width, len(comparison.runs), options.first)
    yield from _map(comparison, paint, width, shown, options.zoom)
    yield from _zones(comparison, paint, width, shown)
    yield from _counters(comparison, paint, width, shown, options)
    yield from _findings(comparison, paint, width)
    yield from _steps(comparison, paint, width)


def _head(paint: Paint, width: int, words: str, details: str = "") -> Strip:
    row = Row(width, paint).add(words, "heading")
    if details:
        row.gap().add(details, "dim")
    return row.strip()


# -- the map -----------------------------------------------------------------------------
def _map(
    comparison: Comparison, paint: Paint, width: int, shown: Sequence[int], zoom: int
) -> Iterator[Strip]:
    views = [comparison.views[index] for index in shown]
    columns = cells_that_fit(width - LABEL, len(shown))
    if columns < 8:
        yield _head(paint, width, "pfn map", "there is no room for it here")
        return
    geometry = views[0].geometry
    cell = geometry.block_pages // columns
    cell = max(1, cell >> zoom if zoom >= 0 else cell << -zoom)
    cell, rows = side_by_side(views, columns, cell)
    row_bytes = cell * columns * geometry.page_bytes
    sizes = format_size(cell * geometry.page_bytes), format_size(row_bytes)
    scale = f"1 cell = {cell} pfns = {sizes[0]}, 1 row = {sizes[1]}"
    yield _head(paint, width, "pfn map", f"{scale}, {paint.changed_mark} differs")
    heads = Row(width, paint).gap(LABEL)
    for index in shown:
        heads.add(letter(index), "accent", columns + 2)
    yield heads.strip()
    by_block = (cell * columns) % geometry.block_pages == 0
    unit = geometry.block_pages if by_block else 1
    for side in rows:
        yield _map_row(paint, width, side, columns, unit)
        if side.repeats:
            yield _repeated(paint, width, side, columns * cell, unit)


def _map_row(paint: Paint, width: int, side: SideRow, columns: int, unit: int) -> Strip:
    row = Row(width, paint)
    if side.is_hole:
        words = _range(side.start_pfn, side.end_pfn, unit)
        return row.gap(LABEL).add(f"{words}: no memory", "dim").strip()
    row.add(f"{_label(side.start_pfn, unit):>{LABEL - 2}} ", "dim")
    mark = paint.changed_mark if side.differs else " "
    row.add(mark, "changed", 1)
    for codes in side.codes:
        for code, run in groupby(codes.tolist()):
            glyph, style = paint.cell(code)
            row.add(glyph * len(list(run)), style)
        row.gap(2)
    return row.strip()


def _repeated(paint: Paint, width: int, side: SideRow, row_pages: int, unit: int) -> Strip:
    """Rows like the one above them; "the same" would be read as A like B."""
    words = _range(side.start_pfn + row_pages, side.end_pfn, unit)
    above = "the row above"
    if unit > 1:
        above = _range(side.start_pfn, side.start_pfn + row_pages, unit)
    return Row(width, paint).gap(LABEL).add(f"{words}: as {above}", "dim").strip()


def _label(pfn: int, unit: int) -> str:
    return str(pfn // unit) if unit > 1 else f"{pfn:#x}"


def _range(start_pfn: int, end_pfn: int, unit: int) -> str:
    first, last = _label(start_pfn, unit), _label(end_pfn - 1, unit)
    noun = ("block" if first == last else "blocks") if unit > 1 else "pfns"
    return f"{noun} {first}" if first == last else f"{noun} {first}-{last}"


# -- zones -------------------------------------------------------------------------------
def _zones(
    comparison: Comparison, paint: Paint, width: int, shown: Sequence[int]
) -> Iterator[Strip]:
    lines = list(zone_lines([comparison.views[index] for index in shown], paint, width, LABEL))
    if lines:
        yield Row(width, paint).strip()
        yield _head(paint, width, "zones and nodes", f"one scale, {paint.changed_mark} differs")
        yield from lines


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
    row = Row(width, paint).add(name, "dim", label - 1)
    row.add(paint.changed_mark if unlike else " ", "changed", 1)
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
        codes = bar_codes(view, found, axis, view.page_counts(axis.edges))
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
        line.gap(first).add(paint.span_line(end - first), "rule")
        return end

    return draw


def _ends(span: NodeRow) -> tuple[int, int]:
    return span.start_pfn, span.start_pfn + span.spanned


# -- counters ----------------------------------------------------------------------------
def _counters(
    comparison: Comparison, paint: Paint, width: int, shown: Sequence[int], options: Options
) -> Iterator[Strip]:
    rows, every = comparison.counters, options.every_counter
    unlike = [row for row in rows if row.differs]
    same = len(rows) - len(unlike)
    words = f"{len(unlike)} differ, {same} are the same"
    if options.counters_key and not every:
        words += f" ({options.counters_key} shows them)"
    yield Row(width, paint).strip()
    yield _head(paint, width, "counters", words)
    if every or unlike:
        heads = Row(width, paint).gap(NAME)
        for index in shown:
            heads.add(f"{letter(index):>{VALUE}}", "accent")
        yield heads.strip()
    for counter in rows if every else unlike:
        row = Row(width, paint).add(counter.name, width=NAME)
        role = "changed" if counter.differs else "text"
        form = "#x" if counter.name.endswith("start_pfn") else "d"
        for index in shown:
            row.add(f"{_number(counter.values[index], form):>{VALUE}}", role)
        row.gap().add(paint.changed_mark if counter.differs else "", "changed")
        yield row.strip()


def _number(value: int | None, form: str) -> str:
    return "-" if value is None else format(value, form)


# -- findings and steps ------------------------------------------------------------------
def _findings(comparison: Comparison, paint: Paint, width: int) -> Iterator[Strip]:
    total = sum(map(len, comparison.findings))
    yield Row(width, paint).strip()
    yield _head(paint, width, "findings", "" if total else "none")
    if not total:
        return
    for number, findings in enumerate(comparison.findings):
        name = letter(number)
        if not findings:
            yield _lettered(paint, width, name, "none", "dim")
        for finding in findings:
            where = f" (pfn {finding.start_pfn:#x})" if finding.nr_pages else ""
            for index, line in enumerate(wrapped(f"{finding.text}{where}", width - 3)):
                yield _lettered(paint, width, "" if index else name, line, "finding")


def _lettered(paint: Paint, width: int, name: str, words: str, role: str) -> Strip:
    row = Row(width, paint).gap().add(name, "accent", max(1, len(name))).gap()
    return row.add(words, role).strip()


def _steps(comparison: Comparison, paint: Paint, width: int) -> Iterator[Strip]:
    yield Row(width, paint).strip()
    steps = list(zip(*(run.steps for run in comparison.runs), strict=True))
    yield _head(paint, width, "steps", "" if steps else "none yet")
    for number, each in enumerate(steps, 1):
        results = [step.result + (f", run as: {step.ran}" if step.ran else "") for step in each]
        same = len(set(results)) == 1
        row = Row(width, paint).add(f"{number:>4} ", "dim")
        row.add("" if same else paint.changed_mark, "changed", 2)
        row.add(f"{each[0].line}: {results[0]}" if same else each[0].line)
        yield row.strip()
        for variant, result in enumerate(() if same else results):
            for index, line in enumerate(wrapped(result, width - 10)):
                row = Row(width, paint).gap(7)
                row.add("" if index else letter(variant), "accent", 2)
                yield row.add(line, "changed").strip()
