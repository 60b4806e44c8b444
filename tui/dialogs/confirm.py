"""A question that a word typed answers with yes; every other way out means no."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key, Paste
from textual.widgets import Input, Static

from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.keys.effects import AskWord
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import shown_key
from pfnmap.tui.widgets.paint import Paint

SHOWN = 8
"""Lines of one kind that are spelt out; the rest is counted."""


class Confirm(Dialog[bool]):
    """Gives True only when the word was typed after the question could be read."""

    KIND = "dialog"
    HAS_LINE = True
    QUIET_SECONDS: ClassVar[float] = 0.3
    """What comes sooner behind the question, or behind what came too soon, was typed ahead."""
    DEFAULT_CSS = """
    Confirm .box { width: 76; }
    Confirm Static { height: auto; }
    Confirm Input { margin-top: 1; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, ask: AskWord) -> None:
        super().__init__(paint, keymap)
        self._title = ask.title
        self._questions = _few(ask.questions)
        self._warnings = _few(ask.warnings)
        self._word = ask.word
        self._unread = inf
        """Until when keys are for something else: until the question is painted, at first."""

    def compose(self) -> ComposeResult:
        """The title, a line for each question and warning, the word to type."""
        with Vertical(classes=self.box_classes):
            yield Static(self.text(self._title), classes="title")
            for words in self._questions:
                yield Static(self.text(words))
            for words in self._warnings:
                yield Static(self.text(words), classes="wrong")
            yield Input()
            keys = [shown_key(key) for key in self.keymap.keys("dialog.close")]
            words = f"type {self._word} and enter to do it; {' and '.join(keys)} does not"
            yield Static(self.text(words), classes="dim")

    def on_mount(self) -> None:
        """Take the keys, and heed them once the question is on the screen."""
        self.query_one(Input).focus()
        self.call_after_refresh(self.call_after_refresh, self._painted)

    def _painted(self) -> None:
        self._unread = Paste("").time + self.QUIET_SECONDS

    def heeds(self, event: Key | Paste) -> bool:
        """Not what was typed before the question was there, nor what follows it without a pause."""
        if event.time >= self._unread:
            return True
        if self._unread < inf:
            self._unread = event.time + self.QUIET_SECONDS
        return False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The word means yes; another one is no answer."""
        if event.value.strip() == self._word:
            self.finish(True)
        else:
            self.ready()


def _few(lines: Sequence[str]) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"and {more} more like these"] if more > 0 else [])]
