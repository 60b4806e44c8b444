"""Contrast of the colours, and what colour-blind readers see of them.

The 16 colours of ``ansi`` are the terminal's own: they are tested as xterm shows them, and cells
that keep the terminal's text colours are not. ``mono`` and ``ascii`` have no colours to test.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from pfnmap.engine.kinds import PageState
from pfnmap.themes import Look, Theme, load_theme
from pfnmap.themes.model import ANSI_COLOURS, DEFAULT_COLOUR
from pfnmap.tui.widgets.paint import Paint
from tests.themes.colour_science import VISIONS, XTERM_16, contrast, difference, lab

RGB_THEMES = ["dark", "light", "high-contrast", "okabe-ito"]
DEFAULT_THEMES = ["dark", "light"]
TEXT_CONTRAST = 4.5
STATE_CONTRAST = 3.0
PLAIN_DIFFERENCE = 10.0

P = PageState
ONLINE_STATES = (P.FREE_DMA32, P.FREE_NORMAL, P.FREE_MOVABLE, P.MOVABLE)
IN_USE = (P.HUGETLB, P.HUGETLB_OPTIMISED, P.ISOLATED)
NEIGHBOURS = [
    *((P.VMEMMAP, state) for state in P if state not in (P.VMEMMAP, P.FREE_DMA, P.PAGE_OFFLINE)),
    *((P.OFFLINE, state) for state in (P.HOLE, P.ONLINE, *ONLINE_STATES[:3])),
    *((P.UNMOVABLE, state) for state in ONLINE_STATES),
    *((P.FREE_MOVABLE, state) for state in (P.MOVABLE, P.HOLE, P.BROKEN, *IN_USE)),
    *((P.FREE_NORMAL, state) for state in (P.HOLE, P.BROKEN, *IN_USE)),
    *((P.RESERVED, state) for state in (P.FREE_DMA, P.FREE_DMA32)),
]
"""What lies side by side inside a block, or where blocks that are online end. Zones among each
other differ by hue, glyph and name."""
TOO_CLOSE = {
    # Two glyphs of contrast 7 on black cannot have a contrast of 3 between them.
    "high-contrast": {(P.UNMOVABLE, P.MOVABLE)},
    # Ten colours: white on vermilion is 2.9 from solid yellow, and as dark as white on blue.
    "okabe-ito": {(P.VMEMMAP, P.UNMOVABLE), (P.UNMOVABLE, P.FREE_DMA32)},
}

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


@pytest.mark.parametrize("name", [*RGB_THEMES, "ansi"])
def test_states_that_lie_side_by_side_have_an_edge(name: str) -> None:
    theme = load_theme(name)
    flat = [
        (one.name, other.name)
        for one, other in NEIGHBOURS
        if known(theme.state(one)) and known(theme.state(other))
        and (one, other) not in TOO_CLOSE.get(name, ())
        and edge(theme.state(one), theme.state(other)) < STATE_CONTRAST
    ]  # fmt: skip
    assert flat == []


def test_reserved_memory_is_the_quietest(theme: Theme) -> None:
    """But for holes: what nobody can do anything about does not call for attention."""
    ground = theme.ui.background
    loud = {
        state: max(contrast(colour, ground) for colour in parts(theme.state(state)))
        for state in P
        if state != P.HOLE
    }
    assert min(loud, key=lambda state: loud[state]) == P.RESERVED


def test_vmemmap_has_its_colour_for_itself(theme: Theme) -> None:
    """No state, mark or word has one that looks like it, also to colour-blind readers."""
    mine = theme.state(P.VMEMMAP)
    others = {colour for look in theme.looks() if look != mine for colour in (look.fg, look.bg)}
    others |= {getattr(theme.ui, key) for key in theme.ui.__struct_fields__}
    for vision, least in (("normal", 20), ("protanopia", 10), ("deuteranopia", 10)):
        assert min(difference(mine.fg, other, vision) for other in others) > least


def test_no_other_look_of_the_16_colours_is_yellow() -> None:
    theme = load_theme("ansi")
    users = [look for look in theme.looks() if "yellow" in look.fg + look.bg]
    assert set(users) == {theme.state(P.VMEMMAP)}


@pytest.mark.parametrize("vision", ["protanopia", "deuteranopia"])
@pytest.mark.parametrize("name", [*RGB_THEMES, "ansi"])
def test_movable_and_unmovable_are_told_apart_by_colour(name: str, vision: str) -> None:
    theme = load_theme(name)
    for one, other in combinations((P.UNMOVABLE, P.MOVABLE, P.FREE_MOVABLE, P.FREE_NORMAL), 2):
        assert apart(theme.state(one), theme.state(other), vision) >= 2 * PLAIN_DIFFERENCE


def test_names_of_zones_and_states_read_as_text(theme: Theme) -> None:
    paint = Paint(theme)
    styles = [paint.state_text(state) for state in P if state != P.HOLE]
    styles += [paint.zone_text(label) for label in ("Movable", "Device", "offline")]
    for style in styles:
        assert style.color is not None
        words = style.color.get_truecolor().hex
        assert contrast(words, theme.ui.background) >= TEXT_CONTRAST


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
    neighbours = (P.VMEMMAP, P.OFFLINE, *ONLINE_STATES, P.UNMOVABLE, P.ISOLATED, P.BROKEN)
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


def parts(look: Look) -> tuple[str, str]:
    """What a cell's ground and its glyph are, as ``#rrggbb``; a full or empty one has but one."""
    rgb = dict(zip(ANSI_COLOURS, XTERM_16, strict=True))
    ground, glyph = (rgb.get(colour, colour) for colour in (look.bg, look.fg))
    return {"█": (glyph, glyph), " ": (ground, ground)}.get(look.glyph, (ground, glyph))


def known(look: Look) -> bool:
    """Whether its colours are not the terminal's own."""
    return DEFAULT_COLOUR not in (look.fg, look.bg)


def edge(one: Look, other: Look) -> float:
    """The contrast where two cells meet: between their grounds, or between their glyphs."""
    return max(contrast(a, b) for a, b in zip(parts(one), parts(other), strict=True))


def apart(one: Look, other: Look, vision: str) -> float:
    """How far two cells are apart: by their glyphs' colours or their backgrounds."""
    pairs = zip(parts(one), parts(other), strict=True)
    return max(difference(a, b, vision) for a, b in pairs)
