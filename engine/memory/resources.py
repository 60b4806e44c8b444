"""The part of ``/proc/iomem`` that hotplug reads and changes.

Source: ``kernel/resource.c`` of 6.12 (``__request_region_locked``,
``release_mem_region_adjustable``), ``mm/memory_hotplug.c:register_memory_resource``.
"""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.memory.state import Resource, State


def _ordered(resources: list[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(resources, key=lambda r: (r.start, -r.end, r.depth)))


def conflict(state: State, start: int, end: int, owner: int = -1) -> Resource | None:
    """What stops a new System RAM region [start, end] (bytes, inclusive): busy or partial.

    A region that lies whole inside something that is not System RAM becomes its child, unless
    a driver has claimed that for another device than ``owner``.
    """
    for resource in state.resources:
        if resource.end < start or resource.start > end:
            continue
        inside = resource.start <= start and end <= resource.end
        if resource.system_ram or resource.owner not in (-1, owner) or not inside:
            return resource
    return None


def depth_of(state: State, start: int, end: int) -> int:
    """How many lines a region [start, end] lies in."""
    return sum(line.start <= start and end <= line.end for line in state.resources)


def insert(state: State, resource: Resource) -> State:
    """The state with one more line."""
    return replace(state, resources=_ordered([*state.resources, resource]))


def merge(state: State, start: int) -> State:
    """``merge_system_ram_resource`` for the line that starts there: with its neighbours.

    They must have its name, and lie in the same line above them.
    """
    merged: list[Resource] = []
    for line in sorted(state.resources, key=lambda line: (line.depth, line.start)):
        last = merged[-1] if merged else line
        alike = (line.name, line.owner, line.depth) == (last.name, last.owner, last.depth)
        if alike and line.start == last.end + 1 and start in (line.start, last.start):
            line, start = replace(last, end=line.end), last.start
            merged.pop()
        merged.append(line)
    return replace(state, resources=_ordered(merged))


def release(state: State, start: int, end: int) -> tuple[State, str]:
    """``release_mem_region_adjustable``: give [start, end] back; the state and what happened.

    The one System RAM resource that contains the range is deleted, trimmed or split; where
    none contains it (two resources removed in one call) nothing is released.
    """
    for resource in state.resources:
        if resource.system_ram and resource.start <= start and end <= resource.end:
            rest = [r for r in state.resources if r is not resource]
            if resource.start < start:
                rest.append(replace(resource, end=start - 1))
            if end < resource.end:
                rest.append(replace(resource, start=end + 1))
            return replace(state, resources=_ordered(rest)), "System RAM released"
    return state, "no single resource contains the range: nothing is released"
