"""A machine at the other end of a shell: here a shell of this machine, and a tree for its root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.engine.sysroot import shell_process
from pfnmap.engine.sysroot.history import ObservedHistory
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.operate import WriteAllowed, write_state
from pfnmap.engine.sysroot.page_files import read_pages
from pfnmap.engine.sysroot.page_kinds import bit
from pfnmap.engine.sysroot.shell_machine import ShellMachine
from pfnmap.engine.sysroot.shell_process import ShellProcess
from pfnmap.engine.sysroot.trees import DirectoryTree
from tests.engine.sysroot.trees import MEMORY, Tree, x86_tree

STATE = f"{MEMORY}/memory34/state"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "a root")


@pytest.fixture
def machine(tree: Tree) -> Iterator[ShellMachine]:
    made = ShellMachine(ShellProcess("sh"), str(tree.root))
    yield made
    made.close()


def stubbed(tmp_path: Path, **scripts: str) -> str:
    """A shell that finds these programs before those of the system."""
    for name, text in scripts.items():
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    return f"env PATH={tmp_path}/bin:{os.environ['PATH']} sh"


# -- reading -----------------------------------------------------------------------------
def test_what_is_read_is_what_the_files_say(tree: Tree, machine: ShellMachine) -> None:
    there, here = Watcher(machine).view, Watcher(tree.root).view
    for name in ("blocks", "zones", "iomem", "masks", "node_ids", "params", "pools", "kernel"):
        assert getattr(there.observation, name) == getattr(here.observation, name), name
    assert there.title.startswith("sh (Linux 6.12.9")


def test_what_has_not_changed_is_not_sent_again(tree: Tree, machine: ShellMachine) -> None:
    session = ObservedHistory(Watcher(machine))
    assert len(machine.line.run(machine._reading).output) < 20
    assert not session.poll()
    tree.block(34, "online", "Movable")
    tree.remove_block(35)
    assert session.poll()
    changes = " ".join(event.text for event in session.outcomes[-1].events)
    assert "memory34 state: offline -> online" in changes
    assert "memory35 state: offline -> absent" in changes


@pytest.mark.parametrize("packer", ["gzip", "none"])
def test_pages_are_those_that_the_files_hold(tree: Tree, tmp_path: Path, packer: str) -> None:
    """Of ranges that begin anywhere, and behind the end of the file; with gzip and without."""
    flags = np.full(34 * 32768 + 3, int(bit("LRU")), "<u8")
    flags[32 * 32768 + 700] = int(bit("BUDDY"))
    tree.write("proc/kpageflags", flags.tobytes())
    tree.write("proc/kpagecount", np.arange(len(flags), dtype="<u8").tobytes())
    without = stubbed(tmp_path, command="exit 1") if packer == "gzip" else "sh"
    machine = ShellMachine(ShellProcess(without), str(tree.root))
    if packer == "none":
        machine.line.run("command() { false; }")
    view = Watcher(tree.root).view
    for low, high in ((32 * 32768 + 600, 33 * 32768), (0, 40 * 32768)):
        there = read_pages(machine, view, (low, high))
        disk = DirectoryTree(tree.root)
        disk.piece_bytes = machine.piece_bytes
        assert there.same_as(read_pages(disk, view, (low, high)))
        assert there.notes == ()
    assert PageState.FREE_MOVABLE in there.states
    machine.close()


def test_pages_that_may_not_be_read_are_said(tree: Tree, machine: ShellMachine) -> None:
    view = Watcher(tree.root).view
    kinds = read_pages(machine, view, (32 * 32768, 33 * 32768))
    assert kinds.notes == ("not there: proc/{kpageflags,kpagecount}",)


# -- writing -----------------------------------------------------------------------------
def test_a_word_is_written_and_nothing_is_made_anew(tree: Tree, machine: ShellMachine) -> None:
    watcher = Watcher(machine)
    done = write_state(watcher, 34, "online_movable", WriteAllowed(34, "online_movable"))
    assert (done.errno, done.agrees) == (None, True)
    assert (tree.root / STATE).read_text() == "online_movable\n"
    assert machine.write(f"{MEMORY}/memory99/state", "online") == "ENOENT"
    assert not (tree.root / MEMORY / "memory99").exists()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("dd: error writing '/sys/x': Device or resource busy", "EBUSY"),
        ("dd: writing '/sys/x': Resource busy", "EBUSY"),
        ("dd: failed to open '/sys/x': Permission denied", "EACCES"),
        ("dd: error writing: Interrupted system call", "EINTR"),
        ("dd: something nobody knows", "EIO"),
    ],
)
def test_the_kernels_refusal_has_its_name(
    tree: Tree, tmp_path: Path, words: str, name: str
) -> None:
    line = ShellProcess(stubbed(tmp_path, dd=f'cat >/dev/null; echo "{words}" >&2; exit 1'))
    assert ShellMachine(line, str(tree.root)).write(STATE, "online") == name
    line.close()


def test_a_machine_without_dd_is_said_to_be_one(tree: Tree, tmp_path: Path) -> None:
    line = ShellProcess(stubbed(tmp_path, dd="exit 127"))
    with pytest.raises(InputError, match="memory34/state cannot be written"):
        ShellMachine(line, str(tree.root)).write(STATE, "online")
    line.close()


# -- what goes wrong ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "no-such-command-at-all x",
            "--via no-such-command-at-all x: no-such-command-at-all: there",
        ),
        ("'", "--via ': no closing quotation"),
        ("", "expected what gives a shell"),
        ("sh -c 'echo Connection refused >&2; exit 255'", "ended with status 255: Connection ref"),
        ("sh -c 'kill -9 $$'", "was ended by SIGKILL"),
        ("sh -c 'printf \"\\033[2J\\377\\n\"; exit 1'", "ended with status 1: ?[2J?"),
    ],
)
def test_what_gives_no_shell_is_said_in_a_sentence(command: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        ShellProcess(command).run("true")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_slow_answer_is_given_up_and_never_taken_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = ShellProcess("sh")
    line.run("true")
    with pytest.raises(InputError, match=r"sh: no answer in 0\.01 s"):
        line.run("sleep 1000", 0.01)
    assert line.run("echo other").output == b"other\n", "a shell of its own"
    monkeypatch.setattr(shell_process, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="more is printed"):
        line.run("yes")
    line.close()
    with pytest.raises(InputError, match="closed"):
        line.run("true")


def test_a_shell_that_dies_is_started_again(tree: Tree, machine: ShellMachine) -> None:
    watcher = Watcher(machine)
    for words in ("exit 3", "kill -9 $$"):
        with pytest.raises(InputError, match=r"sh (ended with status 3|was ended by SIGKILL)"):
            machine.line.run(words)
        assert watcher.poll() is watcher.view, "all is sent again, and nothing has changed"


@pytest.mark.skipif(which("script") is None, reason="script makes a terminal around a shell")
def test_a_shell_on_a_terminal_that_echoes_is_read_all_the_same(tree: Tree) -> None:
    line = ShellProcess("script -qc 'sh -i' /dev/null")
    there = Watcher(ShellMachine(line, str(tree.root))).view
    assert there.block_counts() == Watcher(tree.root).view.block_counts()
    line.close()


def test_what_is_no_machine_with_hotplug_is_said(tmp_path: Path) -> None:
    line = ShellProcess("sh")
    with pytest.raises(InputError, match="sh: no memory blocks: sys/devices/system/memory is not"):
        Watcher(ShellMachine(line, str(tmp_path)))
    line.close()


def test_the_shell_ends_with_the_program_that_is_killed() -> None:
    """Whatever it is doing: it does not read that nobody sends anything any more."""
    busy = "import sys; from pfnmap.engine.sysroot.shell_process import ShellProcess as S;"
    busy += "print(S('sh').run('echo $$').output.decode()); S('sh').run('exec sleep 1000')"
    child = subprocess.Popen([sys.executable, "-uc", busy], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    number = int(child.stdout.readline())
    child.kill()
    child.wait()
    while Path(f"/proc/{number}/cmdline").exists() and Path(f"/proc/{number}/cmdline").read_text():
        pass  # the kernel sees to it, in its own time
    child.stdout.close()
