"""Text from outside reaches no terminal and no file as anything but text."""

from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.commands import Command, Note, StartMachine, Title
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.scenarios.scenario import Scenario, ScenarioLine, parse_scenario
from pfnmap.themes import load_theme
from pfnmap.tui.cli import main
from pfnmap.tui.pictures.cast.cast import cast_header, make_cast
from pfnmap.tui.pictures.cast.frames import FigureFrames, FrameSource, ScreenFrames
from pfnmap.tui.pictures.headless import on_screen
from pfnmap.tui.pictures.picture import Picture, Piece, ansi_line, clean, on_page, piece
from pfnmap.tui.pictures.render import draw
from pfnmap.tui.pictures.svg_html import to_html, to_svg
from pfnmap.tui.text.frame import render_text
from tests.examples import some
from tests.tui.stage import session_of

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


@pytest.mark.parametrize("source", [ScreenFrames(), FigureFrames()], ids=["screen", "figure"])
def test_notes_and_titles_in_a_screencast(source: FrameSource) -> None:
    notes = [part for words in HOSTILE.values() for part in (Title(words), Note(words))]
    cast = make_cast(scenario(*notes, Note("after")), source=source)
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
    assert_only_text(cast_header((80, 24), 2, words, picture, 1.0)["title"], also="")
    for drawn in (to_svg(picture, words), to_html(picture, words)):
        assert_only_text(drawn)
        assert "<script" not in drawn
    ET.fromstring(to_svg(picture, words))


@pytest.mark.parametrize("name", some(HOSTILE, 3))
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
    from pfnmap.engine.errors import PfnmapError
    from pfnmap.engine.scenarios.scenario import load_scenario

    with pytest.raises(PfnmapError) as caught:
        load_scenario(tmp_path / "\x1b[2J.hotplug")
    assert_only_text(str(caught.value))


def test_the_language_itself_refuses_them() -> None:
    from pfnmap.engine.errors import PfnmapError

    for name in ("clear", "c1", "bidi", "surrogate", "long"):
        with pytest.raises(PfnmapError) as caught:
            parse_scenario(f'note "{HOSTILE[name]}"\n')
        assert_only_text(str(caught.value))
        assert len(str(caught.value)) < 1000


EVERY_OUTPUT: tuple[tuple[str, ...], ...] = (
    ("run", "{}"),
    ("run", "{}", "--text", "--steps", "all"),
    ("run", "{}", "--diff", "--steps", "all"),
    ("run", "{}", "--json"),
    ("run", "{}", "--as-shell"),
    ("run", "{}", "--svg"),
    ("run", "{}", "--html"),
    ("fmt", "--check", "{}"),
    ("check", "{}", "--junit", "made.xml"),
    ("show", "{}", "--step", "last"),
    ("show", "{}", "--step", "last", "--json"),
    ("{}",),
    ("compare", "{}", "--with", "profile=4.19"),
    ("compare", "{}", "--with", "profile=4.19", "--json"),
    ("cast", "{}", "-o", "made.cast"),
    ("cast", "{}", "-o", "plain.cast", "--plain", "--cast-version", "3"),
    ("export", "{}", "-o", "made.svg"),
    ("export", "{}", "-o", "made.html"),
    ("export", "{}", "-o", "made.txt"),
)
NAME = "ev\x1b[2Jil\x9b1m\u202e[red]<b>&.hotplug"
WORDS = (
    "[bold red]x[/] [/sys] $primary [link=http://h]y[/link]",
    "</pre></text></svg><script>alert(1)</script>&amp;<!-- ]]> <![CDATA[",
    "a\u200bb\u00adc\U000e0041d\ue000e\U0001f468\u200d\U0001f469",
    "漢" * 500 + "e" + "\u0301" * 500,
    "x" * 60_000,
    "'; `id` $(id) %s {0} \\\\ \\\"",
)
"""What the language lets pass: a line with controls or changes of direction is refused."""


@pytest.mark.parametrize("arguments", some(map(list, EVERY_OUTPUT), 2), ids=" ".join)
def test_every_output_of_a_hostile_file_is_text(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    notes = "".join(f'note "{words}"\n' for words in WORDS)
    Path(NAME).write_text(
        f'machine ram=1G\ntitle "{WORDS[2]}{WORDS[0]}"\n{notes}add dimm0 256M  # {WORDS[2]}\n'
        f'online dimm0\nexpect log "{WORDS[2]}"\nexpect finding "{WORDS[1]}"\nonline dimm0\n'
    )
    main([word.format(NAME) for word in arguments])
    captured = capsys.readouterr()
    assert_only_text(captured.out)
    assert_only_text(captured.err)
    for made in Path().iterdir():
        if made.name != NAME:
            assert_only_text(made.read_text(encoding="utf-8"))
    pages = [captured.out] if arguments[-1] in ("--svg", "--html") else []
    pages += [made.read_text() for made in (Path("made.svg"), Path("made.html")) if made.exists()]
    assert not [page for page in pages if "<script" in page]


@pytest.mark.parametrize(
    "words", ['note "x\x1b[2J"', "add \x9b 1G", "online \u202e", "x\x1b]0;y\x07"]
)
def test_what_is_said_of_a_hostile_line_is_text(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert_only_text(captured.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "no\x1b[2J"],
        ["\x9b2J"],
        ["\x1b", "\x1b"],
        ["run", "--\x1b[2J"],
        ["run", "--size", "\x1b[2J", "-c", "add d 1G"],
        ["run", "--steps", "\x1b[2J", "--text", "-c", "add d 1G"],
        ["run", "--theme", "\u202e", "--svg", "-c", "add d 1G"],
        ["export", "tour", "-o", "\x1b[2J.png"],
        ["cast", "tour", "-o", "/no\x1b[2J/x.cast"],
        ["compare", "tour", "--with", "\x1b[2J=1"],
        ["compare", "tour", "--with", "profile=\x9b"],
        ["--resume", "\x1b[2J"],
        ["export", "--session", "\x1b[2J", "-o", "x.hotplug"],
        ["check", "no\x1b[2J.hotplug"],
        ["fmt", "no\x1b[2J"],
        ["verify", "\x1b[2J"],
        ["live", "--root", "\x1b[2J"],
    ],
    ids=repr,
)
def test_hostile_arguments_are_said_as_text(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) in (1, 2)
    captured = capsys.readouterr()
    assert_only_text(captured.out + captured.err)
    assert captured.err.strip()
