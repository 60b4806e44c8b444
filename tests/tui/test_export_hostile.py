"""Text from outside reaches no terminal and no file as anything but text."""

from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands import Command, Note, StartMachine, Title
from engine.outcome import Outcome
from engine.scenarios.scenario import Scenario, ScenarioLine, parse_scenario
from tests.tui.stage import session_of
from themes import load_theme
from tui.capture import on_screen
from tui.cast.cast import make_cast
from tui.cast.frames import FrameSource, ScreenFrames, TextFrames
from tui.export import to_html, to_svg
from tui.picture import Picture, Piece, ansi_line, clean, on_page, piece
from tui.plain.text import render_text
from tui.render import draw

HOSTILE = {
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x1b\\",
    "device control": "\x1bP$q q\x1b\\",
    "c1": "\x9b2J \x9d0;owned\x9c \x85",
    "controls": "a\rb\nc\x08\x00\x07\x7f",
    "bidi": "\u202eabc\u202c \u2066x\u2069 \u200f",
    "invisible": "a\u200bb\ufeffc\u00add\u2028e",
    "markup": "[bold red]x[/] [/sys/devices] [link=http://h]y[/link] $primary",
    "html": "</pre></text></svg><script>alert(1)</script>&amp;<!--",
    "xml": "]]> <![CDATA[ <?xml \ufffe \x0b",
    "surrogate": "\ud800 \udfff",
    "json": '"], [0, "o", "\\u001b[2J',
    "wide": "漢" * 60 + "e" + "\u0301" * 50,
    "long": "x" * (1 << 20),
}
ALLOWED_CONTROLS = re.compile(
    r"\x1b\[(?:[0-9;]*m|2J|\?25[lh]|[0-9]+;1H)"  # what our own screencasts are made of
)


def scenario(*commands: Command) -> Scenario:
    """A scenario built by a program: the language itself refuses most of these words."""
    lines = [StartMachine(ram_bytes=1 << 30), *commands]
    return Scenario(
        "hostile\x1b[2J", tuple(ScenarioLine(n, command) for n, command in enumerate(lines, 1))
    )


def assert_only_text(text: str, *, also: str = "\n") -> None:
    """Nothing in it is a control, formatting, private or surrogate character."""
    odd = {c for c in text if not c.isprintable() and c not in also}
    assert not odd, [(hex(ord(c)), unicodedata.category(c)) for c in odd]


@pytest.mark.parametrize("source", [ScreenFrames(), TextFrames()], ids=["screen", "text"])
@pytest.mark.parametrize("name", HOSTILE)
def test_notes_and_titles_in_a_screencast(name: str, source: FrameSource) -> None:
    words = HOSTILE[name]
    cast = make_cast(scenario(Title(words), Note(words), Note("after")), source=source)
    assert_only_text(cast.text)
    assert len(cast.text) < 200_000
    header, *events = map(json.loads, cast.text.splitlines())
    assert_only_text(header["title"], also="")
    for _, code, data in events:
        assert code == "o"
        assert_only_text(ALLOWED_CONTROLS.sub("", data), also="")


@pytest.mark.parametrize("name", HOSTILE)
def test_titles_in_pictures(name: str) -> None:
    words = HOSTILE[name]
    picture = draw(scenario(Title(words)))
    assert_only_text("\n".join(picture.text()))
    for line in picture.lines:
        assert_only_text(ALLOWED_CONTROLS.sub("", ansi_line(line)), also="")
    for drawn in (to_svg(picture, words), to_html(picture, words)):
        assert_only_text(drawn)
        assert "<script" not in drawn
    ET.fromstring(to_svg(picture, words))


@pytest.mark.parametrize("name", HOSTILE)
async def test_log_lines_events_and_output_on_the_screen(name: str) -> None:
    words = HOSTILE[name]
    session = session_of("add dimm0 256M")
    last = session.outcomes[0]
    events = tuple(
        replace(event, text=words, function=words[:40], log=(words, words))
        for event in last.events[:2]
    )
    command = Note(words, text=words)
    session.outcomes[0] = Outcome(
        command, last.before, last.after, events, None, output=(words,), notes=(words,)
    )
    async with on_screen(session, load_theme("dark"), (80, 24), source_title=words) as screen:
        picture = screen.picture()
    assert_only_text("\n".join(picture.text()))
    assert all(sum(part.cells for part in line) == 80 for line in picture.lines)
    text = render_text(session.view, outcomes=[session.outcomes[0]])
    assert all(line.isascii() and line.isprintable() for line in text)
    assert len("\n".join(text)) < 100_000


@given(st.text(st.characters(), max_size=50))
def test_any_text_becomes_printable(text: str) -> None:
    assert clean(text).isprintable()
    made = piece(text, cells=20)
    assert made.text.isprintable()
    picture = on_page(20, [[made]], load_theme("dark"))
    assert_only_text(to_html(picture, text))
    assert_only_text(to_svg(picture, text))
    ET.fromstring(to_svg(picture, text))


@given(st.text(st.sampled_from("<>&\"'[]ab \\"), min_size=1, max_size=20))
def test_svg_and_html_give_the_text_back(text: str) -> None:
    import html

    picture = on_page(20, [[piece(text)]], load_theme("dark"))
    words = re.findall(r"<text [^>]*>(.*?)</text>", to_svg(picture))
    spaced = [word for word in re.split(" {2,}", text.strip(" ")) if word]
    assert [html.unescape(word) for word in words] == spaced
    (spans,) = re.findall(r"<pre>(.*?)</pre>", to_html(picture), re.DOTALL)
    assert html.unescape(re.sub("<[^>]*>", "", spans)) == text.ljust(20)


def test_escape_sequences_hold_colours_only() -> None:
    picture = Picture(9, ((piece("\x1b[31mred"),),))
    assert ansi_line(picture.lines[0]) == "\x1b[0m?[31mred\x1b[0m"
    assert isinstance(picture.lines[0][0], Piece)


def test_a_hostile_file_name_is_shown_escaped(tmp_path: Path) -> None:
    from engine.errors import PfnmapError
    from engine.scenarios.scenario import load_scenario

    with pytest.raises(PfnmapError) as caught:
        load_scenario(tmp_path / "\x1b[2J.hotplug")
    assert_only_text(str(caught.value))


def test_the_language_itself_refuses_them() -> None:
    from engine.errors import PfnmapError

    for name in ("clear", "c1", "bidi", "surrogate", "long"):
        with pytest.raises(PfnmapError) as caught:
            parse_scenario(f'note "{HOSTILE[name]}"\n')
        assert_only_text(str(caught.value))
        assert len(str(caught.value)) < 1000
