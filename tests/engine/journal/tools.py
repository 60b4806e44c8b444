"""What the journal tests share: random commands, and a machine as plain values to compare."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np
from msgspec import Struct

from pfnmap.engine.commands import Command, StartMachine
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.journal.journal import JournaledSession, keep
from pfnmap.engine.journal.origin import Origin
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.session import Session

SMALL = StartMachine(ram_bytes=1 << 30)


def line(text: str) -> Command:
    command = parse_line(text)
    assert command is not None
    return command


def kept(store: JournalStore, start: StartMachine = SMALL) -> JournaledSession:
    """A fresh session that is kept."""
    origin = Origin("a test", start)
    return keep(origin.session(), origin, store.directory)


def random_line(random: Random) -> str:
    """A line that means something on most machines; some are refused, some are mistakes."""
    dimm = f"dimm{random.randrange(4)}"
    block = f"{dimm}[{random.randrange(2)}]"
    return random.choice(
        [
            f"add {dimm} 256M",
            f"online {block} {random.choice(['kernel', 'movable', ''])}",
            f"online {dimm}",
            f"offline {block}",
            f"remove {dimm}",
            f"pin {block}",
            f"unpin {block}",
            f"set memmap_on_memory={random.choice('YN')}",
            f'note "step {random.randrange(100)}: a \\"quoted\\" word"',
            f"echo online_movable > /sys/devices/system/memory/memory{random.randrange(40)}/state",
        ]
    )


def random_step(session: Session, random: Random) -> None:
    """Something a person might do: mostly commands, now and then a move in time."""
    kind = random.random()
    try:
        if kind < 0.7:
            session.run(line(random_line(random)))
        elif kind < 0.8:
            session.undo(random.randrange(3))
        elif kind < 0.85:
            session.redo(random.randrange(3))
        elif kind < 0.9:
            session.seek(random.randrange(len(session.outcomes) + 1))
        elif kind < 0.95:
            session.step_phase(random.randrange(-3, 4))
        elif session.branches:
            session.switch(random.randrange(len(session.branches)))
    except PfnmapError:
        pass  # such as a device that does not exist: said to the person, never in the timeline


def values(thing: Any) -> Any:
    """A state, or anything in one, as nested tuples that compare by content."""
    if isinstance(thing, RunMap):
        return thing.rows.tobytes()
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.tobytes()
    if isinstance(thing, Struct):
        return tuple(values(getattr(thing, name)) for name in thing.__struct_fields__)
    if isinstance(thing, Mapping):
        return tuple((key, values(value)) for key, value in sorted(thing.items()))
    if isinstance(thing, tuple | list):
        return tuple(values(part) for part in thing)
    return thing


def everything(session: Session) -> Any:
    """Machine, timeline, branches and place of a session, to be compared."""
    return (
        values(session.state),
        session.title,
        session.position,
        session.phase,
        [outcome.command for outcome in session.outcomes],
        [values(outcome.after) for outcome in session.outcomes[-1:]],
        [(b.position, [outcome.command for outcome in b.outcomes]) for b in session.branches],
    )
