"""Where the pictures of a screencast come from: the program itself, or the figure alone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pfnmap.engine.commands import Goto, Zoom
from pfnmap.engine.errors import InputError, PfnmapError
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.themes.model import Theme
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.figure import Figure, Key, figure_of
from pfnmap.tui.figure.inks import picture_of
from pfnmap.tui.figure.line_drawing import ALL_DIGITS, Sheet, Span, Spans
from pfnmap.tui.figure.moments import moments, phases
from pfnmap.tui.pictures.cast.script import Script
from pfnmap.tui.pictures.picture import Picture

Result = TypeVar("Result")


class FrameSource(Protocol):
    """Draws a script."""

    def pictures(self, script: Script, size: tuple[int, int], theme: Theme) -> list[Picture]:
        """For each beat the picture once it has happened; ``size`` is (columns, lines)."""


class ScreenFrames(Struct, frozen=True):
    """The program's own screen, run headlessly."""

    keys: tuple[str, ...] = ()
    """Pressed at the end, before the last picture is taken; as people write them."""
    footer: bool = False
    """Whether the last line of the screen, which offers keys, is in the pictures."""

    def pictures(self, script: Script, size: tuple[int, int], theme: Theme) -> list[Picture]:
        """As the protocol says."""
        width, height = size
        drawn = run_apart(_screens(script, (width, height + (not self.footer)), theme, self.keys))
        return [picture.cropped(height) for picture in drawn]


async def _screens(
    script: Script, size: tuple[int, int], theme: Theme, keys: tuple[str, ...]
) -> list[Picture]:
    from pfnmap.tui.pictures.headless import on_screen

    pictures: list[Picture] = []
    start = script.session.start_command
    assert start is not None, "a scenario begins with a machine"
    session = Session(Machine.boot(start), script.title, start_command=start)
    async with on_screen(session, theme, size, source_title=script.title) as screen:
        last = 0
        for beat in script.beats:
            await screen.tell(beat.told)
            if beat.command is not None:
                if isinstance(beat.command, Goto | Zoom):
                    # A step of the session, but on the ':' line a move of the screen only.
                    await screen.tell([beat.command])
                try:
                    await screen.do(beat.command)
                except PfnmapError as error:
                    raise InputError(f"{beat.line}: {error}") from None
            if beat.phase or last:
                await screen.seek(beat.number, beat.phase)
            last = beat.phase
            pictures.append(screen.picture())
        if keys or script.told:
            await screen.tell(script.told)
            await screen.keys(*keys)
            pictures[-1] = screen.picture()
    return pictures


def run_apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, also for a caller that is itself inside an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


class FigureFrames(Struct, frozen=True):
    """The figure alone, on one axis for all steps: no map, no Textual."""

    focus: Sequence[tuple[int, int]] | None = None
    """Ranges of pfns that get most of the width; None: what the steps touch."""

    def pictures(self, script: Script, size: tuple[int, int], theme: Theme) -> list[Picture]:
        """As the protocol says."""
        found = {moment.number: moment for moment in moments(script.session)}
        ground = ground_of(list(found.values()), self.focus)
        sheet = Sheet(ground, size[0], found[0].view.geometry.block_bytes, most_digits=ALL_DIGITS)
        figures: list[Figure] = []
        last = found[0]
        for beat in script.beats:
            step = found.get(beat.number, last) if beat.number else last
            if beat.phase:
                step = next(each for each in phases(step) if each.phase == beat.phase)
            figures.append(figures[-1] if figures and step is last else figure_of(step, sheet.axis))
            last = step
        drawn = _drawn(script.title, sheet, figures, size)
        return [picture_of(lines, theme, size) for lines in drawn]


def _drawn(
    title: str, sheet: Sheet, figures: Sequence[Figure], size: tuple[int, int]
) -> Iterator[list[Spans]]:
    """The lines of each figure; a row has the same place in all of them, so it is drawn once."""
    head = [(Span(title[: size[0]], "heading"),), *sheet.heading()]
    legend = list(sheet.legend(figures, changed="_"))
    words = [list(sheet.words(figure)) for figure in figures]
    room = size[1] - len(head) - len(legend)
    told = min(max(map(len, words)), room // 3) + 1
    devices = dict.fromkeys(each.name for figure in figures for each in figure.gauges)
    keys = _keys(figures, room - told - len(devices))
    for figure, said in zip(figures, words, strict=True):
        rows = sheet.at_places(figure, dict.fromkeys(keys, False), devices)
        lines = [tuple(replace(span, text=span.seen("_")) for span in line) for line in rows]
        yield [*head, *_filled(lines, room - told), *_filled(said, told), *legend]


def _keys(figures: Sequence[Figure], room: int) -> list[Key]:
    """The rows that there is room for: zones before nodes, what changes before the rest."""
    found: dict[Key, bool] = {}
    for row in (row for figure in figures for row in figure.rows):
        found[row.key] = found.get(row.key, False) or row.changed
    rank = sorted(found, key=lambda key: (key[1] is None, not found[key]))
    return rank[: max(room, 0)]


def _filled(lines: list[Spans], room: int) -> list[Spans]:
    return lines[:room] + [()] * (room - len(lines))
