"""``python -m tests.fuzz``: random input of every kind until the time is up.

Prints each failure when it is found, commands as few as still fail, and a record of the whole run
at its end; Ctrl-C and SIGTERM end it early with the same record. Exit status 0 when nothing
broke, 1 when something did.
"""

from __future__ import annotations

import argparse
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import numpy as np

from tests.fuzz.commands import Commands, commands_in
from tests.fuzz.targets import NAMES, target_named
from tests.fuzz.workers import Fleet, Target

ROOT = Path(__file__).resolve().parents[2]
PROGRESS_SECONDS = 60.0


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--what", default="commands", help=f"{', '.join(NAMES)} or all, separated by commas"
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to run (1)")
    parser.add_argument("--commands", type=int, default=0, help="stop after so many commands")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes (1)")
    parser.add_argument("--failures", type=int, default=5, help="stop after this many (5)")
    parser.add_argument(
        "--profiles",
        default="",
        help="kernel profiles of commands, e.g. 6.1,7.3/arm64-4k (several)",
    )
    parser.add_argument(
        "--historical", type=int, default=5, help="every Nth machine has old rules, 0: none (5)"
    )
    return parser.parse_args(arguments)


def targets_of(options: argparse.Namespace) -> list[Target]:
    """What was asked for."""
    names = NAMES if options.what == "all" else options.what.split(",")
    if unknown := [name for name in names if name not in NAMES]:
        raise SystemExit(f"--what {unknown[0]}: expected {', '.join(NAMES)} or all")
    commands = Commands(historical=options.historical)
    if options.profiles:
        commands = Commands(tuple(options.profiles.split(",")), options.historical)
    return [commands if name == "commands" else target_named(name) for name in names]


class Stopped:
    """Notes a signal that asks for the end; a second one ends at once."""

    def __init__(self, fleet: Fleet) -> None:
        self.by = ""
        self._fleet = fleet
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.by:
            self._fleet.kill()
        self.by = signal.Signals(number).name


def run(options: argparse.Namespace) -> int:
    """Run, report, and answer with the exit status."""
    targets = targets_of(options)
    began, date = time.monotonic(), time.strftime("%Y-%m-%d %H:%M:%S %z")
    fleet = Fleet(targets, options.seed, max(1, options.jobs))
    stopped = Stopped(fleet)
    print(f"began {date}, {_versions()}", flush=True)
    failures, progress = 0, PROGRESS_SECONDS
    while (
        fleet.running
        and not stopped.by
        and failures < options.failures
        and (took := time.monotonic() - began) < options.minutes * 60
        and not 0 < options.commands <= _commands(fleet)
    ):
        failures += _told(fleet.poll(0.2))
        if took >= progress:
            progress += PROGRESS_SECONDS
            print(_summary(fleet, took), file=sys.stderr, flush=True)
    failures += _told(fleet.stop())
    took = time.monotonic() - began
    end = f", stopped by {stopped.by}" if stopped.by else ""
    print(f"ran {took / 60:.1f} minutes in {options.jobs} processes{end}")
    print(f"seeds from {options.seed}")
    print(_summary(fleet, took))
    for record in fleet.records.values():
        print(*record.lines(), sep="\n")
    return 1 if failures else 0


def _told(failures: Sequence[object]) -> int:
    for failure in failures:
        print(failure, flush=True)
    return len(failures)


def _commands(fleet: Fleet) -> int:
    return sum(commands_in(record) for record in fleet.records.values())


def _summary(fleet: Fleet, seconds: float) -> str:
    inputs = sum(record.inputs for record in fleet.records.values())
    failures = sum(len(record.failures) for record in fleet.records.values())
    commands = _commands(fleet)
    spoken = f" ({commands} commands, {commands / seconds:.0f} a second)" if commands else ""
    return f"{seconds / 60:.1f} minutes: {inputs} inputs{spoken}, {failures} failures"


def _versions() -> str:
    """What was tested, as far as can be known."""
    words = f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}"
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return words
    return f"{words}, commit {commit}"


if __name__ == "__main__":
    sys.exit(run(parsed()))
