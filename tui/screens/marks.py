"""Named places of a session: setting them, going to them, listing them. No Textual."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pfnmap.engine.errors import InputError
from pfnmap.tui.keys.keymap import textual_key
from pfnmap.tui.say.words import pfn_words

if TYPE_CHECKING:
    from pfnmap.engine.view import View
    from pfnmap.tui.screens.acts import Acts

BACK: Final = "'"
"""Stands for the place where the last jump began."""
BACK_KEY: Final = textual_key(BACK)
SHOWN: Final = 12
"""Marks that the box spells out; the rest is counted."""


def mark_lines(view: View, marks: dict[str, int], most: int = SHOWN) -> list[str]:
    """A line for each mark: its name, page and block."""
    lines = []
    for name, pfn in sorted(marks.items())[:most]:
        words = f"{name}  pfn {pfn_words(pfn)}"
        block = view.block(pfn // view.geometry.block_pages)
        if block is not None:
            zone = f" {block.zone.label}" if block.zone >= 0 else ""
            words += f", block {block.id} {block.state}{zone}"
        elif pfn >= view.end_pfn:
            words += ", behind the end of memory"
        lines.append(words)
    more = len(marks) - len(lines)
    return [*lines, f"and {more} more: type :goto mark"] if more > 0 else lines


class Marks:
    """The marks of the session on the main screen."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._back: int | None = None

    @property
    def _all(self) -> dict[str, int]:
        return self._acts.desk.session.marks

    def here(self) -> list[str]:
        """Names of the marks in the cell under the cursor."""
        if not self._all:
            return []
        start, end = self._acts.screen.viewport.cursor_cell
        return sorted(name for name, pfn in self._all.items() if start <= pfn < end)

    # -- going ---------------------------------------------------------------------------
    def jump(self, pfn: int) -> None:
        """Put the cursor somewhere else, remembering where it was."""
        screen = self._acts.screen
        self._back = screen.viewport.cursor_pfn
        screen.map.look(screen.viewport.at(pfn))

    def go(self, name: str) -> None:
        """To a mark. InputError where there is none of that name, or no such page any more."""
        pfn = self._back if name == BACK else self._all.get(name)
        if pfn is None:
            raise InputError(self._no_mark(name))
        if pfn >= self._acts.desk.view.end_pfn:
            raise InputError(f"mark {name}: pfn {pfn:#x} is behind the end of memory now")
        self.jump(pfn)

    def _no_mark(self, name: str) -> str:
        if name == BACK:
            return "there was no jump to go back from yet"
        known = f"marks are {' '.join(sorted(self._all))}" if self._all else self._none_yet()
        return f"there is no mark {name!r}; {known}"

    def _none_yet(self) -> str:
        key = self._acts.desk.keymap.first("cursor.mark")
        return f"{key} and a letter sets one" if key else ":mark NAME sets one"

    def set(self, name: str) -> None:
        """Name the page under the cursor."""
        pfn = self._acts.screen.viewport.cursor_pfn
        self._acts.desk.session.mark(name, pfn)
        self._acts.tell(f"mark {name} is pfn {pfn_words(pfn)}")
        self._acts.screen.show_status()

    # -- asking --------------------------------------------------------------------------
    def ask_set(self) -> None:
        """Ask for the letter to set."""
        self._open("name this place: press a letter", self.set, back=False)

    def ask_go(self) -> None:
        """Ask for the letter to go to."""
        if not self._all and self._back is None:
            raise InputError(f"there is no mark yet: {self._none_yet()}")
        back = self._back is not None
        words = f", or {BACK} for where the last jump began" if back else ""
        self._open(f"go to a mark: press its letter{words}", self.go, back=back)

    def _open(self, title: str, then: Callable[[str], object], *, back: bool) -> None:
        from pfnmap.tui.screens.mark_box import MarkBox

        acts = self._acts
        box = MarkBox(acts.screen.paint, title, mark_lines(acts.desk.view, self._all), back=back)

        def answer(name: str | None) -> None:
            if name:
                then(name)

        acts.open(box, answer)
