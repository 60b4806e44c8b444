"""Real machines on the command line: what opens one, and what is refused."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from pfnmap.tui.cli import main
from tests.engine.sysroot.trees import Tree, dimm_tree
from tests.tui.pty_program import Program

LEAVING_THE_SCREEN = b"\x1b[?1049l"
"""What a terminal is sent to show again what it showed before the program."""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return dimm_tree(tmp_path / "root")


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture
def capture(tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    file = tmp_path / "machine.json"
    assert run("capture", "--root", tree.root, "-o", file) == 0
    capsys.readouterr()
    return file


@pytest.mark.parametrize("way", ["--root", "directory", "live", "show", "show-root"])
def test_a_tree_is_opened_in_every_way(
    way: str, tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    ways: dict[str, list[object]] = {
        "--root": ["--root", tree.root],
        "directory": [tree.root],
        "live": ["live", "--root", tree.root],
        "show": ["show", tree.root],
        "show-root": ["show", "--root", tree.root],
    }
    arguments = ways[way]
    assert run(*arguments) == 0
    printed = capsys.readouterr().out
    assert "memory blocks: 1 offline, 9 online" in printed
    assert "33" in printed


def test_a_capture_is_opened_like_the_machine(
    capture: Path, tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show", "--json", capture) == 0
    kept = json.loads(capsys.readouterr().out)
    assert run("show", "--json", tree.root) == 0
    there = json.loads(capsys.readouterr().out)
    assert kept["blocks"] == there["blocks"]
    assert run(capture) == 0
    assert "memory blocks: 1 offline, 9 online" in capsys.readouterr().out


def test_blocks_and_plan_read_the_same_tree(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("blocks", "--root", tree.root) == 0
    assert "offline" in capsys.readouterr().out
    assert run("plan", "--root", tree.root, "-c", "online 33 movable") == 0
    assert "the kernel would do it" in capsys.readouterr().out
    assert run("plan", "--root", tree.root, "-c", "offline 33") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--root", "{root}", "-c", "offline 32"], "pfnmap plan says what commands would do"),
        (["show", "--root", "{root}", "-c", "offline 32"], "see pfnmap plan --help"),
        (["show", "{root}", "--step", "1"], "a real machine has no steps"),
        (["--root", "{root}", "--resume"], "a real machine has none"),
        (["--root", "{root}", "somewhere.hotplug"], "give one of them"),
        (["live", "--interval", "0"], "'0': expected seconds from 0.1 to 86400"),
        (["live", "--interval", "soon"], "'soon': expected seconds"),
        (["live", "--interval", "nan"], "'nan': expected seconds"),
        (["live", "--root", "{root}/nothing"], "nothing"),
        (["live", "--root", "{root}", "--page-size", "5K"], "expected 4K, 16K or 64K"),
        (["{root}/sys"], "sys"),
        (["live", "--via", "no-such-shell"], "no-such-shell: there is no such command"),
        (["blocks", "{root}", "--via", "sh"], "named already; give one of them"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(
    arguments: list[str], message: str, tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*(word.format(root=tree.root) for word in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert message in captured.err
    assert not captured.out


def test_without_the_flag_a_tree_is_opened_for_reading_only(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in tree.root.rglob("*") if path.is_file()}
    for path in before:
        path.chmod(0o444)
    for words in (["live"], ["blocks"], ["show"], ["plan", "-c", "online 33"]):
        assert run(words[0], "--root", tree.root, *words[1:]) == 0
    assert {path: path.read_bytes() for path in before} == before


def test_the_screen_follows_a_real_tree(tree: Tree, tmp_path: Path) -> None:
    """The real program: a block that goes offline is seen without a key."""
    with Program("live", "--root", str(tree.root), "--interval", "0.1", home=tmp_path) as program:
        program.wait_for("step 0/0")
        tree.write("sys/devices/system/memory/memory32/state", "offline\n")
        program.wait_for("step 1/1")
        program.send("b")
        program.wait_for("what if")
        program.send("q")
        assert program.end() == 0


def try_something(program: Program) -> None:
    """Branch into a simulation of the machine that is shown, and online a block there."""
    program.wait_for("not there:")
    program.send("b")
    program.wait_for("what if")
    program.send(":online 33 movable\r")
    program.wait_for("step 1/1")


def test_what_was_tried_on_a_simulation_of_it_survives_a_kill(tree: Tree, tmp_path: Path) -> None:
    with Program("live", "--root", str(tree.root), home=tmp_path) as program:
        try_something(program)
        program.process.kill()
    with Program("--resume", home=tmp_path) as program:
        program.wait_for("step 1/1")
        program.wait_for("what if")
        program.send("u")
        program.wait_for("step 0/1")
        program.send("q")
        assert program.end() == 0


def test_a_simulation_that_could_not_be_kept_is_said_at_the_end(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "state").touch()  # where the journals' directory would be
    with Program("live", "--root", str(tree.root), home=tmp_path) as program:
        try_something(program)
        program.send("q")
        assert program.end() == 0
    _, _, left = bytes(program.raw).rpartition(LEAVING_THE_SCREEN)
    assert b"the session goes on but is not being kept: " in left


def test_without_a_journal_nothing_of_it_is_kept(tree: Tree, tmp_path: Path) -> None:
    with Program("live", "--no-journal", "--root", str(tree.root), home=tmp_path) as program:
        try_something(program)
        program.send("q")
        assert program.end() == 0
    assert not list(tmp_path.rglob("*.journal"))


@pytest.mark.parametrize(
    "line",
    [
        *("machine ram=1G", "undo", "redo", "seek 1", "save a.hotplug", "write a.txt", "quit"),
        *("help", "diff", "compare profile=4.19", "mark a", "profiles"),
    ],
)
def test_a_plan_is_of_what_a_real_kernel_can_do(
    line: str, tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "--root", tree.root, "-c", line) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"pfnmap: plan: {line.split()[0]}: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("line", ['note "n"', 'title "t"', "pause 1s", "goto block 1", "zoom fit"])
def test_a_plan_says_nothing_of_the_kernel_for_words_to_the_reader(
    line: str, tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "--root", tree.root, "-c", line) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"$ {line}\n\nassumed:\n")


def test_a_plan_does_not_take_a_premise_for_an_act_of_the_kernel(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "--root", tree.root, "-c", "pin 32 kind=movable") == 0
    printed = capsys.readouterr().out
    assert "  assumed for the commands that follow\n" in printed
    assert "kernel would" not in printed


def test_a_plan_checks_claims(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    online = ("plan", "--root", tree.root, "-c", "online 33 movable")
    assert run(*online, "-c", 'note "n"', "-c", "expect ok") == 0
    assert "$ expect ok\n  holds\n" in capsys.readouterr().out
    assert run(*online, "-c", "expect block 33 state=offline") == 1
    printed = capsys.readouterr().out
    assert "expected offline, is online\n  does not hold\n" in printed
    assert run(*online, "-c", "expect block 33 state=offline", "--json") == 1
    claim = json.loads(capsys.readouterr().out)["outcomes"][-1]
    assert "expected offline, is online" in claim["notes"][0]


@pytest.mark.parametrize(
    ("release", "heading", "assumed"),
    [
        ("7.9.44", "Linux 7.9.44, rules of 7.3, on x86_64", True),
        ("6.12.9-arch1", "Linux 6.12.9-arch1 on x86_64", False),
    ],
)
def test_a_newer_kernel_is_not_called_the_one_whose_rules_are_taken(
    release: str, heading: str, assumed: bool, tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.kernel(release, "x86_64")
    assert run("show", tree.root) == 0
    assert heading in capsys.readouterr().out.splitlines()
    assert run("plan", "--root", tree.root, "-c", "offline 32") == 0
    said = f"Linux {release} is taken to follow the rules of 7.3"
    assert (said in capsys.readouterr().out) is assumed


@pytest.mark.parametrize("command", ["blocks", "plan"])
def test_what_is_no_machine_is_said_to_be_none(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("-c", "offline 1") if command == "plan" else ()
    absent, pipe = tmp_path / "absent", tmp_path / "pipe"
    os.mkfifo(pipe)
    assert run(command, absent, *more) == 2
    assert "absent: there is no such directory or file; name" in capsys.readouterr().err
    assert run(command, pipe, *more) == 2
    assert "pipe: this is neither a directory nor a file; name" in capsys.readouterr().err


def test_a_capture_of_one_block_is_counted_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Tree(tmp_path / "small")
    small.blocks(0, 0, zones="DMA32")
    assert run("capture", "--root", small.root, "-o", tmp_path / "small.json") == 0
    assert ": 1 memory block in " in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run"], ["check"], ["export", "-o", "x.svg"]])
def test_what_was_read_of_a_machine_is_no_scenario(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "dump.txt"
    dump.write_text("/sys/devices/system/memory/memory3/state:online\n")
    assert run(words[0], dump, *words[1:]) == 2
    said = capsys.readouterr().err
    assert "this is a capture of a machine" in said and "`pfnmap plan FILE" in said


def test_the_screen_follows_a_tree_through_a_shell_that_ends_with_it(
    tree: Tree, tmp_path: Path
) -> None:
    """Also while an answer is waited for: nobody waits for what goes on there."""
    numbers = tmp_path / "numbers"
    shell = f"sh -c 'echo $$ >> {numbers}; exec sh'"
    arguments = ("live", "--via", shell, "--root", str(tree.root), "--interval", "0.1")
    for ending in ("q", "SIGKILL"):
        with Program(*arguments, home=tmp_path) as program:
            program.wait_for("step 0/0")
            word = "offline" if ending == "q" else "online"
            tree.write("sys/devices/system/memory/memory32/state", f"{word}\n")
            program.wait_for("step 1/1")
            if ending == "q":
                (tree.root / "proc").mkdir(exist_ok=True)
                os.mkfifo(tree.root / "proc/zoneinfo")  # grep waits for somebody to write
                program.send("q")
                assert program.end() == 0
            else:
                program.process.send_signal(signal.SIGKILL)
                program.end()
        (tree.root / "proc/zoneinfo").unlink(missing_ok=True)
        for number in numbers.read_text().split():
            wait_until_gone(int(number))


def wait_until_gone(number: int) -> None:
    """Until a process has ended; somebody else may have yet to ask for its status."""
    place = Path(f"/proc/{number}/cmdline")
    with suppress(FileNotFoundError, ProcessLookupError):
        while place.read_bytes():
            pass
