"""Where a key acts."""

from __future__ import annotations

import pytest

from pfnmap.engine.kinds import ZoneType
from pfnmap.tui.keys.situation import MOST_BLOCKS, Situation, ranges
from tests.tui.stage import DIMM, session_of, stage

BLOCK = 32768


def at(start: int, end: int, *, selected: bool = False) -> Situation:
    return Situation(session_of(*DIMM).view, start, end, selected)


@pytest.mark.parametrize(
    ("ids", "words"),
    [([], ""), ([7], "7"), ([32, 33, 34, 40], "32-34,40"), ([1, 3, 5, 6], "1,3,5-6")],
)
def test_ids_as_a_ref(ids: list[int], words: str) -> None:
    assert ranges(ids) == words


def test_a_cell_belongs_to_its_block() -> None:
    here = at(32 * BLOCK, 32 * BLOCK + 512)
    assert (here.ref, here.removal_ref) == ("32", "dimm0")
    assert (here.zone, here.node) == (ZoneType.MOVABLE, 0)
    assert here.states == {"online"}


def test_a_selection_over_a_hole_names_the_blocks_that_exist() -> None:
    here = at(6 * BLOCK, 33 * BLOCK + 512, selected=True)
    assert here.ref == here.removal_ref == "6-7,32-33"
    assert here.states == {"online", "offline"}


def test_a_hole_has_no_blocks_and_no_zone() -> None:
    here = at(20 * BLOCK, 21 * BLOCK)
    assert (here.ref, here.first_block, here.states) == ("", None, set())
    assert here.zone == ZoneType.NONE


def test_a_block_of_several_zones_gives_the_zone_of_the_page() -> None:
    assert at(4096, 4608).zone == ZoneType.DMA32
    assert at(512, 1024).zone == ZoneType.DMA


# -- more than a key should act on -------------------------------------------------------
async def test_a_key_never_acts_on_a_part_of_what_is_selected() -> None:
    async with stage(machine="machine ram=16T block=128M") as on:
        await on.keys("g", "v", "G")
        blocks = on.session.view.nr_blocks
        assert blocks > MOST_BLOCKS
        assert f"selected {blocks} blocks" in on.text
        await on.keys("f")
        assert f"{blocks} blocks are here" in " ".join(on.text.split())
        assert on.session.position == 0
        assert len(on.main.here.block_ids) == MOST_BLOCKS
