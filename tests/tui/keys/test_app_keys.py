"""Every key of the main screen does what the registry says it does."""

from __future__ import annotations

import asyncio

import pytest
from textual.events import Key
from textual.widgets import Input

from pfnmap.engine.commands import Add, Offline, Online, Remove, SetParam, Shrink
from pfnmap.engine.kinds import OnlineType, ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.tui.dialogs.add_form import AddForm
from pfnmap.tui.dialogs.palette import Palette
from pfnmap.tui.dialogs.prompt import Prompt
from pfnmap.tui.dialogs.reader import Reader
from pfnmap.tui.keys.action_table import ACTIONS
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.testing import settle
from tests.tui.stage import DIMM, Stage, stage

BLOCK = 32768


def phase_and_step(on: Stage) -> tuple[int | None, int]:
    return on.session.phase, on.session.position


def states(on: Stage) -> list[str]:
    """State and zone of the DIMM's blocks."""
    rows = (on.session.view.block(block) for block in (32, 33))
    return ["gone" if row is None else f"{row.state} {row.zone.label}" for row in rows]


# -- memory --------------------------------------------------------------------------------
async def test_a_asks_and_adds_and_goes_there() -> None:
    async with stage() as on:
        await on.keys("a")
        assert isinstance(on.app.screen, AddForm)
        await on.keys("enter")
        command = on.last.command
        assert isinstance(command, Add)
        assert (command.name, command.size_bytes) == ("dimm0", 256 << 20)
        assert on.cursor == 32 * BLOCK


async def test_the_form_remembers_and_gives_the_next_name() -> None:
    async with stage() as on:
        await on.keys("a")
        await on.type("512M", "enter")
        await on.keys("a", "enter")
        command = on.last.command
        assert isinstance(command, Add)
        assert (command.name, command.size_bytes) == ("dimm1", 512 << 20)


async def test_the_form_says_what_is_wrong_and_stays_open() -> None:
    async with stage() as on:
        await on.keys("a")
        await on.type("7x", "enter")
        assert isinstance(on.app.screen, AddForm)
        assert '"7x" is not a size' in on.text
        await on.keys("escape")
        assert on.session.position == 0


async def test_the_form_says_before_what_the_kernel_would_say() -> None:
    async with stage() as on:
        await on.keys("a")
        await on.type("100M")
        assert "would refuse: EINVAL" in on.text


async def test_r_plugs_a_virtio_mem_device_in_and_resizes_it() -> None:
    async with stage() as on:
        await on.keys("r", "enter")
        assert on.last.command == parse_line("virtio-mem vm0 size=4G requested=1G")
        await on.keys("r")
        await on.type("300M", "enter")
        assert on.last.command == parse_line("virtio-mem vm0 requested=300M")
        assert "vm0" in on.text


async def test_the_form_steps_through_memmap_policies() -> None:
    async with stage() as on:
        await on.keys("a", "down", "down", "down", "ctrl+n", "ctrl+n")
        assert "add dimm0 256M memmap=device" in on.text


ONLINE = [
    ("o", OnlineType.ONLINE, "online Normal"),
    ("e", OnlineType.ONLINE, "online Normal"),
    ("O", OnlineType.ONLINE_KERNEL, "online Normal"),
    ("m", OnlineType.ONLINE_MOVABLE, "online Movable"),
]


async def test_online_keys() -> None:
    async with stage("add dimm0 256M") as on:
        for key, online_type, block in ONLINE:
            await on.keys("G", key)
            command = on.last.command
            assert isinstance(command, Online)
            assert command.online_type == online_type
            assert states(on) == ["offline none", block]
            await on.keys("u")


async def test_offline_keys() -> None:
    async with stage(*DIMM) as on:
        for key in ("f", "d"):
            await on.keys("G", "H", "H", key)
            assert isinstance(on.last.command, Offline)
            assert states(on) == ["offline none", "offline none"]
            await on.keys("u")


async def test_x_removes_the_device_under_the_cursor() -> None:
    async with stage("add dimm0 256M") as on:
        await on.keys("G", "x")
        command = on.last.command
        assert isinstance(command, Remove)
        assert command.blocks[0].device == "dimm0"
        assert states(on) == ["gone", "gone"]
        assert on.cursor < 8 * BLOCK


async def test_x_removes_selected_blocks_only() -> None:
    async with stage("add dimm0 256M") as on:
        await on.keys("G", "v", "x")
        assert states(on)[0] == "offline none"
        assert on.last.command.text == "remove 33"


