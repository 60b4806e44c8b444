"""A machine at boot: whatever its sizes, its struct pages lie in its own RAM."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.engine.machine import Machine
from pfnmap.engine.memory.memmap import home_of
from tests.engine.tools import booted

ARCHITECTURES = ("x86_64", "arm64-4k", "arm64-16k", "arm64-64k", "ppc64-64k")
AROUND_LIMITS = [
    f"{size + more}M"
    for size in (16, 64, 1024, 3072, 4096)
    for more in (-1, 0, 1, 16, 49)
    if size + more > 0
]
SIZES = st.sampled_from(AROUND_LIMITS) | st.integers(1, 20_000).map(lambda number: f"{number * 4}K")


def vmemmap_pages(machine: Machine) -> int:
    rows = machine.state.taken.rows
    return int(rows["count"][rows["kind"] == PageState.VMEMMAP].sum())


@pytest.mark.parametrize("more", [1, 16, 48, 49])
def test_memory_behind_the_hole_may_be_less_than_the_memmap(more: int) -> None:
    """3073M to 3120M of x86: the piece above 4 GiB does not hold the memmap of the whole node."""
    machine = booted(f"machine ram={3072 + more}M")
    assert vmemmap_pages(machine) == 12288 + 4 * more
    machine.check()
    for line in ("add dimm0 640M", "online dimm0 movable", "offline dimm0", "remove dimm0"):
        assert machine.run(line).ok
        machine.check()


@given(
    st.sampled_from(ARCHITECTURES),
    st.lists(st.none() | SIZES, max_size=3),
    SIZES,
)
def test_every_page_of_boot_memory_has_its_struct_page_in_reserved_memory(
    arch: str, others: list[str | None], ram: str
) -> None:
    line = f"machine ram={ram} arch={arch} nodes={len(others) + 1}"
    line += "".join(f" ram{n}={size}" for n, size in enumerate(others, 1) if size)
    try:
        machine = booted(line)
    except InputError as error:
        assert "more" in str(error)
        return
    machine.check()
    state = machine.state
    for start, end, _ in state.early_ram.tolist():
        for pfn in (start, (start + end) // 2, end - 1):
            home = home_of(state, pfn)
            held = None if home is None else state.taken.at(home)
            assert held is not None and held["kind"] == PageState.VMEMMAP
