"""Devices of the dax bus that no command makes: regions of NVDIMMs, lines of iomem, ranges."""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.kinds import MemmapKind
from pfnmap.engine.memory import resources
from pfnmap.engine.memory.state import Device, Resource
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import kmem
from pfnmap.engine.traces.recorded_devices import with_nvdimm
from tests.engine.tools import booted

GIB = 1 << 30
AT = 4 * GIB


def with_region(size: int = GIB) -> tuple[Transaction, Resource]:
    """A machine with an NVDIMM, and the line of its namespace."""
    state = with_nvdimm(booted("machine ram=1G").state, AT, size, 0)
    return Transaction(state), next(line for line in state.resources if line.name == "namespace0.0")


def lines_above(tx: Transaction) -> list[tuple[str, int, int, int]]:
    return [(x.name, x.start, x.end, x.depth) for x in tx.state.resources if x.start >= AT]


def test_a_region_leaves_room_for_its_label_and_ends_where_it_ends() -> None:
    """``nd_pfn_init``: the label, aligned to 2 MiB; struct pages are reckoned at 64 bytes."""
    state = booted("machine ram=1G").state
    for size, hosting, start in (
        (GIB, False, AT + (2 << 20)),
        (GIB, True, AT + (18 << 20)),
        (4 << 20, False, AT + (2 << 20)),
    ):
        made = kmem.with_region(state, "dax0.0", AT, AT + size - 1, 1, hosting=hosting)
        device = made.device_named("dax0.0")
        assert device is not None and device.node == 1 and device.kind == "dax"
        assert (device.start_pfn << 12, device.end_pfn << 12) == (start, AT + size)
        assert made.next_id == state.next_id + 1 == device.id + 1
        again = kmem.with_region(made, "dax0.0", AT, AT + size + (2 << 20) - 1)
        device = again.device_named("dax0.0")
        assert device is not None and device.end_pfn << 12 == AT + size + (2 << 20)
        assert device.node == 1 and len(again.devices) == 1, "the same device, elsewhere"
    assert kmem.with_region(state, "dax0.0", AT, AT + (2 << 20) - 1) is state, "nothing is left"


def test_a_region_that_is_bound_is_cut_down_to_its_label_and_held_by_device_dax() -> None:
    tx, region = with_region()
    kmem.bind_region(tx, "dax0.0", region)
    data = AT + (2 << 20)
    assert lines_above(tx) == [
        ("Persistent Memory", AT, AT + GIB - 1, 0),
        ("namespace0.0", AT, AT + GIB - 1, 1),
        ("dax0.0", data, AT + GIB - 1, 2),
    ]
    assert (device := tx.state.device_named("dax0.0")) is not None and device.kind == "pmem"
    before = tx.state
    kmem.bind_region(tx, "dax0.0", region)
    assert tx.state is before, "it is held already"


def test_what_stands_in_a_region_ends_before_the_data_or_goes() -> None:
    tx, region = with_region()
    data = AT + (2 << 20)
    inside = [
        Resource(AT, AT + GIB - 1, "label and more", 2, system_ram=False),
        Resource(data, AT + GIB - 1, "data", 2, system_ram=False),
    ]
    for line in inside:
        tx.state = resources.insert(tx.state, line)
    kmem.bind_region(tx, "dax0.0", region)
    assert ("label and more", AT, data - 1, 2) in lines_above(tx)
    assert "data" not in [name for name, *_ in lines_above(tx)]


def test_a_region_is_let_go_by_whoever_holds_it() -> None:
    tx, region = with_region()
    before = tx.state
    kmem.unbind_region(tx, "dax7.0")
    kmem.unbind_region(tx, "dax0.0")
    assert tx.state is before, "nobody holds it, or it is not there"
    kmem.bind_region(tx, "dax0.0", region)
    kmem.unbind_region(tx, "dax0.0")
    assert (device := tx.state.device_named("dax0.0")) is not None and device.kind == "dax"
    assert "dax0.0" not in [name for name, *_ in lines_above(tx)]
    assert kmem.bind(tx, device) is None
    assert len(tx.state.blocks.slice(32, 40))
    kmem.unbind_region(tx, "dax0.0")
    assert not len(tx.state.blocks.slice(32, 40)), "its memory goes with kmem"


