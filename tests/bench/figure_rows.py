"""Rows about the figure: a step drawn on a large machine and on one in very many pieces."""

from __future__ import annotations

from itertools import count

from msgspec.structs import replace

from pfnmap.engine.kinds import BlockState
from pfnmap.engine.model_view import ModelView
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.bill import bill_of
from pfnmap.tui.figure.figure import figure_of
from pfnmap.tui.figure.line_drawing import Sheet
from pfnmap.tui.figure.moments import Moment, moments
from tests.bench.table import Measure, Row, timed
from tests.tui.figure.sessions import alternating, session_of

WIDTH = 110


def _step(base: Moment) -> Measure:
    """One block changes its state: the figure of that with its rows and its bill."""
    assert base.before is not None
    ground = ground_of([base.before, base])
    blocks = base.state.blocks
    middle = int(blocks.keys_from(blocks.nr_keys // 2, 1)[0])
    steps = count()

    def step() -> None:
        at = middle + 2 * (next(steps) % 100)
        changed = blocks.update(at, at + 1, state=int(BlockState.GOING_OFFLINE))
        view = ModelView(replace(base.state, blocks=changed))
        moment = Moment(view, "a step", 1, before=base)
        sheet = Sheet(ground.with_moment(moment, base), WIDTH, view.geometry.block_bytes)
        assert list(sheet.rows(figure_of(moment, sheet.axis), None))
        assert list(sheet.bill(bill_of(view.state)))

    return timed(step)


def _machine(size: str) -> Moment:
    lines = "machine ram=4G memmap_on_memory=Y", f"add d {size}", "online d movable"
    return moments(session_of(*lines))[-1]


def large() -> tuple[Measure, Measure]:
    """4 PiB against 4 GiB."""
    return _step(_machine("4095T")), _step(_machine("4G"))


def pieces() -> tuple[Measure, Measure]:
    """Every other block of a million against every other of a hundred."""
    return _step(alternating(1_000_000)), _step(alternating(100))


ROWS = (
    Row("figure of a step, 4 PiB", "4 GiB", 1.5, large, rounds=31),
    # Of a million some 4,000 sums are looked through, and copied where one is another.
    Row("figure of a step, 1,000,000 alternating blocks", "100 blocks", 2, pieces, rounds=31),
)
"""Rows that draw and show nothing."""
