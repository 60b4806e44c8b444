"""One line to type into at the foot of the screen: commands, searches, a step number."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from pfnmap.engine.errors import PfnmapError
from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.keys.effects import AskLine
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.say.words import fitted, safe
from pfnmap.tui.widgets.paint import Paint

OFFERED = 6


class Prompt(Dialog[str]):
    """Asks for one line and gives it back; None when it was closed.

    A line that ``check`` refuses (with a PfnmapError) keeps the prompt open and shows the
    message, so that nothing typed is lost.
    """

    KIND = "line"
    HAS_LINE = True
    DEFAULT_CSS = """
    Prompt { align: left bottom; background: transparent; }
    Prompt #prompt { height: auto; background: $panel; padding: 0 1; }
    Prompt.touring #prompt { margin-bottom: 5; }
    Prompt Horizontal { height: 1; }
    Prompt #sign { width: auto; }
    Prompt Input { width: 1fr; background: $panel; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, ask: AskLine) -> None:
        super().__init__(paint, keymap)
        self._ask = ask
        self._place = len(ask.history)
        self._draft = ask.value
        self.line = Input(ask.value, id="line", select_on_focus=False)
        """The line being typed."""
        self._hint_line = Static(Text(ask.help_words), id="hint", classes="dim")
        self._wrong_line = Static("", id="wrong", classes="wrong")

    def compose(self) -> ComposeResult:
        """The line, above it what may follow or what is wrong."""
        with Vertical(id="prompt"):
            yield self._hint_line
            yield self._wrong_line
            with Horizontal():
                yield Static(Text(self._ask.sign), id="sign")
                yield self.line

    def on_mount(self) -> None:
        """Nothing is wrong yet."""
        self.line.focus()
        self._say("")
        self._hint(self._draft)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer what may follow."""
        self._say("")
        self._hint(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the line back, or say what is wrong with it."""
        text = event.value.strip()
        if text and self._ask.check is not None:
            try:
                self._ask.check(text)
            except PfnmapError as error:
                if column := getattr(error, "column", 0):
                    self.line.cursor_position = min(column - 1, len(self.line.value))
                self._say(getattr(error, "message", "") or str(error))
                self.ready()
                return
        self.finish(text or None)

    def _say(self, words: str) -> None:
        self._wrong_line.display = bool(words)
        self._wrong_line.update(self.text(words))

    def _hint(self, value: str) -> None:
        offered = self._offered(value) if value else []
        words = self._ask.help_words
        if offered:
            ends = [line.rpartition(" ")[2] for line in offered]
            words = "  ".join(ends[:OFFERED])
            if len(ends) > OFFERED:
                words += f"  (+{len(ends) - OFFERED})"
        width = max(10, self.app.size.width - 4)
        self._hint_line.update(Text(fitted(safe(words, ascii_only=self.paint.ascii_only), width)))
        self._hint_line.display = bool(words)

    def _offered(self, value: str) -> Sequence[str]:
        return self._ask.offer(value) if self._ask.offer is not None else ()

    def action_complete(self) -> None:
        """Complete the last word as far as it is certain, or take the first offer."""
        offered = self._offered(self.line.value)
        if not offered:
            return
        common = _common_start(offered)
        text = common if len(common) > len(self.line.value) else offered[0]
        if len(offered) == 1 and not text.endswith("="):
            text += " "
        self.line.value = text
        self.line.cursor_position = len(text)

    def action_older(self) -> None:
        """The line before in the history."""
        self._show(self._place - 1)

    def action_newer(self) -> None:
        """The line after in the history."""
        self._show(self._place + 1)

    def _show(self, place: int) -> None:
        if not 0 <= place <= len(self._ask.history):
            return
        if self._place == len(self._ask.history):
            self._draft = self.line.value
        self._place = place
        text = self._draft if place == len(self._ask.history) else self._ask.history[place]
        self.line.value = text
        self.line.cursor_position = len(text)


def _common_start(lines: Sequence[str]) -> str:
    first, last = min(lines), max(lines)
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    return first[:length]
