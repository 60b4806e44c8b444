"""Scenarios with expectations: what ``pfnmap check`` does.

:func:`run_scenario` runs a whole scenario and collects what failed, with file and line, and
what would have held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pfnmap.engine.claims import corrected, evaluate
from pfnmap.engine.commands import Expect, StartMachine
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.language import format_command
from pfnmap.engine.values import dataclass

if TYPE_CHECKING:
    from pfnmap.engine.machine import Machine
    from pfnmap.engine.outcome import Outcome
    from pfnmap.engine.scenarios.scenario import Scenario

__all__ = ["Failure", "ScenarioRun", "booted", "evaluate", "failures_of", "run_scenario"]


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that did not hold."""

    source: str
    line: int
    message: str
    claimed: str = ""
    """The ``expect`` line in normal form, with the last failure of that line; else empty."""
    holds: str = ""
    """The line that would hold in its place; empty where one line cannot say it."""

    @property
    def diff(self) -> list[str]:
        """The claim and what holds, as the lines of a diff; none where that is not known."""
        return [f"-{self.claimed}", f"+{self.holds}"] if self.holds else []

    def __str__(self) -> str:
        """``FILE:LINE: what: expected …, is …``."""
        return f"{self.source}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """What running a scenario gave."""

    scenario: Scenario
    outcomes: tuple[tuple[int, Outcome], ...]
    """(line number, outcome) of every command that a machine was given, in order."""
    failures: tuple[Failure, ...]
    nr_expectations: int
    machine: Machine
    """The machine as the last line left it."""

    @property
    def ok(self) -> bool:
        """Whether every expectation held."""
        return not self.failures


def run_scenario(scenario: Scenario) -> ScenarioRun:
    """Run every line on a fresh machine; a refused command does not stop the run.

    Raises:
        ParseError: A line cannot be done on this machine at all (``FILE:LINE:COL: …``).
    """
    from pfnmap.engine.machine import TALK

    outcomes: list[tuple[int, Outcome]] = []
    failures: list[Failure] = []
    nr_expectations = 0
    machine = booted(scenario)
    for number, command in scenario.lines:
        if isinstance(command, Expect):
            nr_expectations += 1
            last = outcomes[-1][1] if outcomes else None
            failures += failures_of(command, machine, last, (scenario.source, number))
        elif not isinstance(command, (StartMachine, *TALK)):
            try:
                outcomes.append((number, machine.apply(command)))
            except PfnmapError as error:
                raise scenario.complaint(number, error) from None
    return ScenarioRun(scenario, tuple(outcomes), tuple(failures), nr_expectations, machine)


def failures_of(
    expect: Expect, machine: Machine, last: Outcome | None, place: tuple[str, int]
) -> list[Failure]:
    """Why a claim does not hold; ``place`` is its file and line. Empty: it holds."""
    view, state = machine.view(), machine.state
    messages = evaluate(expect, view=view, state=state, last=last)
    if not messages:
        return []
    true = corrected(expect, view=view, state=state, last=last)
    failures = [Failure(*place, message) for message in messages[:-1]]
    lines = (format_command(expect), format_command(true)) if true else ("", "")
    return [*failures, Failure(*place, messages[-1], *lines)]


def booted(scenario: Scenario) -> Machine:
    """The scenario's machine; a ParseError names the line of ``machine``."""
    from pfnmap.engine.machine import Machine

    try:
        return Machine.boot(scenario.start)
    except PfnmapError as error:
        places = (n for n, command in scenario.lines if isinstance(command, StartMachine))
        raise scenario.complaint(next(places, 1), error) from None
