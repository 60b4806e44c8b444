"""The interactive program: one session on one screen."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from rich.console import RenderableType
from textual.app import App
from textual.events import Event, Key, Paste
from textual.screen import Screen
from textual.theme import Theme as TextualTheme

from pfnmap.engine.session import History
from pfnmap.themes import choose_theme
from pfnmap.themes.model import Theme
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.screens.main import MainScreen
from pfnmap.tui.terminal.driver import TerminalDriver
from pfnmap.tui.terminal.shown_lines import ShownLines
from pfnmap.tui.terminal.signals import Endings
from pfnmap.tui.widgets.paint import Paint

if TYPE_CHECKING:  # dialogs are loaded with the first of them
    from pfnmap.tui.dialogs.dialog import Dialog

STUCK_SECONDS = 5.0
"""What has waited so long for a dialog is dropped for the key that closes one."""
SWITCH_SECONDS = 0.001
"""How long a busy thread may keep others waiting.

Textual writes to the terminal in a thread of its own. With Python's 5 ms a frame that is drawn
lies there that long whenever the screen has more to do.
"""
_OWN = "ansi_default"
COLOURLESS = TextualTheme(
    name="pfnmap-colourless",
    ansi=True,
    primary=_OWN,
    secondary=_OWN,
    accent=_OWN,
    warning=_OWN,
    error=_OWN,
    success=_OWN,
    foreground=_OWN,
    background=_OWN,
    surface=_OWN,
    panel=_OWN,
    boost=_OWN,
    variables={
        "border": _OWN,
        "border-blurred": _OWN,
        "ansi-background": _OWN,
        "ansi-foreground": _OWN,
        "text-muted": _OWN,
        "input-cursor-background": _OWN,
        "input-cursor-foreground": _OWN,
        "input-cursor-text-style": "reverse",
        "input-selection-background": _OWN,
        "input-selection-foreground": _OWN,
        "block-cursor-foreground": _OWN,
        "block-cursor-background": _OWN,
    },
)
"""For Textual's own widgets where no colour may be sent."""


class PfnmapApp(App[int], inherit_bindings=False, inherit_css=False):
    """The Textual application around :class:`MainScreen`."""

    TITLE = "pfnmap"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    PfnmapApp { background: $background; color: $foreground; }
    PfnmapApp:ansi { background: ansi_default; color: ansi_default; }
    """

    def __init__(
        self,
        session: History,
        theme: Theme,
        *,
        source_title: str = "",
        keymap: Keymap | None = None,
        colour_system: str = "truecolor",
    ) -> None:
        self.paint = Paint(theme)
        self.keys = keymap or Keymap()
        self._on_terminal = ShownLines()
        self.notice = ""
        """Something to say as soon as the screen is there."""
        self.opening: Callable[[PfnmapApp], object] | None = None
        """Called once when the screen is there."""
        self.endings: Endings | None = None
        """Signals that end the program, from before the screen is taken."""
        self._colour_system = colour_system
        self._end_keys = frozenset(["ctrl+c", *self.keys.quitting_keys])
        self._close_keys = closing_keys(self.keys)
        self._typed: deque[Key | Paste] = deque()
        self._undecided = False
        self._passing = False
        self._beginning = False
        # Textual would answer NO_COLOR with greys; the theme was chosen with it in mind.
        no_color = os.environ.pop("NO_COLOR", None)
        super().__init__()
        if no_color is not None:
            os.environ["NO_COLOR"] = no_color
        self.animation_level = "none"
        self._take_colours(theme)
        self._bindings.bind("ctrl+c", "how_to_quit", priority=True)
        self.main = MainScreen(
            session,
            self.paint,
            self.keys,
            source_title=source_title,
        )

    def get_default_screen(self) -> MainScreen:
        """The one screen, in place of an empty one of Textual's under it."""
        return self.main

    def on_mount(self) -> None:
        """Do what was left for when the screen is there."""
        if self.notice:
            self.call_after_refresh(self.main.complain, self.notice)
        if self.opening is not None:
            self._beginning = True
            self.call_after_refresh(self._begin)
        if not self.is_headless:
            if self.endings is not None:
                loop = asyncio.get_running_loop()
                self.endings.answer(
                    lambda number: loop.call_soon_threadsafe(self.exit, 128 + number)
                )
            # What has been made by now is kept to the end; the collector need not look at it.
            self.call_after_refresh(gc.freeze)

    async def _begin(self) -> None:
        """Keys that were typed before now are for what is shown from now on."""
        assert self.opening is not None
        try:
            self.opening(self)
        finally:
            self._beginning = False
        await self._type()

    # -- keys ---------------------------------------------------------------------------
    async def on_event(self, event: Event) -> None:
        """Hold keys back until what they are meant for is there: none is lost or misread."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            if self._typed and self._goes_first(event):
                self._typed.clear()
                self._undecided = self._passing = False
            self._typed.append(event)
            await self._type()
        else:
            await super().on_event(event)

    def _goes_first(self, event: Key | Paste) -> bool:
        """Whether a key acts now, and what still waits before it is dropped."""
        key = _name(event)
        closes = key in self._close_keys and (
            self.main.waits or event.time - self._typed[0].time > STUCK_SECONDS
        )
        return closes or key in self._end_keys

    async def on_dialog_ready(self, message: Dialog.Ready) -> None:
        """What was typed while a dialog opened, or made up its mind, goes where it belongs."""
        if message.decided:
            self._undecided = self._passing = False
        await self._type()

    async def on_dialog_passed(self) -> None:
        """A dialog has done all that the last key meant to it."""
        self._passing = False
        await self._type()

    async def on_main_screen_free(self) -> None:
        """What was typed while long work went on goes where it belongs."""
        await self._type()

    async def _type(self) -> None:
        """Handle the keys that were typed, as far as the screen is ready for them."""
        while self._typed and not self._must_wait(_name(self._typed[0])):
            key, dialog = _name(self._typed[0]), self._dialog
            event = self._typed.popleft()
            if dialog is not None and key not in self._close_keys | self._end_keys:
                if not dialog.heeds(event):
                    continue
                # Enter may end it later: what is typed behind that waits until it is decided.
                self._undecided = key == "enter" and dialog.HAS_LINE and dialog.focused is not None
            await super().on_event(event)
            if dialog is not None and dialog is self._dialog:
                self._passing = dialog.follow(event)

    def _must_wait(self, key: str) -> bool:
        """Whether what a key is meant for is not there yet."""
        if key in self._end_keys:
            return False
        if self.main.waits:
            return key not in self._close_keys
        opening = self._dialog is not None and not self._dialog.opened
        return opening or self._undecided or self._passing or self._beginning

    @property
    def _dialog(self) -> Dialog[Any] | None:
        """The dialog that has the keys: what else lies on the stack is the main screen."""
        return None if self.screen is self.main else cast("Dialog[Any]", self.screen)

    def action_how_to_quit(self) -> None:
        """``ctrl+c`` does not quit, so that a slip of the hand loses nothing."""
        key = self.keys.first("app.quit")
        self.main.toast(f"press {key} to quit", "information")

    # -- themes -----------------------------------------------------------------------------
    def on_main_screen_theme_chosen(self, message: MainScreen.ThemeChosen) -> None:
        """Use the theme that a person chose."""
        self.use_theme(message.name)

    def use_theme(self, name: str) -> None:
        """Change colours and glyphs; the terminal's limits still hold."""
        theme = choose_theme(
            name,
            os.environ,
            getattr(sys.__stderr__, "encoding", None),  # what Textual draws on
            self._colour_system,
            ascii_glyphs=self.paint.ascii_only or None,
        )
        self.paint = Paint(theme)
        self._take_colours(theme)
        self.main.set_paint(self.paint)

    def on_terminal_lost(self) -> None:
        """Send the whole screen again."""
        self._on_terminal.forget()
        self.refresh(layout=True)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Send what the terminal does not show yet."""
        sent = self._running and not self._closed and not self._batch_count and self._driver
        if renderable is not None and sent and not self.is_headless:
            renderable = self._on_terminal.unsent(renderable)
        super()._display(screen, renderable)

    def get_css_variables(self) -> dict[str, str]:
        """The theme's colours; none before the program runs, so that they are made once."""
        return super().get_css_variables() if self.is_running else {}

    def refresh_css(self, animate: bool = True) -> None:
        """Apply new colours; before there is a screen only note them, to parse styles once."""
        if self.screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def _take_colours(self, theme: Theme) -> None:
        """Give Textual's own widgets (inputs, boxes, toasts) the theme's colours."""
        self.set_class(theme.borders == "ascii", "plain-borders")
        if theme.colours == "ansi":
            self.theme = "ansi-dark" if theme.dark else "ansi-light"
            return
        if theme.colours == "none":
            self.register_theme(COLOURLESS)
            self.theme = COLOURLESS.name
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


