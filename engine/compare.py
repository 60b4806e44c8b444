"""The same commands under other rules: what ``compare`` runs and what differs. No drawing here.

A variant is one or more ``KEY=VALUE`` pairs: a profile, a block size, a rule or a parameter,
in force from boot on. It wins over the scenario's own lines: a ``set``, a ``rule`` or an
``add … memmap=`` that says otherwise gives way, and the step says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine import commands as c
from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import Command
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.facts import device_facts, total_facts
from pfnmap.engine.finding import Finding
from pfnmap.engine.geometry import MIB
from pfnmap.engine.kinds import BlockState, MemmapPolicy, PageState, ZoneType
from pfnmap.engine.language.lines import format_command, line_of, parse_line, parse_lines
from pfnmap.engine.machine import Machine, predict
from pfnmap.engine.memory.alike import joined
from pfnmap.engine.memory.runs import ranges_of
from pfnmap.engine.memory.state import Device, State
from pfnmap.engine.notation import format_size, parse_size, rule_values
from pfnmap.engine.outcome import Outcome, Refusal
from pfnmap.engine.params import PARAM_VALUES
from pfnmap.engine.play import do
from pfnmap.engine.profile import get_profile
from pfnmap.engine.scenarios.scenario import Scenario, build_scenario
from pfnmap.engine.session import Session
from pfnmap.engine.sizes import listed
from pfnmap.engine.view import View

Pairs = tuple[tuple[str, str], ...]

MOST_PIECES = 4096
"""Pieces in which the memory of a DIMM is online."""
AS_WRITTEN = "as written"
"""The name of the variant that changes nothing."""


class VariantStep(Struct, frozen=True):
    """One command of the scenario under one variant."""

    number: int
    """Of the step in its session, as :mod:`pfnmap.engine.play` counts.

    Below 0 for what brings the DIMMs of a machine back before the first one.
    """
    line: str
    outcome: Outcome | None
    problem: str = ""
    """Why the command means nothing on this variant's machine; it was left out."""
    ran: str = ""
    """The line that was run instead, where the variant won over this one's own words."""

    @property
    def result(self) -> str:
        """``ok``, the errno with the function that decided, or why it could not be done."""
        if self.outcome is None:
            return f"not possible: {self.problem}"
        refusal = self.outcome.refusal
        return "ok" if refusal is None else f"{refusal.errno} ({refusal.function})"


class VariantRun(Struct, frozen=True):
    """A scenario run under one variant."""

    name: str
    """The pairs as written, or :data:`AS_WRITTEN` for the scenario unchanged."""
    pairs: Pairs
    start: State
    """At boot, the variant's rules in force."""
    steps: tuple[VariantStep, ...]
    machine: Machine
    """At the end."""
    nr_expectations: int = 0
    failed: tuple[str, ...] = ()
    """What the scenario expects and this variant does not do, a sentence each."""


class CounterRow(Struct, frozen=True):
    """One counter of every variant at the end, None where it does not exist.

    Pages, unless the name ends in ``bytes``.
    """

    name: str
    values: tuple[int | None, ...]

    @property
    def differs(self) -> bool:
        """Whether the variants disagree."""
        return len(set(self.values)) > 1


class BlockDifference(Struct, frozen=True):
    """Memory [start_pfn, end_pfn) whose blocks are not alike in all variants.

    ``words``: the blocks of each variant in words, e.g. ``online Movable, vmemmap 512``.
    """

    start_pfn: int
    end_pfn: int
    words: tuple[str, ...]


class Comparison(Struct, frozen=True, dict=True):
    """Two or more runs of the same commands, and where they part."""

    title: str
    runs: tuple[VariantRun, ...]
    assumed: tuple[str, ...] = ()
    """What is taken for granted of a real machine, in sentences."""
    parted: tuple[str, ...] = ()
    """Of kernels: the first step and field at which each goes another way than the first one."""

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Every variant's machine at the end."""
        return tuple(run.machine.view() for run in self.runs)

    @cached_property
    def counters(self) -> tuple[CounterRow, ...]:
        """Totals, nodes, zones, devices, then pages in each state."""
        return counters(self.runs)

    @cached_property
    def blocks(self) -> tuple[BlockDifference, ...]:
        """Memory blocks that are not alike, ascending."""
        return tuple(block_differences([run.machine.state for run in self.runs]))

    @cached_property
    def findings(self) -> tuple[tuple[Finding, ...], ...]:
        """What the rules in force broke, for each variant."""
        return tuple(tuple(view.findings) for view in self.views)


# -- running -----------------------------------------------------------------------------
def parse_variant(text: str) -> Pairs:
    """The pairs of ``KEY=VALUE…``: profile, block, a rule or a parameter.

    Raises InputError for anything else; several pairs are one variant.
    """
    try:
        command = parse_line(f"compare {text}")
    except PfnmapError as error:
        raise InputError(f"--with {text}: {error}") from None
    if not isinstance(command, c.Interactive) or not command.options:
        raise InputError(f"--with {text}: expected KEY=VALUE")
    return command.options


