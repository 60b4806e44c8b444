"""The whole program on a headless screen, for tests: press keys, look at the text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

from textual.events import Paste
from textual.pilot import Pilot

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.outcome import Outcome
from pfnmap.engine.session import Session
from pfnmap.themes import load_theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.screens.main import MainScreen
from pfnmap.tui.testing import press, screen_text, settle, type_text
from tests.tui.headless import quicken

quicken()

MACHINE = "machine ram=1G memmap_on_memory=Y"
DIMM = ("add dimm0 256M", "online dimm0[0] movable")
"""Block 32 in Movable, block 33 offline, each with its memmap on itself."""
theme_named = cache(load_theme)


@dataclass
class Stage:
    """A running program."""

    app: PfnmapApp
    pilot: Pilot[Any]

    @property
    def main(self) -> MainScreen:
        return self.app.main

    @property
    def on_main(self) -> bool:
        """No dialog is open."""
        return self.app.screen is self.app.main

    @property
    def session(self) -> Session:
        # Of a real machine's history tests ask only what it has too.
        return cast(Session, self.app.main.session)

    @property
    def last(self) -> Outcome:
        outcome = self.session.last
        assert outcome is not None
        return outcome

    @property
    def cursor(self) -> int:
        return self.main.viewport.cursor_pfn

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    async def keys(self, *typed: str) -> None:
        """Press keys as a person writes them."""
        await press(self.pilot, *(textual_key(key) for key in typed))

    async def type(self, text: str, *then: str) -> None:
        """Type text, then press keys."""
        await type_text(self.pilot, text)
        await self.keys(*then)

    async def command(self, line: str) -> None:
        """A whole line behind ``:``."""
        await self.keys(":")
        self.app.post_message(Paste(line))
        await self.keys("enter")

    async def resize(self, width: int, height: int) -> None:
        await self.pilot.resize_terminal(width, height)
        await settle(self.pilot)


@lru_cache(16)
def _played(machine: str, lines: tuple[str, ...]) -> Session:
    start = parse_line(machine)
    assert isinstance(start, StartMachine)
    session = Session(Machine.boot(start), start_command=start)
    for line in lines:
        command = parse_line(line)
        assert command is not None
        session.run(command)
    _ = session.before, session.view
    return session


def session_of(*lines: str, machine: str = MACHINE) -> Session:
    """A session in which these lines have been run.

    Its steps and the views of its last states, which nothing changes, are made once for all tests.
    """
    made = _played(machine, lines)
    session = Session(Machine(made.start), loaded=made.outcomes, start_command=made.start_command)
    session.position = len(lines)
    session._views = made._views
    return session


@asynccontextmanager
async def stage(
    *lines: str,
    machine: str = MACHINE,
    size: tuple[int, int] = (120, 40),
    theme: str = "dark",
    read_only: bool = False,
    keymap: Keymap | None = None,
    from_start: bool = True,
) -> AsyncIterator[Stage]:
    """The program with a session in which these lines have been run.

    The cursor is on the first page, or where the program put it (``from_start=False``).
    """
    session = session_of(*lines, machine=machine)
    session.read_only = read_only
    app = PfnmapApp(session, theme_named(theme), source_title="simulated", keymap=keymap)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        if from_start and lines:
            main = app.main
            main.map.look(main.viewport.at(main.viewport.first_pfn))
            await settle(pilot)
        yield Stage(app, pilot)
        if app.is_running:
            screen_text(app)
