"""Inputs chosen by bytes, as a fuzzer that watches coverage does; atheris itself is not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.guided import Choices, trial
from tests.fuzz.targets import target_named
from tests.fuzz.texts import Lines

ROOT = Path(__file__).resolve().parents[2]


@given(st.binary(max_size=200))
def test_bytes_are_an_input(data: bytes) -> None:
    inputs = target_named("parser")
    assert isinstance(inputs, Lines)
    assert inputs.make(Choices(data)) == inputs.make(Choices(data))


def test_other_bytes_are_other_inputs_and_no_bytes_are_one_too() -> None:
    inputs = Lines()
    made = {inputs.make(Choices(bytes([number]) * 64)) for number in range(0, 256, 16)}
    assert len(made) > 3
    assert isinstance(inputs.make(Choices(b"")), str)


def test_numbers_come_from_the_bytes() -> None:
    choices = Choices(b"\x80\xff\x00")
    assert [choices.getrandbits(8), choices.getrandbits(4), choices.getrandbits(3)] == [128, 15, 0]
    assert 0 <= Choices(b"\xff" * 8).random() < 1


def test_where_the_bytes_end_it_goes_on_always_in_the_same_way() -> None:
    """Drawing without putting back waits for a number that it has not had."""
    samples = [Choices(b"").sample(range(100), 30) for _ in range(2)]
    assert samples[0] == samples[1]
    assert len(set(samples[0])) == 30


def test_an_input_that_breaks_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def use(inputs: Lines, item: str) -> str:
        raise KeyError("broken")

    monkeypatch.setattr(Lines, "use", use)
    with pytest.raises(AssertionError, match="crash: KeyError in use"):
        trial(Lines())(b"any")
    assert capsys.readouterr().out.startswith("parser: crash: KeyError")


def test_without_atheris_it_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "atheris.py").write_text("raise ImportError")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", "parser"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2,
        "tests.fuzz.guided needs atheris: pip install atheris\n",
    )
