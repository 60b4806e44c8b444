"""The real program on a real terminal: killed in a key storm it loses nothing that was seen."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from random import Random

import pytest

from pfnmap.engine.journal.resume import read_session, resume
from pfnmap.engine.journal.store import JournalStore
from tests.tui.pty_program import Program

KEYS = "ofmOxt.uu[]hljkHL"
"""Keys that change the machine, move in time, and move the cursor."""
EVENT = re.compile(r"events ─ #(\d+)")
STEP = re.compile(r"step \d+/(\d+)")


def store(home: Path) -> JournalStore:
    return JournalStore(home / "state" / "sessions")


def env(home: Path) -> dict[str, str]:
    return {"PFNMAP_STATE_DIR": str(home / "state")}


def steps_seen(program: Program) -> int:
    """How many commands the screen has shown.

    The title says it, or where a message covers the title the number of the last event.
    """
    found = STEP.search(program.lines[0]) or EVENT.search(program.text)
    assert found, program.text
    return int(found[1])


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))]
)
def test_killed_in_a_storm_of_keys(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    with Program("-c", "add dimm0 1G", env=env(tmp_path), home=tmp_path) as program:
        program.wait_for("step 1/1")
        for _ in range(40):
            program.send("".join(random.choices(KEYS, k=random.randrange(1, 6))))
            program.read(0.01)
        program.send("m")
        program.read(random.random() * 0.05)
        seen = steps_seen(program)
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()
    replayed = read_session(store(tmp_path))
    assert replayed.lines.damage is None
    # Keys whose effect was not on the screen yet may have been done, and then are kept too.
    kept = replayed.session
    done = len(kept.outcomes) + sum(len(branch.outcomes) for branch in kept.branches)
    assert done >= seen > 0
    with Program("--resume", env=env(tmp_path), home=tmp_path) as program:
        program.wait_for(f"step {kept.position}/{len(kept.outcomes)}")
        program.send("q")
        assert program.end() == 0


def test_the_terminal_is_closed(tmp_path: Path) -> None:
    with Program(env=env(tmp_path), home=tmp_path) as program:
        program.wait_for("press a to hot-add")
        program.send("a")
        program.wait_for("the kernel would accept this")
        program.send("\r")
        program.wait_for("step 1/1")
        program.process.send_signal(signal.SIGHUP)
        program.end()
    (outcome,) = resume(store(tmp_path)).session.outcomes
    assert outcome.command.text == "add dimm0 256M"


def test_without_a_place_for_sessions_it_says_so_once_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with Program(env=env(tmp_path), home=tmp_path) as program:
        program.wait_for("press a to hot-add")
        program.send(":add dimm0 256M\r")
        program.wait_for("step 1/1")
        program.wait_for("not being kept")
        program.send(":add dimm1 256M\r")
        program.wait_for("step 2/2")
        program.send("q")
        assert program.end() == 0
    assert b"the session goes on but is not being kept" in program.raw


def test_two_programs_keep_two_sessions(tmp_path: Path) -> None:
    with (
        Program("-c", "add dimm0 256M", env=env(tmp_path), home=tmp_path) as one,
        Program("-c", "add dimm1 256M", env=env(tmp_path), home=tmp_path) as two,
    ):
        one.wait_for("step 1/1")
        two.wait_for("step 1/1")
        assert len(store(tmp_path).journals()) == 2
        with Program("--resume", env=env(tmp_path), home=tmp_path) as three:
            assert three.end() == 2
            assert "there is no session to resume" in three.text


def test_no_journal_leaves_nothing(tmp_path: Path) -> None:
    with Program(
        "--no-journal", "-c", "add dimm0 256M", env=env(tmp_path), home=tmp_path
    ) as program:
        program.wait_for("step 1/1")
    assert not (tmp_path / "state").exists()
