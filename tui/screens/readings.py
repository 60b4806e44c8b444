"""What the keys show to read: help, words, the explanation of a page, what a step changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pfnmap.engine.errors import InputError
from pfnmap.tui.screens import pages
from pfnmap.tui.screens.reader import Reader

if TYPE_CHECKING:
    from pfnmap.tui.screens.acts import Acts


def show(acts: Acts, title: str, lines: Sequence[tuple[str, str, str]]) -> None:
    """Lines of (head, words, role) in a box that scrolls."""
    acts.screen.app.push_screen(Reader(acts.screen.paint, title, lambda _: lines))


def show_help(acts: Acts) -> None:
    """Every key and every verb."""
    show(acts, "help", pages.help_lines(acts.desk, acts.screen.paint))


def show_glossary(acts: Acts) -> None:
    """What the words and states on the screen mean."""
    pfn = acts.screen.viewport.cursor_pfn
    show(acts, "words", pages.glossary_lines(acts.desk.view, pfn, acts.screen.paint))


def explain(acts: Acts) -> None:
    """Everything about the page under the cursor, with words explained."""
    vp = acts.screen.viewport
    lines = pages.explanation(acts.desk, vp.cursor_pfn, vp.cursor_cell, acts.screen.paint)
    show(acts, f"pfn {vp.cursor_pfn:#x}", lines)


def show_diff(acts: Acts) -> None:
    """What the last step changed. InputError where nothing has happened."""
    before = acts.desk.before
    if before is None:
        raise InputError("nothing has happened yet")
    show(acts, "what the last step changed", pages.diff_lines(before, acts.desk.view))
