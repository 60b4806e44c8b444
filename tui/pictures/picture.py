"""A drawn screen as values: lines of text in colours. What exporters and screencasts work on.

A picture holds nothing that a terminal, a browser or an XML reader could obey: whatever is
not printable was replaced when its pieces were made (:func:`piece`). Nothing here knows
Textual.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len, set_cell_size

from pfnmap.engine.printable import masked
from pfnmap.themes.model import ANSI_COLOURS, DEFAULT_COLOUR, Theme

ANSI_RGB: Final = {
    name: f"#{r:02x}{g:02x}{b:02x}"
    for number, name in enumerate(ANSI_COLOURS)
    for r, g, b in [
        # As VGA text modes had them: each primary at 170, the bright ones 85 above; brown.
        tuple(
            85 * (number >> 3) + 170 * (number >> bit & 1) - 85 * (number == 3 and bit == 1)
            for bit in range(3)
        )
    ]
}
"""What the 16 colours look like where there is no terminal to ask."""
MAX_PIECE: Final = 4096
"""No screen is wider; longer text is cut."""


class Ink(Struct, frozen=True):
    """How text looks. Colours are a theme's words: ``#rrggbb``, an ANSI name or ``default``."""

    fg: str = DEFAULT_COLOUR
    bg: str = DEFAULT_COLOUR
    bold: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN: Final = Ink()


class Piece(Struct, frozen=True):
    """Text in one ink; make it with :func:`piece`."""

    text: str
    cells: int
    """Columns it takes."""
    ink: Ink = PLAIN


Line = tuple[Piece, ...]


class Picture(Struct, frozen=True):
    """A screen of ``width`` columns. Every line is exactly that wide."""

    width: int
    lines: tuple[Line, ...]
    foreground: str = "#d8dee4"
    """What ``default`` means where there is no terminal to ask, ``#rrggbb``."""
    background: str = "#101418"

    @property
    def height(self) -> int:
        """Number of lines."""
        return len(self.lines)

    def text(self) -> list[str]:
        """The lines without colours and trailing blanks."""
        return ["".join(part.text for part in line).rstrip() for line in self.lines]

    def cropped(self, height: int) -> Picture:
        """The first ``height`` lines."""
        return replace(self, lines=self.lines[:height])

    def above(self, lines: Iterable[Line]) -> Picture:
        """This picture with more lines under it."""
        below = tuple(fitted_line(line, self.width) for line in lines)
        return replace(self, lines=(*self.lines, *below))


def clean(text: str) -> str:
    """Text fit for a piece: printable, and not too long."""
    return masked(text[:MAX_PIECE])


def piece(text: str, ink: Ink = PLAIN, cells: int | None = None) -> Piece:
    """A piece of clean text, cut or filled with blanks to ``cells`` columns when given."""
    text = clean(text)
    width = cell_len(text)
    if cells is not None and width != cells:
        text, width = set_cell_size(text, cells), cells
    return Piece(text, width, ink)


def fitted_line(pieces: Iterable[Piece], width: int) -> Line:
    """A line of exactly ``width`` columns, pieces of one ink joined."""
    line: list[Piece] = []
    room = width
    for part in pieces:
        if part.cells > room:
            part = piece(part.text, part.ink, room)
        if not part.cells:
            continue
        room -= part.cells
        if line and line[-1].ink == part.ink:
            part = Piece(line[-1].text + part.text, line[-1].cells + part.cells, part.ink)
            line.pop()
        line.append(part)
    if room:
        line.append(Piece(" " * room, room))
    return tuple(line)


def on_page(width: int, lines: Iterable[Iterable[Piece]], theme: Theme) -> Picture:
    """Lines as a picture on the page colours of a theme."""
    fg, bg = theme.ui.text, theme.ui.background
    if not (fg.startswith("#") and bg.startswith("#")):
        blank = Picture(0, ())
        fg, bg = blank.foreground, blank.background
        if not theme.dark:
            fg, bg = bg, "#ffffff"
    return Picture(width, tuple(fitted_line(line, width) for line in lines), fg, bg)


# -- for terminals -----------------------------------------------------------------------
def ansi_line(line: Line) -> str:
    """A line with SGR sequences, ending in the terminal's own colours."""
    parts = []
    for part in line:
        codes = _sgr(part.ink)
        parts.append(f"\x1b[0;{codes}m{part.text}" if codes else f"\x1b[0m{part.text}")
    return "".join(parts) + "\x1b[0m"


@lru_cache(maxsize=1024)
def _sgr(ink: Ink) -> str:
    flags = ((ink.bold, "1"), (ink.underline, "4"), (ink.reverse, "7"))
    codes = [code for wanted, code in flags if wanted]
    codes += [_colour_code(ink.fg, 30), _colour_code(ink.bg, 40)]
    return ";".join(filter(None, codes))


def _colour_code(colour: str, base: int) -> str:
    """SGR parameters of a colour; ``base`` is 30 for text and 40 for its background."""
    if colour == DEFAULT_COLOUR:
        return ""
    if colour.startswith("#"):
        r, g, b = bytes.fromhex(colour[1:])
        return f"{base + 8};2;{r};{g};{b}"
    number = ANSI_COLOURS.index(colour)
    return str(base + number if number < 8 else base + 60 + number - 8)
