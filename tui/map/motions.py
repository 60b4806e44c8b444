"""What the motion and zoom keys do to the map's window. Pure: viewport in, viewport out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pfnmap.engine.geometry import Geometry
from pfnmap.engine.view import View
from pfnmap.tui.map.viewport import Viewport, edges_of

Edges = NDArray[np.int64]
Motion = Callable[[Viewport, Edges], Viewport]

MOTIONS: dict[str, Motion] = {
    "cursor.left": lambda vp, _: vp.across(-1),
    "cursor.right": lambda vp, _: vp.across(1),
    "cursor.up": lambda vp, _: vp.down(-1),
    "cursor.down": lambda vp, _: vp.down(1),
    "cursor.block.previous": lambda vp, _: vp.previous_block(),
    "cursor.block.next": lambda vp, _: vp.next_block(),
    "cursor.edge.previous": lambda vp, edges: vp.previous_edge(edges),
    "cursor.edge.next": lambda vp, edges: vp.next_edge(edges),
    "cursor.row.start": lambda vp, _: vp.row_start(),
    "cursor.row.end": lambda vp, _: vp.row_end(),
    "cursor.first": lambda vp, _: vp.at(vp.first_pfn),
    "cursor.last": lambda vp, _: vp.at(vp.end_pfn - 1),
    "cursor.half.down": lambda vp, _: vp.down(max(1, vp.nr_rows // 2)),
    "cursor.half.up": lambda vp, _: vp.down(-max(1, vp.nr_rows // 2)),
    "cursor.page.down": lambda vp, _: vp.down(vp.nr_rows),
    "cursor.page.up": lambda vp, _: vp.down(-vp.nr_rows),
    "view.zoom.in": lambda vp, _: vp.zoomed(1),
    "view.zoom.out": lambda vp, _: vp.zoomed(-1),
    "view.zoom.fit": lambda vp, _: _fit_or_blocks(vp),
    "view.fold": lambda vp, _: vp.folded(not vp.fold),
    "view.select": lambda vp, _: vp.selecting(vp.anchor_pfn is None),
    "view.deselect": lambda vp, _: vp.selecting(False),
}
"""Actions that only move the cursor or the window."""

SCROLLS: dict[str, Callable[[int, int], int]] = {
    "cursor.up": lambda height, _: -1,
    "cursor.down": lambda height, _: 1,
    "cursor.half.up": lambda height, _: -max(1, height // 2),
    "cursor.half.down": lambda height, _: max(1, height // 2),
    "cursor.page.up": lambda height, _: -height,
    "cursor.page.down": lambda height, _: height,
    "cursor.first": lambda _, length: -length,
    "cursor.last": lambda _, length: length,
}
"""Motions that scroll another panel when that has the focus: (height, length) to lines."""


def _fit_or_blocks(viewport: Viewport) -> Viewport:
    """Everything on one screen; when it is already, one memory block a row."""
    fitted = viewport.fitted()
    if fitted.pages_per_cell != viewport.pages_per_cell:
        return fitted
    return viewport.with_cell(max(1, viewport.block_pages // viewport.columns))


def edges(view: View) -> Edges:
    """Where ``{`` and ``}`` stop: edges of memory and of zone spans."""
    spans = [(row.start_pfn, row.end_pfn) for row in view.zones if row.spanned]
    return edges_of(view.extents(), spans)


def zoomed_to(viewport: Viewport, level: str, geometry: Geometry) -> Viewport:
    """``zoom LEVEL``: a cell is one page, subsection, section or block; or ``fit``."""
    if level == "fit":
        return viewport.fitted()
    pages = {
        "page": 1,
        "subsection": geometry.subsection_pages,
        "section": geometry.section_pages,
        "block": geometry.block_pages,
    }[level]
    return viewport.with_cell(pages)
