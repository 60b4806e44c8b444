"""What one row of the table of actions says."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from pfnmap.engine.commands import Command
from pfnmap.tui.keys.effects import Effects
from pfnmap.tui.keys.here import Here
from pfnmap.tui.keys.shown import Shown


class Action(Struct, frozen=True):
    """Something one key does."""

    id: str
    """Stable name, ``area.what``; a user's keymap names it."""
    keys: tuple[str, ...]
    """Default keys as a person types them, the first is shown; none: palette only."""
    label: str
    """A word or two for the footer."""
    help: str
    """One line for the help screen."""
    line: str = ""
    """The line of the command language that it stands for; empty for none."""
    command: Callable[[Shown, Here], Command] | None = None
    """What it does to the memory; such an action is one that ``.`` repeats."""
    effects: Callable[[Shown, Here], Effects] | None = None
    """What else is done, for an action without such a command."""
    why_not: Callable[[Shown, Here], str] = lambda _, __: ""
    """Why it would do nothing useful now; empty when it would."""
    writes: str = ""
    """What it writes into ``state`` files of a real machine, where that is allowed."""
    model_only: bool = False
    """Whether no real kernel can be asked for it, be it that of a guest."""
    judged: bool = False
    """Whether the inspector says what the kernel would answer."""
    footer: int = 0
    """Its place among what the footer offers, 0 for none; the last ones are always there."""
    does: str = ""
    """For an action of a dialog: the dialog's method, as Textual writes actions."""

    @property
    def area(self) -> str:
        """What it is about: mem, zone, time, cursor, view, find, session, app; or a dialog."""
        return self.id.partition(".")[0]

    @property
    def changes_memory(self) -> bool:
        """Whether it is for a machine that may be changed."""
        return self.area in ("mem", "zone")
