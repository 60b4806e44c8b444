"""A real machine on the main screen: read it again and again, branch, and operate it with care."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.sysroot.operate import (
    Foreseen,
    WriteAllowed,
    Written,
    foresee,
    questions,
    went_as_foreseen,
    write_state,
)
from pfnmap.engine.sysroot.session import RootSession
from pfnmap.engine.words import counted
from pfnmap.tui.keys.actions import ACTIONS
from pfnmap.tui.say.words import safe
from pfnmap.tui.screens.audit import FILE_NAME, Audit
from pfnmap.tui.screens.confirm import Confirm
from pfnmap.tui.settings.state_directory import state_directory

if TYPE_CHECKING:
    from textual.timer import Timer

    from pfnmap.engine.session import Session
    from pfnmap.engine.sysroot.view import SysrootView
    from pfnmap.tui.screens.main import MainScreen

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
        self._turn = asyncio.Lock()
        """Who reads the machine has it: readings are taken up one after another."""
        self._trouble: dict[str, str] = {}
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

    @property
    def _busy(self) -> bool:
        return self._turn.locked()

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
        changed = await self._read_again()
        if changed is not None:
            await self.look()
        return bool(changed)

    async def _read_again(self) -> bool | None:
        """Read when it is our turn; whether something changed, None where nothing can be read.

        No error gets out: it would end a worker in which nobody sees it.
        """
        async with self._turn:
            try:
                view = await asyncio.to_thread(self.session.observe)
                changed = self.session.take(view)
                if changed and self.shown:
                    self.screen.show_session()
            except Exception as error:
                self._say_trouble("reading the machine", error)
                return None
        self._trouble.pop("reading the machine", None)
        return changed

    async def look(self) -> bool:
        """Read what the pages in sight are, apart from the screen; True when they differ."""
        if self._busy or not self.shown:
            return False
        async with self._turn:
            try:
                differs = await self._look()
            except Exception as error:
                self._say_trouble("reading its pages", error)
                return False
        self._trouble.pop("reading its pages", None)
        return differs

    async def _look(self) -> bool:
        low, high = self._looked_at = self._in_sight()
        pages = await asyncio.to_thread(self.session.look, low, high)
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

    def _say_trouble(self, what: str, error: Exception) -> None:
        """Say once what goes wrong, until it has gone well again."""
        words = _words(what, error)
        if words != self._trouble.get(what):
            self.screen.acts.complain(words)
        self._trouble[what] = words

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
        self._ask(foresee(self.session.view, blocks, word))

    def _ask(self, foreseen: list[Foreseen]) -> None:
        title = "this writes to the real machine"
        warnings = [f"memory{each.block}: {each.warning}" for each in foreseen if each.warning]
        dialog = Confirm(self.screen.paint, title, questions(foreseen), warnings)
        self.screen.acts.open(dialog, lambda yes: self._write_all(foreseen) if yes else None)

    def _write_all(self, foreseen: list[Foreseen]) -> None:
        self.screen.run_worker(self.write(foreseen), group="writes", exit_on_error=False)

    async def write(self, foreseen: list[Foreseen]) -> list[Written]:
        """Write what was confirmed, block by block; the first refusal ends it."""
        answers: list[Written] = []
        waiting = list(foreseen)
        while waiting:
            each, before = waiting[0], self.session.newest
            answer = await self._write(each)
            if answer is None:
                break
            del waiting[0]
            answers.append(answer)
            self._say_answer(answer)
            recorded = self._record(answer.audit)
            read = await self._read_again() is not None
            if answer.errno is not None or not (recorded and read):
                break
            waiting = self._foreseen_still(each, before, waiting)
        left = len(waiting)
        if left:
            self.screen.acts.tell(f"{counted(left, 'block')} not written")
        await self.look()
        return answers

    def _foreseen_still(
        self, done: Foreseen, before: SysrootView, waiting: list[Foreseen]
    ) -> list[Foreseen]:
        """What is foreseen of the writes behind one, on the machine as that one left it."""
        now = self.session.newest
        blocks = [each.block for each in waiting if now.block(each.block) is not None]
        if len(blocks) < len(waiting) or went_as_foreseen(done, before, now):
            return waiting
        return foresee(now, blocks, done.word)

    async def _write(self, each: Foreseen) -> Written | None:
        """One write, recorded before it is done; None, and why is said, where it is not done."""
        if not self._record(f"confirmed write {each.word} > memory{each.block}/state"):
            return None
        allowed = WriteAllowed(each.block, each.word)
        try:
            return await asyncio.to_thread(
                write_state,
                self.session.watcher,
                each.block,
                each.word,
                allowed,
                each.prediction,
            )
        except Exception as error:
            self.screen.acts.complain(_words(f"writing memory{each.block}", error))
            return None

    def _record(self, line: str) -> bool:
        """Add a line to the audit; False, and why is said, where that cannot be done."""
        try:
            self._audit.append(line)
        except Exception as error:
            self.screen.acts.complain(_words("recording the write", error))
            return False
        return True

    def _say_answer(self, answer: Written) -> None:
        """The kernel's answer with the model's explanation beside it."""
        place = f"memory{answer.block}: {answer.word}"
        words = f"{place}: {answer.errno or 'done'} ({answer.explanation})"
        if answer.errno is None:
            self.screen.acts.tell(words)
        else:
            self.screen.acts.complain(words)


def _words(what: str, error: Exception) -> str:
    """One sentence for an error; one that nobody foresaw is named, not hidden."""
    if isinstance(error, PfnmapError):
        return str(error)
    return safe(f"{what} failed: {type(error).__name__}: {error}")
