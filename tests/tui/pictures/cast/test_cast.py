"""Screencasts: the same bytes each time, markers, captions, and what a terminal shows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyte
import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.scenarios.scenario import Scenario, load_scenario, parse_scenario
from pfnmap.engine.sources import shipped_scenarios
from pfnmap.themes import load_theme
from pfnmap.themes.model import Theme
from pfnmap.tui.pictures.cast.cast import CAPTION_LINES, make_cast, shots_of
from pfnmap.tui.pictures.cast.frames import FigureFrames, FrameSource, ScreenFrames
from pfnmap.tui.pictures.cast.script import Script, script_of
from pfnmap.tui.pictures.picture import Ink, Picture, on_page, piece
from pfnmap.tui.pictures.pytest_fixture import Snapshot

STORY = """\
title "the span follows the block"
machine ram=1G memmap_on_memory=Y
note "A DIMM of 256 MiB is hot-added."
add dimm0 256M
online dimm0[0] movable
note "The span of zone Movable now begins at the block and ends with it, and this \
caption is so long that it needs more room than two lines of eighty columns have, and so goes on."
pause 2s
zoom fit
offline 0
"""


def story() -> Scenario:
    return parse_scenario(STORY, "story.hotplug")


class Numbers:
    """Pictures that change in one line from beat to beat."""

    def pictures(self, script: Script, size: tuple[int, int], theme: Theme) -> list[Picture]:
        width, height = size
        pictures = []
        for number, beat in enumerate(script.beats):
            lines = [[piece(f"row {row}")] for row in range(height)]
            lines[1] = [piece("now "), piece(f"{number} {beat.line}", Ink("#ff0000", bold=True))]
            pictures.append(on_page(width, lines, theme))
        return pictures


def read(text: str) -> tuple[dict[str, Any], list[tuple[float, str, str]]]:
    """The header and the events."""
    header, *events = map(json.loads, text.splitlines())
    return header, [tuple(event) for event in events]


def screens(text: str) -> Iterator[list[str]]:
    """What a terminal shows after each output."""
    header, events = read(text)
    size = header.get("term") or {"cols": header["width"], "rows": header["height"]}
    screen = pyte.Screen(size["cols"], size["rows"])
    stream = pyte.Stream(screen)
    for _, code, data in events:
        if code == "o":
            stream.feed(data)
            yield [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("version", [2, 3])
def test_the_file_is_as_it_always_was(version: int, pfnmap_snapshot: Snapshot) -> None:
    cast = make_cast(story(), size=(60, 12), version=version, source=Numbers())
    pfnmap_snapshot.compare(cast.text, ".cast")


@pytest.mark.parametrize(
    ("source", "theme"),
    [
        (ScreenFrames(), "ansi"),
        (FigureFrames(), "dark"),
        *(
            pytest.param(source, theme, marks=pytest.mark.slow)
            for source, theme in (
                (ScreenFrames(), "dark"), (ScreenFrames(), "mono"),
                (FigureFrames(), "ansi"), (FigureFrames(), "mono"),
            )
        ),
    ],
)  # fmt: skip
def test_a_terminal_shows_exactly_the_pictures(source: FrameSource, theme: str) -> None:
    script, chosen = script_of(story()), load_theme(theme)
    pictures = source.pictures(script, (80, 24 - CAPTION_LINES), chosen)
    drawn = [shot.picture.text() for shot in shots_of(script, pictures, chosen)]
    cast = make_cast(story(), theme=theme, source=source)
    shown = list(screens(cast.text))
    # Equal pictures one after the other are one output; the last output shows the cursor.
    distinct = [drawn[0]] + [now for before, now in pairwise(drawn) if now != before]
    assert [a for a, b in pairwise([*shown, []]) if a != b] == distinct
    assert any("Movable" in line for line in shown[-1])


def test_the_same_scenario_gives_the_same_bytes() -> None:
    casts = {make_cast(story(), size=(70, 20)).text for _ in range(2)}
    assert len(casts) == 1


async def test_inside_an_event_loop_it_is_the_same() -> None:
    outside = await asyncio.to_thread(lambda: make_cast(story()).text)
    assert make_cast(story()).text == outside


def test_each_command_is_a_marker_before_its_effect() -> None:
    header, events = read(make_cast(story(), source=Numbers()).text)
    assert header["title"] == "the span follows the block"
    markers = [data for _, code, data in events if code == "m"]
    assert markers == ["add dimm0 256M", "online dimm0[0] movable", "zoom fit", "offline 0"]
    at = next(i for i, event in enumerate(events) if event[1] == "m")
    announced, effect = events[at + 1 : at + 3]
    assert ": add dimm0 256M" in announced[2]
    assert "now" not in announced[2]
    assert "now " in effect[2]
    assert announced[0] == events[at][0] < effect[0]


def test_notes_are_captions_that_stay_until_the_next_command() -> None:
    shown = list(screens(make_cast(story(), size=(80, 24), source=Numbers()).text))
    captions = ["\n".join(line.strip() for line in screen[-2:]).strip() for screen in shown]
    words = " ".join(caption.replace("\n", " ") for caption in captions)
    assert "A DIMM of 256 MiB is hot-added." in captions
    assert "so long that it needs more room" in words
    assert "and so goes on." in words
    # What was typed goes when its effect is there, which says it.
    distinct = [now for before, now in pairwise(["", *captions]) if now != before]
    assert distinct[-2:] == [": offline 0", ""]


def test_only_lines_that_change_are_sent() -> None:
    _, events = read(make_cast(story(), source=Numbers()).text)
    outputs = [data for _, code, data in events if code == "o"]
    assert outputs[0].count("row ") == 21
    assert all("row " not in data for data in outputs[1:])


def test_pauses_last_as_long_as_the_scenario_says() -> None:
    with_pause = read(make_cast(story(), source=Numbers()).text)[1]
    without = parse_scenario(STORY.replace("pause 2s\n", ""), "story")
    assert with_pause[-1][0] == read(make_cast(without, source=Numbers()).text)[1][-1][0] + 2.0
    long = parse_scenario(STORY.replace("pause 2s", "pause 50s"), "story")
    header, events = read(make_cast(long, source=Numbers()).text)
    assert max(b[0] - a[0] for a, b in pairwise(events)) <= header["idle_time_limit"]
    assert read(make_cast(long, idle_seconds=2, source=Numbers()).text)[0]["idle_time_limit"] == 2


def test_version_3_counts_from_the_event_before() -> None:
    absolute = read(make_cast(story(), version=2, source=Numbers()).text)[1]
    header, events = read(make_cast(story(), version=3, source=Numbers()).text)
    assert header["version"] == 3
    assert header["term"]["cols"] == 80
    now = 0.0
    for (at, code, data), (step, code3, data3) in zip(absolute, events, strict=True):
        now += step
        assert (code, data) == (code3, data3)
        assert now == pytest.approx(at, abs=1e-6)


def test_expectations_that_do_not_hold_are_told() -> None:
    scenario = parse_scenario("add dimm0 256M\nexpect errno=EBUSY\n", "x.hotplug")
    (failure,) = make_cast(scenario, source=Numbers()).failures
    assert failure.startswith("x.hotplug:2: ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": (39, 24)}, "columns must be 40 to 400"),
        ({"size": (80, 9999)}, "lines must be 12 to 200"),
        ({"version": 1}, "expected 2 or 3"),
        ({"theme": "nope"}, "no such theme"),
    ],
)
def test_what_cannot_be_used_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_cast(story(), source=Numbers(), **options)


def drawn_of(name: str, *, phases: bool) -> list[list[str]]:
    """What a screencast of the figure alone shows one after the other, without the captions."""
    scenario = load_scenario(shipped_scenarios()[name])
    shown = list(screens(make_cast(scenario, source=FigureFrames(), phases=phases).text))
    return [lines[:-CAPTION_LINES] for lines in shown]


def rows_of(frames: list[list[str]], name: str) -> list[str]:
    """A row of the figure in each frame in which it is another one than before."""
    rows = [next((line for line in lines if line[2:].startswith(name)), "") for lines in frames]
    cells = [row[len(f"  {name}") : 58].rstrip() for row in rows]
    return [after for before, after in pairwise(["", *cells]) if after != before]


def test_a_span_that_follows_is_seen_without_a_word() -> None:
    frames = drawn_of("shrink-e1-merged", phases=False)
    assert [row.strip() for row in rows_of(frames, "1 Movable")] == [
        "[MMM]",
        "[MMM|---|MMM]",
        "[MMM]________",
        "_____",
    ]


def test_the_backward_free_is_seen_without_a_word() -> None:
    rows = rows_of(drawn_of("v2-1g-device-refcount", phases=True), "0 no zone")
    left = [row.split() for row in rows if "!" in row]
    blocks = ["voo", *["ooo"] * 7]
    # The struct pages of the last section go first, those of the one that holds them last.
    assert left == [
        ["|".join([*blocks[:kept], *["!!!"] * (8 - kept)])] for kept in range(7, -1, -1)
    ]


def test_no_row_of_a_figure_moves() -> None:
    places: dict[str, set[int]] = {}
    for lines in drawn_of("shrink-e1-merged", phases=True):
        for at, line in enumerate(lines):
            label = line[:12].strip()
            if label[:1].isdigit() or label in ("blocks", "pfn", "scale"):
                places.setdefault(label, set()).add(at)
    assert len(places) > 6
    assert {len(found) for found in places.values()} == {1}


def test_phases_stand_before_their_step_and_the_command_is_typed_once() -> None:
    steps, phases = (
        read(make_cast(story(), source=Numbers(), phases=walked).text)[1]
        for walked in (False, True)
    )
    markers = [event[2] for event in steps if event[1] == "m"]
    assert [event[2] for event in phases if event[1] == "m"] == markers
    assert len(phases) > len(steps) + 10
    typed = [data for _, code, data in phases if code == "o" and ": offline 0" in data]
    assert len(typed) == 1


def test_the_screen_walks_through_phases_and_offers_no_keys() -> None:
    scenario = parse_scenario("machine ram=1G\nadd dimm0 256M\nonline dimm0[0] movable\n", "x")
    shown = list(screens(make_cast(scenario, phases=True).text))
    assert any("phase 1/" in line for lines in shown for line in lines)
    assert "step 2/2" in shown[-1][0]
    assert "phase" not in shown[-1][0]
    assert not any("? help " in f"{line} " for lines in shown for line in lines[-4:])


NEEDS_ASCIINEMA = pytest.mark.skipif(
    find_spec("asciinema") is None, reason="asciinema 2 is not installed"
)


def assert_asciinema_plays(cast: str, directory: Path) -> None:
    """``asciinema cat`` accepts the file and sends a terminal what makes the last picture."""
    file = directory / "a.cast"
    file.write_text(cast)
    played = subprocess.run(
        [sys.executable, "-m", "asciinema", "cat", str(file)],
        capture_output=True,
        check=True,
        timeout=60,
        env={"LC_ALL": "C.UTF-8", "HOME": str(directory), "PYTHONWARNINGS": "ignore"},
    ).stdout.decode()
    header, _ = read(cast)
    screen = pyte.Screen(header["width"], header["height"])
    pyte.Stream(screen).feed(played)
    assert [line.rstrip() for line in screen.display] == list(screens(cast))[-1]


@NEEDS_ASCIINEMA
def test_asciinema_plays_it(tmp_path: Path) -> None:
    assert_asciinema_plays(make_cast(story()).text, tmp_path)


@NEEDS_ASCIINEMA
@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_scenarios())
def test_asciinema_plays_every_shipped_scenario(name: str, tmp_path: Path) -> None:
    assert_asciinema_plays(make_cast(load_scenario(shipped_scenarios()[name])).text, tmp_path)
