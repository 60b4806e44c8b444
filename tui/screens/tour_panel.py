"""The tour on the real screen: a panel with the present instruction, under everything else."""

from __future__ import annotations

from textual.strip import Strip

from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.screens.tour import Progress, filled, press_words
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

HEIGHT = 5
"""Lines: heading, three of text, what to press."""


class TourPanel(Panel, can_focus=False):
    """Heading, text, and the keys to press. Takes no focus: the keys are for the screen."""

    HEIGHT = HEIGHT

    def __init__(self, paint: Paint, keymap: Keymap) -> None:
        super().__init__(paint, id="tour")
        self._keymap = keymap
        self.progress = Progress()

    def show(self, shown: Shown) -> None:
        """Go on when the step is done, through all that is done already."""
        block = shown.viewport.cursor_pfn // shown.view.geometry.block_pages
        moved = False
        while self.progress.look(shown.session, block):
            moved = True
        if moved:
            self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The instruction."""
        paint, progress = self.paint, self.progress
        step, keys = progress.step, self._keymap
        head = Row(width, paint, "bar").add(" tour ", "key")
        head.add(f" {progress.index + 1}/{len(progress.steps)} {step.title}", "bar")
        again, leave = keys.first("app.tour.again"), keys.first("app.tour")
        words = f"{again} sets this step up anew  {leave} leaves " if again and leave else ""
        lines = [head.right(words, "bar_dim").strip()]
        text = wrapped(filled(step.text, keys), max(10, width - 2))
        lines += [Row(width, paint).gap().add(line).strip() for line in text[: height - 2]]
        lines += [Row(width, paint).strip()] * (height - 1 - len(lines))
        press = Row(width, paint).gap().add("press", "dim")
        for word in press_words(step.asks, keys):
            press.gap(2).add(word, "accent")
        return [*lines, press.strip()]
