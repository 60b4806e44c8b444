"""A headless screen that is timed from outside: ``python -m tests.bench.screen_child WHAT``.

WHAT is ``fixed``, a widget of fixed content on Textual's line API with an empty dialog on ``?``;
or for the program itself the lines of a session (a ``machine`` line and what comes after it), or
``pieces N`` for that many online blocks with offline ones between. For every line ``KEY…`` on
standard input the keys are pressed one after the other, and a line with three medians comes
back: CPU seconds from a key to the first drawing for it (the map), CPU seconds to the last (the
panels that follow the cursor), and bytes. The 60 Hz timer between drawing and writing is left
out; nothing else waits, so CPU time is what a key takes on a machine that does nothing else.
A line ``:COMMAND`` runs a command without timing it, and ``ok`` comes back.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import time
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.themes import load_theme
from pfnmap.tui.__main__ import COLLECT_AFTER
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.pictures.offscreen import settle
from tests.bench.fragmented import fragmented
from tests.tui.capture_driver import CaptureDriver

SIZE = (200, 50)
HOPS = 30
"""Turns of the event loop in which a key has reached every widget."""
ROUNDS = 3
"""Drawings after which nothing moves any more: of the key, and of what follows from it."""


class FixedLines(Widget, can_focus=True):
    """Lines of coloured runs, made once; every key shows the other half of them."""

    def __init__(self) -> None:
        super().__init__()
        colours = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
        styles = [Style(color=colour, bgcolor="#101418") for colour in colours]
        self.strips = [
            Strip([Segment("█" * 20, styles[(n + part) % 5]) for part in range(10)], 200)
            for n in range(2 * SIZE[1])
        ]
        self.first = 0

    def render_line(self, y: int) -> Strip:
        """A line, by the hook that Textual documents."""
        return self.strips[self.first + y]

    def on_key(self) -> None:
        """Show the other lines."""
        self.first ^= SIZE[1]
        self.refresh()


class EmptyDialog(ModalScreen[None]):
    """The least that a dialog can be."""

    BINDINGS: ClassVar = [("escape", "dismiss")]

    def compose(self) -> ComposeResult:
        """One widget."""
        yield Static("nothing")


class FixedApp(App[int]):
    """Nothing but the widget."""

    BINDINGS: ClassVar = [("question_mark", "open")]

    def action_open(self) -> None:
        """Show the dialog."""
        self.push_screen(EmptyDialog())

    def compose(self) -> ComposeResult:
        """One widget."""
        yield FixedLines()

    def on_mount(self) -> None:
        """Keys go to it."""
        self.query_one(FixedLines).focus()


class Program(PfnmapApp):
    """The program without a terminal that could go away."""

    def _leave_in_order(self) -> None:
        """Nothing to watch."""


class TimedDriver(CaptureDriver):
    """Notes when something was written, and how much."""

    written_at: ClassVar[list[float]] = []
    nr_bytes = 0

    def write(self, data: str) -> None:
        """Count instead of keeping."""
        TimedDriver.written_at.append(time.process_time())
        TimedDriver.nr_bytes += len(data.encode())


def app_of(what: list[str]) -> App[int]:
    """The application to be timed."""
    if what == ["fixed"]:
        return FixedApp()
    if what[0] == "pieces":
        return Program(fragmented(int(what[1])), load_theme("dark"))
    machine = Machine.boot(parse_line(what[0]))  # type: ignore[arg-type]
    session = Session(machine)
    for line in what[1:]:
        command = parse_line(line)
        assert command is not None
        assert session.run(command).ok, line
    return Program(session, load_theme("dark"))


async def press(pilot: Pilot[int], name: str) -> tuple[float, float, int] | None:
    """Press a key; seconds to the first and the last drawing, and bytes. None: nothing to draw."""
    key = textual_key(name)
    TimedDriver.nr_bytes = 0
    TimedDriver.written_at.clear()
    start = time.process_time()
    pilot.app.post_message(Key(key, name if len(name) == 1 else None))
    for _ in range(ROUNDS):
        for _ in range(HOPS):
            await asyncio.sleep(0)
        pilot.app.screen._on_timer_update()
    written = TimedDriver.written_at
    if not written:
        return None
    return written[0] - start, written[-1] - start, TimedDriver.nr_bytes


def answer(line: str) -> None:
    """Write a line to standard output, which Textual keeps from ``print``."""
    os.write(1, f"{line}\n".encode())


async def serve(what: list[str]) -> None:
    """Press what is asked for until standard input ends."""
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    app: Any = app_of(what)
    app.driver_class = TimedDriver
    loop = asyncio.get_running_loop()
    async with app.run_test(headless=False, size=SIZE) as pilot:
        await settle(pilot)
        answer("ready")
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line.startswith(":"):
                app.main.run(parse_line(line[1:]))
                await settle(pilot)
                answer("ok")
                continue
            pressed = []
            for name in line.split():
                pressed.append(await press(pilot, name))
                if len(app.screen_stack) > 1:  # closing is not opening, and not measured
                    await settle(pilot)
                    await press(pilot, "escape")
                    await settle(pilot)
            await settle(pilot)
            costs = [cost for cost in pressed if cost is not None]
            assert 3 * len(costs) > len(pressed), f"most of these keys draw nothing: {line}"
            answer(" ".join(str(statistics.median(column)) for column in zip(*costs, strict=True)))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
