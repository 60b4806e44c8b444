"""Running scenarios, and what of their expectations does not hold (``pfnmap check``)."""

from __future__ import annotations

from msgspec import Struct

from pfnmap.engine.commands import Expect, StartMachine
from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.machine import Machine
from pfnmap.engine.play import Step, play
from pfnmap.engine.scenarios.scenario import Scenario
from pfnmap.engine.session import Session


class Failure(Struct, frozen=True):
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


class ScenarioRun(Struct, frozen=True):
    """What running a scenario gave."""

    scenario: Scenario
    steps: tuple[Step, ...]
    failures: tuple[Failure, ...]
    machine: Machine
    """The machine as the last line left it."""

    @property
    def claims(self) -> list[tuple[int, Expect]]:
        """(line number, claim) of every expectation."""
        return [(s.line, s.command) for s in self.steps if isinstance(s.command, Expect)]

    @property
    def ok(self) -> bool:
        """Whether every expectation held."""
        return not self.failures


def run_scenario(scenario: Scenario) -> ScenarioRun:
    """Run every line on a fresh machine; a refused command does not stop the run.

    Raises:
        ParseError: A line cannot be done on this machine at all (``FILE:LINE:COL: …``).
    """
    session = opened(scenario)
    steps: list[Step] = []
    failures: list[Failure] = []
    for step in play(scenario.lines, session, scenario.complaint):
        steps.append(step)
        failures += failures_of(step, scenario.source)
    return ScenarioRun(scenario, tuple(steps), tuple(failures), session.machine)


def failures_of(step: Step, source: str) -> list[Failure]:
    """Why the claim of a step of this file does not hold; empty: it does, or is none."""
    messages = step.failures
    if not messages:
        return []
    holds = step.holds
    lines = (format_command(step.command), format_command(holds)) if holds else ("", "")
    failures = [Failure(source, step.line, message) for message in messages[:-1]]
    return [*failures, Failure(source, step.line, messages[-1], *lines)]


def opened(scenario: Scenario) -> Session:
    """The scenario's machine at boot; a ParseError names the line of ``machine``."""
    try:
        machine = Machine.boot(scenario.start)
    except PfnmapError as error:
        places = (n for n, command in scenario.lines if isinstance(command, StartMachine))
        raise scenario.complaint(next(places, 1), error) from None
    return Session(machine, scenario.title, start_command=scenario.start)
