"""Branches, the speed of playing, and faults from the palette."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import FailNext, Ref, Remove, SysfsWrite
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.phases import FAILABLE_PHASES
from pfnmap.engine.session import Session
from pfnmap.tui.dialogs.palette import Palette
from pfnmap.tui.keys.actions import branch_entries
from pfnmap.tui.keys.effects import Entry, Run
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.offered import fault_entries
from pfnmap.tui.keys.shown import shown
from pfnmap.tui.map.viewport import Viewport
from pfnmap.tui.screens.clock import SPEEDS
from tests.tui.stage import DIMM, session_of, stage


def entries(session: Session) -> list[Entry]:
    viewport = Viewport(session.view.extents(), session.view.geometry.block_pages)
    return branch_entries(shown(session, Keymap().by_action, viewport))


# -- branches ----------------------------------------------------------------------------
async def test_without_a_branch_the_key_says_how_to_get_one() -> None:
    async with stage(*DIMM) as on:
        await on.keys("b")
        assert "undo, then do something else" in " ".join(on.text.split())
        assert "another branch" not in on.text


async def test_what_was_undone_can_be_taken_up_again() -> None:
    async with stage(*DIMM) as on:
        await on.keys("u")
        await on.command("online dimm0[0] kernel")
        assert on.lines[0].endswith("step 2/2, 1 branch")
        await on.keys("b")
        assert isinstance(on.app.screen, Palette)
        assert "after step 1: 1 step" in on.text
        assert "online dimm0[0] movable" in on.text
        await on.keys("enter")
        assert on.on_main
        assert on.last.command.text == "online dimm0[0] movable"
        assert on.lines[0].endswith("step 2/2, 1 branch"), "what was there is one now"
        await on.keys("b", "enter")
        assert on.last.command.text == "online dimm0[0] kernel"


async def test_the_list_can_be_left_without_a_change() -> None:
    async with stage(*DIMM) as on:
        await on.keys("u")
        await on.command("note other")
        await on.keys("b", "escape")
        assert on.on_main
        assert on.last.command.text == "note other"


def test_the_branch_left_last_comes_first_and_long_ones_are_cut() -> None:
    session = session_of("note a", "note b", "note c", "note d", "note e")
    session.undo(4)
    for line in ("note x",):
        command = parse_line(line)
        assert command is not None
        session.run(command)
    session.undo(1)
    command = parse_line("note y")
    assert command is not None
    session.run(command)
    first, second = entries(session)
    assert (first.name, first.help) == ("after step 1: 1 step", "note x")
    assert (second.name, second.help) == ("after step 1: 4 steps", "note b; note c; note d; ...")


def test_steps_that_were_never_lines_are_listed_in_normal_form() -> None:
    session = session_of("add dimm0 256M")
    session.run(SysfsWrite("online", "/sys/devices/system/memory/memory32/state"))
    session.undo(1)
    session.run(Remove((Ref(device="dimm0"),)))
    (entry,) = entries(session)
    assert entry.help == "echo online > /sys/devices/system/memory/memory32/state"


# -- playing -----------------------------------------------------------------------------
async def test_playing_goes_faster_and_slower_within_limits() -> None:
    async with stage(*DIMM) as on:
        clock = on.main.clock
        await on.keys(">", ">")
        assert clock.speed == 4.0
        assert "playing at 4 times the speed" in on.text
        await on.keys(*["<"] * 20)
        assert clock.speed == SPEEDS[0]
        assert "as far as it goes" in " ".join(on.text.split())
        await on.keys(*[">"] * 20)
        assert clock.speed == SPEEDS[-1]


async def test_the_speed_shortens_the_pauses_of_the_scenario() -> None:
    async with stage("pause 8s", "note after") as on:
        waits: list[float] = []
        original = on.main.set_timer

        def noted(delay: float, *rest: object, **more: object) -> object:
            waits.append(delay)
            return original(delay, *rest, **more)  # type: ignore[arg-type]

        on.main.set_timer = noted  # type: ignore[method-assign, assignment]
        await on.keys("[", "[", ">", ">", ">")
        await on.keys("space")
        assert waits == [1.0]
        assert on.main.clock.playing
        await on.keys("space")
        assert not on.main.clock.playing


# -- faults ------------------------------------------------------------------------------
def test_every_phase_that_can_fail_is_offered_as_a_line_that_is_right() -> None:
    phases = []
    for entry in fault_entries():
        assert isinstance(entry.effect, Run) and isinstance(entry.effect.command, FailNext)
        assert parse_line(entry.effect.command.text) == entry.effect.command
        phases.append(entry.effect.command.phase)
    assert phases == list(FAILABLE_PHASES)


async def test_a_fault_is_injected_from_the_palette_and_rolled_back() -> None:
    async with stage() as on:
        await on.keys("ctrl+p")
        await on.type("fault arch_add", "enter")
        assert on.on_main
        assert "arch_add_memory" in on.last.command.text
        await on.command("add dimm0 256M")
        assert on.last.errno == "ENOMEM"
        assert on.session.view.block(32) is None


@pytest.mark.parametrize("read_only", [True, False])
async def test_faults_are_for_simulated_machines(read_only: bool) -> None:
    async with stage(read_only=read_only) as on:
        await on.keys("ctrl+p")
        await on.type("fault")
        assert ("arch_add_memory" in on.text) is not read_only
