"""The whole program on a terminal, in the process of the tests, where a debugger sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pfnmap.tui.__main__ import main

TAKEN, GIVEN_BACK = b"\x1b[?1049h", b"\x1b[?1049l"
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT,
           signal.SIGWINCH)  # fmt: skip


class Terminal:
    """A pseudo-terminal with somebody who does the next thing on seeing what was awaited."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self.resize(40, 120)
        self.before = termios.tcgetattr(self.slave)
        self.drawn = bytearray()
        self.person: list[tuple[bytes, Callable[[], object]]] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        seen = 0
        while data := os.read(self._master, 4096):
            self.drawn += data
            while self.person and (at := self.drawn.find(self.person[0][0], seen)) >= 0:
                seen = at + 1
                self.person.pop(0)[1]()
            if self.drawn.endswith(b"end of the test"):
                return

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def types(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        os.write(self.slave, b"end of the test")
        self._thread.join()
        os.close(self.slave)
        os.close(self._master)


@contextmanager
def on_terminal(*words: str) -> Iterator[Terminal]:
    """Standard input and error are on it; what the program changes in its process is put back."""
    made, actions = Terminal(), {number: signal.getsignal(number) for number in NUMBERS}
    interval = sys.getswitchinterval()
    with (
        pytest.MonkeyPatch.context() as patch,
        open(made.slave, closefd=False) as keys,
        open(made.slave, "w", closefd=False) as screen,
    ):
        for name, word in (
            ("TERM", "xterm-256color"),
            ("HOME", "/"),
            ("OPENBLAS_NUM_THREADS", "1"),
        ):
            patch.setenv(name, word)
        for name, stream in (("stdin", keys), ("stderr", screen)):
            patch.setattr(sys, name, stream)
            patch.setattr(sys, f"__{name}__", stream)
        patch.setattr(sys, "argv", ["pfnmap", *words])
        try:
            yield made
        finally:
            made.close()
            for number, action in actions.items():
                signal.signal(number, action)
            sys.setswitchinterval(interval)


def test_the_program_from_start_to_end(own_directories: Path) -> None:
    here = os.getpid()

    def resized() -> None:
        terminal.resize(30, 100)
        os.kill(here, signal.SIGWINCH)

    with on_terminal("-c", "add dimm0 256M", "-c", "goto block 41") as terminal:
        terminal.person = [
            (b"step 1/", lambda: os.kill(here, signal.SIGCONT)),
            (TAKEN, resized),
            (b"\x1b[30;1H", lambda: terminal.types(b"m")),
            (b"step 2/", lambda: terminal.types(b"\x1b[<0;5;5M\x1b[Aq")),
        ]
        assert main() == 0
        assert not terminal.person
        assert termios.tcgetattr(terminal.slave) == terminal.before
    assert terminal.drawn.count(TAKEN) == terminal.drawn.count(GIVEN_BACK) == 2
    assert b"Traceback" not in terminal.drawn
    (session,) = (own_directories / "state" / "pfnmap" / "sessions").iterdir()
    assert "online 41 movable" in session.read_text()


def test_a_signal_ends_it_with_the_terminal_as_it_was() -> None:
    here = os.getpid()
    with on_terminal() as terminal:
        terminal.person = [(b"press a", lambda: os.kill(here, signal.SIGTERM))]
        assert main() == 128 + signal.SIGTERM
        assert termios.tcgetattr(terminal.slave) == terminal.before
    assert terminal.drawn.count(TAKEN) == terminal.drawn.count(GIVEN_BACK) == 1
