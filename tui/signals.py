"""Signals that end the program, from before the screen is taken until the program can answer."""

from __future__ import annotations

import signal
import threading

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
