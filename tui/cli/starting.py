"""Starting the screen: the user's settings, the terminal's abilities, and what to show."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.engine.session import History
from pfnmap.themes.model import Theme
from pfnmap.tui.cli.parser import refuse_idle, say
from pfnmap.tui.settings.config import Settings, load_settings
from pfnmap.tui.terminal.abilities import Terminal, detect

if TYPE_CHECKING:
    from pfnmap.tui.app import PfnmapApp


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


def refuse_without_screen(arguments: argparse.Namespace, start: Start, *options: str) -> None:
    """Refuse options that ask for something to be done, which only a screen could do."""
    if not start.on_screen:
        refuse_idle(
            arguments,
            "needs the screen; there is none where standard input or standard error is no "
            "terminal, or a dumb one",
            *options,
        )


def prepared(arguments: argparse.Namespace) -> Start:
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
    return Start(terminal, settings, theme, mouse)


def show(
    start: Start,
    session: History,
    title: str,
    *,
    notice: str = "",
    opening: Callable[[PfnmapApp], object] | None = None,
) -> int:
    """Show a session on the screen until the person quits; the exit status.

    Args:
        start: how to draw.
        session: what to show.
        title: where it comes from, for the title line.
        notice: something to say at once, empty for nothing.
        opening: called once with the app when its screen is there.
    """
    os.environ.update(start.terminal.textual_environment())
    from pfnmap.tui.app import run_app

    status, shown_last = run_app(
        session,
        theme=start.theme,
        colour_system=start.terminal.colour_system,
        in_browser=start.terminal.in_browser,
        mouse=start.mouse,
        source_title=title,
        keymap=start.settings.keys,
        notice=notice,
        opening=opening,
    )
    if shown_last.trouble:
        say(shown_last.trouble)
    return status
