"""Expectations against a machine: what ``pfnmap check`` does.

:func:`evaluate` compares one ``expect`` line with the machine as it is; :func:`run_scenario`
runs a whole scenario and collects what failed, with file and line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from engine.commands import Expect, PfnRef, Ref, StartMachine
from engine.errors import InputError, PfnmapError
from engine.kinds import ZoneType
from engine.language.expectations import EXPECTATIONS
from engine.language.refs import format_pfn, format_ref
from engine.operations.refs import block_ranges, pfn_of
from engine.scenarios import facts
from engine.values import dataclass

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.memory.state import State
    from engine.outcome import Outcome
    from engine.scenarios.scenario import Scenario
    from engine.view import BlockRow, View

MAX_LOG_LINES = 5

Actual = int | bool | str | None


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything an expectation may be compared with."""

    expect: Expect
    view: View
    state: State
    last: Outcome | None


def evaluate(expect: Expect, *, view: View, state: State, last: Outcome | None) -> list[str]:
    """Why the expectation does not hold, a sentence for each difference; empty: it holds.

    Args:
        expect: The claim.
        view: The machine as its screens show it.
        state: The same machine's state.
        last: Outcome of the last action, None before the first.
    """
    return CHECKS[expect.what](_Case(expect, view, state, last))


def _differences(about: str, case: _Case, actual: Callable[[str], Actual]) -> list[str]:
    """``about key: expected …, is …`` for each key whose value differs."""
    row = EXPECTATIONS[case.expect.what]
    out = []
    for key, expected in case.expect.pairs:
        kind = (row.keys or {})[key]
        is_now = actual(key)
        wanted = expected
        if isinstance(expected, PfnRef):
            try:
                wanted = pfn_of(case.state, expected)
            except InputError as error:
                out.append(f"{about} {key}: expected {format_pfn(expected)}, but {error}")
                continue
        if is_now != wanted:
            shown = "none" if is_now is None else kind.format(is_now)
            out.append(f"{about} {key}: expected {kind.format(expected)}, is {shown}")
    return out


# -- the last action ---------------------------------------------------------------------
def _ok(case: _Case) -> list[str]:
    if case.last is None:
        return ["nothing was done before this line"]
    refusal = case.last.refusal
    if refusal is None:
        return []
    return [f"errno: expected none, is {refusal.errno} ({refusal.function}: {refusal.rule})"]


def _errno(case: _Case) -> list[str]:
    if case.last is None:
        return ["nothing was done before this line"]
    errno = case.last.errno
    if errno == case.expect.subject:
        return []
    return [f"errno: expected {case.expect.subject}, is {errno or 'none (it succeeded)'}"]


def _log(case: _Case) -> list[str]:
    lines = case.last.log if case.last else ()
    text = str(case.expect.subject)
    if any(text in line for line in lines):
        return []
    return [f'log: expected "{text}", is {_quoted(lines)}']


def _no_log(case: _Case) -> list[str]:
    lines = case.last.log if case.last else ()
    text = case.expect.subject
    if text is not None:
        lines = tuple(line for line in lines if str(text) in line)
    return [f"log: expected none, is {_quoted(lines)}"] if lines else []


def _quoted(lines: Iterable[str]) -> str:
    listed = [f'"{line}"' for line in lines]
    if len(listed) > MAX_LOG_LINES:
        listed[MAX_LOG_LINES:] = [f"and {len(listed) - MAX_LOG_LINES} more"]
    return ", ".join(listed) or "none"


# -- zones, nodes, the machine -----------------------------------------------------------
def _zone(case: _Case) -> list[str]:
    zone, node = case.expect.subject, case.expect.node
    assert isinstance(zone, ZoneType)
    row = next((r for r in case.view.zones if r.zone == zone and r.node == node), None)
    about = f"zone {zone.label}" + (f" node {node}" if node else "")
    if row is None and not any(n.node == node for n in case.view.nodes):
        return [f"{about}: there is no node {node}"]
    values = (
        {
            "start": row.start_pfn,
            "spanned": row.spanned,
            "present": row.present,
            "managed": row.managed,
        }
        if row
        else dict.fromkeys(("start", "spanned", "present", "managed"), 0)
    )
    return _differences(about, case, values.__getitem__)


def _node(case: _Case) -> list[str]:
    node = case.expect.subject
    row = next((r for r in case.view.nodes if r.node == node), None)
    if row is None:
        return [f"node {node}: there is no such node"]
    values: dict[str, Actual] = {
        "start": row.start_pfn,
        "spanned": row.spanned,
        "present": row.present,
        "online": row.online,
        "free": facts.free_kernel_bytes(case.state, row.node),
    }
    return _differences(f"node {node}", case, values.__getitem__)


def _total(case: _Case) -> list[str]:
    total = facts.total_facts(case.state)
    values = {
        "usable": total.usable_bytes,
        "managed": total.managed,
        "present": total.present,
        "memmap": total.memmap_bytes,
        "remote_memmap": total.remote_memmap_bytes,
    }
    return _differences("total", case, values.__getitem__)


# -- blocks ------------------------------------------------------------------------------
def _block(case: _Case) -> list[str]:
    subject = case.expect.subject
    assert isinstance(subject, tuple)
    gone = ("exists", False) in case.expect.pairs
    found: list[tuple[int, int, list[str]]] = []
    out: list[str] = []
    for ref in subject:
        try:
            blocks = block_ranges(case.state, (ref,))
        except InputError as error:  # no such device, or it has no such block
            out += [] if gone else [f"block {error}"]
            continue
        found += [part for pair in blocks for part in _block_parts(case, *pair) if part[2]]
    return out + [line for part in _joined(found) for line in part]


