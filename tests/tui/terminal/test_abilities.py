"""What the terminal can do: colours, encoding, size, and whether there is one."""

from __future__ import annotations

import os
import pty

import pytest

from pfnmap.tui.terminal.abilities import Terminal, colour_system, detect


@pytest.mark.parametrize(
    ("env", "colours"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "tmux-256color", "COLORTERM": "24bit"}, "truecolor"),
        ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "foot"}, "truecolor"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "screen-256color", "COLORTERM": ""}, "256"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "linux"}, "16"),
        ({"TERM": "screen"}, "16"),
        ({"TERM": "vt220"}, "none"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
    ],
)
def test_colours_the_environment_promises(env: dict[str, str], colours: str) -> None:
    assert colour_system(env, is_tty=True) == colours


def test_no_colours_into_a_file() -> None:
    assert colour_system({"TERM": "xterm-256color"}, is_tty=False) == "none"


def test_what_was_asked_for_is_stronger_than_the_environment() -> None:
    env = {"TERM": "dumb", "NO_COLOR": "1"}
    assert colour_system(env, is_tty=False, requested="256") == "256"


def test_a_real_terminal() -> None:
    import fcntl
    import struct
    import termios

    keyboard, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
    with os.fdopen(screen, "w", encoding="utf-8") as stream:
        terminal = detect({"TERM": "xterm"}, stream, stream)
    os.close(keyboard)
    assert terminal == Terminal(True, "16", "utf-8", 132, 50)


def test_closed_and_redirected_streams_are_no_terminal() -> None:
    env = {"TERM": "xterm", "COLUMNS": "100", "LINES": "x"}
    with open(os.devnull) as null:
        assert detect(env, None, null) == Terminal(False, "none", null.encoding, 100, 24)
    assert detect(env, null, null).interactive is False
    assert detect({}, None, None) == Terminal(False, "none", None, 80, 24)


def test_a_browser_is_a_terminal_though_its_streams_are_pipes() -> None:
    env = {
        "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
        "TERM": "dumb",
        "COLUMNS": "100",
        "ROWS": "x",
    }
    assert detect(env, None, None) == Terminal(True, "truecolor", "utf-8", 100, 24, True)
    assert detect(env, None, None, color="16").colour_system == "16"


def test_textual_is_told_the_same() -> None:
    plain = Terminal(True, "none", "utf-8", 80, 24)
    assert plain.textual_environment() == {"TEXTUAL_COLOR_SYSTEM": "standard"}
    assert plain.theme(None, {"TERM": "xterm"}).name == "mono"
    assert plain.theme(None, {"TERM": "xterm"}, ascii_glyphs=True).ascii_only
