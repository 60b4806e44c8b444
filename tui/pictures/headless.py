"""The program on a headless screen: run it with a session, do commands, press keys, look."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from pfnmap.engine.commands import Command
from pfnmap.engine.session import Session
from pfnmap.themes.model import Theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.pictures.offscreen import picture, press, settle
from pfnmap.tui.pictures.picture import Picture

if TYPE_CHECKING:
    from textual.pilot import Pilot

Result = TypeVar("Result")

_CHANGES_COLOURS: Final = ("NO_COLOR",)
"""Variables that Textual obeys and that would make the same picture differ."""


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
    with _own_colours():
        app = PfnmapApp(session, theme, source_title=source_title)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield Screen(app, pilot)


@contextmanager
def _own_colours() -> Iterator[None]:
    """Without the variables that change colours; the environment is put back."""
    saved = {name: os.environ.pop(name) for name in _CHANGES_COLOURS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(saved)


def run_apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, also for a caller that is itself inside an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