def closing_keys(keymap: Keymap) -> frozenset[str]:
    """Textual's names of the keys that close a dialog and stop long work, but no characters.

    One does not wait while long work goes on, or behind what has waited too long: a dialog that
    never opens. A character may be text in a dialog that is still to open.
    """
    keys = (key for key in keymap.keys("dialog.close") if len(key) > 1 and key != "space")
    return frozenset(map(textual_key, keys))


def _name(event: Key | Paste) -> str:
    """Of the key; empty for what is pasted."""
    return event.key if isinstance(event, Key) else ""


def run_app(
    session: History,
    *,
    theme: Theme,
    colour_system: str,
    mouse: bool,
    source_title: str,
    keymap: Keymap | None = None,
    notice: str = "",
    opening: Callable[[PfnmapApp], object] | None = None,
    in_browser: bool = False,
) -> tuple[int, History]:
    """Show a session until the person quits.

    Returns the exit status and the session that was shown last: that of a real machine may
    have been left for a simulation of it.

    Args:
        session: The machine and its timeline.
        theme: What to draw with.
        colour_system: What the terminal can show: ``truecolor``, ``256``, ``16`` or ``none``.
        mouse: False leaves the mouse to the terminal.
        source_title: Where the machine comes from, for the title line.
        keymap: Keys that differ from the table's.
        notice: Something to say at once; empty for nothing.
        opening: Called once when the screen is there.
        in_browser: Textual serves the screen; its own driver speaks to the server.
    """
    app = PfnmapApp(
        session,
        theme,
        source_title=source_title,
        keymap=keymap,
        colour_system=colour_system,
    )
    app.notice = notice
    app.opening = opening
    app.endings = Endings()
    if not in_browser:
        app.driver_class = TerminalDriver
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        status = asyncio.run(_until_the_end(app, mouse))
    finally:
        app.endings.given_back()
    if app.main.last_frame and not in_browser:
        print(app.main.last_frame)
    return (status if status is not None else app.return_code or 0), app.main.session


async def _until_the_end(app: PfnmapApp, mouse: bool) -> int | None:
    """Run the program, and take signals off the event loop before that is closed.

    asyncio closes the file that signals are written to before it lets go of them: of one that
    came in between, Python would tell on the terminal that has just been given back.
    """
    try:
        return await app.run_async(mouse=mouse)
    finally:
        signal.set_wakeup_fd(-1)
