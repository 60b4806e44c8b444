"""Ranges of blocks through the boolean file, what ``valid_zones`` reads, and refs of a machine."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import PfnRef, Ref
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, OnlineType
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import chmem, offline, online, virtio_mem
from pfnmap.engine.operations.refs import block_ranges, pfn_of
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.profile import PROFILES
from tests.engine.tools import booted


def online_of(tx: Transaction, first: int, last: int) -> list[int]:
    """The blocks of first..last that are online."""
    rows = (tx.state.blocks.row_at(block) for block in range(first, last + 1))
    return [first + at for at, row in enumerate(rows) if row["state"] == BlockState.ONLINE]


def test_the_boolean_file_passes_by_blocks_that_are_online() -> None:
    machine = booted("machine ram=1G", "add a 768M", "online 33-34 movable", "online 36 movable")
    tx = Transaction(machine.state)
    assert online.online_blocks(tx, 32, 37, OnlineType.ONLINE, through="online") is None
    assert online_of(tx, 32, 37) == [32, 33, 34, 35, 36, 37]


def test_the_boolean_file_passes_by_blocks_that_are_offline() -> None:
    lines = ("online 32 movable", "online 34 movable", "online 37 movable")
    machine = booted("machine ram=1G", "add a 768M", *lines)
    tx = Transaction(machine.state)
    assert offline.offline_blocks(tx, 32, 37, through="online") is None
    assert online_of(tx, 32, 37) == []


def test_a_range_of_blocks_ends_with_its_last() -> None:
    machine = booted("machine ram=1G", "add a 512M")
    tx = Transaction(machine.state)
    assert online.online_blocks(tx, 33, 34, OnlineType.ONLINE_MOVABLE) is None
    assert online_of(tx, 32, 35) == [33, 34]
    assert offline.offline_blocks(tx, 33, 33) is None
    assert online_of(tx, 32, 35) == [34]


@pytest.mark.parametrize(
    ("lines", "block", "zones", "rule"),
    [
        ((), 0, ("none",), "the block spans several zones or nodes"),
        ((), 1, ("DMA32",), "the zone it is online in"),
        (("add a 256M", "online 32 movable"), 32, ("Movable",), "the zone it is online in"),
        (
            ("add a 256M", "online 32 movable"),
            33,
            ("Normal", "Movable"),
            "contig-zones: neither Normal empty nor Movable [0x100000,0x108000) touches the "
            "range, so kernel memory",
        ),
        (
            ("add a 384M", "online 32 movable", "online 34 movable"),
            33,
            ("Movable", "Normal"),
            "contig-zones: only the span [0x100000,0x118000) of Movable touches the range",
        ),
    ],
)
def test_valid_zones_names_the_zone_of_the_policy_first(
    lines: tuple[str, ...], block: int, zones: tuple[str, ...], rule: str
) -> None:
    state = booted("machine ram=1G", *lines).state
    assert valid_zones(state, block, state.blocks.row_at(block)) == (zones, rule)


def test_valid_zones_of_4_12_names_the_zone_it_is_in_first() -> None:
    state = booted("machine ram=1G profile=4.12", "add a 256M").state
    rule = "it is in a zone since hot-add, and may shift at that zone's edges"
    found = [valid_zones(state, block, state.blocks.row_at(block)) for block in (32, 33)]
    assert found == [(("Normal",), rule), (("Normal", "Movable"), rule)]


@pytest.fixture(scope="module")
def machine() -> Machine:
    """Two DIMMs, blocks 32-35 and 36-39, and a device behind them."""
    return booted("machine ram=1G", "add a 512M", "add b 512M", "device-add p 256M")


def ranges(machine: Machine, *refs: Ref) -> list[tuple[int, int]]:
    return block_ranges(machine.state, refs)


def test_refs_of_blocks(machine: Machine) -> None:
    assert ranges(machine, Ref(first=33)) == [(33, 33)]
    assert ranges(machine, Ref(first=33, last=35)) == [(33, 35)]
    assert ranges(machine, Ref(device="b")) == [(36, 39)]
    assert ranges(machine, Ref(device="b", first=0)) == [(36, 36)]
    assert ranges(machine, Ref(device="b", first=1, last=3)) == [(37, 39)]
    assert ranges(machine, Ref(address=(0x108000000, 0x117FFFFFF))) == [(33, 34)]


def test_refs_are_sorted_and_joined_where_they_touch(machine: Machine) -> None:
    several = (Ref(first=38), Ref(first=32, last=34), Ref(first=35), Ref(first=33))
    assert ranges(machine, *several) == [(32, 35), (38, 38)]
    assert ranges(machine, Ref(first=34), Ref(first=32)) == [(32, 32), (34, 34)]
    assert ranges(machine, Ref(first=32, last=36), Ref(first=33, last=34)) == [(32, 36)]


@pytest.mark.parametrize(
    ("ref", "sentence"),
    [
        (Ref(device="c"), "c: there is no device of that name; there are: a, b, p"),
        (Ref(device="p"), "p: ZONE_DEVICE memory has no memory blocks"),
        (Ref(device="a", first=4), "a[4]: a has blocks 0 to 3"),
        (Ref(device="a", first=2, last=4), "a[4]: a has blocks 0 to 3"),
        (
            Ref(address=(0x108000001, 0x10FFFFFFF)),
            "0x108000001-0x10fffffff: an address range covers whole blocks of 0x8000000 "
            "bytes, its end included; did you mean 0x108000000-0x10fffffff?",
        ),
        (
            Ref(address=(0x108000000, 0x10FFFFFFE)),
            "0x108000000-0x10ffffffe: an address range covers whole blocks of 0x8000000 "
            "bytes, its end included; did you mean 0x108000000-0x10fffffff?",
        ),
        (
            Ref(address=(0x108000001, 0x11FFFFFFE)),
            "0x108000001-0x11ffffffe: an address range covers whole blocks of 0x8000000 "
            "bytes, its end included; did you mean 0x108000000-0x11fffffff?",
        ),
        (
            Ref(address=(0x108000000, 0x108000000)),
            "0x108000000-0x108000000: an address range covers whole blocks of 0x8000000 "
            "bytes, its end included; did you mean 0x108000000-0x10fffffff?",
        ),
        (
            Ref(first=0x108000000),
            "4429185024: the last block that can be addressed is 33554431; did you mean "
            "0x108000000-0x10fffffff?",
        ),
        (
            Ref(first=0, last=33554432),
            "33554432: the last block that can be addressed is 33554431",
        ),
    ],
)
def test_a_ref_that_means_nothing_is_said(machine: Machine, ref: Ref, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        ranges(machine, ref)
    assert str(error.value) == sentence


def test_a_machine_without_devices_says_so() -> None:
    with pytest.raises(InputError, match="there are: none"):
        ranges(booted(), Ref(device="c"))


def test_at_most_8_devices_are_named() -> None:
    machine = booted("machine ram=1G", *(f"add d{i} 128M" for i in range(9)))
    with pytest.raises(InputError, match=r"there are: d0, d1, d2, d3, d4, d5, d6, d7$"):
        ranges(machine, Ref(device="c"))


def test_the_last_block_that_can_be_addressed(machine: Machine) -> None:
    assert ranges(machine, Ref(first=33554431)) == [(33554431, 33554431)]


def test_a_pfn_by_itself_or_within_a_device(machine: Machine) -> None:
    assert pfn_of(machine.state, PfnRef(0x100005)) == 0x100005
    assert pfn_of(machine.state, PfnRef(5, "b")) == 0x120005
    assert pfn_of(machine.state, PfnRef(131071, "b")) == 0x13FFFF
    assert pfn_of(machine.state, PfnRef(0xFFFFFFFFFF)) == 0xFFFFFFFFFF
    with pytest.raises(InputError, match=r"^b\+131072: b has pages 0 to 131071$"):
        pfn_of(machine.state, PfnRef(131072, "b"))
    with pytest.raises(InputError, match=r"^pfn 0x10000000000: the last one is 0xffffffffff$"):
        pfn_of(machine.state, PfnRef(0x10000000000))
    with pytest.raises(InputError, match="c: there is no device"):
        pfn_of(machine.state, PfnRef(0, "c"))


def test_a_batch_logs_a_line_for_each_block() -> None:
    machine = booted("machine profile=4.19", "add dimm0 16G", "online dimm0")
    outcome = machine.run("offline dimm0")
    assert list(outcome.log) == ["Offlined Pages 32768"] * 128


@pytest.mark.parametrize("name", PROFILES)
def test_every_kernel_has_its_order_of_isolation(name: str) -> None:
    """The last pageblock before the middle ones since 5.19; the series are older."""
    lines = ("add a 128M", "online 32 movable", "pin pfn=0x100c00", "pin pfn=0x107f80")
    refusal = booted(f"machine ram=1G profile={name}", *lines).run("offline 32").refusal
    assert refusal is not None
    ends_first = PROFILES[name].is_since("5.19")
    assert (refusal.errno, refusal.pfn) == ("EBUSY", 0x107F80 if ends_first else 0x100C00)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("arch", ["arm64-4k", "arm64-16k", "arm64-64k", "x86_64"])
def test_boot_memory_stays_on_arm64_since_5_7(arch: str, name: str) -> None:
    machine = booted(f"machine ram=4G arch={arch} profile={name}")
    block = (2 << 30) // machine.state.geometry.block_bytes
    outcome = machine.run(f"offline {block}")
    if arch == "x86_64" or not PROFILES[name].is_since("5.7"):
        assert outcome.ok
        return
    assert outcome.errno == "EPERM"
    assert outcome.after.blocks.row_at(block)["state"] == BlockState.ONLINE
    end = "a0000000" if arch == "arm64-64k" else "88000000"
    assert list(outcome.log) == [f"Boot memory [80000000 {end}] offlining attempted"]


def test_a_fault_elsewhere_does_not_part_a_batch() -> None:
    machine = booted("machine ram=1G", "add a 512M", "online a movable")
    machine.run("fail next at=online_pages errno=ENOMEM")
    phases = machine.run("offline a").events
    assert [(event.first_block, event.nr_blocks) for event in phases[:2]] == [(32, 4)] * 2


def test_the_blocks_before_a_failure_have_gone() -> None:
    machine = booted("machine ram=1G", "add a 512M", "online a movable", "pin 34")
    outcome = machine.run("offline a")
    assert outcome.refusal is not None
    assert (outcome.errno, outcome.refusal.block) == ("EBUSY", 34)
    assert online_of(Transaction(outcome.after), 32, 35) == [34, 35]


def test_what_goes_block_by_block_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence that says what to do instead."""
    for module in (chmem, virtio_mem):
        monkeypatch.setattr(module, "MAX_BLOCKS_ONE_BY_ONE", 3)
    pinned = [f"pin {block} kind=unmovable" for block in range(32, 40)]
    machine = booted("machine ram=1G", "add a 1G", "online a kernel", *pinned)
    with pytest.raises(InputError) as error:
        machine.run("chmem -d 128M")
    assert str(error.value) == (
        "chmem: more than 3 blocks cannot be disabled, each found out by trying; ask for less, "
        "or for blocks (-b) that can"
    )
    # A failure that is still to come has each block added by itself.
    machine = booted("machine ram=1G", "fail next at=dissolve_free_hugetlb_folios errno=ENOMEM")
    with pytest.raises(InputError) as error:
        machine.run("virtio-mem vm0 size=1G requested=1G")
    assert str(error.value) == (
        "virtio-mem: more than 3 memory blocks, each by itself because struct pages find no room "
        "near them; ask for less at a time"
    )
    assert machine.run("virtio-mem vm0 size=1G requested=384M").ok
