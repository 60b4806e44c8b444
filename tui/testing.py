"""Tools to look at rendered screens in tests, without a terminal and without waiting.

Everything of Textual that is private is used here and nowhere else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from textual.drivers.headless_driver import HeadlessDriver
from textual.events import Key
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.app import App
    from textual.pilot import Pilot

SETTLE_ROUNDS = 6
"""Rounds of draining the message queues after which nothing moves any more."""


class CaptureDriver(HeadlessDriver):
    """Headless, but what would be written to the terminal is kept in ``log``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log: list[str] = []

    @property
    def is_headless(self) -> bool:
        """False, so that Textual renders to escape sequences."""
        return False

    def write(self, data: str) -> None:
        """Keep what would be written."""
        self.log.append(data)

    def flush(self) -> None:
        """Nothing is buffered."""


async def settle(pilot: Pilot[Any], rounds: int = SETTLE_ROUNDS) -> None:
    """Let every widget handle its messages and paint, without any clock."""
    for _ in range(rounds):
        await pilot._wait_for_screen()
        await asyncio.sleep(0)
        pilot.app.screen._on_timer_update()


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys by Textual's names, settling after each."""
    for key in keys:
        character = key if len(key) == 1 else None
        pilot.app.post_message(Key(key, " " if key == "space" else character))
        await settle(pilot)


async def type_text(pilot: Pilot[Any], text: str) -> None:
    """Type characters."""
    from tui.keys import textual_key

    for character in text:
        name = "space" if character == " " else textual_key(character)
        pilot.app.post_message(Key(name, character))
    await settle(pilot)


def screen_strips(app: App[Any]) -> list[Strip]:
    """The lines of the whole screen as they are composed now."""
    from textual._context import visible_screen_stack

    visible_screen_stack.set(app._background_screens)
    return list(app.screen._compositor.render_strips())


def screen_text(app: App[Any]) -> str:
    """The whole screen as text, without colours and trailing blanks."""
    return "\n".join(strip.text.rstrip() for strip in screen_strips(app))
