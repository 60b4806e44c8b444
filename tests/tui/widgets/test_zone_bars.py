"""The zones panel: bars on one scale, counters, what the last step did to them."""

from __future__ import annotations

from pfnmap.engine.session import Session
from pfnmap.tui.map.axis import Axis
from pfnmap.tui.widgets.paint import GAINED, HOLE, LOST, OUT, PRESENT
from pfnmap.tui.widgets.zone_bars import LABEL_WIDTH, bar_codes, shown_zones
from tests.tui.stage import DIMM, session_of, stage


def bars(session: Session, width: int = 60) -> dict[str, list[int]]:
    view, before = session.view, session.before
    axis = Axis(view.extents(), width)
    counts = view.page_counts(axis.edges)
    rows = shown_zones(view, before)
    return {row.zone.label: bar_codes(view, before, row, axis, counts) for row in rows}


def test_a_zone_with_a_gap_shows_its_hole() -> None:
    session = session_of("add dimm0 512M", "online 32", "online 35", "set memmap_on_memory=N")
    normal = bars(session)["Normal"]
    middle = normal[normal.index(PRESENT) :]
    assert HOLE in middle
    assert middle[-1] == PRESENT or OUT in middle


def test_what_a_step_gained_and_lost_is_drawn_in() -> None:
    session = session_of(*DIMM)
    assert set(bars(session)["Movable"]) == {OUT, GAINED}
    session = session_of(*DIMM, "online 33 movable", "offline 33")
    assert set(bars(session)["Movable"]) == {OUT, PRESENT, LOST}


def test_a_zone_that_became_empty_is_still_shown_once() -> None:
    session = session_of(*DIMM, "offline 32")
    assert set(bars(session)["Movable"]) == {OUT, LOST}
    empty = session_of(*DIMM, "offline 32", "set memmap_on_memory=N")
    assert "Movable" not in bars(empty)


def test_boot_zones_are_whole() -> None:
    assert all(HOLE not in codes for codes in bars(session_of()).values())


async def test_counters_stand_under_their_names() -> None:
    async with stage(*DIMM, theme="ascii") as on:
        panel = on.main.zones
        drawn = [panel.render_line(y).text.rstrip() for y in range(panel.size.height)]
        assert drawn[0].startswith("- zones - empty: Normal Device -")
        movable = next(line for line in drawn if " Movable " in line)
        for name, value in (
            ("start_pfn", ">0x100000"),
            ("spanned", ">32768"),
            ("present", ">32768"),
            ("managed", ">32256"),
        ):
            assert drawn[0].index(name) + len(name) == movable.index(value) + len(value)
            movable = movable.replace(value, " " * len(value), 1)


async def test_a_wide_panel_spells_the_difference() -> None:
    async with stage(*DIMM, size=(200, 60)) as on:
        assert "spanned +32768 present +32768 managed +32256" in on.text


async def test_with_little_room_the_zone_that_changed_is_in_sight() -> None:
    async with stage(*DIMM, size=(60, 16)) as on:
        assert any("Movable" in line for line in on.lines[1:5])


async def test_sixteen_nodes_scroll_and_say_so() -> None:
    nodes = " ".join(f"ram{n}=1G" for n in range(1, 16))
    async with stage(machine=f"machine ram=5G nodes=16 {nodes}") as on:
        assert "lines" in on.lines[1]
        assert "node 15" not in on.text
        await on.keys("2", "G")
        assert "node 15" in on.text


async def test_a_zone_that_is_larger_than_its_node_is_drawn_beyond_it() -> None:
    """The span outlived its last memory: the scale has to reach to its end all the same."""
    lines = (
        "add dimm0 384M at=0x140000000 node=1",
        "online 40-42 kernel",
        "offline 42",
        "online 42 movable",
        "offline 42",
        "remove 42",
    )
    machine = "machine ram=2G nodes=2 profile=4.19"
    async with stage(*lines, machine=machine, size=(120, 40)) as on:
        zones = on.main.zones.draw(120, 8)
        normal = next(line.text for line in zones if "Normal" in line.text)
        node = zones[-1].text
        bar = slice(LABEL_WIDTH, 78)
        assert len(normal[bar].rstrip()) > len(node[bar].rstrip())


async def test_scrolling_with_the_wheel_is_not_undone_by_the_next_drawing() -> None:
    nodes = " ".join(f"ram{n}=1G" for n in range(1, 16))
    async with stage(machine=f"machine ram=5G nodes=16 {nodes}") as on:
        zones = on.main.zones
        zones.scroll_lines(7)
        zones.repaint()
        assert zones.first_line == 7
        await on.keys("G")
        assert "node 15" in on.text, "another node is brought into sight again"


async def test_counters_of_petabytes_are_whole_numbers_apart() -> None:
    async with stage(machine="machine ram=2P block=2G nodes=2 ram1=1P", size=(80, 24)) as on:
        shown = on.text
    assert " 549755027456  549755027456  541165092864" in shown
    assert "…" not in shown.split("pfn map")[0]
