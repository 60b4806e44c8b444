"""A scenario as one drawn screen: text, SVG, HTML, escape sequences, or an array of cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, overload

import numpy as np

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.errors import InputError
from pfnmap.engine.scenarios.scenario import (
    SUFFIX,
    Scenario,
    load_scenario,
    parse_scenario,
)
from pfnmap.themes import load_theme
from pfnmap.tui.pictures.cast.cast import check_size
from pfnmap.tui.pictures.cast.frames import ScreenFrames
from pfnmap.tui.pictures.cast.script import script_of
from pfnmap.tui.pictures.picture import Picture, ansi_line
from pfnmap.tui.pictures.svg_html import to_html, to_svg

CELL_DTYPE: Final = np.dtype(
    [
        ("text", "U1"),
        ("fg", "U14"),
        ("bg", "U14"),
        ("bold", "?"),
        ("underline", "?"),
        ("reverse", "?"),
    ]
)
"""A cell of the screen: its character (empty in the second column of a wide one), its colours
(``#rrggbb``, one of :data:`pfnmap.themes.model.ANSI_COLOURS` or ``default``) and attributes."""

Cells = NDArray[Any]
TextFormat = Literal["text", "svg", "html", "ansi"]
FORMATS: Final = ("text", "svg", "html", "ansi", "cells")


@overload
def render(
    scenario: str | Path | Scenario,
    *,
    size: tuple[int, int] = ...,
    theme: str = ...,
    format: TextFormat = ...,
    step: int | None = ...,
    keys: Sequence[str] = ...,
) -> str: ...
@overload
def render(
    scenario: str | Path | Scenario,
    *,
    size: tuple[int, int] = ...,
    theme: str = ...,
    format: Literal["cells"],
    step: int | None = ...,
    keys: Sequence[str] = ...,
) -> Cells: ...
def render(
    scenario: str | Path | Scenario,
    *,
    size: tuple[int, int] = (80, 24),
    theme: str = "dark",
    format: TextFormat | Literal["cells"] = "text",
    step: int | None = None,
    keys: Sequence[str] = (),
) -> str | Cells:
    """Draw the screen as it is after a scenario.

    The same arguments give the same result, whatever the terminal, the environment, the time
    or the load of the machine.

    Args:
        scenario: Text of the command language, or a file of it: a path, or a string of one
            line that ends in ``.hotplug``.
        size: Columns and lines.
        theme: A theme's name or file.
        format: ``text`` (no colours, no trailing blanks), ``svg``, ``html``, ``ansi`` (text
            with colours as escape sequences) or ``cells`` (an array of :data:`CELL_DTYPE`
            with a row for each line of the screen).
        step: The step to stop at, numbered as the screen's title does: every command but
            ``machine`` is one, notes and expectations too; None does them all.
        keys: Keys to press at the end, by the names people write, such as ``z`` or ``enter``.

    Raises:
        PfnmapError: The scenario, size, theme, format or step cannot be used; ``str()`` says
            where and why.
    """
    if format not in FORMATS:
        raise InputError(f"format {format!r}: expected one of {', '.join(FORMATS)}")
    read = scenario if isinstance(scenario, Scenario) else _read(scenario)
    picture = draw(read, size=size, theme=theme, step=step, keys=keys)
    match format:
        case "svg":
            return to_svg(picture, read.title)
        case "html":
            return to_html(picture, read.title)
        case "ansi":
            return "".join(f"{ansi_line(line)}\n" for line in picture.lines)
        case "cells":
            return cells_of(picture)
        case _:
            return "".join(f"{line}\n" for line in picture.text())


def _read(scenario: str | Path) -> Scenario:
    if isinstance(scenario, Path):
        return load_scenario(scenario)
    if scenario.endswith(SUFFIX) and "\n" not in scenario:
        return load_scenario(scenario)
    return parse_scenario(scenario)


def draw(
    scenario: Scenario,
    *,
    size: tuple[int, int] = (80, 24),
    theme: str = "dark",
    step: int | None = None,
    keys: Sequence[str] = (),
) -> Picture:
    """The picture that :func:`render` writes down."""
    check_size(size)
    chosen = load_theme(theme)
    last = len(scenario.commands)
    if step is not None and not 0 <= step <= last:
        raise InputError(f"step {step}: the scenario has steps 0 (at boot) to {last}")
    script = script_of(scenario, steps=step)
    return ScreenFrames(tuple(keys), footer=True).pictures(script, size, chosen)[-1]


def cells_of(picture: Picture) -> Cells:
    """A picture as an array of :data:`CELL_DTYPE`, (lines, columns)."""
    from rich.cells import cell_len

    cells = np.zeros((picture.height, picture.width), CELL_DTYPE)
    for row, line in zip(cells, picture.lines, strict=True):
        column = 0
        for part in line:
            ink = part.ink
            look = ("", ink.fg, ink.bg, ink.bold, ink.underline, ink.reverse)
            row[column : column + part.cells] = look
            at = column
            for character in part.text:
                width = cell_len(character)
                if width and at < column + part.cells:
                    row[at]["text"] = character
                at += width
            column += part.cells
    return cells
