"""A theme as Rich styles: what a cell code and a role on the screen look like.

Colours are final here. For ``#rrggbb`` themes on a terminal with fewer colours Rich picks
the nearest; ``ansi`` themes name the terminal's own 16 colours; ``none`` themes use only
attributes.
"""

from __future__ import annotations

from functools import cache
from operator import mul

from rich.color import Color
from rich.style import Style

from pfnmap.engine.kinds import FREE_BY_ZONE, PageState, ZoneType
from pfnmap.themes import load_theme
from pfnmap.themes.model import DEFAULT_COLOUR, Look, Theme
from pfnmap.tui.map import cells

SOLID = frozenset("█▓")
"""Glyphs whose own colour fills the cell; of all others the background does."""
AXIS_MARKS = str.maketrans({"-": "─", "+": "┬", "~": "┄", "/": "╱"})
TEXT_CONTRAST = 4.5
"""What words need to be read (WCAG 2, level AA)."""
FIGURE_MARKS = {
    "[": "╞", "]": "╡", "|": "┆", "-": "╌", "=": "═", "/": "╱", "+": "┬", "~": "┄", "^": "^",
    "X": "╳",
}  # fmt: skip


class Paint:
    """Everything that drawing code may ask of a theme. Made anew when the theme changes."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.ascii_only = theme.ascii_only
        self._cells: dict[int, tuple[str, Style]] = {}
        self._zone_texts: dict[str, Style] = {}
        self.roles = _roles(theme)
        """The style of each part of the screen."""
        plain = theme.borders == "ascii"
        self.line = "-" if plain else "─"
        self.bar_line = "|" if plain else "│"
        self.dash = "-" if plain else "–"
        self.arrow = "->" if plain else "→"
        self.dot = "." if plain else "·"
        self.times = "x" if plain else "×"
        self.pointer = ">" if plain else "▸"
        self.fold = "." if plain else "┄"
        self.ellipsis = "..." if plain else "…"
        self.changed_mark = theme.change.glyph or "*"
        self.gone_mark = "_" if plain else "▁"
        self.selected_mark = theme.selection.glyph or ("|" if plain else "┃")
        self.time_marks = ("o", "x", ".") if plain else ("●", "×", "○")
        self._figure_marks = str.maketrans({} if plain else FIGURE_MARKS)

    # -- chrome -----------------------------------------------------------------------
    def zone_text(self, label: str) -> Style:
        """The style in which a zone's name (or a block's state) is written."""
        style = self._zone_texts.get(label)
        if style is None:
            if len(self._zone_texts) > 256:  # names of a real machine may be anything
                self._zone_texts.clear()
            style = self._zone_texts[label] = self._zone_text(label)
        return style

    def _zone_text(self, label: str) -> Style:
        for zone, state in (*FREE_BY_ZONE.items(), (ZoneType.DEVICE, PageState.DEVICE)):
            if zone.label == label:
                return self.state_text(state)
        if label in ("offline", "going-offline", "going-online"):
            return self._text_of(self.theme.block(label))
        return self.roles["dim"]

    def state_text(self, state: PageState) -> Style:
        """The style in which the name of a page state is written."""
        return self._text_of(self.theme.state(state))

    def _text_of(self, look: Look) -> Style:
        return _style(_readable(look, self.theme), self.theme.ui.background)

    def axis_marks(self, text: str) -> str:
        """Signs of the axis as lines; the ids and words on it keep their letters."""
        if self.ascii_only:
            return text
        plain = "; " not in text and any(map(str.isalnum, text))
        return text.replace("-", self.dash) if plain else text.translate(AXIS_MARKS)

    def figure_marks(self, text: str) -> str:
        """Marks of the figure (``figure.line_drawing``) as lines, where there are such."""
        return text.translate(self._figure_marks)

    # -- cells ------------------------------------------------------------------------
    def cell(self, code: int) -> tuple[str, Style]:
        """Glyph and style of a cell code."""
        made = self._cells.get(code)
        if made is None:
            made = self._cells[code] = self._cell(cells.unpack(code))
        return made

    def _cell(self, cell: cells.Cell) -> tuple[str, Style]:
        theme = self.theme
        under, over = theme.state(cell.under), theme.state(cell.over)
        glyph, fg, bg, attributes = under.glyph, under.fg, under.bg, set(under.attributes)
        fill = under.fg if glyph in SOLID else under.bg
        if cell.eighths and theme.partials:
            glyph, fg, bg = theme.partials[cell.eighths - 1], over.fg, fill
            attributes = set()
            if cell.right:
                # What is left of it is drawn instead, where its colour is known.
                known = bg not in ("", DEFAULT_COLOUR)
                glyph = theme.partials[7 - cell.eighths] if known else "▐"
                fg, bg = (bg, fg) if known else (fg, bg)
        elif cell.eighths and cell.over == PageState.VMEMMAP:
            glyph, fg = str(cell.eighths), over.fg
        if cell.changed:
            attributes |= theme.change.attributes
        for wanted, mark in ((cell.selected, theme.selection), (cell.cursor, theme.cursor)):
            if wanted:
                # A solid glyph would hide the background that marks the cell.
                solid = cell.eighths > 0 or glyph in SOLID
                glyph = mark.glyph or (_letters()[cell.under] if solid else glyph)
                fg, bg = mark.fg or fg, mark.bg or bg
                attributes |= mark.attributes
        return glyph, _style(fg, bg, frozenset(attributes))


@cache
def _letters() -> tuple[str, ...]:
    """A letter for each page state, for where a glyph would hide a mark."""
    return tuple(look.glyph for look in load_theme("ascii").states)


def _readable(look: Look, theme: Theme) -> str:
    """The one of a look's two colours in which words can be read on the background, else text."""
    if theme.colours == "ansi":
        faint = ("black", "bright_black") if theme.dark else ("white", "bright_white")
        words = (word for word in (look.fg, look.bg) if word not in (*faint, DEFAULT_COLOUR))
        return next(words, theme.ui.text)
    if theme.colours == "none":
        return look.fg
    ground = theme.ui.background
    best = max((look.fg, look.bg), key=lambda word: _contrast(word, ground))
    return best if _contrast(best, ground) >= TEXT_CONTRAST else theme.ui.text


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2 between two ``#rrggbb``, 1 to 21."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(word: str) -> float:
    linear = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in Color.parse(word).get_truecolor().normalized
    )
    return sum(map(mul, (0.2126, 0.7152, 0.0722), linear), 0.0)


