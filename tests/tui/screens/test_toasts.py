"""Toasts: one at a time, gone with the next key."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import Offline, Ref
from pfnmap.tui.screens.main import TOAST_SECONDS
from tests.examples import some
from tests.tui.stage import DIMM, Stage, stage


def said(on: Stage) -> list[str]:
    """What lies on top of the map."""
    return [each.message for each in on.app._notifications]


async def test_the_same_complaint_lies_there_once() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        await on.keys("]", "]", "]")
        assert said(on) == ["nothing to redo: this is the last step"]


async def test_nothing_of_those_before_stays_on_the_screen() -> None:
    async with stage(*DIMM) as on:
        await on.keys(*"]" * 4)
        assert len(on.main.query("ToastHolder")) == len(on.main.query("Toast")) == 1
        await on.keys("j")
        assert not on.main.query("ToastRack > *")


async def test_it_does_not_stay_for_long() -> None:
    async with stage(*DIMM) as on:
        await on.keys("]")
        assert [each.timeout for each in on.app._notifications] == [TOAST_SECONDS]
        assert TOAST_SECONDS <= 3


@pytest.mark.parametrize("key", some(["[", "j", ":", "?", "."]))
async def test_the_next_key_removes_it(key: str) -> None:
    async with stage(*DIMM) as on:
        await on.keys("]")
        assert said(on)
        await on.keys(key)
        assert "nothing to redo: this is the last step" not in said(on)


async def test_a_click_removes_it() -> None:
    async with stage(*DIMM) as on:
        await on.keys("]")
        assert said(on)
        await on.pilot.click("#events", offset=(12, 1))
        assert said(on) == []


async def test_a_command_removes_it_and_may_bring_its_own() -> None:
    async with stage(*DIMM) as on:
        await on.keys("]")
        on.main.run(Offline((Ref(0, 0),)))
        await on.pilot.pause()
        assert all("nothing to redo" not in words for words in said(on))


async def test_a_refusal_stands_until_a_key() -> None:
    async with stage(*DIMM, "pin 32") as on:
        await on.command("offline 32")
        assert len(said(on)) == 1
        assert said(on)[0].startswith("E")
        await on.keys("k")
        assert said(on) == []
