"""Work that takes long: said, stopped, and no way around it. Nothing here waits for a clock."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import wait
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.session import Session
from pfnmap.tui.dialogs.compare import CompareScreen
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.screens.background import Job
from pfnmap.tui.testing import settle
from tests.examples import some
from tests.tui.stage import DIMM, Stage, stage

PATIENCE_SECONDS = 60.0
"""How long to wait for a thread before it counts as stuck."""


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Commands do not end before this is set; it is set at the end in any case."""
    opened = threading.Event()
    predict = Session.predict

    def slow(session: Session, command: object) -> object:
        if threading.current_thread() is not threading.main_thread():
            while not opened.is_set():
                opened.wait(0.005)
        return predict(session, command)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "predict", slow)
    yield opened
    opened.set()


@asynccontextmanager
async def impatient(*lines: str) -> AsyncIterator[Stage]:
    """A screen on which all work counts as long."""
    async with stage(*lines) as on:
        on.main.background.patience_seconds = 0.0
        yield on


async def ended(on: Stage, job: Job) -> None:
    """Until a piece of work has ended and its result was taken up."""
    assert wait([job], PATIENCE_SECONDS).done
    on.main.background._look()
    await settle(on.pilot)


def job_of(on: Stage) -> Job:
    job = on.main.background._job
    assert job is not None
    return job


async def test_long_work_is_said_while_the_cursor_still_moves(gate: threading.Event) -> None:
    async with impatient("add dimm0 256M") as on:
        await on.keys("G", "m")
        assert re.search(r"online 33 movable: \d+ s, esc stops it", on.text)
        assert on.session.position == 1
        await on.keys("H", "H")
        assert on.cursor == 32 * 32768
        assert "esc stops it" in on.text
        job = job_of(on)
        gate.set()
        await ended(on, job)
        assert "stops it" not in on.text
        assert on.session.position == 2
        assert on.last.command.text == "online 33 movable"


async def test_escape_stops_it_and_nothing_is_changed(gate: threading.Event) -> None:
    async with impatient("add dimm0 256M") as on:
        await on.keys("G", "v", "m")
        job = job_of(on)
        await on.keys("escape")
        assert not on.main.background.busy
        assert re.search(r"online 33 movable: stopped after \d+ s, nothing was changed", on.text)
        assert on.main.viewport.selection is not None, "the first escape only stops the work"
        gate.set()
        await ended(on, job)
        assert on.session.position == 1, "what the thread found is dropped"
        await on.keys("escape")
        assert on.main.viewport.selection is None


@pytest.mark.parametrize("key", some(["u", "[", ",", "o", "x", "t", "b"], 3))
async def test_what_would_change_the_machine_meanwhile_waits_and_escape_drops_it(
    key: str, gate: threading.Event
) -> None:
    async with impatient(*DIMM) as on:
        await on.command("offline dimm0[0]")
        before = on.session.position, on.session.phase, len(on.session.outcomes)
        await on.keys("G", key, "H")
        assert "esc stops it; what was typed waits" in " ".join(on.text.split())
        assert (on.session.position, on.session.phase, len(on.session.outcomes)) == before
        assert on.on_main
        await on.keys("escape")
        assert not on.main.background.busy
        assert "stopped after" in on.text
        gate.set()
        await on.keys("g", "t")
        assert on.cursor == 0, "keys act at once again"


async def test_what_was_typed_during_long_work_is_done_behind_it_in_order(
    gate: threading.Event,
) -> None:
    async with impatient(*DIMM) as on:
        await on.command("offline dimm0[0]")
        job = job_of(on)
        await on.type(':note "a"')
        await on.keys("enter")
        await on.type('uu:note "b"')
        await on.keys("enter")
        gate.set()
        on.main.background.patience_seconds = PATIENCE_SECONDS
        await ended(on, job)
        while on.app._typed or not on.on_main:
            await settle(on.pilot)
        assert [outcome.command.text for outcome in on.session.outcomes] == [*DIMM, 'note "b"']
        assert [branch.outcomes[-1].command.text for branch in on.session.branches] == ['note "a"']


async def test_a_session_that_has_gone_on_takes_no_late_result(gate: threading.Event) -> None:
    async with impatient(*DIMM) as on:
        await on.command("offline dimm0[0]")
        on.session.undo(1)
        job = job_of(on)
        gate.set()
        await ended(on, job)
        assert "dropped, the session has gone on" in " ".join(on.text.split())
        assert on.session.position == 1


async def test_what_goes_wrong_in_long_work_is_said() -> None:
    async with impatient() as on:
        try:
            on.main.background.do("reading", _wrong, lambda _: None)
        except InputError as error:  # the thread may have been quick
            assert str(error) == "it is not to be read"
            return
        await ended(on, job_of(on))
        assert "it is not to be read" in on.text


def _wrong() -> int:
    raise InputError("it is not to be read")


async def test_an_error_that_nobody_foresaw_is_said_and_the_session_goes_on() -> None:
    opened = threading.Event()

    def broken() -> int:
        opened.wait(PATIENCE_SECONDS)
        raise ValueError("odd\x1b[2J")

    async with impatient() as on:
        on.main.background.do("reading", broken, lambda _: None)
        job = job_of(on)
        opened.set()
        await ended(on, job)
        assert "reading failed: ValueError: odd?[2J" in on.text
        assert not on.main.background.busy


async def test_a_late_result_waits_until_no_dialog_has_the_keys() -> None:
    opened = threading.Event()
    taken: list[int] = []

    def slow() -> int:
        opened.wait(PATIENCE_SECONDS)
        return 7

    async with impatient() as on:
        on.main.background.do("counting", slow, taken.append)
        job = job_of(on)
        await on.keys(":", "o")
        opened.set()
        await ended(on, job)
        assert not taken and on.main.background.busy
        await on.keys("escape")
        await ended(on, job)
        assert taken == [7] and not on.main.background.busy


async def test_without_a_key_the_palette_is_named_and_stops_the_work(
    gate: threading.Event,
) -> None:
    keymap = Keymap({"view.deselect": []})
    async with stage("add dimm0 256M", keymap=keymap) as on:
        on.main.background.patience_seconds = 0.0
        await on.keys("G", "m")
        assert "s, 'drop selection' in the palette stops it" in on.text
        await on.keys("ctrl+p")
        await on.type("drop selection", "enter")
        assert not on.main.background.busy
        assert "nothing was changed" in on.text


async def test_short_work_is_done_at_once_and_raises_what_it_raises() -> None:
    async with stage() as on:
        work = on.main.background
        work.patience_seconds = PATIENCE_SECONDS
        results: list[int] = []
        work.do("counting", lambda: 7, results.append)
        assert results == [7] and not work.busy
        with pytest.raises(InputError, match="it is not to be read"):
            work.do("reading", _wrong, results.append)
        assert not work.busy


async def test_compare_and_save_are_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.hotplug"
    async with stage(*DIMM) as on:
        asked: list[str] = []
        work = on.main.background
        do: Any = work.do

        def noted(what: str, *how: Any) -> None:
            asked.append(what)
            do(what, *how)

        monkeypatch.setattr(work, "do", noted)
        await on.command(f"save {file} expect=yes")
        assert "expect zone Movable" in file.read_text()
        await on.command("compare profile=6.1")
        assert isinstance(on.app.screen, CompareScreen)
        assert asked == ["save x.hotplug", "compare"]
