"""What each word of the command language comes to on a guest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pfnmap.engine.commands import VERBS
from pfnmap.engine.guest.errors import UnplayableError
from pfnmap.engine.guest.record import Device, Recorder
from pfnmap.engine.guest.verbs import perform
from pfnmap.engine.language.lines import parse_line


class AskedError(Exception):
    """A guest is asked for something: the word means something there."""


class NoGuest:
    """What stands in a guest's place."""

    def __getattr__(self, name: str) -> Any:
        raise AskedError(name)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_word_is_done_or_refused_with_a_reason(verb: str) -> None:
    command = parse_line(VERBS[verb].example)
    assert command is not None
    try:
        done = perform(cast("Recorder", NoGuest()), command)
    except UnplayableError as refused:
        assert "not on a real machine: " in str(refused)
    except AskedError:
        return
    else:
        assert done == []


class Paper:
    """A recorder that writes down what it is asked for, on a guest that agrees to everything."""

    block_bytes = 128 << 20

    def __init__(self) -> None:
        self.guest = self
        self.devices: dict[str, Device] = {}
        self.huge_pages: dict[str, tuple[str, int]] = {}
        self.asked: list[str] = []
        blocks = [
            SimpleNamespace(id=n, state=state, valid_zones=zones)
            for n in range(36)
            for state, zones in (
                [("online", ("Movable",)) if n < 34 else ("offline", ("Normal", "Movable"))]
            )
        ]
        self.now = SimpleNamespace(blocks=blocks)

    def look(self) -> list[object]:
        return []

    def keep(self, step: object) -> list[object]:
        return [step]

    def needs(self, what: str) -> None:
        self.asked.append(f"needs {what}")

    def run(self, line: str) -> SimpleNamespace:
        return SimpleNamespace(status=0, output="3\n")

    def free_address(self, _size: int) -> int:
        return 1 << 32

    def dax_name(self, name: str) -> str:
        return self.devices[name].dax if name in self.devices else ""

    def shell(self, line: str) -> SimpleNamespace:
        self.asked.append(line)
        return SimpleNamespace(result=None, after=SimpleNamespace(iomem=()))

    def write_state(self, block: int, word: str) -> SimpleNamespace:
        return self.shell(f"{word} > {block}")

    def plug_nvdimm(self, name: str, size: int, address: int, node: int) -> SimpleNamespace:
        self.devices[name] = Device(address, size, "nvdimm", "dax0.0")
        return self.shell(f"nvdimm {name} {size >> 30}G at={address:#x} node={node}")


ND, DAX = "/sys/bus/nd", "/sys/bus/dax"
POOL = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
CLAIMED = (
    f"echo namespace0.0 > {ND}/drivers/nd_pmem/unbind && "
    f"echo 12345678-1234-1234-1234-000000000000 > {ND}/devices/dax0.0/uuid && "
    f"echo {{}} > {ND}/devices/dax0.0/mode && echo 2097152 > {ND}/devices/dax0.0/align && "
    f"echo namespace0.0 > {ND}/devices/dax0.0/namespace && echo dax0.0 > {ND}/drivers/dax_pmem/bind"
)
UNBOUND = f"echo dax0.0 > {DAX}/drivers/device_dax/unbind; "
PLUGGED = "nvdimm p 2G at=0x100000000 node=0"


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        (("device-add p 2G",), [PLUGGED, CLAIMED.format("ram")]),
        (
            ("device-add p 2G at=8G altmap=32M node=1", "device-del p"),
            [
                "nvdimm p 2G at=0x200000000 node=1",
                CLAIMED.format("pmem"),
                f"echo dax0.0 > {ND}/drivers/dax_pmem/unbind",
            ],
        ),
        (
            ("device-add p 2G", "kmem p memmap=on_memory", "kmem-del p"),
            [
                PLUGGED,
                CLAIMED.format("ram"),
                "needs kmem",
                f"{UNBOUND}echo 1 > {DAX}/devices/dax0.0/memmap_on_memory; "
                f"echo dax0.0 > {DAX}/drivers/kmem/new_id",
                f"echo dax0.0 > {DAX}/drivers/kmem/unbind",
                f"echo dax0.0 > {DAX}/drivers/device_dax/bind",
            ],
        ),
        (
            ("hugetlb h 2M count=4 node=1", "hugetlb-free h"),
            ["needs hugetlb", f"echo 7 > {POOL}", "needs hugetlb", f"echo 0 > {POOL}"],
        ),
        (("set hugetlb_free_vmemmap=on",), ["echo 1 > /proc/sys/vm/hugetlb_optimize_vmemmap"]),
        (("set auto_movable_ratio=200",), ["echo 200 > /sys/module/memory_hotplug/parameters/"
                                           "auto_movable_ratio"]),
        (("chmem -e 128M",), ["online_movable > 34"]),
        (("chmem -d 256M",), ["offline > 33", "offline > 32"]),
        (("chmem -b -d 30-40",), [f"offline > {n}" for n in (30, 31, 32, 33)]),
        (("online 0x100000000-0x10fffffff movable",), [f"online_movable > {n}" for n in (32, 33)]),
    ],
)  # fmt: skip
def test_a_word_comes_to_these_lines(lines: tuple[str, ...], asked: list[str]) -> None:
    paper = Paper()
    for line in lines:
        command = parse_line(line)
        assert command is not None
        perform(cast("Recorder", paper), command)
    assert paper.asked == asked


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("add d 128M memmap=device", "chooses the place of struct pages by its parameters"),
        ("set movable_node=Y", "it cannot be changed on a running kernel"),
        ("virtio-mem v requested=1G", "no such device; size=SIZE makes one"),
        ("virtio-mem-del v", "no device of that name is plugged in"),
        ("device-add p 2G mapping=private", "QEMU has no device with memory of that kind"),
        ("kmem p", "device-add makes such a device first"),
        ("hugetlb h 2M at=0x100000000", "a real kernel chooses where huge pages lie"),
        ("hugetlb-free h", "hugetlb makes such pages first"),
    ],
)
def test_what_a_guest_cannot_be_asked_for_is_said(line: str, why: str) -> None:
    paper, command = Paper(), parse_line(line)
    assert command is not None
    with pytest.raises(UnplayableError, match=why):
        perform(cast("Recorder", paper), command)
    assert not [each for each in paper.asked if not each.startswith("needs")]
