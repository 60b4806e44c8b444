"""Signals at any time, on a real terminal: it is left as it was found, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from pfnmap.engine.journal.resume import read_session
from pfnmap.engine.journal.store import JournalStore
from tests.examples import some
from tests.tui.forked import ROOT
from tests.tui.pty_program import PATIENCE_SECONDS, FreshProgram, Program
from tests.tui.terminal.test_terminal_e2e import assert_terminal_as_found

TAKEN = b"\x1b[?1049h"
"""What is sent when the screen is taken."""
START_UP_SECONDS = 0.7
"""Longer than the way to the first frame, on a machine with other things to do."""

ENDING = ("SIGTERM", "SIGHUP", "SIGINT")


def read_for(program: Program, seconds: float) -> None:
    """Take in what is written for some time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        program.read(0.002)


def wait_until_stopped(program: Program) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not program.has_stopped():
        program.read(0.01)
        assert time.monotonic() < deadline, "does not stop"
    program.read(0.05)


def assert_left_in_order(program: Program, number: signal.Signals) -> None:
    """Ended by the signal or because of it, with nothing left on the terminal."""
    assert program.end() in (-number, 128 + number)
    assert_terminal_as_found(program)
    assert b"Traceback" not in program.raw


def signalled_after(seconds: float, name: str, home: Path) -> None:
    with FreshProgram(home=home) as program:
        read_for(program, seconds)
        number = signal.Signals[name]
        program.process.send_signal(number)
        assert_left_in_order(program, number)


@pytest.mark.parametrize(("name", "part"), list(zip(ENDING, (0.25, 0.5, 1.0), strict=True)))
def test_a_signal_while_it_starts(name: str, part: float, tmp_path: Path) -> None:
    signalled_after(part * START_UP_SECONDS, name, tmp_path)


@pytest.mark.parametrize("name", ENDING)
def test_a_signal_as_soon_as_the_screen_is_taken(name: str, tmp_path: Path) -> None:
    """Before Textual has drawn anything; the most delicate moment."""
    with Program(home=tmp_path) as program:
        program.wait_for(lambda _: TAKEN in program.raw)
        number = signal.Signals[name]
        program.process.send_signal(number)
        assert_left_in_order(program, number)
        assert program.process.returncode == 128 + number


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize("step", range(100))
def test_a_signal_at_every_moment_of_the_start(name: str, step: int, tmp_path: Path) -> None:
    signalled_after(step / 100 * START_UP_SECONDS, name, tmp_path)


@pytest.mark.parametrize("name", [pytest.param("SIGHUP", marks=pytest.mark.slow), "SIGKILL"])
def test_what_was_done_is_kept_however_it_ends(name: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    env = {"PFNMAP_STATE_DIR": str(state)}
    with Program("-c", "add dimm0 256M", home=tmp_path, env=env) as program:
        program.wait_for("step 1/1")
        program.send("Gm")
        program.wait_for("step 2/2")
        program.process.send_signal(signal.Signals[name])
        program.end()
    session = read_session(JournalStore(state / "sessions")).session
    assert [outcome.command.text for outcome in session.outcomes] == [
        "add dimm0 256M",
        "online 41 movable",
    ]


@pytest.mark.parametrize(
    "name", ["SIGTERM", *(pytest.param(name, marks=pytest.mark.slow) for name in ENDING[1:])]
)
def test_a_signal_in_a_dialog(name: str, tmp_path: Path) -> None:
    with Program(home=tmp_path) as program:
        program.wait_for("press a")
        program.send(":add dimm0")
        program.wait_for(":add dimm0")
        number = signal.Signals[name]
        program.process.send_signal(number)
        assert_left_in_order(program, number)
        assert program.process.returncode == 128 + number


def test_stopped_and_continued(tmp_path: Path) -> None:
    """``ctrl+z`` gives the terminal back; ``fg`` takes it again and draws everything."""
    with Program("-c", "add dimm0 256M", home=tmp_path) as program:
        program.wait_for("step 1/1")
        program.send("\x1a")
        wait_until_stopped(program)
        assert_terminal_as_found(program)
        program.screen.reset()
        program.process.send_signal(signal.SIGCONT)
        program.wait_for("step 1/1")
        program.send("Gm")
        program.wait_for("step 2/2")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("SIGSTOP", 0.8),
        *(
            pytest.param(name, part, marks=pytest.mark.slow)
            for name in ("SIGTSTP", "SIGSTOP")
            for part in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0)
        ),
    ],
)
def test_stopped_and_continued_while_it_starts(name: str, part: float, tmp_path: Path) -> None:
    with FreshProgram(home=tmp_path) as program:
        read_for(program, part * START_UP_SECONDS)
        before = len(program.raw)
        program.process.send_signal(signal.Signals[name])
        # The kernel drops SIGTSTP before the screen is taken: no shell could let this go on.
        read_for(program, 0.3)
        if name == "SIGSTOP":  # by now it has stopped, and all that it wrote is here
            before = len(program.raw)
        program.process.send_signal(signal.SIGCONT)

        def shown(text: str) -> bool:
            if program.has_stopped():
                program.process.send_signal(signal.SIGCONT)
            return TAKEN in program.raw[before:] and "press a to hot-add a DIMM" in text

        program.wait_for(shown)
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)
        assert b"Traceback" not in program.raw


