"""Processes that are timed: from start to end, or to the first frame in a pseudo-terminal."""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ("-c", "import sys\nfrom pfnmap.tui.__main__ import main\nsys.exit(main())")
"""What the installed command has Python do."""
SIZE = (120, 40)
"""Columns and lines of the terminal for first frames."""
LAST_LINE = f"\x1b[{SIZE[1]};1H".encode()
"""What Textual sends before the last line of a frame."""
PATIENCE_SECONDS = 60.0


@functools.cache
def scratch() -> Path:
    """A directory for what the processes write; it goes when this process ends."""
    directory = Path(tempfile.mkdtemp(prefix="pfnmap-bench-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@functools.cache
def environment() -> dict[str, str]:
    """The same for every process: nobody's settings, compiled modules kept as they always are.

    numpy starts no threads for anybody, as the program has it.
    """
    home = scratch() / "home"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "OPENBLAS_NUM_THREADS": "1",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LC_ALL": "C.UTF-8",
        **{f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "STATE", "CACHE", "DATA")},
    }


def whole(*arguments: str) -> float:
    """Seconds from the start of a Python process to its end."""
    return command_time([sys.executable, *arguments])


def command_time(command: Sequence[str]) -> float:
    """Seconds from the start of any process to its end; it must succeed."""
    start = time.perf_counter()
    subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def processor_time(command: Sequence[str]) -> float:
    """Seconds of processor time that a process takes."""
    before = os.times()
    command_time(command)
    after = os.times()
    spent = after.children_user - before.children_user
    return spent + after.children_system - before.children_system


def first_frame(arguments: Sequence[str], is_painted: Callable[[bytearray], bool]) -> float:
    """Seconds from the start of a Python process to its first whole frame on a terminal."""
    return drawn(arguments, is_painted)[0]


def drawn(
    arguments: Sequence[str], is_painted: Callable[[bytearray], bool]
) -> tuple[float, bytearray]:
    """The same, with everything that the terminal got by then."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        try:
            raw = _read_until(master, is_painted)
            return time.perf_counter() - start, raw
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    finally:
        os.close(master)
        os.close(slave)


def _read_until(master: int, holds: Callable[[bytearray], bool]) -> bytearray:
    """Read what the process draws until a condition on all of it holds."""
    raw = bytearray()
    while not holds(raw):
        if not select.select([master], [], [], PATIENCE_SECONDS)[0]:
            raise TimeoutError(f"no frame; the terminal got {bytes(raw[-400:])!r}")
        raw += os.read(master, 1 << 16)
    return raw
