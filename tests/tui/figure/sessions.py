"""Sessions to draw: run from lines, and random ones."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.session import Session
from pfnmap.tui.figure.moments import Moment, moments


def session_of(*lines: str) -> Session:
    """The ``machine`` line and the commands behind it; a command that means nothing is left out."""
    start = parse_line(lines[0])
    assert isinstance(start, StartMachine)
    session = Session(Machine.boot(start), start_command=start)
    for line in lines[1:]:
        command = parse_line(line)
        assert command is not None
        try:
            session.run(command)
        except InputError:
            continue
    return session


FIRST = 1 << 7
"""A block far above the RAM of every machine of these tests."""


@st.composite
def random_sessions(draw: st.DrawFn) -> Session:
    """Machines of one to three nodes that are given DIMMs and lose blocks again."""
    nodes = draw(st.integers(1, 3))
    ram = draw(st.sampled_from(["1G", "2G", "5G", "1T"]))
    profile = draw(st.sampled_from(["6.12", "4.19", "memmap-v2"]))
    merged = draw(st.sampled_from(["", " memmap_on_memory=Y"])) if profile == "6.12" else ""
    lines = [f"machine ram={ram} nodes={nodes} profile={profile}{merged}"]
    block = FIRST if ram != "1T" else 1 << 14
    for number in range(draw(st.integers(0, 4))):
        block += draw(st.sampled_from([0, 1, 7]))
        count = draw(st.sampled_from([1, 2, 3, 8, 30, 600]))
        node = draw(st.integers(0, nodes - 1))
        lines.append(f"add dimm{number} {count * 128}M at={block << 27:#x} node={node}")
        block += count
    touched = st.tuples(
        st.sampled_from(["online {} movable", "online {}", "offline {}", "remove {}", "pin {}"]),
        st.integers(0, 3),
        st.integers(0, 7),
        st.integers(0, 3),
    )
    for words, dimm, first, more in draw(st.lists(touched, max_size=8)):
        lines.append(words.format(f"dimm{dimm}[{first}-{first + more}]"))
    return session_of(*lines)


def alternating(nr_blocks: int) -> Moment:
    """A machine of which every other block is offline, told from one that has a single block."""
    first = moments(
        session_of("machine ram=2G memmap_on_memory=Y", "add d 128M", "online d movable")
    )[-1]
    rows = first.state.blocks.rows
    many = np.repeat(rows[rows["device"] >= 0], nr_blocks)
    many["start"] += np.arange(len(many))
    many["state"][1::2], many["zone"][1::2] = int(BlockState.OFFLINE), int(ZoneType.NONE)
    rows = np.concatenate((rows[rows["device"] < 0], many))
    state = replace(first.state, blocks=RunMap.from_rows(rows))
    return Moment(ModelView(state), "made", before=first)
