"""Everything about what is under the cursor: the page, its block, what may be done there."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from textual.strip import Strip

from pfnmap.engine.view import BlockRow, PageRow
from pfnmap.tui.keys.offered import merged, verdicts
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.page_facts import Fact, block_facts, page_facts
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.widgets.panel import Panel, strip_of

NAME_WIDTH = 13
LABEL_WIDTH = 15
LEAST_FACTS = 3
"""Lines of facts that are worth more than verdicts in a place of their own."""


class Inspector(Panel):
    """Facts of the page, facts of its block, and verdicts on what may be done.

    The verdicts stay at the lower end, where there is room for them beside some facts.
    """

    TITLE = "inspector"
    later = True
    """Whether verdicts that take long wait for a time at which nobody presses a key."""

    def show(self, shown: Shown) -> None:
        """Show the page under the cursor and its block."""
        if self.frame is None or self.frame.viewport.cursor_cell != shown.viewport.cursor_cell:
            self.first_line = 0
        super().show(shown)

    def draw(self, width: int, height: int) -> list[Strip]:
        """Headings and facts."""
        frame = self.frame
        if frame is None:
            return []
        view, viewport = frame.view, frame.viewport
        page = view.page(viewport.cursor_pfn)
        facts = page_facts(view, page, viewport.cursor_cell, self.paint.arrow)
        body = self._facts(width, facts, page)
        block = view.block(page.block) if page.block is not None else None
        if block is not None:
            body.append(self._head(width, f"memory block {block.id}"))
            body += self._facts(width, block_facts(view, block), page)
        said = [] if block is None else self._verdicts(width, frame, block)
        below = said
        for most in (2, 1):  # lines of a why, where there is no room for all of it
            if block is not None and height - 1 - len(below) < LEAST_FACTS:
                below = self._verdicts(width, frame, block, most)
        if height - 1 - len(below) < LEAST_FACTS:
            below = []
        if below != said:
            body += said
        shown = self.window(body, max(0, height - 1 - len(below)))
        gap = [strip_of(width, self.paint)] * (height - 1 - len(shown) - len(below))
        return [self.heading(width, self.place(len(shown))), *shown, *gap, *below]

    def _head(self, width: int, words: str) -> Strip:
        paint = self.paint
        rule = paint.line * max(0, width - len(words) - 3)
        return strip_of(
            width, paint, (f"{paint.line} ", "rule"), (f"{words} ", "heading"), (rule, "rule")
        )

    def _facts(self, width: int, facts: Sequence[Fact], page: PageRow) -> list[Strip]:
        paint = self.paint
        lines: list[Strip] = []
        for name, words, role in facts:
            style: Style | str
            if role == "state":
                style = paint.state_text(page.state)
            elif role == "zone":
                style = paint.zone_text(words.partition(",")[0])
            elif role == "state_word" and words != "online":
                style = paint.zone_text(words)
            else:
                style = "text" if role == "state_word" else role
            for index, text in enumerate(wrapped(words, max(8, width - NAME_WIDTH - 2))):
                head = " " + (name if index == 0 else "")
                lines.append(strip_of(width, paint, (head, "dim", 1 + NAME_WIDTH), (text, style)))
        return lines

    def _verdicts(
        self, width: int, shown: Shown, block: BlockRow, most: int | None = None
    ) -> list[Strip]:
        """What may be done here now, and why not what may not, in ``most`` lines each."""
        answers = merged(verdicts(shown, block.id, later=self.later))
        if not answers:
            return []
        paint = self.paint
        lines = [self._head(width, "would the kernel")]
        for verdict in answers:
            refusal, role, why = verdict.refusal, "ok", verdict.doubt
            words = "yes, as far as can be known" if why else "yes"
            if verdict.waits:
                words, role = self.paint.ellipsis, "dim"
            if refusal is not None:
                words, role = refusal.errno, "refusal"
                why = f"{refusal.function}: {refusal.rule}"
            what = (f" {verdict.key}", "accent", 5), (verdict.label, "text", LABEL_WIDTH)
            lines.append(strip_of(width, paint, *what, (words, role)))
            texts = wrapped(why, max(8, width - 6))
            if most is not None and len(texts) > most:
                texts = [*texts[: most - 1], " ".join(texts[most - 1 :])]  # the strip cuts it
            lines += [strip_of(width, paint, (f"     {text}", "dim")) for text in texts if text]
        return lines
