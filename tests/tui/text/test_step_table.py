"""A session as numbers over its steps."""

from __future__ import annotations

from pfnmap.tui.text.step_table import numbers
from tests.engine.tools import booted


def table(machine: str, *lines: str) -> str:
    """The numbers of these commands."""
    run = booted(machine)
    start = run.state
    return "\n".join(numbers(start, list(enumerate(map(run.run, lines), 1)), 72))


def test_memory_runs_out_before_it_is_onlined() -> None:
    assert table(
        "machine ram=1G profile=4.19", "free 4M", "add a 256M", "add b 128M", "online a"
    ) == (
        "step  free  usable  memmap  waiting  remote  command\n"
        "   0  960M    960M      0B       0B      0B  boot\n"
        "   1    4M    960M      0B       0B      0B  free 4M\n"
        "   2    0B    956M      4M       4M      0B  add a 256M\n"
        "   3    0B    956M      4M       4M      0B  ENOMEM add b 128M\n"
        "   4  256M    1.2G      4M       0B      0B  online a"
    )


def test_struct_pages_of_another_node_are_remote() -> None:
    told = table("machine ram=1G nodes=2 profile=6.12", "add a 256M node=1", "online a movable")
    assert told == (
        "step  free 0  free 1  usable  memmap  waiting  remote  command\n"
        "   0    960M      0B    960M      0B       0B      0B  boot\n"
        "   1    956M      0B    956M      4M       4M      4M  add a 256M node=1\n"
        "   2    956M      0B    1.2G      4M       0B      4M  online a movable"
    )


def test_what_changes_no_number_is_told_once() -> None:
    told = table("machine ram=1G", *["add a 128M"] * 5).splitlines()
    assert [line.split()[0] for line in told] == ["step", "0", "1", "...", "5"]
