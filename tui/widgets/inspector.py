"""Everything about what is under the cursor: the page, its block, what may be done there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.strip import Strip

from pfnmap.engine.view import BlockRow, PageRow, View
from pfnmap.tui.say.facts import Fact, Verdict, block_facts, merged, page_facts
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.widgets.paint import Paint
from pfnmap.tui.widgets.panel import Panel, Row

NAME_WIDTH = 13
LABEL_WIDTH = 15


Judge = Callable[[BlockRow], Sequence[Verdict]]
"""Gives the verdicts for a block; asks the machine without changing it."""


class Inspector(Panel):
    """Facts of the page, facts of its block, and verdicts on what may be done."""

    TITLE = "inspector"

    def __init__(self, paint: Paint, judge: Judge, *, id: str | None = None) -> None:
        super().__init__(paint, id=id)
        self._judge = judge
        self._view: View | None = None
        self._pfn = 0
        self._cell = (0, 1)

    def show(self, view: View, pfn: int, cell: tuple[int, int]) -> None:
        """Show a page of a cell [start_pfn, end_pfn) and its block."""
        if cell != self._cell:
            self.first_line = 0
        self._view, self._pfn, self._cell = view, pfn, cell
        self.repaint()

    def draw(self, width: int, height: int) -> list[Strip]:
        """Headings and facts."""
        view = self._view
        if view is None:
            return []
        page = view.page(self._pfn)
        body = self._facts(width, page_facts(view, page, self._cell, self.paint.arrow), page)
        block = view.block(page.block) if page.block is not None else None
        if block is not None:
            body.append(self._head(width, f"memory block {block.id}"))
            body += self._facts(width, block_facts(view, block), page)
            body += self._verdicts(width, block)
        shown = self.window(body, max(0, height - 1))
        right = ""
        if len(body) > len(shown):
            last = self.first_line + len(shown)
            right = f"{self.first_line + 1}{self.paint.dash}{last} of {len(body)}"
        return [self.heading(width, right), *shown]

    def _head(self, width: int, words: str) -> Strip:
        paint = self.paint
        row = Row(width, paint).add(f"{paint.line} ", paint.role("rule"))
        row.add(f"{words} ", paint.role("heading"))
        return row.rule(paint.line, paint.role("rule")).strip()

    def _facts(self, width: int, facts: Sequence[Fact], page: PageRow) -> list[Strip]:
        paint = self.paint
        lines: list[Strip] = []
        for name, words, role in facts:
            if role == "state":
                style = paint.state_text(page.state)
            elif role == "zone":
                style = paint.zone_text(words.partition(",")[0])
            elif role == "state_word" and words != "online":
                style = paint.zone_text(words)
            else:
                style = paint.role("text" if role == "state_word" else role)
            for index, text in enumerate(wrapped(words, max(8, width - NAME_WIDTH - 2))):
                row = Row(width, paint).gap()
                row.add(name if index == 0 else "", paint.role("dim"), NAME_WIDTH)
                lines.append(row.add(text, style).strip())
        return lines

    def _verdicts(self, width: int, block: BlockRow) -> list[Strip]:
        """What may be done here now, and why not what may not."""
        verdicts = merged(self._judge(block))
        if not verdicts:
            return []
        paint = self.paint
        lines = [self._head(width, "would the kernel")]
        for verdict in verdicts:
            row = Row(width, paint).gap().add(verdict.key, paint.role("accent"), 4)
            row.add(verdict.label, paint.role("text"), LABEL_WIDTH)
            if verdict.refusal is None:
                lines.append(row.add("yes", paint.role("ok")).strip())
                continue
            refusal = verdict.refusal
            words = f"{refusal.errno}, {refusal.function}: {refusal.rule}"
            room = width - LABEL_WIDTH - 6
            pieces = wrapped(words, max(8, room))
            lines.append(row.add(pieces[0], paint.role("refusal")).strip())
            for text in pieces[1:]:
                more = Row(width, paint).gap(LABEL_WIDTH + 5).add(text, paint.role("dim"))
                lines.append(more.strip())
        return lines
