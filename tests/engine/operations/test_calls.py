"""Phases in the order of a real kernel's calls.

``calls/*.txt`` are call trees that the function graph tracer of Linux 6.1 and 6.12 recorded while
DIMMs came and went, ``caller(callee callee)``; where ``pin`` stands the kernel had a page of its
own. An event belongs inside its function's own call, and events come in the order of the tree.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine.tools import booted

FILES = sorted((Path(__file__).parent / "calls").glob("*.txt"))

SEEN = {
    "register_memory_resource",
    "sparse_add_section",
    "vmemmap_populate",
    "create_memory_block_devices",
    "mhp_init_memmap_on_memory",
    "move_pfn_range_to_zone",
    "adjust_present_page_count",
    "build_all_zonelists",
    "start_isolate_page_range",
    "__offline_isolated_pages",
    "remove_pfn_range_from_zone",
    "mhp_deinit_memmap_on_memory",
    "remove_memory_block_devices",
    "arch_remove_memory",
    "vmemmap_free",
    "release_mem_region_adjustable",
    "try_offline_node",
}
"""What changes something that a reader can see, so that a step tells it."""


def intervals(tree: str) -> list[tuple[str, int, int]]:
    """(function, when it was called, when it returned) of every call."""
    names: list[str] = []
    called: list[int] = []
    returned: list[int] = []
    under_way: list[int] = []
    for at, token in enumerate(re.findall(r"\w+\(?|\)", tree)):
        if token == ")":
            returned[under_way.pop()] = at
            continue
        if token.endswith("("):
            under_way.append(len(names))
        names.append(token.rstrip("("))
        called.append(at)
        returned.append(at)
    return list(zip(names, called, returned, strict=True))


def misplaced(told: list[str], calls: list[tuple[str, int, int]]) -> list[str]:
    """Events that no call of their function is left for, where they come in turn."""
    now, wrong = 0, []
    known = {function for function, _, _ in calls}
    for function in told:
        if function not in known:
            continue  # inlined, or a notifier
        mine = [start for name, start, end in calls if name == function and end >= now]
        if not mine:
            wrong.append(function)
            continue
        now = max(now, min(mine))
    return wrong


def steps(path: Path) -> list[tuple[str, str]]:
    """(command, call tree) of each step; the machine is the first command."""
    parts = re.split(r"^\$ ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_events_come_in_the_order_of_the_kernels_calls(path: Path) -> None:
    (machine_line, _), *rest = steps(path)
    machine = booted(machine_line)
    for line, tree in rest:
        outcome = machine.run(line)
        told, calls = [event.function for event in outcome.events], intervals(tree)
        if not calls:
            continue
        assert not misplaced(told, calls), (line, told)
        assert {name for name, _, _ in calls} & SEEN <= set(told), (line, told)


def test_an_event_out_of_turn_is_found() -> None:
    calls = intervals("f(a b) g(c)")
    assert misplaced(["a", "f", "b", "inlined", "g", "c", "g"], calls) == []
    assert misplaced(["b", "a"], calls) == ["a"]
    assert misplaced(["c", "f"], calls) == ["f"]
