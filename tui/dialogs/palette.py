"""A list to choose from by typing a part of a name: the palette, branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, Static

from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.keys.effects import Choose, Entry
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

NAME_WIDTH = 26
KEY_WIDTH = 8
ROUND_THE_LIST, MOST = 4, 24
"""Lines of the box beside the list, and of all."""


def matching(found: Sequence[Entry], typed: str) -> list[Entry]:
    """Entries that contain every word typed; those whose name begins with it first."""
    words = typed.lower().split()

    def rank(entry: Entry) -> tuple[bool, bool]:
        label = entry.name.partition(": ")[2].lower()
        return (
            not label.startswith(typed.strip().lower()),
            not all(word in entry.name.lower() for word in words),
        )

    hits = [e for e in found if all(word in f"{e.name} {e.help}".lower() for word in words)]
    return sorted(hits, key=rank) if words else hits


class Choices(Panel, can_focus=False):
    """The list under the line; the chosen entry is set off."""

    class Picked(Message):
        """An entry was clicked, or the wheel turned to it; ``taken``: and chosen for good."""

        def __init__(self, index: int, *, taken: bool) -> None:
            self.index = index
            self.taken = taken
            super().__init__()

    def __init__(
        self,
        paint: Paint,
        show: Callable[[], tuple[list[Entry], int]],
        entries: Sequence[Entry],
    ) -> None:
        """``show``: which of the entries, and the place of the chosen one among them."""
        super().__init__(paint)
        self._show = show
        self._name_width = min(NAME_WIDTH, max((len(each.name) for each in entries), default=0))
        self._has_keys = any(each.key for each in entries)

    def on_click(self, event: events.Click) -> None:
        """Take the entry that was clicked."""
        index = self.first_line + event.y
        if event.y < self.size.height - 1 and index < len(self._show()[0]):
            self.post_message(self.Picked(index, taken=True))

    def wheel(self, lines: int) -> None:
        """Choose another entry."""
        self.post_message(self.Picked(self._show()[1] + lines, taken=False))

    def draw(self, width: int, height: int) -> list[Strip]:
        """One line for each entry around the chosen one."""
        found, chosen = self._show()
        paint = self.paint
        room = max(1, height - 1)
        self.first_line = min(max(self.first_line, chosen - room + 1), chosen)
        lines = []
        for index, entry in enumerate(found):
            here = index == chosen
            row = Row(width, paint)
            row.add(paint.pointer if here else " ", "here").gap()
            row.add(entry.name, "here" if here else "text", self._name_width).gap()
            if self._has_keys:
                row.add(entry.key, "accent", KEY_WIDTH).gap()
            lines.append(row.add(entry.help, "dim").strip())
        if not lines:
            lines = [Row(width, paint).add("  nothing applies", "dim").strip()]
        shown = self.window(lines, room)
        foot = Row(width, paint).right(self.place(len(shown)), "dim")
        shown += [Row(width, paint).strip()] * (room - len(shown))
        return [*shown, foot.strip()]


class Palette(Dialog[Entry]):
    """Gives back what was chosen, None when closed."""

    KIND = "list"
    HAS_LINE = True
    DEFAULT_CSS = """
    Palette .box { width: 84; max-height: 80%; }
    Palette Horizontal { height: 1; }
    Palette #sign { width: 2; }
    Palette Input { width: 1fr; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, choose: Choose) -> None:
        super().__init__(paint, keymap)
        self._choose = choose
        self._typed = ""
        self._chosen = 0
        self.choices = Choices(paint, lambda: (self.hits, self._chosen), choose.entries)

    @property
    def hits(self) -> list[Entry]:
        """What matches the line."""
        return matching(self._choose.entries, self._typed)

    def compose(self) -> ComposeResult:
        """A line to type into and the list."""
        with Vertical(classes=self.box_classes):
            with Horizontal():
                yield Static(Text(">"), id="sign")
                yield Input(id="line", placeholder=self._choose.prompt)
            yield self.choices

    def on_mount(self) -> None:
        """Start to type; the box is as high as the list is long."""
        self.query_one(".box").styles.height = min(len(self._choose.entries) + ROUND_THE_LIST, MOST)
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what matches."""
        self._typed, self._chosen = event.value, 0
        self.choices.repaint()

    def on_choices_picked(self, message: Choices.Picked) -> None:
        """The mouse chose an entry."""
        self.action_step(message.index - self._chosen)
        if message.taken:
            self.on_input_submitted()

    def action_step(self, lines: int) -> None:
        """Choose another entry."""
        self._chosen = min(max(self._chosen + lines, 0), max(0, len(self.hits) - 1))
        self.choices.repaint()

    def on_input_submitted(self) -> None:
        """Take the chosen entry."""
        hits = self.hits
        self.finish(hits[self._chosen] if hits else None)
