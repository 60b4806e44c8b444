"""Every theme that ships: complete, and readable with the colours stripped."""

from __future__ import annotations

import pytest

from pfnmap.engine.kinds import BlockState, PageState
from pfnmap.themes import Theme, load_theme, theme_files
from pfnmap.themes.loader import SHIPPED_DIRECTORY, is_one_column
from pfnmap.themes.model import ANSI_COLOURS, DEFAULT_COLOUR
from pfnmap.tui.say.glossary import LETTERS

NAMES = ["ansi", "ascii", "dark", "high-contrast", "light", "mono", "okabe-ito"]


@pytest.fixture(params=NAMES)
def theme(request: pytest.FixtureRequest) -> Theme:
    return load_theme(str(request.param))


def test_these_themes_ship() -> None:
    assert list(theme_files((SHIPPED_DIRECTORY,))) == NAMES


def test_every_state_and_block_state_has_a_look(theme: Theme) -> None:
    assert len(theme.states) == len(PageState)
    assert len(theme.blocks) == len(BlockState)


def test_every_glyph_is_one_column(theme: Theme) -> None:
    marks = (theme.cursor, theme.selection, theme.change)
    glyphs = [look.glyph for look in theme.looks() if look not in marks or look.glyph]
    assert all(is_one_column(glyph) for glyph in (*glyphs, *theme.partials))


def test_states_differ_by_glyph_alone(theme: Theme) -> None:
    glyphs = [theme.state(state).glyph for state in PageState]
    assert len(set(glyphs)) == len(glyphs)


def test_block_states_differ_by_glyph_alone(theme: Theme) -> None:
    assert len({look.glyph for look in theme.blocks}) == len(BlockState)


def test_a_partial_block_is_no_glyph_of_another_state(theme: Theme) -> None:
    others = {theme.state(state).glyph for state in PageState if state is not PageState.VMEMMAP}
    assert not others & set(theme.partials)
    if theme.partials:
        assert theme.partials[-1] == theme.state(PageState.VMEMMAP).glyph


def test_cursor_and_selection_need_no_colour(theme: Theme) -> None:
    """Where a theme has no colours of its own they are reverse video, and not the same."""
    assert theme.cursor != theme.selection
    if theme.colours != "rgb":
        assert "reverse" in theme.cursor.attributes
        assert "reverse" in theme.selection.attributes
        without_colour = [(look.glyph, look.attributes) for look in (theme.cursor, theme.selection)]
        assert without_colour[0] != without_colour[1]


@pytest.mark.parametrize("name", ["mono", "ascii"])
def test_themes_without_colour_use_none(name: str) -> None:
    looks = load_theme(name).looks()
    assert {colour for look in looks for colour in (look.fg, look.bg)} == {DEFAULT_COLOUR}


def test_the_ansi_theme_uses_the_terminals_16_colours_only() -> None:
    colours = {colour for look in load_theme("ansi").looks() for colour in (look.fg, look.bg)}
    assert colours <= {*ANSI_COLOURS, DEFAULT_COLOUR}


def test_the_ascii_theme_is_ascii() -> None:
    theme = load_theme("ascii")
    assert theme.ascii_only
    assert theme.borders == "ascii"
    assert not theme.partials


def test_a_state_has_one_letter_on_the_screen_and_in_text() -> None:
    glyphs = {PageState(at): look.glyph for at, look in enumerate(load_theme("ascii").states)}
    assert glyphs == LETTERS


def test_glyphs_and_colours_can_come_from_two_themes() -> None:
    dark, plain = load_theme("dark"), load_theme("ascii")
    mixed = dark.with_glyphs_of(plain)
    assert mixed.ascii_only
    assert mixed.state(PageState.VMEMMAP).glyph == "V"
    assert mixed.state(PageState.VMEMMAP).fg == dark.state(PageState.VMEMMAP).fg
    assert plain.with_colours_of(dark).states == mixed.states


def test_an_unknown_block_state_has_a_look_too() -> None:
    theme = load_theme("dark")
    assert theme.block("online") == theme.blocks[BlockState.ONLINE]
    assert theme.block("prepare-online") == theme.blocks[BlockState.GOING_OFFLINE]
