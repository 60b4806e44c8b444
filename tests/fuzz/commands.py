"""Random sequences of commands on random machines, with every identity checked after each."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.kinds import KERNEL_ZONES, BlockState, ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import CheckError, Machine
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.memory.state import State
from tests.fuzz.limits import TooLong, bounded
from tests.fuzz.record import Failure, Record
from tests.fuzz.words import HISTORICAL_PROFILES, MERGED_PROFILES, LineMaker, random_machine

LINES_PER_MACHINE = 120
MAX_SECONDS = 30.0
"""Of processor time for the lines of one machine."""
MAX_TRIALS = 400
COUNTED = 4
"""Every so many lines the pages of the map are counted."""
WATCHED = 10
"""Every so many lines a state is remembered, to see that later ones leave it as it was."""


def boot(line: str) -> Machine:
    """The machine of a ``machine`` line."""
    command = parse_line(line)
    assert isinstance(command, StartMachine)
    return Machine.boot(command)


def broken(machine: Machine, *, checked: bool, counted: bool = True) -> str:
    """What does not hold on this machine, empty when all does.

    ``checked``: with :meth:`Machine.check`; ``counted``: with the page counts of the map.
    """
    if checked:
        try:
            machine.check()
        except CheckError as error:
            return str(error)
    if not counted:
        return ""
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
    under_way = (state.blocks.rows["state"] > BlockState.ONLINE).any()
    if under_way != (state.pending is not None):  # an offline goes on until a signal comes
        return "a block is left between two states"
    return ""


def too_free(state: State) -> str:
    """Of which node more pages are free than it manages, empty for none.

    A person may say so; no operation may come to it by itself.
    """
    for number, (kernel, movable) in enumerate(state.free_pages):
        zones = state.nodes[number].zones
        limits = sum(zones[zone].managed for zone in KERNEL_ZONES), zones[ZoneType.MOVABLE].managed
        if kernel > limits[0] or movable > limits[1]:
            return f"node {number}: {(kernel, movable)} pages are free, {limits} are managed"
    return ""


def says_free(line: str) -> bool:
    """Whether a line says how much memory is free, whatever the model has counted."""
    return line.startswith(("free ", "freelist "))


def look_around(machine: Machine, maker: LineMaker) -> None:
    """Ask for what a screen shows of a random place; only an exception would be wrong."""
    state = machine.state
    view = machine.view()
    view.page(maker.pfn(state))
    view.block(maker.block(state))
    _ = view.findings, view.zones, view.nodes, view.resources


def contents(state: State) -> tuple[bytes, ...]:
    """Everything in the columns of a state; not the copies of it that a column may keep."""
    columns = (getattr(state, name) for name in State.__struct_fields__)
    return tuple(
        RunMap(column.dtype, column.chunks).rows.tobytes()
        if isinstance(column, RunMap)
        else column.tobytes()
        for column in columns
        if isinstance(column, RunMap | np.ndarray)
    )


def apply(
    machine: Machine, line: str, *, checked: bool, balanced: bool = False, counted: bool = True
) -> tuple[str, str]:
    """Run one line: (answer, what broke); answer is ``ok``, an errno or ``input``.

    ``balanced``: nobody has said by ``free`` or ``freelist`` how much is free; ``counted``: the
    pages of the map are counted.
    """
    before = machine.state
    try:
        command = parse_line(line)
        if command is None:
            raise InputError("an empty line")
        outcome = machine.apply(command)
    except PfnmapError:
        if machine.state is not before:
            return "input", "a line that means nothing here changed the machine"
        return "input", ""
    if machine.state is before:
        return outcome.errno or "ok", ""  # as sound as it was
    what = broken(machine, checked=checked, counted=counted)
    if balanced and not what:
        what = too_free(machine.state)
    return outcome.errno or "ok", what


def failure_of(lines: list[str], *, checked: bool) -> tuple[str, str, int] | None:
    """Replay a scenario: (kind, message, number of lines used), None when it passes."""
    number = 1
    try:
        with bounded(MAX_SECONDS):
            machine = boot(lines[0])
            for number, line in enumerate(lines[1:], 2):
                balanced = checked and not any(map(says_free, lines[:number]))
                _, what = apply(machine, line, checked=checked, balanced=balanced)
                if what:
                    return "violation", what, number
    except InputError:
        return None
    except (Exception, TooLong) as error:
        return *told(error), number
    return None


def told(error: BaseException) -> tuple[str, str]:
    """(kind, message) of an exception that nobody should see."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, TooLong):  # raised in a signal handler, of which the last frame is
        return "hang", f"in {frames[-2].name} when its time was over"
    where = frames[-1]
    kind = "memory" if isinstance(error, MemoryError) else "crash"
    return kind, f"{type(error).__name__} in {where.name}: {error}"


