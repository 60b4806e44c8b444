"""Contrast of the colours, and what colour-blind readers see of them."""

from __future__ import annotations

from itertools import combinations

import pytest

from pfnmap.engine.kinds import PageState
from pfnmap.themes import Look, Theme, load_theme
from pfnmap.themes.model import ANSI_COLOURS, DEFAULT_COLOUR
from tests.themes.colour_science import VISIONS, XTERM_16, contrast, difference, lab

RGB_THEMES = ["dark", "light", "high-contrast", "okabe-ito"]
DEFAULT_THEMES = ["dark", "light"]
TEXT_CONTRAST = 4.5
STATE_CONTRAST = 3.0
PLAIN_DIFFERENCE = 10.0

OKABE_ITO = {
    *("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
    *("#ffffff", "#999999"),
}


@pytest.fixture(params=RGB_THEMES)
def theme(request: pytest.FixtureRequest) -> Theme:
    return load_theme(str(request.param))


def test_contrast_and_difference_agree_with_published_figures() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert lab("#ffffff") == pytest.approx([100, 0, 0], abs=0.05)
    assert lab("#ff0000") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


def test_a_red_green_pair_falls_together_for_colour_blind_readers() -> None:
    """The check would notice: a pair that everybody else tells apart."""
    red, green = "#a08000", "#60a000"
    assert difference(red, green) > 3 * PLAIN_DIFFERENCE
    assert difference(red, green, "protanopia") < difference(red, green) / 2


@pytest.mark.parametrize("key", ["text", "dim", "accent", "refusal", "warning", "finding"])
def test_text_reads_on_both_backgrounds(theme: Theme, key: str) -> None:
    colour = getattr(theme.ui, key)
    assert contrast(colour, theme.ui.background) >= TEXT_CONTRAST
    assert contrast(colour, theme.ui.panel) >= TEXT_CONTRAST


def test_borders_can_be_seen(theme: Theme) -> None:
    assert contrast(theme.ui.border, theme.ui.background) >= STATE_CONTRAST


@pytest.mark.parametrize("state", PageState, ids=lambda state: state.name)
def test_a_state_stands_out_from_the_background(theme: Theme, state: PageState) -> None:
    look, background = theme.state(state), theme.ui.background
    assert max(contrast(look.fg, background), contrast(look.bg, background)) >= STATE_CONTRAST


def test_every_glyph_reads_on_its_own_background(theme: Theme) -> None:
    assert all(contrast(look.fg, look.bg) >= STATE_CONTRAST for look in theme.looks())


def test_letters_on_the_cursor_and_in_the_selection_read_as_text(theme: Theme) -> None:
    for look in (theme.cursor, theme.selection, theme.change):
        assert contrast(look.fg, look.bg) >= TEXT_CONTRAST


def test_high_contrast_keeps_its_name() -> None:
    theme = load_theme("high-contrast")
    assert all(contrast(look.fg, look.bg) >= 7 for look in theme.looks())


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", DEFAULT_THEMES)
def test_default_palettes_keep_all_states_apart_by_colour_alone(name: str, vision: str) -> None:
    theme = load_theme(name)
    close = [
        f"{one.name}/{other.name}"
        for one, other in combinations(PageState, 2)
        if apart(theme.state(one), theme.state(other), vision) < PLAIN_DIFFERENCE
    ]
    assert close == []


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", ["high-contrast", "okabe-ito"])
def test_other_palettes_keep_the_states_of_one_block_apart(name: str, vision: str) -> None:
    """The states that lie side by side in a hot-added block; the rest have their glyphs."""
    theme = load_theme(name)
    neighbours = (
        PageState.VMEMMAP,
        PageState.OFFLINE,
        PageState.FREE_NORMAL,
        PageState.FREE_MOVABLE,
        PageState.UNMOVABLE,
        PageState.ISOLATED,
        PageState.BROKEN,
    )
    for one, other in combinations(neighbours, 2):
        assert apart(theme.state(one), theme.state(other), vision) >= PLAIN_DIFFERENCE


def test_okabe_ito_is_exactly_that() -> None:
    theme = load_theme("okabe-ito")
    assert {colour for look in theme.looks() for colour in (look.fg, look.bg)} <= OKABE_ITO


def test_ansi_cells_read_whatever_the_terminals_background() -> None:
    """A cell takes both colours from the terminal's defaults or sets both."""
    rgb = dict(zip(ANSI_COLOURS, XTERM_16, strict=True))
    for look in load_theme("ansi").looks():
        assert (look.fg == DEFAULT_COLOUR) == (look.bg == DEFAULT_COLOUR)
        if look.fg != DEFAULT_COLOUR:
            assert contrast(rgb[look.fg], rgb[look.bg]) >= STATE_CONTRAST


def apart(one: Look, other: Look, vision: str) -> float:
    """How far two cells are apart: by their glyphs' colours or their backgrounds."""
    return max(difference(one.fg, other.fg, vision), difference(one.bg, other.bg, vision))
