"""The same commands under other rules: the figure of all variants on one axis, on a screen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from textual.app import ComposeResult
from textual.strip import Strip

from pfnmap.engine.compare import Comparison
from pfnmap.tui.dialogs.dialog import Scrolling
from pfnmap.tui.dialogs.reader import Reader
from pfnmap.tui.dialogs.texts import area_lines
from pfnmap.tui.figure.line_drawing import ALL_DIGITS, Spans
from pfnmap.tui.figure.variants import Variants, compare_lines
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.widgets.figure_panel import span_strip
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

FOOTER = (
    (("compare.back", "compare.forward"), "step"),
    (("compare.counters",), "all counters"),
    (("compare.copy",), "copy"),
    (("compare.help",), "help"),
    (("dialog.close",), "close"),
)
"""Keys at the foot, and what they do."""


class ComparePanel(Panel):
    """Names and axis stay at the top, the prices at the foot; all between them scrolls."""

    def __init__(self, paint: Paint, keymap: Keymap, comparison: Comparison) -> None:
        super().__init__(paint)
        self.comparison = comparison
        self.every_counter = False
        self._keys = keymap
        self._laid_out: tuple[object, ...] = ()
        self._head: list[Spans] = []
        self._body: list[Spans] = []
        self._foot: list[Spans] = []
        self._numbers: list[int] = []
        self._begins: list[int] = []
        """The number of each step, and the line of the body at which it begins."""

    def _lay_out(self, width: int, height: int) -> None:
        """The lines, made anew only when something else is to be seen: scrolling is cheap."""
        wanted, at_first = (self.every_counter, width, height), not self._laid_out
        if self._laid_out == wanted:
            return
        variants = Variants(self.comparison, width, most_digits=ALL_DIGITS)
        names, prices = list(variants.names()), list(variants.prices())
        pinned = len(names) + len(prices) <= height // 3
        self._head = [*(names if pinned else [])]
        self._head += [*variants.sheet.axis_lines()][: 3 if height >= 16 else 1]
        body = [*([] if pinned else [*names, *prices]), *variants.sheet.scale_lines()]
        self._numbers, self._begins, parting = variants.numbers, [], 0
        for step in variants.steps:
            begins = len(body) + 1  # behind a blank line
            self._begins += [] if step.number is None else [begins]
            parting = begins if step.parts else parting
            body += step.lines
        body += [*variants.legend(), *variants.bills()]
        body += variants.differences(every_counter=self.every_counter)
        self._body, self._foot, self._laid_out = body, prices if pinned else [], wanted
        if at_first:
            self.first_line = parting

    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, names, axis, the body, the prices, the keys."""
        paint = self.paint
        self._lay_out(width, height)
        room = max(0, height - len(self._head) - len(self._foot) - 2)
        shown = self.window(self._body, room)
        step = ""
        if place := self.place(len(shown)):
            number = self._numbers[max(0, bisect_right(self._begins, self.first_line) - 1)]
            step = f" step {number} of {self._numbers[-1]} " if number > 0 else " at the start "
            place = f" {place} "
        title = Row(width, paint, "bar").add(" compare ", "key")
        title.add(f" {self.comparison.title}", "bar", max(0, title.room - len(step)))
        keys = Row(width, paint, "bar").gap()
        keys.add(self._footer(width - 2 - len(place)), "bar_dim")
        padding = [()] * (room - len(shown))
        return [
            title.right(step, "bar").strip(),
            *(
                span_strip(width, paint, line)
                for line in (*self._head, *shown, *padding, *self._foot)
            ),
            keys.right(place, "bar_dim").strip(),
        ]

    def _footer(self, width: int) -> str:
        """The keys in force, as many as there is room for; how to close comes last always."""
        *hints, last, close = [
            f"{' '.join(keys)} {label}"
            for names, label in FOOTER
            if (keys := [key for name in names if (key := self._keys.first(name))])
            or label in ("help", "close")
        ]
        while hints and len("  ".join([*hints, last, close])) > width:
            hints.pop()
        return "  ".join([*hints, last, close])

    def move(self, steps: int) -> None:
        """To where a step before or behind begins."""
        find = bisect_right if steps > 0 else bisect_left
        at = find(self._begins, self.first_line) + (steps if steps < 0 else steps - 1)
        if at >= len(self._begins):
            return
        self.first_line = self._begins[max(0, at)]
        self.repaint()


class CompareScreen(Scrolling):
    """All variants of one scenario."""

    KIND = "compare"
    DEFAULT_CSS = """
    CompareScreen { background: $background; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, comparison: Comparison) -> None:
        self.panel = ComparePanel(paint, keymap, comparison)
        super().__init__(paint, keymap, self.panel, rows_kept=9)

    def compose(self) -> ComposeResult:
        """The one panel."""
        yield self.panel

    def on_mount(self) -> None:
        """Keys go to it."""
        self.panel.focus()

    def action_step(self, steps: int) -> None:
        """To another step of the scenario."""
        self.panel.move(steps)

    def action_help(self) -> None:
        """The keys of this screen."""
        lines = area_lines(self.keymap.by_action, ("compare", "dialog"))
        self.app.push_screen(Reader(self.paint, self.keymap, "help", lines))

    def action_counters(self) -> None:
        """All counters, or only those that differ."""
        self.panel.every_counter = not self.panel.every_counter
        self.panel.repaint()

    def action_copy(self) -> None:
        """Copy everything as plain text for a mail."""
        self.app.copy_to_clipboard("\n".join(compare_lines(self.panel.comparison)))
        self.notify("sent to the clipboard of the terminal as plain text", markup=False)
