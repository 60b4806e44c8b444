"""From what an action wants asked or read to the dialog that does it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pfnmap.engine.compare import Comparison
from pfnmap.engine.session import History
from pfnmap.tui.dialogs import texts
from pfnmap.tui.dialogs.add_form import AddForm
from pfnmap.tui.dialogs.compare import CompareScreen
from pfnmap.tui.dialogs.confirm import Confirm
from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.dialogs.palette import Palette
from pfnmap.tui.dialogs.prompt import Prompt
from pfnmap.tui.dialogs.reader import Reader
from pfnmap.tui.figure.steps import Steps
from pfnmap.tui.keys import effects
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.widgets.paint import Paint


def dialog_of(
    wanted: effects.Dialog,
    shown: Shown,
    paint: Paint,
    keymap: Keymap,
    steps_of: Callable[[History], Steps],
    *,
    later: bool = False,
) -> Dialog[Any]:
    """The dialog, ready to be opened; ``steps_of`` gives a session as moments.

    ``later``: what takes long to foresee is not waited for.
    """
    match wanted:
        case effects.AskLine():
            return Prompt(paint, keymap, wanted)
        case effects.AskForm():
            return AddForm(paint, keymap, wanted)
        case effects.Choose():
            return Palette(paint, keymap, wanted)
        case effects.AskWord():
            return Confirm(paint, keymap, wanted)
        case effects.Read.HELP:
            return Reader(paint, keymap, "help", texts.help_lines(shown, paint))
        case effects.Read.WORDS:
            return Reader(paint, keymap, "words", texts.glossary_lines(shown, paint))
        case effects.Read.CELL:
            title = f"pfn {shown.viewport.cursor_pfn:#x}"
            explain = partial(texts.explanation, shown, paint, later=later)
            return Reader(paint, keymap, title, explain(), again=explain)
        case effects.ReadDiff(_, _, title):
            return Reader(
                paint, keymap, title, texts.diff_lines(shown, wanted, steps_of(shown.session))
            )
        case effects.Compare(comparison):
            assert isinstance(comparison, Comparison)
            return CompareScreen(paint, keymap, comparison)
