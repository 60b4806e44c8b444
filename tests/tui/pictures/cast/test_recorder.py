"""Recording a live session: what draws is kept, with its time; nothing else is."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.commands import SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.engine.language import parse_line
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.session import RootSession
from pfnmap.themes import load_theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.pictures.cast.filter import MAX_HELD, DrawingFilter
from pfnmap.tui.pictures.cast.recorder import CastRecorder, record
from pfnmap.tui.pictures.offscreen import CaptureDriver, press, screen_text, settle, type_text
from pfnmap.tui.screens.live import Live
from tests.engine.sysroot.trees import Tree
from tests.tui.stage import session_of

PATIENCE_SECONDS = 30.0
"""What a slow machine may take for a command before it counts as long work."""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# -- what draws ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "plain ▓█ text\r\n\t\b",
        "\x1b[1;38;2;1;2;3mred\x1b[0m",
        "\x1b[2J\x1b[H\x1b[3;4H\x1b[K",
        "\x1b7\x1b8",
    ],
)
def test_text_colours_and_moves_are_kept(text: str) -> None:
    assert DrawingFilter()(text) == text


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[?1049h",
        "\x1b[?1000h\x1b[?1003h\x1b[?1006l",
        "\x1b[?2004h",
        "\x1b[?2026$p",
        "\x1b[6n",
        "\x1b[c",
        "\x1b[>1u",
        "\x1b[=1;1u",
        "\x1b[?25$p",
        "\x1b[22;0t",
        "\x1b]0;title\x07",
        "\x1b]52;c;c2VjcmV0\x1b\\",
        "\x1b]8;;http://example.org\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\x1b_Gi=31\x1b\\",
        "\x1bc",
        "\x1b=",
        "\x1b(0",
        "\x9b31m\x9d0;x\x9c",
        "\x1b\x00",
        "\x07".replace("\x07", "\x00\x05\x0e\x7f\x85"),
    ],
)
def test_what_changes_or_asks_the_terminal_is_left_out(sequence: str) -> None:
    kept = DrawingFilter()(f"a{sequence}b")
    assert kept.replace("31m", "").replace("0;x", "") == "ab"


@given(st.text("ab\x1b[]P0;?25hmcu\x07\\\x9b\x9d\x00 ", max_size=60), st.data())
def test_however_the_stream_is_cut_only_drawing_sequences_pass(
    text: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(text)))
    drawing = DrawingFilter()
    kept = drawing(text[:cut]) + drawing(text[cut:])
    assert "\x9b" not in kept and "\x9d" not in kept and "\x00" not in kept
    for part in kept.split("\x1b")[1:]:
        assert part.startswith(("[", "7", "8"))
    assert DrawingFilter()(kept) == kept


def test_a_sequence_without_end_is_not_waited_for_for_ever() -> None:
    drawing = DrawingFilter()
    assert drawing("a\x1b]0;" + "x" * MAX_HELD) == "a"
    assert drawing("b") == "b"


# -- the file --------------------------------------------------------------------------------
@pytest.mark.parametrize(("version", "times"), [(2, [0.5, 0.75, 2.0]), (3, [0.5, 0.25, 1.25])])
def test_events_have_the_time_they_happened(
    tmp_path: Path, version: int, times: list[float]
) -> None:
    clock = Clock()
    path = tmp_path / "a.cast"
    recorder = CastRecorder(path, (80, 24), version=version, clock=clock, title="t\x1b[2J")
    clock.now += 0.5
    recorder.output("hello \x1b]0;x\x07world")
    clock.now += 0.25
    recorder.marker("online\x1b[2J \u202e34")
    recorder.output("\x1b[?1049h")
    recorder.resized(80, 24)
    clock.now += 1.25
    recorder.resized(100, 30)
    header, *events = lines(path)
    assert header["version"] == version
    assert header["title"] == "t?[2J"
    assert events == [
        [times[0], "o", "hello world"],
        [times[1], "m", "online?[2J ?34"],
        [times[2], "r", "100x30"],
    ]
    recorder.close()


def test_every_event_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    recorder = CastRecorder(path, (80, 24), clock=Clock())
    for number in range(3):
        recorder.output(str(number))
        assert len(lines(path)) == number + 2


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    path.write_text("mine")
    with pytest.raises(InputError, match="cannot be recorded to: File exists"):
        CastRecorder(path, (80, 24))
    with pytest.raises(InputError, match="No such file or directory"):
        CastRecorder(tmp_path / "no" / "a.cast", (80, 24))
    assert path.read_text() == "mine"


def test_a_full_disk_ends_the_recording_at_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    recorder = CastRecorder(path, (80, 24), clock=Clock())
    recorder.output("before")
    file = recorder._file

    class Full:
        def write(self, data: memoryview) -> int:
            if len(data) > 4:
                return file.write(data[: len(data) // 2]) or 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        truncate = staticmethod(file.truncate)
        close = staticmethod(file.close)

    recorder._file = Full()  # type: ignore[assignment]
    recorder.output("lost")
    recorder.output("lost too")
    recorder.close()
    assert recorder.trouble == f"the recording to {path} stopped: No space left on device"
    assert [event[2] for event in lines(path)[1:]] == ["before"]


def test_only_the_owner_decides_who_reads_it(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        CastRecorder(tmp_path / "a.cast", (80, 24)).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.cast").stat().st_mode) == 0o600


# -- a real machine ----------------------------------------------------------------------------
async def test_commands_are_markers_also_when_the_screen_turned_to_a_simulation(
    tmp_path: Path,
) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 7, zones="DMA32")
    tree.block(32, "offline", "Normal Movable")
    session = RootSession(Watcher(tree.root))
    app = PfnmapApp(session, load_theme("dark"), read_only=True)
    app.driver_class = CaptureDriver
    recorder = CastRecorder(tmp_path / "a.cast", (100, 30), clock=Clock())
    record(app, recorder)
    async with app.run_test(headless=False, size=(100, 30)) as pilot:
        app.main.background.patience_seconds = PATIENCE_SECONDS
        await settle(pilot)
        app.main.follow(Live(app.main, session))
        await press(pilot, "b", "colon")
        await type_text(pilot, "online 32 movable")
        await press(pilot, "enter")
    recorder.close()
    _, *events = lines(tmp_path / "a.cast")
    assert [data for _, code, data in events if code == "m"] == ["online 32 movable"]


# -- a whole session ---------------------------------------------------------------------------
async def test_a_recorded_session_shows_what_the_program_showed(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    app = PfnmapApp(session_of(), load_theme("dark"))
    app.driver_class = CaptureDriver
    recorder = CastRecorder(path, (100, 30), clock=Clock())
    record(app, recorder)
    async with app.run_test(headless=False, size=(100, 30)) as pilot:
        app.main.background.patience_seconds = PATIENCE_SECONDS
        await settle(pilot)
        await press(pilot, "colon")
        await type_text(pilot, "add dimm0 256M")
        await press(pilot, "enter")
        await press(pilot, "o")
        shown = screen_text(app)
    recorder.close()
    _, *events = lines(path)
    assert [data for _, code, data in events if code == "m"] == ["add dimm0 256M", "online 32"]
    assert {code for _, code, _ in events} == {"o", "m"}
    screen = pyte.Screen(100, 30)
    stream = pyte.Stream(screen)
    frames = set()
    for _, code, data in events:
        if code == "o":
            stream.feed(data)
            frames.add("\n".join(line.rstrip() for line in screen.display))
    assert shown in frames


def test_a_command_is_a_marker(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    recorder = CastRecorder(path, (80, 24), clock=Clock())
    session = session_of()
    session.listeners.append(recorder.heard)
    command = parse_line("add dimm0 256M")
    assert command is not None
    session.run(command)
    assert lines(path)[1][1:] == ["m", "add dimm0 256M"]


def test_a_command_that_was_never_a_line_is_a_marker_in_normal_form(tmp_path: Path) -> None:
    path = tmp_path / "a.cast"
    recorder = CastRecorder(path, (80, 24), clock=Clock())
    session = session_of()
    session.listeners.append(recorder.heard)
    session.run(SysfsWrite("offline", "/sys/devices/system/memory/memory3/state"))
    marker = "echo offline > /sys/devices/system/memory/memory3/state"
    assert lines(path)[1][1:] == ["m", marker]
