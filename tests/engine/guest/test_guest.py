"""The harness itself, without booting anything: what it writes, reads and translates."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from pfnmap.engine.guest.archive import INIT_SCRIPT, Entry, folder, newc, script
from pfnmap.engine.guest.guest import Guest, Reply
from pfnmap.engine.guest.hardware import GIB, MIB, Hardware
from pfnmap.engine.guest.images import BUSYBOX, Image, MissingPartError, image, why_not
from pfnmap.engine.guest.install import main as install
from pfnmap.engine.guest.qmp import connect
from pfnmap.engine.guest.record import Dimm, Plug, Recorder, Shell, Unplug, WriteState
from pfnmap.engine.guest.scenario import UnplayableError, actions, read_script
from pfnmap.engine.guest.trace import error_name, read_report
from pfnmap.engine.language import parse_line
from tests.kernel.generate import Walk, machine_line

REPORT = """\
zone 0 DMA 4095 3998 3840 1
zone 0 Movable 32768 32768 32256 1081344
block 33 online 0 1 Movable
block 0 online 0 1 none
block 32 offline 1 1 Normal Movable
iomem 00001000-0009fbff : System RAM
iomem   140000000-147ffffff : System RAM (kmem)
nodes online 0-1
nodes has_cpu
huge 0 0
huge 1 8
log [    1.500000] Policy zone: Normal
log [    1.500001] Offlined Pages 32256
log [    1.6] not a time stamp
log [    1.700000] page:00000000deadbeef refcount:1 mapcount:0 mapping:0 index:0x0 pfn:0x108401
log [    1.700000] flags: 0x100000000000000(node=0|zone=2)
log [    1.700000] page dumped because: unmovable page
"""


def recorder(dimms: dict[str, Dimm] | None = None, **hardware: Any) -> Recorder:
    """A recorder without a guest behind it; enough to translate commands."""

    class NoGuest:
        def __init__(self) -> None:
            self.hardware = Hardware(**hardware)

    state = read_report(REPORT).state
    trace: Any = {"memory_block_size": 128 * MIB, "boot": state, "steps": []}
    return Recorder(cast(Guest, NoGuest()), trace, dimms or {})


def translate(line: str, on: Recorder) -> list[object]:
    command = parse_line(line)
    assert command is not None
    return list(actions(on, command))


def test_report_is_read_field_by_field() -> None:
    report = read_report(REPORT)
    assert report.state["zones"][1] == {
        "node": 0,
        "zone": "Movable",
        "start_pfn": 1081344,
        "spanned": 32768,
        "present": 32768,
        "managed": 32256,
    }
    assert [block["id"] for block in report.state["blocks"]] == [0, 32, 33]
    assert report.state["blocks"][1]["valid_zones"] == ["Normal", "Movable"]
    assert report.state["iomem"][1] == {
        "depth": 1,
        "start": 0x140000000,
        "end": 0x147FFFFFF,
        "name": "System RAM (kmem)",
    }
    assert report.state["nodes"] == {"online": "0-1", "has_cpu": ""}
    assert report.huge == {"0": 0, "1": 8}


def test_log_is_kept_apart_from_debug_messages_and_page_dumps() -> None:
    report = read_report(REPORT)
    assert report.log == ["Policy zone: Normal", "[    1.6] not a time stamp"]
    assert report.debug == ["Offlined Pages 32256"]
    assert report.unmovable == [0x108401]


@pytest.mark.parametrize(
    ("output", "status", "name"),
    [
        ("", 0, None),
        ("/init: eval: line 1: write error: Device or resource busy\n", 1, "EBUSY"),
        ("first line\nsh: write error: Invalid argument", 1, "EINVAL"),
        ("sh: can't create /sys/x: nonexistent directory", 1, "ENOENT"),
        ("gibberish", 3, "exit status 3"),
    ],
)
def test_error_names(output: str, status: int, name: str | None) -> None:
    assert error_name(output, status) == name


def test_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    archive = newc([folder("bin"), script("bin/x", b"#!/bin/sh\n"), Entry("odd", 0o100644, b"abc")])
    assert len(archive) % 4 == 0
    try:
        listed = subprocess.run(
            [BUSYBOX, "cpio", "-t"], input=archive, capture_output=True, check=True, cwd=tmp_path
        )
    except FileNotFoundError:
        pytest.skip("busybox is not installed")
    assert listed.stdout.decode().split() == ["bin", "bin/x", "odd"]


def test_init_script_has_no_syntax_error() -> None:
    subprocess.run(["sh", "-n", str(INIT_SCRIPT)], check=True)


def test_missing_kernel_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingPartError, match=r"vmlinuz-6\.1; run: python -m"):
        image("6.1", tmp_path)
    monkeypatch.setenv("PFNMAP_KERNELS", str(tmp_path))
    monkeypatch.setattr("pfnmap.engine.guest.images.program", Path)
    assert "vmlinuz-6.12" in (why_not("6.12") or "")


def test_install_names_what_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert install(["5.4"]) == 2
    assert "install: " in capsys.readouterr().err


def test_image_in_either_layout_of_unpacked_packages(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz-6.1").touch()
    for release in ("6.1.0-1-amd64", "6.12.3-amd64"):
        tree = tmp_path / "x" / f"linux-image-{release}" / "lib" / "modules" / release
        (tree / "kernel").mkdir(parents=True)
        (tree / "kernel" / "nd-pmem.ko.xz").touch()
    found = image("6.1", tmp_path)
    assert found.modules is not None and found.modules.name == "6.1.0-1-amd64"
    assert found.module("nd_pmem") == found.modules / "kernel" / "nd-pmem.ko.xz"
    assert found.module("absent") is None


def test_script_gives_parameters_to_the_kernel_command_line() -> None:
    script = read_script(
        [
            "machine ram=2G nodes=2 ram1=512M profile=6.1 memmap_on_memory=force",
            'note "the kernel reads this one at boot"',
            "set movable_node=Y",
            "add d 128M",
            "set online_policy=auto-movable",
        ]
    )
    assert script.version == "6.1"
    assert script.hardware.node_ram_bytes == {1: 512 * MIB}
    assert script.hardware.cmdline == (
        "memhp_default_state=offline",
        "memory_hotplug.memmap_on_memory=force",
        "movable_node",
    )
    assert len(script.commands) == 2
    assert read_script(["machine profile=6.1"], "6.12").version == "6.12"


@pytest.mark.parametrize(
    "line",
    [
        "machine profile=4.19",
        "machine arch=arm64-4k",
        "machine vmemmap_hotplug=enable",
        "machine nodes=3 ram2=1G",
    ],
)
def test_what_no_guest_can_be_is_refused(line: str) -> None:
    with pytest.raises(UnplayableError):
        read_script([line])


def test_qemu_arguments_put_memory_where_the_language_says(tmp_path: Path) -> None:
    hardware = Hardware(ram_bytes=5 * GIB, nodes=2, node_ram_bytes={1: GIB}, cpu_nodes=(1,))
    command = hardware.qemu_arguments(Image("6.12", tmp_path / "vmlinuz", None), tmp_path / "i")
    assert f"pc,max-ram-below-4g={3 * GIB}" in command
    assert f"memory-backend-ram,id=boot1,size={GIB},reserve=off" in command
    assert command[command.index("-m") + 1].startswith("6144M,")
    assert "node,nodeid=1,memdev=boot1,cpus=1" in command
    assert hardware.first_hotplug_address == 7 * GIB
    assert Hardware(ram_bytes=GIB).first_hotplug_address == 4 * GIB


def test_commands_become_actions() -> None:
    on = recorder({"d": Dimm(4 * GIB, 256 * MIB)})
    assert translate("add e 128M", on) == [Plug("e", 128 * MIB, 4 * GIB + 256 * MIB)]
    assert translate("add e 128M at=0x200000000 node=0", on) == [Plug("e", 128 * MIB, 8 * GIB)]
    assert translate("online d movable", on) == [
        WriteState(32, "online_movable"),
        WriteState(33, "online_movable"),
    ]
    assert translate("offline d[1]", on) == [WriteState(33, "offline")]
    assert translate("offline 34,32", on) == [WriteState(32, "offline"), WriteState(34, "offline")]
    assert translate("online 0x100000000-0x107ffffff", on) == [WriteState(32, "online")]
    assert translate("remove d", on) == [Unplug("d")]
    assert translate("echo nonsense > /sys/devices/system/memory/memory7/state", on) == [
        WriteState(7, "nonsense")
    ]
    assert translate("echo 1 > /sys/devices/system/memory/memory7/online", on) == [
        Shell("echo 1 > /sys/devices/system/memory/memory7/online")
    ]
    assert translate("set auto_movable_ratio=150", on) == [
        Shell("echo 150 > /sys/module/memory_hotplug/parameters/auto_movable_ratio")
    ]
    assert translate('note "hello"', on) == []


def test_default_address_is_the_first_gap_that_is_wide_enough() -> None:
    block = 128 * MIB
    on = recorder({"a": Dimm(4 * GIB + block, block), "b": Dimm(4 * GIB + 4 * block, block)})
    assert translate("add c 128M", on) == [Plug("c", block, 4 * GIB)]
    assert translate("add c 256M", on) == [Plug("c", 2 * block, 4 * GIB + 2 * block)]
    assert translate("add c 384M", on) == [Plug("c", 3 * block, 4 * GIB + 5 * block)]


@pytest.mark.parametrize(
    "line",
    ["pin 32", "remove 32-33", "offline nobody", "remove nobody", "set memmap_on_memory=Y"],
)
def test_what_no_guest_can_do_is_refused(line: str) -> None:
    with pytest.raises(UnplayableError):
        translate(line, recorder())


@pytest.mark.parametrize("seed", range(20))
def test_walks_speak_the_command_language_and_repeat(seed: int) -> None:
    def walk() -> list[str]:
        random = Random(seed)
        lines = [machine_line(random, "6.12")]
        nodes = read_script(lines).hardware.nodes
        on = recorder({"d": Dimm(4 * GIB, 256 * MIB)}, nodes=nodes)
        steps = Walk(random)
        return [*lines, *(steps.next_line(on) for _ in range(60))]

    lines = walk()
    assert all(parse_line(line) is not None for line in lines)
    assert lines == walk()


def test_a_dimm_that_the_kernel_left_alone_is_told_from_one_that_it_took() -> None:
    class Plugging:
        hardware = Hardware()
        lines = ""

        def plug(self, name: str, size: int, address: int, node: int) -> int:
            return address

        def shell(self, command: str) -> Reply:
            return Reply(0, REPORT + self.lines)

    guest = Plugging()
    on = recorder()
    on.guest = cast(Guest, guest)
    assert on.do(Plug("taken", 256 * MIB, 4 * GIB))["result"] is None
    assert on.do(Plug("lost", 128 * MIB, 8 * GIB))["result"] == "FAILED"
    odd = 8 * GIB + 2 * MIB
    guest.lines = f"log Block size [0x8000000] unaligned hotplug range: start {odd:#x}, size 0x1\n"
    assert on.do(Plug("odd", 128 * MIB, odd))["result"] == "EINVAL"
    assert on.do(Plug("good", 128 * MIB, 4 * GIB))["result"] is None


def test_a_socket_of_qemu_that_does_not_listen_yet_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "qmp")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    soon = threading.Timer(0.1, listener.listen)
    soon.start()
    connect(path, 30.0).close()
    soon.join()
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        connect(path, 0.0)
