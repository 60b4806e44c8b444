"""Phases by name and order against the calls of real kernels.

``calls/linux-*.txt`` are call trees that the function graph tracer of Linux recorded, step by
step; a tree that comes more than once has a name, ``%NAME = tree``, and ``call*3`` is three in a
row. Behind ``$$`` stands what the machine had of its own: a page of the kernel that is in the way.

An event belongs inside its function's own call, in the order of the tree, and every call is told
by an event. What is not so is listed in ``calls/reasons.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from pfnmap.engine.machine import Machine
from tests.engine.tools import booted

FOLDER = Path(__file__).parent / "calls"
FILES = sorted(FOLDER.glob("linux-*.txt"))
_TOKEN = re.compile(r"(%?[\w.]+)(\()?|(\()|(\))(?:\*(\d+))?|\*(\d+)")


@dataclass(frozen=True)
class Step:
    """A command, what the kernel called for it, and its errno."""

    part: str
    line: str
    calls: str
    errno: str | None


@dataclass(frozen=True)
class Call:
    """A call, who called it in turn, and the moments between which it was under way."""

    function: str
    callers: frozenset[str]
    called: int
    returned: int


@dataclass(frozen=True)
class Recording:
    """What one kernel called."""

    release: str
    untraceable: frozenset[str]
    named: dict[str, str]
    parts: dict[str, list[Step]]


@cache
def recording(path: Path) -> Recording:
    """A file of calls."""
    head, *parts = path.read_text("utf-8").split("\n== ")
    comment = " ".join(line.lstrip("# ") for line in head.splitlines() if line.startswith("#"))
    body = " ".join(line for line in head.splitlines() if not line.startswith("#"))
    named = dict(re.findall(r"(%[\w.]+) = (.*?)(?= %[\w.]+ = |$)", body))
    steps = {title: [*_steps(title, text)] for title, _, text in (p.partition("\n") for p in parts)}
    untraceable = frozenset(comment.rpartition(": ")[2].split())
    return Recording(path.stem.removeprefix("linux-"), untraceable, named, steps)


def _steps(title: str, text: str) -> Iterator[Step]:
    for part in re.split(r"^(?=\$)", text, flags=re.MULTILINE)[1:]:
        line, _, calls = part.partition("\n")
        calls, _, errno = calls.partition("  ! ")
        yield Step(title, line.lstrip("$ "), " ".join(calls.split()), errno.strip() or None)


def written_out(text: str, named: dict[str, str]) -> list[str]:
    """The tokens of a tree, ``name(``, ``name`` and ``)``, without names for trees and numbers."""
    groups: list[list[str]] = [[]]
    opened: list[str] = []
    last = 0
    for name, opens, group, closes, times, alone in _TOKEN.findall(text):
        if name:
            last = len(groups[-1])
            groups[-1] += written_out(named[name], named) if name in named else [name + opens]
            if opens:
                opened.append("call")
                groups.append([])
        elif group:
            opened.append("group")
            groups.append([])
        elif closes:
            inner, kind = groups.pop(), opened.pop()
            if kind == "call":
                inner = [groups[-1].pop(), *inner, ")"]
            last = len(groups[-1])
            groups[-1] += inner * int(times or 1)
        elif alone:
            groups[-1] += groups[-1][last:] * (int(alone) - 1)
    return groups[0]


def calls_of(tokens: list[str]) -> list[Call]:
    """Every call with its time."""
    under_way: list[tuple[str, int]] = []
    calls: list[Call] = []
    for at, token in enumerate(tokens):
        if token == ")":
            function, since = under_way.pop()
        else:
            function, since = token.rstrip("("), at
        if token.endswith("("):
            under_way.append((function, at))
        else:
            callers = frozenset(name for name, _ in under_way)
            calls.append(Call(function, callers, since, at))
    return sorted(calls, key=lambda call: call.called)


def misplaced(told: list[str], calls: list[Call]) -> list[str]:
    """Events that no call of their function is left for, where they come in turn."""
    now, wrong = 0, []
    known = {call.function for call in calls}
    for function in told:
        if function not in known:
            continue
        left = [call.called for call in calls if call.function == function and call.returned >= now]
        if not left:
            wrong.append(function)
            continue
        now = max(now, min(left))
    return wrong


@cache
def reasons() -> dict[str, dict[str, str]]:
    """By heading (``not called``, ``not told``) and function, why."""
    found: dict[str, dict[str, str]] = {}
    for line in (FOLDER / "reasons.txt").read_text("utf-8").splitlines():
        if line.startswith("== "):
            heading = found.setdefault(line[3:], {})
        elif line and not line.startswith("#"):
            functions, _, why = line.partition(": ")
            heading.update(dict.fromkeys(functions.split(), why))
    return found


PARTS = [(path, title) for path in FILES for title in recording(path).parts]


@pytest.mark.parametrize(
    ("path", "title"), PARTS, ids=[f"{path.stem}: {title}" for path, title in PARTS]
)
def test_phases_are_the_kernels_calls_in_their_order(path: Path, title: str) -> None:
    it = recording(path)
    (machine_line, *rest) = it.parts[title]
    machine = booted(machine_line.line)
    found = [each for step in rest for each in _differences(it, machine, step)]
    assert found == []


def _differences(it: Recording, machine: Machine, step: Step) -> Iterator[str]:
    outcome = machine.run(step.line)
    calls = calls_of(written_out(step.calls, it.named))
    if not calls:
        return
    if outcome.errno != step.errno:
        yield f"{step.line}: {outcome.errno}, the kernel says {step.errno}"
    told = [event.function for event in outcome.events]
    called = {call.function for call in calls}
    for function in misplaced(told, calls):
        yield f"{step.line}: {function} is out of turn"
    for function in dict.fromkeys(told):
        why = reasons()["not called"].get(function)
        excused = function in it.untraceable if why == "inlined" else why is not None
        if function not in called and not excused:
            yield f"{step.line}: {function} is told, not called"
    silent = {call.function for call in calls if call.function not in told and not _excused(call)}
    for function in sorted(silent):
        yield f"{step.line}: {function} is called, not told"


def _excused(call: Call) -> bool:
    """Whether it is listed why a call has no event, perhaps only inside some caller."""
    listed = reasons()["not told"]
    return call.function in listed or any(f"{call.function}@{by}" in listed for by in call.callers)


def test_the_calls_are_of_all_operations_on_four_kernels() -> None:
    steps = [step for path in FILES for part in recording(path).parts.values() for step in part]
    verbs = {step.line.split()[0] for step in steps if step.calls}
    assert {"add", "online", "offline", "remove", "echo", "virtio-mem", "device-add"} <= verbs
    assert sum(bool(step.calls) for step in steps) > 200
    assert {step.errno for step in steps} >= {None, "EBUSY", "EINVAL"}


def test_no_reason_is_listed_twice_and_each_is_needed() -> None:
    traced = {
        token.rstrip("(")
        for path in FILES
        for part in recording(path).parts.values()
        for step in part
        for token in written_out(step.calls, recording(path).named)
    }
    assert [each for each in reasons()["not told"] if each.partition("@")[0] not in traced] == []
    words = re.findall(r"^([\w@ ]+): ", (FOLDER / "reasons.txt").read_text("utf-8"), re.MULTILINE)
    assert sorted(" ".join(words).split()) == sorted(
        each for heading in reasons().values() for each in heading
    )


def test_a_tree_is_written_out() -> None:
    assert written_out("f(a*2 (b c)*2) %g", {"%g": "g(h)"}) == [
        *("f(", "a", "a", "b", "c", "b", "c", ")", "g(", "h", ")")
    ]
    inner = calls_of(written_out("f(a(b))", {}))[2]
    assert (inner.function, sorted(inner.callers)) == ("b", ["a", "f"])


def test_an_event_out_of_turn_is_found() -> None:
    calls = calls_of(written_out("f(a b) g(c)", {}))
    assert misplaced(["a", "f", "b", "inlined", "g", "c", "g"], calls) == []
    assert misplaced(["b", "a"], calls) == ["a"]
    assert misplaced(["c", "f"], calls) == ["f"]
