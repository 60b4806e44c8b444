"""A screen of Textual's without a terminal or a clock: wait for it, press keys, take pictures.

The only module that touches what Textual keeps private; all of that is in the functions
under "private". It knows no program: ``pfnmap.tui.pictures.headless`` runs ours.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, Final

from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.events import Key
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from pfnmap.themes.model import ANSI_COLOURS, DEFAULT_COLOUR, Theme
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.pictures.picture import Ink, Picture, Piece, on_page, piece

SETTLE_ROUNDS: Final = 30
"""Rounds of draining the message queues in which everything comes to rest; most need three."""
MOST_TURNS: Final = 100_000
"""Turns of the event loop after which a screen that still has messages never comes to rest."""


# -- private: Textual's own parts ----------------------------------------------------------
async def settle(pilot: Pilot[Any], rounds: int = SETTLE_ROUNDS) -> None:
    """Let every widget handle its messages and paint, without any clock."""
    quiet = 0
    for _ in range(rounds):
        await _drain(pilot.app)
        await asyncio.sleep(0)
        quiet = 0 if _moves(pilot.app) else quiet + 1
        pilot.app.screen._on_timer_update()
        # A dialog may have gone meanwhile, and what moves is the screen under it.
        if quiet >= 2 and not _moves(pilot.app):
            return


def _moves(app: App[Any]) -> bool:
    """Whether something waits to be handled, laid out or painted."""
    screen = app.screen
    widgets = (screen, *(child for child in screen.walk_children() if isinstance(child, Widget)))
    return bool(
        screen._dirty_widgets
        or screen._callbacks
        or any(pump._next_callbacks or pump.message_queue_size for pump in (app, *widgets))
        or any(
            widget._layout_required
            or widget._scroll_required
            or widget._repaint_required
            or widget._recompose_required
            for widget in widgets
        )
    )


def _rests(pump: MessagePump) -> bool:
    """Whether it waits for a message, or never will again."""
    arrived: Any = pump._message_queue.ready_event
    return pump._closing or pump._closed or bool(arrived._waiters and not arrived.is_set())


async def _drain(app: App[Any]) -> None:
    """Wait until the app and all widgets have handled what is in their queues now.

    Textual's own way to wait hangs on widgets that go away meanwhile, as those of a dialog
    that is being closed do.
    """
    busy: list[MessagePump] = [app, *app.screen.walk_children(with_self=True)]
    for _ in range(MOST_TURNS):
        busy = [pump for pump in busy if not _rests(pump)]
        if not busy or app._exception is not None:
            return
        await asyncio.sleep(0)
    raise RuntimeError(f"the screen does not come to rest: {sorted(map(repr, busy))[:3]}")


def screen_strips(app: App[Any]) -> list[Strip]:
    """The lines of the whole screen as they are composed now."""
    from textual._context import visible_screen_stack

    visible_screen_stack.set(app._background_screens)
    return list(app.screen._compositor.render_strips())


# -- driving ---------------------------------------------------------------------------------
async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys by Textual's names, settling after each."""
    for key in keys:
        character = key if len(key) == 1 else None
        pilot.app.post_message(Key(key, " " if key == "space" else character))
        await settle(pilot)


async def type_text(pilot: Pilot[Any], text: str) -> None:
    """Type characters."""
    for character in text:
        name = "space" if character == " " else textual_key(character)
        pilot.app.post_message(Key(name, character))
    await settle(pilot)


# -- pictures --------------------------------------------------------------------------------
def screen_text(app: App[Any]) -> str:
    """The whole screen as text, without colours and trailing blanks."""
    return "\n".join(strip.text.rstrip() for strip in screen_strips(app))


def picture(app: App[Any], theme: Theme) -> Picture:
    """The whole screen, on the page colours of the theme it is drawn in."""
    lines = [strip_pieces(strip) for strip in screen_strips(app)]
    return on_page(app.size.width, lines, theme)


def strip_pieces(strip: Strip) -> tuple[Piece, ...]:
    """A line of Textual's as pieces."""
    return _pieces(tuple(segment for segment in strip if not segment.control))


@lru_cache(maxsize=1024)
def _pieces(segments: tuple[Segment, ...]) -> tuple[Piece, ...]:
    """From one picture to the next most lines are the same."""
    return tuple(
        piece(segment.text, ink_of(segment.style), segment.cell_length) for segment in segments
    )


@lru_cache(maxsize=1024)
def ink_of(style: Style | None) -> Ink:
    """A style of Rich's in a theme's words."""
    if style is None:
        return Ink()
    return Ink(
        fg=_colour(style.color),
        bg=_colour(style.bgcolor),
        bold=bool(style.bold),
        underline=bool(style.underline),
        reverse=bool(style.reverse),
    )


def _colour(colour: Color | None) -> str:
    if colour is None or colour.type == ColorType.DEFAULT:
        return DEFAULT_COLOUR
    if colour.number is not None and colour.number < len(ANSI_COLOURS):
        return ANSI_COLOURS[colour.number]
    return colour.get_truecolor().hex
