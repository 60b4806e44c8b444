"""The map widget, as text: margins, cells, folds, labels, and how little is sent."""

from __future__ import annotations

from typing import Any

import pytest
from textual.geometry import Region
from textual.strip import Strip

from pfnmap.tui.map import cells
from pfnmap.tui.widgets.pfn_map import PfnMap, margins
from tests.examples import some
from tests.tui.fake_view import dimm_view
from tests.tui.stage import DIMM, Stage, stage


def lines(on: Stage) -> list[str]:
    return [on.main.map.render_line(y).text.rstrip() for y in range(on.main.map.size.height)]


async def test_one_block_a_line_with_its_pfn_its_id_and_its_zone() -> None:
    async with stage(*DIMM, theme="ascii") as on:
        drawn = lines(on)
        assert drawn[0].startswith("- pfn map - 1 cell = 512 pfns = 2 MiB -")
        assert drawn[2] == " 0x8000    1  " + "D" * 45 + " x6, to 6, 768 MiB  DMA32"
        assert drawn[3] == " 0x38000   7  " + "D" * 56 + "V" * 8 + " DMA32"
        hole = f"{'.' * 17} hole 0x40000-0xfffff, 3 GiB "
        assert drawn[4] == " 0x40000   8  " + hole.ljust(64, ".")
        assert drawn[5] == " 0x100000 32 >V" + "M" * 63 + " Movable"
        assert drawn[6] == " 0x108000 33  V" + "o" * 63 + " offline"


async def test_a_block_that_straddles_zones_says_so() -> None:
    async with stage(theme="ascii") as on:
        assert lines(on)[1].endswith(" mixed")


async def test_half_the_columns_show_the_memmap_as_half_a_cell() -> None:
    async with stage(*DIMM, size=(60, 20)) as on:
        await on.keys("G", "H", "H", "k")
        assert " 0x108000 33  ▌·" in on.text
    async with stage(*DIMM, size=(60, 20), theme="ascii") as on:
        await on.keys("G", "H", "H", "k")
        assert " 0x108000 33  4o" in on.text


async def test_the_narrow_map_gives_up_page_numbers_before_cells() -> None:
    view = dimm_view()
    assert margins(view.end_pfn, 32768, 80).pfn == 0
    assert margins(view.end_pfn, 32768, 100).pfn > 0
    assert margins(view.end_pfn, 32768, 60).pfn > 0


async def test_lines_of_many_blocks_say_what_they_hold() -> None:
    async with stage(*DIMM, "online 33", theme="ascii") as on:
        await on.keys("G", "-")
        assert lines(on)[6].endswith(" mixed")
        assert lines(on)[3].endswith(" DMA32")


async def test_selected_lines_are_marked_without_colour() -> None:
    async with stage(*DIMM, theme="ascii") as on:
        await on.keys("j", "v", "j")
        assert [line[13:14] for line in lines(on)[1:5]] == [" ", "|", "|", " "]


async def test_the_cursor_is_seen_without_colour() -> None:
    async with stage(*DIMM, theme="ascii") as on:
        await on.keys("j", "l")
        assert lines(on)[2][14:18] == "D@DD"


@pytest.mark.usefixtures("drawn_at_once")
async def test_only_lines_that_changed_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(*DIMM) as on:
        sent: list[Region] = []
        refresh = PfnMap.refresh

        def watched(self: PfnMap, *regions: Region, **kwargs: bool) -> PfnMap:
            sent.extend(regions or [Region(0, 0, 0, -1)])
            return refresh(self, *regions, **kwargs)

        monkeypatch.setattr(PfnMap, "refresh", watched)
        await on.keys("l")
        assert [region.y for region in sent] == [1]
        sent.clear()
        await on.keys("j")
        assert [region.y for region in sent] == [1, 2]


async def test_unchanged_lines_are_the_same_objects() -> None:
    async with stage(*DIMM) as on:
        before: list[Strip] = on.main.map.render_lines(Region(0, 0, 80, 7))
        await on.keys("l")
        after = on.main.map.render_lines(Region(0, 0, 80, 7))
        same = [a is b for a, b in zip(before, after, strict=True)]
        assert same.count(False) <= 2


