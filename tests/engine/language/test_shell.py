"""Shell lines as people paste them from mails."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import SysfsRead, SysfsWrite
from pfnmap.engine.language import format_command, parse_line

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


def test_what_the_shell_would_do_beyond_a_write_is_refused() -> None:
    for line in (
        "echo a > /x; reboot",
        "echo a > /x && id",
        "echo a | tee /x",
        "echo $(id) > /x",
        'echo "$HOME" > /x',
        "cat < /x",
        "echo a > /x \\",
    ):
        with pytest.raises(Exception, match="is not understood here"):
            parse_line(line)