def test_stopped_by_somebody_else_it_takes_the_terminal_again(tmp_path: Path) -> None:
    """A shell sets the terminal to its own liking meanwhile, and writes on the screen."""
    with Program("-c", "add dimm0 256M", home=tmp_path) as program:
        program.wait_for("step 1/1")
        ours = program.after
        program.process.send_signal(signal.SIGSTOP)
        wait_until_stopped(program)
        termios.tcsetattr(program._slave, termios.TCSANOW, program.before)
        program.screen.reset()
        program.process.send_signal(signal.SIGCONT)
        program.wait_for("step 1/1")
        program.wait_for(lambda _: program.after == ours)
        program.send("Gm")
        program.wait_for("step 2/2")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)


def test_stopped_in_a_dialog_what_was_typed_is_still_there(tmp_path: Path) -> None:
    with Program(home=tmp_path) as program:
        program.wait_for("press a")
        program.send(":add dimm0 25")
        program.wait_for(":add dimm0 25")
        program.process.send_signal(signal.SIGTSTP)
        wait_until_stopped(program)
        assert_terminal_as_found(program)
        before = len(program.raw)
        program.process.send_signal(signal.SIGCONT)
        program.wait_for(lambda text: TAKEN in program.raw[before:] and ":add dimm0 25" in text)
        program.send("6M\r")
        program.wait_for("step 1/1")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)


def test_signals_of_every_kind_while_a_person_works(tmp_path: Path) -> None:
    """Stopped, continued and resized between any two keys; each key does what it should."""
    state = tmp_path / "state"
    env = {"PFNMAP_STATE_DIR": str(state)}
    with Program(home=tmp_path, env=env) as program:
        program.wait_for("press a")
        for number in range(3):
            program.send(f":add dimm{number} 128M\r")
            match number:
                case 0:
                    program.process.send_signal(signal.SIGSTOP)
                    wait_until_stopped(program)
                    program.process.send_signal(signal.SIGCONT)
                case 1:
                    program.process.send_signal(signal.SIGTSTP)
                    wait_until_stopped(program)
                    program.process.send_signal(signal.SIGCONT)
                case _:
                    for columns in (1, 200, 33, 120):
                        program.resize(columns, 40)
            program.wait_for(f"step {number + 1}/{number + 1}")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)
        assert b"Traceback" not in program.raw
    session = read_session(JournalStore(state / "sessions")).session
    assert len(session.outcomes) == 3


def test_sizes_that_change_while_it_starts(tmp_path: Path) -> None:
    sizes = [(1, 1), (200, 50), (20, 5), (80, 24), (1, 50), (200, 1)]
    with FreshProgram(home=tmp_path) as program:
        for turn in range(30):
            program.resize(*sizes[turn % len(sizes)], tell=turn > 5)
            read_for(program, 0.01)
        program.resize(100, 30)
        program.wait_for("press a to hot-add a DIMM")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)
        assert b"Traceback" not in program.raw


