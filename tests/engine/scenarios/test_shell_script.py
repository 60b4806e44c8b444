"""A scenario as the commands of a real machine."""

from __future__ import annotations

import pytest

from pfnmap.engine.errors import ParseError
from pfnmap.engine.scenarios.scenario import parse_scenario
from pfnmap.engine.scenarios.shell_script import as_shell

MEMORY = "/sys/devices/system/memory"


def script(*lines: str, machine: str = "machine ram=1G nodes=2") -> list[str]:
    """The script's lines behind the one that describes the boot."""
    return as_shell(parse_scenario("\n".join((machine, *lines)), "t"))[1:]


def test_the_machine_at_boot_is_a_comment_with_its_command_line() -> None:
    machine = (
        "machine ram=1G ram1=2G profile=6.1 memmap_on_memory=Y online_policy=auto-movable "
        "auto_online_blocks=online_kernel movable_node=Y hugetlb_free_vmemmap=on"
    )
    assert as_shell(parse_scenario(machine)) == [
        "# x86_64, 1G of boot RAM, a kernel with the rules of 6.1",
        "# node 1: 2G of boot RAM",
        "# kernel command line: memory_hotplug.memmap_on_memory=Y "
        "memory_hotplug.online_policy=auto-movable memhp_default_state=online_kernel "
        "movable_node hugetlb_free_vmemmap=on",
    ]


def test_a_dimm_comes_from_the_hypervisor_at_the_address_it_gets_here() -> None:
    assert script("add d 256M", "add e 128M node=1", "remove d") == [
        "# QEMU monitor: object_add memory-backend-ram,id=mem-d,size=256M",
        "# QEMU monitor: device_add pc-dimm,id=d,memdev=mem-d,addr=0x100000000",
        "# QEMU monitor: object_add memory-backend-ram,id=mem-e,size=128M",
        "# QEMU monitor: device_add pc-dimm,id=e,memdev=mem-e,addr=0x110000000,node=1",
        f"# or, with CONFIG_ARCH_MEMORY_PROBE: echo 0x110000000 > {MEMORY}/probe",
        "# QEMU monitor: device_del d",
    ]


def test_states_are_written_block_by_block_and_long_runs_in_a_loop() -> None:
    lines = script("add d 1G", "online d[1] movable", "online d[2-7] kernel", "offline d[1]")
    assert [line for line in lines if not line.startswith("#")] == [
        f"echo online_movable > {MEMORY}/memory33/state",
        f"for i in $(seq 34 39); do echo online_kernel > {MEMORY}/memory$i/state || break; done",
        f"echo offline > {MEMORY}/memory33/state",
    ]


def test_shrink_is_the_blocks_that_it_took() -> None:
    lines = script("add d 512M", "online d movable", "shrink Movable blocks=2")
    assert lines[-2:] == [
        f"echo offline > {MEMORY}/memory35/state",
        f"echo offline > {MEMORY}/memory34/state",
    ]


def test_huge_page_pools_get_their_new_size() -> None:
    lines = script("hugetlb a 2M count=4", "hugetlb b 2M count=2", "hugetlb-free a")
    pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
    assert lines == [f"echo 4 > {pool}", f"echo 6 > {pool}", f"echo 2 > {pool}"]


@pytest.mark.parametrize(
    ("line", "shell"),
    [
        ("set auto_online_blocks=online", f"echo online > {MEMORY}/auto_online_blocks"),
        (
            "set auto_movable_ratio=100",
            "echo 100 > /sys/module/memory_hotplug/parameters/auto_movable_ratio",
        ),
        (
            "set memmap_on_memory=force",
            "# boot only, on the kernel command line: memory_hotplug.memmap_on_memory=force",
        ),
        ("set movable_node=N", "# boot only, on the kernel command line: no movable_node"),
        ("set hugetlb_free_vmemmap=on", "echo 1 > /proc/sys/vm/hugetlb_optimize_vmemmap"),
        ("rule shrink=rfc2", "# only simulated: rule shrink=rfc2"),
        ("grep . …/memory?/state", f"grep . {MEMORY}/memory?/state"),
        ('note "look: $HOME"', "# look: $HOME"),
        ("pause 250ms", "sleep 0.25"),
        ("expect ok", "# expect ok"),
    ],
)
def test_other_lines(line: str, shell: str) -> None:
    assert script(line) == [shell]


def test_what_only_the_screen_does_is_left_out() -> None:
    assert script("goto 5G", "zoom fit") == []


def test_a_line_that_means_nothing_here_is_an_error_with_its_place() -> None:
    with pytest.raises(ParseError, match=r"^t:2:8: dimm9"):
        script("online dimm9")
