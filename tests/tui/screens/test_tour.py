"""The tour: every step can be done by pressing exactly what it asks for, and nothing breaks it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pfnmap.engine.commands import StartMachine
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.tui.cli import main
from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.keys.action_table import ACTIONS
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.say.words import wrapped
from pfnmap.tui.screens.tour import MACHINE, STEPS, Progress, Step, filled, press_words
from pfnmap.tui.screens.tour_panel import HEIGHT, TourPanel
from pfnmap.tui.testing import settle
from tests.examples import some
from tests.tui.stage import Stage, stage

LAST = len(STEPS) - 1


@asynccontextmanager
async def touring(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Stage, TourPanel]]:
    async with stage(machine=MACHINE, size=size) as on:
        tour = await begun(on)
        yield on, tour


async def begun(on: Stage) -> TourPanel:
    tour = TourPanel(on.app.paint, on.app.keys)
    on.main.begin_tour(tour)
    await settle(on.pilot)
    return tour


async def press(on: Stage, step: Step) -> None:
    """Press exactly what a step asks for."""
    for ask in step.asks:
        if ask.startswith(":"):
            await on.command(ask[1:])
        elif ask.startswith("<"):
            await on.keys(ask.strip("<>"))
        else:
            await on.keys(on.app.keys.keys(ask)[0])


# -- the texts ---------------------------------------------------------------------------
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_a_step_fits_its_panel_and_asks_for_what_exists(step: Step) -> None:
    keymap = Keymap()
    text = filled(step.text, keymap)
    assert "{" not in text
    assert len(wrapped(text, 78)) <= HEIGHT - 2, "three lines at 80 columns"
    assert len("press" + "".join(f"  {word}" for word in press_words(step.asks, keymap))) < 79
    for ask in step.asks:
        assert ask[0] in "<:" or keymap.keys(ask), ask
        if ask.startswith(":"):
            parse_line(ask[1:])


def test_it_can_be_read_in_five_minutes() -> None:
    words = sum(len(step.text.split()) + 3 * len(step.asks) for step in STEPS)
    assert words / 180 < 5, "at 180 words a minute"


def test_a_user_sees_their_own_keys() -> None:
    keymap = Keymap({"mem.online": ["i"], "cursor.last": []})
    assert press_words(("mem.online", "<escape>", "cursor.last"), keymap) == [
        "i",
        "esc",
        f"{ACTIONS['cursor.last'].label} (in the palette)",
    ]


# -- the machine -------------------------------------------------------------------------
def booted() -> Session:
    start = parse_line(MACHINE)
    assert isinstance(start, StartMachine)
    return Session(Machine.boot(start))


@pytest.mark.parametrize("index", range(len(STEPS)))
def test_every_step_can_be_set_up_and_is_not_done_yet(index: int) -> None:
    progress, session = Progress(index=index), booted()
    progress.restage(session)
    assert not progress.look(session, STEPS[index].block)
    assert progress.index == index


def test_what_was_done_before_setting_up_is_a_branch() -> None:
    progress, session = Progress(index=3), booted()
    command = parse_line("add other 256M")
    assert command is not None
    session.run(command)
    progress.restage(session)
    assert [outcome.command.text for outcome in session.outcomes] == ["add dimm0 256M"]
    assert len(session.branches) == 1


# -- on the screen -----------------------------------------------------------------------
@pytest.mark.parametrize(("width", "height"), some([(80, 24), (120, 40)]))
async def test_pressing_what_is_asked_for_leads_to_the_end(width: int, height: int) -> None:
    async with touring((width, height)) as (on, tour):
        for index, step in enumerate(STEPS[:-1]):
            assert tour.progress.index == index
            assert f"{index + 1}/{len(STEPS)} {step.title}" in on.text
            for word in press_words(step.asks, on.app.keys):
                assert word in on.lines[-1]
            await press(on, step)
            assert on.on_main, f"{step.title} leaves a dialog open"
        assert tour.progress.index == LAST
        await press(on, STEPS[-1])
        assert on.main.tour is None
        assert STEPS[-1].title not in on.text
        assert not on.app.return_code


async def test_nothing_is_hidden_under_the_instruction() -> None:
    async with touring((80, 24)) as (on, _):
        assert on.lines[-HEIGHT].startswith(" tour ")
        assert "? help" in on.lines[-HEIGHT - 1]
        await on.resize(120, 40)
        assert on.lines[-HEIGHT].startswith(" tour ")
        assert "? help" in on.lines[-HEIGHT - 1]
        await on.resize(60, 16)
        assert on.lines[-HEIGHT].startswith(" tour ")


async def test_another_way_counts_as_well() -> None:
    async with touring() as (on, tour):
        await on.keys("G")
        await on.keys("enter", "escape")
        await on.command("add mine 256M")
        assert tour.progress.step.title == "online"
        await on.command("online 32")
        assert tour.progress.step.title == "online to Movable"


async def test_a_step_can_be_set_up_anew_after_going_astray() -> None:
    async with touring() as (on, tour):
        for step in STEPS[:4]:
            await press(on, step)
        await on.keys("u", "u", "j", "k", "v", "escape")
        await on.command("set memmap_on_memory=Y")
        await on.keys("R")
        assert [o.command.text for o in on.session.outcomes] == list(STEPS[4].stage)
        await press(on, STEPS[4])
        assert tour.progress.index == 5


async def test_it_can_be_left_at_any_step() -> None:
    async with touring() as (on, tour):
        for index in (0, len(STEPS) // 2, LAST):
            tour.progress.index = index
            await on.keys("R", "T")
            assert on.main.tour is None
            assert "sets this step up anew" not in on.text
            await on.keys("T")
            assert "the tour begins with: pfnmap tour" in " ".join(on.text.split())
            tour = await begun(on)


@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
async def test_wrong_keys_never_break_it(seed: int) -> None:
    chance = random.Random(seed)
    leaving = {"app.quit", "app.quit.keep", "app.suspend", "app.tour"}
    keys = [a.keys[0] for a in ACTIONS.values() if a.keys and a.id not in leaving]
    async with touring() as (on, tour):
        for _ in range(60):
            await on.keys(chance.choice(keys))
            assert on.main.tour is tour
        for _ in range(6):
            if isinstance(on.app.screen, Dialog):
                await on.keys("escape")
        await on.keys("R")
        index = tour.progress.index
        if index < LAST:
            await press(on, tour.progress.step)
            assert tour.progress.index > index


def test_without_a_terminal_the_texts_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour"]) == 0
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert f"{len(STEPS)}. {STEPS[-1].title}" in printed
    assert "   press: a  enter" in printed


async def test_what_to_type_stays_in_sight_while_it_is_typed() -> None:
    async with touring((80, 24)) as (on, _):
        last = on.lines[-1]
        assert last.lstrip().startswith("press")
        await on.keys(":")
        assert on.lines[-1] == last
        assert any(line.lstrip().startswith(":") for line in on.lines)
