"""The program on a headless screen: run it with a session, do commands, press keys, look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct
from textual.pilot import Pilot

from pfnmap.engine.commands import Command
from pfnmap.engine.session import Session
from pfnmap.themes.model import Theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.pictures.offscreen import picture, press, settle
from pfnmap.tui.pictures.picture import Picture


class Screen(Struct, frozen=True):
    """The program, running headlessly."""

    app: PfnmapApp
    pilot: Pilot[int]

    async def do(self, command: Command) -> None:
        """Do a command as the ``:`` line does it; PfnmapError where that cannot be done."""
        self.app.main.run(command)
        await settle(self.pilot)

    async def tell(self, commands: Sequence[Command]) -> None:
        """Let steps happen that are for the reader: only their number and the log show them."""
        if not commands:
            return
        for command in commands:
            self.app.main.shown.simulated.run(command)
        self.app.main.show_session()
        await settle(self.pilot)

    async def seek(self, number: int, phase: int) -> None:
        """Go to a phase of a step that was done, counted from 1; 0: to the step as a whole."""
        session = self.app.main.shown.simulated
        session.seek(number - 1 if phase else number)
        session.step_phase(phase)
        self.app.main.show_session()
        await settle(self.pilot)

    async def keys(self, *keys: str) -> None:
        """Press keys by the names people write, such as ``z``, ``ctrl+d`` or ``?``."""
        await press(self.pilot, *map(textual_key, keys))

    def picture(self) -> Picture:
        """The screen now."""
        return picture(self.app, self.app.paint.theme)


@asynccontextmanager
async def on_screen(
    session: Session,
    theme: Theme,
    size: tuple[int, int],
    *,
    source_title: str = "",
) -> AsyncIterator[Screen]:
    """Run the program with a session; ``size`` is (columns, lines)."""
    app = PfnmapApp(session, theme, source_title=source_title)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield Screen(app, pilot)
