"""The frame as text: for the clipboard, files and the scrollback."""

from __future__ import annotations

from collections.abc import Iterable

from textual.geometry import Size
from textual.strip import Strip

from pfnmap.themes import load_theme
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel


def panel_text(panel: Panel) -> str:
    """A panel in ASCII, whatever the theme."""
    return _text(_drawn(panel, Paint(load_theme("ascii"))))


def frame_text(panels: Iterable[Panel], size: Size) -> str:
    """The whole frame in ASCII, whatever the theme."""
    return _text(frame(panels, size, Paint(load_theme("ascii"))))


def frame(panels: Iterable[Panel], size: Size, paint: Paint) -> list[Strip]:
    """The lines of all panels, laid out as on the screen."""
    rows: list[list[tuple[int, Strip]]] = [[] for _ in range(size.height)]
    for panel in panels:
        if not panel.display:
            continue
        x, y = panel.region.offset
        for index, strip in enumerate(_drawn(panel, paint)):
            if 0 <= y + index < size.height:
                rows[y + index].append((x, strip))
    return [_joined(row, size.width) for row in rows]


def _joined(row: list[tuple[int, Strip]], width: int) -> Strip:
    pieces: list[Strip] = []
    at = 0
    for x, strip in sorted(row, key=lambda place: place[0]):
        if x > at:
            pieces.append(Strip.blank(x - at))
        pieces.append(strip)
        at = x + strip.cell_length
    if at < width:
        pieces.append(Strip.blank(width - at))
    return Strip.join(pieces)


def _drawn(panel: Panel, paint: Paint) -> list[Strip]:
    """A panel's lines in another paint; the panel is left as it was."""
    width, height = panel.size
    if paint is panel.paint:
        return panel.draw(width, height)
    own = panel.paint
    panel.use_paint(paint)
    try:
        return panel.draw(width, height)
    finally:
        panel.use_paint(own)


def _text(strips: list[Strip]) -> str:
    return "\n".join(strip.text.rstrip() for strip in strips).rstrip("\n")
