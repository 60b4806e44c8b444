"""Machines in very many pieces, and one thing done on one of them in a process of its own.

``python -m tests.bench.fragmented WHAT N`` prints seconds of processor time and the most bytes
that were resident for it. N is the number of online blocks with offline ones between, or of
steps; of ``step bytes`` only the bytes are printed that a step keeps.
"""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.journal.journal import Origin, keep
from pfnmap.engine.journal.resume import resume
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.session import Session
from pfnmap.tui.documents.view import json_pieces, view_data
from pfnmap.tui.pictures.cast.cast import make_cast
from pfnmap.tui.text.frame import render_text
from tests.bench.processes import scratch

MACHINE = "machine ram=6T block=128M"
FIRST = 8 << 13
"""The first block of the device, at 8 TiB."""
LIST = 6000
"""Blocks that one command names."""
STEPS = 200


def lists(verb: str, nr_blocks: int, tail: str = "") -> Iterator[str]:
    """Commands that name every other block of the device."""
    for start in range(0, nr_blocks, LIST):
        ids = range(FIRST + 2 * start, FIRST + 2 * min(start + LIST, nr_blocks), 2)
        yield f"{verb} {','.join(map(str, ids))}{tail}"


def setting(nr_blocks: int) -> Iterator[str]:
    """Commands to the machine with so many online blocks, each alone."""
    yield f"add dimm0 {nr_blocks * 256}M at={FIRST << 27:#x}"
    yield from lists("online", nr_blocks, " movable")


def steps(nr_blocks: int) -> Iterator[str]:
    """One block after the other goes offline and comes back."""
    for block in cycle(range(FIRST, FIRST + 2 * min(nr_blocks, LIST), 2)):
        yield from (f"offline {block}", f"online {block} movable")


def fragmented(nr_blocks: int) -> Session:
    """A session that has come there."""
    session = _booted()
    _run(session, *setting(nr_blocks))
    return session


def _booted() -> Session:
    start = parse_line(MACHINE)
    assert isinstance(start, StartMachine)
    return Session.booted(start)


def _run(session: Session, *lines: str) -> None:
    for line in lines:
        command = parse_line(line)
        assert command is not None
        assert session.run(command).ok, line


# -- what is done ---------------------------------------------------------------------------
Work = Callable[[], object]


def _online(nr_blocks: int) -> Work:
    session = _booted()
    return lambda: _run(session, *setting(nr_blocks))


def _offline(nr_blocks: int) -> Work:
    session = fragmented(nr_blocks)
    return lambda: _run(session, *lists("offline", nr_blocks))


def _check(nr_blocks: int) -> Work:
    session = fragmented(nr_blocks)
    return lambda: session.machine.check()


def _show(nr_blocks: int) -> Work:
    view = fragmented(nr_blocks).view
    return lambda: render_text(view)


def _json(nr_blocks: int) -> Work:
    view = fragmented(nr_blocks).view

    def write() -> None:
        with open(os.devnull, "w", encoding="ascii") as file:
            file.writelines(json_pieces(view_data(view)))

    return write


def _cast(nr_blocks: int) -> Work:
    file = scratch() / "cast.hotplug"
    lines = [MACHINE, *setting(nr_blocks), *islice(steps(nr_blocks), STEPS)]
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
    return lambda: make_cast(load_scenario(file), size=(200, 60))


def _resume(nr_steps: int) -> Work:
    start = parse_line(MACHINE)
    assert isinstance(start, StartMachine)
    store = JournalStore(scratch() / "sessions")
    session = keep(Session.booted(start), Origin("bench", start=start), store)
    _run(session, *setting(LIST), *islice(steps(LIST), nr_steps))
    session.close()
    return lambda: resume(store)


WORK: dict[str, Callable[[int], Work]] = {
    "online": _online,
    "offline": _offline,
    "check": _check,
    "show": _show,
    "json": _json,
    "cast": _cast,
    "resume": _resume,
}


def _step_bytes(nr_blocks: int) -> float:
    """Bytes that a step keeps."""
    session = fragmented(nr_blocks)
    lines = steps(nr_blocks)

    def run(count: int) -> int:
        _run(session, *islice(lines, count))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    before = run(STEPS)
    return (run(2 * STEPS) - before) / (2 * STEPS)


def main(what: str, number: int) -> None:
    """Do it once."""
    if what == "step bytes":
        print(_step_bytes(number))
        return
    work = WORK[what](number)
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    most_kib = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(seconds, int(most_kib) << 10)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
