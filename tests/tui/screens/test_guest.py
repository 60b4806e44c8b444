"""A guest on the main screen, its kernel played by the model: booted, acted on, booted again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pfnmap.engine.guest.history import GuestHistory
from pfnmap.engine.guest.kernels import kernel_named
from pfnmap.engine.guest.scenario import script_of
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.session import Session
from pfnmap.engine.traces.trace import load_trace
from pfnmap.engine.traces.verify import verify_trace
from pfnmap.themes import load_theme
from pfnmap.tui.app import PfnmapApp
from pfnmap.tui.screens.guest import LiveGuest, Plan, begin
from pfnmap.tui.testing import settle
from tests.engine.guest.tools import image
from tests.engine.guest.tools import qemu as qemu  # a fixture
from tests.tui.stage import Stage

MACHINE = "machine ram=1G profile=6.12"


@asynccontextmanager
async def stage(
    text: str = MACHINE, kernel: str = "6.12", size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Stage]:
    script = script_of(parse_scenario(text), "x86_64")
    plan = Plan(
        kernel_named(kernel),
        script.hardware,
        script.scenario.start,
        [command for _, command in script.lines],
    )
    app = PfnmapApp(Session.booted(plan.start), load_theme("dark"), source_title="the model")
    async with app.run_test(size=size, notifications=True) as pilot:
        begin(app.main, plan)
        await settle(pilot)
        yield Stage(app, pilot)
        assert app.main.live is None or isinstance(app.main.live, LiveGuest)
    if app.main.live is not None:
        assert "closed" in str(guest_of(app.main.live.session)._gone()), "ended with the screen"


def guest_of(session: object):  # type: ignore[no-untyped-def]
    assert isinstance(session, GuestHistory)
    return session.guest


async def test_keys_and_words_act_on_the_guest(qemu: Path, tmp_path: Path) -> None:
    async with stage() as on:
        assert "vm 6.12.0-fake (emulation) · x86_64" in on.lines[0]
        assert "has booted under emulation" in on.text
        await on.keys("a", "enter")
        assert "as the model foresaw" in on.text and "blocks 32-33, offline" in on.text
        assert on.main.viewport.cursor_pfn >> 15 == 32, "at what was added"
        await on.keys("m")
        await on.command("offline 32")
        await on.command("pin 33")
        assert "a real kernel places its allocations itself" in " ".join(on.text.split())
        await on.keys("x")
        assert "step 4/4" in on.lines[0] and on.session.view.nr_blocks == 8
        await on.keys("[", "[")
        assert "step 2/4" in on.lines[0] and on.session.view.nr_blocks == 10
        await on.keys("f")
        assert "an earlier reading is shown" in on.text
        await on.keys("]", "]")
        await on.command(f"save {tmp_path}/it.json")
        assert verify_trace(load_trace(tmp_path / "it.json")) == []
        await on.command(f"save {tmp_path}/it.hotplug")
        assert "online 32 movable\n" in (tmp_path / "it.hotplug").read_text()


async def test_undo_offers_to_boot_again_and_what_came_later_waits(qemu: Path) -> None:
    async with stage() as on:
        for line in ("add dimm0 256M", "online 32 movable", "online 33 movable"):
            await on.command(line)
        before = guest_of(on.main.session)
        await on.keys("u")
        assert "a real kernel does not go back" in on.text
        await on.keys("down", "enter")
        assert "step 2/3" in on.lines[0], "only looked at"
        await on.keys("]", "u", "enter")
        await settle(on.pilot)
        assert "step 2/2, 1 to come" in on.lines[0]
        assert "closed" in str(before._gone())
        assert guest_of(on.main.session) is not before
        await on.keys("]")
        row = on.session.view.block(33)
        assert row is not None and row.state == "online"


async def test_a_branch_is_a_simulation_and_one_comes_back_from_it(qemu: Path) -> None:
    async with stage() as on:
        await on.command("add dimm0 256M")
        await on.keys("b")
        assert "what if" in on.lines[0] and not on.session.view.real
        await on.command("remove dimm0")
        assert on.session.view.nr_blocks == 8
        await on.keys("b", "enter")
        assert on.session.view.real and on.session.view.nr_blocks == 10


@pytest.mark.parametrize("played", [False, True])
async def test_a_scenario_is_stepped_through_or_played(qemu: Path, played: bool) -> None:
    text = f"{MACHINE}\nadd dimm0 256M\nonline dimm0 movable\nexpect block 32 zone=Movable\n"
    async with stage(text) as on:
        assert "step 0/0, 3 to come" in on.lines[0]
        assert on.lines[-1].startswith(" ] step  a add  f offline  b branch  + zoom in")
        for _ in range(3):
            if played:
                on.main.on_clock_tick()
            else:
                await on.keys("]")
        await settle(on.pilot)
        assert not on.main.clock.playing
        assert "step 3/3" in on.lines[0] and "to come" not in on.lines[0]
        assert "holds" in on.text and "does not hold" not in on.text


@pytest.mark.parametrize(
    ("plays", "words"),
    [
        (
            {"boot": "dies", "console": ["\x1bc\x1b[?7lKernel panic - not syncing: no"]},
            "] Kernel panic",
        ),
        ({"boot": "has no hotplug"}, "CONFIG_MEMORY_HOTPLUG"),
    ],
)
async def test_what_does_not_boot_is_said_and_the_model_stays(
    qemu: Path, plays: dict[str, object], words: str
) -> None:
    image(qemu / "vmlinuz-6.13", plays, "6.13.0-broken")
    async with stage(kernel="6.13") as on:
        assert words in " ".join(on.text.split())
        assert "the model" in on.lines[0] and on.main.live is None


async def test_a_guest_that_panics_is_said_and_can_be_booted_again(qemu: Path) -> None:
    image(qemu / "vmlinuz-6.13", {"panics at": "memory33/state'"}, "6.13.0-weak")
    async with stage(kernel="6.13", size=(80, 24)) as on:
        await on.command("add dimm0 256M")
        await on.command("offline 33")
        print(on.text, [each.message for each in on.app._notifications])
        assert "Kernel panic - not syncing: asked to" in " ".join(on.text.split())
        await on.keys("u", "enter")
        await settle(on.pilot)
        assert "step 0/0, 1 to come" in on.lines[0] and on.session.view.nr_blocks == 8
