"""``python -m tests.fuzz``: processes side by side, a record at the end, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import __main__ as main
from tests.fuzz.record import Failure, Record
from tests.fuzz.workers import Fleet

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_it_stops_after_so_many_commands_and_says_what_it_did(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "--commands 100 --jobs 2 --minutes 5 --profiles 6.1,6.12 --historical 0"
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        status = main.run(main.parsed(words.split()))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    said = capsys.readouterr().out
    assert status == 0, said
    counted = re.search(r"(\d+) commands, \d+ a second\), 0 failures", said)
    assert counted is not None, said
    assert int(counted[1]) >= 100
    assert "in 2 processes" in said
    assert f"Machine.check() after a command {counted[1]}" in said


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_signal_ends_it_with_the_record(name: str) -> None:
    process = start("--what", "parser,keymaps", "--minutes", "5", "--jobs", "2")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("began ")
    process.send_signal(signal.Signals[name])
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert f"stopped by {name}" in said
    for what in ("parser", "keymaps"):
        counted = re.search(rf"^{what}: (\d+) inputs, 0 failures$", said, re.MULTILINE)
        assert counted is not None, said
        assert int(counted[1]) > 0


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(SystemExit, match=r"^--what novels: expected commands, parser, "):
        main.run(main.parsed(["--what", "parser,novels"]))


class Dying:
    """Ends its process at one seed, and fails at another."""

    what = "dying"

    def run(self, seed: int, record: Record) -> None:
        if seed == 7:
            os._exit(3)
        record.inputs += 1
        if seed == 4:
            record.failures.append(Failure(self.what, seed, "crash", "as told", ["input"]))


def test_a_process_that_dies_is_a_failure_and_the_others_go_on() -> None:
    fleet = Fleet([Dying()], 1, 2)  # the seeds 1, 3, 5, 7 and 2, 4, 6, …
    failures: list[Failure] = []
    while len(failures) < 2:
        failures += fleet.poll(0.1)
    assert fleet.running
    failures += fleet.stop()
    assert not fleet.running
    assert {(f.seed, f.message) for f in failures} == {(4, "as told"), (7, "the process died")}
    assert fleet.records["dying"].failures == failures
    assert fleet.records["dying"].inputs >= 3


def test_records_add_up() -> None:
    one, other = Record("x", 2, seconds=1.0, slowest=(0.5, 7)), Record("x", 3, slowest=(0.9, 8))
    one.count("answers", "works", 2)
    other.count("answers", "works")
    other.count("answers", "refused", 2)
    one += other
    assert one.lines() == [
        "x: 5 inputs, 0 failures",
        "  answers: works 3, refused 2",
        "  processor time: 1.0 s, 200.00 ms an input; at most 0.90 s (seed 8)",
    ]
