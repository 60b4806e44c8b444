"""A real machine on the screen: read it again and again, branch off it, operate it with care."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final, TypeVar

from textual.timer import Timer
from textual.widget import Widget

from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.session import Session
from pfnmap.engine.sizes import counted
from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.engine.sysroot.observation import Span
from pfnmap.engine.sysroot.operate import (
    Foreseen,
    WriteAllowed,
    Written,
    foresee,
    questions,
    went_as_foreseen,
    write_state,
)
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.tui.keys.effects import AskWord, Complain, Effect, Effects, Open, Tell
from pfnmap.tui.keys.shown import Shown
from pfnmap.tui.say.words import safe
from pfnmap.tui.screens.audit import FILE_NAME, Audit
from pfnmap.tui.screens.background import Job
from pfnmap.tui.screens.real_machine import Changed, Wants
from pfnmap.tui.settings.state_directory import state_directory

LOOK_SECONDS: Final = 0.25
"""How soon the pages that come into sight are asked for."""
PAUSES: Final = 4
"""So many times as long as a reading took nothing is read behind it, on the clock."""
LOOK_READINGS: Final = 15
"""After so many readings that found nothing new they are asked for again."""

Read = TypeVar("Read")

MOST_WRITES: Final = 64
"""Blocks that one answer may cover; more can be named and counted by no person."""


def _apart(reading: Callable[[], Read]) -> asyncio.Future[Read]:
    """A reading in a thread of its own: while one hangs, the program can be ended."""
    return asyncio.wrap_future(Job("reading", reading))


def _give_memory_back() -> None:
    """Let the kernel have what is free: glibc keeps it where many columns came and went.

    What only refers to itself goes first, all of it: what the screen still shows when the
    collector looks is old by the next change, and the old is looked at hundreds of changes later.
    """
    gc.collect()
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


class Live:
    """Reads a real machine and writes to it; tells its owner by messages."""

    def __init__(
        self,
        owner: Widget,
        session: ObservedHistory,
        *,
        seconds: float | None = None,
        allow_writes: bool = False,
        audit: Audit | None = None,
        keep: Callable[[Session], Session] | None = None,
    ) -> None:
        """Say how a machine is followed and operated; :meth:`follow` starts it.

        Args:
            owner: what shows the session, and gets the messages.
            session: the real machine.
            seconds: between two readings; None reads once only, as a capture.
            allow_writes: whether keys may write to the machine after a question.
            audit: where writes are recorded; the user's own file if None.
            keep: keeps a simulation that is begun; None where none is kept.
        """
        self._owner = owner
        self._frame: Shown | None = None
        self.session = session
        self.allow_writes = allow_writes
        self._seconds = seconds
        self._keep = keep
        self._audit = audit or Audit(state_directory(os.environ) / FILE_NAME)
        self._timer: Timer | None = None
        self._turn = asyncio.Lock()
        """Who reads the machine has it: readings are taken up one after another."""
        self._trouble: dict[str, str] = {}
        self._looked_at: Span | None = None
        self._nr_unlooked = 0
        """Readings since then."""
        self._missing: set[str] = set()
        self._rested = 0.0
        """When the next reading may begin: what is slow is asked more seldom."""
        self._took = False
        """Whether the last reading found something new."""

    @property
    def shown(self) -> bool:
        """Whether the real machine is on the screen, and no simulation that began as it."""
        return self._frame is not None and self._frame.session is self.session

    def show(self, shown: Shown) -> None:
        """Know what is on the screen: its pages are those to be asked for."""
        self._frame = shown

    def _want(self, effect: Effect) -> None:
        self._owner.post_message(Wants(effect))

    # -- following -------------------------------------------------------------------------
    def follow(self) -> None:
        """Say what is not known, and start the readings."""
        for note in self.session.view.observation.notes:
            self._want(Tell(note))
        if self._seconds is not None and self._timer is None:
            self._timer = self._owner.set_interval(self._seconds, self._tick)
            self._owner.set_interval(LOOK_SECONDS, self._glance)

    def close(self) -> None:
        """Let go of the machine: the program ends and waits for nothing that goes on there."""
        if self.session.watcher.tree is not None:
            self.session.watcher.tree.close()

    @property
    def _busy(self) -> bool:
        return self._turn.locked()

    def _tick(self) -> None:
        if not self._busy and monotonic() >= self._rested:
            self._owner.run_worker(self.read(), group="live", exit_on_error=False)

    def _glance(self) -> None:
        """Ask what the pages are that have come into sight."""
        if not self._busy and self.shown and self._in_sight() != self._looked_at:
            self._owner.run_worker(self.look(), group="live", exit_on_error=False)

    async def read(self) -> bool:
        """Read the machine once, apart from the screen; True when something changed.

        Its pages only where that, or what is in sight, says that they may be others: they cost
        ten times as much.
        """
        if self._busy:
            return False
        changed = await self._read_again(self._in_sight() if self.shown else (0, 0))
        self._nr_unlooked += 1
        moved = self.shown and self._in_sight() != self._looked_at
        if changed or (changed is not None and (moved or self._nr_unlooked >= LOOK_READINGS)):
            await self.look()
        return bool(changed)

    async def _read_again(self, in_sight: Span | None = None) -> bool | None:
        """Read when it is our turn; whether something changed, None where nothing can be read.

        ``in_sight``: see ``Watcher.poll``. No error gets out: it would end a worker in which
        nobody sees it.
        """
        async with self._turn:
            began = monotonic()
            try:
                view = await _apart(lambda: self.session.observe(in_sight))
                self._rested = (ended := monotonic()) + PAUSES * (ended - began)
                if self._took:
                    _give_memory_back()  # a reading later all has been drawn
                self._took = changed = self.session.take(view)
                if changed and self.shown:
                    self._owner.post_message(Changed())
            except Exception as error:
                self._say_trouble("reading the machine", error)
                return None
        if self._trouble.pop("reading the machine", None):
            self._want(Tell("the machine can be read again"))
        return changed

    async def look(self) -> bool:
        """Read what the pages in sight are, apart from the screen; True when they differ."""
        if self._busy or not self.shown:
            return False
        async with self._turn:
            try:
                differs = await self._look()
            except Exception as error:
                self._looked_at = None
                self._say_trouble("reading its pages", error)
                return False
        self._trouble.pop("reading its pages", None)
        return differs

    async def _look(self) -> bool:
        low, high = self._looked_at = self._in_sight()
        self._nr_unlooked = 0
        pages = await _apart(lambda: self.session.look(low, high))
        for note in () if pages is None else pages.notes:
            if note not in self._missing:
                self._want(Tell(f"page kinds: {note}"))
                self._missing.add(note)
        differs = self.session.show_pages(pages)
        if differs and self.shown:
            self._owner.post_message(Changed())
        return differs

    def _in_sight(self) -> Span:
        """The pfns that the map shows, [low, high)."""
        assert self._frame is not None
        lines = self._frame.viewport.lines()
        return int(lines.start_pfn[0]), int(lines.end_pfn[-1])

    def _say_trouble(self, what: str, error: Exception) -> None:
        """Say once what goes wrong, until it has gone well again."""
        words = _words(what, error)
        if words != self._trouble.get(what):
            self._want(Complain(words))
        self._trouble[what] = words

    # -- branching -------------------------------------------------------------------------
    def branch(self) -> tuple[Session, Effects]:
        """From real to what-if: a simulated machine that starts as this one is now shown.

        With it comes what is to be said.
        """
        assumed = "; ".join(self.session.assumptions)
        said: list[Effect] = [Tell(f"simulated from here on; assumed: {assumed}")]
        branch = self.session.branch()
        if self._keep is not None:
            try:
                branch = self._keep(branch)
            except InputError as error:
                said.append(Complain(str(error)))
        return branch, said

    def boot_again(self, nr_steps: int) -> Effects:
        """Only a guest can be booted."""
        raise InputError(f"this is no guest; step {nr_steps} can be looked at, not gone back to")

    # -- operating -------------------------------------------------------------------------
    def ask(self, word: str, block_ids: Sequence[int]) -> Open:
        """The question before a word is written; InputError where nothing can be."""
        if not self.session.live:
            raise InputError("an earlier reading is shown; go to the last step to operate")
        if len(block_ids) > MOST_WRITES:
            words = f"{len(block_ids)} blocks are selected; at most {MOST_WRITES} at once"
            raise InputError(words)
        view = self.session.newest
        title = "this writes to the real machine"
        return self._question(title, foresee(view, block_ids, word), view)

    def _question(self, title: str, foreseen: list[Foreseen], view: SysrootView) -> Open:
        """What was foreseen on a view, and is written if a person wants it."""

        def write(_: bool) -> Effects:
            work = self.write(foreseen, view)
            self._owner.run_worker(work, group="writes", exit_on_error=False)
            return ()

        question = AskWord(title, questions(foreseen), foreseen[0].word, _warnings(foreseen))
        return Open(question, write)

    async def write(self, foreseen: list[Foreseen], asked_on: SysrootView) -> list[Written]:
        """Write what was confirmed, block by block; the first refusal ends it.

        Before each the machine is read again. Where it is no more what ``foreseen`` was foreseen
        on, or the write before went otherwise, all is foreseen anew; if that is something else
        than what was confirmed, a person is asked again.
        """
        answers: list[Written] = []
        waiting, before = list(foreseen), asked_on
        done: Foreseen | None = None
        while waiting:
            if await self._read_again() is None:
                break
            now = self.session.newest
            same = before.observation is now.observation
            if not (same if done is None else went_as_foreseen(done, before, now)):
                anew = self._foreseen_anew(waiting, now)
                if anew is None:
                    break
                if _shown(anew) != _shown(waiting):
                    title = "the machine has changed meanwhile; this writes to it"
                    self._want(self._question(title, anew, now))
                    break
                waiting = anew
            done, before = waiting[0], now
            answer = await self._write(done)
            if answer is None:
                break
            del waiting[0]
            answers.append(answer)
            self._say_answer(answer)
            if not await self._record(answer.audit) or answer.errno is not None:
                break
        left = len(waiting)
        if left:
            self._want(Tell(f"{counted(left, 'block')} not written"))
        if answers:
            await self._read_again()
        await self.look()
        return answers

    def _foreseen_anew(self, waiting: list[Foreseen], now: SysrootView) -> list[Foreseen] | None:
        """What is foreseen now; None, and why is said, where it is no write any more."""
        try:
            return foresee(now, [each.block for each in waiting], waiting[0].word)
        except PfnmapError as error:
            self._want(Complain(_words("looking ahead", error)))
            return None

    async def _write(self, each: Foreseen) -> Written | None:
        """One write, recorded before it is done; None, and why is said, where it is not done."""
        if not await self._record(f"confirmed write {each.word} > memory{each.block}/state"):
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
            self._want(Complain(_words(f"writing memory{each.block}", error)))
            return None

    async def _record(self, line: str) -> bool:
        """Add a line to the audit; False, and why is said, where that cannot be done."""
        try:
            await asyncio.to_thread(self._audit.append, line)
        except Exception as error:
            self._want(Complain(_words("recording the write", error)))
            return False
        return True

    def _say_answer(self, answer: Written) -> None:
        """The kernel's answer with the model's explanation beside it."""
        place = f"memory{answer.block}: {answer.word}"
        words = f"{place}: {answer.errno or 'done'} ({answer.explanation})"
        if answer.errno is None:
            self._want(Tell(words))
        else:
            self._want(Complain(words))


def _warnings(foreseen: Sequence[Foreseen]) -> list[str]:
    return [f"memory{each.block}: {each.warning}" for each in foreseen if each.warning]


def _shown(foreseen: Sequence[Foreseen]) -> object:
    """What a person is shown of it."""
    return questions(foreseen), _warnings(foreseen)


def _words(what: str, error: Exception) -> str:
    """One sentence for an error; one that nobody foresaw is named, not hidden."""
    if isinstance(error, PfnmapError):
        return str(error)
    return safe(f"{what} failed: {type(error).__name__}: {error}")
