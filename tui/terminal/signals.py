"""Signals: those that end the program, and those that stop it for a while and let it go on.

What ends it is answered from before the screen is taken until the program can answer. What stops
it is answered by the event loop, between two things the program does and not in the middle of one.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.driver import Driver

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def noted_endings() -> list[int]:
    """From now on these signals only add their number to the list that is returned.

    Left alone, one that comes while Textual takes the terminal would end the process with the
    terminal still in its other screen. Signals that are ignored, as under nohup, stay so.
    """
    noted: list[int] = []
    if threading.current_thread() is threading.main_thread():
        for number in ENDING_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda came, _: noted.append(came))
    return noted


def stoppable(base: type[Driver]) -> type[Driver]:
    """A driver that gives the terminal back while it is stopped, however it is stopped.

    Textual's own takes the terminal a second time when the process goes on after a stop that it
    was not asked for (SIGSTOP), and then cannot give it back; and it answers in the middle of
    whatever the program is doing. Before the screen is taken a stop is nobody's business.
    """

    class Stoppable(base):  # type: ignore[valid-type,misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            kept = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)}
            super().__init__(*arguments, **named)
            for number, action in kept.items():
                signal.signal(number, action or signal.SIG_DFL)
            self._may_stop = kept[signal.SIGTSTP] is not signal.SIG_IGN
            self._went_on = False

        def start_application_mode(self) -> None:
            """Take the terminal; a stop that comes meanwhile waits until that is done."""
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
            try:
                super().start_application_mode()
                if self._may_stop:
                    self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
                self._loop.add_signal_handler(signal.SIGCONT, self._go_on)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})

        def _stop(self) -> None:
            """Give the terminal back, stop, and take it again when it goes on."""
            self.suspend_application_mode()
            os.kill(os.getpid(), signal.SIGSTOP)
            self._went_on = True
            self._take_again()

        def _go_on(self) -> None:
            """Set up a terminal that may not be as it was, after a stop nobody announced."""
            if self._went_on:  # the end of a stop that was announced
                self._went_on = False
                return
            self.suspend_application_mode()
            self._take_again()

        def _take_again(self) -> None:
            self._must_signal_resume = True  # Textual tells the app
            self.resume_application_mode()
            self._app.screen.refresh(layout=True)  # something else may be on the terminal

    return Stoppable
