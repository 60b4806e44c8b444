"""What all dialogs share: a framed box over the map, and keys of the keymap, one to close."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, TypeVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.color import Color
from textual.events import Key, Paste
from textual.geometry import Region
from textual.message import Message
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.strip import Strip

from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.say.words import safe
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, forget_closed, is_overtaken

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], inherit_bindings=False):
    """A dialog in the colours of the theme."""

    class Ready(Message, namespace="dialog"):
        """The dialog can take keys; ``decided``: because it has done what Enter asked for."""

        def __init__(self, *, decided: bool) -> None:
            self.decided = decided
            super().__init__()

    class Passed(Message, namespace="dialog"):
        """Sent behind a key the way it goes, from what has the focus up to the program."""

    AUTO_FOCUS = ""
    """Each dialog gives the focus itself, once: keys typed ahead go where it is."""
    KIND: ClassVar[str] = "text"
    """Whose rows of the table of keys are alive in it, beside those of every dialog."""
    HAS_LINE: ClassVar[bool] = False
    """Whether it has a line to type into, which Enter may end."""
    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 40%; }
    Dialog.plain { background: transparent; }
    Dialog .box {
        border: round $border; background: $background; color: $foreground;
        padding: 0 1; height: auto; max-height: 100%; max-width: 100%;
    }
    Dialog .box.ascii { border: ascii $border; }
    Dialog Input {
        border: none; height: 1; padding: 0; background: $surface; color: $foreground;
    }
    Dialog Input:focus { border: none; background: $panel; }
    Dialog.colourless Input > .input--cursor, Dialog.colourless Input:focus > .input--cursor {
        color: ansi_default; background: ansi_default; text-style: reverse;
    }
    Dialog.colourless Input > .input--selection {
        color: ansi_default; background: ansi_default; text-style: underline;
    }
    Dialog Panel { width: 1fr; height: 1fr; }
    Dialog .title { text-style: bold; height: 1; }
    Dialog .dim { color: $text-muted; height: auto; }
    Dialog .wrong { color: $error; height: auto; }
    """

    def __init__(self, paint: Paint, keymap: Keymap) -> None:
        classes = {"rgb": "", "ansi": "plain", "none": "plain colourless"}
        super().__init__(classes=classes[paint.theme.colours])
        self.paint = paint
        self.keymap = keymap
        self._finished = False
        self._bind_keys()
        self.opened = False
        """True once keys can go where they belong: something has the focus, or nothing can."""
        self.answered = False
        """True where the opener acts on the result, and calls :meth:`ready` when it has."""

    @property
    def box_classes(self) -> str:
        """Classes of the framed box."""
        return "box ascii" if self.paint.theme.borders == "ascii" else "box"

    def _bind_keys(self) -> None:
        """The keys in force, and those that end the program from everywhere."""
        for key, action in self.keymap.items(self.KIND):
            # With priority a key closes at once; without, Textual would send it through the
            # focused widget first, and one pressed twice would close what is opened next, too.
            self._bindings.bind(key, action.does, show=False, priority=action.does == "close")
        for key in self.keymap.quitting_keys:
            self._bindings.bind(key, "leave", show=False, priority=True)

    def text(self, words: str) -> Text:
        """Words for one of Textual's widgets."""
        return Text(safe(words, ascii_only=self.paint.ascii_only))

    def key(self, action_id: str) -> str:
        """The key to show for an action."""
        return self.keymap.first(action_id)

    def heeds(self, event: Key | Paste) -> bool:
        """Whether what was typed is for this; what is not is dropped."""
        return True

    def follow(self, event: Key | Paste) -> bool:
        """Send :class:`Passed` behind a key; False where what has the focus takes it for good.

        Textual hands a key from queue to queue. One that is on its way still when the dialog
        closes would be taken for a key of the dialog that opens next.
        """
        is_text = self.HAS_LINE and (isinstance(event, Paste) or event.is_printable)
        focused = None if is_text else self.focused
        return focused is not None and focused.post_message(self.Passed())

    def finish(self, result: Result | None) -> None:
        """Close with a result, once: keys typed ahead may ask for it again."""
        if not self._finished:
            self._finished = True
            self.dismiss(result)
            if not self.answered:
                self.ready()

    def ready(self) -> None:
        """Tell the program that it is decided what Enter does, so that keys behind it may come."""
        self.app.post_message(self.Ready(decided=True))

    def on_descendant_focus(self) -> None:
        """The dialog has opened: something in it has the focus."""
        self._open()

    def on_screen_resume(self) -> None:
        """In a terminal too small for a line to type into, nothing ever gets the focus."""
        self.call_after_refresh(self.call_after_refresh, self._open)

    def on_resize(self, event: events.Resize) -> None:
        """What a small terminal hid had to give the focus up; give it back."""
        if not is_overtaken(self, event) and self.opened and self.focused is None:
            self.call_after_refresh(self.focus_next)

    def on_unmount(self) -> None:
        """Many dialogs are opened and closed."""
        forget_closed()

    def _open(self) -> None:
        if not self.opened:
            self.opened = True
            self.app.post_message(self.Ready(decided=False))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The screen below, dimmed; as Textual has it, but each style is worked out once."""
        below = self.render()
        if not isinstance(below, BackgroundScreen):
            return super().render_lines(crop)
        lines = [
            Strip(
                [Segment(text, _dimmed(style, below.color)) for text, style, _ in strip],
                strip.cell_length,
            ).crop_extend(crop.x, crop.right, None)
            for strip in below.screen._compositor.render_strips()[crop.y : crop.bottom]
        ]
        # While a size is new to one of the two screens, the one below may be the smaller.
        return [*lines, *[Strip.blank(crop.width)] * (crop.height - len(lines))]

    def action_leave(self) -> None:
        """End the program."""
        self.app.exit(0)

    def action_close(self) -> None:
        """Close without a result."""
        self.finish(None)


@lru_cache(maxsize=1024)
def _dimmed(style: Style | None, colour: Color) -> Style:
    """A style below a layer of a colour, without what can be clicked."""
    ((_, dimmed, _),) = BackgroundScreen.process_segments([Segment("", style)], colour)
    return dimmed or Style.null()


class Scrolling(Dialog[None]):
    """A dialog whose rows scroll its one panel."""

    def __init__(self, paint: Paint, keymap: Keymap, panel: Panel, *, rows_kept: int) -> None:
        """``rows_kept``: lines of the panel that a page leaves in sight."""
        super().__init__(paint, keymap)
        self._panel, self._rows_kept = panel, rows_kept

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self._panel.scroll_lines(lines)

    def action_page(self, pages: int) -> None:
        """Scroll by pages."""
        self._panel.scroll_lines(pages * max(1, self._panel.size.height - self._rows_kept))

    def action_top(self, end: int) -> None:
        """To the first line, or the last."""
        self._panel.scroll_lines((2 * end - 1) * self._panel.nr_lines)
