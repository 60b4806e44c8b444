"""A line that says what is waited for, before there is a screen to say it on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

SILENT_SECONDS = 0.5
"""What is done within this is not worth a word."""
TICK_SECONDS = 1.0
WIPE = "\r\x1b[K"
"""Back to the start of the line, and nothing on it."""


@contextmanager
def waiting(
    what: str, stream: TextIO | None, *, silent_seconds: float = SILENT_SECONDS
) -> Iterator[None]:
    """Say on a terminal what is waited for, and for how long, once that takes a while.

    The line is gone at the end. A stream that is no terminal is left alone.

    Args:
        what: what is done, in a few words that are fit for a terminal.
        stream: standard error; None where there is none.
        silent_seconds: how long nothing is said.
    """
    if stream is None or not stream.isatty():
        yield
        return
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(what, stream, ended, silent_seconds), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _tell(what: str, stream: TextIO, ended: threading.Event, silent_seconds: float) -> None:
    """Say it each second until the end, then wipe it away."""
    if ended.wait(silent_seconds):
        return
    seconds = 0
    with suppress(OSError, ValueError):  # a terminal that went away is told nothing
        while True:
            stream.write(f"{WIPE}{what}: {seconds} s, ctrl+c stops it")
            stream.flush()
            if ended.wait(TICK_SECONDS):
                break
            seconds += 1
        stream.write(WIPE)
        stream.flush()
