"""Scenario files: reading, complaining, writing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.commands import (
    Add,
    Command,
    Expect,
    Interactive,
    Note,
    Offline,
    Online,
    Ref,
    Shell,
    StartMachine,
    Title,
)
from pfnmap.engine.errors import InputError, ParseError, PfnmapError
from pfnmap.engine.kinds import OnlineType
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.machine import Machine
from pfnmap.engine.scenarios.generated import expectations_of
from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import (
    MAX_ERRORS_SHOWN,
    MAX_FILE_BYTES,
    Scenario,
    ScenarioError,
    build_scenario,
    format_scenario,
    load_scenario,
    parse_scenario,
)
from pfnmap.engine.scenarios.shell_script import as_shell
from tests.engine.language import strategies
from tests.examples import examples

EXAMPLE = """\
# The span follows the block.

machine   ram=1024M memmap_on_memory=Y
add dimm0 256MiB      # two blocks
online dimm0[1] movable
echo online_movable > /sys/devices/system/memory/memory32/state
offline dimm0[0]

\texpect zone Movable start=0x108000 spanned=32768
"""

NORMAL = """\
# The span follows the block.

machine ram=1G memmap_on_memory=Y
add dimm0 256M  # two blocks
online dimm0[1] movable
echo online_movable > /sys/devices/system/memory/memory32/state
offline dimm0[0]

expect zone Movable start=0x108000 spanned=32768
"""


# -- reading -----------------------------------------------------------------------------
def test_a_file_becomes_numbered_commands() -> None:
    scenario = parse_scenario(EXAMPLE, "talk.hotplug")
    assert [number for number, _command in scenario.lines] == [3, 4, 5, 6, 7, 9]
    assert scenario.start == StartMachine(1 << 30, params=(("memmap_on_memory", "Y"),))
    assert scenario.commands[0] == Add("dimm0", (256 << 20,))
    assert scenario.commands[1] == Online((Ref(1, 1, "dimm0"),), OnlineType.ONLINE_MOVABLE)
    assert scenario.commands[3] == Offline((Ref(0, 0, "dimm0"),))
    assert scenario.title == "talk"


def test_without_a_machine_line_the_default_machine_is_meant() -> None:
    scenario = parse_scenario('note "x"\n')
    assert scenario.start == StartMachine()
    assert scenario.commands == (Note("x"),)


def test_title_and_notes_may_stand_before_the_machine() -> None:
    scenario = parse_scenario('title "E1"\nnote "x"\nmachine ram=2G\nadd d 128M\n')
    assert scenario.title == "E1"
    assert scenario.start.ram_bytes == 2 << 30
    assert scenario.commands == (Title("E1"), Note("x"), Add("d", (128 << 20,)))


TRANSCRIPT = """machine ram=2G
add d 512M
online d movable
# what a mail shows
root@vm:~# cd /sys/devices/system/memory
root@vm:/sys/devices/system/memory# grep . memory3[23]/state
/sys/devices/system/memory/memory32/state:online
/sys/devices/system/memory/memory33/state:online

