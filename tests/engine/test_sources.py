"""What a person names: files, shipped scenarios, recordings; and what is said when it is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.commands import Note
from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import line_of
from pfnmap.engine.sources import named_file, open_source, says_recording, shipped_scenarios
from pfnmap.engine.traces.replay import machine_state, run_step
from pfnmap.engine.traces.trace import ShellStep, load_trace

TRACES = Path(__file__).parent.parent / "traces"


def test_a_name_is_a_file_first_and_a_shipped_scenario_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, shipped = next(iter(shipped_scenarios().items()))
    assert named_file(name) == shipped
    (tmp_path / name).write_text("machine\n")
    assert named_file(name) == Path(name)


@pytest.mark.parametrize(
    "spec", ["layout-table-1g-block", "layout-table-1g-blocks.hotplug", "x/layout-table-1g-bloks"]
)
@pytest.mark.parametrize("find", [named_file, open_source])
def test_the_nearest_name_is_suggested(find: object, spec: str) -> None:
    assert callable(find)
    with pytest.raises(InputError) as caught:
        find(spec)
    assert str(caught.value) == (
        f"{spec}: no such file, and no scenario of that name; did you mean layout-table-1g-blocks?"
    )


def test_without_a_near_name_the_list_is_named() -> None:
    with pytest.raises(InputError, match=r"name; `pfnmap scenarios` lists those there are$"):
        named_file("zzz")


def test_a_name_that_cannot_be_looked_up_is_not_said_to_be_missing() -> None:
    with pytest.raises(InputError, match=r"x: cannot be read: File name too long$"):
        named_file("x" * 4000)
    with pytest.raises(InputError, match=r"^a\\x00b: cannot be read: embedded null byte$"):
        named_file("a\0b")


def test_a_recording_says_so_wherever_it_lies(tmp_path: Path) -> None:
    data = (TRACES / "bad-input.json").read_bytes()
    file = tmp_path / "a"
    for content, is_one in [
        (data, True),
        (b"\xef\xbb\xbf\n  " + data, True),
        (b'# {"format": "hotplug-trace-1"}\nmachine\n', False),
        (b'{"format": "pfnmap-capture-1"}', False),
        (b"", False),
    ]:
        file.write_bytes(content)
        assert says_recording(file) is is_one


# -- the words of recorded steps ---------------------------------------------------------
def test_every_step_of_a_recording_is_told_in_the_command_language() -> None:
    lines = [line_of(o.command) for o in open_source(str(TRACES / "bad-input.json")).outcomes]
    assert lines[:3] == [
        "add a 256M at=0x100000000 node=0",
        "echo bogus > /sys/devices/system/memory/memory32/state",
        "echo offline > /sys/devices/system/memory/memory32/state",
    ]


def test_a_script_of_several_writes_is_told_whole_and_on_one_line() -> None:
    trace = load_trace(TRACES / "bad-input.json")
    state, add = machine_state(trace), trace.steps[0]
    path = "/sys/devices/system/memory/memory32/state"
    script = f"echo online >  {path}\n\necho offline > {path}; echo '\x1b' > /dev/null\n"
    step = ShellStep(log=(), after=trace.boot, command=script)
    outcome = run_step(run_step(state, add).after, step)
    assert line_of(outcome.command) == (
        f"echo online > {path}; echo offline > {path}; echo '\\x1b' > /dev/null"
    )


def test_a_script_that_only_reads_is_a_note_of_what_it_read() -> None:
    notes = [
        outcome.command.words
        for outcome in open_source(str(TRACES / "pmem-raw.json")).outcomes
        if isinstance(outcome.command, Note)
    ]
    assert notes == ["only reads: ls /sys/bus/nd/devices; cat /proc/iomem | grep -i -A3 persist"]


def test_a_shipped_scenario_goes_by_its_name_and_another_by_its_file(tmp_path: Path) -> None:
    name = next(iter(shipped_scenarios()))
    assert open_source(name).title == name
    own = tmp_path / "own.hotplug"
    own.write_text("machine ram=1G\n")
    assert open_source(str(own)).title == str(own)
