"""Pictures as web pages: self-contained HTML and SVG that ask no host for anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final

from rich.cells import cell_len

from pfnmap.themes.model import DEFAULT_COLOUR
from pfnmap.tui.pictures.picture import ANSI_RGB, Ink, Picture, Piece, clean

CELL_WIDTH: Final = 9
CELL_HEIGHT: Final = 18
FONT_SIZE: Final = 15
MARGIN: Final = 9
FONTS: Final = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"
"""Fonts of the reader's own machine."""
_EIGHTHS: Final = "▏▎▍▌▋▊▉█"
_WORDS: Final = re.compile(r"\S+(?: \S+)*")


def to_html(picture: Picture, title: str = "pfnmap") -> str:
    """The picture as a page: text that can be selected and searched, colours in a style."""
    inks: dict[Ink, str] = {}
    rows = []
    for line in picture.lines:
        spans = []
        for part in line:
            name = inks.setdefault(part.ink, f"i{len(inks)}")
            spans.append(f'<span class="{name}">{escape(part.text)}</span>')
        rows.append("".join(spans))
    rules = "\n".join(f".{name}{{{_css(ink, picture)}}}" for ink, name in inks.items())
    body = "\n".join(rows)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(clean(title))}</title>
<style>
body{{margin:1em;background:{picture.background};color:{picture.foreground}}}
pre{{font:{FONT_SIZE}px/{CELL_HEIGHT}px {FONTS};margin:0}}
{rules}
</style>
</head>
<body>
<pre>{body}</pre>
</body>
</html>
"""


def _css(ink: Ink, picture: Picture) -> str:
    fg, bg = _colours(ink, picture)
    return f"color:{fg};background:{bg}" + _attributes(ink.bold, ink.underline)


def _attributes(bold: bool, underline: bool) -> str:
    return ";font-weight:bold" * bold + ";text-decoration:underline" * underline


def to_svg(picture: Picture, title: str = "pfnmap") -> str:
    """The picture as SVG; every cell is where it belongs whatever font the reader has."""
    width = picture.width * CELL_WIDTH + 2 * MARGIN
    height = picture.height * CELL_HEIGHT + 2 * MARGIN
    inks: dict[tuple[str, bool, bool], str] = {}
    shapes = [
        shape for row, line in enumerate(picture.lines) for shape in _row(row, line, picture, inks)
    ]
    rules = "\n".join(
        f".{name}{{fill:{fill}{_attributes(*attributes)}}}"
        for (fill, *attributes), name in inks.items()
    )
    body = "\n".join(shapes)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<title>{escape(clean(title))}</title>
<style>
text{{font:{FONT_SIZE}px {FONTS}}}
{rules}
</style>
<rect width="{width}" height="{height}" fill="{picture.background}"/>
{body}
</svg>
"""


def _row(
    row: int,
    line: tuple[Piece, ...],
    picture: Picture,
    inks: dict[tuple[str, bool, bool], str],
) -> Iterator[str]:
    """Backgrounds, blocks and text of a line; blanks on the page colour draw nothing."""
    x, y = MARGIN, MARGIN + row * CELL_HEIGHT
    for part in line:
        fg, bg = _colours(part.ink, picture)
        width = part.cells * CELL_WIDTH
        if bg != picture.background:
            yield _rect(x, y, width, bg)
        if part.text.strip(_EIGHTHS) == "" and part.cells == len(part.text):
            yield from _blocks(part.text, x, y, fg)
        elif part.text.strip():
            key = (fg, part.ink.bold, part.ink.underline)
            name = inks.setdefault(key, f"i{len(inks)}")
            yield from _words(part.text, name, x, y)
        x += width


def _words(text: str, name: str, x: int, y: int) -> Iterator[str]:
    """Each group of words at its own place, so that no font can shift what follows it."""
    for found in _WORDS.finditer(text):
        start = x + cell_len(text[: found.start()]) * CELL_WIDTH
        width = cell_len(found[0]) * CELL_WIDTH
        yield (
            f'<text class="{name}" x="{start}" y="{y + CELL_HEIGHT - 5}" '
            f'textLength="{width}" lengthAdjust="spacingAndGlyphs">{escape(found[0])}</text>'
        )


def _blocks(text: str, x: int, y: int, colour: str) -> Iterator[str]:
    """Solid and partial blocks as shapes: fonts leave gaps between them."""
    start = 0
    for index, glyph in enumerate(text):
        eighths = _EIGHTHS.index(glyph) + 1
        if eighths == len(_EIGHTHS) and index + 1 < len(text) and text[index + 1] == glyph:
            continue
        whole = (index - start) * CELL_WIDTH
        yield _rect(x + start * CELL_WIDTH, y, whole + CELL_WIDTH * eighths / 8, colour)
        start = index + 1


def _rect(x: int, y: int, width: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width:g}" height="{CELL_HEIGHT}" fill="{colour}"/>'


def _colours(ink: Ink, picture: Picture) -> tuple[str, str]:
    """Text and background colour of an ink as ``#rrggbb``."""
    fg = picture.foreground if ink.fg == DEFAULT_COLOUR else ANSI_RGB.get(ink.fg, ink.fg)
    bg = picture.background if ink.bg == DEFAULT_COLOUR else ANSI_RGB.get(ink.bg, ink.bg)
    return (bg, fg) if ink.reverse else (fg, bg)
