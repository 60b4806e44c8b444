"""The bill: the arithmetic of the posts."""

from __future__ import annotations

import pytest

from pfnmap.engine.compare import compare
from pfnmap.engine.facts import node_memmap
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.tui.figure.amounts import human
from pfnmap.tui.figure.bill import Bill, bill_of
from pfnmap.tui.figure.variants import price_words
from tests.tui.figure.sessions import session_of


def bill(*lines: str) -> Bill:
    return bill_of(session_of(*lines).outcomes[-1].after)


def test_256m_per_device_and_per_block() -> None:
    """In "Re: [PATCH 0/4]" 252M are left, of which per block no run is longer than 126M."""
    runs = []
    for policy in ("device", "memblock"):
        dimm = bill("machine ram=2G profile=memmap-v2", f"add d 256M memmap={policy}").devices[0]
        assert (dimm.usable_bytes, dimm.memmap_pages) == (252 << 20, 1024)
        runs.append((dimm.longest_bytes >> 20, dimm.heads, dimm.refcount, dimm.private))
    assert runs == [(252, 1, 2, 1024), (126, 2, 1, 512)]


def test_a_node_pays_until_the_memory_is_online() -> None:
    lines = ["machine ram=2G nodes=2", "add d 256M node=1"]
    before = bill(*lines).nodes[0]
    assert (before.memmap_pages, before.waiting_pages, before.remote_pages) == (1024, 1024, 1024)
    after = bill(*lines, "online d[0] movable").nodes[0]
    assert (after.memmap_pages, after.waiting_pages) == (1024, 512)


def test_a_node_pays_nothing_for_memory_that_holds_its_own_struct_pages() -> None:
    lines = ("machine ram=2G profile=memmap-v2", "add d 256M memmap=device")
    state = session_of(*lines).outcomes[-1].after
    assert node_memmap(state, 0).pending == bill_of(state).nodes[0].waiting_pages == 0


def test_what_is_isolated_is_not_free() -> None:
    lines = ["machine ram=2G memmap_on_memory=Y", "add d 256M", "online d movable"]
    lines += ["pin d[0] kind=longterm"]
    held = 32768 - 512
    assert bill(*lines).nodes[0].movable_free_pages == 2 * held - 1
    assert bill(*lines, "offline d[0]").nodes[0].movable_free_pages == held
    assert bill(*lines, "offline d[0]", "signal").nodes[0].movable_free_pages == 2 * held - 1
    assert bill(*lines, "offline d[0]", "unpin d[0]").nodes[0].movable_free_pages == held


def test_devices_that_are_alike_stand_together() -> None:
    adds = [f"add d{n} 128M" for n in range(3)]
    shown = bill("machine ram=2G", *adds, "add big 256M")
    assert [len(group) for group in shown.alike] == [3, 1]
    assert shown.lines()[0] == (
        "d0 ... d2, each of 3 devices",
        "size",
        "128M, blocks 32-34, 0 online",
    )


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0"),
        (512, "512B"),
        (252 << 20, "252M"),
        (2016 << 20, "2016M"),
        (1536 << 20, "1.5G"),
        ((2 << 30) - 4096, "2G"),
        (64 << 30, "64G"),
    ],
)
def test_sizes_are_exact_where_few_digits_can_be(size_bytes: int, words: str) -> None:
    assert human(size_bytes) == words


def test_nodes_that_are_alike_stand_together() -> None:
    start = "machine ram=2G nodes=4 ram1=1G ram2=1G ram3=1G"
    assert bill(start, "set auto_online_blocks=online").lines()[1:] == [
        ("nodes 1-3, each", "free now", "1008M (258048 pages)")
    ]


def test_the_buddy_list_stands_where_one_is_set() -> None:
    facts = bill("machine ram=2G", "freelist 0:96 4:4").lines()
    assert ("node 0", "buddy list", "0:96 4:4") in facts


def test_the_price_of_memmap_on_memory_is_a_sentence() -> None:
    scenario = parse_scenario("machine ram=2G\nadd dimm0 64G\nonline dimm0 movable\n")
    one, other = (
        bill_of(run.machine.state) for run in compare(scenario, ["memmap_on_memory=Y"]).runs
    )
    assert list(price_words(one, other)) == [
        "costs 1G of dimm0",
        "saves 1G of node 0",
        "longest run 64G -> 126M",
    ]
    assert not list(price_words(one, one))
