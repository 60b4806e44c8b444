"""The real program in a real pseudo-terminal, seen through a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Self

import pyte

from tests.tui.forked import ROOT, Forked

PATIENCE_SECONDS = 120.0
"""How long to wait for something before it counts as never; nothing waits that long."""


class Program:
    """A child process on a pseudo-terminal of its own."""

    ignored: tuple[signal.Signals, ...] = ()
    """Signals that are ignored where it is started."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (120, 40),
        env: dict[str, str] | None = None,
        home: Path | None = None,
    ) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lines: list[str] = []
        self.raw = bytearray()
        self._master, self._slave = pty.openpty()
        os.set_blocking(self._master, False)
        self.resize(columns, rows, tell=False)
        self.before = termios.tcgetattr(self._slave)
        self.process = self._start(arguments, self._environment(env or {}, home))

    def _start(self, arguments: Sequence[str], env: dict[str, str]) -> Forked | Popen[bytes]:
        return Forked(arguments, env, os.ttyname(self._slave), self.ignored)

    @staticmethod
    def _environment(env: dict[str, str], home: Path | None) -> dict[str, str]:
        base = {
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LC_ALL": "C.UTF-8",
            "HOME": str(home or "/nonexistent"),
            **{f"XDG_{kind}_HOME": f"{home or '/nonexistent'}/{kind.lower()}"
               for kind in ("CONFIG", "STATE", "CACHE", "DATA")},
        }  # fmt: skip
        return {**base, **env}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    # -- what it shows ---------------------------------------------------------------------
    def read(self, seconds: float = 0.05) -> None:
        """Take in what the program has written."""
        while select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                return
            self.raw += data
            self._stream.feed(data)
            seconds = 0

    @property
    def lines(self) -> list[str]:
        """The screen as text."""
        if self.screen.dirty:
            self._lines = [line.rstrip() for line in self.screen.display]
            self.screen.dirty.clear()
        return self._lines

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def wait_for(self, what: str | Callable[[str], bool]) -> None:
        """Read until the screen holds a text, or a condition on it holds."""
        holds = what if callable(what) else lambda text: what in text
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.read()
            if holds(self.text):
                return
            assert self.process.poll() is None, (
                f"ended with {self.process.returncode}:\n{self.text}"
            )
            assert time.monotonic() < deadline, f"never saw {what!r} on\n{self.text}"

    # -- what is done to it ------------------------------------------------------------------
    def send(self, keys: str) -> None:
        """Press keys; the program may have to be listened to before it listens."""
        data = keys.encode()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                self.read()
                assert time.monotonic() < deadline, f"reads nothing any more:\n{self.text}"

    def resize(self, columns: int, rows: int, *, tell: bool = True) -> None:
        """Change the size of the terminal."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, size)
        if tell:
            self.screen.resize(rows, columns)
            self.process.send_signal(signal.SIGWINCH)

    def end(self) -> int:
        """Wait for the end; the exit status."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (status := self.process.poll()) is None:
            self.read()
            assert time.monotonic() < deadline, f"does not end:\n{self.text}"
        self.read()
        return status

    def has_stopped(self) -> bool:
        """Whether it waits to be continued."""
        said = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        return said.rpartition(")")[2].split()[0] == "T"

    @property
    def after(self) -> list[object]:
        """Settings of the terminal now, to compare with ``before``."""
        return termios.tcgetattr(self._slave)


class FreshProgram(Program):
    """Started as a person starts it: Python first, then everything that is imported."""

    def _start(self, arguments: Sequence[str], env: dict[str, str]) -> Popen[bytes]:
        return Popen(
            [sys.executable, "-m", "pfnmap.tui", *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=ROOT,
            env=env,
            start_new_session=True,
            preexec_fn=self._own_terminal,
        )

    @staticmethod
    def _own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell ignores it for what runs behind it
