r"""Rendered screens in tests, for pfnmap's own and for those of other projects.

:func:`render` turns a scenario into text, SVG or an array of cells, always the same::

    from pfnmap.tui.testing import render

    def test_the_dimm_is_movable() -> None:
        assert "Movable" in render("add dimm0 256M\nonline dimm0 movable\n")

The fixture ``pfnmap_snapshot`` (:mod:`pfnmap.tui.pictures.pytest_fixture`) compares a rendered
screen with a file kept in version control. The other functions are for a running program.
"""

from pfnmap.tui.pictures.offscreen import press, screen_text, settle, type_text
from pfnmap.tui.pictures.render import CELL_DTYPE, Cells, render

__all__ = ["CELL_DTYPE", "Cells", "press", "render", "screen_text", "settle", "type_text"]
