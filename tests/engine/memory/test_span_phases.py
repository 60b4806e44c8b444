"""The span searches of kernels before 5.5 and of the posts, seen phase by phase."""

from __future__ import annotations

from itertools import product

import pytest

from pfnmap.engine import Machine
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.memory import spans_history
from pfnmap.engine.outcome import Event, Outcome
from tests.examples import some

S = 32768


def machine(line: str, *lines: str) -> Machine:
    start = parse_line(line)
    booted = Machine.boot(start)  # type: ignore[arg-type]
    for each in lines:
        assert booted.run(each).ok, each
    return booted


def searches(outcome: Outcome) -> list[tuple[str, str]]:
    wanted = ("find_smallest_section_pfn", "find_biggest_section_pfn")
    return [(event.function, event.text) for event in outcome.events if event.function in wanted]


def phase(outcome: Outcome, function: str, text: str) -> Event:
    return next(e for e in outcome.events if e.function == function and text in e.text)


PEEL = ("add dimm0 384M at=0x140000000 node=1", "online 40-42 kernel", "offline 42", "offline 41")


def test_a_removal_searches_valid_sections_for_the_zone_and_for_the_node() -> None:
    outcome = machine("machine ram=2G nodes=2 profile=4.19", *PEEL).run("remove 42")
    found = "in [0x140000,0x150000): found pfn 0x14ffff"
    assert searches(outcome) == [
        ("find_biggest_section_pfn", f"Normal of node 1 {found}"),
        ("find_biggest_section_pfn", f"node 1 {found}"),
    ]


def test_the_state_of_a_phase_has_the_zone_changed_and_the_node_not_yet() -> None:
    outcome = machine("machine ram=2G nodes=2 profile=4.19", *PEEL).run("remove 42")
    state = phase(outcome, "find_biggest_section_pfn", "Normal of node 1").state
    assert state.nodes[1].zones[2].spanned == 2 * S
    assert state.nodes[1].spanned == 3 * S


def test_offline_before_5_5_searches_nothing() -> None:
    outcome = machine("machine ram=2G nodes=2 profile=4.19", *PEEL[:2]).run("offline 42")
    assert searches(outcome) == []


@pytest.mark.parametrize("profile", ["shrink-rfc2", "shrink-oct2018"])
def test_the_posted_rules_search_online_sections_at_offline(profile: str) -> None:
    booted = machine(f"machine ram=2G nodes=2 profile={profile}", *PEEL[:3])
    assert [text for _, text in searches(booted.run("offline 40"))] == [
        "Normal of node 1 in [0x148000,0x150000): found pfn 0x148000",
        "node 1 in [0x148000,0x150000): found pfn 0x148000",
    ]


def test_the_forgotten_check_names_the_section_that_it_still_sees() -> None:
    booted = machine(
        "machine ram=2G nodes=2 profile=shrink-rfc2 block=256M",
        "add dimm0 256M at=0x140000000 node=1",
        "online dimm0 kernel",
    )
    outcome = booted.run("offline dimm0")
    assert "empty" in phase(outcome, "shrink_zone_span", "no other section is left").text
    assert "pfn 0x148000 still counts" in phase(outcome, "shrink_pgdat_span", "node 1:").text


def test_a_large_range_shows_the_first_searches_and_the_last() -> None:
    booted = machine("machine ram=4G nodes=2 profile=4.19", "device-add pmem0 64G node=1")
    shown = searches(booted.run("device-del pmem0"))
    assert 16 < len(shown) < 64
    assert booted.state.nodes[1].spanned == 0


@pytest.mark.parametrize("profile", ["4.19", "memmap-v2"])
def test_blocks_offlined_in_one_go_are_what_they_are_one_by_one(profile: str) -> None:
    lines = ("add d 1G node=1", "online d movable")
    at_once = machine(f"machine ram=2G nodes=2 profile={profile}", *lines, "offline d")
    singly = machine(
        f"machine ram=2G nodes=2 profile={profile}", *lines, *(f"offline d[{i}]" for i in range(8))
    )
    assert at_once.state.nodes == singly.state.nodes
    assert (at_once.state.blocks.rows == singly.state.blocks.rows).all()


def test_a_zone_that_outlives_its_node_stays_visible() -> None:
    booted = machine(
        "machine ram=2G nodes=2 profile=4.19",
        "add dimm0 512M at=0x140000000 node=1",
        "online 40 kernel",
        "online 43 movable",
        "offline 43",
        "offline 40",
        "remove dimm0",
    )
    assert not booted.state.nodes[1].online
    rows = [row for row in booted.view().zones if row.node == 1]
    assert [(row.zone.label, row.start_pfn, row.spanned) for row in rows] == [
        ("Movable", 43 * S, S)
    ]


LAYOUTS = (
    ("add a 4G at=0x200000000 node=1", "online a movable", "offline a"),
    ("add a 4G at=0x200000000 node=1", "online a[3-20] kernel", "offline a[3-20]"),
    (
        "add a 4G at=0x200000000 node=1",
        "add b 1G at=0x180000000 node=1",
        "online b kernel",
        "online a[0-30] kernel",
        "offline a[0-30]",
    ),
    (
        "add b 512M at=0x400000000 node=1",
        "add a 4G at=0x200000000 node=1",
        "online b kernel",
        "online a[1-31] kernel",
        "offline a[1-31]",
    ),
    (
        "add a 4G at=0x200000000 node=1",
        "online a[0-9] kernel",
        "online a[18-31] movable",
        "offline a[0-9]",
        "offline a[18-31]",
    ),
    ("add b 1G at=0x280000000 node=0", "add a 2G at=0x200000000 node=1", "online b kernel"),
)


@pytest.mark.parametrize(
    ("layout", "rule", "device"),
    some(product(LAYOUTS, ["remove-valid", "rfc2", "oct2018"], [False, True]), 5),
)
def test_leaving_out_turns_that_do_nothing_changes_nothing(
    layout: tuple[str, ...], rule: str, device: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A removal that looks at every section gives the same spans as one that skips."""
    last = "remove a"
    if device:
        layout = (*layout, "device-add p 4G at=0x800000000 node=1 altmap=512M")
        last = "device-del p"

    def spans(shown: int) -> list[tuple[int, int]]:
        monkeypatch.setattr(spans_history, "MAX_SHOWN", shown)
        booted = machine("machine ram=2G nodes=2 profile=4.19", f"rule shrink={rule}", *layout)
        assert booted.run(last).ok
        return [
            (each.start_pfn, each.spanned)
            for node in booted.state.nodes
            for each in (node, *node.zones)
        ]

    assert spans(1) == spans(1 << 20)


def test_a_removal_of_many_sections_looks_at_few() -> None:
    line = "device-add pmem0 32T node=1 altmap=512G"
    booted = machine("machine ram=2G nodes=2 profile=4.19", line)
    assert len(booted.run("device-del pmem0").events) < 100
    assert booted.state.nodes[1].zones[4].spanned == 0