@pytest.mark.usefixtures("drawn_at_once")
async def test_lines_that_scroll_are_the_same_objects_and_only_new_ones_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stage(*DIMM) as on:
        await on.keys("+", "+", "+")
        view, height = on.main.map, on.main.map.size.height - 1
        counted: list[int] = []
        grid_of = cells.grid_of

        def watched(*arguments: Any) -> cells.Grid:
            counted.append(len(arguments[1]))
            return grid_of(*arguments)

        monkeypatch.setattr(cells, "grid_of", watched)
        await on.keys("G")
        counted.clear()
        top = on.main.viewport.top_line
        before = view.render_lines(Region(0, 1, 80, height))
        await on.keys("ctrl+u", "ctrl+u", "ctrl+u")
        moved = top - on.main.viewport.top_line
        assert 0 < moved < height
        assert sum(counted) == moved
        after = view.render_lines(Region(0, 1, 80, height))
        same = [a is b for a, b in zip(before, after[moved:], strict=False)]
        assert same.count(False) <= 2  # where the cursor was, and where it is


@pytest.mark.parametrize(("width", "height"), some([(80, 24), (120, 40), (62, 17)]))
async def test_what_was_kept_is_what_would_be_drawn_anew(width: int, height: int) -> None:
    walk = "j ctrl+d G k ctrl+u g + ctrl+d ctrl+d ctrl+u v pagedown H z G pageup z - Z ctrl+d L f u"
    async with stage(*DIMM, size=(width, height)) as on:
        for key in walk.split():
            await on.keys(key)
            shown = on.main.map
            area = Region(0, 0, *shown.size)
            kept = shown.render_lines(area)
            fresh = PfnMap(on.main.paint, shown.view)
            fresh.viewport = shown.viewport
            fresh._before = shown._before
            drawn = fresh.draw(*shown.size)[1:]
            assert [line.text for line in kept[1 : len(drawn) + 1]] == [line.text for line in drawn]
            assert kept[1 : len(drawn) + 1] == drawn, key


async def test_a_folded_hole_begins_like_the_lines_around_it() -> None:
    async with stage(*DIMM, theme="ascii", size=(80, 24)) as on:
        await on.keys("G", "H", "H", "+", "+", "+", "k")
        [fold] = [line for line in lines(on) if " hole " in line]
        assert fold.startswith(" 0x40000   .")


async def test_a_panel_narrower_than_its_cells_is_cut() -> None:
    async with stage(*DIMM, size=(9, 6), from_start=False) as on:
        shown = on.main.map
        drawn = shown.render_lines(Region(0, 0, *shown.size))
        assert {line.cell_length for line in drawn} == {9}
        assert [line.text for line in drawn][1:3] == [" 0x40000 ", " 0x100000"]


async def test_a_click_moves_the_cursor_and_hovering_tells() -> None:
    async with stage(*DIMM) as on:
        await on.pilot.hover("#map", offset=(16, 5))
        await on.pilot.pause()
        assert "block 32 (dimm0)" in on.lines[-2]
        assert on.cursor < 0x8000
        await on.pilot.click("#map", offset=(16, 5))
        await on.pilot.pause()
        assert on.cursor == 0x100000 + 2 * 512


async def test_the_wheel_scrolls() -> None:
    async with stage(*DIMM) as on:
        on.main.map.on_mouse_scroll_down()
        assert on.main.viewport.cursor_line == 3
        on.main.map.on_mouse_scroll_up()
        assert on.main.viewport.cursor_line == 0


async def test_device_memory_without_blocks_is_called_device() -> None:
    lines_of_device = ("device-add pmem0 1G altmap=32M",)
    async with stage(*lines_of_device, machine="machine ram=2G", theme="ascii") as on:
        await on.keys("G")
        device = on.session.state.device_named("pmem0")
        assert device is not None
        first = f" {device.start_pfn:#x} "
        assert device.start_pfn == 0x100000
        drawn = [line for line in lines(on) if line.startswith(" 0x1")]
        assert len(drawn) == 8
        assert all(line.endswith(" Device") for line in drawn)
        for _ in range(4):  # a line of nothing but the device's own memmap
            await on.keys("+")
        await on.command(f"goto pfn {device.start_pfn:#x}")
        [line] = [line for line in lines(on) if line.startswith(first)]
        assert line.endswith(" Device")