def test_work_goes_on_in_a_terminal_of_one_cell(tmp_path: Path) -> None:
    with Program(home=tmp_path, size=(1, 1)) as program:
        program.wait_for(lambda text: text.strip() != "")
        program.send(":add dimm0 256M\r")
        read_for(program, 0.3)
        program.resize(100, 30)
        program.wait_for("step 1/1")
        program.resize(1, 1)
        read_for(program, 0.1)
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)


def test_a_terminal_that_goes_away_ends_the_program_and_loses_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    program = Program(home=tmp_path, env={"PFNMAP_STATE_DIR": str(state)})
    try:
        program.wait_for("press a")
        program.send(":add dimm0 256M\r")
        program.wait_for("step 1/1")
        os.close(program._slave)
        os.close(program._master)
        assert program.process.wait(PATIENCE_SECONDS) in (-signal.SIGHUP, 128 + signal.SIGHUP)
    finally:
        program.process.kill()
        program.process.wait()
    assert len(read_session(JournalStore(state / "sessions")).session.outcomes) == 1


class Deaf(Program):
    """A program that no SIGHUP ends, as under nohup."""

    ignored = (signal.SIGHUP,)


CLOSING = [0.02, *(pytest.param(n * 0.004, marks=pytest.mark.slow) for n in range(40))]


@pytest.mark.parametrize("kind", [Program, Deaf])
@pytest.mark.parametrize("seconds", CLOSING)
def test_no_program_survives_its_terminal(
    kind: type[Program], seconds: float, tmp_path: Path
) -> None:
    """The terminal goes away while the program quits."""
    program = kind(home=tmp_path, size=(80, 24))
    try:
        program.wait_for("press a")
        program.send("q")
        read_for(program, seconds)
        os.close(program._slave)
        os.close(program._master)
        program.process.wait(PATIENCE_SECONDS)
    finally:
        program.process.kill()
        program.process.wait()


@pytest.mark.parametrize(
    "gap", [0.001, *(pytest.param(n * 0.001, marks=pytest.mark.slow) for n in range(40))]
)
def test_any_number_of_interrupts_is_one(gap: float, tmp_path: Path) -> None:
    with Program(home=tmp_path, size=(80, 24)) as program:
        program.wait_for("press a")
        for _ in range(20):
            if program.process.poll() is None:
                program.process.send_signal(signal.SIGINT)
            read_for(program, gap)
        assert_left_in_order(program, signal.SIGINT)


INTERRUPTED = """
import os, signal, sys
from pfnmap.tui.__main__ import main

class Interrupt:
    def find_spec(self, *_):
        left.pop()
        if not left:
            os.kill(os.getpid(), signal.SIGINT)

left = [None] * int(sys.argv.pop(1))
sys.meta_path.insert(0, Interrupt())
sys.exit(main())
"""


@pytest.mark.parametrize("imported", some([1, 40, 200], 2))
def test_an_interrupt_while_modules_are_imported_says_nothing(imported: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(imported), "show"],
        cwd=ROOT,
        capture_output=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
    assert done.stderr == b""


def test_keys_typed_before_there_is_a_screen_are_for_the_screen(tmp_path: Path) -> None:
    """The kernel edits the line as for a shell then, and makes a new line of Enter."""
    with FreshProgram(home=tmp_path, size=(80, 24)) as program:
        program.send(":add dimm0 256M\rGm")
        program.wait_for("step 2/2")
        program.send("q")
        assert program.end() == 0


def test_the_last_of_many_sizes_counts(tmp_path: Path) -> None:
    with Program(home=tmp_path, size=(80, 24)) as program:
        program.wait_for("press a")
        for turn in range(60):
            program.resize((20, 80)[turn % 2], (5, 24)[turn % 2])
        program.wait_for("press a to hot-add a DIMM")
        program.send("q")
        assert program.end() == 0
