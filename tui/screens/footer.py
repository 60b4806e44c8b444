"""Which keys the footer offers: those that do something now. No Textual of its own."""

from __future__ import annotations

from pfnmap.tui.keys.actions import ACTIONS
from pfnmap.tui.keys.situation import Situation
from pfnmap.tui.screens.desk import Desk
from pfnmap.tui.widgets.lines import KeyHint

SLOW_MOTION = ("time.phase.forward", "time.phase.back")
"""What comes first while a phase of an operation is shown."""
TAIL = ("app.command", "app.help")
EXTRA = (
    "session.branch",
    "mem.online_kernel",
    "mem.online_movable",
    "mem.toggle_memmap",
    "time.repeat",
    "time.redo",
    "time.phase.forward",
    "view.zoom.in",
    "view.zoom.out",
    "view.select",
    "find.open",
    "cursor.struct_pages",
    "view.explain",
)
"""What a wide footer offers beside the actions that the registry marks."""


def hints(desk: Desk, here: Situation) -> tuple[list[KeyHint], list[KeyHint]]:
    """The actions that are of use at a place, and those that are always offered."""
    marked = [action.id for action in ACTIONS.values() if action.footer]
    first = SLOW_MOTION if desk.session.phase is not None else ()
    useful = [
        _hint(desk, name)
        for name in dict.fromkeys([*first, *marked, *EXTRA])
        if name not in TAIL and desk.keymap.keys(name) and not desk.why_not(name, here)
    ]
    return useful, [_hint(desk, name) for name in TAIL if desk.keymap.keys(name)]


def _hint(desk: Desk, name: str) -> KeyHint:
    return KeyHint(desk.keymap.first(name), ACTIONS[name].label)
