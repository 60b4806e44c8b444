"""Rows about machines in very many pieces: what costs how much on n of them, and on 10 n.

The yardstick is the program itself on a tenth; the ratio says how the cost grows, and the
target bounds what 10 n may cost.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from tests.bench.fragmented import LIST
from tests.bench.processes import ROOT, environment
from tests.bench.table import Measure, Row


def once(what: str, number: int, *, memory: bool = False) -> float:
    """Seconds, or the most bytes, of something done in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.fragmented", what, str(number)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[memory])


def both(what: str, number: int, *, memory: bool = False) -> tuple[Measure, Measure]:
    """Of 10 n, and of n."""
    return (
        partial(once, what, 10 * number, memory=memory),
        partial(once, what, number, memory=memory),
    )


def _row(words: str, what: str, number: int, limit: float, rounds: int = 3) -> Row:
    name, tenth = words.format(f"{10 * number:,}"), f"{number:,}"
    return Row(name, tenth, limit, partial(both, what, number), rounds=rounds, absolute=True,
               warm=False)  # fmt: skip


ROWS = (
    _row("online a list of {} blocks", "online", 100_000, 30, 1),
    _row("offline a list of {} blocks", "offline", 100_000, 30, 1),
    Row("memory for the list of 1,000,000 blocks", "100,000", 1e9,
        partial(both, "offline", 100_000, memory=True), unit="B", rounds=1, absolute=True,
        warm=False),
    _row("check of the whole, {} alternating blocks", "check", 100_000, 0.3, 1),
    _row("show as text, {} alternating blocks", "show", 100_000, 2, 1),
    _row("show as JSON, {} alternating blocks", "json", 100_000, 5, 1),
    Row("memory kept by a step, 20,000 fragments", "2,000", 2048,
        partial(both, "step bytes", 2_000), unit="B", rounds=1, absolute=True, warm=False),
    _row(f"resume of {{}} steps on {LIST:,} fragments", "resume", 1_000, 2, 1),
    _row("cast of 200 steps at 200x60, {} fragments", "cast", 1_000, 10, 1),
)  # fmt: skip
