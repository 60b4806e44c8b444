"""Text to read in a box: help, the explanation of a cell, a diff. Scrolls like the map."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip

from pfnmap.tui.dialogs.dialog import Scrolling
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

Lines = Sequence[tuple[str, str, str]]
"""(head, words, role) of each; ``head`` is drawn in the colour of keys."""

HEAD_WIDTH = 18


class Pages(Panel):
    """The text, wrapped to the width."""

    def __init__(self, paint: Paint, title: str, lines: Lines) -> None:
        super().__init__(paint)
        self._title = title
        self._lines = lines
        self.hint = ""
        """Which key closes."""

    @property
    def TITLE(self) -> str:  # type: ignore[override]
        """What the box is about."""
        return self._title

    def draw(self, width: int, height: int) -> list[Strip]:
        """Heading and text."""
        body: list[Strip] = []
        for head, words, role in self._lines:
            body += self._entry(width, head, words, role)
        shown = self.window(body, height - 1)
        right = ""
        if len(body) > len(shown):
            last = self.first_line + len(shown)
            right = f"{self.first_line + 1}{self.paint.dash}{last} of {len(body)}"
        return [self.heading(width, right, self.hint), *shown]

    def _entry(self, width: int, head: str, words: str, role: str) -> list[Strip]:
        paint = self.paint
        if role == "plain":
            return [Row(width, paint).add(words).strip()]
        indent = HEAD_WIDTH if head or role == "more" else 0
        strips = []
        for index, text in enumerate(wrapped(words, max(10, width - indent))):
            row = Row(width, paint)
            if indent:
                row.add(head if index == 0 else "", "accent", indent)
            strips.append(row.add(text, "text" if role == "more" else role).strip())
        return strips


class Reader(Scrolling):
    """A box with text; any of the closing keys closes it."""

    KIND = "text"
    DEFAULT_CSS = """
    Reader .box { width: 90%; height: 90%; max-width: 100; padding: 0; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, title: str, lines: Lines) -> None:
        self.pages = Pages(paint, title, lines)
        super().__init__(paint, keymap, self.pages, rows_kept=2)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes=self.box_classes):
            yield self.pages

    def on_mount(self) -> None:
        """Keys go to the text."""
        self.pages.hint = f"{self.key('dialog.close')} closes"
        self.pages.focus()
