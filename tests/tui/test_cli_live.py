"""Real machines on the command line: what opens one, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.sysroot.trees import Tree
from tests.tui.pty_program import Program
from tui.cli import main


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """4G, blocks 0-31 online, then a DIMM of two blocks of which one is offline."""
    made = Tree(tmp_path / "root")
    made.blocks(0, 7, zones="DMA32")
    made.block(32, "online", "Movable")
    made.block(33, "offline", "Normal Movable")
    return made


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


def test_what_was_tried_on_a_simulation_of_it_survives_a_kill(tree: Tree, tmp_path: Path) -> None:
    with Program("live", "--root", str(tree.root), home=tmp_path) as program:
        program.wait_for("not there:")
        program.send("b")
        program.wait_for("what if")
        program.send(":online 33 movable\r")
        program.wait_for("step 1/1")
        program.process.kill()
    with Program("--resume", home=tmp_path) as program:
        program.wait_for("step 1/1")
        program.wait_for("what if")
        program.send("u")
        program.wait_for("step 0/1")
        program.send("q")
        assert program.end() == 0


def test_without_a_journal_nothing_of_it_is_kept(tree: Tree, tmp_path: Path) -> None:
    with Program("live", "--no-journal", "--root", str(tree.root), home=tmp_path) as program:
        program.wait_for("not there:")
        program.send("b")
        program.wait_for("what if")
        program.send(":online 33 movable\r")
        program.wait_for("step 1/1")
        program.send("q")
        assert program.end() == 0
    assert not list(tmp_path.rglob("*.journal"))
