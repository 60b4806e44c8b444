"""A real machine on the main screen: read it again and again, branch, and operate it with care."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from engine.errors import InputError, PfnmapError
from engine.language import ACTIONS
from engine.sysroot.operate import Foreseen, WriteAllowed, Written, foresee, write_state
from engine.sysroot.session import RootSession
from tui.audit import FILE_NAME, Audit
from tui.screens.confirm import Confirm
from tui.state_directory import state_directory

if TYPE_CHECKING:
    from textual.timer import Timer

    from engine.session import Session
    from tui.screens.main import MainScreen

WORDS: Final[dict[str, str]] = {
    "mem.online": "online",
    "mem.online_kernel": "online_kernel",
    "mem.online_movable": "online_movable",
    "mem.offline": "offline",
}
"""What each action writes into the ``state`` file of a block."""

LOOK_SECONDS: Final = 0.25
"""How soon the pages that come into sight are asked for."""

MOST_WRITES: Final = 64
"""Blocks that one answer may cover; more can be named and counted by no person."""


class Live:
    """What the main screen does because its machine is real."""

    def __init__(
        self,
        screen: MainScreen,
        session: RootSession,
        *,
        seconds: float | None = None,
        allow_writes: bool = False,
        audit: Audit | None = None,
        keep: Callable[[Session], Session] | None = None,
    ) -> None:
        """Say how a machine is followed and operated; :meth:`begin` also starts to follow it.

        Args:
            screen: the screen that shows the session.
            session: the real machine.
            seconds: between two readings; None reads once only, as a capture.
            allow_writes: whether keys may write to the machine after a question.
            audit: where writes are recorded; the user's own file if None.
            keep: keeps a simulation that is begun; None where none is kept.
        """
        self.screen = screen
        self.session = session
        self.allow_writes = allow_writes
        self._seconds = seconds
        self._keep = keep
        self._audit = audit or Audit(state_directory(os.environ) / FILE_NAME)
        self._timer: Timer | None = None
        self._busy = False
        self._trouble = ""
        self._looked_at: tuple[int, int] | None = None
        self._missing: set[str] = set()

    @classmethod
    def begin(
        cls,
        screen: MainScreen,
        session: RootSession,
        *,
        seconds: float | None = None,
        allow_writes: bool = False,
        keep: Callable[[Session], Session] | None = None,
    ) -> Live:
        """Attach to the screen, say what is not known, and start to follow."""
        live = cls(screen, session, seconds=seconds, allow_writes=allow_writes, keep=keep)
        screen.acts.live = live
        screen.desk.writable = frozenset(WORDS) if allow_writes else frozenset()
        for note in session.view.observation.notes:
            screen.acts.tell(note)
        live.follow()
        screen.show_keys()
        return live

    @property
    def shown(self) -> bool:
        """Whether the real machine is on the screen, and no simulation that began as it."""
        return self.screen.desk.session is self.session

    # -- following -------------------------------------------------------------------------
    def follow(self) -> None:
        """Start the readings."""
        if self._seconds is not None and self._timer is None:
            self._timer = self.screen.set_interval(self._seconds, self._tick)
            self.screen.set_interval(LOOK_SECONDS, self._glance)

    def _tick(self) -> None:
        if not self._busy:
            self.screen.run_worker(self.read(), group="live", exit_on_error=False)

    def _glance(self) -> None:
        """Ask what the pages are that have come into sight."""
        if not self._busy and self.shown and self._in_sight() != self._looked_at:
            self.screen.run_worker(self.look(), group="live", exit_on_error=False)

    async def read(self) -> bool:
        """Read the machine once, apart from the screen; True when something changed."""
        if self._busy:
            return False
        self._busy = True
        try:
            view = await asyncio.to_thread(self.session.observe)
        except InputError as error:
            self._say_trouble(str(error))
            return False
        finally:
            self._busy = False
        self._trouble = ""
        changed = self.session.take(view)
        if changed and self.shown:
            self.screen.show_session()
        await self.look()
        return changed

    async def look(self) -> bool:
        """Read what the pages in sight are, apart from the screen; True when they differ."""
        if self._busy or not self.shown:
            return False
        self._busy = True
        low, high = self._looked_at = self._in_sight()
        try:
            pages = await asyncio.to_thread(self.session.look, low, high)
        finally:
            self._busy = False
        for note in () if pages is None else pages.notes:
            if note not in self._missing:
                self.screen.acts.tell(f"page kinds: {note}")
                self._missing.add(note)
        differs = self.session.show_pages(pages)
        if differs and self.shown:
            self.screen.show_session()
        return differs

    def _in_sight(self) -> tuple[int, int]:
        """The pfns that the map shows, [low, high)."""
        lines = self.screen.viewport.lines()
        return int(lines.start_pfn[0]), int(lines.end_pfn[-1])

    def _say_trouble(self, words: str) -> None:
        """Say once that the machine cannot be read any more."""
        if words != self._trouble:
            self.screen.acts.complain(words)
        self._trouble = words

    # -- branching -------------------------------------------------------------------------
    def branch(self) -> None:
        """From real to what-if: a simulated machine that starts as this one is now shown."""
        branch = self.session.branch()
        trouble = ""
        if self._keep is not None:
            try:
                branch = self._keep(branch)
            except InputError as error:
                trouble = str(error)
        assumed = self.session.assumptions
        self.screen.show_other(branch, "what if", read_only=False)
        self.screen.acts.tell("simulated from here on; assumed:")
        for words in assumed:
            self.screen.acts.tell(f"  {words}")
        if trouble:
            self.screen.acts.complain(trouble)

    def back(self) -> None:
        """From what-if to the real machine."""
        self.screen.show_other(self.session, self.session.view.title, read_only=True)

    # -- operating -------------------------------------------------------------------------
    def operate(self, action_id: str) -> None:
        """Ask, then write the state of the blocks here; InputError where nothing is written."""
        word = WORDS.get(action_id)
        if not self.allow_writes or word is None:
            key = self.screen.desk.keymap.first("session.branch") or ":"
            raise InputError(
                f"{ACTIONS[action_id].label}: this is a real machine; press {key} to try it in "
                "a simulation"
            )
        if not self.session.live:
            raise InputError("an earlier reading is shown; go to the last step to operate")
        blocks = self.screen.here.block_ids
        if not blocks:
            raise InputError(f"{ACTIONS[action_id].label}: there is no memory block here")
        if len(blocks) > MOST_WRITES:
            raise InputError(f"{len(blocks)} blocks are selected; at most {MOST_WRITES} at once")
        foreseen = [foresee(self.session.view, block, word) for block in blocks]
        self._ask(foreseen, lambda: self._write_all(foreseen))

    def _ask(self, foreseen: list[Foreseen], then: Callable[[], None]) -> None:
        title = "this writes to the real machine"
        warnings = [f"memory{each.block}: {each.warning}" for each in foreseen if each.warning]
        dialog = Confirm(self.screen.paint, title, [f.question for f in foreseen], warnings)
        self.screen.acts.open(dialog, lambda yes: then() if yes else None)

    def _write_all(self, foreseen: list[Foreseen]) -> None:
        self.screen.run_worker(self.write(foreseen), group="writes", exit_on_error=False)

    async def write(self, foreseen: list[Foreseen]) -> list[Written]:
        """Write what was confirmed, block by block; the first refusal ends it."""
        answers: list[Written] = []
        for each in foreseen:
            try:
                self._audit.append(f"confirmed write {each.word} > memory{each.block}/state")
                allowed = WriteAllowed(each.block, each.word)
                answer = await asyncio.to_thread(
                    write_state, self.session.watcher, each.block, each.word, allowed
                )
                answers.append(answer)
                self._audit.append(answer.audit)
            except PfnmapError as error:
                self.screen.acts.complain(str(error))
                break
            self._say_answer(answer)
            if answer.errno is not None:
                break
        await self.read()
        return answers

    def _say_answer(self, answer: Written) -> None:
        """The kernel's answer with the model's explanation beside it."""
        place = f"memory{answer.block}: {answer.word}"
        words = f"{place}: {answer.errno or 'done'} ({answer.explanation})"
        if answer.errno is None:
            self.screen.acts.tell(words)
        else:
            self.screen.acts.complain(words)
