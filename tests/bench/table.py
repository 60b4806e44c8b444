"""A row of the table: pfnmap against its yardstick, interleaved, as medians.

The ratio is the median of the ratios of the rounds: both sides of a round run one after the
other, so what else the machine does weighs on both. It need not be the ratio of the medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Measure = Callable[[], float]
"""Runs once and returns what it cost (seconds, bytes …)."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a row came to."""

    name: str
    ours: float
    yardstick: float
    ratio: float
    unit: str
    target: str
    met: bool
    yardstick_name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. ``limit`` bounds the ratio, or ours alone when ``absolute``."""

    name: str
    yardstick_name: str
    limit: float
    prepare: Callable[[], tuple[Measure, Measure] | None]
    """Set up once: (ours, yardstick), None where the yardstick is not installed."""
    unit: str = "s"
    rounds: int = 7
    absolute: bool = False
    warm: bool = True
    """Whether a round that does not count comes first; what begins a process needs none."""

    def run(self, rounds: int | None = None) -> Result | None:
        """Measure both sides in turn; medians."""
        pair = self.prepare()
        if pair is None:
            return None
        ours, yardstick = pair
        if self.warm:
            ours(), yardstick()
        costs = [(ours(), yardstick()) for _ in range(rounds or self.rounds)]
        mine, other = (statistics.median(column) for column in zip(*costs, strict=True))
        ratio = statistics.median(a / b if b else float("inf") for a, b in costs)
        met = (mine if self.absolute else ratio) <= self.limit
        target = f"{self.limit:g} {self.unit}" if self.absolute else f"{self.limit:g}x"
        return Result(self.name, mine, other, ratio, self.unit, target, met, self.yardstick_name)


def timed(action: Callable[[], object], clock: Callable[[], float] = time.process_time) -> Measure:
    """A measure of what an action takes, in seconds; ``clock`` if not of this process's CPU.

    CPU time is what work without waiting takes on a machine that does nothing else.
    """

    def measure() -> float:
        start = clock()
        action()
        return clock() - start

    return measure


def amount(value: float, unit: str) -> str:
    """A figure with its unit, scaled for reading."""
    if unit != "s":
        return f"{value:.0f} {unit}"
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def render(results: Sequence[Result | None], names: Sequence[str]) -> list[str]:
    """The table as lines of text."""
    cells = [("what", "pfnmap", "yardstick", "ratio", "target", "")]
    for name, result in zip(names, results, strict=True):
        if result is None:
            cells.append((name, "-", "not installed", "-", "-", "skipped"))
            continue
        cells.append(
            (
                result.name,
                amount(result.ours, result.unit),
                f"{amount(result.yardstick, result.unit)} {result.yardstick_name}",
                f"{result.ratio:.2f}",
                result.target,
                "ok" if result.met else "MISSED",
            )
        )
    widths = [max(len(row[i]) for row in cells) for i in range(6)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
