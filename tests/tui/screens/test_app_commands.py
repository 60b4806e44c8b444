"""The ``:`` line: commands, completion, history, messages; files it writes."""

from __future__ import annotations

from pathlib import Path

from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.tui.dialogs.prompt import Prompt
from pfnmap.tui.dialogs.reader import Reader
from tests.tui.stage import DIMM, stage

BLOCK = 32768


async def test_a_command_reaches_the_machine() -> None:
    async with stage() as on:
        await on.command("add dimm7 256M")
        await on.command("online dimm7[1] movable")
        block = on.session.view.block(33)
        assert block is not None
        assert block.zone.label == "Movable"


async def test_a_wrong_line_stays_with_the_parsers_own_message() -> None:
    async with stage() as on:
        await on.command("onlin 33")
        assert isinstance(on.app.screen, Prompt)
        assert 'there is no verb "onlin"; did you mean online?' in on.text
        assert on.app.screen.line.value == "onlin 33"


async def test_the_cursor_goes_to_the_wrong_column() -> None:
    async with stage() as on:
        await on.command("add dimm0 12")
        assert isinstance(on.app.screen, Prompt)
        assert on.app.screen.line.cursor_position == 10


async def test_what_the_machine_cannot_mean_is_said() -> None:
    async with stage() as on:
        await on.command("device-del nothing")
        assert "nothing: there is no ZONE_DEVICE memory of that name" in on.text
        assert on.session.position == 0


async def test_tab_completes_and_shows_what_may_follow() -> None:
    async with stage(*DIMM) as on:
        await on.keys(":")
        await on.type("offl", "tab")
        await on.type("d", "tab", "enter")
        assert on.last.command.text == "offline dimm0"
        await on.keys(":")
        await on.type("set online_policy=")
        assert "online_policy=contig-zones  online_policy=auto-movable" in on.text


async def test_history_goes_up_and_down_and_keeps_what_was_typed() -> None:
    async with stage() as on:
        await on.command("note one")
        await on.command("note two")
        await on.keys(":")
        await on.type("half")
        prompt = on.app.screen
        assert isinstance(prompt, Prompt)
        await on.keys("up", "up")
        assert prompt.line.value == "note one"
        await on.keys("up")
        assert prompt.line.value == "note one"
        await on.keys("down", "down")
        assert prompt.line.value == "half"
        await on.keys("ctrl+u")
        assert prompt.line.value == ""


GOTO = [
    ("goto block 33", 33 * BLOCK),
    ("goto block dimm0[1]", 33 * BLOCK),
    ("goto 0x100000", 0x100000),
    ("goto 4G", 0x100000),
    ("goto dimm0+7", 0x100007),
]


async def test_goto() -> None:
    async with stage(*DIMM) as on:
        for line, pfn in GOTO:
            await on.keys("g")
            await on.command(line)
            assert (line, on.cursor) == (line, pfn)


IMPOSSIBLE = [
    ("goto block 999", "behind the end of memory"),
    ("goto nodev+1", "there is no device 'nodev'"),
    ("seek 9", "there is no step 9"),
    ("undo", "nothing to undo"),
    ("redo", "nothing to redo"),
    ("diff", "nothing has happened yet"),
    ("diff 0 1", "there is no step 1"),
    ("machine ram=2G", "the machine has booted"),
    ("help nonsense", "there is no verb"),
    ("write x.png", "must end in .txt, .svg or .html"),
    ("write /nonexistent/x.txt", "cannot be written: No such file or directory"),
]


async def test_what_cannot_be_done_is_said_in_one_sentence() -> None:
    async with stage() as on:
        for line, message in IMPOSSIBLE:
            assert message not in " ".join(on.text.split())
            await on.command(line)
            assert message in " ".join(on.text.split())
            assert on.session.position == 0
            await on.keys("escape")
            on.app.clear_notifications()


ZOOMED = [
    ("page", "1 cell = 1 pfn"),
    ("subsection", "512 pfns"),
    ("section", "32768 pfns"),
    ("block", "32768 pfns"),
]


async def test_zoom_levels() -> None:
    async with stage() as on:
        for level, cell in ZOOMED:
            await on.command("zoom fit")
            await on.command(f"zoom {level}")
            assert cell in on.text


async def test_notes_and_answers_are_shown() -> None:
    async with stage() as on:
        await on.command('note "the span followed"')
        assert "the span followed" in on.text
        await on.command("cat /sys/devices/system/memory/block_size_bytes")
        assert "8000000" in on.text
        await on.command("profiles")
        assert "memmap-v2" in on.text


async def test_help_for_one_verb_and_for_all() -> None:
    async with stage() as on:
        await on.command("help online")
        assert "example: online dimm0[1] movable" in on.text
        await on.command("help")
        assert isinstance(on.app.screen, Reader)


async def test_diff_between_two_steps_is_a_figure_and_its_counters() -> None:
    async with stage(*DIMM, size=(120, 60)) as on:
        await on.command("diff 0 2")
        assert "from step 0 to step 2" in on.text
        assert "block 32 is online in Movable" in on.text
        assert "+node 0 zone Movable spanned 32768" in on.text


async def test_write_makes_plain_text(tmp_path: Path) -> None:
    async with stage(*DIMM) as on:
        await on.command(f"write {tmp_path}/frame.txt")
        written = (tmp_path / "frame.txt").read_text()
        assert written.isascii()
        assert "VMMMM" in written
        assert not any(line.endswith(" ") for line in written.splitlines())


async def test_write_makes_a_picture_that_calls_nobody(tmp_path: Path) -> None:
    async with stage(*DIMM) as on:
        await on.command(f"write {tmp_path}/frame.svg")
        picture = (tmp_path / "frame.svg").read_text()
        assert picture.startswith("<svg")
        assert "@font-face" not in picture
        assert picture.count("http") == picture.count('xmlns="http')  # the format's own name


async def test_save_makes_a_scenario_that_does_the_same(tmp_path: Path) -> None:
    async with stage(*DIMM) as on:
        await on.command(f"save {tmp_path}/demo.hotplug")
        scenario = load_scenario(tmp_path / "demo.hotplug")
        assert scenario.start.ram_bytes == 1 << 30
        assert [command.text for command in scenario.commands] == list(DIMM)


async def test_a_refusal_is_a_toast_and_a_line_with_its_reason() -> None:
    async with stage(*DIMM) as on:
        await on.command("online 32")
        flat = " ".join(on.text.split())
        assert "EINVAL from device_online" in flat
        assert "EINVAL (Invalid argument): memory block 32 is online already" in flat


async def test_two_windows_of_a_session_never_share_history() -> None:
    async with stage() as one:
        await one.command("note one")
        async with stage() as two:
            assert two.main.shown.memory.history == ()
