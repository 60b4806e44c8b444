"""Commands and the phases they go through, as text: what each phase says and what it changes.

A transcript is a text file of cases::

    == a block joins Movable
    # Why it is so, in words of the kernel's source.
    $ machine ram=2G
    $ add dimm0 256M
    $ online 32 movable
      zone_for_pfn_range 32: online_movable goes to Movable: online_movable was asked for
      move_pfn_range_to_zone 32: Movable of node 0 now spans [0x100000,0x108000)
          Movable of node 0: start_pfn 0x100000, spanned 0x8000
      EBUSY offline_pages block 32: …

Under a phase stand the parts of the state that are not as before it, and its log lines; under
``then`` what the command changed after its last phase. Of ``$$`` only errors are shown: it
prepares the ground.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from msgspec import NODEFAULT, Struct

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, MemmapKind, PageState, ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.runs import RunMap
from pfnmap.engine.memory.state import State
from pfnmap.engine.outcome import Outcome
from tests.engine.tools import misnamed

_HEX = ("start", "end", "start_pfn", "end_pfn", "spanned", "head_pfn", "bias")
_WORDS: dict[str, type[IntEnum]] = {
    "state": BlockState,
    "kind": PageState,
    "memmap": MemmapKind,
    "zone": ZoneType,
    "link_zone": ZoneType,
    "policy_zone": ZoneType,
}


@dataclass(frozen=True)
class Case:
    """One story: its title and the lines of the file that tell it."""

    title: str
    lines: tuple[str, ...]

    def told(self) -> str:
        """The same lines with what the engine says now."""
        machine: Machine | None = None
        out: list[str] = []
        for line in self.lines:
            if line.startswith("  ") and not line.isspace():
                continue
            out.append(line)
            if line.startswith("$"):
                quiet, command = line.startswith("$$"), line.lstrip("$ ")
                if machine is None:
                    machine, said = _boot(command), []
                else:
                    said = _run(machine, command)
                    machine.check()
                out += [] if quiet and not _failed(said) else said
        return "\n".join(out)


def cases(path: Path) -> list[Case]:
    """The cases of a transcript, in order."""
    parts = path.read_text("utf-8").split("\n== ")
    assert parts[0].startswith("# "), f"{path.name} begins with what it is about"
    stories = [part.strip("\n").splitlines() for part in parts[1:]]
    return [Case(title, tuple(lines)) for title, *lines in stories]


def retold(path: Path) -> str:
    """The whole file with what the engine says now."""
    about = path.read_text("utf-8").partition("\n== ")[0].rstrip("\n")
    stories = (f"== {case.title}\n{case.told()}" for case in cases(path))
    return "\n\n".join([about, *stories]) + "\n"


def _boot(line: str) -> Machine:
    start = parse_line(line)
    assert isinstance(start, StartMachine)
    return Machine.boot(start)


def _failed(said: list[str]) -> bool:
    return bool(said) and said[-1].startswith(("  E", "  InputError"))


def _run(machine: Machine, line: str) -> list[str]:
    try:
        outcome = machine.run(line)
    except InputError as error:
        return [f"  InputError: {error}"]
    assert misnamed(outcome) == []
    return [f"  {line}" for line in phases(outcome)]


def phases(outcome: Outcome) -> list[str]:
    """One line for a phase, indented ones for what it changed and logged."""
    lines: list[str] = []
    before = outcome.before
    for event in outcome.events:
        first, count = event.first_block, event.nr_blocks
        where = f" {first}" if count == 1 else f" {first}+{count}" if count or first >= 0 else ""
        lines.append(f"{event.function}{where}: {event.text}")
        lines += [f"    {line}" for line in changes(before, event.state)]
        lines += [f'    log "{line}"' for line in event.log]
        before = event.state
    if rest := list(changes(before, outcome.after)):
        lines += ["then", *(f"    {line}" for line in rest)]
    lines += [f"says {line}" for line in outcome.output]
    lines += [f"note {line}" for line in outcome.notes]
    if (no := outcome.refusal) is not None:
        block = "" if no.block is None else f" block {no.block}"
        pfn = "" if no.pfn is None else f" pfn {no.pfn:#x}"
        lines.append(f"{no.errno} {no.function}{block}{pfn}: {no.rule}")
    return lines


def changes(old: State, new: State) -> Iterator[str]:
    """Every part of the state that differs, with the value it has now."""
    for name in State.__struct_fields__:
        was, now = getattr(old, name), getattr(new, name)
        if was is now:
            continue
        if name == "nodes":
            yield from _node_changes(old, new)
        elif name == "free_pages":
            for node, (pair, (kernel, movable)) in enumerate(zip(was, now, strict=True)):
                if pair != (kernel, movable):
                    yield f"free pages of node {node}: kernel {kernel}, movable {movable}"
        elif isinstance(now, RunMap):
            yield from _run_changes(name, was, now)
        elif isinstance(now, Mapping):
            yield from _set_changes(name, list(was.items()), list(now.items()))
        elif isinstance(now, tuple):
            yield from _set_changes(name, list(was), list(now))
        elif isinstance(now, Struct):
            if words := _differing(was, now):
                yield f"{name}: {words}"
        elif was != now:
            yield f"{name}: {_word(name, now)}"


def _node_changes(old: State, new: State) -> Iterator[str]:
    for number, (was, now) in enumerate(zip(old.nodes, new.nodes, strict=True)):
        for kind, (zone_was, zone_now) in enumerate(zip(was.zones, now.zones, strict=True)):
            if words := _differing(zone_was, zone_now):
                yield f"{ZoneType(kind).label} of node {number}: {words}"
        if words := _differing(was, now, skip="zones"):
            yield f"node {number}: {words}"


def _run_changes(name: str, old: RunMap, new: RunMap) -> Iterator[str]:
    """What keys (blocks, or pfns) are like now, a line for each run that changed alike."""
    edges = sorted(
        {int(edge) for rows in (old.rows, new.rows) for edge in (*rows["start"], *_ends(rows))}
    )
    found: list[tuple[int, int, str]] = []
    for low, high in itertools.pairwise(edges):
        was, now = old.at(low), new.at(low)
        names = [n for n in new.dtype.names or () if n not in ("start", "count")]
        if now is None:
            text = "" if was is None else "gone"
        else:
            changed = [n for n in names if was is None or was[n] != now[n]]
            shown = [n for n in changed if was is not None or now[n]]
            words = ["new"] if was is None else []
            text = ", ".join([*words, *(f"{n} {_word(n, int(now[n]))}" for n in shown)])
        if found and found[-1][1] == low and found[-1][2] == text:
            found[-1] = (found[-1][0], high, text)
        elif text:
            found.append((low, high, text))
    for low, high, text in found:
        last = high - 1
        keys = f"{low}-{last}" if name == "blocks" else f"{low:#x}-{last:#x}"
        yield f"{name} {low if name == 'blocks' and low == last else keys}: {text}"


def _ends(rows: Any) -> Any:
    return rows["start"] + rows["count"]


def _set_changes(name: str, old: list[Any], new: list[Any]) -> Iterator[str]:
    yield from (f"{name} - {_item(item)}" for item in old if item not in new)
    yield from (f"{name} + {_item(item)}" for item in new if item not in old)


def _item(item: Any) -> str:
    if isinstance(item, Struct):
        shown = [name for name, default in _fields(item) if getattr(item, name) != default]
        return ", ".join(f"{name} {_word(name, getattr(item, name))}" for name in shown)
    if isinstance(item, tuple):
        return ": ".join(_item(part) for part in item)
    return str(item)


def _fields(item: Struct) -> Iterator[tuple[str, Any]]:
    """Every field with its default; None where it has none."""
    names, defaults = item.__struct_fields__, item.__struct_defaults__
    required = [NODEFAULT] * (len(names) - len(defaults))
    for name, default in zip(names, [*required, *defaults], strict=True):
        yield name, None if default is NODEFAULT else default


def _differing(old: Any, new: Any, *, skip: str = "") -> str:
    names = [name for name in new.__struct_fields__ if name != skip]
    names = [name for name in names if getattr(old, name, None) != getattr(new, name)]
    return ", ".join(f"{name} {_word(name, getattr(new, name))}" for name in names)


def _word(name: str, value: Any) -> str:
    if name in _WORDS:
        return f"{value}" if isinstance(value, str) else _WORDS[name](value).name
    return f"{value:#x}" if name in _HEX else str(value)
