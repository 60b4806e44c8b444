"""Long work, apart from the screen: what goes on is said, and it can be stopped.

The states of a machine are immutable, so work on one may run in a thread while the screen
goes on showing it: its result is taken up at the end, or dropped when the person stopped it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.tui.keys.actions import ACTIONS
from pfnmap.tui.say.words import safe

if TYPE_CHECKING:
    from textual.timer import Timer

    from pfnmap.tui.screens.acts import Acts

Result = TypeVar("Result")

PATIENCE_SECONDS = 0.25
"""What ends within this is as if it had been done at once."""
LOOK_SECONDS = 0.1
"""How often it is looked whether longer work has ended."""


class Stopped(SystemExit):
    """Raised inside work that nobody waits for any more; ends its thread without a word."""


class Job(Generic[Result]):
    """One piece of work in a thread of its own."""

    def __init__(self, what: str, work: Callable[[], Result]) -> None:
        """Begin. ``what``: what is done, for messages."""
        self.what = what
        self._work = work
        self._began = monotonic()
        self._result: list[Result] = []
        self._error: BaseException | None = None
        self.ended = threading.Event()
        """Set when there is a result or an error."""
        # A thread that is still busy when the program ends must not keep it from ending.
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:
            self._error = error
        finally:
            self.ended.set()

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return monotonic() - self._began

    def result(self) -> Result:
        """What the work gave, once it has ended; raises what the work raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def stop(self) -> None:
        """Make the thread end at its next step; a long step of numpy is gone through first."""
        if self.ended.is_set() or self._thread.ident is None:
            return
        import ctypes

        thread = ctypes.c_ulong(self._thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(Stopped))


class Work:
    """The work of one main screen, one piece at a time."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._job: Job[Any] | None = None
        self._take: Callable[[], object] = lambda: None
        self._timer: Timer | None = None
        self.patience: float | None = None
        """Seconds to wait before work counts as long; None: as the kind of screen asks for."""

    @property
    def busy(self) -> bool:
        """Whether long work goes on."""
        return self._job is not None

    @property
    def words(self) -> str:
        """What goes on, for how long, and how to stop it; empty where nothing does."""
        if self._job is None:
            return ""
        return f"{self._job.what}: {self._job.seconds:.0f} s, {self._key_words} stops it"

    @property
    def _key_words(self) -> str:
        """The key that stops work, or how to find that action where it has no key."""
        key = self._acts.desk.keymap.first("view.deselect")
        return key or f"{ACTIONS['view.deselect'].label!r} in the palette"

    def claim(self) -> None:
        """Raise InputError where long work goes on that the caller would cut the ground from."""
        if self._job is not None:
            raise InputError(f"{self._job.what} is not done yet; {self._key_words} stops it")

    def do(self, what: str, work: Callable[[], Result], then: Callable[[Result], object]) -> None:
        """Do work, then something on the screen with its result.

        What is short is done when this returns, and raises what it raises; what is long is
        gone on with apart from the screen, and what goes wrong then is said.

        Args:
            what: what is done, in a few words.
            work: changes nothing; may run in a thread.
            then: is given the result; not called when the work was stopped.
        """
        self.claim()
        self._acts.clock.pause()
        patience = self.patience
        if patience is None and self._acts.screen.app.is_headless:
            then(work())  # pictures and screencasts know no clock
            return
        job = Job(what, work)
        if job.ended.wait(PATIENCE_SECONDS if patience is None else patience):
            then(job.result())
            return
        self._job = job
        self._take = lambda: then(job.result())
        self._timer = self._acts.screen.set_interval(LOOK_SECONDS, self._look)
        self._acts.screen.show_status()

    def stop(self) -> bool:
        """Give up the work that goes on; False where there is none."""
        job = self._job
        if job is None:
            return False
        job.stop()
        self._forget()
        self._acts.tell(f"{job.what}: stopped after {job.seconds:.0f} s, nothing was changed")
        return True

    def _look(self) -> None:
        """Take up the result when it is there; else show that time passes.

        While a dialog has the keys the result waits, too: it may open a dialog itself, which
        would get what is typed for the other.
        """
        job, screen = self._job, self._acts.screen
        if job is None or not job.ended.is_set() or screen.app.screen is not screen:
            screen.show_status()
            return
        take = self._take
        self._forget()
        try:
            take()
        except PfnmapError as error:
            self._acts.complain(str(error))
        except Exception as error:
            # Nobody waits for this call: raised, it would end the program and the session.
            self._acts.complain(safe(f"{job.what} failed: {type(error).__name__}: {error}"))

    def _forget(self) -> None:
        self._job = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._acts.screen.show_status()
