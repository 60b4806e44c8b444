"""SIGKILL at random moments in real processes loses at most the command in flight."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pfnmap.engine.journal.resume import resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.session import Session
from tests.engine.journal.tools import SMALL, everything, random_step

ROOT = Path(__file__).parents[3]
AT_LEAST_SEEN = 4
"""A process is let live until it has acknowledged fewer steps than this, then for a moment."""
LONGEST_SECONDS = 0.03


class Server:
    """The process that forks the sessions."""

    def __init__(self, tmp_path: Path) -> None:
        self._pipe = tmp_path / "acknowledged"
        os.mkfifo(self._pipe)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.journal.kill_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def storm(self, directory: Path, seed: int, seconds: float) -> list[str]:
        """Run steps for a while, kill the process; the lines it had acknowledged.

        It has the time for ``seed % AT_LEAST_SEEN`` steps, however slow the disk is.
        """
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{directory} {seed} {self._pipe}\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        with self._pipe.open("rb") as pipe:  # returns when the child has opened it
            first = b"".join(pipe.readline() for _ in range(seed % AT_LEAST_SEEN))
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
            assert process.stdout.readline() == "gone\n"
            return (first + pipe.read()).decode().split("\n")[:-1]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=30) == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.close()


def session_after(seed: int, nr_steps: int) -> Session:
    """The same steps in a session that nobody kills."""
    from pfnmap.engine.machine import Machine

    random = Random(seed)
    session = Session(Machine.boot(SMALL), "a test")
    for _ in range(nr_steps):
        random_step(session, random)
    return session


@pytest.mark.parametrize("kills", [16, pytest.param(1000, marks=pytest.mark.slow)])
def test_nothing_is_lost_but_the_step_in_flight(kills: int, server: Server, tmp_path: Path) -> None:
    random = Random(20)
    for kill in range(kills):
        directory = tmp_path / f"state-{kill}"
        acknowledged = server.storm(directory, kill, random.random() * LONGEST_SECONDS)
        assert len(acknowledged) >= kill % AT_LEAST_SEEN
        store = JournalStore(directory)
        if not acknowledged or acknowledged[-1].startswith("0 "):
            continue  # killed before the first command's result was seen
        assert all(line.endswith(" None") for line in acknowledged), acknowledged[-1]
        resumed = resume(store)
        found = everything(resumed.session)
        if found != everything(session_after(kill, len(acknowledged))):
            # The step in flight may be on disk although nobody saw its result.
            assert found == everything(session_after(kill, len(acknowledged) + 1))
        resumed.session.close()  # type: ignore[attr-defined]
