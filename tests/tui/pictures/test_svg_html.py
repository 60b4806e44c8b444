"""Pictures as SVG and HTML: golden files, no remote host, cells where they belong."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.whole_file import write_whole
from pfnmap.themes import load_theme
from pfnmap.tui.pictures.picture import PLAIN, Ink, Picture, fitted_line, on_page, piece
from pfnmap.tui.pictures.pytest_fixture import Snapshot
from pfnmap.tui.pictures.svg_html import CELL_WIDTH, MARGIN, to_html, to_svg
from pfnmap.tui.testing import render
from tests.examples import some

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def picture() -> Picture:
    dim, hot = Ink("#888888", "#101418"), Ink("bright_red", "blue", bold=True)
    return on_page(
        20,
        [
            [piece(" zones "), piece("<b>&'\"", hot), piece(" 漢字", dim)],
            [piece("██▌", Ink("#f0e442", "#0d3650")), piece("▏x", Ink("#f0e442"))],
            [piece("cursor", Ink("#ffffff", "#000000", reverse=True, underline=True))],
            [],
        ],
        load_theme("dark"),
    )


def test_svg_is_as_it_always_was(picture: Picture, pfnmap_snapshot: Snapshot) -> None:
    pfnmap_snapshot.compare(to_svg(picture, "a <title>"), ".svg")


def test_html_is_as_it_always_was(picture: Picture, pfnmap_snapshot: Snapshot) -> None:
    pfnmap_snapshot.compare(to_html(picture, "a <title>"), ".html")


@pytest.mark.parametrize("theme", some(["dark", "light", "ansi", "mono", "ascii"]))
@pytest.mark.parametrize("format", ["svg", "html"])
def test_no_host_is_asked_for_anything(theme: str, format: str) -> None:
    drawn = render("add dimm0 256M\n", theme=theme, format=format)  # type: ignore[call-overload]
    drawn = drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")
    for word in (
        "http:",
        "https:",
        "//",
        "url(",
        "@import",
        "@font-face",
        "src=",
        "href",
        "<script",
    ):
        assert word not in drawn, word


def test_svg_holds_the_text_in_order(picture: Picture) -> None:
    root = ET.fromstring(to_svg(picture))
    assert [text.text for text in root.iter(f"{SVG}text")] == [
        "zones", "<b>&'\"", "漢字", "▏x", "cursor",
    ]  # fmt: skip
    x = {text.text: int(text.attrib["x"]) for text in root.iter(f"{SVG}text")}
    assert x["漢字"] == MARGIN + 14 * CELL_WIDTH
    (chinese,) = (text for text in root.iter(f"{SVG}text") if text.text == "漢字")
    assert chinese.attrib["textLength"] == str(4 * CELL_WIDTH)


def test_blocks_are_shapes_of_the_right_width(picture: Picture) -> None:
    root = ET.fromstring(to_svg(picture))
    yellow = [r for r in root.iter(f"{SVG}rect") if r.attrib["fill"] == "#f0e442"]
    widths = [float(r.attrib["width"]) / CELL_WIDTH for r in yellow]
    assert widths == [2.0, 0.5]


def test_html_holds_every_line_as_text(picture: Picture) -> None:
    class Text(HTMLParser):
        inside = False
        text = ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.inside = self.inside or tag == "pre"

        def handle_data(self, data: str) -> None:
            self.text += data if self.inside else ""

    parser = Text()
    parser.feed(to_html(picture))
    assert [line.rstrip() for line in parser.text.rstrip().split("\n")] == [
        line for line in picture.text() if line
    ]


def test_default_colours_are_the_page_s(picture: Picture) -> None:
    mono = on_page(10, [[piece("x", Ink(reverse=True))]], load_theme("mono"))
    assert mono.background == Picture(0, ()).background
    assert f"color:{mono.background};background:{mono.foreground}" in to_html(mono)


def test_every_line_has_the_width_of_the_picture() -> None:
    for text in ("", "abc", "漢字漢字漢字", "x" * 50, "aa漢漢漢漢漢"):
        (line,) = on_page(9, [[piece(text)]], load_theme("dark")).lines
        assert sum(part.cells for part in line) == 9
    assert fitted_line([piece("a"), piece("b"), piece("c", Ink(bold=True))], 3) == (
        piece("ab"),
        piece("c", Ink(bold=True)),
    )
    assert fitted_line([], 2)[0].ink == PLAIN


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "a.svg"
    file.write_text("old")
    write_whole(file, b"new")
    assert file.read_text() == "new"
    (tmp_path / "directory").mkdir()
    with pytest.raises(InputError, match="directory: cannot be written: Is a directory"):
        write_whole(tmp_path / "directory", b"x")
    with pytest.raises(InputError, match=re.escape("bad\\x1b[2J")):
        write_whole(tmp_path / "no" / "bad\x1b[2J", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "directory"]
