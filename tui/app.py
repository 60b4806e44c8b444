"""The interactive program: one session on one screen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from textual.app import App
from textual.theme import Theme as TextualTheme

from engine.language import ACTIONS
from themes import choose_theme
from themes.model import Theme
from tui.keys import Keymap
from tui.screens.desk import Desk
from tui.screens.main import MainScreen
from tui.widgets.paint import Paint

if TYPE_CHECKING:
    from engine.commands import StartMachine
    from engine.session import Session
    from tui.cast_recorder import CastRecorder

ALWAYS = ("app.quit",)
"""Actions whose control keys work in every dialog as well."""


class PfnmapApp(App[int], inherit_bindings=False):
    """The Textual application around :class:`MainScreen`."""

    TITLE = "pfnmap"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    ToastRack { margin-bottom: 3; }
    Toast {
        max-width: 72; padding: 0 1; margin: 0 1 0 0;
        border: round $border; background: $background;
    }
    Toast.-error { border: round $error; }
    Toast.-warning { border: round $warning; }
    .plain-borders Toast { border: ascii $border; }
    """

    def __init__(
        self,
        session: Session,
        theme: Theme,
        *,
        source_title: str = "",
        read_only: bool = False,
        keymap: Keymap | None = None,
        colour_system: str = "truecolor",
        start: StartMachine | None = None,
    ) -> None:
        self.paint = Paint(theme)
        self.keys = keymap or Keymap()
        self.last_frame = ""
        """What ``Q`` leaves in the scrollback, with escape sequences."""
        self.notice = ""
        """Something to say as soon as the screen is there."""
        self._colour_system = colour_system
        super().__init__()
        self.animation_level = "none"
        self._take_colours(theme)
        self._bind_keys()
        self.desk = Desk(session, self.keys, read_only=read_only, start=start)
        self.main = MainScreen(self.desk, self.paint, self.use_theme, source_title=source_title)

    def on_mount(self) -> None:
        """Show the one screen."""
        self.push_screen(self.main)
        if self.notice:
            self.call_after_refresh(self.main.acts.complain, self.notice)
        if not self.is_headless:
            self._leave_in_order()

    def _leave_in_order(self) -> None:
        """End on a signal as on a key, so that the terminal is left as it was found."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, 128 + number)

    # -- keys ---------------------------------------------------------------------------
    def _bind_keys(self) -> None:
        """Bind the keys in force to their actions."""
        for key, action in self.keys.items():
            self.bind(key, f"act('{action.id}')", description=action.label, show=action.footer)
        for name in ALWAYS:
            for key in self.keys.keys(name):
                if key.startswith("ctrl+"):
                    self._bindings.bind(key, f"act('{name}')", priority=True)
        self.bind("ctrl+c", "how_to_quit", show=False)

    def action_act(self, action_id: str) -> None:
        """Do an action of the registry."""
        if action_id in ALWAYS and self.screen is not self.main:
            self.exit(0)
        elif self.screen is self.main:
            self.main.act(action_id)

    def action_how_to_quit(self) -> None:
        """``ctrl+c`` does not quit, so that a slip of the hand loses nothing."""
        key = self.keys.first("app.quit")
        self.notify(f"press {key} to quit", markup=False)

    # -- themes -----------------------------------------------------------------------------
    def use_theme(self, name: str) -> None:
        """Change colours and glyphs; the terminal's limits still hold."""
        theme = choose_theme(
            name,
            os.environ,
            _encoding(),
            self._colour_system,
            ascii_glyphs=self.paint.ascii_only or None,
        )
        self.paint = Paint(theme)
        self._take_colours(theme)
        self.main.set_paint(self.paint)

    def _take_colours(self, theme: Theme) -> None:
        """Give Textual's own widgets (inputs, boxes, toasts) the theme's colours."""
        self.set_class(theme.borders == "ascii", "plain-borders")
        if theme.colours != "rgb":
            self.theme = "ansi-dark" if theme.dark else "ansi-light"
            return
        ui = theme.ui
        name = f"pfnmap-{theme.name}"
        self.register_theme(
            TextualTheme(
                name=name,
                primary=ui.accent,
                secondary=ui.accent,
                accent=ui.accent,
                warning=ui.warning,
                error=ui.refusal,
                success=ui.accent,
                foreground=ui.text,
                background=ui.background,
                surface=ui.panel,
                panel=ui.panel,
                dark=theme.dark,
                variables={"border": ui.border, "text-muted": ui.dim},
            )
        )
        self.theme = name


def run_app(
    session: Session,
    *,
    theme: str | None,
    color: str,
    ascii: bool,
    mouse: bool,
    source_title: str,
    read_only: bool = False,
    start: StartMachine | None = None,
    keymap: Keymap | None = None,
    notice: str = "",
    recorder: CastRecorder | None = None,
) -> int:
    """Show a session until the person quits; returns the exit status.

    Args:
        session: The machine and its timeline.
        theme: A theme's name or file; None chooses by the terminal.
        color: ``auto``, ``truecolor``, ``256``, ``16`` or ``none``.
        ascii: True draws with ASCII only.
        mouse: False leaves the mouse to the terminal.
        source_title: Where the machine comes from, for the title line.
        read_only: True for a machine that must not be changed.
        start: The ``machine`` line the session began with, for ``save``; None without one.
        keymap: Keys that differ from the registry's.
        notice: Something to say at once; empty for nothing.
        recorder: Records what is drawn and done; closed at the end.
    """
    from tui.terminal import colour_system

    system = colour_system(os.environ, is_tty=True, requested=color)
    chosen = choose_theme(
        theme, os.environ, _encoding(), system, ascii_glyphs=True if ascii else None
    )
    app = PfnmapApp(
        session,
        chosen,
        source_title=source_title,
        read_only=read_only,
        keymap=keymap,
        colour_system=system,
        start=start,
    )
    app.notice = notice
    if recorder is not None:
        from tui.capture import record

        record(app, recorder)
    try:
        status = app.run(mouse=mouse)
    finally:
        if recorder is not None:
            recorder.close()
    if app.last_frame:
        print(app.last_frame)
    return status if status is not None else (app.return_code or 0)


def _encoding() -> str | None:
    """Encoding of the stream that Textual draws on."""
    stream = sys.__stderr__
    return None if stream is None else stream.encoding


assert all("'" not in name for name in ACTIONS)  # ids are quoted in the bindings above
