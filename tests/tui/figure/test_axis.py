"""The axis and the rows on it: in the machine's order, to scale, and always in the same place."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.commands import Pin, Ref
from pfnmap.engine.session import Session
from pfnmap.engine.sources import open_source, shipped_scenarios
from pfnmap.tui.figure.axis import Axis, Column, Piece, axis_of, ground_of
from pfnmap.tui.figure.figure import Figure, Mark, figure_of
from pfnmap.tui.figure.moments import Moment, moments
from pfnmap.tui.figure.steps import Steps
from tests.examples import examples, some
from tests.tui.figure.sessions import FIRST, random_sessions, session_of

WIDTHS = st.integers(40, 180)


def to_scale(piece: Piece) -> bool:
    """Whether as many cells as it has mean as many blocks as everywhere in the focus."""
    return piece.cells_a_block > 0 and not piece.broken


@given(random_sessions(), WIDTHS)
@examples(12)
def test_what_holds_of_every_axis_and_figure(session: Session, width: int) -> None:
    """All that is asked of one session; each question says in its name what holds."""
    found = moments(session)
    axis = axis_of(ground_of(found), width)
    assert len(axis.kinds) == width
    figures = [figure_of(moment, axis) for moment in found]
    columns_are_in_the_machines_order_and_leave_nothing_out(axis, found)
    lengths_in_the_focus_are_exact(axis)
    the_focus_has_half_of_the_width(axis)
    for figure in figures:
        zones_share_columns_only_where_their_spans_overlap(figure)
        nothing_that_exists_has_no_width(figure)


def columns_are_in_the_machines_order_and_leave_nothing_out(
    axis: Axis, found: list[Moment]
) -> None:
    used = np.flatnonzero(axis.kinds != Column.BLANK)
    assert used.tolist() == list(range(len(used)))
    for left, right in pairwise(used.tolist()):
        assert axis.ends[left] == axis.starts[right]
    cells = axis.kinds[used] != Column.EDGE
    assert (axis.ends[used] > axis.starts[used])[cells].all()
    for moment in found:
        assert axis.starts[0] <= moment.memory.edges[0]
        assert axis.ends[used[-1]] >= moment.memory.edges[-1]


def lengths_in_the_focus_are_exact(axis: Axis) -> None:
    exact = [piece for piece in axis.pieces if to_scale(piece)]
    assert len({(piece.cells_a_block, piece.blocks_a_cell) for piece in exact}) <= 1
    for piece in exact:
        pages = (piece.end_pfn - piece.start_pfn) * piece.cells_a_block
        assert pages == piece.cells * piece.blocks_a_cell * axis.block_pages
        inside = (axis.starts >= piece.start_pfn) & (axis.ends <= piece.end_pfn)
        cells = inside & (axis.kinds == Column.CELL)
        assert int(cells.sum()) == piece.cells
        assert axis.exact[cells].all()
    for piece in axis.pieces:
        if not to_scale(piece) and not piece.broken:
            inside = (axis.starts >= piece.start_pfn) & (axis.ends <= piece.end_pfn)
            assert not axis.exact[inside].any()


def zones_share_columns_only_where_their_spans_overlap(figure: Figure) -> None:
    spans = {(row.node, row.zone): (row.start_pfn, row.end_pfn) for row in figure.moment.view.zones}
    rows = [
        (row, spans.get((row.node, row.zone), (0, 0)))
        for row in figure.rows
        if row.zone is not None and row.zone >= 0
    ]
    for (one, low), (other, high) in combinations(rows, 2):
        both = (one.now.marks != Mark.BLANK) & (other.now.marks != Mark.BLANK)
        cells = both & (figure.axis.kinds != Column.EDGE)
        overlap = max(low[0], high[0]) < min(low[1], high[1])
        assert overlap or not cells.any()


def nothing_that_exists_has_no_width(figure: Figure) -> None:
    view, memory = figure.moment.view, figure.moment.memory
    rows = {(row.node, row.zone): row.now for row in figure.rows}
    for zone in view.zones:
        if zone.present:
            line = rows[zone.node, zone.zone]
            assert (line.marks == Mark.CELL).any()
            assert {Mark.OPEN, Mark.CLOSE} <= set(line.marks.tolist())
    for node, kind in (who for who, n in memory.pages(memory.edges).items() if n.any()):
        assert (rows[node, kind].marks == Mark.CELL).any()


def the_focus_has_half_of_the_width(axis: Axis) -> None:
    if any(piece.focus for piece in axis.pieces):
        assert columns_outside(axis) <= axis.width // 2 + 1


def columns_outside(axis: Axis) -> int:
    outside = np.zeros(axis.width, bool)
    for piece in axis.pieces:
        if not piece.focus:
            outside |= (axis.starts >= piece.start_pfn) & (axis.ends <= piece.end_pfn)
    return int((outside & (axis.kinds != Column.BLANK) & (axis.kinds != Column.EDGE)).sum())


@pytest.mark.parametrize("name", some(shipped_scenarios()))
def test_nothing_moves_during_a_session(name: str) -> None:
    session = open_source(name)
    axes = []
    for position in sorted({0, len(session.outcomes) // 2, len(session.outcomes)}):
        session.seek(position)
        ground = ground_of(moments(session))
        axes.append([axis_of(ground, width) for width in (36, 80, 150)])
    for others in axes[1:]:
        for one, other in zip(axes[0], others, strict=True):
            for column in ("kinds", "starts", "ends"):
                assert np.array_equal(getattr(one, column), getattr(other, column))


def test_the_focus_is_what_was_touched() -> None:
    session = session_of("machine ram=4G", "add a 256M", "add b 256M at=0x200000000", "online a[0]")
    axis = axis_of(ground_of(moments(session)), 80)
    focus = [(piece.start_pfn, piece.end_pfn) for piece in axis.pieces if piece.focus]
    assert focus[0][0] == session.outcomes[0].after.device_named("a").start_pfn  # type: ignore[union-attr]
    assert focus[-1][1] == 0x210000
    assert all(to_scale(piece) for piece in axis.pieces if piece.focus)


def test_a_focus_can_be_asked_for() -> None:
    session = session_of("machine ram=4G", "add a 256M")
    axis = axis_of(ground_of(moments(session), [(3 << 15, 5 << 15)]), 80)
    focus = [(piece.start_pfn, piece.end_pfn) for piece in axis.pieces if piece.focus]
    assert focus == [(3 << 15, 5 << 15)]


def test_a_long_piece_of_equal_blocks_is_broken_and_not_squeezed() -> None:
    session = session_of("machine ram=2G memmap_on_memory=Y", "add dimm0 64G")
    axis = axis_of(ground_of(moments(session)), 60)
    piece = axis.pieces[-1]
    assert piece.broken
    assert piece.cells_a_block > 1
    assert (axis.kinds == Column.BREAK).sum() == 2


@given(random_sessions(), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 7)), max_size=9))
@examples(12)
def test_a_session_that_is_followed_has_the_ground_of_its_steps(
    session: Session, turns: list[tuple[int, int]]
) -> None:
    steps = Steps(session)
    for back, block in [(0, 0), *turns]:
        session.seek(max(0, len(session.outcomes) - back))
        for _ in range(5):
            session.run(Pin((Ref(first=FIRST + block),)))
        steps.follow()
        anew = ground_of(moments(session))
        for name in ("edges", "spans", "memory", "touched", "largest_span", "last_node"):
            assert np.array_equal(getattr(steps.ground, name), getattr(anew, name)), name
