"""What the terminal can do, decided once, before anything is drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Protocol

from msgspec import Struct

from pfnmap.themes import choose_theme
from pfnmap.themes.model import Theme

DEFAULT_SIZE: Final = (80, 24)

_TEXTUAL_NAMES: Final[Mapping[str, str]] = {
    "truecolor": "truecolor",
    "256": "256",
    "16": "standard",
    "none": "standard",
}
_WEB_DRIVER: Final = "textual.drivers.web_driver:WebDriver"
"""What textual-serve and textual-web put into ``TEXTUAL_DRIVER``."""
_MONOCHROME = ("", "dumb", "unknown", "vt52", "vt100", "vt102", "vt220")
_TRUECOLOR = ("alacritty", "foot", "ghostty", "kitty", "wezterm", "iterm2", "contour")


class Stream(Protocol):
    """As much of a text stream as is looked at."""

    @property
    def encoding(self) -> str | None:
        """Name of the encoding, None when unknown."""

    def isatty(self) -> bool:
        """Whether a terminal is behind it."""

    def fileno(self) -> int:
        """The file descriptor."""


class Terminal(Struct, frozen=True):
    """The terminal's abilities."""

    interactive: bool
    """Both ends are terminals: keys can be read and a screen can be drawn."""
    colour_system: str
    """One of ``COLOUR_SYSTEMS``."""
    encoding: str | None
    """Of the stream that is drawn on."""
    columns: int
    rows: int
    in_browser: bool = False
    """Textual serves the screen to a browser; both ends are pipes that speak its protocol."""

    def theme(
        self, requested: str | None, env: Mapping[str, str], *, ascii_glyphs: bool = False
    ) -> Theme:
        """The theme to draw with here; see :func:`pfnmap.themes.choose_theme`."""
        return choose_theme(
            requested, env, self.encoding, self.colour_system, ascii_glyphs=ascii_glyphs or None
        )

    def textual_environment(self) -> dict[str, str]:
        """What must be in the environment before Textual is imported, for the same decision.

        Without colour Textual gets 16 of them and a theme that uses none: left alone it would
        answer ``NO_COLOR`` with 24-bit greys.
        """
        return {"TEXTUAL_COLOR_SYSTEM": _TEXTUAL_NAMES[self.colour_system]}


def colour_system(env: Mapping[str, str], *, is_tty: bool, requested: str = "auto") -> str:
    """How many colours to use: what was asked for, else what the environment promises.

    ``NO_COLOR`` counts when it is not empty (no-color.org); an explicit ``--color`` is stronger.
    """
    if requested != "auto":
        return requested
    term = env.get("TERM", "").lower()
    kind = term.removeprefix("xterm-").partition("-")[0]
    if env.get("NO_COLOR") or not is_tty or kind in _MONOCHROME:
        return "none"
    promised = env.get("COLORTERM", "").lower() in ("truecolor", "24bit")
    if promised or term.endswith("-direct") or kind in _TRUECOLOR:
        return "truecolor"
    return "256" if "256color" in term else "16"


def detect(
    env: Mapping[str, str], stdin: Stream | None, screen: Stream | None, *, color: str = "auto"
) -> Terminal:
    """Look at the environment and both streams; a stream that is closed is None."""
    if env.get("TEXTUAL_DRIVER") == _WEB_DRIVER:
        columns, rows = (
            _positive(env.get(name), least)
            for name, least in zip(("COLUMNS", "ROWS"), DEFAULT_SIZE, strict=True)
        )
        colours = colour_system({**env, "TERM": "xterm-direct"}, is_tty=True, requested=color)
        return Terminal(True, colours, "utf-8", columns, rows, in_browser=True)
    drawn_on = _is_tty(screen)
    columns, rows = _size(screen, env)
    return Terminal(
        interactive=drawn_on and _is_tty(stdin),
        colour_system=colour_system(env, is_tty=drawn_on, requested=color),
        encoding=None if screen is None else screen.encoding,
        columns=columns,
        rows=rows,
    )


def _is_tty(stream: Stream | None) -> bool:
    """Whether a stream is open and a terminal."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def _size(screen: Stream | None, env: Mapping[str, str]) -> tuple[int, int]:
    """Columns and rows: of the terminal, else of COLUMNS and LINES, else 80 by 24."""
    try:
        if screen is not None:
            columns, rows = os.get_terminal_size(screen.fileno())
            if columns > 0 and rows > 0:
                return columns, rows
    except (OSError, ValueError):
        pass
    return (
        _positive(env.get("COLUMNS"), DEFAULT_SIZE[0]),
        _positive(env.get("LINES"), DEFAULT_SIZE[1]),
    )


def _positive(text: str | None, default: int) -> int:
    """A small positive number, or the default."""
    if text and text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0:
        return int(text)
    return default
