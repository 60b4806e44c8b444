"""Long work, apart from the screen: what goes on is said, and its result can be given up.

The states of a machine are immutable, so work on one may run in a thread while the screen
goes on showing it: its result is taken up at the end, or dropped when the person stopped it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from time import monotonic
from typing import Any

from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer

from pfnmap.tui.keys.shown import Shown

PATIENCE_SECONDS = 0.25
"""What ends within this is as if it had been done at once."""
AT_ONCE_SECONDS = 0.01
"""As soon as what is under way has been painted."""
LOOK_SECONDS = 0.1
"""How often it is looked whether longer work has ended."""


class Job(Future[Any]):
    """One piece of work in a thread of its own."""

    def __init__(self, what: str, work: Callable[[], Any]) -> None:
        """Begin. ``what``: what is done, for messages."""
        super().__init__()
        self.what, self._began = what, monotonic()
        # A thread that is still busy when the program ends must not keep it from ending.
        threading.Thread(target=self._run, args=(work,), name="work", daemon=True).start()

    def _run(self, work: Callable[[], Any]) -> None:
        self.set_running_or_notify_cancel()  # who waits may stop waiting; the work goes on
        try:
            self.set_result(work())
        except BaseException as error:
            self.set_exception(error)

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return monotonic() - self._began


class Foresight:
    """What no frame waits for is found out when nobody has pressed a key for a while."""

    class Found(Message):
        """Something was found out."""

    def __init__(self, owner: MessagePump) -> None:
        self._owner = owner
        self._timer: Timer | None = None
        self._job: Job | None = None

    def want(self, shown: Shown, seconds: float = PATIENCE_SECONDS) -> None:
        """Find out what ``shown`` lacks, unless something else is shown within ``seconds``."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if None in shown.foreseen.values():
            self._timer = self._owner.set_timer(seconds, lambda: self._begin(shown))

    def _begin(self, shown: Shown) -> None:
        if self._job is not None and not self._job.done():
            self.want(shown)
            return
        commands = [command for command, known in shown.foreseen.items() if known is None]
        self._job = Job("verdicts", lambda: [shown.foresee(command) for command in commands])
        self._job.add_done_callback(lambda _: self._owner.post_message(self.Found()))


class Busy(Exception):
    """Something would cut the ground from the long work that goes on: it is done behind it."""


class Background:
    """The work of one screen, one piece at a time."""

    class Goes(Message):
        """Work goes on, or has ended: :meth:`Background.take` is to be asked."""

    def __init__(self, owner: MessagePump, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._owner = owner
        self._job: Job | None = None
        self._then: Callable[[Any], object] = lambda _: None
        self._stop: Callable[[], str] | None = None
        self._timer: Timer | None = None
        self.patience_seconds: float | None = patience_seconds
        """How long is waited before work counts as long; None: until it has ended, in no thread."""

    @property
    def what(self) -> str:
        """What goes on, in a few words; empty where nothing does."""
        return "" if self._job is None else self._job.what

    @property
    def busy(self) -> bool:
        """Whether long work goes on."""
        return self._job is not None

    def words(self, key: str) -> str:
        """What goes on, for how long, and how to stop it; empty where nothing does."""
        if self._job is None:
            return ""
        return f"{self._job.what}: {self._job.seconds:.0f} s, {key} stops it"

    def do(
        self,
        what: str,
        work: Callable[[], Any],
        then: Callable[[Any], object],
        stop: Callable[[], str] | None = None,
    ) -> None:
        """Do work, then something on the screen with its result.

        What is short is done when this returns, and raises what it raises; what is long is
        gone on with apart from the screen.

        Args:
            what: what is done, in a few words.
            work: may run in a thread; where it changes something, ``stop`` is given.
            then: is given the result; not called when the work was stopped.
            stop: called when it is stopped, and gives what is to be said then.
        """
        if self.patience_seconds is None:
            then(work())
            return
        job = Job(what, work)
        if wait([job], self.patience_seconds).done:
            then(job.result())
            return
        self._job, self._then, self._stop = job, then, stop
        self._timer = self._owner.set_interval(LOOK_SECONDS, self._look)
        self._look()

    def _look(self) -> None:
        self._owner.post_message(self.Goes())

    def take(self) -> None:
        """Take up the result, where there is one; raises what the work raised."""
        job, then = self._job, self._then
        if job is not None and job.done():
            self._forget()
            then(job.result())

    def stop(self) -> str:
        """Give up the work that goes on; what is to be said of it, nothing where there is none.

        Its thread goes on for a while, and nobody waits for what it finds.
        """
        job = self._job
        if job is None:
            return ""
        self._forget()
        if self._stop is not None:
            return self._stop()
        return f"{job.what}: stopped after {job.seconds:.0f} s, nothing was changed"

    def _forget(self) -> None:
        self._job = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._look()
