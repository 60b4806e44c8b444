"""Sums of the block table: the same however it is cut, and whichever state came before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.memory import runs, totals
from pfnmap.engine.memory.runs import RunMap, one_by_one
from pfnmap.engine.memory.state import BLOCK_DTYPE
from pfnmap.engine.memory.totals import Totals, totals_of
from tests.examples import examples

BLOCK_PAGES = 16
END = 60
ZONES = (ZoneType.NONE, ZoneType.NORMAL, ZoneType.MOVABLE)


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """Chunks of few rows, and nothing known from before."""
    patch = pytest.MonkeyPatch()
    patch.setattr(runs, "CHUNK_ROWS", 3)
    patch.setattr(totals, "_lately", [])
    yield
    patch.undo()


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[int, int, dict[str, int] | None]]:
    """Ranges of blocks with what they become; None: they go."""
    attributes = st.fixed_dictionaries(
        {
            "state": st.sampled_from([int(BlockState.OFFLINE), int(BlockState.ONLINE)]),
            "zone": st.sampled_from([int(zone) for zone in ZONES]),
            "node": st.integers(0, 1),
            "device": st.integers(-1, 1),
            "vmemmap": st.integers(0, 2),
            "present": st.sampled_from([BLOCK_PAGES, BLOCK_PAGES, 5]),
        }
    )
    edit = st.tuples(st.integers(0, END - 1), st.integers(1, 9), st.none() | attributes)
    return draw(st.lists(edit, min_size=1, max_size=30))


def plain(found: Totals) -> list[list[object]]:
    return [found.firsts.tolist(), found.sums.tolist(), found.extents.tolist()]


@examples(40)
@given(edits(), st.lists(st.integers(0, END + 5), min_size=2, max_size=8))
def test_rows_at_the_edges_and_sums_in_between_are_all_there_is(
    steps: list[tuple[int, int, dict[str, int] | None]], cuts: list[int]
) -> None:
    blocks = RunMap(BLOCK_DTYPE)
    edges = np.array(sorted(cuts), np.int64)
    for start, count, attributes in steps:
        if attributes is None:
            blocks = blocks.delete(start, start + count)
        else:
            blocks = blocks.insert(start, count, **attributes)
        found = totals_of(blocks, BLOCK_PAGES)
        fresh = totals._made(blocks, BLOCK_PAGES, None, 0, 0)
        assert plain(found) == plain(fresh)
    near = found.near(edges)
    which, place = one_by_one(near["count"])
    ids = near["start"][which] + place
    cells, sums = found.far(edges)
    for cell, (low, high) in enumerate(pairwise(edges.tolist())):
        rows = blocks.slice(low, high)
        mine = (ids >= low) & (ids < high)
        far = sums[cells == cell]
        assert mine.sum() + far["blocks"].sum() == rows["count"].sum()
        hosted = near["vmemmap"][which][mine].sum() + far["vmemmap"].sum()
        assert hosted == (rows["count"] * rows["vmemmap"]).sum()


@examples(20)
@given(edits())
def test_extents_are_alike_but_for_the_state(
    steps: list[tuple[int, int, dict[str, int] | None]],
) -> None:
    blocks = RunMap(BLOCK_DTYPE)
    for start, count, attributes in steps:
        blocks = blocks.insert(start, count, **(attributes or {"device": -1}))
    found = totals_of(blocks, BLOCK_PAGES).extents
    for extent in found:
        start, count = int(extent["start"]), int(extent["count"])
        rows = blocks.slice(start, start + count)
        assert rows["count"].sum() == count
        for name in ("node", "device", "memmap", "vmemmap"):
            assert set(rows[name].tolist()) == {extent[name]}
    assert found["count"].sum() == blocks.nr_keys
