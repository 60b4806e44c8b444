"""Typed faster than the screen can draw: everything is done, in order."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pfnmap.engine.journal.resume import read_session
from pfnmap.engine.journal.store import JournalStore
from tests.tui.pty_program import Program


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        (8, 0.005),
        *(pytest.param(300, pause, marks=pytest.mark.slow) for pause in (0.005, 0.03, 0.1)),
    ],
)
def test_lines_typed_ahead_are_done_in_order(count: int, seconds: float, tmp_path: Path) -> None:
    state = tmp_path / "state"
    lines = [f'note "k{number}"' for number in range(count)]
    env = {"PFNMAP_STATE_DIR": str(state)}
    with Program(home=tmp_path, size=(80, 24), env=env) as program:
        for line in lines:  # from before there is a screen on
            program.send(f":{line}\r")
            time.sleep(seconds)
            program.read(0)
        program.wait_for(f"step {count}/{count}")
        program.send("q")
        assert program.end() == 0
    session = read_session(JournalStore(state / "sessions")).session
    assert [outcome.command.text for outcome in session.outcomes] == lines
