"""The same commands under other rules: what ``compare`` runs. No drawing here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.commands import Add, Command, Interactive, SetParam, SetRule, StartMachine
from engine.errors import InputError, PfnmapError
from engine.kinds import MemmapPolicy, PageState
from engine.language import parse_line, parse_size
from engine.language.tables import rule_values
from engine.outcome import Outcome
from engine.params import PARAM_VALUES

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.scenario import Scenario

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class VariantStep:
    """One command of the scenario under one variant."""

    line: str
    outcome: Outcome | None
    problem: str = ""
    """Why the command means nothing on this variant's machine; it was left out."""

    @property
    def result(self) -> str:
        """``ok``, the errno with the function that decided, or why it could not be done."""
        if self.outcome is None:
            return f"not possible: {self.problem}"
        refusal = self.outcome.refusal
        return "ok" if refusal is None else f"{refusal.errno} ({refusal.function})"


@dataclass(frozen=True, slots=True)
class VariantRun:
    """A scenario run under one variant."""

    name: str
    """The pairs as written, or ``as written`` for the scenario unchanged."""
    steps: tuple[VariantStep, ...]
    machine: Machine
    """At the end."""


def parse_variant(text: str) -> Pairs:
    """The pairs of ``KEY=VALUE…``: profile, block, a rule or a parameter.

    Raises InputError for anything else; several pairs are one variant.
    """
    try:
        command = parse_line(f"compare {text}")
    except PfnmapError as error:
        raise InputError(f"--with {text}: {error}") from None
    if not isinstance(command, Interactive) or not command.options:
        raise InputError(f"--with {text}: expected KEY=VALUE")
    return command.options


def run_variant(scenario: Scenario, pairs: Pairs) -> VariantRun:
    """Run a scenario with these pairs in force from boot on.

    A ``set``, ``rule`` or ``add … memmap=`` in the scenario that says otherwise gives way.
    Raises InputError when the variant's machine cannot be booted.
    """
    from engine.machine import TALK, Machine

    name = " ".join(f"{key}={value}" for key, value in pairs) or "as written"
    try:
        machine = Machine.boot(_start(scenario.start, pairs))
        for key, value in pairs:
            if key in rule_values():
                machine.apply(SetRule(key, value))
    except PfnmapError as error:
        raise InputError(f"--with {name}: {error}") from None
    steps = [
        _step(machine, command, pairs)
        for _, command in scenario.lines
        if not isinstance(command, (StartMachine, *TALK))
    ]
    return VariantRun(name, tuple(steps), machine)


def compare(scenario: Scenario, variants: Sequence[str]) -> list[VariantRun]:
    """Run a scenario under every variant; one alone is compared with the scenario as written."""
    pairs: list[Pairs] = [parse_variant(text) for text in variants]
    if len(pairs) < 2:
        pairs.insert(0, ())
    return [run_variant(scenario, each) for each in pairs]


def _start(start: StartMachine, pairs: Pairs) -> StartMachine:
    """The machine line with the pairs that are about booting."""
    for key, value in pairs:
        if key == "profile":
            start = replace(start, profile=value)
        elif key == "block":
            start = replace(start, block_bytes=parse_size(value))
        elif key in PARAM_VALUES:
            others = tuple(pair for pair in start.params if pair[0] != key)
            start = replace(start, params=(*others, (key, value)))
    return start


def _step(machine: Machine, command: Command, pairs: Pairs) -> VariantStep:
    """Do one command, unless the variant decides what it would change."""
    line = command.text or type(command).__name__
    fixed = dict(pairs)
    if isinstance(command, SetParam | SetRule) and command.name in fixed:
        command = replace(command, value=fixed[command.name])
    if isinstance(command, Add) and "memmap" in fixed:
        command = replace(command, memmap=_policy(fixed["memmap"]))
    try:
        return VariantStep(line, machine.apply(command))
    except PfnmapError as error:
        return VariantStep(line, None, str(error))


def _policy(rule: str) -> MemmapPolicy | None:
    """The policy an ``add`` would have to name for this rule; None where the rule says it all."""
    return MemmapPolicy(rule) if rule in {policy.value for policy in MemmapPolicy} else None


def counters(runs: Sequence[VariantRun]) -> dict[str, list[int | None]]:
    """Every counter of every variant's machine at the end, None where it does not exist.

    Names carry their units: pages unless they end in ``bytes``. In the order: totals, nodes,
    zones, devices, pages in each state.
    """
    facts = [dict(_facts(run)) for run in runs]
    names = dict.fromkeys(name for fact in facts for name in fact)
    ordered = sorted(names, key=lambda name: _AREAS.index(name.partition(" ")[0]))
    return {name: [fact.get(name) for fact in facts] for name in ordered}


_AREAS = ("total", "node", "zone", "device", "pages")


def _facts(run: VariantRun) -> Iterator[tuple[str, int]]:
    """Name and value of every counter of one variant."""
    from engine.facts import device_facts, total_facts

    state, view = run.machine.state, run.machine.view()
    total = total_facts(state)
    yield "total managed", total.managed
    yield "total present", total.present
    yield "total usable bytes", total.usable_bytes
    yield "total memmap bytes", total.memmap_bytes
    yield "total remote memmap bytes", total.remote_memmap_bytes
    for node in view.nodes:
        for field in ("start_pfn", "spanned", "present"):
            yield f"node {node.node} {field}", getattr(node, field)
    for zone in view.zones:
        for field in ("start_pfn", "spanned", "present", "managed"):
            if zone.spanned or zone.present:
                yield f"zone {zone.node} {zone.zone.label} {field}", getattr(zone, field)
    for device in state.devices.values():
        facts = device_facts(state, device.name)
        if facts is not None:
            yield f"device {device.name} usable bytes", facts.usable_bytes
            yield f"device {device.name} largest run", facts.largest_run_bytes
            yield f"device {device.name} vmemmap", facts.vmemmap_pages
    edges = np.array([view.first_pfn, view.end_pfn], dtype=np.int64)
    for kind, pages in zip(PageState, view.page_counts(edges)[0].tolist(), strict=True):
        if pages and kind is not PageState.HOLE:
            yield f"pages {kind.name.lower().replace('_', '-')}", pages
