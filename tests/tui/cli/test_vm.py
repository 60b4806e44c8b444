"""``pfnmap vm``: its command line, and on a terminal; the guest's kernel is played by the model."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from pfnmap.engine.guest.kernels import kernel_named
from pfnmap.engine.session import Session
from pfnmap.tui.cli import main, vm
from tests.engine.guest.tools import image
from tests.engine.guest.tools import qemu as qemu  # a fixture
from tests.examples import some
from tests.tui.pty_program import Program
from tests.tui.terminal.test_terminal_e2e import assert_terminal_as_found


def guests_left(folder: Path) -> list[int]:
    """The processes that were started with this folder for temporary files and run a guest."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words, env = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
            if b"qemu" in words and f"TMPDIR={folder}\0".encode() in env:
                found.append(int(place.name))
    return found


@pytest.mark.parametrize("ending", some(["q", "SIGTERM", "SIGKILL"], 2))
def test_nothing_is_left_of_a_guest(qemu: Path, tmp_path: Path, ending: str) -> None:
    env = {"PFNMAP_KERNELS": str(qemu), "TMPDIR": str(tmp_path)}
    with Program("vm", "6.12", home=tmp_path, env=env) as program:
        program.wait_for("pfnmap  vm 6.")
        program.send("a")
        program.wait_for("the kernel would accept this")
        program.send("\r")
        program.wait_for("step 1/1")
        assert guests_left(tmp_path)
        if ending == "q":
            program.send("q")
        else:
            program.process.send_signal(signal.Signals[ending])
        status = program.end()
        if ending != "SIGKILL":
            assert status == (0 if ending == "q" else 128 + signal.SIGTERM)
            assert_terminal_as_found(program)
    while guests_left(tmp_path):
        pass  # the kernel sees to it, in its own time


def test_a_boot_is_stopped(qemu: Path, tmp_path: Path) -> None:
    image(qemu / "vmlinuz-6.13", {"boot": "hangs", "console": ["it sleeps"]}, "6.13.0-slow")
    env = {"PFNMAP_KERNELS": str(qemu), "TMPDIR": str(tmp_path)}
    with Program("vm", "6.13", home=tmp_path, env=env) as program:
        program.wait_for("it sleeps")
        program.wait_for("esc stops it")
        program.send("\x1b")
        program.wait_for("the boot of 6.13.0-slow was stopped")
        while guests_left(tmp_path):
            program.read()
        program.send("q")
        assert program.end() == 0


def test_without_a_screen_it_is_refused(qemu: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vm", "6.12"]) == 2
    assert "vm works on the screen, and there is none" in capsys.readouterr().err


def test_one_may_quit_while_the_guest_hangs(qemu: Path, tmp_path: Path) -> None:
    """What is stopped goes on there, and nobody waits for it."""
    image(qemu / "vmlinuz-6.13", {"hangs at": "memory33/state'"}, "6.13.0-stuck")
    env = {"PFNMAP_KERNELS": str(qemu), "TMPDIR": str(tmp_path)}
    with Program("vm", "6.13", "--interval", "0.1", home=tmp_path, env=env) as program:
        program.wait_for("pfnmap  vm 6.")
        program.send(":add dimm0 256M\r")
        program.wait_for("step 1/1")
        program.send(":offline 33\r")
        program.wait_for("offline 33: 1 s, esc stops it")
        program.send("\x1b")
        program.wait_for("it goes on in the guest")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)
    while guests_left(tmp_path):
        pass


class Shown(NamedTuple):
    """What would be shown, if there were a screen."""

    session: Session
    title: str


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> list[Shown]:
    """A screen that only notes what it is to show."""
    shown: list[Shown] = []

    def show(_start: object, session: Session, title: str, **_: object) -> int:
        shown.append(Shown(session, title))
        return 0

    monkeypatch.setattr("pfnmap.tui.cli.screen.show", show)
    monkeypatch.setattr(vm, "prepared", lambda _arguments: SimpleNamespace(on_screen=True))
    return shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["9.9"], "no kernel 9.9 for x86_64 in"),
        (["/nothing/bzImage"], "there is no such file"),
        (["6.12", "nothing.hotplug"], "no such file"),
        (["6.12", "/dev/null"], "/dev/null: no scenario; the name of one ends in .hotplug"),
        (["6.12", "--machine", "ram=1X"], "--machine:1:"),
        (["6.12", "x.hotplug", "--machine", "ram=1G"], "x.hotplug says what machine it is for"),
        (["6.12", "--machine", "ram=1G block=1G"], "chooses the size of its blocks"),
    ],
)
def test_what_is_wrong_is_said_before_the_screen_is_taken(
    qemu: Path,
    screen: list[Shown],
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["vm", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert screen == []


@pytest.mark.parametrize("words", [["6.12"], []])
def test_until_the_guest_has_booted_the_model_of_its_machine_is_shown(
    qemu: Path, screen: list[Shown], tmp_path: Path, words: list[str]
) -> None:
    story = tmp_path / "story.hotplug"
    story.write_text("machine ram=2G profile=6.1\nadd dimm0 256M\n")
    assert main(["vm", *words, str(story)]) == 0
    (shown,) = screen
    assert shown.title.startswith("what the model makes of 6.12.0-fake")
    assert shown.session.view.nr_blocks == 16
    assert shown.session.state.profile.name == "6.12", "the kernel's, whatever the story says"


def test_a_kernel_that_was_fetched_is_named(
    qemu: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vm, "fetch", lambda release, _arch, _say: kernel_named(release))
    assert main(["vm", "--fetch", "6.12"]) == 0
    assert capsys.readouterr().out.startswith("6.12.0-fake for x86_64: ")


def test_without_qemu_it_says_what_to_install(qemu: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    env = {"PFNMAP_KERNELS": str(qemu), "PATH": str(empty)}
    with Program("vm", "6.12", home=tmp_path, env=env) as program:
        assert program.end() == 2
        assert "qemu-system-x86_64 is not installed" in program.text
