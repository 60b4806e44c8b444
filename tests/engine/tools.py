"""Small words for tests of the engine: boot a machine, run lines, read a zone."""

from __future__ import annotations

from pfnmap.engine.commands import Add, StartMachine
from pfnmap.engine.function_names import exists
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.state import Node, Zone
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.profile import PROFILES

EMPTY = (0, 0, 0, 0)
Span = tuple[int, int, int, int]


def booted(line: str = "machine ram=2G", *lines: str) -> Machine:
    """The machine of a ``machine`` line after lines that must succeed."""
    start = parse_line(line)
    assert isinstance(start, StartMachine)
    machine = Machine.boot(start)
    for each in lines:
        outcome = machine.run(each)
        assert outcome.ok, (each, outcome.refusal)
    return machine


def zone(machine: Machine, name: ZoneType, node: int = 0) -> Zone:
    """A zone as it is now."""
    return machine.state.zone(node, name)


def span(machine: Machine, name: ZoneType, node: int = 0) -> Span:
    """(start_pfn, spanned, present, managed)."""
    held = zone(machine, name, node)
    return held.start_pfn, held.spanned, held.present, held.managed


def sections(held: Zone | Node) -> tuple[int, int] | None:
    """The span in 128 MiB sections, half-open; None when it is empty."""
    if not held.spanned:
        return None
    assert held.start_pfn % 32768 == 0
    assert held.spanned % 32768 == 0
    return held.start_pfn // 32768, (held.start_pfn + held.spanned) // 32768


def answers(machine: Machine, *lines: str) -> list[str | None]:
    """The errno of each line."""
    return [machine.run(line).errno for line in lines]


def misnamed(outcome: Outcome) -> list[str]:
    """Functions that were told and that the profile in force does not have.

    A rule set otherwise is of another kernel, and so is a memmap of 2019 that was asked for.
    """
    asked = isinstance(outcome.command, Add) and outcome.command.memmap is not None
    return [
        f"{event.function} in {profile.name}"
        for event in outcome.events
        if (profile := event.state.profile) == PROFILES.get(profile.name)
        and not exists(profile.name, profile.release, event.function)
        and not (asked and event.function == "mark_vmemmap_pages")
    ]


def findings(machine: Machine) -> set[str]:
    """The codes of everything that is broken."""
    return {finding.code for finding in machine.view().findings}
