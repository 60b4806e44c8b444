"""End to end: the real program, a real terminal, nothing in between."""

from __future__ import annotations

import random
import re
import signal
from pathlib import Path

import pytest

from tests.tui.pty_program import FreshProgram, Program

SWITCHED_OFF = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l")
"""What must have been sent by the end: the normal screen, the cursor, no mouse, no paste mode."""


def colours_sent(raw: bytearray) -> set[str]:
    """Every colour code of every SGR sequence, but the terminal's own colours."""
    codes: set[str] = set()
    for sequence in re.findall(rb"\x1b\[([0-9;]*)m", bytes(raw)):
        codes |= set(sequence.decode().split(";"))
    return {code for code in codes if re.fullmatch(r"3[0-8]|4[0-8]|9[0-7]|10[0-7]", code)}


def assert_terminal_as_found(program: Program) -> None:
    assert program.after == program.before
    for sequence in SWITCHED_OFF:
        on = sequence.replace(b"l", b"h") if sequence.endswith(b"l") else sequence
        if on in program.raw:
            assert sequence in program.raw[program.raw.rindex(on) :], sequence


def test_the_life_of_a_dimm(tmp_path: Path) -> None:
    with FreshProgram(home=tmp_path) as program:
        program.wait_for("press a to hot-add a DIMM, ? for help")
        program.send("a")
        program.wait_for("the kernel would accept this")
        program.send("\r")
        program.wait_for("step 1/1")
        program.wait_for("block 40 (dimm0) offline")
        program.send("m")
        program.wait_for("block 40 (dimm0) online, Movable")
        program.send("f")
        program.wait_for("block 40 (dimm0) offline")
        program.send("m")
        program.wait_for("step 4/4")
        program.send("s")
        program.wait_for("#5 shrink Movable node=0")
        program.send("u")
        program.wait_for("step 4/5")
        program.send("x")
        program.wait_for("step 5/5")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)


def test_a_refusal_has_its_reason(tmp_path: Path) -> None:
    with Program("-c", "add dimm0 256M", "-c", "online 40 movable", home=tmp_path) as program:
        program.wait_for("step 2/2")
        program.send("Go")
        program.wait_for("block 41 (dimm0) online")
        program.send("o")
        program.wait_for(lambda text: "EINVAL" in text and "online already" in text)
        program.send("q")
        assert program.end() == 0


def test_capital_q_leaves_the_frame_in_the_scrollback(tmp_path: Path) -> None:
    with Program(home=tmp_path, size=(80, 24)) as program:
        program.wait_for("press a")
        program.send("Q")
        assert program.end() == 0
        left = bytes(program.raw).rpartition(b"\x1b[?1049l")[2].decode()
        assert "pfnmap" in left
        assert "press a to hot-add" in left
        assert_terminal_as_found(program)


@pytest.mark.parametrize("size", [(1, 1), (250, 70)])
def test_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    with Program(home=tmp_path, size=size) as program:
        program.wait_for(lambda text: text.strip() != "")
        program.send("G")
        program.resize(80, 24)
        program.wait_for("press a to hot-add a DIMM")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)


@pytest.mark.parametrize(
    "env",
    [
        {"NO_COLOR": "1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        pytest.param({"TERM": "linux", "COLORTERM": ""}, marks=pytest.mark.slow),
        pytest.param({"TERM": "xterm", "COLORTERM": ""}, marks=pytest.mark.slow),
        pytest.param({"TERM": "screen-256color", "COLORTERM": ""}, marks=pytest.mark.slow),
    ],
    ids=lambda env: "+".join(f"{key}={value}" for key, value in env.items()),
)
def test_terminals(env: dict[str, str], tmp_path: Path) -> None:
    """Whatever the terminal promises, states can be told apart and nothing else is sent."""
    kind = FreshProgram if "LC_ALL" in env else Program
    with kind("-c", "add dimm0 256M", home=tmp_path, env=env, size=(100, 30)) as program:
        program.wait_for("#1 add dimm0 256M")
        program.send("G")
        program.wait_for("block 41 (dimm0) offline")
        if "linux" in env.values() or "C" in env.values():
            assert program.text.isascii()
        program.send("a")
        program.wait_for("the kernel would accept this")
        program.send("\x1b")
        program.wait_for(lambda text: "would accept" not in text)
        program.send("x:nonsense\r")
        program.wait_for("there is no verb")
        if "NO_COLOR" in env:
            assert colours_sent(program.raw) == set()
        program.send("\x1b")
        program.wait_for(lambda text: "there is no verb" not in text)
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)
        assert b"Traceback" not in program.raw


KEYS = [
    *"hjklHLgG0$(){}[]+-=zvfdmoOxste.u/nNMyYDSwZb,;: aq?",
    "\r", "\x1b", "\t", "\x12", "\x04", "\x15", "\x0c", "\x10",
    "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[Z",
]  # fmt: skip
"""Everything but the keys that end the program for good when it is pressed."""


def storm(program: Program, count: int, seed: int) -> None:
    """Random keys and sizes; ``q`` only where it types or closes a reader."""
    dice = random.Random(seed)
    keys = [key for key in KEYS if key != "q"]
    for step in range(count):
        program.send(dice.choice(keys))
        if step % 10 == 0:
            program.read(0)
        if step % 25 == 24:
            program.resize(dice.choice([1, 20, 60, 80, 120, 200]), dice.choice([1, 5, 16, 24, 50]))
    program.resize(120, 40)
    assert program.process.poll() is None, program.text


def leave(program: Program) -> None:
    """Close whatever is open, then quit."""
    program.send("\x1b")
    program.read(0.5)
    program.send("\x1b")
    program.read(0.5)
    program.send("\x11")
    assert program.end() == 0
    assert_terminal_as_found(program)


def test_a_storm_of_keys_and_sizes(tmp_path: Path) -> None:
    with Program("-c", "add dimm0 256M", home=tmp_path) as program:
        program.wait_for("step 1/1")
        storm(program, 150, seed=1)
        leave(program)
        assert b"Traceback" not in program.raw


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_long_storm(seed: int, tmp_path: Path) -> None:
    with Program("-c", "add dimm0 256M", home=tmp_path) as program:
        program.wait_for("step 1/1")
        storm(program, 10_000, seed)
        leave(program)
        assert b"Traceback" not in program.raw


@pytest.mark.parametrize("signal_name", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.slow)])
def test_a_signal_ends_it_with_the_terminal_as_found(signal_name: str, tmp_path: Path) -> None:
    with Program(home=tmp_path) as program:
        program.wait_for("press a")
        program.process.send_signal(signal.Signals[signal_name])
        assert program.end() == 128 + signal.Signals[signal_name]
        assert_terminal_as_found(program)
