"""Keys, mouse and sizes at random, through a real terminal: the state stays the journal's."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pfnmap.engine.commands import Expect, Title
from pfnmap.engine.expectations import evaluate
from pfnmap.engine.journal.resume import Replayed, read_session
from pfnmap.engine.journal.store import JournalStore
from pfnmap.engine.scenarios.scenario import load_scenario
from tests.tui.pty_program import Program
from tests.tui.terminal.test_terminal_e2e import KEYS, leave

TYPED = [key for key in KEYS if key != "q"]
"""No key that ends the program; marks are set and gone to by the way."""
PRESS, RELEASE = "M", "m"
LEFT, MIDDLE, RIGHT, DRAG, HOVER, WHEEL_UP, WHEEL_DOWN, SHIFT = 0, 1, 2, 32, 35, 64, 65, 4


def mouse(button: int, column: int, row: int, kind: str = PRESS) -> str:
    """What a terminal sends for the mouse (SGR form; columns and rows from 1)."""
    return f"\x1b[<{button};{column};{row}{kind}"


def gesture(dice: random.Random, columns: int, rows: int) -> str:
    """A click, a drag, a turn of the wheel or a move, sometimes just outside the screen."""
    x, y = dice.randint(1, columns + 2), dice.randint(1, rows + 2)
    match dice.randrange(5):
        case 0:
            button = dice.choice([LEFT, LEFT, LEFT, MIDDLE, RIGHT, LEFT + SHIFT])
            return mouse(button, x, y) + mouse(button, x, y, RELEASE)
        case 1:
            to = dice.randint(1, columns), dice.randint(1, rows)
            return mouse(LEFT, x, y) + mouse(DRAG, *to) + mouse(LEFT, *to, RELEASE)
        case 2:
            return mouse(dice.choice([WHEEL_UP, WHEEL_DOWN]), x, y) * dice.randint(1, 4)
        case _:
            return "".join(mouse(HOVER, x + step, y) for step in range(dice.randint(1, 5)))


def storm(program: Program, count: int, seed: int) -> None:
    """Random keys, gestures and sizes."""
    dice = random.Random(seed)
    columns, rows = 120, 40
    for step in range(count):
        if dice.random() < 0.4:
            program.send(gesture(dice, columns, rows))
        else:
            program.send(dice.choice([*TYPED, '"', "'", "a"]))
        if step % 5 == 0:
            program.read(0)
        if step % 25 == 24:
            columns = dice.choice([1, 20, 60, 80, 120, 200])
            rows = dice.choice([1, 5, 16, 24, 50])
            program.resize(columns, rows)
    program.resize(120, 40)
    assert program.process.poll() is None, program.text


def rest(program: Program) -> None:
    """Until nothing is drawn any more, or what is drawn will not end."""
    for _ in range(20):
        seen = len(program.raw)
        program.read(0.6)
        if seen == len(program.raw):
            return


def saved(program: Program, file: Path) -> None:
    """Close what is open, and let the program itself write down the state it is in."""
    rest(program)
    for _ in range(3):
        program.send("\x1b")
        rest(program)
    program.send(":")
    program.wait_for("a command; tab completes")
    program.send(f"save {file} expect=yes\r")
    program.wait_for(lambda _: file.exists())


def assert_as_the_journal_says(file: Path, replayed: Replayed) -> None:
    """The commands saved are those of the journal, and its machine is as the program's was."""
    assert replayed.lines.damage is None
    session = replayed.session
    scenario = load_scenario(file)
    claims = [command for command in scenario.commands if isinstance(command, Expect)]
    done = [command for command in scenario.commands if not isinstance(command, Expect | Title)]
    kept = [outcome.command for outcome in session.outcomes[: session.position]]
    assert done == kept
    assert claims
    wrong = [text for claim in claims for text in evaluate(claim, session.state, session.last)]
    assert not wrong


def ride_out(tmp_path: Path, count: int, seed: int, *arguments: str) -> None:
    home, file = tmp_path / "home", tmp_path / "after.hotplug"
    home.mkdir()
    with Program("-c", "add dimm0 256M", *arguments, home=home) as program:
        program.wait_for("step 1/1")
        program.send("t")  # so that there is a journal in any case
        program.wait_for("step 2/2")
        storm(program, count, seed)
        saved(program, file)
        (store,) = {path.parent for path in home.rglob("session-*.journal")}
        assert_as_the_journal_says(file, read_session(JournalStore(store)))
        leave(program)
        assert b"Traceback" not in program.raw


def test_a_storm_of_keys_mouse_and_sizes(tmp_path: Path) -> None:
    ride_out(tmp_path, 80, seed=7)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_long_storm(seed: int, tmp_path: Path) -> None:
    ride_out(tmp_path, 10_000, seed)


def test_without_the_mouse_nothing_is_asked_of_it(tmp_path: Path) -> None:
    with Program("--no-mouse", home=tmp_path) as program:
        program.wait_for("press a")
        assert b"\x1b[?1000h" not in program.raw and b"\x1b[?1003h" not in program.raw
        leave(program)
