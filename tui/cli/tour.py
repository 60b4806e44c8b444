"""Learn memory hotplug and this program in five minutes, on the real screen.

Without a terminal the texts of the tour are printed.
"""

from __future__ import annotations

from collections.abc import Iterator

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.tui.cli.messages import Arguments, emit
from pfnmap.tui.cli.starting import prepared
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.screens.tour import MACHINE, STEPS, filled, press_words
from pfnmap.tui.text.ascii import plain, wrapped

TITLE = "tour"


def run(arguments: Arguments) -> int:
    """Take the tour; its machine is not kept."""
    start = prepared(arguments)
    if not start.on_screen:
        emit(_texts(start.settings.keys))
        return 0
    from pfnmap.tui.cli.screen import show  # there is one: Textual may be imported
    from pfnmap.tui.screens.tour_panel import TourPanel

    machine = parse_line(MACHINE)
    assert isinstance(machine, StartMachine)
    return show(
        start,
        Session(Machine.boot(machine), TITLE, start_command=machine),
        TITLE,
        opening=lambda app: app.main.begin_tour(TourPanel(app.paint, app.keys)),
    )


def _texts(keymap: Keymap) -> Iterator[str]:
    """The tour as plain text."""
    for number, step in enumerate(STEPS, 1):
        yield f"{number}. {plain(step.title)}"
        yield from wrapped(filled(step.text, keymap), 72, first="   ", indent="   ")
        yield f"   press: {plain('  '.join(press_words(step.asks, keymap)))}"
