"""Before there is a screen: the user's settings and the terminal's abilities."""

from __future__ import annotations

import os
import sys

from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.themes.model import Theme
from pfnmap.tui.cli.messages import Arguments, refuse_idle
from pfnmap.tui.settings.config import Settings, load_settings
from pfnmap.tui.terminal.abilities import Terminal, detect


class Start(Struct, frozen=True):
    """How to draw: options of the command line, else the user's settings."""

    terminal: Terminal
    settings: Settings
    theme: Theme
    mouse: bool

    @property
    def on_screen(self) -> bool:
        """Whether there is a terminal to draw on, rather than one to print to."""
        if self.terminal.in_browser:
            return True
        return self.terminal.interactive and os.environ.get("TERM", "") not in _NO_SCREEN


_NO_SCREEN = ("", "dumb", "unknown")
"""Values of TERM that stand for a terminal that cannot move its cursor."""


def refuse_without_screen(arguments: Arguments, start: Start, *options: str) -> None:
    """Refuse options that ask for something to be done, which only a screen could do."""
    if not start.on_screen:
        refuse_idle(
            arguments,
            "needs the screen; there is none where standard input or standard error is no "
            "terminal, or a dumb one",
            *options,
        )


def prepared(arguments: Arguments) -> Start:
    """Read the settings and look at the terminal; InputError before the screen is taken."""
    settings = load_settings()
    # Textual draws on standard error, so that is the terminal that counts.
    terminal = detect(os.environ, sys.stdin, sys.stderr, color=arguments.color or settings.color)
    ascii_glyphs = settings.ascii if arguments.ascii is None else arguments.ascii
    try:
        theme = terminal.theme(
            arguments.theme or settings.theme, os.environ, ascii_glyphs=ascii_glyphs
        )
    except InputError as error:
        if arguments.theme is not None:
            raise
        raise InputError(f"{settings.file}: defaults.theme: {error}") from None
    mouse = settings.mouse if arguments.mouse is None else arguments.mouse
    start = Start(terminal, settings, theme, mouse)
    if start.on_screen:  # Textual reads these once, when it is imported
        os.environ.update(terminal.textual_environment())
    return start