def compare(scenario: Scenario, variants: Sequence[str | Pairs]) -> Comparison:
    """Run a scenario under every variant; one alone is compared with the scenario as written.

    Raises InputError for a wrong variant, and where a variant's machine cannot be booted.
    """
    runs = tuple(run_variant(scenario, pairs) for pairs in _all_pairs(variants))
    return Comparison(scenario.title, runs)


def compare_commands(
    start: c.StartMachine,
    commands: Sequence[Command],
    variants: Sequence[str | Pairs],
    title: str,
) -> Comparison:
    """Like :func:`compare` for the commands of a session."""
    return compare(build_scenario(start, commands, source=title, title=title), variants)


def compare_machine(
    state: State,
    commands: Sequence[Command],
    variants: Sequence[str | Pairs],
    title: str,
    assumed: Sequence[str] = (),
) -> Comparison:
    """Like :func:`compare` for a machine that nobody booted here: a real or recorded one.

    Its DIMMs are taken out, and under each variant added and brought online again before the
    commands: what their memory would cost and save under other rules shows in that.
    """
    start, again, said = unplugged(state)
    lines = [*enumerate(again, -len(again)), *enumerate(commands, 1)]
    runs = tuple(_run(_started(start, pairs), lines, pairs) for pairs in _all_pairs(variants))
    return Comparison(title, runs, (*assumed, *said))


def _all_pairs(variants: Sequence[str | Pairs]) -> list[Pairs]:
    pairs = [parse_variant(each) if isinstance(each, str) else each for each in variants]
    return pairs if len(pairs) > 1 else [(), *pairs]


def run_variant(scenario: Scenario, pairs: Pairs) -> VariantRun:
    """Run a scenario with these pairs in force from boot on.

    Raises InputError when the variant's machine cannot be booted.
    """
    try:
        machine = Machine.boot(_start(scenario.start, pairs))
    except PfnmapError as error:
        raise InputError(f"--with {_name(pairs)}: {error}") from None
    return _run(machine, scenario.lines, pairs)


def _name(pairs: Pairs) -> str:
    return " ".join(f"{key}={value}" for key, value in pairs) or AS_WRITTEN


def _run(machine: Machine, lines: Iterable[tuple[int, Command]], pairs: Pairs) -> VariantRun:
    """Run lines; a number below 0 is that of what comes before the first step."""
    try:
        for key, value in pairs:
            if key in rule_values():
                machine.apply(c.SetRule(key, value))
    except PfnmapError as error:
        raise InputError(f"--with {_name(pairs)}: {error}") from None
    session, steps = Session(machine), list[VariantStep]()
    nr_expectations, failed, nr_step = 0, list[str](), 0
    for number, command in lines:
        if not c.is_step(command):
            continue
        nr_step = max(nr_step, 0) + 1 if number > 0 else number
        ran, said = _under(pairs, command)
        words = line_of(command), format_command(ran) if said and ran != command else ""
        try:
            step = do(number, ran, session)
        except PfnmapError as error:
            steps.append(VariantStep(nr_step, words[0], None, str(error), words[1]))
            continue
        if isinstance(command, c.Expect):
            nr_expectations += 1
            if steps and steps[-1].outcome is None:
                step = replace(step, last=None)  # what it is about could not be done
            failed += [f"line {number}: {text}" for text in step.failures]
        elif step.is_action:
            steps.append(VariantStep(nr_step, words[0], step.outcome, ran=words[1]))
    return VariantRun(
        _name(pairs),
        pairs,
        session.start,
        tuple(steps),
        session.machine,
        nr_expectations,
        tuple(failed),
    )


def _start(start: c.StartMachine, pairs: Pairs) -> c.StartMachine:
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


def _started(state: State, pairs: Pairs) -> Machine:
    """A machine that is there, with the pairs that are else about booting."""
    try:
        for key, value in pairs:
            if key == "profile":
                state = replace(state, profile=get_profile(value))
            elif key == "block":
                size = format_size(state.geometry.block_bytes)
                raise InputError(f"the memory blocks of this machine are of {size}")
            elif key in PARAM_VALUES:
                state = replace(state, params=state.params.with_word(key, value))
    except PfnmapError as error:
        raise InputError(f"--with {_name(pairs)}: {error}") from None
    return Machine(state)


