"""The fuzzer, short: what it finds nowadays (nothing), and that it would find something."""

from __future__ import annotations

import random

import pytest

from engine.kinds import ZoneType
from engine.language import VERBS, Kind
from engine.machine import CheckError, Machine
from tests.fuzz import run as fuzz
from tests.fuzz.words import LineMaker, random_machine


def test_random_commands_break_no_identity() -> None:
    report = fuzz.run(range(10, 34))
    assert [str(failure) for failure in report.failures] == []
    assert report.commands == report.machines * fuzz.LINES_PER_MACHINE
    acts = {verb.name for verb in VERBS.values() if verb.kind in (Kind.ACTION, Kind.PARAMETER)}
    assert acts - set(report.verbs) == set()
    assert {"ok", "EBUSY", "EINVAL", "EEXIST", "ENOMEM", "ENOENT", "input"} <= set(report.answers)


@pytest.mark.slow
@pytest.mark.parametrize("first_seed", range(2000, 4000, 200))
def test_many_random_commands_break_no_identity(first_seed: int) -> None:
    report = fuzz.run(range(first_seed, first_seed + 200))
    assert [str(failure) for failure in report.failures] == []


def test_a_seed_is_a_sequence() -> None:
    def lines(seed: int) -> list[str]:
        rng = random.Random(seed)
        machine = fuzz.boot(random_machine(rng, "6.12"))
        maker = LineMaker(rng, any_rule=False)
        out = []
        for _ in range(60):
            out.append(maker.line(machine.state))
            fuzz.apply(machine, out[-1], checked=True)
        return out

    assert lines(3) == lines(3)
    assert lines(3) != lines(4)


def test_a_broken_rule_is_found_and_told_in_the_fewest_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check(machine: Machine) -> None:
        """An identity that no machine keeps."""
        if any(node.zones[ZoneType.MOVABLE].present for node in machine.state.nodes):
            raise CheckError(["Movable has memory: how dare it"])

    monkeypatch.setattr(Machine, "check", check)
    report = fuzz.run(range(11, 15))
    failure = report.failures[0]
    assert failure.kind == "violation"
    assert failure.lines[0].startswith("machine ")
    assert len(failure.lines) <= 4
    assert fuzz.failure_of(failure.lines, checked=True) is not None
    assert "Movable has memory" in str(failure)


def test_minimising_keeps_only_what_fails() -> None:
    lines = ["machine", *(f"line {number}" for number in range(30))]
    shortest = fuzz.minimise(lines, lambda kept: {"line 7", "line 22"} <= set(kept))
    assert shortest == ["machine", "line 7", "line 22"]
