"""Signals that end the program: answered from before the screen is taken until it is given back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Endings:
    """From now on these signals only ask for the end, however many there are.

    Left alone, one that comes while Textual takes the terminal would end the process with the
    terminal still in its other screen; asyncio's answer to a second SIGINT is to raise wherever
    the program is. Signals that are ignored, as under nohup, stay so.
    """

    def __init__(self) -> None:
        self._came = 0
        self._end: Callable[[int], object] | None = None
        self._noted: list[int] = []
        if threading.current_thread() is threading.main_thread():
            self._noted = [n for n in ENDING_SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
        for number in self._noted:
            signal.signal(number, self._note)

    def _note(self, number: int, _: object) -> None:
        if not self._came:
            self._came = number
            if self._end is not None:
                self._end(number)

    def answer(self, end: Callable[[int], object]) -> None:
        """Call ``end`` with the first signal, at once where it has come."""
        self._end = end
        if self._came:
            end(self._came)

    def given_back(self) -> None:
        """The terminal is as it was found: from now on they end the program as any other."""
        for number in self._noted:
            signal.signal(number, signal.SIG_DFL)
