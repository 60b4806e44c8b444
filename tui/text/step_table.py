"""A session as numbers over its steps: what is free, and what struct pages take of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from pfnmap.engine.facts import free_kernel_bytes, node_memmap, total_facts
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.memory.state import State
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.sizes import human_size

MAX_NODES: Final = 4
"""Nodes with a column of their own; of more, the free memory is a sum."""


def numbers(start: State, steps: Sequence[tuple[int, Outcome]], width: int) -> Iterator[str]:
    """A line for each step: free kernel memory, usable memory, struct pages.

    Of the struct pages, those of memory not online yet are ``waiting``, those on another node
    ``remote``. Of more than three steps with equal numbers stand the first and the last.
    """
    states = [start, *(outcome.after for _, outcome in steps)]
    nodes = [n for n in range(len(start.nodes)) if any(s.nodes[n].online for s in states)]
    apart = len(nodes) <= MAX_NODES
    free = [f"free {n}" for n in nodes] if apart and len(nodes) > 1 else ["free"]
    rows = [["step", *free, "usable", "memmap", "waiting", "remote", "command"]]
    rows.append(["0", *_amounts(start, nodes, apart), "boot"])
    for number, outcome in steps:
        what = (f"{outcome.errno} " if outcome.errno else "") + line_of(outcome.command)
        rows.append([str(number), *_amounts(outcome.after, nodes, apart), what])
    wide = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    for _, alike in groupby(rows, lambda row: row[1:-1]):
        shown = list(alike)
        for row in shown if len(shown) <= 3 else (shown[0], ["..."], shown[-1]):
            cells = (cell.rjust(w) for cell, w in zip(row, wide, strict=False))
            line = "  ".join([*cells, *row[len(wide) :]])
            yield line if len(line) <= width else line[: width - 3] + "..."


def _amounts(state: State, nodes: list[int], apart: bool) -> list[str]:
    """The numbers of one moment."""
    total, page = total_facts(state), state.geometry.page_bytes
    free = [free_kernel_bytes(state, node) for node in nodes]
    waiting = sum(node_memmap(state, node).pending for node in nodes) * page
    sizes = (total.usable_bytes, total.memmap_bytes, waiting, total.remote_memmap_bytes)
    return [human_size(size) for size in (*(free if apart else [sum(free)]), *sizes)]
