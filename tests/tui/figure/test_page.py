"""The page: whole in one file, asks nobody, is small, and its last step needs no script."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from msgspec.json import decode

from pfnmap.engine.sources import open_source
from pfnmap.themes import load_theme
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.inks import svg
from pfnmap.tui.figure.moments import moments
from pfnmap.tui.figure.page import _Data, page
from pfnmap.tui.figure.text import figure_spans, joined
from tests.tui.figure.sessions import session_of

NAMES = (
    "shrink-e1-merged",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "hugetlb-section-vs-block",
            "memmap-64g",
            "oom-before-online",
            "v2-partial-removal-memblock",  # two removals of more than 500 phases
        )
    ),
)


@cache
def page_of(name: str) -> str:
    """The page of a shipped scenario, made once for all that is asked of it."""
    return page(open_source(name), name)


FETCHING = {"src", "href", "srcset", "action", "data", "poster", "background"}


class Tags(HTMLParser):
    """Every start tag with its attributes, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)
        if tag in ("script", "style"):
            self.raw.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.raw[-1] += data


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_small_and_asks_nobody(name: str) -> None:
    text = page_of(name)
    assert len(text.encode()) < 300_000
    found = Tags(text)
    assert found.open == []
    for _tag, attributes in found.tags:
        assert not FETCHING & set(attributes)
        assert not any(each.startswith("on") or each == "style" for each in attributes)
    style, data, script = found.raw
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"fetch|XMLHttp|import\(|https?:|WebSocket|eval", script)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for tag, a in found.tags if a.get("http-equiv"))
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    assert decode(data, type=_Data).moments


def test_the_last_step_stands_there_without_script_and_is_the_last_moment() -> None:
    text = page_of("shrink-e1-merged")
    data = decode(Tags(text).raw[1], type=_Data)
    last = data.moments[-1]
    assert f'<main id="moment">{"".join(data.parts[part] for part in last.h)}</main>' in text
    assert last.t == "step 11: offline 41"
    assert "Movable of node 1 is empty: its span is gone" in data.parts[last.h[1]]


def test_notes_stand_with_the_step_they_follow() -> None:
    session = session_of("machine ram=1G", "add dimm0 256M", 'note "it is <plugged>"', "online 32")
    data = decode(Tags(page(session, "x", origins=["a post"])).raw[1], type=_Data)
    said = [
        moment.t
        for moment in data.moments
        if "<p>it is &lt;plugged&gt;</p>" in [data.parts[part] for part in moment.h]
    ]
    assert said == ["step 1: add dimm0 256M"]


def test_a_piece_as_it_was_is_explained_as_it_was() -> None:
    session = session_of("machine ram=1G", "add dimm0 256M", "online 32-33 movable", "offline 33")
    data = decode(Tags(page(session, "x")).raw[1], type=_Data)
    lines = [data.parts[part] for part in data.moments[-1].h]
    was = next(line for line in lines if ">  0 Movable" in line)
    words = [data.words[int(number)] for number in re.findall(r'data-words="([0-9]+)"', was)]
    assert words[-1].startswith("blocks 32-33;")
    assert "state online" in words[-1]


def test_every_row_has_the_same_place_in_all_moments() -> None:
    data = decode(Tags(page_of("shrink-e1-merged")).raw[1], type=_Data)
    lines = set()
    for moment in data.moments:
        parts = [data.parts[part] for part in moment.h]
        first = next(at for at, part in enumerate(parts) if part.startswith("<figure"))
        lines.add(parts.index("</pre><pre>") - first)
    assert len(lines) == 1


def test_every_step_and_phase_is_there_in_order_and_all_have_the_same_axis() -> None:
    data = decode(Tags(page_of("shrink-e1-merged")).raw[1], type=_Data)
    # A step stands behind its phases, as the machine at rest does.
    order = [(moment.n, moment.p or 1000) for moment in data.moments]
    assert order == sorted(order)
    drawn = [[data.parts[part] for part in moment.h] for moment in data.moments]
    axes = {tuple(line for line in parts if 'class="axis"' in line) for parts in drawn}
    assert len(axes) == 1
    for moment, parts in zip(data.moments, drawn, strict=True):
        for words in re.findall(r'data-words="(\d+)"', "".join(parts)):
            assert data.words[int(words)]
        assert moment.t


def test_foreign_words_reach_no_page_as_markup() -> None:
    session = session_of("machine ram=1G", "add dimm0 256M")
    text = page(session, "</title><script>alert(1)</script>\x1b[2J")
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert Tags(text).open == []


def test_an_svg_has_the_letters_of_the_text() -> None:
    found = moments(open_source("shrink-e1-merged"))
    lines = list(figure_spans(found, ground_of(found), title="title"))
    root = ElementTree.fromstring(svg(lines, load_theme("dark"), "title"))
    drawn = "".join("".join(each.itertext()) for each in root.iter() if each.tag.endswith("}text"))
    assert drawn.replace(" ", "") == "".join(joined(lines)).replace(" ", "")
