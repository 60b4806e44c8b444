"""Which theme to use: the one asked for, or the one the terminal can show."""

from __future__ import annotations

from collections.abc import Mapping

from pfnmap.themes.loader import load_theme
from pfnmap.themes.model import Theme

DEFAULT_DARK = "dark"
DEFAULT_LIGHT = "light"

PLAIN_TERMINALS = ("dumb", "linux", "vt52", "vt100", "vt102", "vt220", "ansi", "cons25", "unknown")
"""Terminals whose fonts cannot be trusted to hold more than ASCII."""

_LIGHT_BACKGROUNDS = ("7", "15")
"""Background colours of ``COLORFGBG`` that are light: white and bright white."""


def wants_ascii(env: Mapping[str, str], encoding: str | None) -> bool:
    """Whether only ASCII glyphs will do: another encoding than UTF-8, or a plain terminal."""
    term = env.get("TERM", "").partition("-")[0].lower()
    name = (encoding or "").lower().replace("-", "").replace("_", "")
    return name not in ("utf8", "cp65001") or term in PLAIN_TERMINALS


def choose_theme(
    requested: str | None,
    env: Mapping[str, str],
    encoding: str | None,
    colour_system: str,
    *,
    ascii_glyphs: bool | None = None,
) -> Theme:
    """The theme to draw with.

    Args:
        requested: a theme's name or file, None for the default.
        env: the environment; ``TERM``, ``COLORFGBG`` and ``NO_COLOR`` are looked at.
        encoding: of the stream that is drawn on, None when unknown.
        colour_system: what the terminal can show: ``truecolor``, ``256``, ``16`` or ``none``
            (``NO_COLOR`` and ``--color`` included).
        ascii_glyphs: True or False forces the glyphs; None lets terminal and locale decide.

    A theme that was asked for keeps its glyphs where the terminal can draw them and its
    colours where the terminal can show them; what it cannot show comes from ``ansi``,
    ``mono`` or ``ascii``. Raises InputError for a theme that is not there or not valid.
    """
    plain = wants_ascii(env, encoding) if ascii_glyphs is None else ascii_glyphs
    theme = load_theme(requested or _default_name(env, colour_system, plain))
    if colour_system == "none" and theme.colours != "none":
        theme = theme.with_colours_of(load_theme("mono"))
    elif colour_system == "16" and theme.colours == "rgb":
        theme = theme.with_colours_of(load_theme("ansi"))
    if plain and not theme.ascii_only:
        theme = theme.with_glyphs_of(load_theme("ascii"))
    return theme


def _default_name(env: Mapping[str, str], colour_system: str, plain: bool) -> str:
    """The theme for somebody who asked for none."""
    if colour_system == "none":
        return "ascii" if plain else "mono"
    if colour_system == "16":
        return "ansi"
    background = env.get("COLORFGBG", "").rpartition(";")[2]  # behind fg; or fg;default;
    return DEFAULT_LIGHT if background in _LIGHT_BACKGROUNDS else DEFAULT_DARK
