"""Branches of a session: what was undone is kept, and every branch follows from its past."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session


def session(*lines: str) -> Session:
    made = Session(Machine.boot(StartMachine(text="machine")))
    for line in lines:
        do(made, line)
    return made


def do(made: Session, line: str) -> None:
    command = parse_line(line)
    assert command is not None
    made.run(command)


def words(made: Session) -> list[str]:
    return [outcome.command.text for outcome in made.outcomes]


def check(made: Session) -> None:
    """Timeline and branches are chains of states, each from the one before."""
    at = [made.start, *(outcome.after for outcome in made.outcomes)]
    for before, outcome in zip(at, made.outcomes, strict=False):
        assert outcome.before is before
    for branch in made.branches:
        before = at[branch.position]
        for outcome in branch.outcomes:
            assert outcome.before is before
            before = outcome.after


def test_what_was_undone_becomes_a_branch_that_can_be_taken_up() -> None:
    made = session("add a 128M", "add b 128M")
    made.undo()
    do(made, "add c 128M")
    assert words(made) == ["add a 128M", "add c 128M"]
    made.switch(0)
    assert words(made) == ["add a 128M", "add b 128M"]
    assert [o.command.text for o in made.branches[0].outcomes] == ["add c 128M"]
    check(made)


def test_a_branch_of_a_part_that_goes_takes_its_past_along() -> None:
    made = session("add a 128M", "add b 128M", "add c 128M")
    made.undo()
    do(made, "add d 128M")
    made.undo(2)
    do(made, "add e 128M")
    check(made)
    made.switch(0)
    assert words(made) == ["add a 128M", "add b 128M", "add c 128M"]
    check(made)
    with pytest.raises(InputError, match="branch 9: there are 2 branches"):
        made.switch(9)


@pytest.mark.parametrize("seed", range(8))
def test_no_order_of_undo_commands_and_switches_breaks_the_chain(seed: int) -> None:
    chance = random.Random(seed)
    made = session()
    for number in range(80):
        move = chance.randrange(4)
        if move == 0:
            made.undo(chance.randrange(1, 4))
        elif move == 1 and made.branches:
            made.switch(chance.randrange(len(made.branches)))
        elif move == 2:
            made.redo(chance.randrange(1, 4))
        else:
            do(made, f"note n{number}")
        check(made)


def test_a_long_history_is_at_every_step_what_it_was() -> None:
    """Also where only what a step changed is held of it (as on a machine of many runs)."""
    chance, made = random.Random(11), session("add d 64G", "online d[0-7] movable")
    first = made.state.blocks_of(next(iter(made.state.devices.values())))[0]
    do(made, "online " + ",".join(str(first + 2 * number) for number in range(4, 256)) + " movable")
    known = [made.state.blocks.rows.copy()]
    assert len(known[0]) > 256
    start = made.position
    while len(made.outcomes) < 200:
        block = first + chance.randrange(512)
        do(made, chance.choice((f"online {block} movable", f"offline {block}")))
        known.append(made.state.blocks.rows.copy())
    held = [outcome.after.blocks._chunks is not None for outcome in made.outcomes[start:]]
    assert held.count(False) > 60
    for _ in range(3):
        for position in (chance.randrange(200), *range(199, 150, -1), *range(20, 80)):
            made.seek(start + position % len(known))
            assert np.array_equal(made.state.blocks.rows, known[position % len(known)])
            made.machine.check()
            made.step_phase(1)
            made.step_phase(-1)
            assert np.array_equal(made.state.blocks.rows, known[position % len(known)])
