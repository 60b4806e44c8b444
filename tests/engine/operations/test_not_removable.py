"""Blocks that a real machine says cannot be removed, though no page of them is known to be why."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pfnmap.engine.machine import Machine
from pfnmap.engine.model_view import ModelView
from tests.engine.tools import booted


def machine(profile: str) -> Machine:
    """Four blocks of a DIMM online in Movable; ``removable`` of the third is 0."""
    done = booted(f"machine ram=1G profile={profile}")
    for line in ("add d 512M", "online 32-35 movable"):
        assert done.run(line).ok
    kept = done.state.kept.insert(34, 1)
    return Machine(replace(done.state, kept=kept))


@pytest.mark.parametrize(
    ("profile", "errno", "function"),
    [("5.5", "EBUSY", "start_isolate_page_range"), ("6.12", "EINVAL", "memory_block_offline")],
)
def test_the_blocks_before_it_go_and_it_is_refused(profile: str, errno: str, function: str) -> None:
    outcome = machine(profile).run("offline 32-35")
    assert outcome.refusal is not None
    assert (outcome.errno, outcome.refusal.function, outcome.refusal.block) == (errno, function, 34)
    assert "removable is 0" in outcome.refusal.rule
    states = [int(outcome.after.blocks.row_at(block)["state"]) for block in range(32, 36)]
    assert states[0] == states[1] != states[2] == states[3]


def test_what_is_in_the_way_of_an_offline_is_foreseen() -> None:
    done = booted("machine ram=1G", "add d 384M", "online 32-33 movable", "pin 33 kind=longterm")

    def obstacles() -> list[str]:
        view = ModelView(done.state)
        rows = (view.block(block) for block in (32, 33, 34))
        return [view.offline_obstacle(row) for row in rows if row is not None]

    free, pinned, gone = obstacles()
    assert (free, gone) == ("", "EINVAL: offline already")
    assert pinned.startswith("EINTR: goes on until a signal comes: pfn 0x108000")
    assert done.run("offline 33").errno == "EINTR"
    waits, stuck, gone = obstacles()
    assert waits.startswith("EINTR: waits until a signal comes")
    assert stuck == "EINTR: its state is going-offline, until a signal comes"
    assert gone == "EINVAL: offline already"

    row = ModelView(done.state).block(32)
    assert row is not None
    coming = replace(row, state="going-online")
    assert ModelView(done.state).offline_obstacle(coming) == "its state is going-online"
