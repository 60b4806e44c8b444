"""Which panel goes where: everything fits, nothing overlaps, the least important goes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.tui.screens.layout import (
    BLOCKS,
    EVENTS,
    FIGURE,
    INSPECTOR,
    LEGEND,
    MAP,
    MAP_MIN_HEIGHT,
    PANELS,
    SMALLEST,
    places,
)

USUAL = frozenset(PANELS) - {BLOCKS}


def shown(width: int, height: int, wanted: frozenset[str] = USUAL) -> set[str]:
    return set(places(width, height, wanted))


@given(
    st.integers(0, 300),
    st.integers(0, 100),
    st.sets(st.sampled_from(PANELS)),
    st.one_of(st.none(), st.sampled_from([MAP, FIGURE, BLOCKS, EVENTS, INSPECTOR])),
)
def test_panels_are_inside_the_screen_and_apart(
    width: int, height: int, wanted: set[str], maximised: str | None
) -> None:
    made = places(width, height, frozenset(wanted), maximised=maximised)
    taken: set[tuple[int, int]] = set()
    for name, place in made.items():
        assert place.width > 0, name
        assert place.height > 0, name
        assert place.x >= 0, name
        assert place.y >= 0, name
        assert place.x + place.width <= max(1, width), name
        assert place.y + place.height <= height, name
        cells = {
            (x, y)
            for x in range(place.x, place.x + place.width)
            for y in range(place.y, place.y + place.height)
        }
        assert not cells & taken, name
        taken |= cells


@pytest.mark.parametrize(
    ("size", "gone"),
    [
        ((200, 60), set()),
        ((120, 40), set()),
        ((80, 24), {INSPECTOR}),
        (SMALLEST, {INSPECTOR, "timeline"}),
        ((59, 16), {INSPECTOR, "timeline", FIGURE, EVENTS, LEGEND, "title"}),
        ((60, 5), {INSPECTOR, "timeline", FIGURE, EVENTS, LEGEND, "title", "footer"}),
    ],
)
def test_what_is_given_up_at_which_size(size: tuple[int, int], gone: set[str]) -> None:
    everything = {*USUAL, "title", "timeline", "status", "footer"}
    assert shown(*size) - {"notice"} == everything - gone
    assert ("notice" in shown(*size)) == (size[0] < SMALLEST[0] or size[1] < SMALLEST[1])


def test_one_cell_is_a_map() -> None:
    assert shown(1, 1) == {MAP}
    assert shown(0, 0) == set()


def test_the_footer_is_the_last_line() -> None:
    assert places(120, 40, frozenset({MAP}))["footer"].y == 39


def test_blocks_go_under_the_map_where_there_is_no_side_column() -> None:
    below = places(80, 24, USUAL | {BLOCKS})[BLOCKS]
    assert below.height >= 3
    assert (below.x, below.width) == (0, 80)
    beside = places(120, 40, USUAL | {BLOCKS})[BLOCKS]
    assert beside.height >= 3 and beside.x > 0


def test_the_figure_has_its_height_whatever_is_drawn() -> None:
    """Nothing moves between two steps: the size of the terminal alone decides."""
    heights = {height: places(120, height, USUAL)[FIGURE].height for height in (24, 30, 40, 60)}
    assert heights == {24: 9, 30: 12, 40: 17, 60: 25}
    assert all(places(120, height, USUAL)[MAP].height >= MAP_MIN_HEIGHT for height in heights)
