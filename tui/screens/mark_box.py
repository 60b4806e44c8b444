"""The box that asks for the letter of a mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static

from pfnmap.tui.say.words import fitted, safe
from pfnmap.tui.screens.dialog import Dialog
from pfnmap.tui.screens.marks import BACK, BACK_KEY

if TYPE_CHECKING:
    from pfnmap.tui.widgets.paint import Paint


class MarkBox(Dialog[str]):
    """Asks for the letter of a mark; lists the marks there are."""

    CONTEXT: ClassVar[str] = "mark"
    DEFAULT_CSS = """
    MarkBox { align: left bottom; }
    MarkBox .box { width: 72; }
    MarkBox Static { height: auto; }
    """

    def __init__(self, paint: Paint, title: str, lines: Sequence[str], *, back: bool) -> None:
        """``back``: whether the sign for the last jump is an answer."""
        super().__init__(paint)
        self._title = title
        self._lines = lines
        self._back = back

    def compose(self) -> ComposeResult:
        """The question, and a line for each mark."""
        with Vertical(classes=self.box_classes, id="marks") as box:
            box.can_focus = True
            yield Static(self._text(self._title), classes="title")
            for line in self._lines:
                yield Static(self._text(line))
            yield Static(self._text(f"{self.key('dialog.close')} closes"), classes="dim")

    def on_mount(self) -> None:
        """Take the keys."""
        self.query_one("#marks").focus()

    def _text(self, words: str) -> Text:
        clean = safe(words, ascii_only=self.paint.ascii_only)
        return Text(fitted(clean, 68, ascii_only=self.paint.ascii_only))

    def may_end(self, key: str) -> bool:
        """Every key may be the answer."""
        return True

    def on_key(self, event: Key) -> None:
        """A letter answers; anything else is waited over, but what closes this."""
        if event.key in self._ending:
            return
        letter = BACK if event.key == BACK_KEY else event.character or ""
        if (letter.isascii() and letter.isalpha()) or (self._back and letter == BACK):
            event.stop()
            self.finish(letter)
        else:
            self.ready()
