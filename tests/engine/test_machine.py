"""A machine, command by command and phase by phase."""

from __future__ import annotations

from importlib import import_module
from inspect import signature

import pytest

from pfnmap.engine import Machine
from pfnmap.engine.commands import VERBS, Kind, Online, Ref, StartMachine, Verb
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import BlockState
from pfnmap.engine.profile import NEWEST
from tests.engine.tools import booted

ONLINE = Online((Ref(40, 40),))


def block_state(machine: Machine) -> BlockState:
    row = machine.state.blocks.row_at(40)
    return BlockState(int(row["state"]))


def test_a_prediction_changes_nothing_and_is_what_then_happens() -> None:
    machine = booted("machine", "add dimm0 256M")
    before = machine.state
    predicted = machine.predict(ONLINE)
    assert machine.state is before
    applied = machine.apply(ONLINE)
    assert [event.text for event in applied.events] == [event.text for event in predicted.events]
    assert applied.events and machine.state is applied.after


def test_stepping_shows_the_machine_in_every_phase() -> None:
    machine = booted("machine", "add dimm0 256M")
    seen = [(event.function, machine.state is event.state) for event in machine.step(ONLINE)]
    assert len(seen) > 3
    assert all(shown for _, shown in seen)
    assert block_state(machine) == BlockState.ONLINE
    machine.check()


def test_a_step_left_half_way_leaves_the_machine_in_that_phase() -> None:
    machine = booted("machine", "add dimm0 256M")
    phases = machine.step(ONLINE)
    first = next(phases)
    assert machine.state is first.state
    assert block_state(machine) == BlockState.OFFLINE


def test_an_empty_line_is_no_command() -> None:
    with pytest.raises(InputError, match="an empty line is no command"):
        booted("machine").run("  # nothing")


def test_a_machine_of_a_kernel_that_is_not_known_yet_says_whose_rules_it_follows() -> None:
    view = Machine.boot(StartMachine(profile="9.1")).view()
    assert (view.profile_name, view.kernel_release) == (NEWEST, "9.1")
    assert Machine.boot(StartMachine(profile="6.9")).view().profile_name == "6.9"


def test_a_plugged_device_keeps_its_place() -> None:
    """Whatever became of its memory: no second device fits where a DIMM is plugged."""
    machine = booted("machine ram=1G", "add dimm0 512M", "remove 32-33")
    for line in ("add dimm1 256M at=0x100000000", "device-add pmem0 256M at=0x100000000"):
        refused = machine.run(line)
        assert refused.errno == "EEXIST" and "dimm0 is plugged" in str(refused.refusal)
    assert machine.run("add dimm1 256M").ok
    assert machine.state.device_named("dimm1").start_pfn == 0x120000  # type: ignore[union-attr]
    # A block that is probed belongs to the DIMM that it lies in.
    assert machine.run("echo 0x100000000 > /sys/devices/system/memory/probe").ok
    machine.check()
    assert machine.run("remove dimm0").ok
    assert [d.name for d in machine.state.devices.values()] == ["dimm1"]
    machine.check()


def test_a_dimm_whose_memory_was_refused_stays_plugged() -> None:
    """It is unplugged by name, tried again by name, and tried by the bus scan of 6.12."""
    machine = booted("machine ram=1G", "free 3M")
    assert machine.run("add dimm0 256M").errno == "ENOMEM"
    assert machine.run("remove dimm0").ok
    assert machine.run("free 64M").ok
    assert machine.run("add dimm1 256M at=0x100000000").errno == "EEXIST"
    assert machine.run("add dimm2 256M").ok  # behind the sections that are still mapped
    assert machine.run("add dimm0 200M at=0x180000000").errno == "EINVAL"
    again = machine.run("add dimm0 256M at=0x180000000")
    assert again.ok
    machine.check()


