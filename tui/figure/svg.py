"""The figure as SVG, in the colours of a theme; the letters are those of the text."""

from __future__ import annotations

from collections.abc import Sequence

from pfnmap.themes.model import Theme
from pfnmap.tui.figure.inks import ink_of
from pfnmap.tui.figure.lines import Spans
from pfnmap.tui.pictures.picture import on_page, piece
from pfnmap.tui.pictures.svg_html import to_svg


def svg(lines: Sequence[Spans], theme: Theme, title: str) -> str:
    """The lines as one picture that names no other host."""
    width = max((sum(len(span.text) for span in line) for line in lines), default=1)
    drawn = [[piece(span.text, ink_of(theme, span)) for span in line] for line in lines]
    return to_svg(on_page(width, drawn, theme), title)
