"""When a node goes offline, and namespaces of a machine that was read from its files."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pfnmap.engine.commands import SysfsRead, SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory import resources
from pfnmap.engine.memory.state import Node, Resource, State, Zone
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import sysfs
from pfnmap.engine.operations.hugetlb import count_on
from pfnmap.engine.operations.remove import try_offline_node
from pfnmap.engine.operations.sysfs import read, write
from pfnmap.engine.sizes import format_mask
from pfnmap.engine.sysfs_words import MEMORY_DIR
from tests.engine.tools import booted


def with_node(node: Node, *lines: str) -> State:
    """A machine whose node 1 is like this."""
    return booted("machine ram=1G nodes=2 ram1=0M", *lines).state.with_node(1, node)


@pytest.mark.parametrize(
    ("node", "lines", "text"),
    [
        (Node(online=True), (), "node 1 goes offline"),
        (Node(online=True, has_cpu=True), (), "node 1 stays online: it has a CPU"),
        (
            Node(online=True, has_cpu=True),
            ("add a 128M node=1",),
            "node 1 stays online: it still has memory blocks",
        ),
        (
            Node(0x100000, 0x8000, online=True, has_cpu=True),
            ("add a 128M node=1",),
            "node 1 stays online: it still spans memory",
        ),
    ],
)
def test_a_node_goes_offline_when_nothing_holds_it(
    node: Node, lines: tuple[str, ...], text: str
) -> None:
    """``try_offline_node`` asks for span, memory blocks and CPUs, in that order."""
    tx = Transaction(with_node(node, *lines))
    try_offline_node(tx, 1)
    assert [(event.function, event.text) for event in tx.events] == [("try_offline_node", text)]
    assert tx.state.nodes[1].online is ("stays" in text)


def test_a_node_that_is_offline_is_left_alone() -> None:
    tx = Transaction(with_node(Node()))
    try_offline_node(tx, 1)
    assert tx.events == []


REGIONS = (
    Resource(8 << 30, (9 << 30) - 1, "Persistent Memory", system_ram=False),
    Resource(8 << 30, (9 << 30) - 1, "namespace0.0", depth=1, system_ram=False),
    Resource(12 << 30, (13 << 30) - 1, "Persistent Memory", system_ram=False),
)


def with_regions() -> Transaction:
    """A machine as it is read from its files, with two regions and one namespace."""
    state = booted("machine ram=1G").state
    return Transaction(replace(state, resources=(*state.resources, *REGIONS)))


def test_iomem_is_indented_by_depth() -> None:
    tx = with_regions()
    assert read(tx, SysfsRead(("/proc/iomem",), named=False)) is None
    assert tx.output == [
        "00001000-3fffffff : System RAM",
        "200000000-23fffffff : Persistent Memory",
        "  200000000-23fffffff : namespace0.0",
        "300000000-33fffffff : Persistent Memory",
    ]


def test_a_glob_that_matches_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysfs, "MAX_GLOB_FILES", 7)
    pattern = f"{MEMORY_DIR}/memory*/state"
    with pytest.raises(InputError) as error:
        read(with_regions(), SysfsRead((pattern,), named=True))
    assert str(error.value) == f"{pattern}: more than 7 files match; name fewer blocks"
    monkeypatch.setattr(sysfs, "MAX_GLOB_FILES", 8)
    assert read(with_regions(), SysfsRead((pattern,), named=True)) is None


def bound(word: str, verb: str = "bind") -> tuple[Zone, str]:
    """The span of ZONE_DEVICE after a namespace of a recorded machine was (un)bound."""
    tx = with_regions()
    assert write(tx, SysfsWrite(word, f"/sys/bus/nd/drivers/nd_pmem/{verb}")) is None
    (event,) = tx.events
    assert event.function == f"{verb}_store"
    return tx.state.zone(0, ZoneType.DEVICE), event.text


@pytest.mark.parametrize(
    ("word", "span"),
    [
        ("namespace0.0", (0x200000, 0x40000)),
        ("namespace1.0", (0x300000, 0x40000)),
        ("pfn1.0", (0x300000, 0x40000)),
        ("namespace2.0", (0, 0)),
        # Without a number it is the first.
        ("dax", (0x200000, 0x40000)),
    ],
)
def test_a_namespace_that_is_bound_grows_the_span_of_zone_device(
    word: str, span: tuple[int, int]
) -> None:
    zone, text = bound(word)
    assert (zone.start_pfn, zone.spanned) == span
    assert text == f"{word}: a ZONE_DEVICE span only grows"


def test_a_namespace_that_is_unbound_changes_nothing() -> None:
    assert bound("namespace0.0", "unbind")[0].spanned == 0


@pytest.mark.parametrize(
    ("nodes", "text"),
    [((), ""), ((0,), "0"), ((0, 1), "0-1"), ((0, 2), "0,2"), ((1, 2, 3, 5, 7, 8), "1-3,5,7-8")],
)
def test_a_mask_is_printed_as_ranges(nodes: tuple[int, ...], text: str) -> None:
    assert format_mask(nodes) == text


def test_the_pool_of_one_node_grows_and_shrinks_there() -> None:
    pool = "/sys/devices/system/node/node{}/hugepages/hugepages-2048kB/nr_hugepages"
    machine = booted("machine ram=1G nodes=2 ram1=1G", "echo 5 > /proc/sys/vm/nr_hugepages")

    def on(node: int) -> int:
        return sum(count_on(machine.state, held, node) for held in machine.state.hugetlb.values())

    assert (on(0), on(1)) == (3, 2)
    assert machine.run(f"echo 7 > {pool.format(1)}").ok
    assert (on(0), on(1)) == (3, 7)
    assert machine.run(f"echo 1 > {pool.format(1)}").ok
    assert (on(0), on(1)) == (3, 1)
    assert machine.run(f"echo 1 > {pool.format(2)}").errno == "ENOENT"
    machine.check()


@pytest.mark.parametrize(("profile", "logged"), [("5.14", False), ("6.1", True)])
def test_the_fallback_order_is_printed_since_5_16(profile: str, logged: bool) -> None:
    machine = booted(f"machine ram=1G nodes=2 profile={profile}", "add dimm0 256M node=1")
    log = machine.run("online dimm0").log
    assert any("Fallback order" in line for line in log) is logged
    assert any("zonelists" in line for line in log)


def test_a_dax_device_that_is_only_a_line_of_iomem_becomes_system_ram() -> None:
    """What is known of it is its name and its range; the machine was read from its files."""
    done = booted("machine ram=1G profile=7.3")
    line = Resource(0x140000000, 0x14FFFFFFF, "dax3.0", 0, system_ram=False)
    machine = Machine(resources.insert(done.state, line))
    number = machine.state.next_id
    assert machine.run("echo dax3.0 > /sys/bus/dax/drivers/kmem/new_id").ok
    machine.check()
    device = machine.state.devices[number]
    assert (device.name, device.kind, device.state) == ("dax3.0", "kmem", "offline")
    assert (device.start_pfn, device.nr_pages) == (0x140000, 0x10000)
    owned = [each.name for each in machine.state.resources if each.owner == number]
    assert owned == ["dax3.0", "System RAM (kmem)"]
    assert machine.state.next_id == number + 1
    assert machine.run("echo dax4.0 > /sys/bus/dax/drivers/kmem/new_id").errno == "ENODEV"


def test_a_region_of_pmem_is_given_to_device_dax_and_to_kmem() -> None:
    done = booted("machine ram=1G profile=7.3")
    line = Resource(0x140000000, 0x15FFFFFFF, "Persistent Memory", 0, system_ram=False)
    machine = Machine(resources.insert(done.state, line))
    assert machine.run("echo dax0.0 > /sys/bus/nd/drivers/dax_pmem/bind").ok
    device = machine.state.device_named("dax0.0")
    # Behind the label, which takes 2 MiB with its alignment.
    assert device is not None and device.kind == "pmem"
    assert (device.start_pfn, device.end_pfn) == (0x140200, 0x160000)
    assert machine.run("echo dax0.0 > /sys/bus/dax/drivers/device_dax/unbind").ok
    assert machine.run("echo dax0.0 > /sys/bus/dax/drivers/kmem/new_id").ok
    rows = machine.state.blocks.slice(0, 1 << 20)
    assert (int(rows["start"][-1]), int(rows["count"][-1])) == (41, 3)
    assert machine.run("echo dax0.0 > /sys/bus/nd/drivers/dax_pmem/unbind").ok
    machine.check()
    assert machine.state.blocks.at(41) is None
    left = machine.state.device_named("dax0.0")
    assert left is not None and (left.kind, left.state) == ("dax", "")
