"""How much memory is free, and where struct pages taken from it are placed."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from pfnmap.engine.kinds import FREE_BY_ZONE, KERNEL_ZONES, PageState, ZoneType
from pfnmap.engine.memory import free_memory
from pfnmap.engine.memory.free_memory import KERNEL, MOVABLE
from pfnmap.engine.memory.state import State
from pfnmap.engine.scenarios.scenario import load_scenario
from pfnmap.engine.sources import scenario_session, shipped_scenarios
from tests.engine.tools import booted
from tests.fuzz.limits import HANGS_AFTER_SECONDS, bounded


def machine(*lines: str, line: str = "machine ram=1G") -> State:
    return booted(line, *lines).state


def pairs(*numbers: tuple[int, int]) -> State:
    """A machine whose nodes have this many (kernel, movable) free pages."""
    line = f"machine ram=1G nodes={len(numbers)}"
    return replace(machine(line=line), free_pages=numbers)


def test_movable_memory_is_counted_apart() -> None:
    assert [free_memory.zone_class(zone) for zone in (*KERNEL_ZONES, ZoneType.MOVABLE)] == [
        KERNEL,
        KERNEL,
        KERNEL,
        MOVABLE,
    ]


def test_a_node_that_is_not_there_has_nothing() -> None:
    state = pairs((5, 6), (7, 8))
    assert [free_memory.free_of(state, node) for node in range(3)] == [(5, 6), (7, 8), (0, 0)]


@pytest.mark.parametrize(
    ("node", "kind", "nr_pages", "after"),
    [
        (0, KERNEL, 10, ((110, 100), (100, 100))),
        (1, MOVABLE, 10, ((100, 100), (100, 110))),
        (0, KERNEL, -100, ((0, 100), (100, 100))),
        # A shortfall is taken from the node's other memory first,
        (0, KERNEL, -130, ((0, 70), (100, 100))),
        (0, MOVABLE, -130, ((70, 0), (100, 100))),
        (1, KERNEL, -200, ((100, 100), (0, 0))),
        # then from the other nodes in order, kernel memory before movable memory,
        (0, KERNEL, -250, ((0, 0), (50, 100))),
        (1, MOVABLE, -330, ((0, 70), (0, 0))),
        # and what is nowhere is not taken.
        (0, KERNEL, -500, ((0, 0), (0, 0))),
    ],
)
def test_a_shortfall_is_taken_elsewhere(
    node: int, kind: int, nr_pages: int, after: tuple[tuple[int, int], ...]
) -> None:
    state = free_memory.change(pairs((100, 100), (100, 100)), node, kind, nr_pages)
    assert state.free_pages == after


def test_kernel_memory_is_looked_for_in_zonelist_order() -> None:
    state = machine(line="machine ram=1G nodes=3 ram1=256M ram2=256M")
    assert free_memory.kernel_nodes(state, 1) == [1, 2, 0]


def listed(*counts: tuple[int, int]) -> State:
    return replace(machine(), freelists={0: counts})


def test_without_a_buddy_list_every_order_can_be_served() -> None:
    state = machine()
    assert free_memory.has_order(state, 0, 10)
    assert free_memory.freelist_pages(state, 0) is None
    assert free_memory.take_from_freelist(state, 0, 9, 512) is state


@pytest.mark.parametrize(("order", "served"), [(3, True), (4, True), (5, False)])
def test_a_block_of_an_order_or_above_serves_it(order: int, served: bool) -> None:
    assert free_memory.has_order(listed((0, 7), (4, 1), (6, 0)), 0, order) is served


def test_the_pages_of_a_buddy_list() -> None:
    assert free_memory.freelist_pages(listed((0, 7), (4, 2), (9, 1)), 0) == 7 + 32 + 512


@pytest.mark.parametrize(
    ("before", "order", "after"),
    [
        # The smallest block that serves; what is over is split down as ``expand()`` does.
        (((9, 2),), 9, ((9, 1),)),
        (((9, 1), (10, 1)), 9, ((10, 1),)),
        (((10, 1),), 9, ((9, 1),)),
        (((4, 1),), 1, ((1, 1), (2, 1), (3, 1))),
        (((0, 5), (3, 1), (4, 1)), 3, ((0, 5), (4, 1))),
        (((2, 1), (4, 1)), 3, ((2, 1), (3, 1))),
    ],
)
def test_one_block_of_an_order(
    before: tuple[tuple[int, int], ...], order: int, after: tuple[tuple[int, int], ...]
) -> None:
    state = free_memory.take_from_freelist(listed(*before), 0, order, 1 << order)
    assert state.freelists[0] == after


@pytest.mark.parametrize(
    ("before", "nr_pages", "after"),
    [
        # Single pages: the smallest blocks first; the rest of a split one stays in powers of 2.
        (((0, 5),), 3, ((0, 2),)),
        (((0, 2), (1, 3)), 4, ((1, 2),)),
        (((3, 1),), 3, ((0, 1), (2, 1))),
        (((3, 2),), 9, ((0, 1), (1, 1), (2, 1))),
        (((0, 1), (2, 1)), 5, ()),
        (((0, 1), (2, 1)), 9, ()),
        (((1, 1), (4, 1)), 3, ((0, 1), (1, 1), (2, 1), (3, 1))),
    ],
)
def test_single_pages(
    before: tuple[tuple[int, int], ...], nr_pages: int, after: tuple[tuple[int, int], ...]
) -> None:
    state = free_memory.take_from_freelist(listed(*before), 0, 0, nr_pages)
    assert state.freelists[0] == after


def test_the_lists_of_other_nodes_stay() -> None:
    state = replace(machine(), freelists={0: ((9, 1),), 1: ((9, 3),)})
    assert free_memory.take_from_freelist(state, 0, 9, 512).freelists == {0: (), 1: ((9, 3),)}


def located(state: State, node: int, nr_pages: int, align: int = 1) -> list[list[int]]:
    found: list[list[int]] = free_memory.locate(state, node, nr_pages, align).tolist()
    return found


def test_struct_pages_are_placed_from_the_top_of_boot_memory() -> None:
    """Below the vmemmap of the boot, which fills the last 16 MiB of 1 GiB."""
    state = machine()
    assert located(state, 0, 512) == [[0x3EE00, 0x3F000]]
    assert located(state, 0, 1) == [[0x3EFFF, 0x3F000]]
    assert located(state, 0, 0) == []


def test_a_placement_is_whole_units() -> None:
    assert located(machine(), 0, 513, 512) == [[0x3EC00, 0x3F000]]


def test_nodes_have_their_own() -> None:
    state = machine(line="machine ram=1G nodes=2 ram1=256M")
    assert located(state, 1, 1) == [[0x4FBFF, 0x4FC00]]


def test_hot_added_kernel_memory_comes_after_boot_memory() -> None:
    state = machine("add a 256M", "online 32 kernel", "online 33 movable")
    everything = located(state, 0, 1 << 30)
    assert everything[0][1] <= 0x40000
    assert everything[-1] == [0x100000, 0x108000]
    assert not any(low >= 0x108000 for low, _ in everything)


def test_zone_dma_of_x86_is_left_alone() -> None:
    assert min(low for low, _ in located(machine(), 0, 1 << 30)) >= 0x1000
    # On arm64 all memory below 4 GiB is DMA.
    assert located(machine(line="machine ram=1G arch=arm64-4k"), 0, 1 << 30)


def test_pages_in_use_and_vmemmap_of_the_block_are_passed_by() -> None:
    line = "machine ram=1G memmap_on_memory=Y"
    state = machine("add a 256M", "online a kernel", "pin pfn=0x104000 pages=256", line=line)
    hot = [pair for pair in located(state, 0, 1 << 30) if pair[0] >= 0x100000]
    assert hot == [[0x108200, 0x110000], [0x104100, 0x108000], [0x100200, 0x104000]]
    aligned = [pair for pair in located(state, 0, 1 << 30, 512) if pair[0] >= 0x100000]
    assert aligned == [[0x108200, 0x110000], [0x104200, 0x108000], [0x100200, 0x104000]]


def test_a_range_too_small_for_a_unit_is_passed_by() -> None:
    state = machine("add a 128M", "online a kernel", "pin pfn=0x100100 pages=32512")
    assert [pair for pair in located(state, 0, 1 << 30, 512) if pair[0] >= 0x100000] == []
    assert [pair for pair in located(state, 0, 1 << 30, 256) if pair[0] >= 0x100000] == [
        [0x100000, 0x100100]
    ]


def test_holes_of_boot_memory_are_passed_by() -> None:
    state = machine(line="machine ram=4G")
    ranges = sorted((low, high) for low, high in located(state, 0, 1 << 30))
    ram = [(int(low), int(high)) for low, high, _ in state.early_ram]
    assert all(any(a <= low and high <= b for a, b in ram) for low, high in ranges)
    assert {next(i for i, (a, b) in enumerate(ram) if a <= low < b) for low, _ in ranges} == {
        i for i, (_, b) in enumerate(ram) if b > 0x1000
    }


def test_a_hole_within_a_block_is_passed_by() -> None:
    state = machine()
    pieces = [(1, 0x30000, 0), (0x30080, 0x38080, 0), (0x38100, 0x40000, 0)]
    state = replace(state, early_ram=np.array(pieces, np.int64))
    assert located(state, 0, 1 << 30)[:3] == [
        [0x38100, 0x3F000],
        [0x30080, 0x38080],
        [0x8000, 0x30000],
    ]


def test_more_than_there_is_gives_what_there_is() -> None:
    state = machine()
    held = sum(high - low for low, high in located(state, 0, 1 << 30))
    assert held <= state.free_pages[0][KERNEL]
    assert located(state, 1, 5) == []


def test_placed_pages_are_taken() -> None:
    state = machine()
    extents = np.array([[0x8000, 0x8010], [0x9000, 0x9001]], np.int64)
    taken = free_memory.place(state, extents, PageState.VMEMMAP, 7).taken
    for pfn, held in ((0x7FFF, False), (0x8000, True), (0x800F, True), (0x8010, False)):
        assert (taken.at(pfn) is not None) is held
    row = taken.at(0x9000)
    assert row is not None
    assert (int(row["kind"]), int(row["owner"])) == (PageState.VMEMMAP, 7)


def test_struct_pages_return_to_the_node_they_came_from() -> None:
    line = "machine ram=1G nodes=2 ram1=256M"
    before = machine(line=line)
    state = machine("add a 256M node=1", line=line)
    assert state.free_pages == ((before.free_pages[0]), (before.free_pages[1][0] - 1024, 0))
    half = free_memory.give_back_memmap(state, 0x108000, 0x110000, early=False)
    assert half.free_pages[1] == (before.free_pages[1][0] - 512, 0)
    assert half.homes.at(0x107FFF) is not None
    assert half.homes.at(0x108000) is None
    rest = free_memory.give_back_memmap(half, 0x100000, 0x110000, early=False)
    assert rest.free_pages == before.free_pages
    assert not len(rest.homes.slice(0x100000, 0x110000))
    assert (rest.taken.rows == before.taken.rows).all()


def test_frames_that_became_something_else_do_not_return() -> None:
    """Of struct pages that a huge page gave back, only what is still there is freed."""
    line = "machine ram=1G hugetlb_free_vmemmap=on"
    lines = ("add a 128M", "online a movable", "hugetlb h 2M count=2")
    state = machine(*lines, line=line)
    freed = free_memory.give_back_memmap(state, 0x100000, 0x108000, early=False)
    assert freed.free_pages[0][KERNEL] - state.free_pages[0][KERNEL] == 512 - 14


def test_powerpc_returns_a_chunk_when_its_window_is_empty() -> None:
    """One page of 16 MiB holds the struct pages of 16 GiB."""
    line = "machine ram=1G arch=ppc64-64k"
    state = machine(
        "add a 1G at=16G", "add b 1G at=17G", "add c 1G at=32G", "add d 1G at=48G", line=line
    )
    start, end, next_end = 0x40000, 0x44000, 0x48000
    free = state.free_pages[0][KERNEL]
    one = free_memory.give_back_memmap(state, start, end, early=False)
    assert one.free_pages[0][KERNEL] == free
    both = free_memory.give_back_memmap(one, end, next_end, early=False)
    assert both.free_pages[0][KERNEL] == free + 256
    other = free_memory.give_back_memmap(both, 0x80000, 0x84000, early=False)
    assert other.free_pages[0][KERNEL] == free + 512


def test_a_range_larger_than_a_block_is_not_looked_for_block_by_block() -> None:
    """A petabyte of blocks that host their own struct pages: found out at once, or never."""
    state = machine(
        "add dimm0 1P", "online dimm0 movable", line="machine ram=1G memmap_on_memory=Y"
    )
    found = free_memory.free_ranges(state, 0, (ZoneType.MOVABLE,), 262144)
    with bounded(HANGS_AFTER_SECONDS):
        assert next(found, None) is None


def test_struct_pages_of_removed_boot_memory_are_managed_from_then_on() -> None:
    """They were reserved: ``free_reserved_page`` counts each of them."""
    state = machine("offline 16", line="machine ram=4G")
    after = machine("offline 16", "remove 16", line="machine ram=4G")
    managed = [sum(zone.managed for zone in each.nodes[0].zones) for each in (state, after)]
    assert managed[1] - managed[0] == 512
    assert after.free_pages[0][KERNEL] - state.free_pages[0][KERNEL] == 512


@pytest.mark.parametrize("name", ["order-9-falls-back-x86", "hugetlb-upper-half-of-2g-block"])
def test_the_map_draws_as_many_pages_free_as_are_counted(name: str) -> None:
    """Also the page tables of base pages, and what is taken for struct pages freed wrongly."""
    session = scenario_session(load_scenario(shipped_scenarios()[name]))
    for position in range(len(session.outcomes) + 1):
        view = session.view_at(position)
        drawn = view.page_counts(np.array([view.first_pfn, view.end_pfn]))[0]
        free = np.array(view.state.free_pages).sum(axis=0).tolist()
        movable = int(drawn[PageState.FREE_MOVABLE])
        assert [int(drawn[[*FREE_BY_ZONE.values()]].sum()) - movable, movable] == free


def test_what_all_has_a_place_near_first_leaves_nothing_elsewhere() -> None:
    """Not even a run of no pages on another node."""
    state = machine("add d 256M node=1", "online d movable", line="machine ram=2G nodes=2")
    moved = free_memory.move_in(state, 0, KERNEL, 8)
    assert moved.taken.check() == []
    assert sum(np.subtract(state.free_pages, moved.free_pages).ravel().tolist()) == 8
