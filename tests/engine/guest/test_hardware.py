"""The machine of a ``machine`` line, as QEMU's options."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pfnmap.engine.errors import PfnmapError
from pfnmap.engine.geometry import GIB, MIB
from pfnmap.engine.guest import hardware as hardware_module
from pfnmap.engine.guest.hardware import Hardware, accelerators
from pfnmap.engine.guest.kernels import Kernel
from pfnmap.engine.guest.scenario import script_of
from pfnmap.engine.scenarios.scenario import parse_scenario


def hardware(*lines: str, arch: str = "x86_64") -> Hardware:
    return script_of(parse_scenario("\n".join(lines)), arch).hardware


def test_parameters_before_the_first_action_are_words_of_the_command_line() -> None:
    lines = (
        'machine ram=2G nodes=2 ram1=512M profile=6.1 memmap_on_memory=force cmdline="nosmp"',
        'note "the kernel reads this one at boot"',
        "set movable_node=Y",
        "add d 128M",
        "set online_policy=auto-movable",
    )
    machine = hardware(*lines)
    assert machine.node_ram_bytes == {1: 512 * MIB}
    assert machine.cmdline == (
        "memhp_default_state=offline",
        "memory_hotplug.memmap_on_memory=force",
        "movable_node",
        "nosmp",
    )
    script = script_of(parse_scenario("\n".join(lines)), "x86_64")
    assert [number for number, _ in script.lines] == [2, 4, 5]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["machine arch=arm64-4k"], "scenario:1:1: machine arch=arm64-4k: the kernel is one for"),
        (["machine vmemmap_hotplug=enable"], "set vmemmap_hotplug: no real kernel has it"),
        (["machine nodes=3 ram2=1G"], "of a guest's nodes only the last can be without RAM"),
        (["machine block=256M"], "a real kernel chooses the size of its blocks"),
        (["add d 1G", "pin 32"], "scenario:2:1: pin 32: not on a real machine: a real kernel pl"),
        (["rule shrink=rfc2"], "not on a real machine: the rules of a real kernel are its code"),
    ],
)
def test_what_no_guest_can_be_or_do_is_refused_before_anything_boots(
    lines: list[str], said: str
) -> None:
    with pytest.raises(PfnmapError) as error:
        hardware(*lines)
    assert said in str(error.value)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(hardware_module, "qemu", lambda arch: Path(f"qemu-{arch}"))
    monkeypatch.setattr(hardware_module, "firmware", lambda: Path("/fw"))
    return Kernel(tmp_path / "vmlinuz", "x86_64", "6.12")


def test_qemu_arguments_put_memory_where_the_language_says(kernel: Kernel) -> None:
    machine = Hardware(
        ram_bytes=5 * GIB,
        nodes=2,
        node_ram_bytes={1: GIB},
        cpu_nodes=(1,),
        distances=(10, 30, 30, 10),
    )
    command = machine.qemu_arguments(kernel, "/dev/fd/5", "tcg")
    assert f"pc,max-ram-below-4g={3 * GIB},nvdimm=on" in command
    assert f"memory-backend-ram,id=boot1,size={GIB},reserve=off" in command
    assert command[command.index("-m") + 1].startswith("6144M,")
    assert "node,nodeid=1,memdev=boot1,cpus=1" in command
    assert "dist,src=0,dst=1,val=30" in command
    assert command[command.index("-nic") :][:2] == ["-nic", "none"]
    assert machine.hotplug_start("x86_64") == 7 * GIB
    assert Hardware(ram_bytes=GIB).hotplug_start("x86_64") == 4 * GIB


def test_arm64_has_another_console_firmware_and_sockets_for_devices(kernel: Kernel) -> None:
    arm = Kernel(kernel.image, "arm64", "6.12")
    command = hardware("machine arch=arm64-4k ram=2G", arch="arm64").qemu_arguments(
        arm, "/dev/fd/5", "tcg"
    )
    assert command[0] == "qemu-arm64"
    assert command[command.index("-bios") + 1] == "/fw"
    assert "console=ttyAMA0" in command[command.index("-append") + 1]
    assert "pcie-root-port,id=port1,chassis=1" in command
    assert Hardware(ram_bytes=2 * GIB).hotplug_start("arm64") == 3 * GIB


@pytest.mark.parametrize(("works", "tried"), [(True, ("kvm", "tcg")), (False, ("tcg",))])
def test_kvm_comes_first_where_it_makes_a_machine(
    works: bool, tried: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(kvm: int, _request: int) -> int:
        if not works:
            raise OSError
        return os.dup(kvm)

    made = os.open
    monkeypatch.setattr(os, "open", lambda _path, _flags: made(tmp_path, 0))
    monkeypatch.setattr("fcntl.ioctl", make)
    monkeypatch.setattr(hardware_module, "host_arch", lambda: "x86_64")
    assert accelerators("x86_64") == tried
    assert accelerators("arm64") == ("tcg",)
