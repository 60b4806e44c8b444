"""Rows about the screen, 200x50 and headless: from a key to the map, and bytes on the line.

Two processes stand side by side for each row (:mod:`tests.bench.screen_child`): pfnmap, and a
widget of fixed content that draws 200x50 cells anew for every key. Both render to the escape
sequences a terminal would get; nothing but the terminal and the 60 Hz timer is left out.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
from functools import cache, partial

from tests.bench.fragmented import FIRST
from tests.bench.processes import ROOT, environment
from tests.bench.table import Measure, Row

MACHINES: dict[str, tuple[str, ...]] = {
    "4 GiB": ("machine ram=2G memmap_on_memory=Y", "add big 2G", "online big[0-7] movable"),
    "64 TiB": ("machine ram=4G memmap_on_memory=Y", "add big 64T", "online big[0-999] movable"),
    "4 PiB": ("machine ram=4G memmap_on_memory=Y", "add big 4095T", "online big[0-999] movable"),
}
"""Blocks of 128 MiB in each: up to 33 million. A part online, so that lines differ."""
ZOOMS = ("page", "subsection", "section", "block", "fit")

MOVES = "j k l h ctrl+d ctrl+u L H l h " * 2
"""By lines, cells, half pages and blocks, and back again."""
HALF_PAGES = "ctrl+d " * 6 + "ctrl+u " * 6
"""Every line of the map is another one."""
CELL = "l h " * 4
"""The cursor by one cell."""
FIRST_BLOCK = "block 32"
DIALOGS = {"?": "help", "/": "search", "ctrl+p": "palette"}


class Child:
    """A headless screen in a process of its own."""

    def __init__(self, what: tuple[str, ...]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.screen_child", *what],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("ready")

    def command(self, line: str) -> None:
        """Run a command of the language, untimed."""
        self._tell(f":{line}")
        self._expect("ok")

    def press(self, keys: str) -> tuple[float, float, float]:
        """Seconds to the map and to the last panel, and bytes: medians of these keys."""
        self._tell(keys)
        to_map, to_end, nr_bytes = self._answer().split()
        return float(to_map), float(to_end), float(nr_bytes)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def _expect(self, word: str) -> None:
        answer = self._answer()
        if answer != word:
            raise RuntimeError(f"the screen to be timed said {answer!r} instead of {word!r}")


@cache
def child(*what: str) -> Child:
    """A screen that is kept for other rows."""
    made = Child(what)
    atexit.register(made.close)
    return made


def fixed() -> Child:
    """The yardstick."""
    return child("fixed")


def key_to_map(machine: str, zoom: str) -> tuple[Measure, Measure]:
    """Keys that move the cursor and the window, until the map is drawn."""
    screen = child(*MACHINES[machine])
    screen.command(f"goto {FIRST_BLOCK}")
    screen.command(f"zoom {zoom}")
    return lambda: screen.press(MOVES)[0], lambda: fixed().press(MOVES)[0]


def scroll_to_map(machine: str) -> tuple[Measure, Measure]:
    """Half pages, where there is enough to scroll: cells of one page."""
    screen = child(*MACHINES[machine])
    screen.command(f"goto {FIRST_BLOCK}")
    screen.command("zoom page")
    return lambda: screen.press(HALF_PAGES)[0], lambda: fixed().press(HALF_PAGES)[0]


def key_to_end(machine: str) -> tuple[Measure, Measure]:
    """The same keys, until all panels have followed."""
    screen = child(*MACHINES[machine])
    screen.command(f"goto {FIRST_BLOCK}")
    screen.command("zoom block")
    return lambda: screen.press(MOVES)[1], lambda: fixed().press(MOVES)[1]


def bytes_of_cursor() -> tuple[Measure, Measure]:
    """Bytes for one cell of the cursor, every panel that follows included."""
    screen = child(*MACHINES["4 GiB"])
    screen.command(f"goto {FIRST_BLOCK}")
    screen.command("zoom subsection")
    return lambda: screen.press(CELL)[2], lambda: fixed().press(CELL)[2]


def bytes_of_block() -> tuple[Measure, Measure]:
    """Bytes for a block that goes offline and online again, every panel included."""
    screen = child(*MACHINES["4 GiB"])
    screen.command(f"goto {FIRST_BLOCK}")
    screen.command("zoom block")
    return lambda: screen.press("f m")[2], lambda: fixed().press("f m")[2]


def dialog(key: str, column: int) -> tuple[Measure, Measure]:
    """A dialog that opens until it stands there, or its bytes: against an empty one."""
    screen = child(*MACHINES["4 GiB"])
    return lambda: screen.press(f"{key} " * 5)[column], lambda: fixed().press("? " * 5)[column]


def pieces(key: str, many: int, few: int) -> tuple[Measure, Measure]:
    """A key on a device of so many fragments, until all panels have followed."""

    def measure(number: int) -> Measure:
        screen = child("pieces", str(number))
        screen.command(f"goto block {FIRST + number}")
        screen.command("zoom block")
        return lambda: screen.press(key)[1]

    return measure(many), measure(few)


ROWS = (
    *(
        Row(f"key to map, {machine}, {zoom}", "fixed lines", 1.5,
            partial(key_to_map, machine, zoom))
        for machine in MACHINES
        for zoom in ZOOMS
    ),
    *(
        Row(f"half a page to map, {machine}", "fixed lines", 1.5, partial(scroll_to_map, machine))
        for machine in MACHINES
    ),
    *(
        Row(f"key to all panels, {machine}", "fixed lines", 1 / 60, partial(key_to_end, machine),
            absolute=True)
        for machine in MACHINES
    ),
    *(
        Row(f"{words}, 100,000 fragments", "10,000", 0.03, partial(pieces, keys, 100_000, 10_000),
            rounds=5, absolute=True)
        for words, keys in {"offline a block": "f u " * 3, "by a block": "L H " * 3}.items()
    ),
    *(
        Row(f"{words} opens", "an empty dialog", 2, partial(dialog, key, 1))
        for key, words in DIALOGS.items()
    ),
    Row("bytes of the help that opens", "an empty dialog", 2, partial(dialog, "?", 2), unit="B",
        rounds=3),
    Row("bytes of a command line that opens", "an empty dialog", 0.25, partial(dialog, " :", 2),
        unit="B", rounds=3),
    Row("bytes of a cursor key", "a whole screen", 0.25, bytes_of_cursor, unit="B", rounds=3),
    Row("bytes of a changed block", "a whole screen", 0.5, bytes_of_block, unit="B", rounds=3),
)  # fmt: skip
