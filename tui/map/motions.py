"""Where the motion keys stop, what ``zoom`` means, and which memory a step was about."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import (
    Add,
    DeviceAdd,
    Goto,
    Hugetlb,
    Offline,
    Online,
    Pin,
    Remove,
    Unpin,
)
from pfnmap.engine.errors import InputError
from pfnmap.engine.geometry import Geometry
from pfnmap.engine.memory.runs import span_apart
from pfnmap.engine.operations.refs import default_address, listed_blocks, pfn_of
from pfnmap.engine.outcome import Outcome, touched_by
from pfnmap.engine.view import View
from pfnmap.tui.map.viewport import Viewport, edges_of, level_pages

Edges = NDArray[np.int64]


def edges(view: View) -> Edges:
    """Where ``{`` and ``}`` stop: edges of memory and of zone spans."""
    spans = [(row.start_pfn, row.end_pfn) for row in view.zones if row.spanned]
    return edges_of(view.extents(), spans)


def fit_or_blocks(viewport: Viewport) -> Viewport:
    """Everything on one screen; when it is already, one memory block a row."""
    fitted = viewport.fitted()
    if fitted.pages_per_cell != viewport.pages_per_cell:
        return fitted
    return viewport.by_block()


def zoomed_to(viewport: Viewport, level: str, geometry: Geometry) -> Viewport:
    """``zoom LEVEL``: a cell is one page, subsection, section or block; or ``fit``."""
    pages = level_pages(geometry, level)
    return viewport.fitted() if pages is None else viewport.with_cell(pages)


def goto_pfn(command: Goto, base: int, view: View) -> int:
    """The page that ``goto`` names, counted from ``base``; InputError behind the end of memory."""
    unit = {"pfn": 1, "block": view.geometry.block_pages}.get(command.unit)
    pfn = base + command.value * unit if unit else command.value // view.geometry.page_bytes
    if not 0 <= pfn < view.end_pfn:
        raise InputError(f"pfn {pfn:#x} is behind the end of memory ({view.end_pfn:#x})")
    return pfn


def touched(outcome: Outcome) -> NDArray[np.int64]:
    """[start_pfn, end_pfn) of what a step was about, whether it changed or not; int64 (n, 2)."""
    pages = outcome.before.geometry.block_pages
    one, other = outcome.before.hugetlb, outcome.after.hugetlb
    pools = [other.get(number) or one[number] for number in one.keys() ^ other.keys()]
    held = [(pool.start_pfn, pool.start_pfn + pool.nr_pages) for pool in pools]
    ranges = np.concatenate(
        (
            touched_by(outcome.events) * pages,
            *_named(outcome),
            np.array(held, np.int64).reshape(-1, 2),
        )
    )
    if not len(ranges):  # the calls of a real kernel do not say which blocks they are about
        first, end = span_apart(outcome.before.blocks, outcome.after.blocks)
        ranges = np.array([(first * pages, end * pages)] * (first < end), np.int64).reshape(-1, 2)
    return ranges


def refused_place(outcome: Outcome) -> tuple[int, int, int] | None:
    """(start_pfn, end_pfn, node) of where a device would be that was refused, in whole blocks."""
    command, state = outcome.command, outcome.before
    if outcome.refusal is None or not isinstance(command, Add | DeviceAdd):
        return None
    start = command.address
    if start is None:
        start = default_address(state, command.size_bytes)
    block, pages = state.geometry.block_bytes, state.geometry.block_pages
    end = -(-(start + command.size_bytes) // block) * pages
    return start // block * pages, end, command.node or 0


def _named(outcome: Outcome) -> Iterator[NDArray[np.int64]]:
    """The memory that a command names."""
    command, state = outcome.command, outcome.before
    try:
        if isinstance(command, Online | Offline | Remove | Pin | Unpin):
            yield listed_blocks(state, command.blocks) * state.geometry.block_pages
        if isinstance(command, Hugetlb | Pin | Unpin) and command.pfn is not None:
            yield np.array([(0, 1)], np.int64) + pfn_of(state, command.pfn)
    except InputError:
        return  # it names what was never there, and was refused for that
