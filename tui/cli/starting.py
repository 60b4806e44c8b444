"""Starting the screen: the user's settings, the terminal's abilities, and what to show."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pfnmap.engine.errors import InputError
from pfnmap.tui.cli.parser import refuse_idle, say

if TYPE_CHECKING:
    from pfnmap.engine.commands import StartMachine
    from pfnmap.engine.session import Session
    from pfnmap.themes.model import Theme
    from pfnmap.tui.app import PfnmapApp
    from pfnmap.tui.settings.config import Settings
    from pfnmap.tui.terminal.abilities import Terminal


class Start(Struct, frozen=True):
    """How to draw: options of the command line, else the user's settings."""

    terminal: Terminal
    settings: Settings
    theme: Theme
    mouse: bool

    @property
    def on_screen(self) -> bool:
        """Whether there is a terminal to draw on, rather than one to print to."""
        return self.terminal.interactive and os.environ.get("TERM", "") not in _NO_SCREEN


_NO_SCREEN = ("", "dumb", "unknown")
"""Values of TERM that stand for a terminal that cannot move its cursor."""


def add_record(parser: argparse.ArgumentParser) -> None:
    """``--record``."""
    parser.add_argument(
        "--record",
        metavar="FILE.cast",
        help="record the screen as a screencast; the file must not be there yet",
    )


def record_file(arguments: argparse.Namespace, start: Start) -> Path | None:
    """The value of ``--record``; UsageError for one that nothing can be written to."""
    if arguments.record is None:
        return None
    from pfnmap.tui.cli.outputs import output_file

    refuse_without_screen(arguments, start, "--record")
    return output_file("--record", arguments.record)


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
    from pfnmap.tui.settings.config import load_settings
    from pfnmap.tui.terminal.abilities import detect

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
    session: Session,
    title: str,
    *,
    machine: StartMachine | None = None,
    notice: str = "",
    record: Path | None = None,
    read_only: bool = False,
    opening: Callable[[PfnmapApp], object] | None = None,
) -> int:
    """Show a session on the screen until the person quits; the exit status.

    Args:
        start: how to draw.
        session: what to show.
        title: where it comes from, for the title line.
        machine: the ``machine`` line it began with, None without one.
        notice: something to say at once, empty for nothing.
        record: the screencast to write, None for none.
        read_only: for a machine that commands must not change.
        opening: called once with the app when its screen is there.
    """
    os.environ.update(start.terminal.textual_environment())
    from pfnmap.tui.app import run_app

    with _recording(record, start.terminal) as prepare:
        status, shown_last = run_app(
            session,
            theme=start.theme,
            colour_system=start.terminal.colour_system,
            mouse=start.mouse,
            source_title=title,
            read_only=read_only,
            start=machine,
            keymap=start.settings.keys,
            notice=notice,
            prepare=prepare,
            opening=opening,
        )
        if shown_last.trouble:
            say(shown_last.trouble)
    return status


@contextmanager
def _recording(
    file: Path | None, terminal: Terminal
) -> Iterator[Callable[[PfnmapApp], object] | None]:
    """What makes an app record its screen, where that is wanted; at the end says what failed."""
    if file is None:
        yield None
        return
    from pfnmap.tui.pictures.cast.recorder import CastRecorder, record

    recorder = CastRecorder(file, (terminal.columns, terminal.rows))
    try:
        yield lambda app: record(app, recorder)
    finally:
        recorder.close()
    if recorder.trouble:
        say(recorder.trouble)
