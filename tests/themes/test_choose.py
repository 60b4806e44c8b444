"""The theme for a terminal, when nobody asked for one and when somebody did."""

from __future__ import annotations

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.themes import choose_theme, load_theme

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("env", "encoding", "colour_system", "name"),
    [
        (XTERM, "utf-8", "truecolor", "dark"),
        (XTERM, "UTF8", "256", "dark"),
        (XTERM | {"COLORFGBG": "15;0"}, "utf-8", "truecolor", "dark"),
        (XTERM | {"COLORFGBG": "0;15"}, "utf-8", "truecolor", "light"),
        (XTERM | {"COLORFGBG": "0;default;15"}, "utf-8", "256", "light"),
        (XTERM | {"COLORFGBG": "nonsense"}, "utf-8", "256", "dark"),
        ({"TERM": "xterm"}, "utf-8", "16", "ansi"),
        (XTERM, "utf-8", "none", "mono"),
        (XTERM, "iso-8859-1", "none", "ascii"),
        ({"TERM": "dumb"}, "utf-8", "none", "ascii"),
        ({}, None, "none", "ascii"),
    ],
)
def test_by_itself(
    env: dict[str, str], encoding: str | None, colour_system: str, name: str
) -> None:
    assert choose_theme(None, env, encoding, colour_system) == load_theme(name)


def test_the_linux_console_has_colours_but_only_ascii_glyphs() -> None:
    theme = choose_theme(None, {"TERM": "linux"}, "utf-8", "16")
    assert theme.ascii_only
    assert theme.state(PageState.FREE_NORMAL).bg == "cyan"


def test_a_latin1_locale_keeps_the_colours_and_gets_ascii_glyphs() -> None:
    theme = choose_theme(None, XTERM, "iso-8859-1", "truecolor")
    assert theme.ascii_only
    assert theme.ui == load_theme("dark").ui


def test_what_was_asked_for_is_kept_where_it_can_be_shown() -> None:
    assert choose_theme("light", XTERM, "utf-8", "truecolor") == load_theme("light")
    assert choose_theme("ascii", XTERM, "utf-8", "truecolor") == load_theme("ascii")


def test_no_colour_strips_the_theme_that_was_asked_for() -> None:
    theme = choose_theme("light", XTERM, "utf-8", "none")
    assert theme.colours == "none"
    assert theme.name == "light"
    assert theme.state(PageState.VMEMMAP).glyph == "█"


def test_16_colours_are_the_hand_made_ones_not_the_nearest() -> None:
    theme = choose_theme("okabe-ito", {"TERM": "xterm"}, "utf-8", "16")
    assert [look.bg for look in theme.states] == [look.bg for look in load_theme("ansi").states]


@pytest.mark.parametrize("forced", [True, False])
def test_glyphs_can_be_forced(forced: bool) -> None:
    env = XTERM if forced else {"TERM": "linux"}
    theme = choose_theme(None, env, "utf-8", "256", ascii_glyphs=forced)
    assert theme.ascii_only is forced


def test_asking_for_a_theme_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no such theme"):
        choose_theme("nope", XTERM, "utf-8", "256")
