"""Page 0 of x86: its RAM is the firmware's, so Linux reserves it."""

from __future__ import annotations

import pytest

from pfnmap.engine.kinds import PageState, ZoneType
from tests.engine.tools import booted, span


def test_page_0_is_reserved_and_counts_nowhere() -> None:
    machine = booted("machine ram=4G")
    assert machine.view().page(0).state is PageState.RESERVED
    assert machine.view().page(1).state is PageState.FREE_DMA
    assert span(machine, ZoneType.DMA)[:3] == (1, 4095, 4095)


def test_its_struct_page_lies_with_those_of_its_neighbours() -> None:
    view = booted("machine ram=4G").view()
    homes = [view.page(pfn).memmap_pfn for pfn in (0, 1, 63, 64)]
    assert homes[0] is not None
    assert homes == [homes[0], homes[0], homes[0], homes[0] + 1]


@pytest.mark.parametrize("arch", ["arm64-4k", "ppc64-64k"])
def test_other_architectures_use_their_first_page(arch: str) -> None:
    machine = booted(f"machine arch={arch} ram=4G")
    first = int(machine.state.early_ram[0, 0])
    assert machine.view().page(first).state is not PageState.RESERVED
