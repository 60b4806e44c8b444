"""A question that one key answers with yes; every other way out means no."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.keys.effects import AskYes
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import shown_key
from pfnmap.tui.say.words import safe
from pfnmap.tui.widgets.paint import Paint

SHOWN = 8
"""Lines of one kind that are spelt out; the rest is counted."""


class Confirm(Dialog[bool]):
    """Gives True only for the key of ``question.yes``.

    Nothing has the focus but the box itself, so that keys typed ahead, Enter above all, do
    not answer.
    """

    KIND = "question"
    DEFAULT_CSS = """
    Confirm .box { width: 76; }
    Confirm Static { height: auto; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, ask: AskYes) -> None:
        super().__init__(paint, keymap)
        self._title = ask.title
        self._questions = _few(ask.questions)
        self._warnings = _few(ask.warnings)

    def compose(self) -> ComposeResult:
        """The title, a line for each question and warning, the keys."""
        with Vertical(classes=self.box_classes, id="question") as box:
            box.can_focus = True
            yield Static(self._text(self._title), classes="title")
            for words in self._questions:
                yield Static(self._text(words))
            for words in self._warnings:
                yield Static(self._text(words), classes="wrong")
            yield Static(self._text(self._keys_words()), classes="dim")

    def on_mount(self) -> None:
        """Take the keys."""
        self.query_one("#question").focus()

    def _keys_words(self) -> str:
        """Which key does it, and which do not."""
        refusing = [*self.keymap.keys("question.no"), *self.keymap.keys("dialog.close")]
        names = [shown_key(key) for key in refusing]
        yes = self.key("question.yes") or "no key"
        return f"{yes} does it; {listed(names)} do{'es' * (len(names) == 1)} not"

    def _text(self, words: str) -> Text:
        return Text(safe(words, ascii_only=self.paint.ascii_only))

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.finish(yes)


def listed(words: Sequence[str]) -> str:
    """Words as ``n, q and esc``."""
    *some, last = words
    return f"{', '.join(some)} and {last}" if some else last


def _few(lines: Sequence[str]) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"and {more} more like these"] if more > 0 else [])]
