"""Text to read in a box: help, the explanation of a cell, a diff. Scrolls like the map."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip

from pfnmap.engine.errors import InputError
from pfnmap.tui.dialogs.dialog import Scrolling
from pfnmap.tui.dialogs.prompt import Prompt
from pfnmap.tui.figure.lines import Spans
from pfnmap.tui.keys.effects import AskLine
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.widgets.figure_panel import span_strip
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

Lines = Sequence[tuple[str, str, str] | Spans]
"""(head, words, role) of each, ``head`` drawn in the colour of keys; or a line of a figure."""

HEAD_WIDTH = 18


class Pages(Panel):
    """The text, wrapped to the width."""

    def __init__(self, paint: Paint, title: str, lines: Lines) -> None:
        super().__init__(paint)
        self._title = title
        self._lines = lines
        self._laid_out: tuple[int, list[Strip]] = (0, [])
        self._found = -1
        """The line that was found last."""
        self.hint = ""
        """Which key closes."""

    @property
    def TITLE(self) -> str:  # type: ignore[override]
        """What the box is about."""
        return self._title

    def draw(self, width: int, height: int) -> list[Strip]:
        """Heading and text."""
        body = self._body(width)
        shown = self.window(body, height - 1)
        if 0 <= (found := self._found - self.first_line) < len(shown):
            shown[found] = Row(width, self.paint).add(shown[found].text, "accent").strip()
        return [self.heading(width, self.place(len(shown)), self.hint), *shown]

    def find(self, words: str) -> bool:
        """Show the next line that holds the words, whatever their case; False when none does."""
        lines = [strip.text.casefold() for strip in self._body(self.size.width)]
        begin = self._found + 1 or self.first_line
        order = sorted(range(len(lines)), key=lambda line: (line < begin, line))
        found = next((line for line in order if words.casefold() in lines[line]), None)
        if found is None:
            return False
        self._found = self.first_line = found
        self.repaint()
        return True

    def _body(self, width: int) -> list[Strip]:
        """All lines, laid out once for a width."""
        if self._laid_out[0] != width:
            entries = [self._entry(width, line) for line in self._lines]
            self._laid_out = (width, [strip for strips in entries for strip in strips])
            self._found = -1
        return self._laid_out[1]

    def _entry(self, width: int, line: tuple[str, str, str] | Spans) -> list[Strip]:
        paint = self.paint
        match line:
            case (str(head), str(words), str(role)):
                pass
            case spans:
                return [span_strip(width, paint, spans)]
        if role == "plain":
            return [Row(width, paint).add(words).strip()]
        if role == "typed":
            pieces = [words[start : start + width] for start in range(0, len(words), width)]
            return [Row(width, paint).add(piece).strip() for piece in pieces]
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
        self._sought = ""
        super().__init__(paint, keymap, self.pages, rows_kept=2)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes=self.box_classes):
            yield self.pages

    def on_mount(self) -> None:
        """Keys go to the text."""
        self.pages.hint = f"{self.key('dialog.close')} closes"
        self.pages.focus()

    def action_find(self) -> None:
        """Ask for words, and go to the next line that holds them."""
        ask = AskLine("/", self._seek, help_words="find words in this text")
        self.app.push_screen(Prompt(self.paint, self.keymap, ask))

    def action_find_next(self) -> None:
        """Go on to the next line with the words."""
        if self._sought:
            self.pages.find(self._sought)
        else:
            self.action_find()

    def _seek(self, words: str) -> None:
        """Find the words; InputError where they are nowhere."""
        if not self.pages.find(words):
            raise InputError(f"{words}: not in this text")
        self._sought = words
