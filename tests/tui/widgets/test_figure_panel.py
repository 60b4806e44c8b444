"""The figure on the screen: it tells what a step did, and it does not move."""

from __future__ import annotations

import pytest

from pfnmap.engine.language.lines import parse_line
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.moments import moments
from pfnmap.tui.figure.steps import Steps
from tests.tui.stage import DIMM, Stage, session_of, stage

SMALL, USUAL, LARGE = (80, 24), (120, 40), (200, 60)


def figure(on: Stage) -> list[str]:
    """The lines of the panel."""
    panel = on.main.figure
    return [panel.render_line(y).text.rstrip() for y in range(panel.size.height)]


def axis_at(on: Stage) -> int:
    """Which line of the panel is the axis."""
    return next(at for at, line in enumerate(figure(on)) if line.split()[:1] == ["blocks"])


async def test_what_a_step_changed_is_read_at_eighty_columns() -> None:
    """Before and now, the old values and the new, which blocks, and why the span stayed."""
    lines = ("add dimm0 512M memmap=on_memory", "online 32-35 movable", "offline 33")
    async with stage(*lines, theme="ascii", size=SMALL) as on:
        drawn = figure(on)
        before = next(i for i, line in enumerate(drawn) if " 0 Movable " in line)
        assert drawn[before].endswith("131072  131072  129024")
        assert drawn[before + 1].split()[0] == "now"
        assert drawn[before + 1].endswith("131072   98304   96768")
        assert "-----" in drawn[before + 1] and "-----" not in drawn[before]
        assert any("offline 33: block 33 is offline" in line for line in drawn)
        assert "(33 is no edge)" in " ".join(" ".join(drawn).split())


async def test_what_a_zone_lost_leaves_a_mark_that_the_legend_explains() -> None:
    async with stage("add dimm0 256M", "online 32-33 movable", "offline 33", size=USUAL) as on:
        now = next(line for line in figure(on) if line.split()[:1] == ["now"])
        assert "▁▁▁▁" in now.partition("╡")[2]
        assert "▁▁ gone" in on.text


async def test_a_machine_says_at_first_what_it_has() -> None:
    async with stage(machine="machine ram=1G nodes=2 ram1=512M", size=SMALL) as on:
        assert "at boot: node 0 has 1G in DMA, DMA32; node 1 has 512M in DMA32" in on.text


async def test_a_device_that_is_refused_leaves_its_place_empty() -> None:
    async with stage("add dimm0 256M", size=USUAL) as on:
        assert "╳" not in on.text
        await on.command("add dimm1 100M")
        assert "╳╳╳╳" in next(line for line in figure(on) if " 0 no zone " in line)
        assert "╳╳ refused" in on.text
        await on.command("online 32")
        assert "╳" not in on.text


async def test_a_refusal_is_the_sentence() -> None:
    async with stage(*DIMM, "pin 32 kind=unmovable", size=SMALL) as on:
        await on.command("offline 32")
        assert "offline 32: refused: EBUSY" in "\n".join(figure(on))


@pytest.mark.parametrize("size", [SMALL, USUAL, LARGE])
async def test_the_columns_stay_while_a_session_goes_on(size: tuple[int, int]) -> None:
    async with stage(*DIMM, "online 33 movable", "offline 32", size=size) as on:
        heads = set()
        for _ in range(5):
            heads.add(tuple(enumerate(figure(on)))[axis_at(on)])
            await on.keys("[")
        assert len(heads) == 1


async def test_slow_motion_moves_the_figure() -> None:
    async with stage(*DIMM, "offline 32", size=USUAL) as on:
        await on.keys("[")
        seen = set()
        for _ in range(12):
            await on.keys(";")
            seen.add("\n".join(figure(on)))
        assert len(seen) > 5
        assert any("remove_pfn_range_from_zone: " in words for words in seen)


async def test_the_rows_of_the_node_under_the_cursor_come_first() -> None:
    nodes = " ".join(f"ram{n}=1G" for n in range(1, 16))
    async with stage(machine=f"machine ram=5G nodes=16 {nodes}") as on:
        assert "lines" in on.lines[1]
        assert " 15 Normal" not in on.text
        await on.keys("G")
        assert " 15 Normal" in on.text
        await on.keys("g")
        assert " 0 DMA32 " in on.text


async def test_scrolling_is_not_undone_by_the_next_drawing() -> None:
    nodes = " ".join(f"ram{n}=1G" for n in range(1, 16))
    async with stage(machine=f"machine ram=5G nodes=16 {nodes}") as on:
        on.main.figure.scroll_lines(7)
        on.main.figure.repaint()
        assert on.main.figure.first_line == 7


async def test_counters_of_petabytes_are_whole_numbers_apart() -> None:
    async with stage(machine="machine ram=2P block=2G nodes=2 ram1=1P", size=SMALL) as on:
        assert " 549755027456 549755027456 541165092864" in on.text


async def test_the_bill_stands_where_there_is_room() -> None:
    async with stage(*DIMM, size=USUAL) as on:
        assert any(line.startswith(" dimm0 ") and "usable" in line for line in figure(on))
        assert any(line.startswith(" node 0 free now") for line in figure(on))


async def test_the_bill_of_whom_the_step_is_about_comes_first() -> None:
    dimms = [f"add dimm{number} {128 << number}M" for number in range(4)]
    async with stage(*dimms, "online dimm2[0] movable", size=USUAL) as on:
        who = [line.split()[:2] for line in figure(on) if line.startswith((" dimm", " node"))]
        assert who == [["dimm0", "128M,"], ["dimm2", "512M,"], ["node", "0"]]


def test_the_session_is_followed_as_it_is_drawn_anew() -> None:
    """The ground that grows step by step is the one of all steps, also behind an undo."""
    session = session_of()
    steps = Steps(session)
    for line in (*DIMM, "add dimm1 256M", "UNDO", "UNDO", "add dimm2 1G node=0", "online 34"):
        if line == "UNDO":
            session.undo()
        else:
            command = parse_line(line)
            assert command is not None
            session.run(command)
        steps.follow()
        ground, whole = steps.ground, ground_of(moments(session))
        assert ground.edges.tolist() == whole.edges.tolist()
        assert ground.focus.tolist() == whole.focus.tolist()
        assert ground.memory.tolist() == whole.memory.tolist()
        moment = steps.at(session.position)
        assert moment.state is session.state


async def test_memmap_at_the_end_of_a_cell_is_not_drawn_at_its_beginning() -> None:
    async with stage("add dimm0 384M", machine="machine ram=1G", size=USUAL) as on:
        assert "╞══▉╡" in next(line for line in figure(on) if " 0 DMA32 " in line)


@pytest.mark.parametrize("machine", ["machine ram=4G", "machine ram=2G nodes=2 ram1=1G"])
async def test_a_large_dimm_leaves_room_for_its_bill_and_for_what_may_be_done(machine: str) -> None:
    async with stage("add dimm0 64G", machine=machine, size=USUAL) as on:
        assert "would the kernel" in on.text
        assert any(line.startswith(" dimm0 64G, blocks ") for line in figure(on))
