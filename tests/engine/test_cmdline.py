"""Words of the kernel's command line: what they come to, and what is refused."""

from __future__ import annotations

import pytest

from pfnmap.engine import Machine
from pfnmap.engine.commands import StartMachine
from pfnmap.engine.errors import InputError, ParseError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language.lines import format_command, parse_line

RECORDED = "mem=1G movablecore=512M memhp_default_state=online_movable hugepages=16 foo=bar"


def start(line: str) -> StartMachine:
    command = parse_line(line)
    assert isinstance(command, StartMachine)
    assert parse_line(format_command(command)) == command
    return command


def booted(line: str) -> Machine:
    machine = Machine.boot(start(line))
    machine.check()
    return machine


def zones(machine: Machine) -> dict[str, tuple[int, int, int]]:
    rows = [(f"{row.node}{row.zone.label}", row) for row in machine.view().zones]
    return {name: (row.start_pfn, row.spanned, row.present) for name, row in rows if row.spanned}


def test_words_come_to_what_was_recorded_on_6_12() -> None:
    """2 GiB of RAM; spans and pools as 6.12 showed them, but for the holes of its firmware."""
    machine = booted(f'machine ram=2G cmdline="{RECORDED} hugetlb_free_vmemmap=on"')
    assert zones(machine) == {
        "0DMA": (1, 4095, 4095),
        "0DMA32": (4096, 126976, 126976),
        "0Movable": (131072, 131072, 131072),
    }
    view = machine.view()
    assert [view.block(i).valid_zones for i in range(3, 5)] == [("DMA32",), ("Movable",)]  # type: ignore[union-attr]
    assert machine.run("cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages").output == (
        "16",
    )
    params = dict(view.params)
    assert (params["auto_online_blocks"], params["hugetlb_free_vmemmap"]) == (
        "online_movable",
        "on",
    )
    assert view.notes == ("foo=bar: ignored, it says nothing here",)
    assert machine.run("add d 256M").ok
    assert machine.view().block(32).zone == ZoneType.MOVABLE  # type: ignore[union-attr]
    machine.check()


def test_mem_is_an_address_on_x86_and_an_amount_elsewhere() -> None:
    assert zones(booted('machine ram=5G cmdline="mem=4608M"'))["0Normal"] == (
        1 << 20,
        1 << 17,
        1 << 17,
    )
    arm = booted('machine ram=5G arch=arm64-4k cmdline="mem=4608M"')
    assert sum(present for _, _, present in zones(arm).values()) == 4608 << 8


@pytest.mark.parametrize(
    ("line", "movable"),
    [
        ('ram=6G cmdline="kernelcore=4G"', {0: (1 << 20) + (1 << 18) + 1024}),
        ('ram=6G cmdline="movablecore=25%"', {0: (7 << 18) - (6 << 16)}),
        ('ram=4G ram1=4G cmdline="kernelcore=4G"', {0: 1180672, 1: 1441792}),
        ('ram=4G ram1=4G cmdline="movablecore=2G"', {0: 1 << 20, 1: 1 << 21}),
        ('ram=1G ram1=1G arch=arm64-4k cmdline="kernelcore=1G"', {0: 3 << 17, 1: 5 << 17}),
    ],
)
def test_kernel_memory_is_spread_over_the_nodes(line: str, movable: dict[int, int]) -> None:
    rows = booted(f"machine {line}").view().zones
    found = {
        row.node: row.start_pfn for row in rows if row.zone == ZoneType.MOVABLE and row.spanned
    }
    assert found == movable


def test_blocks_with_pages_of_cma_stay_online() -> None:
    """CMA counts as Movable for auto-movable; no isolation but its own passes its pageblocks."""
    machine = booted('machine ram=1G cmdline="cma=256M"')
    zone = next(row for row in machine.view().zones if row.cma)
    assert (zone.zone, zone.cma) == (ZoneType.DMA32, 256 << 8)
    refusal = machine.run("offline 6").refusal
    assert refusal is not None
    assert refusal.rule.endswith("(in a pageblock of CMA)")
    high = booted('machine ram=8G cmdline="cma=256M"')
    assert high.run("offline 32").errno == "EBUSY"  # above 4 GiB it is taken from the bottom


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('cmdline="mem=8G"', "mem=8G: does nothing here: no memory lies behind that"),
        ('cmdline="kernelcore=1G movable_node"', "kernelcore=1G: does nothing beside movable_node"),
        ('cmdline="kernelcore=9G"', "kernelcore=9G: does nothing here: all memory is the kernel's"),
        ('cmdline="kernelcore=100%"', "kernelcore=100%: does nothing here"),
        ('cmdline="movablecore=4K" ram=2G', ""),
        ('cmdline="cma=8G"', "cma=8G: the kernel fails to reserve it"),
        ('cmdline="hugepagesz=4M hugepages=2"', "hugepages=2: x86_64 has no huge pages of 4096 kB"),
        ('profile=4.19 cmdline="memory_hotplug.memmap_on_memory=Y"', "Linux has it since 5.14"),
        ('profile=5.1 cmdline="hugetlb_free_vmemmap=on"', "Linux has it since 5.14"),
        ("nodes=3 distance=10,20,20,10", "4 distances are not those of 3 nodes; expected 9"),
    ],
)
def test_what_would_do_nothing_is_refused_with_the_reason(line: str, reason: str) -> None:
    command = start(f"machine {line}")
    if not reason:
        assert zones(Machine.boot(command))
        return
    with pytest.raises(InputError) as caught:
        Machine.boot(command)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('cmdline="quiet mem=lots"', "mem=lots: expected a size such as 512M"),
        (
            'cmdline="memhp_default_state=on"',
            "the kernel would ignore it; expected offline, online",
        ),
        ('cmdline="memory_hotplug.online_policy=x"', "expected contig-zones or auto-movable"),
        ('cmdline="hugepages=all"', "hugepages=all: expected a number of pages"),
        ('movable_node=N cmdline="movable_node"', "is said on the command line too (movable_node)"),
        ("distance=10,20,20", "3 distances are no square; expected 10,20,20,10 for two nodes"),
        (
            "distance=10,10,20,10",
            "Linux does not use a table with 10 from node 0 to 1 (slit_valid)",
        ),
        ("distance=10", "1 distances are no square"),
    ],
)
def test_wrong_words_are_complained_about_where_they_stand(line: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_line(f"machine {line}")
    assert message in str(caught.value)


def test_distances_order_the_nodes() -> None:
    """As ``numa-distances-slit`` was recorded: node 0 goes to 2 before 3 and 1."""
    slit = "distance=10,31,15,21,31,10,12,40,15,12,10,17,21,40,17,10"
    machine = booted(f"machine ram=512M ram1=256M ram2=256M nodes=4 {slit}")
    log = [line for event in machine.run("add d 128M node=3").events for line in event.log]
    assert "Fallback order for Node 3: 2 0 1 " in log
    log = [line for event in machine.run("online d").events for line in event.log]
    assert "Fallback order for Node 0: 0 2 3 1 " in log
