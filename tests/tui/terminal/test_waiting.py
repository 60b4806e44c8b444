"""What is said while a file is opened, before there is a screen."""

from __future__ import annotations

import io
import re
import threading

import pytest

from pfnmap.tui.terminal.waiting import WIPE, waiting


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and when it was first written to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def test_what_is_quick_is_not_talked_about() -> None:
    terminal = Terminal()
    with waiting("opening x", terminal):
        pass
    assert terminal.getvalue() == ""


def test_what_takes_a_while_is_said_and_wiped_away() -> None:
    terminal = Terminal()
    with waiting("opening x", terminal, silent_seconds=0):
        assert terminal.written.wait(60)
    said = terminal.getvalue()
    assert re.match(rf"{re.escape(WIPE)}opening x: \d+ s, ctrl\+c stops it", said)
    assert said.endswith(WIPE)
    assert "\n" not in said


def test_an_error_passes_through_and_the_line_is_gone() -> None:
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt), waiting("opening x", terminal, silent_seconds=0):
        assert terminal.written.wait(60)
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith(WIPE)


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["none", "a file"])
def test_only_a_terminal_is_told(stream: io.StringIO | None) -> None:
    with waiting("opening x", stream, silent_seconds=0):
        pass
    assert stream is None or stream.getvalue() == ""


def test_a_terminal_that_goes_away_stops_nothing() -> None:
    class Gone(Terminal):
        def flush(self) -> None:
            raise OSError("gone")

    terminal = Gone()
    with waiting("opening x", terminal, silent_seconds=0):
        assert terminal.written.wait(60)
