"""The tour on the real screen: a panel with the present instruction, under everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.strip import Strip

from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.screens.tour import Progress, filled, press_words
from pfnmap.tui.widgets.lines import Line
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Row

if TYPE_CHECKING:
    from pfnmap.tui.screens.main import MainScreen

HEIGHT = 5
"""Lines: heading, three of text, what to press."""


class TourPanel(Line):
    """Heading, text, and the keys to press. Takes no focus: the keys are for the screen."""

    HEIGHT = HEIGHT
    DEFAULT_CSS = """
    TourPanel { height: 5; position: absolute; }
    """

    def __init__(self, paint: Paint, keymap: Keymap, progress: Progress) -> None:
        super().__init__(paint, id="tour")
        self._keymap = keymap
        self._progress = progress

    def draw(self, width: int, height: int) -> list[Strip]:
        """The instruction."""
        paint, progress = self.paint, self._progress
        step, keys = progress.step, self._keymap
        head = Row(width, paint, "bar").add(" tour ", paint.role("key"))
        head.add(f" {progress.index + 1}/{len(progress.steps)} {step.title}", paint.role("bar"))
        again, leave = keys.first("app.tour.again"), keys.first("app.tour")
        words = f"{again} sets this step up anew  {leave} leaves " if again and leave else ""
        lines = [head.right(words, paint.role("bar_dim")).strip()]
        text = wrapped(filled(step.text, keys), max(10, width - 2))
        lines += [Row(width, paint).gap().add(line).strip() for line in text[: height - 2]]
        lines += [Row(width, paint).strip()] * (height - 1 - len(lines))
        press = Row(width, paint).gap().add("press", paint.role("dim"))
        for word in press_words(step.asks, keys):
            press.gap(2).add(word, paint.role("accent"))
        return [*lines, press.strip()]


class Tour:
    """The tour of one main screen."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.progress = Progress()
        self.panel = TourPanel(screen.paint, screen.desk.keymap, self.progress)

    @classmethod
    def begin(cls, screen: MainScreen) -> Tour:
        """Put the first instruction on the screen."""
        tour = cls(screen)
        screen.acts.tour = tour
        screen.desk.touring = True
        screen.mount(tour.panel)
        screen.replace()
        return tour

    def saw(self, action_id: str) -> None:
        """An action was done: perhaps the one that was asked for."""
        self.progress.saw(action_id)
        self.look()

    def look(self) -> None:
        """Go on when the step is done, through all that is done already."""
        pages = self.screen.desk.view.geometry.block_pages
        block = self.screen.viewport.cursor_pfn // pages
        moved = False
        while self.progress.look(self.screen.desk.session, block):
            moved = True
        if moved:
            self.panel.repaint()

    def restage(self) -> None:
        """Set the machine up for the present step."""
        screen = self.screen
        screen.acts.work.claim()
        screen.acts.clock.pause()
        self.progress.restage(screen.desk.session)
        screen.tidy()
        screen.show_session()
        pages = screen.desk.view.geometry.block_pages
        screen.map.look(screen.viewport.at(self.progress.step.block * pages))

    def leave(self) -> None:
        """End the tour; the machine stays as it is."""
        self.screen.acts.tour = None
        self.screen.desk.touring = False
        self.panel.remove()
        self.screen.replace()
        self.screen.acts.tell("the tour has ended; go on from here")
