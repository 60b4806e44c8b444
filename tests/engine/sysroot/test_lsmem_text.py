"""What lsmem prints without ``-J``, and what a terminal showed around it, is opened as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.capture import capture_bytes, is_capture, load_capture, parse_capture
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.open_machine import open_watcher
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.view import MemoryConfig
from tests.engine.sysroot.trees import Tree, zone

TABLE = """\
RANGE                                 SIZE   STATE REMOVABLE BLOCK NODE          ZONES
0x0000000000000000-0x0000000007ffffff 128M  online       yes     0    0           None
0x0000000008000000-0x000000003fffffff 896M  online        no   1-7    0          DMA32
0x0000000100000000-0x000000010fffffff 256M offline           32-33    1 Normal/Movable
0x0000000110000000-0x0000000117ffffff 128M on->off              34    1        Movable

Memory block size:                128M
Total online memory:                1G
Total offline memory:             384M
Memmap on memory parameter:        yes
"""
RAW = """\
RANGE SIZE STATE REMOVABLE BLOCK NODE ZONES
0x0000000000000000-0x0000000007ffffff 128M online yes 0 0 None
0x0000000008000000-0x000000003fffffff 896M online no 1-7 0 DMA32
0x0000000100000000-0x000000010fffffff 256M offline  32-33 1 Normal/Movable
0x0000000110000000-0x0000000117ffffff 128M on->off  34 1 Movable
"""


def pairs() -> str:
    heads, *rows = RAW.splitlines()
    names = heads.split()
    return "".join(
        " ".join(f'{n}="{v}"' for n, v in zip(names, row.split(" "), strict=True)) + "\n"
        for row in rows
    )


def quoted() -> str:
    return "On Monday somebody wrote:\n" + "".join(f"> {line}\n" for line in TABLE.splitlines())


def read(text: str) -> Observation:
    return parse_capture(text.encode(), "lsmem.txt")


def shown(seen: Observation) -> list[object]:
    blocks = seen.blocks
    return [
        (block, blocks.state_word(i), blocks.zone_words(i), blocks.node_set(i), removable)
        for i, (block, removable) in enumerate(
            zip(blocks.ids.tolist(), blocks.removable.tolist(), strict=True)
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        RAW,
        pairs(),
        quoted(),
        f"$ lsmem --output-all\n{TABLE}$ \n",
        TABLE.partition("\n")[2],
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("            32-33", "         -  32-33"),
    ],
    ids=["raw", "pairs", "quoted in a mail", "with its prompt", "no headings", "crlf", "dashes"],
)
def test_every_form_says_the_same(text: str, tmp_path: Path) -> None:
    seen = read(text)
    assert seen.block_bytes == 128 << 20
    assert shown(seen) == shown(read(TABLE))
    assert shown(seen)[-3:] == [
        (32, "offline", ("Normal", "Movable"), (1,), -1),
        (33, "offline", ("Normal", "Movable"), (1,), -1),
        (34, "going-offline", ("Movable",), (1,), -1),
    ]
    assert shown(seen)[0] == (0, "online", ("none",), (0,), 1)
    (tmp_path / "pasted.txt").write_text(text)
    assert is_capture(tmp_path / "pasted.txt")


def test_the_totals_tell_the_block_size_and_the_parameter() -> None:
    seen = read(TABLE)
    assert seen.params == {"memmap_on_memory": "Y"}
    assert "parameters" not in " ".join(seen.notes)
    without = "STATE RANGE\nonline 0x0-0xffffffff\n\nMemory block size: 1G\n"
    assert read(without).blocks.ids.tolist() == [0, 1, 2, 3]
    only_blocks = "BLOCK STATE\n32-35 offline\n\nMemory block size: 134217728\n"
    assert read(only_blocks).blocks.ids.tolist() == [32, 33, 34, 35]
    with pytest.raises(InputError, match="line 2' lacks a range or a block"):
        read("BLOCK STATE\n32-35 offline\n")


def test_what_is_configured_block_by_block_is_kept() -> None:
    text = (
        "RANGE SIZE STATE REMOVABLE BLOCK CONFIGURED MEMMAP-ON-MEMORY\n"
        "0x00000000-0x3fffffff 1G online yes 0-7 yes no\n"
        "0x40000000-0x4fffffff 256M offline  8-9 yes yes\n"
        "0x50000000-0x7fffffff 768M offline  10-15 no no\n"
    )
    seen = read(text)
    assert seen.config == (
        MemoryConfig(0, 8, True, False),
        MemoryConfig(8, 2, True, True),
        MemoryConfig(10, 6, False, False),
    )
    assert seen.blocks.ids.tolist() == list(range(10))  # what is not configured is no block yet
    view = SysrootView(seen)
    assert [row.memmap for row in map(view.block, (0, 8)) if row] == [
        "not in the block",
        "on_memory",
    ]
    assert parse_capture(capture_bytes(seen), "again").config == seen.config


def test_a_tree_says_what_is_configured(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 2, zones="Normal")
    for block, words in enumerate(("10", "10", "11", "00")):
        for name, word in zip(("config", "memmap_on_memory"), words, strict=True):
            tree.write(f"sys/firmware/memory/memory{block}/{name}", f"{word}\n")
    assert open_watcher(tree.root).view.observation.config == (
        MemoryConfig(0, 2, True, False),
        MemoryConfig(2, 1, True, True),
        MemoryConfig(3, 1, False, False),
    )


def test_a_table_beside_other_files_is_one_machine() -> None:
    text = (
        f"$ uname -a\nLinux vm 6.12.30-amd64 #1 SMP x86_64 GNU/Linux\n$ lsmem\n{TABLE}"
        "[root@vm ~]# cat /proc/zoneinfo\n"
        + zone(0, "DMA32", start=4096, spanned=258048, present=258048, managed=250000)
        + "[root@vm ~]# cat /proc/cmdline\nquiet memhp_default_state=online_movable\n# \n"
    )
    seen = read(text)
    assert seen.kernel == "6.12.30-amd64"
    assert [each.name for each in seen.zones or ()] == ["DMA32"]
    assert seen.params["auto_online_blocks"] == "online_movable"
    assert len(seen.blocks) == 11


@pytest.mark.parametrize(
    "text",
    [
        "$ cd /sys/devices/system/memory\n$ grep . memory*/state\n"
        "memory32/state:offline\nmemory33/state:online\n",
        "memory32/state:offline\nmemory33/state:online\n",
        "$ cd /sys/devices/system/memory/memory32\n$ grep . *\nstate:offline\nphys_device:0\n"
        "$ cd ../memory33; grep . state valid_zones\nstate:online\nvalid_zones:Normal\n",
        "user@vm:/sys/devices/system/memory/memory32$ cat state\noffline\n"
        "user@vm:/sys/devices/system/memory/memory32$ cat ../memory33/state\nonline\n"
        "user@vm:/sys/devices/system/memory/memory32$ \n",
        "# cat /sys/devices/system/memory/memory32/state "
        "/sys/devices/system/memory/memory33/state\noffline\nonline\n",
    ],
    ids=["relative", "without cd", "names alone", "prompt with directory", "cat of two"],
)
def test_a_transcript_says_where_the_shell_was(text: str) -> None:
    blocks = read(text).blocks
    assert blocks.ids.tolist() == [32, 33]
    assert [blocks.state_word(i) for i in (0, 1)] == ["offline", "online"]


def test_a_report_of_sos_has_its_blocks_from_lsmem(tmp_path: Path) -> None:
    report = Tree(tmp_path / "sosreport-vm")
    for name in ("block_size_bytes",):
        (report.root / "sys/devices/system/memory" / name).unlink()
    (report.root / "sys/devices/system/memory").rmdir()
    report.write("sos_commands/memory/lsmem_-a_-o_RANGE_SIZE_STATE", TABLE)
    report.write("sos_commands/kernel/uname_-a", "Linux vm 5.14.0-427.el9.x86_64 #1 SMP x86_64\n")
    report.iomem("00001000-3fffffff : System RAM")
    seen = open_watcher(report.root).view.observation
    assert seen.kernel == "5.14.0-427.el9.x86_64"
    assert len(seen.blocks) == 11
    assert seen.iomem is not None


def test_what_is_none_of_these_is_refused(tmp_path: Path) -> None:
    writes = (
        "# echo online > memory32/state\n# cat /sys/devices/system/memory/memory32/state\nonline\n"
    )
    (tmp_path / "session.txt").write_text(f"{writes}# lsmem\n{TABLE}")
    assert not is_capture(tmp_path / "session.txt")  # a scenario: what it shows is of many moments
    for text in ("echo online > /sys/devices/system/memory/memory32/state\n", "RANGE of things\n"):
        file = tmp_path / "notes.txt"
        file.write_text(text)
        assert not is_capture(file)
        with pytest.raises(InputError, match="neither a capture"):
            load_capture(file)
