"""Runs sessions that are going to be killed. Started by ``test_journal_kill``.

Reads ``DIRECTORY SEED`` lines; for each it forks a child that runs random steps in a kept
session until somebody kills it, and answers with the child's process id. The model is
imported once, here, so that a child runs within a millisecond.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random

from pfnmap.engine.journal.store import JournalStore
from tests.engine.journal.tools import kept, random_step


def storm(directory: Path, seed: int, acknowledge: int) -> None:
    """Steps without end; after each, how many commands the person has seen the result of."""
    random = Random(seed)
    session = kept(JournalStore(directory))
    seen: list[int] = []
    session.listeners.append(lambda _outcome: seen.append(1))
    while True:
        random_step(session, random)
        place = f"{len(seen)} {session.position} {session.phase} {session.trouble}\n"
        os.write(acknowledge, place.encode())


def main() -> None:
    """Serve until the input ends."""
    for request in sys.stdin:
        directory, seed, pipe = request.split()
        child = os.fork()
        if child == 0:
            storm(Path(directory), int(seed), os.open(pipe, os.O_WRONLY))
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
