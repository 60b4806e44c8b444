"""Colours of a figure: what each role and each cell looks like in a theme, and its picture."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pfnmap.engine.kinds import PageState
from pfnmap.themes.model import Theme
from pfnmap.tui.figure.line_drawing import Span, Spans
from pfnmap.tui.map.cells import OVER_SHIFT, STATE_MASK
from pfnmap.tui.pictures.picture import Ink, Picture, on_page, piece
from pfnmap.tui.pictures.svg_html import to_svg

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
    if span.refused and span.role == "cell":
        return Ink(ui.refusal, ui.background, bold=True, reverse=True)
    if span.role == "cell":
        return replace(state_ink(theme, shown_state(span.code)), underline=span.changed)
    mark = ui.refusal if span.refused else theme.change.fg if span.changed else ui.text
    colour = {
        "refusal": ui.refusal,
        "finding": ui.finding,
        "changed": theme.change.fg,
        "mark": mark,
        "axis": ui.dim,
        "dim": ui.dim,
        "heading": ui.accent,
    }.get(span.role, ui.text)
    return Ink(colour, ui.background, bold=span.role in ("heading", "name"), underline=span.changed)


def picture_of(
    lines: Sequence[Spans], theme: Theme, size: tuple[int, int] | None = None
) -> Picture:
    """The lines as a picture, as large as they are or cut and filled to (columns, lines)."""
    if size is None:
        size = max((sum(len(span.text) for span in line) for line in lines), default=1), len(lines)
    width, height = size
    padded = [*lines[:height], *[()] * (height - len(lines))]
    drawn = [[piece(span.text, ink_of(theme, span)) for span in line] for line in padded]
    return on_page(width, drawn, theme)


def svg(lines: Sequence[Spans], theme: Theme, title: str) -> str:
    """The lines as SVG that names no other host."""
    return to_svg(picture_of(lines, theme), title)
