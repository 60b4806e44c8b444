"""The program in a process of its own that need not import it: one that has done so forks.

Importing is most of what a short run costs, and says the same every time. What is about the start
itself, or about what only the start of Python looks at (the locale), starts Python.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_SERVER = """
import importlib, json, os, pkgutil, pwd, runpy, signal, socket, sys
import pfnmap.engine, pfnmap.tui

for package in (pfnmap.engine, pfnmap.tui):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(("__main__", "pytest_fixture")):
            importlib.import_module(module.name)

with socket.socket(fileno=int(sys.argv[1])) as asked:
    for line in asked.makefile():
        match json.loads(line):
            case [words, env, terminal, ignored, errors, homeless]:
                answer = os.fork()
                if not answer:
                    break
            case [process, options]:
                gone, status = os.waitpid(process, options)
                answer = os.waitstatus_to_exitcode(status) if gone else None
        asked.sendall(json.dumps(answer).encode() + b"\\n")
    else:
        sys.exit()

os.setsid()
if terminal:
    for stream in range(3):  # the first terminal that a session opens is its own
        os.dup2(os.open(terminal, os.O_RDWR), stream)
os.closerange(3, 32)
if errors:
    reading, writing = os.pipe()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(writing, 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    if not homeless:
        os.close(reading)
if homeless:
    def nobody(uid):
        raise KeyError(uid)
    pwd.getpwuid = nobody
sys.stdin = open(0, closefd=False)
sys.stdout = open(1, "w", closefd=False)
sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in ignored:
    signal.signal(number, signal.SIG_IGN)
os.environ.clear()
os.environ.update(env)
sys.argv = ["pfnmap", *words]
runpy.run_module("pfnmap.tui", run_name="__main__")
"""


@functools.cache
def _server() -> socket.socket:
    """Where it is asked for programs; it ends with this process."""
    ours, its = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(its.fileno())],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        pass_fds=[its.fileno()],
    )
    its.close()
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _ask(*question: object) -> int | None:
    server = _server()
    server.sendall(json.dumps(question).encode() + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        answer += server.recv(100)
    said: int | None = json.loads(answer)
    return said


def unread(
    words: Sequence[str], env: dict[str, str], errors: Path, *, homeless: bool = False
) -> tuple[int, bytes]:
    """Exit status and standard error, kept in a file, of a program whose output nobody reads.

    ``homeless``: for a user who is in no password file, as in many containers; the pipe is read
    then.
    """
    status = _ask(_ask(list(words), env, None, [], str(errors), homeless), 0)
    assert status is not None
    return status, errors.read_bytes()


class Forked:
    """A process that runs the program on a terminal; used as one of ``subprocess``."""

    def __init__(
        self, words: Sequence[str], env: dict[str, str], terminal: str, ignored: Sequence[int] = ()
    ) -> None:
        process = _ask(list(words), env, terminal, list(ignored), None, False)
        assert process is not None
        self.pid: int = process
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, if it has ended."""
        if self.returncode is None:
            self.returncode = _ask(self.pid, os.WNOHANG)
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        """The exit status, when it has ended."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            assert time.monotonic() < deadline, "does not end"
            time.sleep(0.01)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, whatever it does."""
        self.send_signal(signal.SIGKILL)
