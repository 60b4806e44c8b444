"""What an input may cost: 2 s and 300 MiB below 1 kB, 10 s and 1 GiB for any file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def told(*options: str) -> str:
    command = [sys.executable, "-m", "tests.fuzz.costs", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_small_inputs_cost_little() -> None:
    assert told() == ""


@pytest.mark.slow
def test_no_file_within_its_limits_costs_much() -> None:
    assert told("--all") == ""