def _roles(theme: Theme) -> dict[str, Style]:
    """The styles of everything around the cells, by name."""
    ui = theme.ui
    colourless = theme.colours == "none"
    cursor, selection = theme.cursor, theme.selection
    return {
        "text": _style(ui.text, ui.background),
        "dim": _style(ui.dim, ui.background),
        "rule": _style(ui.border, ui.background),
        "heading": _style(ui.text, ui.background, frozenset({"bold"})),
        "title": _style(ui.accent, ui.background, frozenset({"bold", "underline"})),
        "accent": _style(ui.accent, ui.background),
        "key": _style(ui.accent, ui.panel, frozenset({"bold"})),
        "bar": _style(ui.text, ui.panel),
        "bar_dim": _style(ui.dim, ui.panel),
        "here": _style(ui.accent, ui.background, frozenset({"bold"})),
        "refusal": _style(ui.refusal, ui.background, frozenset({"bold"})),
        "warning": _style(ui.warning, ui.background),
        "finding": _style(ui.finding, ui.background, frozenset({"bold"})),
        "ok": _style(ui.text, ui.background),
        "changed": _style(theme.change.fg, ui.background, theme.change.attributes),
        "cursor": _style(
            cursor.fg or ui.background,
            cursor.bg or ui.accent,
            cursor.attributes or frozenset({"reverse"}) if colourless else cursor.attributes,
        ),
        "selection": _style(
            selection.fg or ui.text, selection.bg or ui.panel, selection.attributes
        ),
    }


def _style(fg: str, bg: str, attributes: frozenset[str] = frozenset()) -> Style:
    """A fresh style; styles are not shared with anybody who renders for another terminal."""
    return Style(
        color=_colour(fg),
        bgcolor=_colour(bg),
        bold="bold" in attributes or None,
        reverse="reverse" in attributes or None,
        underline="underline" in attributes or None,
    )


def _colour(word: str) -> Color | None:
    return None if word in ("", DEFAULT_COLOUR) else Color.parse(word)
