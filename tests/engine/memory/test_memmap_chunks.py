"""powerpc's 16 MiB memmap chunks: one for each 16 GiB window, shared by all memory in it."""

from __future__ import annotations

import pytest

from pfnmap.engine import Machine
from pfnmap.engine.facts import total_facts
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory import memmap

CHUNK = 256
WINDOW = CHUNK * 1024


def machine(*lines: str, profile: str = "4.19") -> Machine:
    start = parse_line(f"machine ram=4G arch=ppc64-64k profile={profile}")
    booted = Machine.boot(start)  # type: ignore[arg-type]
    for line in lines:
        assert booted.run(line).ok, line
    return booted


def free_kernel_pages(booted: Machine) -> int:
    return booted.state.free_pages[0][0]


def test_the_chunk_is_taken_by_the_first_memory_of_a_window_only() -> None:
    booted = machine()
    before = free_kernel_pages(booted)
    booted.run("add a 256M at=0x400000000")
    assert free_kernel_pages(booted) == before - CHUNK
    booted.run("add b 256M at=0x500000000")
    assert free_kernel_pages(booted) == before - CHUNK


def test_struct_pages_lie_at_their_place_in_the_windows_chunk() -> None:
    booted = machine("add a 256M at=0x500000000", "add b 256M at=0x400000000")
    first = memmap.home_of(booted.state, WINDOW)
    assert first is not None
    assert memmap.home_of(booted.state, WINDOW + 0x10000) == first + 64
    assert memmap.home_of(booted.state, WINDOW + 1023) == first


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_chunk_returns_with_the_last_memory_of_its_window(order: tuple[str, str]) -> None:
    booted = machine()
    before = free_kernel_pages(booted)
    for line in ("add a 256M at=0x400000000", "add b 256M at=0x500000000"):
        booted.run(line)
    booted.run(f"remove {order[0]}")
    assert free_kernel_pages(booted) == before - CHUNK
    booted.run(f"remove {order[1]}")
    assert free_kernel_pages(booted) == before
    booted.check()


def test_memory_over_several_windows_takes_and_returns_a_chunk_for_each() -> None:
    booted = machine()
    before = free_kernel_pages(booted)
    booted.run("add a 32G at=0x600000000")
    assert free_kernel_pages(booted) == before - 3 * CHUNK
    homes = [memmap.home_of(booted.state, number * WINDOW) for number in (2, 3)]
    assert None not in homes
    booted.run("remove a")
    assert free_kernel_pages(booted) == before


def test_removing_the_memory_that_hosts_a_window_breaks_the_others_in_it() -> None:
    booted = machine(
        "add a 256M at=0x400000000 memmap=device",
        "add b 256M at=0x410000000 memmap=memblock",
        profile="memmap-v2",
    )
    assert memmap.home_of(booted.state, WINDOW + 4096) == WINDOW + 4
    assert booted.run("remove a").ok
    texts = [finding.text for finding in booted.view().findings]
    assert any(
        "struct pages of pfns 0x41000-0x41fff lie in memory that is removed" in t for t in texts
    )


def test_memory_that_is_gone_has_no_remote_struct_pages() -> None:
    start = parse_line("machine ram=2G nodes=2 profile=memmap-v2")
    booted = Machine.boot(start)  # type: ignore[arg-type]
    for line in ("add a 1G node=1 at=0x100000000", "remove 32"):
        assert booted.run(line).ok
    assert total_facts(booted.state).remote_memmap_bytes == 0
