"""Pins: what is placed in a zone comes back to the same zone; pages that stop an offline."""

from __future__ import annotations

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState, ZoneType
from pfnmap.engine.operations import allocations
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


def test_an_offline_that_does_not_end_holds_the_hotplug_lock() -> None:
    machine = booted("machine ram=1G", "add d 512M", "online d movable", "pin 33 kind=longterm")
    outcome = machine.run("offline d")
    assert (outcome.errno, outcome.refusal and outcome.refusal.block) == ("EINTR", 33)
    states = [BlockState(int(machine.state.blocks.row_at(n)["state"])) for n in range(32, 36)]
    assert states == [
        BlockState.OFFLINE,
        BlockState.GOING_OFFLINE,
        BlockState.ONLINE,
        BlockState.ONLINE,
    ]
    machine.check()
    for line in (
        "online 32",
        "add e 128M",
        "remove d",
        "echo 1 > /sys/devices/system/memory/memory32/online",
    ):
        waiting = machine.run(line)
        assert waiting.errno == "EINTR" and "lock" in waiting.refusal.function  # type: ignore[union-attr]
    assert machine.run("signal").errno == "EINTR"
    machine.check()
    with pytest.raises(InputError, match="no offline is under way"):
        machine.run("signal")


def test_an_eject_that_does_not_end_gets_no_signal() -> None:
    machine = booted("machine ram=1G memmap_on_memory=Y", "add d 256M", "online d movable")
    machine.run("pin 33 kind=longterm")
    assert machine.run("remove d").errno == "EINTR"
    with pytest.raises(InputError, match="kworker"):
        machine.run("signal")
    machine.check()
    assert machine.run("unpin 33").ok
    assert not machine.state.devices
    machine.check()


def test_before_4_15_offlining_gave_up() -> None:
    lines = ("add d 256M", "online 33 movable", "pin 33 kind=longterm")
    assert booted("machine ram=1G profile=4.14", *lines).run("offline 33").errno == "EBUSY"
    assert booted("machine ram=1G profile=4.15", *lines).run("offline 33").errno == "EINTR"


@pytest.mark.parametrize(("profile", "errno"), [("6.1", None), ("6.2", "EHWPOISON")])
def test_a_block_remembers_its_poisoned_pages_since_6_2(profile: str, errno: str | None) -> None:
    machine = booted(f"machine ram=1G profile={profile}", "add d 256M", "online d movable")
    free = machine.state.free_pages
    assert machine.run("echo 0x102000000 > /sys/devices/system/memory/soft_offline_page").ok
    assert machine.state.free_pages[0][1] == free[0][1] - 1
    assert machine.run("offline d").ok
    assert machine.state.free_pages[0][1] == 0
    assert machine.run("online 33 movable").ok
    assert machine.run("online 32 movable").errno == errno
    machine.check()


def test_so_many_blocks_may_be_pinned_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocations, "MAX_PINNED_BLOCKS", 4)
    machine = booted("machine ram=1G", "add d 1G", "online d movable")
    assert machine.run("pin 32-33,36-37").ok
    with pytest.raises(InputError, match=r"^pin: 5 blocks in one command; at most 4$"):
        machine.run("pin 32-34,36-37")
