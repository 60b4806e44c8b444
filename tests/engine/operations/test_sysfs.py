"""What the files of sysfs answer where a write or a read is not the usual one."""

from __future__ import annotations

from itertools import islice

import pytest
from msgspec.structs import replace

from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations.sysfs import write_each
from tests.engine.tools import answers, booted

MEMORY = "/sys/devices/system/memory"
NODE = "/sys/devices/system/node"
PARAMETERS = "/sys/module/memory_hotplug/parameters"
POOL = "/sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages"


def test_a_word_goes_to_files_of_blocks_and_to_others_in_the_order_of_their_names() -> None:
    tx = Transaction(booted("machine ram=1G", "add a 256M").state)
    others = [f"{MEMORY}/auto_online_blocks", f"{MEMORY}/vmemmap_hotplug", POOL.format(2048)]
    paths = [f"{MEMORY}/memory32/state", *others, f"{MEMORY}/memory33/state"]
    refused = list(islice(write_each(tx, "online_movable", paths), 5))
    assert [(at, refusal.errno) for at, refusal in refused] == [(2, "ENOENT"), (3, "EINVAL")]
    assert dict(tx.state.params.words())["auto_online_blocks"] == "online_movable"
    assert tx.state.zone(0, ZoneType.MOVABLE).present == 2 * 0x8000


def test_a_glob_fails_as_the_last_of_its_files_that_fails() -> None:
    machine = booted("machine ram=1G", "add a 512M", "online a movable")
    for block in (33, 34, 35):
        assert machine.run(f"pin {block} kind=unmovable").ok
    assert answers(machine, f"echo offline | sudo tee {MEMORY}/memory3?/state") == ["EBUSY"]
    assert machine.run("unpin 33").ok
    refusal = machine.run(f"echo offline | sudo tee {MEMORY}/memory3[2-4]/state").refusal
    assert refusal is not None and (refusal.errno, refusal.block) == ("EBUSY", 34)
    refusal = machine.run(f"echo offline | sudo tee {MEMORY}/memory3[2-5]/state").refusal
    assert refusal is not None and (refusal.errno, refusal.block) == ("EBUSY", 35)


def test_a_kernel_without_a_probe_file_says_so() -> None:
    machine = booted()
    machine.state = replace(machine.state, probe_file=False)
    refusal = machine.run(f"echo 0x100000000 > {MEMORY}/probe").refusal
    assert refusal is not None
    assert (refusal.errno, refusal.function) == ("EACCES", "sysfs")
    assert refusal.rule == "this kernel is without CONFIG_ARCH_MEMORY_PROBE"


@pytest.mark.parametrize(
    "path", [f"{NODE}/node7/memory33/state", f"{MEMORY}/memory1x/state", f"{NODE}/node0/memory3/x"]
)
def test_a_file_that_the_model_would_have_is_not_there(path: str) -> None:
    refusal = booted().run(f"echo 1 > {path}").refusal
    assert refusal is not None and refusal.function == "sysfs"


def test_files_of_dax_wait_for_an_offline_that_does_not_end() -> None:
    machine = booted("machine ram=2G", "add a 256M", "online a movable", "device-add p 256M")
    assert machine.run("pin 32 kind=longterm").ok
    machine.run("offline 32")
    assert machine.state.pending is not None
    waiting = answers(
        machine,
        "echo dax0.0 > /sys/bus/dax/drivers/device_dax/unbind",
        "echo 1 > /sys/bus/dax/devices/dax0.0/memmap_on_memory",
    )
    assert waiting == answers(machine, f"echo 1 > {MEMORY}/memory33/online", "online 33")
    assert waiting == ["EINTR", "EINTR"]


def test_an_eject_whose_offline_fails_succeeds_and_says_what_fails_later() -> None:
    machine = booted("machine ram=1G", "add a 256M", "online a movable", "pin 32 kind=unmovable")
    outcome = machine.run("echo 1 > /sys/bus/acpi/devices/PNP0C80:00/eject")
    assert outcome.ok
    (note,) = outcome.notes
    assert note.startswith("the eject fails later: EBUSY, ")


def test_a_module_parameter_of_another_kernel_is_not_there() -> None:
    machine = booted("machine ram=1G profile=4.19")
    path = f"{PARAMETERS}/online_policy"
    assert answers(machine, f"echo contig-zones > {path}", f"cat {path}") == ["ENOENT", "ENOENT"]
    assert booted().run(f"cat {path}").output == ("contig-zones",)
    refusal = booted().run(f"echo 1 > {PARAMETERS}/nonsense").refusal
    assert refusal is not None and refusal.errno == "ENOENT"


def test_pools_of_sizes_that_the_architecture_has_not_are_not_there() -> None:
    machine = booted()
    assert (
        answers(
            machine,
            f"cat {POOL.format(64)}",
            f"echo 1 > {POOL.format(64)}",
            f"cat {NODE}/node0/hugepages/hugepages-64kB/nr_hugepages",
        )
        == ["ENOENT"] * 3
    )


def test_a_pool_takes_any_number_of_64_bits() -> None:
    machine = booted("machine ram=1G")
    path = POOL.format(1048576)
    assert answers(
        machine, *(f"echo {number} > {path}" for number in (10**19, 1 << 64, 10**20))
    ) == [
        None,
        "ERANGE",
        "ERANGE",
    ]


def test_the_meminfo_of_a_node_counts_the_huge_pages_on_it() -> None:
    machine = booted(
        "machine ram=2G nodes=2 ram1=1G", "hugetlb a 2M count=3 node=1", "hugetlb b 2M node=0"
    )
    for node, count in ((0, 1), (1, 3)):
        lines = machine.run(f"cat {NODE}/node{node}/meminfo").output
        assert lines[-1].split() == ["Node", str(node), "HugePages_Total:", str(count)]


def test_a_missing_file_does_not_end_the_reading_of_others() -> None:
    outcome = booted().run(
        f"cat {MEMORY}/memory3/subsystem {MEMORY}/memory999/state {MEMORY}/memory3/state"
    )
    assert outcome.errno == "ENOENT"
    assert outcome.output == ("online",)
    assert len(outcome.notes) == 1 and "memory3/subsystem" in outcome.notes[0]


def test_a_dimm_whose_add_failed_is_ejected_where_a_driver_holds_it() -> None:
    """EEXIST counts as success there, so the driver holds a DIMM that added no memory."""
    eject = "echo 1 > /sys/bus/acpi/devices/PNP0C80:00/eject"
    machine = booted("machine ram=1G")
    assert answers(machine, "add d 128M at=0x10000000000000", eject) == ["E2BIG", "ENODEV"]
    (dimm,) = machine.state.failed_dimms
    machine.state = replace(machine.state, failed_dimms=(replace(dimm, bound=True),))
    outcome = machine.run(eject)
    assert outcome.ok and not machine.state.failed_dimms
    assert [event.text for event in outcome.events] == ["d held no memory"]


def test_the_mode_of_a_dax_device_says_where_its_struct_pages_will_be() -> None:
    machine = booted("machine ram=1G cxl=4G", "device-add p 256M")
    (event,) = machine.run("echo pmem > /sys/bus/nd/devices/dax0.0/mode").events
    assert (event.function, event.text) == ("mode_store", "dax0.0: struct pages in pmem")
