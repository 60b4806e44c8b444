"""Where the pictures of a screencast come from: the program itself, or plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from pfnmap.engine.commands import Command, Goto, Zoom
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.machine import Machine
from pfnmap.engine.model_view import ModelView
from pfnmap.engine.session import Session
from pfnmap.themes.model import Theme
from pfnmap.tui.pictures.cast.script import Script
from pfnmap.tui.pictures.picture import Picture, text_picture
from pfnmap.tui.text.frame import outcome_lines, render_text

if TYPE_CHECKING:
    from pfnmap.tui.pictures.headless import Screen


class FrameSource(Protocol):
    """Draws a script."""

    def pictures(self, script: Script, size: tuple[int, int], theme: Theme) -> list[Picture]:
        """For each beat the picture once it has happened; ``size`` is (columns, lines)."""


class ScreenFrames(Struct, frozen=True):
    """The program's own screen, run headlessly."""

    keys: tuple[str, ...] = ()
    """Pressed at the end, before the last picture is taken; as people write them."""

    def pictures(self, script: Script, size: tuple[int, int], theme: Theme) -> list[Picture]:
        """As the protocol says."""
        from pfnmap.tui.pictures.headless import run_apart

        return run_apart(_screens(script, size, theme, self.keys))


async def _screens(
    script: Script, size: tuple[int, int], theme: Theme, keys: tuple[str, ...]
) -> list[Picture]:
    from pfnmap.tui.pictures.headless import on_screen

    pictures: list[Picture] = []
    session = Session(Machine.boot(script.start), script.title, start_command=script.start)
    async with on_screen(session, theme, size, source_title=script.title) as screen:
        for beat in script.beats:
            await screen.tell(beat.told)
            if beat.command is not None:
                await _do(screen, beat.line, beat.command)
            pictures.append(screen.picture())
        if keys or script.told:
            await screen.tell(script.told)
            await screen.keys(*keys)
            pictures[-1] = screen.picture()
    return pictures


async def _do(screen: Screen, line: str, command: Command) -> None:
    """Do a command of the scenario, which is a step of the session in any case."""
    if isinstance(command, Goto | Zoom):
        # On the ':' line, a move of the screen only.
        await screen.tell([command])
    try:
        await screen.do(command)
    except PfnmapError as error:
        raise InputError(f"{line}: {error}") from None


class TextFrames:
    """The plain-text frame: ASCII, no colours, no Textual."""

    def pictures(self, script: Script, size: tuple[int, int], theme: Theme) -> list[Picture]:
        """As the protocol says. What is below the last line of the screen is not seen."""
        state = Machine.boot(script.start).state
        before = None
        done: list[str] = []
        pictures = []
        for beat in script.beats:
            if beat.outcome is not None:
                before, state = ModelView(state), beat.outcome.after
                done = [*outcome_lines(beat.outcome, width=size[0]), ""]
            lines = render_text(ModelView(state), width=size[0], before=before)
            pictures.append(text_picture([*done, *lines], size, theme))
        return pictures
