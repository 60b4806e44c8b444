"""Several processes that fuzz side by side, and one that adds up what they found.

Process ``i`` of ``n`` takes every n-th seed from the i-th on, so a run of the same seeds finds
the same whatever the number of processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from typing import Any, Protocol

from tests.fuzz.record import Failure, Record

REPORT_SECONDS = 1.0
STUCK_SECONDS = 300.0
"""A process that is at one input for so long is stuck where no time limit reaches."""
GRACE_SECONDS = 150.0
"""How long a process may take to finish its input when all shall stop."""


class Target(Protocol):
    """Something to fuzz: makes an input of a seed, uses it, and counts in a record."""

    @property
    def what(self) -> str:
        """Its name on the command line."""

    def run(self, seed: int, record: Record) -> None:
        """Make and use one input."""


def _work(
    targets: Sequence[Target], first_seed: int, step: int, pipe: Connection, place: Any
) -> None:
    """What a process does: use seed after seed until told to stop or left alone, and report.

    The target that has had the least processor time is next, so all get an equal share.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent says when to stop
    parent = os.getppid()
    spent = [0.0] * len(targets)
    seeds = [first_seed] * len(targets)
    records = [Record(target.what) for target in targets]
    due = 0.0
    going = True
    while going:
        index = spent.index(min(spent))
        place[:] = [index, seeds[index]]
        began = time.process_time()
        targets[index].run(seeds[index], records[index])
        spent[index] += time.process_time() - began
        seeds[index] += step
        if time.monotonic() >= due or records[index].failures:
            pipe.send(records)
            records = [Record(target.what) for target in targets]
            due = time.monotonic() + REPORT_SECONDS
        # Each target has had an input by the end, however soon that is.
        going = os.getppid() == parent and (0.0 in spent or not pipe.poll())
    pipe.send([*records, None])


@dataclass
class Worker:
    """A process as its parent sees it."""

    process: BaseProcess
    pipe: Connection
    place: Any
    """Index of the target and seed it is at."""
    seen: tuple[int, int] = (-1, -1)
    since: float = field(default_factory=time.monotonic)


class Fleet:
    """Processes that fuzz, and what they reported so far (``records`` by target)."""

    def __init__(self, targets: Sequence[Target], first_seed: int, jobs: int) -> None:
        self.targets = targets
        self.records = {target.what: Record(target.what) for target in targets}
        self._fresh: list[Failure] = []
        context = multiprocessing.get_context("fork")
        self._workers: list[Worker] = []
        for number in range(jobs):
            ours, theirs = context.Pipe()
            place = RawArray("q", [-1, -1])
            process = context.Process(
                target=_work, args=(targets, first_seed + number, jobs, theirs, place), daemon=True
            )
            process.start()
            theirs.close()
            self._workers.append(Worker(process, ours, place))

    @property
    def running(self) -> bool:
        """Whether a process is left."""
        return bool(self._workers)

    def poll(self, seconds: float) -> list[Failure]:
        """Wait so long at most for reports; the failures that are new."""
        for pipe in wait([worker.pipe for worker in self._workers], seconds):
            worker = next(worker for worker in self._workers if worker.pipe is pipe)
            try:
                self._take(worker, worker.pipe.recv())
            except EOFError:
                self._lost(worker, "crash", "the process died")
        for worker in list(self._workers):
            self._watch(worker)
        fresh, self._fresh = self._fresh, []
        return fresh

    def _take(self, worker: Worker, records: list[Record | None]) -> None:
        for record in records:
            if record is None:
                self._workers.remove(worker)
                worker.process.join()
                continue
            self._fresh += record.failures
            self.records[record.what] += record

    def _watch(self, worker: Worker) -> None:
        """Give up a process that does not come back from an input."""
        at = (worker.place[0], worker.place[1])
        if at != worker.seen:
            worker.seen, worker.since = at, time.monotonic()
        elif time.monotonic() - worker.since > STUCK_SECONDS:
            self._lost(worker, "hang", f"nothing came back in {STUCK_SECONDS:.0f} s")

    def _lost(self, worker: Worker, kind: str, message: str) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        what = self.targets[worker.place[0]].what
        failure = Failure(what, worker.place[1], kind, message, [])
        self.records[what].failures.append(failure)
        self._fresh.append(failure)

    def stop(self) -> list[Failure]:
        """Let every process finish its input, and take the last reports."""
        for worker in self._workers:
            worker.pipe.send("stop")
        failures: list[Failure] = []
        end = time.monotonic() + GRACE_SECONDS
        while self._workers and time.monotonic() < end:
            failures += self.poll(0.2)
        for worker in list(self._workers):
            self._lost(worker, "hang", f"did not finish in {GRACE_SECONDS:.0f} s")
        return [*failures, *self._fresh]

    def kill(self) -> None:
        """End every process at once."""
        for worker in self._workers:
            worker.process.kill()
        self._workers.clear()
