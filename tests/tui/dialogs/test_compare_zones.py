"""Zones of several machines as bars under one scale."""

from __future__ import annotations

import numpy as np

from pfnmap.engine.compare import compare
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.themes import load_theme
from pfnmap.tui.dialogs.compare_body import zone_lines
from pfnmap.tui.map.axis import Axis, reaching
from pfnmap.tui.widgets.paint import Paint
from tests.tui.stage import DIMM, session_of

LABEL = 11


def lines(*views: object, width: int = 80) -> list[str]:
    paint = Paint(load_theme("ascii"))
    return [strip.text for strip in zone_lines(views, paint, width, LABEL)]  # type: ignore[arg-type]


def test_each_zone_has_a_bar_for_each_machine_and_a_mark_where_they_differ() -> None:
    one, other = session_of(*DIMM).view, session_of(DIMM[0]).view
    drawn = lines(one, other)
    names = [line[:10].strip() for line in drawn]
    assert names == ["0 DMA", "0 DMA32", "0 Movable", "0 span"]
    marks = {line[:10].strip(): line[10] for line in drawn}
    assert marks == {"0 DMA": " ", "0 DMA32": " ", "0 Movable": ">", "0 span": ">"}
    movable = drawn[2][LABEL:]
    assert movable[:34].strip() and not movable[34:].strip(), "the second machine has none"
    assert all(len(line) == 80 for line in drawn)


def test_bars_stand_under_one_scale() -> None:
    small, large = session_of(machine="machine ram=1G").view, session_of(*DIMM).view
    dma32 = lines(small, large)[1][LABEL:]
    assert dma32[:34].strip() == dma32[34:].strip(), "the same span is as long on both"


def test_three_machines_stand_beside_each_other() -> None:
    view = session_of(*DIMM).view
    spans = lines(view, view, view)[-1][LABEL:]
    assert len(spans.split()) == 3
    assert len(set(spans.split())) == 1


def test_where_there_is_no_room_there_are_no_bars() -> None:
    view = session_of(*DIMM).view
    assert lines(view, view, width=25) == []


def test_a_zone_larger_than_its_node_is_drawn_longer_than_its_node() -> None:
    """A span that outlived its memory lies beyond the last page there is."""
    scenario = load_scenario(shipped_scenarios()["shrink-e3-zone-larger-than-node"])
    old, merged = compare(scenario, ["shrink=remove-valid", "shrink=merged"]).views
    drawn = {line[:10].strip(): line[LABEL:] for line in lines(old, merged)}
    normal, node = drawn["1 Normal"], drawn["1 span"]
    assert len(normal[:34].rstrip()) > len(node[:34].rstrip())
    assert len(normal.rstrip()) == len(node.rstrip())


def test_an_axis_reaches_to_the_ends_of_every_span() -> None:
    extents = np.array([[10, 20], [40, 50]], dtype=np.int64)
    assert reaching(extents, []).tolist() == extents.tolist()
    assert reaching(extents, [(12, 30), (0, 0)]).tolist() == extents.tolist()
    assert reaching(extents, [(5, 90)]).tolist() == [[5, 6], [10, 20], [40, 50], [89, 90]]
    assert reaching(extents[:0], [(5, 90)]).tolist() == [[5, 90]]
    axis = Axis(reaching(extents, [(5, 90)]), 40)
    assert axis.columns(5, 90) == (0, 40)
    assert axis.columns(40, 50)[1] < 40
