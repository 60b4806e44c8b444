"""The figure in plain text: 72 ASCII columns, one fact a line, so that ``diff`` compares two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pfnmap.tui.figure.axis import Ground
from pfnmap.tui.figure.bill import bill_of
from pfnmap.tui.figure.figure import Figure, figure_of
from pfnmap.tui.figure.line_drawing import Sheet, Spans, spans_of
from pfnmap.tui.figure.moments import Moment

MAIL_WIDTH: Final = 72
"""What survives two levels of ``> `` quoting within 78 columns."""


def joined(lines: Iterable[Spans]) -> list[str]:
    """Lines of spans as text, without blanks at their ends."""
    return ["".join(span.text for span in line).rstrip() for line in lines]


def figure_spans(
    found: Sequence[Moment], ground: Ground, *, width: int = MAIL_WIDTH, title: str = ""
) -> Iterator[Spans]:
    """The lines of a figure.

    Args:
        found: What is drawn, in order; rows that stay as they were are drawn only at first.
        ground: The address space that all of them share.
        width: Longest line.
        title: First line; none when empty.
    """
    sheet = Sheet(ground, width, found[0].view.geometry.block_bytes)
    yield from spans_of(title, width, "heading") if title else ()
    yield from sheet.heading()
    drawn: list[Figure] = []
    for moment in found:
        figure = figure_of(moment, sheet.axis)
        yield ()
        yield from sheet.words(figure)
        yield from sheet.rows(figure, drawn[-1] if drawn else None)
        drawn.append(figure)
    yield ()
    yield from sheet.legend(drawn)
    yield ()
    yield from sheet.bill(bill_of(found[-1].state))
