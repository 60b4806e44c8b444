"""The figure as a value: rows that fit, marks of change, and machines of any size."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from pfnmap.engine.compare import compare, compare_machine
from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.language.lines import parse_lines
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.sysroot.history import open_root
from pfnmap.tui.figure.axis import axis_of, ground_of
from pfnmap.tui.figure.bill import bill_of
from pfnmap.tui.figure.figure import Figure, Mark, Told, figure_of
from pfnmap.tui.figure.moments import moments
from pfnmap.tui.figure.result import result
from pfnmap.tui.figure.text import joined
from pfnmap.tui.figure.variants import Variants, compare_lines
from pfnmap.tui.map.cells import STATE_MASK
from tests.engine.sysroot.test_history import block_33_goes_offline
from tests.engine.sysroot.trees import x86_tree
from tests.tui.figure.sessions import alternating, session_of

DIMM = ("machine ram=1G memmap_on_memory=Y", "add dimm0 384M", "online dimm0 movable")


def last_figure(*lines: str, width: int = 60) -> Figure:
    found = moments(session_of(*lines))
    return figure_of(found[-1], axis_of(ground_of(found), width))


def states_of(figure: Figure) -> set[PageState]:
    """The states that can be seen in its rows."""
    runs = (run for row in figure.rows for run in row.now.runs())
    return {PageState(code & STATE_MASK) for mark, code, _, _ in runs if mark == Mark.CELL}


def test_rows_that_changed_are_kept_where_there_is_little_room() -> None:
    figure = last_figure(*DIMM, "offline 33")
    assert [row.name for row in figure.rows] == ["node", "DMA", "DMA32", "Movable", "no zone"]
    assert [row.name for row in figure.fitting(4)] == ["DMA32", "Movable", "no zone"]
    assert figure.fitting(20) == figure.rows


def test_what_changed_is_marked_and_nothing_else() -> None:
    figure = last_figure(*DIMM, "offline 33")
    movable = next(row for row in figure.rows if row.name == "Movable")
    cells = (figure.axis.starts >= 0x108000) & (figure.axis.ends <= 0x110000)
    inside = cells & (figure.axis.starts < figure.axis.ends)
    assert np.array_equal(movable.differs, inside)
    assert (movable.now.marks[inside] == Mark.GAP).all()
    assert [number.changed for number in movable.numbers] == [False, True, True]


def test_many_devices_that_are_added_again_are_one_step_of_a_comparison() -> None:
    dimms = [f"add d{n} 256M at={(32 + 2 * n) << 27:#x}" for n in range(9)]
    machine = session_of("machine ram=1G", *dimms, "online 32-49 movable").state
    offline = list(parse_lines(["offline 48"], source="x"))
    text = "\n".join(compare_lines(compare_machine(machine, offline, ["memmap_on_memory=Y"], "x")))
    assert text.count("\nhot-added again: add d0 256M") == text.count("\nhot-added again") == 1
    assert text.count("8 further devices of 2G (524288 pages)") == 2
    assert text.count("blocks 32-49 are online in Movable") == 2
    assert "step 1: offline 48\n" in text


def test_a_refused_device_has_its_place_on_the_axis() -> None:
    """Of its own size among what there is; but a tick, where it would leave no room for that."""
    refused = ("add dimm0 256M", "add dimm1 384M at=0x110000001")
    rows = last_figure("machine ram=1G", *refused).rows
    crosses = rows[-1].now.marks == Mark.REFUSED
    offline = np.isin(rows[-1].now.marks, (Mark.CELL, Mark.TICK))
    assert np.flatnonzero(crosses).min() > np.flatnonzero(offline).max()
    assert np.count_nonzero(crosses) > np.count_nonzero(offline)  # it touches four blocks
    assert rows[-1].refused[crosses].all() and not rows[-1].differs.any()
    assert not any((row.now.marks == Mark.REFUSED).any() for row in rows[:-1])
    vast = last_figure("machine ram=1G", *refused[:1], "add dimm1 1P at=0x200000001")
    assert np.count_nonzero(vast.rows[-1].now.marks == Mark.REFUSED) == 1
    there = last_figure(
        "machine ram=1G", *refused[:1], "online 32", "add dimm1 256M at=0x100000000"
    )
    assert [row.name for row in there.rows if row.refused.any()] == ["Normal", "no zone"]


def test_what_a_refused_step_was_about_is_told() -> None:
    session = session_of(
        "machine ram=2G", "add a 512M", "online a movable", "pin 33 kind=unmovable", "offline 33-34"
    )
    found = moments(session)
    axis = axis_of(ground_of(found), 80)
    row = next(row for row in figure_of(found[-1], axis).rows if row.zone == ZoneType.MOVABLE)
    assert not row.differs.any()
    cells = row.refused
    assert {int(pfn) >> 15 for pfn in axis.starts[cells]} == {33, 34}
    assert (row.told[cells] == Told.REFUSED).all()
    assert not figure_of(found[-2], axis).rows[-1].refused.any()


def test_runs_cover_a_row_from_left_to_right() -> None:
    for row in last_figure(*DIMM, "offline 33").rows:
        runs = list(row.now.runs(row.told))
        assert sum(length for *_, length in runs) == 60
        assert all(one[:3] != other[:3] for one, other in pairwise(runs))


def test_one_huge_page_is_enough_to_be_seen() -> None:
    figure = last_figure(*DIMM, "hugetlb h 2M pfn=0x104000")
    assert PageState.HUGETLB in states_of(figure)


def test_very_many_alternating_blocks_are_a_few_pieces() -> None:
    made = alternating(100_000)
    assert made.before is not None
    axis = axis_of(ground_of([made.before, made]), 100)
    assert len(axis.pieces) < 10
    drawn = {row.name: row.now for row in figure_of(made, axis).rows}
    assert (drawn["Movable"].marks == Mark.CELL).sum() > 20
    assert (drawn["no zone"].marks == Mark.CELL).sum() > 20


def test_moments_that_change_no_block_share_their_memory_however_many() -> None:
    session = session_of("machine ram=1G", *["set auto_online_blocks=online"] * 1500)
    found = moments(session)
    assert found[-1].memory is found[1000].memory


def test_a_reading_of_a_real_machine_is_a_step(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    session = open_root(tree.root)
    block_33_goes_offline(tree)
    session.poll()
    found = moments(session)
    assert result(found[-1])[:2] == (
        "block 33 is offline",
        "the span of Movable: its end moves down 1 block to 0x108000 (33 was its last block)",
    )
    figure = figure_of(found[-1], axis_of(ground_of(found), 60))
    assert {row.name for row in figure.changed} == {"node", "Movable", "no zone"}
    assert PageState.ONLINE not in states_of(figure)
    assert bill_of(found[-1].state).nodes[0].free_pages is None


def test_variants_are_drawn_once_where_they_are_alike() -> None:
    scenario = parse_scenario("machine ram=1G\nadd dimm0 384M\nonline dimm0 movable\noffline 34\n")
    lines = joined(Variants(compare(scenario, ["profile=4.19"]), 72).lines([0, 1, 2, 3]))
    assert [line for line in lines if line.startswith("step")] == [
        "step 1: add dimm0 384M",
        "step 2: online dimm0 movable",
        "step 3: offline 34",
    ]
    assert lines.count("* here they part") == 1
    assert lines.index("* here they part") == lines.index("step 3: offline 34") + 1
    assert lines[-1] == "B: profile=4.19: costs and saves nothing at the end"
    assert all(len(line) <= 72 and line.isascii() for line in lines)
