"""Text to read in a box: help, the explanation of a cell, a diff. Scrolls like the map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip

from pfnmap.engine.errors import InputError
from pfnmap.tui.dialogs.dialog import Scrolling
from pfnmap.tui.dialogs.prompt import Prompt
from pfnmap.tui.figure.line_drawing import Spans
from pfnmap.tui.keys.effects import AskLine
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.widgets.figure_panel import span_strip
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

Lines = Sequence[tuple[str, str, str] | Spans]
"""(head, words, role) of each, ``head`` drawn in the colour of keys; or a line of a figure."""

HEAD_WIDTH = 18

_Row = tuple[str | None, str, str] | Spans
"""(head, words, role) of a line that fits the box, ``head`` None where there is no room for it."""


class Pages(Panel):
    """The text, wrapped to the width."""

    def __init__(self, paint: Paint, title: str, lines: Lines) -> None:
        super().__init__(paint)
        self._title = title
        self._lines = lines
        self._laid_out: tuple[int, list[_Row]] = (0, [])
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
        shown = [self._strip(width, row) for row in self.window(self._body(width), height - 1)]
        if 0 <= (found := self._found - self.first_line) < len(shown):
            shown[found] = Row(width, self.paint).add(shown[found].text, "accent").strip()
        return [self.heading(width, self.place(len(shown)), self.hint), *shown]

    def say(self, lines: Lines) -> None:
        """Other text at the same place."""
        self._lines, self._laid_out = lines, (0, [])
        self.repaint()

    def find(self, words: str) -> bool:
        """Show the next line that holds the words, whatever their case; False when none does."""
        width = self.size.width
        lines = [self._strip(width, row).text.casefold() for row in self._body(width)]
        begin = self._found + 1 or self.first_line
        order = sorted(range(len(lines)), key=lambda line: (line < begin, line))
        found = next((line for line in order if words.casefold() in lines[line]), None)
        if found is None:
            return False
        self._found = self.first_line = found
        self.repaint()
        return True

    def _body(self, width: int) -> list[_Row]:
        """All lines, broken once for a width."""
        if self._laid_out[0] != width:
            self._laid_out = (width, [row for line in self._lines for row in _broken(width, line)])
            self._found = -1
        return self._laid_out[1]

    def _strip(self, width: int, row: _Row) -> Strip:
        match row:
            case (None | str() as head, str(words), str(role)):
                drawn = Row(width, self.paint)
                if head is not None:
                    drawn.add(head, "accent", HEAD_WIDTH)
                return drawn.add(words, role).strip()
            case spans:
                return span_strip(width, self.paint, spans)


def _broken(width: int, line: tuple[str, str, str] | Spans) -> Iterator[_Row]:
    """A line in rows of a width; what has a head goes on beside the room for it."""
    match line:
        case (str(), str(words), "plain"):
            yield None, words, "text"
        case (str(), str(words), "typed"):
            for start in range(0, len(words), width):
                yield None, words[start : start + width], "text"
        case (str(head), str(words), str(role)):
            beside = bool(head) or role == "more"
            shown_role = "text" if role == "more" else role
            for text in wrapped(words, max(10, width - HEAD_WIDTH * beside)):
                yield head if beside else None, text, shown_role
                head = ""
        case spans:
            yield spans


class Reader(Scrolling):
    """A box with text; any of the closing keys closes it."""

    KIND = "text"
    DEFAULT_CSS = """
    Reader .box { width: 90%; height: 90%; max-width: 100; padding: 0; }
    """

    def __init__(
        self,
        paint: Paint,
        keymap: Keymap,
        title: str,
        lines: Lines,
        *,
        again: Callable[[], Lines] | None = None,
    ) -> None:
        """``again``: the text when what was not waited for is known; None where nothing was."""
        self.pages = Pages(paint, title, lines)
        self._again = again
        self._sought = ""
        super().__init__(paint, keymap, self.pages, rows_kept=2)

    def on_foresight_found(self) -> None:
        """Say what was found out behind the frame."""
        if self._again is not None:
            self.pages.say(self._again())

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