def _block_parts(case: _Case, first: int, last: int) -> Iterator[tuple[int, int, list[str]]]:
    """(first, last, differences) for stretches of blocks that are alike, missing ones too."""
    at = first
    for low, high in facts.alike_segments(case.state, first, last):
        if at < low:
            yield at, low - 1, _missing(case)
        row = case.view.block(low)
        yield (
            low,
            high,
            _missing(case)
            if row is None
            else _differences(
                "",
                case,
                lambda key, row=row: _block_value(row, key),  # type: ignore[misc]
            ),
        )
        at = high + 1
    if at <= last:
        yield at, last, _missing(case)


def _missing(case: _Case) -> list[str]:
    """A block that is not there: only ``exists=false`` holds of it."""
    expected = dict(case.expect.pairs).get("exists", True)
    return [" exists: expected true, is false"] if expected else []


def _block_value(row: BlockRow, key: str) -> Actual:
    if key == "valid_zones":
        return " ".join(row.valid_zones) or "none"
    if key == "usable_pages":
        return row.present_pages - (row.vmemmap_pages or 0)
    return {
        "state": row.state,
        "zone": row.zone.label,
        "node": row.node,
        "vmemmap": row.vmemmap_pages,
        "exists": True,
    }[key]


def _joined(parts: list[tuple[int, int, list[str]]]) -> Iterator[list[str]]:
    """Sentences about blocks, neighbours with the same differences in one."""
    merged: list[tuple[int, int, list[str]]] = []
    for first, last, lines in parts:
        if merged and merged[-1][1] + 1 == first and merged[-1][2] == lines:
            merged[-1] = (merged[-1][0], last, lines)
        else:
            merged.append((first, last, lines))
    for first, last, lines in merged:
        name = f"block {format_ref(Ref(first, last))}"
        yield [name + line for line in lines]


# -- devices, pages, huge pages, findings ------------------------------------------------
def _device(case: _Case) -> list[str]:
    name = str(case.expect.subject)
    device = facts.device_facts(case.state, name)
    if device is None:
        return [f"device {name}: there is no such device"]
    values: dict[str, Actual] = {
        "usable": device.usable_bytes,
        "largest_run": device.largest_run_bytes,
        "vmemmap": device.vmemmap_pages,
        "heads": device.heads,
        "refcount": device.refcount,
        "private": device.private,
        "all_vmemmap_blocks": device.all_vmemmap_blocks,
    }
    return _differences(f"device {name}", case, values.__getitem__)


def _pfn(case: _Case) -> list[str]:
    page = case.expect.subject
    assert isinstance(page, PfnRef)
    about = f"pfn {format_pfn(page)}"
    try:
        row = case.view.page(pfn_of(case.state, page))
    except InputError as error:
        return [f"{about}: {error}"]
    values: dict[str, Actual] = {"kind": row.state.word, "memmap_at": row.memmap_pfn}
    return _differences(about, case, values.__getitem__)


def _hugetlb(case: _Case) -> list[str]:
    name = str(case.expect.subject)
    pages = facts.hugetlb_facts(case.state, name)
    if pages is None:
        return [f"hugetlb {name}: there are no such huge pages"]
    values: dict[str, Actual] = {
        "optimised": pages.optimised,
        "freed": pages.freed_pages,
        "verdict": pages.verdict,
    }
    return _differences(f"hugetlb {name}", case, values.__getitem__)


def _finding(case: _Case) -> list[str]:
    text = str(case.expect.subject)
    texts = [f"{finding.code}: {finding.text}" for finding in case.view.findings]
    if any(text in line for line in texts):
        return []
    return [f'finding: expected "{text}", is {_quoted(texts)}']


def _no_findings(case: _Case) -> list[str]:
    texts = [f"{finding.code}: {finding.text}" for finding in case.view.findings]
    return [f"findings: expected none, is {_quoted(texts)}"] if texts else []


CHECKS: dict[str, Callable[[_Case], list[str]]] = {
    "ok": _ok,
    "errno": _errno,
    "log": _log,
    "no-log": _no_log,
    "zone": _zone,
    "node": _node,
    "block": _block,
    "device": _device,
    "pfn": _pfn,
    "hugetlb": _hugetlb,
    "finding": _finding,
    "no-findings": _no_findings,
    "total": _total,
}
"""What checks each kind of expectation."""


# -- whole scenarios ---------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that did not hold."""

    source: str
    line: int
    message: str

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
        InputError: A line cannot be done on this machine at all (``FILE:LINE: …``).
    """
    from engine.machine import TALK

    outcomes: list[tuple[int, Outcome]] = []
    failures: list[Failure] = []
    nr_expectations = 0
    machine = _booted(scenario)
    for number, command in scenario.lines:
        if isinstance(command, Expect):
            nr_expectations += 1
            failures += [
                Failure(scenario.source, number, message)
                for message in evaluate(
                    command,
                    view=machine.view(),
                    state=machine.state,
                    last=outcomes[-1][1] if outcomes else None,
                )
            ]
        elif not isinstance(command, (StartMachine, *TALK)):
            try:
                outcomes.append((number, machine.apply(command)))
            except PfnmapError as error:
                raise InputError(f"{scenario.source}:{number}: {error}") from None
    return ScenarioRun(scenario, tuple(outcomes), tuple(failures), nr_expectations, machine)


def _booted(scenario: Scenario) -> Machine:
    """The scenario's machine; an InputError names the line of ``machine``."""
    from engine.machine import Machine

    try:
        return Machine.boot(scenario.start)
    except PfnmapError as error:
        places = (n for n, command in scenario.lines if isinstance(command, StartMachine))
        line = next(places, 1)
        raise InputError(f"{scenario.source}:{line}: {error}") from None
