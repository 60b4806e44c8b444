"""The one-line parts of the screen: what stays where there is little room."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from pfnmap.engine.outcome import Outcome
from pfnmap.tui.say.told import claim_failures
from pfnmap.tui.widgets import line_panels
from pfnmap.tui.widgets.event_log import _summary
from tests.tui.stage import DIMM, Stage, session_of, stage

LONG = "a recording of a machine whose name goes on and on, as file names do"
FACTS = ("x86_64", "linux-6.12", "memmap_on_memory=Y")


@pytest.mark.parametrize("theme", ["dark", "ascii"])
async def test_a_long_title_is_cut_before_the_profile_goes(theme: str) -> None:
    async with stage(size=(80, 24), theme=theme) as on:
        on.main.title_line.say((LONG, *FACTS), "step 0/21")
        await on.pilot.pause()
        line = on.lines[0]
        sign, dot = ("~", ".") if theme == "ascii" else ("…", "·")
        assert line.startswith(" pfnmap  a recording of a machine")
        assert f"{sign} {dot} x86_64 {dot} linux-6.12 " in line
        assert "memmap" not in line
        assert line.endswith(" step 0/21")


async def test_the_architecture_goes_before_the_profile() -> None:
    async with stage(size=(62, 24)) as on:
        on.main.title_line.say((LONG, "powerpc64le", "linux-6.12-memmap"), "step 0/21")
        await on.pilot.pause()
        assert "… · linux-6.12-memmap " in on.lines[0]
        assert "powerpc64le" not in on.lines[0]
        on.main.title_line.say((LONG, "powerpc64le", "a profile " * 4), "step 0/21")
        await on.pilot.pause()
        assert on.lines[0].startswith(" pfnmap  a recording of a machine")
        assert on.lines[0].endswith("…  step 0/21")


async def test_a_short_title_leaves_room_for_parameters() -> None:
    async with stage(size=(120, 24)) as on:
        on.main.title_line.say(("simulated", *FACTS), "step 0/21")
        await on.pilot.pause()
        assert "  simulated · x86_64 · linux-6.12 · memmap_on_memory=Y " in on.lines[0]


async def test_any_width_holds_the_title() -> None:
    async with stage(size=(90, 6)) as on:
        for width in range(1, 90, 4):
            await on.resize(width, 6)
            on.main.title_line.say((LONG, *FACTS), "step 0/21")
            await on.pilot.pause()
            assert len(on.lines[0]) <= width


async def test_a_simulation_begins_at_boot() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        on.session.seek(0)
        on.main.show_session()
        await on.pilot.pause()
        assert any(line.endswith("at boot") for line in on.lines)


async def test_slow_motion_comes_first_in_the_footer_while_a_phase_is_shown() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        assert not on.lines[-1].startswith(" ;")
        await on.keys(",")
        assert on.session.phase is not None
        first, second = on.lines[-1].split("  ")[:2]
        assert first.split()[0] == ";"
        assert second.split()[0] == ","


CLAIMS = ("expect block 32 state=online", "expect block 32 state=offline", "remove 32", "expect ok")


def _time(on: Stage) -> str:
    return next(line for line in on.lines if line.startswith(" time ")).split()[1]


async def test_a_claim_that_does_not_hold_is_marked_like_a_refusal() -> None:
    async with stage(*DIMM, *CLAIMS, size=(80, 24)) as on:
        assert _time(on) == "●●●×××│"
        done = [s.style for s in on.main.timeline.draw(80, 1)[0] if s.text == "×"]
        assert done == [on.main.paint.roles["refusal"]] * 3
        assert _summary(on.main.shown).endswith("expect ok: does not hold")


async def test_a_claim_still_to_come_is_not_judged() -> None:
    async with stage(*DIMM, *CLAIMS, size=(80, 24)) as on:
        on.session.seek(3)
        on.main.show_session()
        await on.pilot.pause()
        assert _time(on) == "●●●│○×○"


@pytest.mark.usefixtures("drawn_at_once")
async def test_a_claim_is_judged_once_however_often_the_time_line_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged: list[int] = []

    def judge(outcomes: Sequence[Outcome], index: int) -> list[str]:
        judged.append(index)
        return claim_failures(outcomes, index)

    monkeypatch.setattr(line_panels, "claim_failures", judge)
    async with stage(*DIMM, *CLAIMS, size=(80, 24)) as on:
        await on.keys("right", "down", "[", "]")
        for _ in range(3):
            on.main.timeline.repaint()
        assert judged == [2, 3, 5]


async def test_a_claim_of_another_session_is_judged_anew() -> None:
    async with stage(*DIMM, *CLAIMS[:1], size=(80, 24)) as on:
        other = session_of("add dimm0 256M", "set memmap_on_memory=N", *CLAIMS[:1])
        on.main.timeline.show(replace(on.main.shown, outcomes=tuple(other.outcomes), position=3))
        await on.pilot.pause()
        assert _time(on) == "●●×│"


async def test_the_legend_explains_the_marks_that_are_on_the_screen() -> None:
    def legend(on: Stage) -> str:
        return on.main.legend.render_line(0).text

    async with stage(*DIMM, size=(120, 40)) as on:
        assert legend(on).startswith(" █▌ vmemmap ·· offline ▸ changed ▁▁ gone ≈≈ Movable")
        await on.command("offline 33")
        assert "refused" in on.text and "changed" not in legend(on)
    async with stage(*DIMM, "online 33 movable", "offline 32", machine="machine ram=4G") as on:
        assert "▸ changed ▁▁ gone ╌╌ hole in a span" in legend(on)