async def test_s_shrinks_the_zone_under_the_cursor() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G", "H", "H", "s")
        command = on.last.command
        assert isinstance(command, Shrink)
        assert (command.zone, command.node) == (ZoneType.MOVABLE, 0)
        assert states(on)[0] == "offline none"


async def test_t_toggles_memmap_on_memory() -> None:
    async with stage() as on:
        await on.keys("t")
        command = on.last.command
        assert isinstance(command, SetParam)
        assert (command.name, command.value) == ("memmap_on_memory", "N")
        await on.keys("t")
        assert dict(on.session.view.params)["memmap_on_memory"] == "Y"


async def test_t_turns_the_knob_of_2019_where_the_kernel_has_it() -> None:
    async with stage("rule vmemmap_knob=yes") as on:
        await on.keys("t")
        assert on.last.command == SetParam("vmemmap_hotplug", "disable")
        assert "vmemmap_hotplug=disable" in on.text


async def test_dot_repeats_at_the_cursor() -> None:
    async with stage("add dimm0 256M") as on:
        await on.keys("G", "H", "H", "m", "L", ".")
        assert states(on) == ["online Movable", "online Movable"]


async def test_dot_repeats_an_add_with_a_fresh_name() -> None:
    async with stage() as on:
        await on.keys("a", "enter", ".")
        command = on.last.command
        assert isinstance(command, Add)
        assert command.name == "dimm1"


async def test_actions_apply_to_the_selection() -> None:
    async with stage("add dimm0 256M") as on:
        await on.keys("G", "H", "H", "v", "L", "m")
        assert on.last.command.text == "online 32-33 movable"
        assert states(on) == ["online Movable", "online Movable"]


# -- time ----------------------------------------------------------------------------------
async def test_undo_and_redo() -> None:
    async with stage(*DIMM) as on:
        await on.keys("u")
        assert states(on)[0] == "offline none"
        await on.keys("ctrl+r")
        assert states(on)[0] == "online Movable"
        await on.keys("[", "[")
        assert on.session.position == 0
        assert states(on) == ["gone", "gone"]
        await on.keys("]")
        assert on.session.position == 1


