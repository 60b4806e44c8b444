"""Screencasts (asciicast v2 and v3) of scenarios: drawn headlessly, timed by the scenario.

The same scenario, size and theme give the same bytes. Each command is a marker; notes are
captions in the last two lines of the screen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.engine.scenarios.scenario import Scenario
from pfnmap.engine.session import History
from pfnmap.themes import load_theme
from pfnmap.themes.model import Theme
from pfnmap.tui.pictures.cast.frames import FrameSource, ScreenFrames
from pfnmap.tui.pictures.cast.script import TYPED_MS, Beat, Script, reading_ms, script_of
from pfnmap.tui.pictures.picture import (
    ANSI_RGB,
    Ink,
    Line,
    Picture,
    ansi_line,
    clean,
    fitted_line,
    piece,
)
from pfnmap.tui.say.words import wrapped

SMALLEST: Final = (40, 12)
LARGEST: Final = (400, 200)
VERSIONS: Final = (2, 3)
CAPTION_LINES: Final = 2
LEAST_IDLE_SECONDS: Final = 2


class Shot(Struct, frozen=True):
    """A picture, from a moment on."""

    at_ms: int
    picture: Picture
    marker: str | None = None


class Cast(Struct, frozen=True):
    """A finished screencast."""

    text: str
    """The file."""
    failures: tuple[str, ...]
    """Expectations of the scenario that do not hold."""


def make_cast(
    scenario: Scenario | History,
    *,
    size: tuple[int, int] = (80, 24),
    theme: str = "dark",
    version: int = 2,
    idle_seconds: float | None = None,
    source: FrameSource | None = None,
    phases: bool = False,
) -> Cast:
    """The screencast of a scenario, or of a recording where ``source`` can draw one.

    Args:
        scenario: What is done and said.
        size: Columns and lines of the terminal.
        theme: A theme's name or file.
        version: Of the asciicast format, 2 or 3.
        idle_seconds: Longest time that players let nothing happen; None lets them show
            every pause as long as the scenario says.
        source: Draws the pictures; the program's own screen if None.
        phases: Whether each phase of a step has a picture.

    Raises:
        InputError: A line of the scenario cannot be done, or the size, version or theme
            cannot be used.
    """
    check_size(size)
    if version not in VERSIONS:
        raise InputError(f"asciicast version {version}: expected 2 or 3")
    chosen = load_theme(theme)
    script = script_of(scenario, phases=phases)
    width, height = size
    pictures = (source or ScreenFrames()).pictures(script, (width, height - CAPTION_LINES), chosen)
    shots = shots_of(script, pictures, chosen)
    longest = max((b.at_ms - a.at_ms for a, b in pairwise(shots)), default=0)
    idle = max(LEAST_IDLE_SECONDS, -(-longest // 1000)) if idle_seconds is None else idle_seconds
    header = cast_header(size, version, script.title, shots[0].picture, idle)
    lines = _lines(header, events_of(shots), version)
    return Cast("".join(f"{line}\n" for line in lines), tuple(script.failures))


def check_size(size: tuple[int, int]) -> None:
    """InputError for a terminal that nothing can be drawn on."""
    for number, least, most, what in zip(
        size, SMALLEST, LARGEST, ("columns", "lines"), strict=True
    ):
        if not least <= number <= most:
            raise InputError(f"size {size[0]}x{size[1]}: {what} must be {least} to {most}")


# -- what is shown when --------------------------------------------------------------------
def shots_of(script: Script, pictures: Iterable[Picture], theme: Theme) -> list[Shot]:
    """The pictures with their captions along the clock; the last shot is the end."""
    shots: list[Shot] = []
    now, ui = 0, theme.ui
    for beat, drawn in zip(script.beats, pictures, strict=True):
        if beat.line and shots:
            # The command can be read before its effect is seen; then the picture says it.
            before = shots[-1].picture.cropped(drawn.height)
            typed = _page([f": {beat.line}"], drawn.width, Ink(ui.accent, ui.panel, bold=True))
            shots.append(Shot(now, before.above(typed), beat.line))
            now += TYPED_MS
        for caption, hold_ms in _captions(beat, drawn.width, theme):
            shots.append(Shot(now, drawn.above(caption)))
            now += hold_ms
    return [*shots, Shot(now, shots[-1].picture)]


def _captions(beat: Beat, width: int, theme: Theme) -> Iterator[tuple[tuple[Line, ...], int]]:
    """The lines under a picture and how long they stay: a note in pages; else nothing."""
    ink = Ink(theme.ui.text, theme.ui.panel)
    if not beat.note:
        yield _page([], width, ink), beat.hold_ms + beat.pause_ms
    texts = wrapped(beat.note, width - 2) if beat.note else []
    for at in range(0, len(texts), CAPTION_LINES):
        page = texts[at : at + CAPTION_LINES]
        pause_ms = beat.pause_ms if at + CAPTION_LINES >= len(texts) else 0
        yield _page(page, width, ink), reading_ms(" ".join(page)) + pause_ms


def _page(texts: list[str], width: int, ink: Ink) -> tuple[Line, ...]:
    rows = [f" {text}" for text in texts] + [""] * (CAPTION_LINES - len(texts))
    return tuple(fitted_line([piece(row, ink, width)], width) for row in rows)


# -- the file ------------------------------------------------------------------------------
def cast_header(
    size: tuple[int, int], version: int, title: str, page: Picture, idle_seconds: float
) -> dict[str, Any]:
    """The first line: size, title, colours. No date: it would differ each time."""
    theme = {"fg": page.foreground, "bg": page.background, "palette": ":".join(ANSI_RGB.values())}
    common: dict[str, Any] = {"idle_time_limit": idle_seconds, "title": clean(title)}
    if version == 2:
        return {"version": 2, "width": size[0], "height": size[1], **common, "theme": theme}
    term = {"cols": size[0], "rows": size[1], "type": "xterm-256color", "theme": theme}
    return {"version": 3, "term": term, **common}


def events_of(shots: Iterable[Shot]) -> Iterator[tuple[int, str, str]]:
    """(milliseconds, code, data) of each event: ``o`` is output, ``m`` a marker.

    The output turns each picture into the next, lines that change only.
    """
    shown: tuple[Line, ...] = ()
    now = 0
    for shot in shots:
        now = shot.at_ms
        if shot.marker is not None:
            yield now, "m", clean(shot.marker)
        lines = shot.picture.lines
        # The cursor is hidden: it would blink at the end of what changed last.
        output = "" if shown else "\x1b[?25l\x1b[0m\x1b[2J"
        for number, line in enumerate(lines):
            if not shown or shown[number] != line:
                output += f"\x1b[{number + 1};1H{ansi_line(line)}"
        if output:
            yield now, "o", output
        shown = lines
    yield now, "o", f"\x1b[{len(shown)};1H\x1b[?25h"


def _lines(
    header: dict[str, Any], events: Iterable[tuple[int, str, str]], version: int
) -> Iterator[str]:
    """The lines of the file, without line ends."""
    yield json.dumps(header, ensure_ascii=False)
    before = 0
    for at_ms, code, data in events:
        # Version 3 counts from the event before. Whole milliseconds leave nothing to round.
        time = at_ms - before if version == 3 else at_ms
        written = json.dumps(data, ensure_ascii=False)
        yield f'[{time // 1000}.{time % 1000:03}, "{code}", {written}]'
        before = at_ms