root@vm:/sys/devices/system/memory# echo offline > memory99/state
-bash: memory99/state: No such file or directory
root@vm:/sys/devices/system/memory# sudo chmem -d 512M
[  104.224] Fallback order for Node 0: 0
root@vm:/sys/devices/system/memory#
expect block 32-35 state=offline
"""


def test_what_a_transcript_shows_is_claimed_about_the_line_before() -> None:
    scenario = parse_scenario(TRANSCRIPT)
    claims = [format_command(c) for c in scenario.commands if isinstance(c, Expect)]
    states = "/sys/devices/system/memory/memory3{}/state:online"
    assert claims == [
        *(f'expect output "{states.format(n)}"' for n in (2, 3)),
        "expect errno=ENOENT",
        'expect log "Fallback order for Node 0: 0"',
        "expect block 32-35 state=offline",
    ]
    run = run_scenario(scenario)
    assert run.failures == ()
    again = format_scenario(scenario)
    assert format_scenario(parse_scenario(again)) == again
    false = parse_scenario(TRANSCRIPT.replace("memory33/state:online", "memory33/state:offline"))
    assert [failure.line for failure in run_scenario(false).failures] == [8]


@pytest.mark.parametrize("row", ["$ lsmem", "root@vm:~# numactl -H"])
def test_a_command_of_a_transcript_that_is_not_known_is_no_output(row: str) -> None:
    with pytest.raises(ScenarioError, match="2:1: there is no verb"):
        parse_scenario(f"$ cat memory3/state\n{row}")
    with pytest.raises(ScenarioError, match="2:1: there is no verb"):
        parse_scenario("cat memory3/state\nonline_by_hand")  # no transcript: a wrong line


def test_files_that_only_linux_has_are_not_said_to_be_missing() -> None:
    """Neither an errno nor success can be claimed of them."""
    lines = "cat /proc/cmdline\nexpect {0}\necho 3 > /proc/sys/vm/drop_caches\nexpect {0}"
    for claim in ("ok", "errno=ENOENT"):
        run = run_scenario(parse_scenario(lines.format(claim)))
        assert [failure.line for failure in run.failures] == [2, 4]
        assert "not modelled" in run.failures[0].message
    lines = 'grep MemTotal /proc/meminfo\nexpect output "MemTotal:        2015228 kB"'
    assert run_scenario(parse_scenario(f"machine ram=2G\n{lines}")).ok


def test_a_source_is_of_the_whole_file_and_no_step() -> None:
    lines = ('source "a mail, lines 1-2"', "machine ram=1G", 'source "a bug"', "add d 128M")
    scenario = parse_scenario("\n".join((*lines, "expect ok")))
    assert scenario.origins == ("a mail, lines 1-2", "a bug")
    assert [step.number for step in run_scenario(scenario).steps] == [1, 2]
    assert as_shell(scenario)[1:3] == ["# source: a mail, lines 1-2", "# source: a bug"]


@pytest.mark.parametrize("text", ["", "\n", "\n\n# nothing\n", "# no line end"])
def test_an_empty_file_is_a_scenario(text: str) -> None:
    assert parse_scenario(text).lines == ()


def test_line_ends_of_dos_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "dos.hotplug"
    file.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode())
    assert format_scenario(load_scenario(file)) == NORMAL


# -- complaining -------------------------------------------------------------------------
def test_all_wrong_lines_are_reported_together() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario("machine ram=1G\nonlin 34\nadd d 128M\nundo\nmachine\n", "t.hotplug")
    assert str(caught.value).split("\n") == [
        't.hotplug:2:1: there is no verb "onlin"; did you mean online?',
        "t.hotplug:4:1: undo works in a session only; expected a command for a machine",
        "t.hotplug:5:1: there is a second machine (the first is in line 1); "
        "expected one machine line",
    ]
    assert len(caught.value.errors) == 3
    assert (caught.value.line, caught.value.column) == (2, 1)


def test_a_machine_behind_a_command_is_refused() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario("add d 128M\nmachine ram=1G\n", "t")
    assert str(caught.value) == (
        "t:2:1: machine stands behind a command (line 1); expected machine before all other "
        "commands"
    )


def test_at_most_twenty_errors_are_shown() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario("frobnicate\n" * 25, "t")
    shown = str(caught.value).split("\n")
    assert len(shown) == MAX_ERRORS_SHOWN + 1 == 21
    assert shown[-1] == "t: 5 more wrong lines"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"machine\nadd \0 128M\n",
            ":2: this is no text file (it holds a NUL byte); expected a scenario",
        ),
        (b'machine\nnote "\xff"\n', ":2: byte 0xff is not valid UTF-8; expected a file in UTF-8"),
        (b"#" * (MAX_FILE_BYTES + 1), ": the file is too large for a scenario (over 16 MiB)"),
        (
            b"machine\n#" + b"x" * (1 << 20),
            ":2:65537: the line has 1048577 characters; expected at most 65536",
        ),
        (b"a\rb\n", ":1:2: the character U+000D (a control character) is not allowed in a line"),
    ],
    ids=["nul", "utf-8", "large", "long-line", "old-mac"],
)
def test_a_file_that_is_no_scenario(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "bad.hotplug"
    file.write_bytes(data)
    with pytest.raises(PfnmapError) as caught:
        load_scenario(file)
    assert str(caught.value) == f"{file}{message}"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(tmp_path / "none.hotplug")
    assert str(caught.value) == (
        f"{tmp_path}/none.hotplug: the scenario cannot be read: No such file or directory"
    )
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_scenario(tmp_path)
    with pytest.raises(InputError, match=r"a\\x00b: the scenario cannot be read"):
        load_scenario("a\0b")


def test_a_hostile_file_name_reaches_no_message_raw(tmp_path: Path) -> None:
    file = tmp_path / "a\x1b[31m\n.hotplug"
    file.write_text("onlin 1\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert str(caught.value).isprintable()


@examples(60)
@given(st.binary(max_size=200))
def test_random_files_raise_nothing_but_our_errors(data: bytes) -> None:
    try:
        parse_scenario(data.decode("utf-8", "surrogateescape"), "f")
    except ParseError as error:
        assert str(error).replace("\n", "").isprintable()


# -- writing -----------------------------------------------------------------------------
def test_the_normal_form_keeps_comments_and_blank_lines() -> None:
    assert format_scenario(parse_scenario(EXAMPLE)) == NORMAL


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        ("\n\n", ""),
        ("  # c  \n\n\n", "# c\n"),
        ("\n\nadd d 1G", "\n\nadd d 1G\n"),
        ("add d 1G#c", "add d 1G  #c\n"),
        ('note "a # b" # c\t \n', 'note "a # b"  # c\n'),
        ("$ cat …/probe # c", "cat /sys/devices/system/memory/probe  # c\n"),
    ],
)
def test_the_normal_form(text: str, normal: str) -> None:
    assert format_scenario(parse_scenario(text)) == normal
    assert format_scenario(parse_scenario(normal)) == normal


_BODY = st.lists(
    strategies.commands.filter(lambda c: not isinstance(c, StartMachine | Interactive)),
    max_size=6,
)


@examples(40)
@given(strategies.machines(), _BODY)
def test_saving_loading_and_saving_again_gives_the_same_bytes(
    start: StartMachine, commands: list[Command]
) -> None:
    saved = format_scenario(build_scenario(start, commands))
    loaded = parse_scenario(saved)
    assert loaded.start == start
    # A shell line that is read knows the folder it is run in; as it was written it does not.
    written = [replace(c, line=c.text) if isinstance(c, Shell) else c for c in loaded.commands]
    assert written == commands
    assert format_scenario(loaded) == saved


def test_a_session_becomes_a_scenario_without_the_session_s_own_commands() -> None:
    scenario = build_scenario(
        StartMachine(1 << 30), [Add("d", (128 << 20,)), Interactive("undo")], title="one DIMM"
    )
    assert format_scenario(scenario) == 'machine ram=1G\ntitle "one DIMM"\nadd d 128M\n'


def test_generated_expectations_hold_and_cover_every_zone_and_block() -> None:
    source = parse_scenario(
        "machine ram=1G nodes=2 memmap_on_memory=Y\nadd d0 512M\nadd d1 256M node=1\n"
        "online d0[1-2] movable\nonline d1 kernel\noffline d0[1]\n"
    )
    machine = Machine.boot(source.start)
    for command in source.commands:
        machine.apply(command)
    saved = build_scenario(source.start, source.commands, claims=expectations_of(machine.view()))
    claims = [c for c in saved.commands if isinstance(c, Expect)]
    lines = [format_command(c) for c in claims]
    populated = [z for z in machine.view().zones if z.present]
    assert sum(claim.what == "zone" for claim in claims) == len(populated)
    assert "expect zone Movable start=0x110000 spanned=32768 present=32768 managed=32256" in lines
    assert any(line.startswith("expect block 36-37 state=online zone=Normal") for line in lines)
    assert lines[-1].startswith("expect total ")
    assert run_scenario(_reloaded(saved)).failures == ()


def test_a_generated_expectation_can_fail() -> None:
    start = StartMachine(1 << 30)
    view = Machine.boot(start).view()
    saved = build_scenario(start, [Add("d", (128 << 20,))], claims=expectations_of(view))
    online = build_scenario(
        start, [Add("d", (128 << 20,)), Online((Ref(device="d"),)), *saved.commands[1:]]
    )
    assert run_scenario(_reloaded(saved)).ok
    assert not run_scenario(_reloaded(online)).ok


def _reloaded(scenario: Scenario) -> Scenario:
    return parse_scenario(format_scenario(scenario), scenario.source)