async def test_a_key_for_a_dialog_that_has_closed_is_none_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tab is on its way through the first line for as long as the others would take."""
    own, gate = Input._on_key, asyncio.Event()

    async def slow(line: Input, event: Key) -> None:
        if event.key == "tab":
            await gate.wait()
        await own(line, event)

    monkeypatch.setattr(Input, "_on_key", slow)
    async with stage(*DIMM) as on:
        for key in ("colon", "tab", "escape", "colon", "n"):
            on.app.post_message(Key(key, {"colon": ":", "n": "n"}.get(key)))
        for _ in range(500):
            await asyncio.sleep(0)
        gate.set()
        await settle(on.pilot)
        await settle(on.pilot)
        assert isinstance(on.app.screen, Prompt)
        assert on.app.screen.line.value == "n"


async def test_undo_of_a_refusal_says_what_was_undone() -> None:
    async with stage(*DIMM, "online dimm0[0]") as on:
        assert on.last.errno == "EINVAL"
        await on.keys("u")
        assert on.session.position == 2
        assert "undone: online dimm0[0], which EINVAL had kept from changing" in on.text


async def test_where_there_is_nothing_nothing_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pfnmap.tui.screens.main.panel_text", lambda _: " \n ")
    async with stage() as on:
        await on.keys("y")
        assert "there is nothing to copy here" in on.text
        assert not on.app.clipboard


async def test_undo_at_boot_says_so() -> None:
    async with stage() as on:
        await on.keys("u")
        assert "nothing to undo" in on.text


async def test_slow_motion_goes_through_the_phases_and_back() -> None:
    async with stage(*DIMM) as on:
        await on.keys("u", ";")
        assert on.session.phase == 1
        assert "phase 1 of 8" in on.text
        await on.keys(";", ";", ";", ",")
        assert on.session.phase == 3
        await on.keys("[")
        assert phase_and_step(on) == (None, 1)


async def test_seek_asks_for_a_step() -> None:
    async with stage(*DIMM) as on:
        await on.keys("S")
        await on.type("1", "enter")
        assert on.session.position == 1
        await on.keys("S")
        await on.type("9", "enter")
        assert "there is no step 9" in on.text
        assert on.session.position == 1


async def test_space_plays_and_pauses() -> None:
    async with stage(*DIMM) as on:
        await on.keys("[", "[", "space")
        assert on.session.position == 1
        assert on.main.clock.playing
        await on.keys("space")
        assert not on.main.clock.playing
        await on.keys("space")
        assert on.session.position == 2
        assert not on.main.clock.playing


# -- the cursor ----------------------------------------------------------------------------
MOTIONS = [
    (("l",), 512),
    (("right", "right", "h"), 512),
    (("j",), BLOCK),
    (("down", "j", "k"), BLOCK),
    (("j", "up"), 0),
    (("l", "left"), 0),
    (("$",), BLOCK - 512),
    (("end", "0"), 0),
    (("j", "l", "home"), BLOCK),
    (("L",), BLOCK),
    (("L", "L", "H"), BLOCK),
    (("}",), 0x1000),
    (("}", "}", "{"), 0x1000),
    (("G",), 34 * BLOCK - 1),
    (("G", "g"), 0),
    (("ctrl+d", "ctrl+u"), 0),
    (("pagedown", "pageup"), 0),
    (("pagedown",), 33 * BLOCK),
]


async def test_motions() -> None:
    async with stage(*DIMM) as on:
        for keys, pfn in MOTIONS:
            await on.keys("g", *keys)
            assert (keys, on.cursor) == (keys, pfn)
            assert on.session.position == 2


async def test_w_goes_to_the_struct_page() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G", "w")
        assert on.cursor == 33 * BLOCK + 511
        await on.keys("w", "w", "w")
        assert "holds its own struct page" in on.text


# -- the window ----------------------------------------------------------------------------
async def test_zoom_keys() -> None:
    async with stage(*DIMM) as on:
        await on.keys("+")
        assert "1 cell = 256 pfns = 1 MiB" in on.text
        await on.keys("-", "-")
        assert "1 cell = 1024 pfns = 4 MiB" in on.text
        await on.keys(*["="] * 10)
        assert "1 cell = 1 pfn = 4 KiB" in on.text
        await on.keys("Z")
        assert on.main.viewport.rows.nr_lines <= on.main.viewport.nr_rows


async def test_z_unfolds_holes() -> None:
    async with stage(*DIMM) as on:
        assert "hole 0x40000" in on.text
        await on.keys("z")
        assert "hole 0x40000" not in on.text
        await on.keys("z")
        assert "hole 0x40000" in on.text


async def test_v_and_escape() -> None:
    async with stage(*DIMM) as on:
        await on.keys("v", "L")
        assert "selected 2 blocks" in on.text
        await on.keys("escape")
        assert on.main.viewport.selection is None
        await on.keys("v", "v")
        assert on.main.viewport.selection is None


async def test_panels_are_focused_hidden_and_shown_by_number() -> None:
    async with stage(*DIMM) as on:
        assert on.main.map.has_focus
        await on.keys("4")
        assert on.main.events.has_focus
        await on.keys("4")
        assert not on.main.events.display
        await on.keys("4")
        assert on.main.events.display
        await on.keys("5")
        assert not on.main.legend.display
        await on.keys("3")
        assert on.main.blocks.has_focus
        assert "2 offline" not in on.text
        await on.keys("6", "6", "2", "2", "1")
        shown = [panel.id for panel in on.main.panels if panel.display]
        assert not {"inspector", "zones", "map"} & set(shown)


async def test_tab_goes_round_the_panels() -> None:
    async with stage(*DIMM) as on:
        seen = []
        for _ in range(4):
            await on.keys("tab")
            assert on.main.focused is not None
            seen.append(on.main.focused.id)
        assert seen == ["figure", "inspector", "events", "map"]
        await on.keys("shift+tab")
        assert on.main.events.has_focus


@pytest.mark.usefixtures("drawn_at_once")
async def test_vertical_motions_scroll_the_focused_panel() -> None:
    async with stage(*DIMM, size=(80, 24)) as on:
        await on.keys("4")
        last, cursor = on.main.events.first_line, on.cursor
        await on.keys("k", "k")
        assert on.main.events.first_line == last - 2
        assert on.cursor == cursor
        await on.keys("g")
        assert on.main.events.first_line == 0
        await on.keys("G")
        assert on.main.events.first_line == last


async def test_the_block_list_moves_the_cursor_of_the_map() -> None:
    async with stage(*DIMM) as on:
        await on.keys("3", "G")
        assert on.cursor == 33 * BLOCK
        await on.keys("k")
        assert on.cursor == 32 * BLOCK


async def test_m_maximises_the_focused_panel() -> None:
    async with stage(*DIMM) as on:
        await on.keys("4", "M")
        assert on.main.events.size.height > 30
        assert not on.main.map.display
        await on.keys("M")
        assert on.main.map.display


# -- finding, dialogs ------------------------------------------------------------------------
async def test_find_and_next_and_previous() -> None:
    async with stage(*DIMM, "add dimm1 128M") as on:
        await on.keys("/")
        await on.type("offline", "enter")
        assert on.cursor == 33 * BLOCK + 512
        await on.keys("n")
        assert on.cursor == 34 * BLOCK + 512
        await on.keys("N")
        assert on.cursor == 33 * BLOCK + 512


async def test_a_search_for_nothing_keeps_what_was_typed() -> None:
    async with stage() as on:
        await on.keys("n")
        assert "nothing has been searched for" in on.text
        await on.keys("/")
        await on.type("block 99", "enter")
        assert "there is no memory block 99" in on.text
        assert isinstance(on.app.screen, Prompt)


async def test_help_holds_the_topics_and_finds_words() -> None:
    async with stage() as on:
        for key in ("?", "f1"):
            await on.keys(key)
            assert isinstance(on.app.screen, Reader)
            assert "hot-add a DIMM" in on.text
            await on.keys("q")
            assert on.on_main
        await on.keys("?", "/")
        await on.type("kpageflags", "enter")
        assert "As root, `live` also shows what single pages are" in on.text
        reader = on.app.screen
        assert isinstance(reader, Reader)
        await on.keys("g", "/")
        await on.type("MEMMAP", "enter")
        first = reader.pages.first_line
        await on.keys("n")
        assert reader.pages.first_line > first
        await on.keys("/")
        await on.type("no such words", "enter")
        assert "no such words: not in this text" in on.text
        await on.keys("escape", "q")
        assert on.on_main


async def test_a_search_goes_round_and_asks_when_there_was_none() -> None:
    async with stage(*DIMM) as on:
        await on.keys("D", "n")
        await on.type("spanned 32768", "enter", "n", "n", "n")
        assert isinstance(on.app.screen, Reader)
        assert "+node 0 zone Movable spanned 32768" in on.text


async def test_enter_explains_the_cell() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G", "H", "H", "enter")
        assert "Holds struct pages" in on.text
        assert "on_memory, 512 vmemmap pages at its start" in on.text


async def test_diff_shows_what_the_last_step_changed() -> None:
    async with stage(*DIMM, size=(120, 60)) as on:
        await on.keys("D")
        assert "    now   " in on.text and "^^^" in on.text
        assert "+node 0 zone Movable spanned 32768" in on.text
        assert "-blocks offline 2" in on.text


async def test_the_palette_offers_what_applies_and_does_it() -> None:
    async with stage("add dimm0 256M") as on:
        await on.keys("ctrl+p")
        assert isinstance(on.app.screen, Palette)
        await on.type("zoom in", "enter")
        assert on.main.viewport.pages_per_cell == 256
        await on.keys("ctrl+p")
        await on.type("offline")
        assert "Memory: offline" in on.text
        await on.keys("escape", "G", "ctrl+p")
        await on.type("memory: offline")
        assert "Memory: offline" not in on.text


async def test_the_palette_changes_the_theme() -> None:
    async with stage(*DIMM) as on:
        await on.keys("ctrl+p")
        await on.type("theme: ascii", "enter")
        assert on.app.paint.theme.name == "ascii"
        assert on.text.isascii()


# -- the frame, the program ------------------------------------------------------------------
async def test_y_copies_the_focused_panel_as_ascii() -> None:
    async with stage(*DIMM) as on:
        before = on.text
        await on.keys("y")
        copied = on.app.clipboard
        assert copied.isascii()
        assert " 0x100000 32 >V" in copied or "32  V" in copied
        assert before.splitlines()[0] == on.lines[0]
        assert "░" in on.text or "≈" in on.text
        await on.keys("Y")
        assert on.app.clipboard.isascii()
        assert " pfnmap " in on.app.clipboard


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quit(key: str) -> None:
    async with stage() as on:
        await on.keys(key)
        assert on.app.return_value == 0


async def test_ctrl_q_quits_from_a_dialog_too() -> None:
    async with stage() as on:
        await on.keys("a", "ctrl+q")
        assert on.app.return_value == 0


async def test_capital_q_leaves_the_frame() -> None:
    async with stage(*DIMM) as on:
        await on.keys("Q")
        assert on.app.return_value == 0
        assert "dimm0" in on.main.last_frame
        assert len(on.main.last_frame.splitlines()) == 40


async def test_ctrl_c_says_how_to_quit() -> None:
    async with stage() as on:
        await on.keys("ctrl+c")
        assert "press q to quit" in on.text


async def test_redraw_keeps_everything() -> None:
    async with stage(*DIMM) as on:
        before = on.text
        await on.keys("ctrl+l")
        assert on.text == before


# -- all of them -----------------------------------------------------------------------------
async def test_no_key_ends_in_an_error_or_leaves_the_screen_stuck() -> None:
    """Every key on a hole: something happens or something is said."""
    hole = parse_line("goto pfn 0x60000")
    assert hole is not None
    async with stage(*DIMM) as on:
        for key in (key for action in ACTIONS.values() for key in action.keys):
            if key in ("q", "ctrl+q", "Q", "ctrl+z"):
                continue
            on.main.run(hole)
            assert on.cursor == 0x60000
            await on.keys(key, "escape")
            assert on.app.is_running, key
            assert on.app._exception is None, key
            assert on.on_main, key


async def test_the_footer_names_only_keys_that_work_now() -> None:
    async with stage() as on:
        assert "undo" not in on.lines[-1]
        assert "online" not in on.lines[-1]
        await on.keys("a", "enter")
        assert "u undo" in on.lines[-1]
        assert "o online" in on.lines[-1]
        assert "offline" not in on.lines[-1]


async def test_a_key_may_be_moved() -> None:
    async with stage("add dimm0 256M", keymap=Keymap({"mem.online_movable": ["i"]})) as on:
        await on.keys("G", "i")
        assert states(on)[1] == "online Movable"
        await on.keys("u", "m")
        assert states(on)[1] == "offline none"
        await on.keys("?")
        await on.keys("j")
        assert "  i " in on.text


async def test_a_machine_that_is_read_only_is_never_changed() -> None:
    async with stage(*DIMM, read_only=True) as on:
        for key in ("a", "o", "O", "m", "f", "x", "s", "t"):
            await on.keys("G", key)
            assert "read-only" in on.text
        await on.command("offline 32")
        assert on.session.position == 2
        assert len(on.session.outcomes) == 2


async def burst(on: Stage, text: str) -> None:
    """Keys in one go, faster than any dialog opens or closes."""
    names = {"\r": ("enter", None), "\x1b": ("escape", None), " ": ("space", " ")}
    for character in text:
        name, printed = names.get(character) or (textual_key(character), character)
        on.app.post_message(Key(name, printed))
    for _ in range(4):
        await settle(on.pilot)


async def test_keys_typed_ahead_of_a_dialog_reach_it() -> None:
    async with stage() as on:
        await burst(on, "a512M\r")
        command = on.last.command
        assert isinstance(command, Add)
        assert command.size_bytes == 512 << 20
        await burst(on, ":online 32 movable\r")
        assert states(on)[0] == "online Movable"


async def test_keys_typed_behind_a_dialog_reach_the_map() -> None:
    async with stage() as on:
        await burst(on, ":add dimm0 256M\rLo:online 32 kernel\rgj")
        assert states(on) == ["online Normal", "online Normal"]
        assert on.cursor == BLOCK


async def test_keys_typed_ahead_close_a_dialog_once() -> None:
    async with stage() as on:
        await burst(on, ":\r\x1b\r\x1bj")
        assert on.on_main
        assert on.cursor == BLOCK


async def test_a_refused_line_keeps_what_is_typed_behind_it() -> None:
    async with stage() as on:
        await burst(on, ":onlin 3\r2")
        assert isinstance(on.app.screen, Prompt)
        assert "2" in on.app.screen.line.value


# -- a scenario --------------------------------------------------------------------------------
SCENARIO = (
    "add dimm0 256M",
    "goto block 33",
    "pause 250ms",
    'note "now the second block"',
    "online 33",
    "zoom block",
)


async def test_stepping_a_scenario_follows_it() -> None:
    async with stage(*SCENARIO, size=(80, 24)) as on:
        on.session.seek(0)
        on.main.show_session()
        await on.keys("]")
        assert on.main.viewport.shows(32 * BLOCK)
        await on.keys("g", "]")
        assert on.cursor == 33 * BLOCK
        await on.keys("]", "]")
        assert "now the second block" in on.text
        await on.keys("g", "]")
        assert on.main.viewport.shows(33 * BLOCK)
        await on.keys("]")
        assert on.main.viewport.pages_per_cell == BLOCK


async def test_a_pause_of_the_scenario_is_kept() -> None:
    async with stage(*SCENARIO) as on:
        on.session.seek(2)
        clock = on.main.clock
        clock.speed = 1 / 1024  # so that it is not over before it is looked at
        await on.keys("space")
        assert clock._timer is not None
        assert clock._timer._interval == 256
        await on.keys("[")
        assert not clock.playing
