"""Shell lines as people paste them from mails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pfnmap.engine import Machine
from pfnmap.engine.commands import Cd, Shell, StartMachine, SysfsRead, SysfsWrite
from pfnmap.engine.errors import InputError, ParseError
from pfnmap.engine.language.lines import format_command, parse_line, parse_lines
from pfnmap.engine.language.shell import joined_rows, rows_of_loop
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import shell, sysfs
from pfnmap.engine.scenarios.scenario import ScenarioError, parse_scenario

MEMORY = "/sys/devices/system/memory"

WRITES = [
    (
        f"echo online_movable > {MEMORY}/memory34/state",
        "online_movable",
        f"{MEMORY}/memory34/state",
    ),
    (f"echo 0x100000000 > {MEMORY}/probe", "0x100000000", f"{MEMORY}/probe"),
    (f"echo 1 > {MEMORY}/memory33/online", "1", f"{MEMORY}/memory33/online"),
    (f"echo offline > {MEMORY}/auto_online_blocks", "offline", f"{MEMORY}/auto_online_blocks"),
    (f"echo enable >{MEMORY}/vmemmap_hotplug", "enable", f"{MEMORY}/vmemmap_hotplug"),
    ("echo 8 > /proc/sys/vm/nr_hugepages", "8", "/proc/sys/vm/nr_hugepages"),
    (
        "echo auto-movable > /sys/module/memory_hotplug/parameters/online_policy",
        "auto-movable",
        "/sys/module/memory_hotplug/parameters/online_policy",
    ),
    # spellings of the shell
    (f"echo -n online > {MEMORY}/memory34/state", "online", f"{MEMORY}/memory34/state"),
    (f"echo 'online' > \"{MEMORY}/memory34/state\"", "online", f"{MEMORY}/memory34/state"),
    (f"echo online>{MEMORY}/memory34/state", "online", f"{MEMORY}/memory34/state"),
    (f"echo online >> {MEMORY}/memory34/state", "online", f"{MEMORY}/memory34/state"),
    (f"sudo echo online > {MEMORY}/memory34/state", "online", f"{MEMORY}/memory34/state"),
    (f"echo no such word > {MEMORY}/memory34/state", "no such word", f"{MEMORY}/memory34/state"),
    # paths as mails shorten them
    ("echo online > …/memory34/state", "online", f"{MEMORY}/memory34/state"),
    ("echo online > .../system/memory/memory34/state", "online", f"{MEMORY}/memory34/state"),
    ("echo 0x100000000 > …/probe", "0x100000000", f"{MEMORY}/probe"),
    ("echo online > memory34/state", "online", f"{MEMORY}/memory34/state"),
    ("echo 8 > …/nr_hugepages", "8", "/proc/sys/vm/nr_hugepages"),
    (
        "echo 1 > …/hugepages-1048576kB/nr_hugepages",
        "1",
        "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
    ),
    (
        "echo auto-movable > …/parameters/online_policy",
        "auto-movable",
        "/sys/module/memory_hotplug/parameters/online_policy",
    ),
    # a file nobody knows is the machine's to refuse, as long as the path says where it is
    ("echo 1 > /sys/no/such/file", "1", "/sys/no/such/file"),
]


@pytest.mark.parametrize(("line", "word", "path"), WRITES, ids=[w[0] for w in WRITES])
def test_writing(line: str, word: str, path: str) -> None:
    command = SysfsWrite(word, path)
    assert parse_line(line) == command
    assert parse_line(line + "   # why") == command
    assert parse_line(format_command(command)) == command


@pytest.mark.parametrize(
    "prompt",
    [
        "$ ",
        "  $  ",
        "root@test1:~# ",
        "root@test1:/sys/devices/system/memory# ",
        "user@host$ ",
        "[root@vm ~]# ",
        "[me@vm memory]$ ",
        "~ # ",
        "/ # ",
        "/sys/devices/system # ",
    ],
)
def test_a_pasted_prompt_is_dropped(prompt: str) -> None:
    line = f"{prompt}echo online > {MEMORY}/memory34/state"
    assert parse_line(line) == SysfsWrite("online", f"{MEMORY}/memory34/state")
    assert parse_line(f"{prompt}cat /proc/zoneinfo") == SysfsRead(("/proc/zoneinfo",))


def test_a_commented_out_shell_line_stays_a_comment() -> None:
    assert parse_line(f"# echo online > {MEMORY}/memory34/state") is None
    assert parse_line(f"#echo online > {MEMORY}/memory34/state") is None


@pytest.mark.parametrize(
    ("line", "paths", "named"),
    [
        (f"grep . {MEMORY}/memory3?/valid_zones", (f"{MEMORY}/memory3?/valid_zones",), True),
        ("grep . …/memory3?/valid_zones", (f"{MEMORY}/memory3?/valid_zones",), True),
        ("grep . .../memory[34]*/state", (f"{MEMORY}/memory[34]*/state",), True),
        (
            "grep . memory{32,40}/valid_zones",
            (f"{MEMORY}/memory32/valid_zones", f"{MEMORY}/memory40/valid_zones"),
            True,
        ),
        (
            "grep -H '.' …/memory{32..34}/state",
            tuple(f"{MEMORY}/memory{n}/state" for n in (32, 33, 34)),
            True,
        ),
        (
            "cat memory3{1..0}/{state,online}",
            tuple(f"{MEMORY}/memory{n}/{f}" for n in (31, 30) for f in ("state", "online")),
            False,
        ),
        (
            'grep "" memory32/state memory33/state',
            (f"{MEMORY}/memory32/state", f"{MEMORY}/memory33/state"),
            True,
        ),
        ("grep -h . memory32/state", (f"{MEMORY}/memory32/state",), False),
        (f"cat {MEMORY}/block_size_bytes", (f"{MEMORY}/block_size_bytes",), False),
        ("cat /proc/iomem /proc/zoneinfo", ("/proc/iomem", "/proc/zoneinfo"), False),
    ],
)
def test_reading(line: str, paths: tuple[str, ...], named: bool) -> None:
    command = SysfsRead(paths, named)
    assert parse_line(line) == command
    assert parse_line(format_command(command)) == command


def test_what_the_shell_would_do_beyond_that_is_refused() -> None:
    for line in (
        "echo a > /x; reboot",
        "echo a > /x && id",
        "echo a | sort",
        "cat /x | head -1",
        "sudo sh -c 'reboot'",
        "for i in 1 2; do reboot; done",
        "for i in 1 2; do echo $j > /x; done",
        "echo $(id) > /x",
        'echo "$HOME" > /x',
        "cat < /x",
        "echo a > /x &",
        "echo a > /x \\",
        "echo a > /x ; ; echo b > /x",
    ):
        with pytest.raises(ParseError, match="is not understood here"):
            parse_line(line)


STATE = MEMORY + "/memory{}/state"


@pytest.mark.parametrize(
    ("line", "alone"),
    [
        (f"echo online | sudo tee {STATE.format(34)}", f"echo online > {STATE.format(34)}"),
        (f"echo 1 | tee -a {STATE.format(34)} > /dev/null", f"echo 1 > {STATE.format(34)}"),
        (f"sudo tee {STATE.format(34)} <<< online", f"echo online > {STATE.format(34)}"),
        (f"$ sudo -n cat {STATE.format(34)} 2>/dev/null", f"cat {STATE.format(34)}"),
        (f"echo offline 2>&1 >{STATE.format(34)}", f"echo offline > {STATE.format(34)}"),
        (f"echo online > {STATE.format(34)} 2> /dev/null", f"echo online > {STATE.format(34)}"),
        (f"echo 2>{STATE.format(34)}", ""),
        ("grep MemTotal /proc/meminfo", "grep MemTotal /proc/meminfo"),
        ("grep -i huge /proc/meminfo", "grep -i huge /proc/meminfo"),
        ("chmem --enable 1g", "chmem -e 1G"),
        ("sudo chmem -d -b 32-33", "chmem -d -b 32-33"),
        ("chmem -e --zone=Movable 0x100000000-0x107ffffff",
         "chmem -e -z Movable 0x100000000-0x107ffffff"),
        ("root@vm:~# cd /sys/devices/system/node/../memory/", "cd /sys/devices/system/memory"),
    ],
)  # fmt: skip
def test_other_spellings_of_one_command(line: str, alone: str) -> None:
    command = parse_line(line)
    assert command is not None
    assert not isinstance(command, Shell)
    assert format_command(command) == alone or not alone
    assert parse_line(format_command(command)) == command


@pytest.mark.parametrize(
    "line",
    [
        f"sudo sh -c 'echo offline > {STATE.format(33)}'",
        f"echo offline | sudo tee {MEMORY}/memory{{33,34}}/state",
        f"for i in {{33..34}}; do echo offline > {MEMORY}/memory$i/state; done",
        f"for i in $(seq 33 33) ; do sudo sh -c 'echo offline > {STATE.format(33)}' ; done ;",
        f'for f in {MEMORY}/memory3[34]; do echo offline > "${{f}}/state" || break; done',
        f"cd {MEMORY}; for m in memory3[34]; do echo 0 > $m/online; done",
        f"cd {MEMORY}/memory33 && echo offline > state 2>/dev/null",
        f"echo offline | sudo tee {MEMORY}/memory3[34]/state",
        f"bash -c 'cat {STATE.format(33)} && echo offline > {STATE.format(33)}'",
    ],
)
def test_lines_that_do_more_than_one_thing(line: str) -> None:
    machine = Machine.boot(StartMachine(ram_bytes=2 << 30))
    for done in ("add d 512M", "online d movable", line):
        assert machine.run(done).ok, done
    assert machine.view().block(33).state == "offline"  # type: ignore[union-attr]
    command = parse_line(line)
    assert command is not None
    assert parse_line(format_command(command)) == command


@pytest.mark.parametrize(
    ("line", "errno", "said"),
    [
        ("echo online > {0}; echo online > {1}", None, 1),
        ("echo online > {1}; echo online > {0}", "EINVAL", 0),
        ("echo online > {0} && echo online > {1}", "EINVAL", 0),
        ("echo online > {0} || echo online > {1}", None, 1),
        ("echo online > {0} || cat {1} && cat {1}", None, 1),
        ("for i in {0} {1}; do echo online > $i || break; done", None, 1),
        ("for i in {0} {1}; do echo online > $i; done", None, 1),
        ("cat {1} || echo online > {0}", None, 0),
    ],
)
def test_what_a_list_comes_to(line: str, errno: str | None, said: int) -> None:
    """Block 32 is online already, which is EINVAL; the status is that of the last command."""
    machine = Machine.boot(StartMachine(ram_bytes=2 << 30))
    for done in ("add d 256M", "online 32"):
        machine.run(done)
    outcome = machine.run(line.format(STATE.format(32), STATE.format(33)))
    assert outcome.errno == errno
    errors = [text for text in outcome.output if text.startswith("sh: write error: ")]
    assert len(errors) == said


def test_chmem_takes_what_it_can_and_says_where_that_is_less() -> None:
    machine = Machine.boot(StartMachine(ram_bytes=2 << 30))
    for line in ("add d 512M", "online 32 movable", "pin 32"):
        assert machine.run(line).ok
    assert machine.run("chmem -e 256M").ok
    states = [machine.view().block(n).state for n in range(32, 36)]  # type: ignore[union-attr]
    assert states == ["online", "online", "online", "offline"]
    assert machine.run("chmem -d 0x100000000-0x11fffffff").errno == "EBUSY"
    states = [machine.view().block(n).state for n in range(32, 36)]  # type: ignore[union-attr]
    assert states == ["online", "offline", "offline", "offline"]
    assert machine.run("chmem -d 128M").ok  # the kernel's RAM below 2 GiB
    assert machine.run("chmem -d -b 99").errno == "ENOENT"


def test_relative_paths_begin_where_cd_went() -> None:
    pools = "/sys/kernel/mm/hugepages/hugepages-1048576kB"
    with pytest.raises(ParseError, match='"state" is not an absolute path of a known file'):
        parse_line("cat state")
    lines = (f"cd {pools}/..", "echo 1 > hugepages-1048576kB/nr_hugepages", "cd", "cat state")
    commands = [SysfsWrite("1", f"{pools}/nr_hugepages"), Cd("/"), SysfsRead(("/state",))]
    assert list(parse_lines(lines, source="-c"))[1:] == commands
    loop = [*parse_lines((f"cd {MEMORY}/memory3", "cat state; cat online"), source="-c")][1]
    assert loop == Shell(f"cd {MEMORY}/memory3; cat state; cat online")
    assert parse_line(format_command(loop), cwd=f"{MEMORY}/memory3") == loop


@pytest.mark.parametrize("body", ["cd /", "cat memory3/state", "break && cat memory3/state"])
def test_a_loop_in_loops_is_bounded(body: str) -> None:
    line = f"for a in {{1..4000}}; do for b in {{1..4000}}; do {body}; done; done"
    with pytest.raises(InputError, match="for: more than 8192 commands in one line"):
        Machine.boot().run(line)


@pytest.mark.parametrize(
    ("line", "most"),
    [
        # The loop, its words, and what is done for each.
        ("for a in {{1..{0}}}; do cat memory3/state; done", 15),
        ("for a in {{1..{0}}}; do cd /; cat /proc/cmdline; done", 10),
        ("cd /; cd /; for a in {{1..{0}}}; do cat memory3/state; done", 14),
    ],
)
def test_a_line_does_so_many_commands(
    line: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "MAX_COMMANDS", 32)
    machine = Machine.boot()
    assert machine.run(f"cd {MEMORY}; " + line.format(most)).ok
    with pytest.raises(InputError, match="for: more than 32 commands in one line"):
        machine.run(f"cd {MEMORY}; " + line.format(most + 1))


def test_what_a_loop_writes_is_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that follow each other, each into all of its files; what fails is said at its turn."""
    machine = Machine.boot(StartMachine(ram_bytes=1 << 30))
    machine.run("add d 1G")
    written: list[tuple[str, int]] = []

    def write_each(tx: Transaction, word: str, paths: list[str]) -> Iterator[object]:
        written.append((word, len(paths)))
        return at_once(tx, word, paths)

    at_once = sysfs.write_each
    monkeypatch.setattr(sysfs, "write_each", write_each)
    states = STATE.format("$i")
    assert machine.run(f"for i in {{32..39}}; do echo online > {states}; done").ok
    assert written == [("online", 8)]
    assert machine.run(f"for w in offline online; do echo $w > {STATE.format(35)}; done").ok
    assert written[1:] == [("offline", 1), ("online", 1)]
    done = machine.run(f"for w in online offline offline; do echo $w > {STATE.format(35)}; done")
    assert done.errno == "EINVAL"
    assert done.output == ("sh: write error: Invalid argument",)
    assert [machine.view().block(n).state for n in (35, 36)] == ["offline", "online"]  # type: ignore[union-attr]
    assert machine.run(f"for i in 6 7; do echo offline | tee {MEMORY}/memory[3]$i/state; done").ok
    assert written[5:] == [("offline", 1), ("offline", 1)], "a glob is a write by itself"


