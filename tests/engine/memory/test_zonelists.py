"""The order of the zonelists and what ``build_all_zonelists`` logs (``mm/page_alloc.c``)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.state import State, Zone
from pfnmap.engine.memory.zonelists import demotion_log, fallback_order, rebuild
from tests.engine.tools import booted


def nodes(*ram: str, profile: str = "6.12") -> State:
    """A machine whose nodes have this much memory each."""
    words = " ".join(f"ram{i}={size}" for i, size in enumerate(ram) if i)
    return booted(
        f"machine ram={ram[0]} nodes={len(ram)} {words} block=128M profile={profile}"
    ).state


def order(state: State, local: int) -> list[int]:
    return fallback_order(state, local, [0] * len(state.nodes))


def with_cpus(state: State, *numbers: int) -> State:
    for number, node in enumerate(state.nodes):
        state = state.with_node(number, replace(node, has_cpu=number in numbers))
    return state


def test_the_own_node_is_first() -> None:
    state = nodes("512M", "512M", "512M")
    assert [order(state, local)[0] for local in range(3)] == [0, 1, 2]


def test_others_at_one_distance_go_round_from_the_own_number_up() -> None:
    """``find_next_best_node`` adds one for a lower number, so that not all begin with node 0."""
    state = nodes("512M", "512M", "512M", "512M")
    assert [order(state, local) for local in range(4)] == [
        [0, 1, 2, 3],
        [1, 2, 3, 0],
        [2, 3, 0, 1],
        [3, 0, 1, 2],
    ]


def test_a_node_with_cpus_comes_after_one_without() -> None:
    """``PENALTY_FOR_NODE_WITH_CPUS``."""
    state = with_cpus(nodes("512M", "512M", "512M"), 0, 1)
    assert order(state, 0) == [0, 2, 1]
    assert order(state, 2) == [2, 0, 1]


def test_the_load_decides_between_equals_and_the_nearest_remote_one_gets_more() -> None:
    state = nodes("512M", "512M", "512M")
    load = [0, 0, 0]
    assert fallback_order(state, 0, load) == [0, 1, 2]
    assert load == [0, 1, 0]
    # One more for being behind the own number weighs more than any load.
    assert fallback_order(state, 1, load) == [1, 2, 0]
    assert load == [0, 1, 1]
    load = [0, 5, 4]
    assert fallback_order(state, 0, load) == [0, 2, 1]
    assert load == [0, 5, 5]


def test_a_node_without_memory_is_in_no_list_of_6_12() -> None:
    state = nodes("512M", "0M", "512M")
    assert [order(state, local) for local in range(3)] == [[0, 2], [2, 0], [2, 0]]


def test_a_node_without_memory_heads_its_own_list_in_6_1() -> None:
    state = nodes("512M", "0M", "512M", profile="6.1")
    assert [order(state, local) for local in range(3)] == [[0, 2], [1, 2, 0], [2, 0]]


def test_the_log_has_a_line_a_node_then_the_zonelists_then_the_policy_zone() -> None:
    _, log = rebuild(nodes("1G", "256M"))
    assert log == [
        "Fallback order for Node 0: 0 1 ",
        "Fallback order for Node 1: 1 0 ",
        "Built 2 zonelists, mobility grouping on.  Total pages: 310271",
        "Policy zone: DMA32",
    ]


def test_total_pages_are_the_managed_ones() -> None:
    state = nodes("1G", "256M")
    managed = sum(zone.managed for node in state.nodes for zone in node.zones)
    assert f"Total pages: {managed}" in rebuild(state)[1][-2]


def test_a_node_that_comes_up_builds_only_its_own() -> None:
    _, log = rebuild(nodes("1G", "0M"), hotadded=1)
    assert log[0] == "Fallback order for Node 1: 0 "
    assert log[1].startswith("Built 1 zonelists")
    assert len(log) == 3


def test_the_masks_of_an_earlier_state_may_count() -> None:
    both, one = nodes("1G", "256M"), nodes("1G", "0M")
    assert rebuild(one, masks=both)[1][:2] == [
        "Fallback order for Node 0: 0 1 ",
        "Fallback order for Node 1: 1 0 ",
    ]
    assert rebuild(one, masks=both)[1][2:] == rebuild(one)[1][2:]


@pytest.mark.parametrize(("managed", "words"), [(2560, "grouping on"), (2559, "grouping off")])
def test_mobility_is_grouped_from_a_pageblock_for_each_of_5_types(managed: int, words: str) -> None:
    state = nodes("512M")
    for zone in ZoneType.DMA, ZoneType.DMA32:
        state = state.with_zone(0, zone, Zone())
    state = state.with_zone(0, ZoneType.NORMAL, Zone(1, 4096, 4096, managed))
    assert words in rebuild(state)[1][-2]


def test_the_policy_zone_is_the_highest_kernel_zone_that_ever_had_pages() -> None:
    state = nodes("512M")
    assert rebuild(state)[0].policy_zone == ZoneType.DMA32
    more = state.with_zone(0, ZoneType.NORMAL, Zone(0x100000, 32768, 32768, 32768))
    assert rebuild(more)[0].policy_zone == ZoneType.NORMAL
    movable = state.with_zone(0, ZoneType.MOVABLE, Zone(0x100000, 32768, 32768, 32768))
    assert rebuild(movable)[0].policy_zone == ZoneType.DMA32
    # Pages that are present but not managed do not count.
    unmanaged = state.with_zone(0, ZoneType.NORMAL, Zone(0x100000, 32768, 32768, 0))
    assert rebuild(unmanaged)[0].policy_zone == ZoneType.DMA32
    # It never goes down again.
    again, log = rebuild(replace(state, policy_zone=ZoneType.NORMAL))
    assert again.policy_zone == ZoneType.NORMAL
    assert log[-1] == "Policy zone: Normal"


def test_demotion_targets_are_logged_when_a_node_gains_or_loses_its_memory() -> None:
    one, both = nodes("512M", "0M"), nodes("512M", "512M")
    assert demotion_log(one, both) == [
        "Demotion targets for Node 0: null",
        "Demotion targets for Node 1: null",
    ]
    assert demotion_log(both, one) == ["Demotion targets for Node 0: null"]
    assert demotion_log(both, both) == []


def test_demotion_targets_are_not_logged_before_6_9() -> None:
    assert (
        demotion_log(
            nodes("512M", "0M", profile="6.8"),
            nodes("512M", "512M", profile="6.8"),
        )
        == []
    )