def minimise(lines: list[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """The shortest scenario that still fails, after :data:`MAX_TRIALS`; line 1 stays."""
    step, trials = len(lines) // 2, MAX_TRIALS
    while step:
        at = 1
        while at < len(lines) and trials:
            shorter = lines[:at] + lines[at + step :]
            trials -= 1
            if fails(shorter):
                lines = shorter
            else:
                at += step
        step //= 2
    return lines


def _same_kind(kind: str, message: str, *, checked: bool) -> Callable[[list[str]], bool]:
    words = message.split(":")[0]

    def fails(lines: list[str]) -> bool:
        found = failure_of(lines, checked=checked)
        return found is not None and found[0] == kind and found[1].split(":")[0] == words

    return fails


@dataclass(frozen=True)
class Commands:
    """Sequences of commands as something to fuzz: a seed is a machine and its lines."""

    profiles: tuple[str, ...] = MERGED_PROFILES
    historical: int = 5
    """Every so many seeds have a historical profile instead (0: none)."""
    what: str = "commands"
    maker: type[LineMaker] = LineMaker

    def run(self, seed: int, record: Record) -> None:
        """One machine and its lines, counted in ``record``."""
        rng = random.Random(seed)
        historical = bool(self.historical) and seed % self.historical == 0
        profile = rng.choice(HISTORICAL_PROFILES if historical else self.profiles)
        lines = [random_machine(rng, profile)]
        maker = self.maker(rng, any_rule=historical)
        began = time.process_time()
        try:
            with bounded(MAX_SECONDS):
                record.count("machines", profile)
                kind, message = _sequence(rng, lines, maker, record, checked=not historical)
        except InputError:  # the machine cannot be: said to the person, nothing to do here
            return
        except (Exception, TooLong) as error:
            kind, message = told(error)
        took = time.process_time() - began
        record.inputs += 1
        record.seconds += took
        record.slowest = max(record.slowest, (took, seed))
        if kind:
            same = _same_kind(kind, message, checked=not historical)
            cheap = kind in ("violation", "crash")
            lines = minimise(lines, same) if cheap else lines
            record.failures.append(Failure(self.what, seed, kind, message, lines))


def _sequence(
    rng: random.Random, lines: list[str], maker: LineMaker, record: Record, *, checked: bool
) -> tuple[str, str]:
    """Boot, then append and run random lines: (kind, message) of what broke, both empty if not."""
    machine = boot(lines[0])
    profile = machine.state.profile.name
    watched: list[tuple[State, tuple[bytes, ...]]] = []
    balanced = checked
    for number in range(LINES_PER_MACHINE):
        lines.append(maker.line(machine.state))
        if number % WATCHED == 0:
            watched.append((machine.state, contents(machine.state)))
        balanced = balanced and not says_free(lines[-1])
        answer, message = apply(
            machine,
            lines[-1],
            checked=checked,
            balanced=balanced,
            counted=number % COUNTED == COUNTED - 1,
        )
        record.count("profiles", profile)
        record.count("answers", answer)
        record.count("verbs", lines[-1].split()[0])
        record.count("checked", "Machine.check() after a command", checked)
        if rng.random() < 0.1:
            look_around(machine, maker)
        if message:
            return "violation", message
    if any(contents(state) != was for state, was in watched):
        return "changed", "a command changed the columns of an earlier state"
    return "", ""


def commands_in(record: Record) -> int:
    """How many commands were run."""
    return sum(record.counts.get("verbs", {}).values())


def run(seeds: range | list[int], target: Commands | None = None) -> Record:
    """The machines of these seeds."""
    target = target or Commands()
    record = Record(target.what)
    for seed in seeds:
        target.run(seed, record)
    return record