LOOP = (
    "for i in 32 33",
    "do",
    "  # both",
    "",
    "  echo online_movable | sudo tee \\",
    "    /sys/devices/system/memory/memory$i/state",
    "  sleep 1",
    "done",
)


@pytest.mark.parametrize("prompts", [("", ""), ("root@host:~# ", "> ")])
def test_a_loop_may_have_a_row_for_each_of_its_lines(prompts: tuple[str, str]) -> None:
    rows = [prompts[number > 0] + row for number, row in enumerate(LOOP)]
    assert rows_of_loop([*rows, "offline 32"]) == len(rows)
    single = "for i in 32 33; do echo online_movable | sudo tee "
    single += "/sys/devices/system/memory/memory$i/state; sleep 1; done"
    machines = [Machine.boot(StartMachine(ram_bytes=1 << 30)) for _ in range(2)]
    for machine, line in zip(machines, (joined_rows(rows), single), strict=True):
        assert machine.run("add d 512M").ok
        assert machine.run(line).ok
    assert machines[0].state.blocks == machines[1].state.blocks


def test_a_loop_that_is_never_done_is_its_first_row() -> None:
    assert rows_of_loop(["for i in 32 33; do", "offline 32"]) == 1
    assert rows_of_loop(["for i in 32; do echo online > $i; done", "offline 32"]) == 1
    assert rows_of_loop(['note "for you"', "offline 32"]) == 1


def test_what_is_wrong_in_a_loop_has_its_own_place() -> None:
    text = "machine ram=1G\nfor i in 32 33; do\n  cat /sys/$i\n  reboot now\ndone\n"
    with pytest.raises(ScenarioError, match=r'^file:4:3: the shell.s "reboot"'):
        parse_scenario(text, "file")
