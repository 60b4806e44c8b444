"""Names of functions by kernel: every one has its source, and no phase has one that came later."""

from __future__ import annotations

import re

import pytest

from pfnmap.engine.function_names import (
    BEGUN,
    ENDED,
    POSTED,
    SINCE,
    exists,
    name_in,
)
from pfnmap.engine.profile import PROFILES
from tests.engine.test_profile import SOURCE
from tests.engine.tools import booted, misnamed

LIFE = (
    "add dimm0 256M",
    "add dimm0 0K",
    "online 32 movable",
    "offline 32",
    "online dimm0 kernel",
    "hugetlb pages 2M count=2",
    "pin 33",
    "remove dimm0",
    "unpin 33",
    "hugetlb-free pages",
    "remove dimm0",
    "device-add pmem 128M",
    "device-del pmem",
)


@pytest.mark.parametrize("function", SINCE)
def test_every_function_has_a_predecessor_and_a_source(function: str) -> None:
    entry = SINCE[function]
    assert SOURCE.search(entry.source) or re.search(r"[0-9a-f]{12}", entry.source)
    older = name_in("4.12", function, "caller")
    assert older != function
    assert older not in SINCE


@pytest.mark.parametrize("name", PROFILES)
def test_a_kernel_tells_its_phases_by_its_own_functions(name: str) -> None:
    release = PROFILES[name].release
    machine = booted(f"machine ram=1G profile={name}")
    for line in LIFE:
        outcome = machine.run(line)
        told = [event.function for event in outcome.events]
        told += [outcome.refusal.function] if outcome.refusal else []
        assert told == [name_in(release, function, function) for function in told], line
        assert misnamed(outcome) == [], line


def test_every_end_and_beginning_has_a_source() -> None:
    posted = {function: source for function, (_, source) in POSTED.items()}
    for source in [source for _, source in (*ENDED.values(), *BEGUN.values())]:
        assert SOURCE.search(source) or re.search(r"[0-9a-f]{12}", source)
    assert all("20" in source for source in posted.values())


def test_what_was_put_in_the_place_of_a_function_follows_it() -> None:
    """Where a function is gone, what has it in its place begins with that release."""
    for function, entry in SINCE.items():
        if entry.before in ENDED and entry.before != "move_pfn_range":
            assert exists("", entry.release, function)
            assert not exists("", entry.release, entry.before)


def test_a_kernel_has_no_function_of_another_time_or_of_a_series() -> None:
    has = [exists("", each, "hotplug_memory_register") for each in ("4.16", "4.17", "5.2", "5.3")]
    assert has == [False, True, True, False]
    assert not exists("4.19", "4.19", "memory_block_online")
    assert not exists("6.12", "6.12", "move_pfn_range_left")
    assert exists("shrink-rfc2", "4.19", "shrink_pages")
    assert not exists("4.19", "4.19", "shrink_pages")
    assert not exists("memmap-v3", "5.3", "mark_vmemmap_pages")


def test_code_that_was_part_of_several_functions_has_the_name_of_the_one_it_was_in() -> None:
    assert name_in("6.12", "adjust_present_page_count", "online_pages") == (
        "adjust_present_page_count"
    )
    assert name_in("5.5", "adjust_present_page_count", "online_pages") == "online_pages"
    assert name_in("4.12", "create_memory_block_devices") == "register_new_memory"
