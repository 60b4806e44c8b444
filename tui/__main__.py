"""The ``pfnmap`` command; also ``python -m pfnmap.tui``."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from typing import TextIO

__all__ = ["main"]

COLLECT_AFTER = 150_000
"""Containers that may be allocated before the collector looks for cycles.

What is imported at the start is kept to the end: looking at it every 700 containers, as Python
does by itself, is a tenth of the time to the first frame. Some 100,000 are there by then.
"""


def main() -> int:
    """Run the command line; the exit status."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:  # nothing is to be put in order while modules are imported
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # numpy's linear algebra is not used, so its threads need not be started.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    _cope_with_the_environment()
    from pfnmap.tui import cli

    if interruptible:
        signal.signal(signal.SIGINT, _interrupted)
    status = cli.main()
    _let_go_of(sys.stderr)
    # What is still there goes with the process: Python need not look for cycles in it at its end,
    # which takes a tenth of the time of a short command.
    gc.freeze()
    return status


def _interrupted(number: int, _: object) -> None:
    """Raise for the first; those that come behind it find nothing more to end."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _cope_with_the_environment() -> None:
    """A locale that lacks a character, and a user without a home directory, stop nothing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get("HOME") == "":
        del os.environ["HOME"]  # as good as none; the password file may know better
    if not os.path.isabs(os.path.expanduser("~")):
        # As in containers: no settings are found and no session is kept, which is said.
        os.environ["HOME"] = os.devnull


def _let_go_of(stream: TextIO | None) -> None:
    """Flush; what a terminal that is gone does not take must not become the exit status."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
