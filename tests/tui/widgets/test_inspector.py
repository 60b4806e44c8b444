"""The inspector on the screen: verdicts before the deed."""

from __future__ import annotations

from tests.tui.stage import DIMM, stage


async def test_verdicts_are_those_of_the_machine() -> None:
    async with stage(*DIMM, "pin pfn=0x100300", size=(200, 60)) as on:
        await on.keys("G", "H", "H")
        drawn = " ".join(on.text.split())
        assert "would the kernel" in drawn
        assert "oOm online EINVAL" in drawn
        assert "f offline EBUSY " in drawn and " start_isolate_page_range:" in drawn
        assert on.session.position == 3