def test_a_line_of_iomem_is_a_device_when_a_driver_is_told_its_name() -> None:
    state = booted("machine ram=1G").state
    line = Resource(AT, AT + GIB - 1, "dax3.0", system_ram=False)
    tx = Transaction(replace(state, resources=(*state.resources, line)))
    assert kmem.write_driver(tx, "device_dax", "bind", "dax3.0") is None
    device = tx.state.device_named("dax3.0")
    assert device is not None and (device.kind, device.nr_pages << 12) == ("pmem", GIB)
    assert device.id == state.next_id and tx.state.next_id == device.id + 1
    assert [line.owner for line in tx.state.resources if line.name == "dax3.0"] == [device.id]
    assert [line.owner for line in state.resources] == [-1] * len(state.resources)
    other = Transaction(replace(state, resources=(*state.resources, line)))
    assert kmem.write_driver(other, "device_dax", "unbind", "dax3.0") is None
    assert other.state.next_id == state.next_id + 1
    assert "dax3.0" not in [line.name for line in other.state.resources]
    ram = kmem.write_driver(tx, "device_dax", "bind", "System RAM")
    assert ram is not None and ram.errno == "ENODEV"


def test_a_range_whose_blocks_are_gone_does_not_keep_the_others() -> None:
    """``dev_dax_kmem_remove`` goes through all mappings."""
    state = booted("machine ram=1G").state
    ranges = tuple((start, start + 0x8000) for start in (0x100000, 0x110000, 0x120000))
    device = Device(
        state.next_id, "dax0.0", "dax", 0x100000, 0x28000, 0, MemmapKind.RAM, resources=ranges
    )
    tx = Transaction(replace(state.with_device(device), next_id=device.id + 1))
    assert kmem.bind(tx, device) is None
    assert tx.state.blocks.slice(32, 40)["start"].tolist() == [32, 34, 36]
    held = tx.state.devices[device.id]
    gone = tx.state.blocks.delete(32, 33)
    tx.state = replace(tx.state, blocks=gone)
    assert kmem.unbind(tx, held) is None
    assert not len(tx.state.blocks.slice(32, 40)), "those behind the one that had gone, too"
    assert tx.state.devices[device.id].kind == "dax"


def test_a_range_that_cannot_be_added_is_passed_over_behind_one_that_was() -> None:
    state = booted("machine ram=1G").state
    ranges = ((0x100000, 0x108000), (0x108800, 0x109000), (0x110000, 0x118000))
    device = Device(
        state.next_id, "dax0.0", "dax", 0x100000, 0x18000, 0, MemmapKind.RAM, resources=ranges
    )
    tx = Transaction(replace(state.with_device(device), next_id=device.id + 1))
    tx.state = resources.insert(
        tx.state, Resource(0x110000 << 12, (0x112000 << 12) - 1, "System RAM")
    )
    assert kmem.bind(tx, device) is None
    assert tx.state.blocks.slice(32, 40)["start"].tolist() == [32]
    log = [line for event in tx.events for line in event.log]
    assert "kmem dax0.0: mapping1: 0x108800000-0x108ffffff too small after alignment" in log
    assert "kmem dax0.0: mapping2: 0x110000000-0x117ffffff memory add failed" in log
    assert [line.start >> 12 for line in tx.state.resources if line.name == "dax0.0"] == [0x100000]


def test_sizes_have_three_digits() -> None:
    """``string_get_size`` with binary units."""
    cases = {
        0: "0 B",
        1: "1 B",
        999: "999 B",
        1023: "1023 B",
        1024: "1.00 KiB",
        1536: "1.50 KiB",
        10 << 10: "10.0 KiB",
        100 << 10: "100 KiB",
        126 << 20: "126 MiB",
        62 << 20: "62.0 MiB",
        3 << 29: "1.50 GiB",
        1 << 40: "1.00 TiB",
    }
    assert {size: kmem._three_digits(size) for size in cases} == cases
