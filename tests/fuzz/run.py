"""Running random sequences, counting, and making a failing one as short as it gets."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.commands import StartMachine
from engine.errors import InputError
from engine.kinds import BlockState
from engine.language import parse_line
from engine.machine import CheckError, Machine
from tests.fuzz.words import HISTORICAL_PROFILES, MERGED_PROFILES, LineMaker, random_machine

LINES_PER_MACHINE = 120


@dataclass
class Failure:
    """One sequence that broke something: a scenario, and what happened at its last line."""

    seed: int
    kind: str
    message: str
    lines: list[str]

    def __str__(self) -> str:
        scenario = "\n".join(f"    {line}" for line in self.lines)
        return f"seed {self.seed}: {self.kind}: {self.message}\n{scenario}"


@dataclass
class Report:
    """What a run did. ``words`` counts lines by verb and answer."""

    machines: int = 0
    commands: int = 0
    checks: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as text, one fact a line."""
        answers = ", ".join(f"{name} {count}" for name, count in self.answers.most_common())
        verbs = ", ".join(f"{name} {count}" for name, count in self.verbs.most_common())
        profiles = ", ".join(f"{name} {count}" for name, count in self.profiles.most_common())
        return [
            f"{self.machines} machines, {self.commands} commands, {self.checks} checks, "
            f"{len(self.failures)} failures",
            f"profiles: {profiles}",
            f"answers: {answers}",
            f"verbs: {verbs}",
        ]


def boot(line: str) -> Machine:
    """The machine of a ``machine`` line."""
    command = parse_line(line)
    assert isinstance(command, StartMachine)
    return Machine.boot(command)


def broken(machine: Machine, *, checked: bool) -> str:
    """What does not hold on this machine, empty when all does."""
    if checked:
        try:
            machine.check()
        except CheckError as error:
            return str(error)
    state = machine.state
    view = machine.view()
    extents = view.extents()
    if not len(extents):
        return ""
    pages = state.geometry.block_pages
    edges = np.unique(np.concatenate((extents.ravel(), extents[-1:, 1] + pages)))
    counts = view.page_counts(edges)
    if (counts < 0).any():
        return f"page counts are negative: {counts[counts < 0]}"
    if (counts.sum(axis=1) != np.diff(edges)).any():
        return "page counts of a range do not add up to its size"
    if (state.blocks.rows["state"] > BlockState.ONLINE).any():
        return "a block is left between two states"
    return ""


def look_around(machine: Machine, maker: LineMaker) -> None:
    """Ask for what a screen shows of a random place; only an exception would be wrong."""
    state = machine.state
    view = machine.view()
    view.page(maker.pfn(state))
    view.block(maker.block(state))
    _ = view.findings, view.zones, view.nodes, view.resources


def apply(machine: Machine, line: str, *, checked: bool) -> tuple[str, str]:
    """Run one line: (answer, what broke); answer is ``ok``, an errno or ``input``."""
    try:
        command = parse_line(line)
        if command is None:
            raise InputError("an empty line")
        outcome = machine.apply(command)
    except InputError:
        return "input", ""
    for event in outcome.events:
        if event.state is None:
            return "ok", f"phase {event.function} has no state"
    return outcome.errno or "ok", broken(machine, checked=checked)


def failure_of(lines: list[str], *, checked: bool) -> tuple[str, str, int] | None:
    """Replay a scenario: (kind, message, number of lines used), None when it passes."""
    try:
        machine = boot(lines[0])
        for number, line in enumerate(lines[1:], 2):
            _, what = apply(machine, line, checked=checked)
            if what:
                return "violation", what, number
    except InputError:
        return None
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "crash", f"{type(error).__name__} in {where.name}: {error}", number
    return None


def minimise(lines: list[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """The shortest scenario found by taking lines out while it still fails."""
    step = max(1, len(lines) // 2)
    while step:
        position = 1
        while position < len(lines):
            shorter = lines[:position] + lines[position + step :]
            if fails(shorter):
                lines = shorter
            else:
                position += step
        step //= 2
    return lines


def _same_kind(kind: str, message: str, *, checked: bool) -> Callable[[list[str]], bool]:
    words = message.split(":")[0]

    def fails(lines: list[str]) -> bool:
        found = failure_of(lines, checked=checked)
        return found is not None and found[0] == kind and found[1].split(":")[0] == words

    return fails


def run_one(seed: int, report: Report, *, historical: bool) -> None:
    """One machine and its lines, counted in ``report``."""
    rng = random.Random(seed)
    profile = rng.choice(HISTORICAL_PROFILES if historical else MERGED_PROFILES)
    lines = [random_machine(rng, profile)]
    checked = not historical
    maker = LineMaker(rng, any_rule=historical)
    kind = message = ""
    try:
        machine = boot(lines[0])
        report.machines += 1
        for _ in range(LINES_PER_MACHINE):
            lines.append(maker.line(machine.state))
            answer, message = apply(machine, lines[-1], checked=checked)
            report.commands += 1
            report.checks += checked
            report.answers[answer] += 1
            report.verbs[lines[-1].split()[0]] += 1
            report.profiles[profile] += 1
            if rng.random() < 0.1:
                look_around(machine, maker)
            if message:
                kind = "violation"
                break
    except InputError:
        return
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind, message = "crash", f"{type(error).__name__} in {where.name}: {error}"
    if kind:
        shortest = minimise(lines, _same_kind(kind, message, checked=checked))
        report.failures.append(Failure(seed, kind, message, shortest))


def run(seeds: range | list[int], *, historical_share: int = 5) -> Report:
    """Machines of these seeds; every ``historical_share``-th has a historical profile."""
    report = Report()
    for seed in seeds:
        run_one(seed, report, historical=seed % historical_share == 0)
    return report
