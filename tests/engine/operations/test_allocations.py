"""Pins: what is placed in a zone comes back to the same zone."""

from __future__ import annotations

from pfnmap.engine.kinds import ZoneType
from tests.engine.tools import booted, span


def test_neighbours_in_two_zones_return_to_both() -> None:
    machine = booted("machine ram=1G", "add d0 256M", "online d0[0] kernel", "online d0[1] movable")
    border = machine.state.block_pfn(33)
    zones = (ZoneType.NORMAL, ZoneType.MOVABLE)
    before = machine.state.free_pages, [span(machine, zone) for zone in zones]
    assert machine.run(f"pin pfn={border - 256:#x} pages=256 kind=offline").ok
    assert machine.run(f"pin pfn={border:#x} pages=256 kind=offline").ok
    assert machine.run("unpin d0 kind=offline").ok
    machine.check()
    assert (machine.state.free_pages, [span(machine, zone) for zone in zones]) == before
