"""Branches of a session: a list to choose from, and the switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pfnmap.engine.errors import InputError
from pfnmap.engine.language import line_of
from pfnmap.engine.words import counted
from pfnmap.tui.screens.entry import Entry
from pfnmap.tui.screens.palette import Palette

if TYPE_CHECKING:
    from pfnmap.engine.session import Branch, Session
    from pfnmap.tui.screens.acts import Acts

BACK: Final = "live"
"""The entry that goes back to the real machine."""
NONE_YET: Final = (
    "there is no other branch yet: undo, then do something else; what was undone stays a branch"
)


def entries(session: Session, *, real: str = "") -> list[Entry]:
    """What can be switched to; ``real`` is the title of the real machine, if there is one."""
    found = [_entry(index, branch) for index, branch in enumerate(session.branches)]
    found.reverse()  # the one that was left last comes first
    if real:
        found.append(Entry(BACK, "back to the real machine", real))
    return found


def _entry(index: int, branch: Branch) -> Entry:
    """One branch: where it departs, how long it is, its first commands."""
    steps = len(branch.outcomes)
    words = "; ".join(line_of(outcome.command) for outcome in branch.outcomes[:3])
    where = f"after step {branch.position}" if branch.position else "from boot"
    name = f"{where}: {counted(steps, 'step')}"
    return Entry(str(index), name, words + ("; ..." if steps > 3 else ""))


def choose_branch(acts: Acts) -> None:
    """Let the person choose a branch and take it up; from a real machine, branch off it.

    Raises InputError where there is nothing to choose from.
    """
    acts.work.claim()
    live = acts.live
    if live is not None and live.shown:
        live.branch()
        return
    desk = acts.desk
    found = entries(desk.session, real=live.session.view.title if live is not None else "")
    if not found:
        raise InputError(NONE_YET)

    def take(chosen: str | None) -> None:
        if chosen == BACK and live is not None:
            live.back()
        elif chosen is not None:
            switch(acts, int(chosen))

    acts.open(Palette(acts.screen.paint, found, prompt="a branch"), take)


def switch(acts: Acts, index: int) -> None:
    """Take up a branch; what was there becomes one."""
    acts.work.claim()
    acts.clock.pause()
    acts.desk.session.switch(index)
    acts.screen.show_session()
    last = acts.desk.session.last
    if last is not None:
        acts.follow(last)
