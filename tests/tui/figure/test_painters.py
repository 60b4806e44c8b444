"""Whatever paints a figure shows the same cells: text, picture, SVG, screencast, page, screen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from msgspec.json import decode

from pfnmap.engine.kinds import PageState, ZoneType
from pfnmap.engine.session import Session
from pfnmap.themes import load_theme
from pfnmap.tui.figure.axis import Column, ground_of
from pfnmap.tui.figure.figure import Figure, Key, Mark, Strip, figure_of
from pfnmap.tui.figure.inks import picture_of
from pfnmap.tui.figure.line_drawing import Sheet
from pfnmap.tui.figure.moments import moments
from pfnmap.tui.figure.page import WIDTH, _Data, page
from pfnmap.tui.figure.text import figure_spans, joined
from pfnmap.tui.map.cells import OVER_SHIFT, STATE_MASK
from pfnmap.tui.pictures.cast.frames import FigureFrames
from pfnmap.tui.pictures.cast.script import script_of
from pfnmap.tui.pictures.svg_html import CELL_WIDTH, MARGIN, to_svg
from pfnmap.tui.widgets.figure_panel import span_strip
from pfnmap.tui.widgets.paint import Paint
from tests.examples import examples
from tests.tui.figure.sessions import random_sessions

CHEAP = examples(6, [HealthCheck.too_slow])
SIGNS = {Mark.BLANK: " ", Mark.GAP: "-", Mark.OPEN: "[", Mark.CLOSE: "]", Mark.TICK: "|",
         Mark.BREAK: "/", Mark.NODE: "=", Mark.REFUSED: "X"}  # fmt: skip
LETTERS = dict(zip(PageState, ".oVdDNMmuHhxZR!Ob", strict=True))
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
ROW = re.compile(r" *(\d+) (node|no zone|\w+) *$")


def expected(strip: Strip) -> str:
    """The cells of a row as letters, from its codes alone."""
    letters = []
    for mark, code in zip(strip.marks.tolist(), strip.codes.tolist(), strict=True):
        under, over = code & STATE_MASK, code >> OVER_SHIFT & STATE_MASK
        whole = LETTERS[PageState(under)] if under == over else "v"
        letters.append(whole if mark == Mark.CELL else SIGNS[Mark(mark)])
    return "".join(letters).rstrip()


def rows_of(figure: Figure, *, before: bool = False) -> dict[Key, str]:
    """What every row of a figure is to show; ``before``: as the moment before where it differs."""
    return {
        row.key: expected(row.was if before and row.was is not None and row.paired else row.now)
        for row in figure.rows
    }


def rows_in(lines: Iterable[str], sheet: Sheet) -> dict[Key, str]:
    """The cells of the first line of each row in something that was drawn."""
    found: dict[Key, str] = {}
    for line in lines:
        named = ROW.match(line[: sheet.names])
        if named and named[2] in (*(zone.label for zone in ZoneType), "node", "no zone"):
            zones = {"node": None, "no zone": ZoneType.NONE}
            labels = {zone.label: zone for zone in ZoneType if zone >= 0}
            key = int(named[1]), zones.get(named[2], labels.get(named[2]))
            cells = line[sheet.names : sheet.names + sheet.axis.width].rstrip()
            found.setdefault(key, cells)
    return found


def last_of(session: Session, width: int, digits: int) -> tuple[Figure, Sheet]:
    found = moments(session)
    block_bytes = found[0].view.geometry.block_bytes
    sheet = Sheet(ground_of(found), width, block_bytes, most_digits=digits)
    return figure_of(found[-1], sheet.axis), sheet


def svg_lines(svg: str) -> Iterator[str]:
    """The letters of an SVG where it puts them."""
    lines: dict[int, list[tuple[int, str]]] = {}
    for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        at = (int(each.attrib["x"]) - MARGIN) // CELL_WIDTH
        lines.setdefault(int(each.attrib["y"]), []).append((at, each.text or ""))
    for y in sorted(lines):
        line = ""
        for at, words in sorted(lines[y]):
            line = line.ljust(at) + words
        yield line


@given(random_sessions(), st.integers(60, 180))
@CHEAP
def test_text_picture_svg_and_screen_show_the_cells_of_the_figure(
    session: Session, width: int
) -> None:
    figure, sheet = last_of(session, width, 8)
    before = rows_of(figure, before=True)
    found = moments(session)
    text = joined(figure_spans(found[-1:], ground_of(found), width=width))
    assert rows_in(text, sheet) == before
    lines = list(sheet.rows(figure, None))
    theme = load_theme("ascii")
    picture = picture_of(lines, theme)
    assert rows_in(picture.text(), sheet) == before
    assert rows_in(svg_lines(to_svg(picture)), sheet) == before
    # On the screen a cell that holds struct pages in part says how large the part is.
    part = str.maketrans(dict.fromkeys("1234567", "v"))
    screen = [span_strip(width + 1, Paint(theme), line).text for line in lines]
    assert {k: cells.translate(part) for k, cells in rows_in(screen, sheet).items()} == before


@given(random_sessions(), st.integers(80, 140))
@CHEAP
def test_a_screencast_shows_them_at_the_end(session: Session, width: int) -> None:
    figure, sheet = last_of(session, width, 13)
    last = FigureFrames().pictures(script_of(session), (width, 60), load_theme("dark"))[-1]
    drawn = [line.replace("_", " ") for line in last.text()]  # it was there before the step
    assert rows_in(drawn, sheet) == rows_of(figure)


@given(random_sessions())
@examples(1, [HealthCheck.too_slow])
def test_a_page_shows_them_at_every_step(session: Session) -> None:
    found = {moment.number: moment for moment in moments(session)}
    _, sheet = last_of(session, WIDTH, 13)
    data = decode(DATA.findall(page(session, "x"))[0], type=_Data)
    for shown in data.moments:
        if not shown.p:
            drawn = unescape(re.sub(r"<[^>]*>", "", "".join(data.parts[n] for n in shown.h)))
            figure = figure_of(found[shown.n], sheet.axis)
            assert rows_in(drawn.splitlines(), sheet) == rows_of(figure, before=True)


@given(random_sessions(), st.integers(40, 180))
@CHEAP
def test_brackets_stand_where_spans_begin_and_end(session: Session, width: int) -> None:
    figure, sheet = last_of(session, width + 50, 13)
    axis, view = sheet.axis, figure.moment.view
    edges = axis.kinds == Column.EDGE
    for left, right in pairwise(axis.starts[edges].tolist()):
        assert left < right
    spans: dict[Key, tuple[int, int]] = {
        (zone.node, zone.zone): (zone.start_pfn, zone.end_pfn) for zone in view.zones
    }
    spans |= {(n.node, None): (n.start_pfn, n.start_pfn + n.spanned) for n in view.nodes}
    for row in figure.rows:
        start, end = spans.get(row.key, (0, 0))
        opens, closes = (axis.starts[row.now.marks == mark] for mark in (Mark.OPEN, Mark.CLOSE))
        if row.zone != ZoneType.NONE and start < end:
            assert (opens.tolist(), closes.tolist()) == ([start], [end])
        else:
            assert not len(opens) and not len(closes)
