"""Colours of a figure: what each role and each cell looks like in a theme."""

from __future__ import annotations

from pfnmap.engine.kinds import PageState
from pfnmap.themes.model import Theme
from pfnmap.tui.figure.lines import Span
from pfnmap.tui.map.cells import OVER_SHIFT, STATE_MASK
from pfnmap.tui.pictures.picture import Ink

SOLID = "█"
"""The glyph of states that are a solid colour: here a letter stands on it."""


def shown_state(code: int) -> PageState:
    """The one state that a cell's letter and colour are about."""
    return PageState(code >> OVER_SHIFT & STATE_MASK)


def state_ink(theme: Theme, state: PageState) -> Ink:
    """A letter on the colours of a page state."""
    look = theme.state(state)
    return Ink(look.fg, look.bg, "bold" in look.attributes, reverse=look.glyph == SOLID)


def ink_of(theme: Theme, span: Span) -> Ink:
    """What a span looks like."""
    ui = theme.ui
    if span.role == "cell":
        return state_ink(theme, shown_state(span.code))
    colour = {
        "refusal": ui.refusal,
        "finding": ui.finding,
        "changed": ui.warning,
        "axis": ui.dim,
        "dim": ui.dim,
        "heading": ui.accent,
    }.get(span.role, ui.text)
    return Ink(colour, ui.background, bold=span.role in ("heading", "name"))
