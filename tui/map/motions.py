"""Where the motion keys stop, and what ``zoom`` means. Pure: viewport in, viewport out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pfnmap.engine.geometry import Geometry
from pfnmap.engine.view import View
from pfnmap.tui.map.viewport import Viewport, edges_of

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
    if level == "fit":
        return viewport.fitted()
    pages = {
        "page": 1,
        "subsection": geometry.subsection_pages,
        "section": geometry.section_pages,
        "block": geometry.block_pages,
    }[level]
    return viewport.with_cell(pages)
