"""The command language, line by line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pfnmap.engine import commands as c
from pfnmap.engine.kinds import MemmapPolicy, OnlineType, ZoneType
from pfnmap.engine.language.lines import format_command, parse_line

GIB = 1 << 30
MIB = 1 << 20

LINES: list[tuple[str, c.Command]] = [
    # -- start
    ("machine", c.StartMachine()),
    (
        "machine ram=1G memmap_on_memory=Y",
        c.StartMachine(ram_bytes=GIB, params=(("memmap_on_memory", "Y"),)),
    ),
    (
        "machine ram=64G arch=arm64-64k profile=memmap-v2 block=1G nodes=3 ram2=2G ram1=1G",
        c.StartMachine(64 * GIB, "arm64-64k", "memmap-v2", GIB, None, 3, ((1, GIB), (2, 2 * GIB))),
    ),
    ("machine ram2=1G", c.StartMachine(nodes=3, node_ram_bytes=((2, GIB),))),
    # -- parameters, in any spelling the kernel takes
    ("set memmap_on_memory=force", c.SetParam("memmap_on_memory", "force")),
    ("set memmap_on_memory=1", c.SetParam("memmap_on_memory", "Y")),
    ("set auto_movable_ratio=0x64", c.SetParam("auto_movable_ratio", "100")),
    ("set auto_movable_ratio=0301", c.SetParam("auto_movable_ratio", "301")),
    ("set auto_online_blocks=online_movable", c.SetParam("auto_online_blocks", "online_movable")),
    ("set hugetlb_free_vmemmap=on", c.SetParam("hugetlb_free_vmemmap", "on")),
    ("rule shrink=rfc2", c.SetRule("shrink", "rfc2")),
    ("rule hugetlb=flag-first-of-section", c.SetRule("hugetlb", "flag-first-of-section")),
    # -- actions
    ("add dimm0 256M", c.Add("dimm0", (256 * MIB,))),
    (
        "add dimm0 256MiB at=0x140000000 node=1 memmap=device",
        c.Add("dimm0", (256 * MIB,), 0x140000000, 1, MemmapPolicy.DEVICE),
    ),
    ("add d 1G at=5G memmap=on_memory", c.Add("d", (GIB,), 5 * GIB, None, MemmapPolicy.ON_MEMORY)),
    ("add d 0M", c.Add("d", (0,))),
    ("online 34", c.Online((c.Ref(34, 34),))),
    ("online 0x22", c.Online((c.Ref(34, 34),))),
    ("online 32-39 kernel", c.Online((c.Ref(32, 39),), OnlineType.ONLINE_KERNEL)),
    (
        "online 32,34,36-39 movable",
        c.Online((c.Ref(32, 32), c.Ref(34, 34), c.Ref(36, 39)), OnlineType.ONLINE_MOVABLE),
    ),
    ("online_movable 34", c.Online((c.Ref(34, 34),), OnlineType.ONLINE_MOVABLE)),
    ("online_kernel dimm0", c.Online((c.Ref(device="dimm0"),), OnlineType.ONLINE_KERNEL)),
    ("online dimm0[2-3],dimm1[0]", c.Online((c.Ref(2, 3, "dimm0"), c.Ref(0, 0, "dimm1")))),
    ("online 0x100000000-0x107ffffff", c.Online((c.Ref(address=(0x100000000, 0x107FFFFFF)),))),
    ('online "34"', c.Online((c.Ref(34, 34),))),
    ("offline 34", c.Offline((c.Ref(34, 34),))),
    ("remove dimm0", c.Remove((c.Ref(device="dimm0"),))),
    ("remove 34-35", c.Remove((c.Ref(34, 35),))),
    ("shrink Movable", c.Shrink(ZoneType.MOVABLE)),
    ("shrink Normal node=1 blocks=3", c.Shrink(ZoneType.NORMAL, 1, 3)),
    ("device-add pmem0 1G altmap=16M node=0", c.DeviceAdd("pmem0", GIB, None, 0, 16 * MIB)),
    ("device-del pmem0", c.DeviceDel("pmem0")),
    ("kmem dax0.0 memmap=on_memory", c.Kmem("dax0.0", "on_memory")),
    ("kmem-del dax0.0", c.KmemDel("dax0.0")),
    (
        "daxctl reconfigure-device --mode=system-ram --no-online dax0.0",
        c.Daxctl("reconfigure-device", "dax0.0", "system-ram", online=False),
    ),
    ("$ sudo daxctl offline-memory dax0.0", c.Daxctl("offline-memory", "dax0.0")),
    ("$ daxctl list -DRu", c.Daxctl("list")),
    ("daxctl list -d dax1.0", c.Daxctl("list", "dax1.0")),
    (
        "daxctl reconfigure-device -r 0 -m system-ram all",
        c.Daxctl("reconfigure-device", "all", "system-ram"),
    ),
    ("$ cxl list -M -D", c.Cxl("list")),
    (
        "cxl create-region -m -t ram -d decoder0.1 -w2 mem1 mem0 -s 1073741824",
        c.Cxl("create-region", 1, GIB, memdevs=("mem1", "mem0")),
    ),
    ("cxl create-region -m -d decoder0.0 -w1 mem0", c.Cxl("create-region", memdevs=("mem0",))),
    ("sudo cxl destroy-region -f region2", c.Cxl("destroy-region", 2, force=True)),
    (
        "virtio-mem vm0 size=4G requested=1G block-size=4M at=8G node=1 dynamic-memslots=on",
        c.VirtioMem("vm0", 4 * GIB, GIB, 4 * MIB, 8 * GIB, 1, "on"),
    ),
    ("virtio-mem vm0 requested=0M", c.VirtioMem("vm0", None, 0)),
    ("virtio-mem-del vm0", c.VirtioMemDel("vm0")),
    ("pin 34", c.Pin((c.Ref(34, 34),))),
    ("pin pfn=0x108000 pages=4 kind=movable", c.Pin((), c.PfnRef(0x108000), 4, "movable")),
    ("pin pfn=dimm0+512", c.Pin((), c.PfnRef(512, "dimm0"))),
    ("unpin dimm0[1] kind=offline", c.Unpin((c.Ref(1, 1, "dimm0"),), None, None, "offline")),
    ("hugetlb pool 2M count=4 at=0x100200000", c.Hugetlb("pool", 2 * MIB, 4, 0x100200000)),
    ("hugetlb big 1G pfn=0x140000 node=1", c.Hugetlb("big", GIB, 1, None, c.PfnRef(0x140000), 1)),
    ("hugetlb-free pool", c.HugetlbFree("pool")),
    ("free 64M node=0", c.Free(64 * MIB, 0)),
    ("freelist 0:2627 1:23 2:6 node=1", c.Freelist(((0, 2627), (1, 23), (2, 6)), 1)),
    ("fail next at=online_pages errno=ENOMEM", c.FailNext("online_pages", "ENOMEM")),
    # -- talking
    ('note "the span followed the block"', c.Note("the span followed the block")),
    (r'note "say \"no\" to C:\\ and # signs"', c.Note(r'say "no" to C:\ and # signs')),
    ('title "größer"', c.Title("größer")),
    ("pause 2s", c.Pause(2.0)),
    ("pause 250ms", c.Pause(0.25)),
    ("goto 0x108000", c.Goto(0x108000, "pfn")),
    ("goto 0x140000000", c.Goto(0x140000000, "address")),
    ("goto 5G", c.Goto(5 * GIB, "address")),
    ("goto pfn 0x140000000", c.Goto(0x140000000, "pfn")),
    ("goto addr 0x1000", c.Goto(0x1000, "address")),
    ("goto block 34", c.Goto(34, "block")),
    ("goto dimm0[1]", c.Goto(1, "block", "dimm0")),
    ("goto dimm0+512", c.Goto(512, "pfn", "dimm0")),
    ("zoom fit", c.Zoom("fit")),
    # -- interactive
    ("undo", c.Interactive("undo")),
    ("redo 3", c.Interactive("redo", ("3",))),
    ("seek 7", c.Interactive("seek", ("7",))),
    ("diff 2 5", c.Interactive("diff", ("2", "5"))),
    (
        'save "my talk.hotplug" expect=yes',
        c.Interactive("save", ("my talk.hotplug",), (("expect", "yes"),)),
    ),
    ("w frame.svg", c.Interactive("write", ("frame.svg",))),
    (
        "compare profile=4.19 profile=6.1 memmap=device",
        c.Interactive(
            "compare", (), (("profile", "4.19"), ("profile", "6.1"), ("memmap", "device"))
        ),
    ),
    ("q", c.Interactive("quit")),
    # -- expectations
    ("expect ok", c.Expect("ok")),
    ("expect errno=EBUSY", c.Expect("errno", "EBUSY")),
    ('expect log "Built 1 zonelists"', c.Expect("log", "Built 1 zonelists")),
    ("expect no-log", c.Expect("no-log")),
    (
        "expect zone Movable start=0x108000 spanned=32768 present=32768 managed=32256",
        c.Expect(
            "zone",
            ZoneType.MOVABLE,
            0,
            (("start", 0x108000), ("spanned", 32768), ("present", 32768), ("managed", 32256)),
        ),
    ),
    (
        "expect zone DMA32 managed=0x10 node=2",
        c.Expect("zone", ZoneType.DMA32, 2, (("managed", 16),)),
    ),
    ("expect node 1 start=0 online=true", c.Expect("node", 1, 0, (("start", 0), ("online", True)))),
    (
        "expect block 32-34 state=offline zone=none node=0 "
        'valid_zones="Normal Movable" vmemmap=512 '
        "usable_pages=32256 exists=true",
        c.Expect(
            "block",
            (c.Ref(32, 34),),
            0,
            (
                ("state", "offline"),
                ("zone", "none"),
                ("node", 0),
                ("valid_zones", "Normal Movable"),
                ("vmemmap", 512),
                ("usable_pages", 32256),
                ("exists", True),
            ),
        ),
    ),
    (
        "expect device dimm0 usable=252M largest_run=126M vmemmap=1024 heads=2 refcount=1 "
        "private=512 all_vmemmap_blocks=0",
        c.Expect(
            "device",
            "dimm0",
            0,
            (
                ("usable", 252 * MIB),
                ("largest_run", 126 * MIB),
                ("vmemmap", 1024),
                ("heads", 2),
                ("refcount", 1),
                ("private", 512),
                ("all_vmemmap_blocks", 0),
            ),
        ),
    ),
    (
        "expect pfn dimm0+1023 kind=vmemmap memmap_at=dimm0+15",
        c.Expect(
            "pfn",
            c.PfnRef(1023, "dimm0"),
            0,
            (("kind", "vmemmap"), ("memmap_at", c.PfnRef(15, "dimm0"))),
        ),
    ),
    (
        "expect hugetlb pool optimised=false freed=7 verdict=lost-saving",
        c.Expect(
            "hugetlb", "pool", 0, (("optimised", False), ("freed", 7), ("verdict", "lost-saving"))
        ),
    ),
    ('expect finding "corrupts"', c.Expect("finding", "corrupts")),
    ("expect no-findings", c.Expect("no-findings")),
    (
        "expect total usable=63G managed=1 present=2 memmap=0K remote_memmap=1G",
        c.Expect(
            "total",
            None,
            0,
            (
                ("usable", 63 * GIB),
                ("managed", 1),
                ("present", 2),
                ("memmap", 0),
                ("remote_memmap", GIB),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("line", "command"), LINES, ids=[line for line, _ in LINES])
def test_a_line_means_this_command(line: str, command: c.Command) -> None:
    assert parse_line(line) == command
    assert parse_line(f"\t {line}  # and why\r\n") == command
    assert parse_line(format_command(command)) == command


@pytest.mark.parametrize("line", ["", "   ", "\t", "# online 34", "  # note \x22x", "\r\n", "#"])
def test_blank_lines_and_comments_mean_nothing(line: str) -> None:
    assert parse_line(line) is None


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("add d 1024M at=4294967296", "add d 1G at=0x100000000"),
        ("add d 0x10M", "add d 16M"),
        ("add d 13732KiB", "add d 13732K"),
        ("online_kernel 34,35", "online 34,35 kernel"),
        ("online 34-34", "online 34"),
        ("shrink Normal node=0 blocks=1", "shrink Normal"),
        ("pin 34 kind=unmovable", "pin 34"),
        ("expect node 0 start=1", "expect node 0 start=0x1"),
        ("expect zone Normal node=0 managed=0x10", "expect zone Normal managed=16"),
        ("goto dimm0", "goto dimm0+0"),
        ("machine profile=7.3 arch=x86_64", "machine ram=4G"),
        ("pause 1500ms", "pause 1.5s"),
    ],
)
def test_normal_spelling(line: str, printed: str) -> None:
    command = parse_line(line)
    assert command is not None
    assert format_command(command) == printed


def test_keys_of_an_expectation_keep_their_order() -> None:
    command = parse_line("expect zone Normal present=1 start=2 spanned=3")
    assert isinstance(command, c.Expect)
    assert [key for key, _value in command.pairs] == ["present", "start", "spanned"]


def test_a_hash_ends_the_line_even_inside_a_word_but_not_in_quotes() -> None:
    assert parse_line("add d 128M#rest") == c.Add("d", (128 * MIB,))
    assert parse_line('note "a#b"') == c.Note("a#b")


def test_the_language_is_usable_without_numpy_or_a_machine() -> None:
    script = (
        "import sys; from pfnmap.engine.language.lines import parse_line, format_command; "
        "print(format_command(parse_line('machine profile=6.1 ram=1024M'))); "
        "assert not {'numpy', 'textual', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "machine ram=1G profile=6.1\n"


@pytest.mark.parametrize("profile", ["6.9", "4.13", "5.10", "9.1", "memmap-v2"])
def test_a_profile_is_a_name_or_any_release(profile: str) -> None:
    command = parse_line(f"machine ram=1G profile={profile}")
    assert isinstance(command, c.StartMachine)
    assert command.profile == profile
