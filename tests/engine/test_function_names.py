"""Names of functions by kernel: every one has its source, and no phase has one that came later."""

from __future__ import annotations

import re

import pytest

from pfnmap.engine.function_names import SINCE, name_in
from pfnmap.engine.profile import PROFILES
from tests.engine.test_profile import SOURCE
from tests.engine.tools import booted

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


def test_code_that_was_part_of_several_functions_has_the_name_of_the_one_it_was_in() -> None:
    assert name_in("6.12", "adjust_present_page_count", "online_pages") == (
        "adjust_present_page_count"
    )
    assert name_in("5.5", "adjust_present_page_count", "online_pages") == "online_pages"
    assert name_in("4.12", "create_memory_block_devices") == "register_new_memory"
