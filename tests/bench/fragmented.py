"""Machines in very many pieces, and one thing done on one of them in a process of its own.

``python -m tests.bench.fragmented WHAT N`` prints seconds of processor time and the most bytes
that were resident for it; of ``step bytes`` only the bytes that a step keeps. N is what a name
in :data:`WORK` says: blocks that are named in lists, blocks of which every other one is online,
fragments (online blocks with offline ones between), or steps.
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
from pfnmap.engine.journal.journal import keep
from pfnmap.engine.journal.origin import Origin
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
FIRST_STEPS = 600
APART = 97
"""How far one step is from the next where they go all over the device."""


def lists(verb: str, nr_named: int, tail: str = "") -> Iterator[str]:
    """Commands that name so many blocks, which are every other one of the device."""
    for start in range(0, nr_named, LIST):
        ids = range(FIRST + 2 * start, FIRST + 2 * min(start + LIST, nr_named), 2)
        yield f"{verb} {','.join(map(str, ids))}{tail}"


def setting(nr_fragments: int) -> Iterator[str]:
    """Commands to a device of so many online blocks, each with an offline one behind it."""
    yield f"add dimm0 {nr_fragments * 256}M at={FIRST << 27:#x}"
    yield from lists("online", nr_fragments, " movable")


def steps(nr_fragments: int, apart: int = 1) -> Iterator[str]:
    """One fragment after the other goes offline and comes back; ``apart``: in this order."""
    for number in cycle(range(nr_fragments)):
        block = FIRST + 2 * (number * apart % nr_fragments)
        yield from (f"offline {block}", f"online {block} movable")


def fragmented(nr_fragments: int) -> Session:
    """A session that has come there."""
    session = _booted()
    _run(session, *setting(nr_fragments))
    return session


def _alternating(nr_blocks: int) -> Session:
    """The same of so many blocks in all."""
    return fragmented(nr_blocks // 2)


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


def _online(nr_named: int) -> Work:
    session = _booted()
    return lambda: _run(session, *setting(nr_named))


def _offline(nr_named: int) -> Work:
    session = fragmented(nr_named)
    return lambda: _run(session, *lists("offline", nr_named))


def _check(nr_blocks: int) -> Work:
    session = _alternating(nr_blocks)
    return lambda: session.machine.check()


def _show(nr_blocks: int) -> Work:
    view = _alternating(nr_blocks).view
    return lambda: render_text(view)


def _json(nr_blocks: int) -> Work:
    view = _alternating(nr_blocks).view

    def write() -> None:
        with open(os.devnull, "w", encoding="ascii") as file:
            file.writelines(json_pieces(view_data(view)))

    return write


def _cast(nr_fragments: int) -> Work:
    file = scratch() / "cast.hotplug"
    lines = [MACHINE, *setting(nr_fragments), *islice(steps(nr_fragments), STEPS)]
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
    return lambda: make_cast(load_scenario(file), size=(200, 60))


def _resume(nr_steps: int) -> Work:
    start = parse_line(MACHINE)
    assert isinstance(start, StartMachine)
    store = JournalStore(scratch() / "sessions")
    session = keep(Session.booted(start), Origin("bench", start=start), store.directory)
    _run(session, *setting(LIST), *islice(steps(LIST), nr_steps))
    session.close()
    return lambda: resume(store)


WORK: dict[str, Callable[[int], Work]] = {
    "online": _online,  # blocks named
    "offline": _offline,  # blocks named
    "check": _check,  # blocks, every other one online
    "show": _show,  # the same
    "json": _json,  # the same
    "cast": _cast,  # fragments
    "resume": _resume,  # steps
}


def _step_bytes(nr_fragments: int) -> float:
    """Bytes that a step keeps."""
    session = fragmented(nr_fragments)
    lines = steps(nr_fragments, APART)

    def run(count: int) -> int:
        _run(session, *islice(lines, count))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    # What is held of the steps made last alone is as much behind the first as behind all others.
    before = run(FIRST_STEPS)
    return (run(nr_fragments) - before) / nr_fragments


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
