"""Where a key acts."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import Ref
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.notation import format_refs
from pfnmap.tui.keys.here import MOST_BLOCKS, Here, refs_of
from tests.tui.stage import DIMM, session_of, stage

BLOCK = 32768


def at(start: int, end: int, *, selected: bool = False) -> Here:
    return Here(session_of(*DIMM).view, start, end, selected)


def words(*refs: tuple[Ref, ...]) -> list[str]:
    return list(map(format_refs, refs))


@pytest.mark.parametrize(
    ("ids", "words"),
    [([], ""), ([7], "7"), ([32, 33, 34, 40], "32-34,40"), ([1, 3, 5, 6], "1,3,5-6")],
)
def test_ids_as_a_ref(ids: list[int], words: str) -> None:
    assert format_refs(refs_of(ids)) == words


def test_a_cell_belongs_to_its_block() -> None:
    here = at(32 * BLOCK, 32 * BLOCK + 512)
    assert words(here.refs, here.removal_refs) == ["32", "dimm0"]
    assert (here.zone, here.node) == (ZoneType.MOVABLE, 0)
    assert here.states == {"online"}


def test_a_selection_over_a_hole_names_the_blocks_that_exist() -> None:
    here = at(6 * BLOCK, 33 * BLOCK + 512, selected=True)
    assert words(here.refs, here.removal_refs) == ["6-7,32-33"] * 2
    assert here.states == {"online", "offline"}


def test_a_hole_has_no_blocks_and_no_zone() -> None:
    here = at(20 * BLOCK, 21 * BLOCK)
    assert not here.refs and not here.states and here.first_block is None
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
        assert len(on.main.shown.here.block_ids) == MOST_BLOCKS
