"""The inspector on the screen: verdicts before the deed."""

from __future__ import annotations

from concurrent.futures import wait

import pytest

from pfnmap.tui.dialogs.reader import Reader
from pfnmap.tui.keys import shown
from pfnmap.tui.screens.frame_text import panel_text
from pfnmap.tui.testing import settle
from tests.tui.stage import DIMM, Stage, stage


def reader_text(on: Stage) -> str:
    reader = on.app.screen
    assert isinstance(reader, Reader)
    return " ".join(panel_text(reader.pages).split())


async def test_verdicts_are_those_of_the_machine() -> None:
    async with stage(*DIMM, "pin pfn=0x100300", size=(200, 60)) as on:
        await on.keys("G", "H", "H")
        drawn = " ".join(on.text.split())
        assert "would the kernel" in drawn
        assert "oOm online EINVAL" in drawn
        assert "f offline EBUSY " in drawn and " start_isolate_page_range:" in drawn
        assert on.session.position == 3


async def test_what_takes_long_to_foresee_is_found_out_behind_the_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shown, "MANY_RUNS", 0)
    async with stage(*DIMM, size=(200, 60)) as on:
        on.main.inspector.later = True
        await on.keys("G", "o")
        assert "x remove …" in " ".join(on.text.split())
        await on.keys("enter")
        assert "x remove ~" in reader_text(on), "nor does the explanation wait for it"
        foresight = on.main._foresight
        foresight._begin(on.main.shown)
        assert foresight._job is not None and wait([foresight._job], 60).done
        await settle(on.pilot)
        assert "x remove would succeed" in reader_text(on)
        await on.keys("escape")
        assert "x remove yes" in " ".join(on.text.split())


async def test_the_first_frame_does_not_wait_until_the_operations_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shown, "is_loaded", lambda _command: False)
    async with stage(*DIMM, size=(200, 60)) as on:
        on.main.inspector.later = True
        await on.keys("G", "o")
        drawn = " ".join(on.text.split())
        assert "f offline …" in drawn and "x remove …" in drawn
        foresight = on.main._foresight
        foresight._begin(on.main.shown)
        assert foresight._job is not None and wait([foresight._job], 60).done
        await settle(on.pilot)
        assert "x remove yes" in " ".join(on.text.split())
