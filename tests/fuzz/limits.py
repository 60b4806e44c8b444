"""Bounds for what one input may cost: processor time, and memory beyond what is in use."""

from __future__ import annotations

import contextlib
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

HANGS_AFTER_SECONDS = 30.0
"""Of processor time, for what takes a moment or, where it goes wrong, for ever."""
EXTRA_BYTES = 1 << 30
"""Address space that one input may take on top; numpy reserves generously."""


class TooLong(BaseException):
    """An input took longer than it may. No Exception: code under test must not catch it."""


@contextlib.contextmanager
def bounded(seconds: float, extra_bytes: int = EXTRA_BYTES) -> Iterator[None]:
    """Run a block with at most this much processor time (TooLong) and memory (MemoryError).

    Processor time, not the clock: a busy machine must not look like a hang. In a thread
    other than the main one there are no signals and nothing is bounded.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + extra_bytes
    before = signal.signal(signal.SIGPROF, over)
    resource.setrlimit(resource.RLIMIT_AS, (limit if soft < 0 else min(limit, soft), hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)
