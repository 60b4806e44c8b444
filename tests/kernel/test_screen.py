"""``pfnmap vm`` on a terminal, with a kernel that is booted for it: ``pytest -m kernel``."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pfnmap.engine.guest.kernels import kernel_folder
from pfnmap.engine.traces.trace import load_trace
from pfnmap.engine.traces.verify import verify_trace
from tests.kernel.boots import why_not
from tests.tui import pty_program
from tests.tui.cli.test_vm import guests_left
from tests.tui.pty_program import FreshProgram
from tests.tui.terminal.test_terminal_e2e import assert_terminal_as_found

pytestmark = pytest.mark.kernel

KERNEL = "6.12"
BOOT_SECONDS = 900.0
"""In emulation on a machine with other things to do."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    if why := why_not(KERNEL):
        pytest.skip(why)
    monkeypatch.setattr(pty_program, "PATIENCE_SECONDS", BOOT_SECONDS)


def test_the_life_of_a_guest(tmp_path: Path) -> None:
    env = {"PFNMAP_KERNELS": str(kernel_folder()), "TMPDIR": str(tmp_path)}
    recording = tmp_path / "it.json"
    with FreshProgram("vm", KERNEL, home=tmp_path, env=env) as program:
        program.wait_for(f"pfnmap  vm {KERNEL}")
        program.send("a")
        program.wait_for("the kernel would accept this")
        program.send("\r")
        program.wait_for("step 1/1")
        program.send(":goto block 32\rm")
        program.wait_for("step 2/2")
        program.wait_for("block 32 (dimm0) online, Movable")
        program.send("f")
        program.wait_for("block 32 (dimm0) offline")
        program.send("x")
        program.wait_for("step 4/4")
        program.send(":virtio-mem vm0 size=1G requested=256M\r")
        program.wait_for("step 5/5")
        program.send("r")
        program.wait_for("requested")
        program.send("\x7f\x7f\x7f\x7f\x7f128M\r")
        program.wait_for("step 6/6")
        program.send(f":save {recording}\r")
        program.wait_for("saved the recording")
        program.send("q")
        assert program.end() == 0
        assert_terminal_as_found(program)
    assert guests_left(tmp_path) == []
    trace = load_trace(recording)
    assert verify_trace(trace) == []
    assert any(step.calls for step in trace.steps)


def test_no_guest_outlives_a_program_that_is_killed(tmp_path: Path) -> None:
    env = {"PFNMAP_KERNELS": str(kernel_folder()), "TMPDIR": str(tmp_path)}
    with FreshProgram("vm", KERNEL, home=tmp_path, env=env) as program:
        program.wait_for("Linux version")
        assert guests_left(tmp_path)
        os.kill(program.process.pid, signal.SIGKILL)
        program.end()
        while guests_left(tmp_path):
            pass  # the kernel sees to it, in its own time
