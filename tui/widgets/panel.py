"""The base of every part of the screen: lines drawn by ourselves, repainted only on change.

Widgets here use Textual's line API and answer ``render_lines`` directly. Colours are final
when they leave :class:`~pfnmap.tui.widgets.paint.Paint`, so no style, border or filter of Textual
has to be applied again; that is what makes a full frame cheap.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual._styles_cache import StylesCache
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.words import cell_width, fitted, safe
from pfnmap.tui.widgets.paint import Paint

Line = TypeVar("Line")
PLAIN = Style()
WHEEL_LINES = 3
"""Lines that one turn of the mouse wheel scrolls."""


class Row:
    """Builds one line of exact width from pieces of text; every piece is made safe.

    A style is one of rich's, or the name of a role of the theme.
    """

    __slots__ = ("_base", "_roles", "_segments", "ascii_only", "room", "width")

    def __init__(self, width: int, paint: Paint, role: str = "text") -> None:
        self.width = width
        self.room = width
        """Cells not used yet."""
        self.ascii_only = paint.ascii_only
        self._roles = paint.roles
        self._base = self._roles[role]
        self._segments: list[Segment] = []

    def add(self, text: str, style: Style | str | None = None, width: int | None = None) -> Row:
        """Append text; with ``width``, padded or cut to it. Cut at the end of the line."""
        room = self.room if width is None else min(width, self.room)
        if room <= 0:
            return self
        plain = text.isascii()
        # Most texts are safe, and need not be looked at character by character.
        if not text.isprintable() or (self.ascii_only and not plain):
            text = safe(text, ascii_only=self.ascii_only)
        cells = len(text) if plain else cell_len(text)
        pad = 0 if width is None else max(0, room - cells)
        if cells > room:
            text = fitted(text, room, ascii_only=self.ascii_only)
            # Behind the sign that something is missing there is no room for another one.
            pad = room - cell_width(text)
            cells = room - pad
        if isinstance(style, str):
            style = self._roles[style]
        self._segments.append(Segment(text + " " * pad, style or self._base))
        self.room -= cells + pad
        return self

    def raw(self, segment: Segment, width: int) -> Row:
        """Append a segment made by a painter, known to be ``width`` cells wide."""
        if width <= self.room:
            self._segments.append(segment)
            self.room -= width
        return self

    def gap(self, cells: int = 1) -> Row:
        """Append blanks."""
        cells = min(cells, self.room)
        if cells > 0:
            self._segments.append(Segment(" " * cells, self._base))
            self.room -= cells
        return self

    def right(self, text: str, style: Style | str | None = None) -> Row:
        """Append text at the right end of the line, or nothing when it does not fit."""
        clean = safe(text, ascii_only=self.ascii_only)
        width = cell_width(clean)
        if width <= self.room:
            self.gap(self.room - width)
            self.add(clean, style)
        return self

    def rule(self, glyph: str, role: str = "rule") -> Row:
        """Fill the rest of the line with one glyph."""
        if self.room > 0:
            self._segments.append(Segment(glyph * self.room, self._roles[role]))
            self.room = 0
        return self

    def strip(self) -> Strip:
        """The finished line, padded."""
        if self.room > 0:
            self._segments.append(Segment(" " * self.room, self._base))
            self.room = 0
        return Strip(self._segments, self.width)


Piece = tuple[str, Style | str] | tuple[str, Style | str, int]
"""Text, its style, and the width it is padded or cut to."""


def strip_of(width: int, paint: Paint, *pieces: Piece, role: str = "text") -> Strip:
    """A line of pieces from left to right, padded to the width."""
    row = Row(width, paint, role)
    for piece in pieces:
        row.add(*piece)
    return row.strip()


class Panel(Widget, can_focus=True, inherit_css=False):
    """A part of the screen that is drawn as lines.

    Subclasses implement :meth:`draw` and call :meth:`repaint` when what they show changed.
    """

    ALLOW_SELECT = False
    TITLE = ""
    """Shown in the heading rule; an empty title draws no heading."""

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.paint = paint
        self._shown: list[Strip] = []
        self.first_line = 0
        """First line of the body that is shown, for panels that scroll."""
        self.nr_lines = 0
        """Lines the body has in all, as of the last drawing."""
        self.frame: Shown | None = None
        """What is on the screen, as it was shown last."""

    def show(self, shown: Shown) -> None:
        """Show what is on the screen now, as far as it is this panel's."""
        self.frame = shown
        self.repaint()

    # -- for subclasses -----------------------------------------------------------------
    def draw(self, width: int, height: int) -> list[Strip]:
        """The lines of the panel; fewer than ``height`` are filled with blanks."""
        raise NotImplementedError

    def heading(self, width: int, right: str = "", extra: str = "") -> Strip:
        """The rule above a panel: its title, details, and something at the right end."""
        paint = self.paint
        rule, title = "rule", "title" if self.has_focus else "heading"
        row = Row(width, paint, "rule").add(paint.line + " ", rule).add(self.TITLE, title)
        keep = len(right) + 8 if right else 5
        if extra and row.room > keep:
            row.add(f" {paint.line} ", rule)
            row.add(extra, "dim", min(cell_width(extra), row.room - keep + 3))
        row.add(" ", rule)
        if len(right) + 4 > row.room:
            right = right.partition(" ")[2]  # "1-9 of 80": at least how many there are
        tail = f" {right} {paint.line}" if right else ""
        if tail and len(tail) < row.room:
            row.add(paint.line * (row.room - len(tail)), rule)
            row.add(f" {right} ", "dim").rule(paint.line, rule)
        return row.rule(paint.line, rule).strip()

    def window(self, body: list[Line], height: int, *, follow: bool = False) -> list[Line]:
        """The part of a long body that is shown, remembering what scrolling needs."""
        self.nr_lines = len(body)
        last = max(0, len(body) - height)
        self.first_line = last if follow else min(max(self.first_line, 0), last)
        return body[self.first_line : self.first_line + height]

    def place(self, count: int) -> str:
        """``1-9 of 80``: which lines of a body are shown, ``count`` of them; empty: all are."""
        if count >= self.nr_lines:
            return ""
        return f"{self.first_line + 1}{self.paint.dash}{self.first_line + count} of {self.nr_lines}"

    def use_paint(self, paint: Paint) -> None:
        """Draw with other colours and glyphs from now on; forget what was drawn."""
        self.paint = paint
        self._shown = []

    def set_paint(self, paint: Paint) -> None:
        """Use another theme."""
        self.use_paint(paint)
        self.repaint()

    # -- machinery ------------------------------------------------------------------------
    def repaint(self) -> None:
        """Draw again and send only the lines that differ from the last drawing."""
        width, height = self.size
        if width <= 0 or height <= 0 or not self.is_attached:
            self._shown = []
            return
        fresh = self._filled(self.draw(width, height), width, height)
        self.send(fresh)

    def send(self, fresh: list[Strip]) -> None:
        """Show these lines; those equal to the present ones are not sent again."""
        old, self._shown = self._shown, fresh
        if len(old) != len(fresh):
            self.refresh()
            return
        changed = [y for y, strip in enumerate(fresh) if strip != old[y]]
        if 3 * len(changed) > 2 * len(fresh):
            self.refresh()
        elif changed:
            self.refresh(*[Region(0, y, self.size.width, 1) for y in changed])

    def _fits(self, width: int, height: int) -> bool:
        """Whether what was drawn is as large as the panel."""
        shown = self._shown
        return len(shown) == height and (not shown or shown[0].cell_length == width)

    def _filled(self, lines: list[Strip], width: int, height: int) -> list[Strip]:
        blank = Row(width, self.paint).strip()
        return [*lines[:height], *[blank] * (height - len(lines))]

    def scroll_lines(self, lines: int) -> None:
        """Move the body by lines, as far as there are any."""
        self.first_line += lines
        self.repaint()

    def wheel(self, lines: int) -> None:
        """What a turn of the mouse wheel does: scroll, also without the focus."""
        self.scroll_lines(lines)

    def on_mouse_scroll_down(self) -> None:
        """Scroll by lines."""
        self.wheel(WHEEL_LINES)

    def on_mouse_scroll_up(self) -> None:
        """Scroll by lines."""
        self.wheel(-WHEEL_LINES)

    def on_resize(self) -> None:
        """A new size needs a new drawing, unless that was asked for before this message came."""
        if not self._fits(*self.size):
            self.repaint()

    def on_focus(self) -> None:
        """The heading shows the focus."""
        self.repaint()

    def on_blur(self) -> None:
        """The heading shows the focus."""
        self.repaint()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The drawn lines, without Textual's style machinery (see the module's text)."""
        width, height = self.size
        if not self._fits(width, height):
            self._shown = self._filled(self.draw(width, height), width, height)
        lines = self._shown[crop.y : crop.bottom]
        if crop.x == 0 and crop.width == width:
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def render_line(self, y: int) -> Strip:
        """One drawn line."""
        return self.render_lines(Region(0, y, self.size.width, 1))[0]


def forget_closed() -> None:
    """Let go of what was drawn of widgets that are gone.

    Textual remembers the colours of 1,024 of them by the caches of their lines, which are large.
    """
    StylesCache.get_inner_outer.cache_clear()


def is_overtaken(screen: Screen[Any], event: events.Resize) -> bool:
    """Whether news of a size came too late; then the screen takes no notice of it.

    A screen that lays itself out tells itself its size. With two sizes on their way each
    brings the other back, and the screen is laid out and drawn without an end.
    """
    if event.size == screen.app.size:
        return False
    event.prevent_default().stop()
    return True