def test_a_dimm_whose_memory_was_refused_makes_way() -> None:
    """For a DIMM and for a device: neither would be told where it may lie."""
    for line in ("add dimm1 256M at=0x188000000", "device-add pmem0 128M at=0x188000000"):
        machine = booted("machine ram=1G profile=6.1")
        assert machine.run("add dimm0 512M at=0x180000000 memmap=on_memory").errno == "EINVAL"
        assert [name for name, _, _ in machine.state.plugged()] == ["dimm0"]
        assert machine.run(line).ok
        assert [name for name, _, _ in machine.state.plugged()] == [line.split()[1]]
        machine.check()


@pytest.mark.parametrize(
    ("dimm", "plugged"),
    [
        ("add n 1G memmap=on_memory", ["n"]),
        ("add n 200M at=0x10c000000", ["n"]),
        ("add n 128M at=0x114000000", ["probe-0x110000000"]),
    ],
)
def test_memory_is_probed_where_a_refused_dimm_is_plugged(dimm: str, plugged: list[str]) -> None:
    """The block lies in that DIMM; one that holds a part of the block makes way."""
    machine = booted("machine ram=3G profile=6.1")
    assert machine.run(dimm).errno == "EINVAL"
    assert machine.run("fail next at=create_memory_block_devices errno=ENOMEM").ok
    assert machine.run("echo 0x110000000 > /sys/devices/system/memory/probe").errno == "ENOMEM"
    assert [name for name, _, _ in machine.state.plugged()] == ["n"]
    machine.check()
    assert machine.run("echo 0x110000000 > /sys/devices/system/memory/probe").ok
    assert [name for name, _, _ in machine.state.plugged()] == plugged
    machine.check()
    assert machine.run("online 34 movable").ok
    assert machine.run(f"remove {plugged[0]}").ok
    assert machine.state.plugged() == []
    machine.check()


ACTIONS = [verb for verb in VERBS.values() if verb.kind in (Kind.ACTION, Kind.PARAMETER)]


@pytest.mark.parametrize("verb", ACTIONS, ids=lambda verb: verb.name)
def test_the_effect_of_a_verb_is_a_function_of_an_operation_for_its_command(verb: Verb) -> None:
    module, _, function = verb.effect.partition(".")
    does = getattr(import_module(f"pfnmap.engine.operations.{module}"), function)
    annotations = [each.annotation for each in signature(does).parameters.values()]
    assert annotations == ["Transaction", verb.command.__name__]


def test_a_verb_that_is_no_action_has_no_effect() -> None:
    assert not [verb.name for verb in VERBS.values() if verb not in ACTIONS and verb.effect]


@pytest.mark.parametrize(
    ("profile", "mapping", "why"),
    [
        ("4.12", "private", "has no HMM, it came with 4.14"),
        ("5.5", "public", "was taken out in 5.3"),
    ],
)
def test_memory_of_hmm_is_refused_where_the_kernel_has_none(
    profile: str, mapping: str, why: str
) -> None:
    machine = Machine.boot(StartMachine(profile=profile))
    with pytest.raises(InputError, match=why):
        machine.run(f"device-add p 128M mapping={mapping}")


@pytest.mark.parametrize(("rule", "errno"), [("yes", "EEXIST"), ("no", None)])
def test_sections_of_a_failed_add_are_in_the_way_of_a_device(rule: str, errno: str | None) -> None:
    """Where they are not (before 5.3), the device has them, and nobody once it is gone."""
    machine = Machine.boot(StartMachine(ram_bytes=1 << 30))
    assert machine.run("add dimm0 1P").errno == "ENOMEM"
    machine.run(f"rule mapped_sections_fail={rule}")
    outcome = machine.run("device-add pmem0 2M at=0x1b0000000 altmap=2M")
    assert outcome.errno == errno
    assert errno is None or "still mapped after an earlier failed add" in str(outcome.refusal)
    if errno is None:
        assert machine.run("device-del pmem0").ok
        assert machine.run("add dimm1 384M at=0x1a8000000").errno == "ENOMEM"
    machine.check()
