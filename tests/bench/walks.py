"""``python -m tests.bench.walks``: how far three things walk through the product.

For a key to its painted cell, a scenario line to a failed claim, and a changed ``state`` file
to a row of ``live``, it counts the product's files that are entered and the crossings: calls
out of one of them into another, whatever library lies between. What is counted is the second
time, when every module is loaded and every cache is as warm as for somebody at work.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import FrameType

from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.themes import load_theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.cli import main as check
from pfnmap.tui.screens.live import Live
from pfnmap.tui.testing import press, settle
from tests.bench.processes import ROOT
from tests.engine.sysroot.trees import dimm_tree

_PRODUCT = tuple(f"/{name}/" for name in ("engine", "themes", "tui"))


class Walk:
    """Files entered, and crossings from file to file."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self.crossings: Counter[tuple[str, str]] = Counter()
        self._known: dict[str, str] = {}

    def _name(self, file: str) -> str:
        """A product file by its path in the repository; empty for any other file."""
        name = self._known.get(file)
        if name is None:
            inside = file.removeprefix(str(ROOT)).removeprefix("/.names/pfnmap")
            product = inside != file and inside.startswith(_PRODUCT)
            name = self._known[file] = inside[1:] if product else ""
        return name

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """What the interpreter calls for every call."""
        if event != "call" or not (name := self._name(frame.f_code.co_filename)):
            return
        self.files[name] += 1
        caller = frame.f_back
        while caller is not None and not self._name(caller.f_code.co_filename):
            caller = caller.f_back
        if caller is not None and (origin := self._name(caller.f_code.co_filename)) != name:
            self.crossings[origin, name] += 1

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is called in here, in every thread that begins in here."""
        threading.setprofile(self.profile)
        sys.setprofile(self.profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def __str__(self) -> str:
        return f"{len(self.files)} files, {self.crossings.total()} crossings"


async def key() -> Walk:
    """``o`` on an offline block, until every panel has followed."""
    session = Session(Machine.boot(parse_line("machine ram=1G")))  # type: ignore[arg-type]
    session.run(parse_line("add dimm0 256M"))  # type: ignore[arg-type]
    app = PfnmapApp(session, load_theme("dark"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "G", "o", "f")
        walk = Walk()
        with walk.counting():
            await press(pilot, "o")
    return walk


async def claim() -> Walk:
    """A scenario of one claim that does not hold, to its words: what ``pfnmap check`` does."""
    walk = Walk()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.hotplug"
        file.write_text("machine ram=1G\nadd dimm0 256M\nexpect block 33 state=online\n")
        for counted in (Walk(), walk):
            with counted.counting(), redirect_stdout(StringIO()):
                assert check(["check", str(file)]) == 1
    return walk


async def reading() -> Walk:
    """A block that somebody takes offline, to its row on the screen."""
    with tempfile.TemporaryDirectory() as folder:
        tree = dimm_tree(Path(folder) / "root")
        session = ObservedHistory(Watcher(tree.root))
        app = PfnmapApp(session, load_theme("dark"))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await settle(pilot)
            live = Live(app.main, session)
            app.main.follow(live)
            walk = Walk()
            for counted, block in ((Walk(), 34), (walk, 32)):
                tree.block(block, "offline", "Normal Movable")
                with counted.counting():
                    assert await live.read()
                    await settle(pilot)
    return walk


def main() -> None:
    """Print the three walks; with an argument also the roads that are gone most."""
    for walk_of in (key, claim, reading):
        walk = asyncio.run(walk_of())
        print(f"{walk_of.__name__}: {walk}")
        if len(sys.argv) > 1:
            for (origin, name), count in walk.crossings.most_common(25):
                print(f"  {count:5} {origin} -> {name}")


if __name__ == "__main__":
    main()