# -- a machine that is there ---------------------------------------------------------------
def unplugged(state: State) -> tuple[State, list[Command], list[str]]:
    """A machine without its DIMMs, the commands that bring them back, and what is assumed.

    A DIMM that cannot be taken out stays, whatever is in its memory.
    """
    pages, again, said = state.geometry.block_pages, list[Command](), list[str]()
    for device in sorted(state.devices.values(), key=lambda device: device.start_pfn):
        if device.kind != "dimm":
            continue
        first, last = device.start_pfn // pages, device.end_pfn // pages - 1
        rows = state.blocks.slice(first, last + 1)
        rows = rows[rows["state"] == BlockState.ONLINE]
        if len(rows) > MOST_PIECES:
            raise InputError(
                f"compare: {device.name} is online in {len(rows)} pieces; at most {MOST_PIECES}"
            )
        ends = [(int(row["start"]), int(row["start"] + row["count"]) - 1) for row in rows]
        places = [(listed([each]), row["zone"]) for each, row in zip(ends, rows, strict=True)]
        lines = [f"offline {blocks}" for blocks, _ in places]
        out, refusal = _done(_emptied(state, device), [*lines, f"remove {device.name}"])
        if refusal is not None:
            said.append(f"{device.name} stays as it is: {refusal.errno}, {refusal.rule}")
            continue
        state = out
        size, where = format_size(device.nr_pages * state.geometry.page_bytes), first * pages
        at = where * state.geometry.page_bytes
        lines = [f"add {device.name} {size} at={at:#x} node={device.node}"]
        for blocks, zone in places:
            kind = "movable" if zone == ZoneType.MOVABLE else "kernel"
            lines.append(f"online {blocks} {kind}")
        again += parse_lines(lines, source=device.name)
    if again:
        automatic = dict(state.params.words())["auto_online_blocks"]
        if automatic != "offline":
            again.insert(0, c.SetParam("auto_online_blocks", "offline"))
            again.append(c.SetParam("auto_online_blocks", automatic))
        said.append("hot-added memory is added again, to a kernel whose memory is free otherwise")
    elif not said:
        said.append("no memory was hot-added before the first step, so none is added again")
    return replace(state, recorded=False), again, said


def _emptied(state: State, device: Device) -> State:
    """The state with nothing in a device's memory that could keep it there."""
    pages, low, high = state.geometry.block_pages, device.start_pfn, device.end_pfn
    huge = {n: held for n, held in state.hugetlb.items() if not low <= held.start_pfn < high}
    return replace(
        state,
        taken=state.taken.delete(low, high),
        kept=state.kept.delete(low // pages, high // pages),
        hugetlb=huge,
    )


def _done(state: State, lines: Sequence[str]) -> tuple[State, Refusal | None]:
    """The state after some lines, or why one of them is refused."""
    for command in parse_lines(lines, source="compare"):
        outcome = predict(state, command)
        if outcome.refusal is not None:
            return state, outcome.refusal
        state = outcome.after
    return state, None


def _under(pairs: Pairs, command: Command) -> tuple[Command, bool]:
    """The command as the variant lets it be, and whether its own words give way for that."""
    fixed = dict(pairs)
    if isinstance(command, c.SetParam | c.SetRule) and command.name in fixed:
        return replace(command, value=fixed[command.name]), True
    if isinstance(command, c.Add) and "memmap" in fixed:
        said = command.memmap is not None
        policies = {policy.value: policy for policy in MemmapPolicy}
        return replace(command, memmap=policies.get(fixed["memmap"])), said  # None: the rule's own
    return command, False


# -- what differs ------------------------------------------------------------------------
def counters(runs: Sequence[VariantRun]) -> tuple[CounterRow, ...]:
    """Every counter of every variant's machine at the end."""
    facts = [dict(_facts(run)) for run in runs]
    names = dict.fromkeys(name for fact in facts for name in fact)
    ordered = sorted(names, key=lambda name: _AREAS.index(name.partition(" ")[0]))
    return tuple(CounterRow(name, tuple(fact.get(name) for fact in facts)) for name in ordered)


_AREAS = ("total", "node", "zone", "device", "pages")


def _facts(run: VariantRun) -> Iterator[tuple[str, int]]:
    """Name and value of every counter of one variant."""
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


def block_differences(states: Sequence[State]) -> Iterator[BlockDifference]:
    """Where the memory blocks of these machines are not alike."""
    tables = [ranges_of(each.blocks.rows) * each.geometry.block_pages for each in states]
    edges = np.unique(np.concatenate([table.ravel() for table in tables]))
    stacked = np.stack([_attributes(state, edges[:-1]) for state in states], axis=1)
    unlike = (stacked != stacked[:, :1]).any(axis=(1, 2))
    parts = zip(edges[:-1].tolist(), (edges[1:] - 1).tolist(), range(len(stacked)), strict=True)
    for start, last, at in joined(parts, lambda a, b: np.array_equal(stacked[a], stacked[b])):
        if unlike[at]:
            words = tuple(_block_words(row) for row in stacked[at])
            yield BlockDifference(start, last + 1, words)


def _attributes(state: State, pfns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the block at each pfn, int64 (n, 5); -9 in all of them where there is none."""
    rows, geometry = state.blocks.rows, state.geometry
    columns = [rows[name].astype(np.int64) for name in ("state", "zone", "node", "vmemmap")]
    columns.append(np.full(len(rows), geometry.block_bytes // MIB, np.int64))
    known = np.append(np.stack(columns, axis=1), [[-9] * 5], axis=0)
    return known[state.blocks.indices(pfns // geometry.block_pages)]


def _block_words(row: NDArray[np.int64]) -> str:
    """The blocks of one range in words."""
    state, zone, node, vmemmap, mib = (int(value) for value in row)
    if state < 0:
        return "no block"
    words = BlockState(state).word
    if zone != ZoneType.NONE:
        words += f" {ZoneType(zone).label}"
    return f"{words}, node {node}, vmemmap {vmemmap}, blocks of {mib}M"
