"""A guest from boot to end, played by the model: what is asked, answered and left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pfnmap.engine.guest import guest as guest_module
from pfnmap.engine.guest import watch
from pfnmap.engine.guest.errors import GuestError, GuestHungError, UnplayableError
from pfnmap.engine.guest.guest import Guest
from pfnmap.engine.guest.hardware import Hardware
from pfnmap.engine.guest.kernels import kernel_named
from pfnmap.engine.guest.record import Recorder
from pfnmap.engine.guest.scenario import script_of
from pfnmap.engine.guest.verbs import perform
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.traces.trace import parse_trace, trace_bytes
from pfnmap.engine.traces.verify import verify_trace
from tests.engine.guest import tools
from tests.engine.guest.tools import ROOT
from tests.engine.guest.tools import qemu as qemu  # a fixture

FILES = "/sys/devices/system/memory"


@contextmanager
def recorder(machine: str = "machine ram=1G", kernel: str = "6.12") -> Iterator[Recorder]:
    script = script_of(parse_scenario(machine), "x86_64")
    with Guest.boot(kernel_named(kernel), script.hardware) as guest:
        yield Recorder.start(guest)


def done(on: Recorder, line: str) -> list[str]:
    """What a line came to, a word for each step."""
    command = parse_line(line)
    assert command is not None
    return [f"{step.do} {step.result or 'ok'}" for step in perform(on, command)]


def test_words_become_actions_and_the_recording_verifies(qemu: Path) -> None:
    with recorder("machine ram=1G memmap_on_memory=Y") as on:
        assert done(on, "add d 256M") == ["hot-add ok"]
        assert done(on, "online d movable") == ["write-state ok"] * 2
        assert done(on, "online d") == ["write-state EINVAL"]
        assert done(on, f"echo offline > {FILES}/memory33/state") == ["write-state ok"]
        assert done(on, f"echo 1 > {FILES}/memory33/online") == ["shell ok"]
        assert done(on, f"cat {FILES}/memory33/state") == ["shell ok"]
        assert done(on, "set auto_online_blocks=online") == ["shell ok"]
        assert done(on, "set auto_online_blocks=offline") == ["shell ok"]
        assert done(on, "add e 128M at=0x120000000 node=0") == ["hot-add ok"]
        assert done(on, "add e 128M") == ["hot-add REFUSED_BY_FIRMWARE"]
        assert on.steps[-1].reason == "Duplicate device ID 'e'"
        assert done(on, "offline d[0-1]") == ["write-state ok"] * 2
        assert done(on, "remove d") == ["hot-remove ok"]
        assert done(on, "virtio-mem v size=1G requested=300M") == ["device ok", "device ok"]
        assert done(on, "virtio-mem v requested=0M") == ["device ok"]
        assert done(on, "chmem -e 128M") == ["write-state ok"]
        assert done(on, 'note "talk is passed over"') == []
        assert on.devices.keys() == {"e", "v"}
        trace = parse_trace(trace_bytes(on.trace), "recorded.json")
        assert verify_trace(trace) == []
        assert trace.steps[6].output == "online"  # type: ignore[union-attr]


REFUSED = {
    "pin 32": "a real kernel places its allocations itself",
    "free 64M": "cat /proc/zoneinfo",
    "fail next at=online_pages errno=ENOMEM": "a real kernel fails when it fails",
    "rule shrink=rfc2": "boot another one",
    "remove 32-33": "a real machine ejects whole DIMMs",
    "remove nobody": "no device nobody is plugged in",
    "offline nobody": "no device nobody is plugged in",
    "set memmap_on_memory=Y": "it cannot be changed on a running kernel",
    "virtio-mem v requested=1G": "no such device",
    "kmem pm": "device-add makes such a device first",
    "add d 128M memmap=ram": "a real kernel chooses the place of struct pages",
    "hugetlb p 2M at=0x100000000": "a real kernel chooses where huge pages lie",
}


def test_what_means_nothing_on_a_real_machine_is_refused_with_the_reason(qemu: Path) -> None:
    with recorder() as on:
        for line, said in REFUSED.items():
            with pytest.raises(UnplayableError) as error:
                done(on, line)
            assert said in str(error.value)
        assert on.steps == []


def test_a_dimm_gets_the_first_gap_that_is_wide_enough(qemu: Path) -> None:
    with recorder() as on:
        done(on, "add a 128M at=0x108000000")
        done(on, "add b 128M at=0x120000000")
        places = []
        for name, size in (("c", "128M"), ("d", "256M"), ("e", "384M")):
            done(on, f"add {name} {size}")
            places.append(on.devices[name].start)
        assert places == [0x100000000, 0x110000000, 0x128000000]


# -- kernels that do not serve --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("plays", "said"),
    [
        (
            {"boot": "dies", "console": ["Kernel panic - not syncing: no init found"]},
            r"Kernel panic - not syncing: no init found; the console's last lines:\n",
        ),
        ({"boot": "dies", "console": []}, r"QEMU did not start 6\.12\.0-fake"),
        ({"boot": "has no hotplug"}, "it was built without CONFIG_MEMORY_HOTPLUG"),
    ],
)
def test_a_kernel_that_does_not_come_up_is_told_with_its_last_words(
    plays: dict[str, object], said: str, qemu: Path
) -> None:
    tools.image(qemu / "vmlinuz-6.12.0-fake", plays)
    with pytest.raises(GuestError, match=said), recorder():
        pass


@pytest.mark.parametrize(
    ("plays", "said"),
    [
        ({"panics at": "memory32/state"}, "Kernel panic - not syncing: asked to"),
        ({"lacks": "virtio"}, "CONFIG_VIRTIO_MEM, or that is a module: name the folder"),
    ],
)
def test_a_kernel_that_fails_on_the_way_is_told_from_a_refusal(
    plays: dict[str, object], said: str, qemu: Path
) -> None:
    tools.image(qemu / "vmlinuz-6.12.0-fake", plays)
    with recorder() as on, pytest.raises(GuestError, match=said):
        done(on, "add d 128M")
        done(on, "online d")
        done(on, "virtio-mem v size=1G")
    assert all(step.result is None for step in on.steps)


def test_a_guest_that_is_closed_lets_go_of_whoever_waits(qemu: Path) -> None:
    tools.image(qemu / "vmlinuz-6.12.0-fake", {"hangs at": "forever"})
    with recorder() as on:
        closer = threading.Timer(0.1, on.guest.close)
        closer.start()
        with pytest.raises(GuestError, match="the guest was closed"):
            on.guest.run("echo forever")
        closer.join()


# -- nothing is left behind -----------------------------------------------------------------------
HOLDER = """
import os, sys
from pfnmap.engine.guest import guest
from pfnmap.engine.guest.hardware import Hardware
from pfnmap.engine.guest.kernels import kernel_named
guest.accelerators = lambda _arch: ("tcg",)
held = guest.Guest.boot(kernel_named("6.12"), Hardware())
print(held.run("pids").output or "up", flush=True)
sys.stdin.read()
"""


def test_no_process_outlives_a_program_that_is_killed(qemu: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / '.names'}:{ROOT}"}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert holder.stdout is not None and holder.stdin is not None
    holder.stdout.readline()
    guests = processes_below(holder.pid)
    assert len(guests) >= 2  # the one that watches, and QEMU
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    wait_for_end(guests)


def test_qemu_does_not_outlive_the_process_that_watches_it(qemu: Path) -> None:
    with recorder() as on:
        watcher, *others = processes_below(os.getpid(), b"watch.py")
        os.kill(watcher, signal.SIGKILL)
        wait_for_end(others)
        with pytest.raises(GuestError):
            while True:  # what plays the guest ends behind it
                on.guest.run("true")


def test_where_kvm_cannot_run_a_kernel_it_is_emulated(
    qemu: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot, said = Guest._boot, list[str]()

    def emulated(kernel: Any, hardware: Any, archive: Any, how: str, progress: Any) -> Guest:
        if how == "kvm":
            raise GuestHungError("it does not come up")
        return boot(kernel, hardware, archive, how, progress)

    monkeypatch.setattr(Guest, "_kvm_serves", True)
    monkeypatch.setattr(Guest, "_boot", emulated)
    monkeypatch.setattr(guest_module, "accelerators", lambda _arch: ("kvm", "tcg"))
    with Guest.boot(kernel_named("6.12"), Hardware(), said.append) as guest:
        assert "KVM cannot run this kernel here; emulating" in said
        assert not Guest._kvm_serves
        assert b"/memory/memory0/state:online" in guest.dump()


def test_what_qemu_refuses_is_a_step_with_its_words(qemu: Path) -> None:
    with recorder() as on:
        assert on.plug_nvdimm("p", 1 << 30, 1 << 32, 0).result is None
        assert on.devices["p"].dax == on.dax_name("p") == "dax0.0"
        assert on.plug_virtio_mem("v", 1 << 30, 0, memaddr=2 << 32).result is None
        again = on.plug_nvdimm("p", 1 << 30, 1 << 32, 0), on.plug_virtio_mem("v", 1 << 30, 0)
        for step in again:
            assert step.result == "REFUSED_BY_FIRMWARE"
            assert "Duplicate device ID" in step.reason


def test_a_command_is_watched_as_long_as_somebody_listens() -> None:
    listening, heard = os.pipe()
    stdin = os.dup(0)
    try:
        os.dup2(listening, 0)
        assert watch.main(["true"]) == 0
        os.close(heard)
        assert watch.main(["sleep", "60"]) == -signal.SIGKILL
    finally:
        os.dup2(stdin, 0)
        os.close(stdin)
        os.close(listening)


def processes_below(parent: int, having: bytes = b"") -> list[int]:
    """Descendants, parents first; of the children of the first only those with such a command."""
    found = []
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if having in Path(f"/proc/{child}/cmdline").read_bytes():
            found += [int(child), *processes_below(int(child))]
    return found


def wait_for_end(processes: list[int]) -> None:
    """Until none of them runs any more; a test that waits for ever has failed."""
    while any(alive(process) for process in processes):
        time.sleep(0.01)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
