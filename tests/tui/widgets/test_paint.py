"""Cell codes in the glyphs and colours of a theme."""

from __future__ import annotations

import pytest

from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.themes import load_theme, theme_files
from pfnmap.tui.map import cells
from pfnmap.tui.widgets.paint import Paint

S = PageState
THEMES = sorted(theme_files())


def code(under: PageState, memmap_eighths: int = 0, flags: int = 0) -> int:
    over = S.VMEMMAP if memmap_eighths else under
    packed = int(under) | int(over) << cells.OVER_SHIFT | memmap_eighths << cells.EIGHTHS_SHIFT
    return packed | flags


@pytest.mark.parametrize("theme", THEMES)
def test_states_are_told_apart_without_colour(theme: str) -> None:
    paint = Paint(load_theme(theme))
    glyphs = [paint.cell(code(state))[0] for state in PageState]
    assert len(set(glyphs)) == len(PageState)


@pytest.mark.parametrize("theme", THEMES)
def test_the_share_of_memmap_is_told_apart_without_colour(theme: str) -> None:
    paint = Paint(load_theme(theme))
    glyphs = [paint.cell(code(S.OFFLINE, eighths))[0] for eighths in range(1, 8)]
    assert len(set(glyphs)) == 7
    assert not set(glyphs) & {paint.cell(code(state))[0] for state in PageState}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", list(PageState))
def test_the_cursor_is_seen_on_every_state(theme: str, state: PageState) -> None:
    paint = Paint(load_theme(theme))
    plain = paint.cell(code(state))
    cursor = paint.cell(code(state, flags=cells.CURSOR))
    selected = paint.cell(code(state, flags=cells.SELECTED))
    assert cursor != plain
    assert selected != plain
    assert cursor != selected


def test_a_solid_glyph_gives_way_to_a_letter_under_the_cursor() -> None:
    """Otherwise nothing of the cursor's background would be seen."""
    paint = Paint(load_theme("dark"))
    assert paint.cell(code(S.VMEMMAP))[0] == "█"
    assert paint.cell(code(S.VMEMMAP, flags=cells.CURSOR))[0] == "V"
    assert paint.cell(code(S.OFFLINE, 4, cells.CURSOR))[0] == "o"


def test_a_part_of_memmap_keeps_the_colours_of_both() -> None:
    theme = load_theme("dark")
    glyph, style = Paint(theme).cell(code(S.OFFLINE, 4))
    assert glyph == "▌"
    assert style.color is not None
    assert style.bgcolor is not None
    assert style.color.name == theme.state(S.VMEMMAP).fg
    assert style.bgcolor.name == theme.state(S.OFFLINE).bg


@pytest.mark.parametrize("theme", THEMES)
def test_names_of_zones_are_never_in_the_colour_of_the_background(theme: str) -> None:
    loaded = load_theme(theme)
    paint = Paint(loaded)
    for zone in ZoneType:
        style = paint.zone_text(zone.label)
        assert style.color is None or style.color != style.bgcolor
        if loaded.colours == "ansi" and loaded.dark and style.color is not None:
            assert style.color.name not in ("black", "bright_black")


@pytest.mark.parametrize("theme", THEMES)
def test_without_colour_no_style_has_one(theme: str) -> None:
    loaded = load_theme(theme)
    if loaded.colours != "none":
        return
    paint = Paint(loaded)
    for state in PageState:
        style = paint.cell(code(state, flags=cells.CURSOR))[1]
        assert style.color is None
        assert style.bgcolor is None


def test_an_ascii_theme_draws_nothing_else() -> None:
    paint = Paint(load_theme("ascii"))
    signs = [paint.line, paint.bar_line, paint.dash, paint.arrow, paint.dot, paint.fold,
             paint.ellipsis, paint.changed_mark, paint.selected_mark, paint.pointer,
             *paint.time_marks]  # fmt: skip
    assert all(sign.isascii() for sign in signs)
