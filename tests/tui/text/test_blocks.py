"""The table of memory blocks: what lsmem shows, as lsmem shows it, and what it does not know."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pfnmap.engine import Machine
from pfnmap.engine.errors import InputError
from pfnmap.engine.sizes import human_size
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.engine.view import View
from pfnmap.tui.cli import main
from pfnmap.tui.text.blocks import (
    COLUMNS,
    DEFAULT_COLUMNS,
    LSMEM_COLUMNS,
    TableOptions,
    column_help,
    parse_columns,
    parse_split,
    table_data,
    table_lines,
)
from tests.engine.sysroot.trees import Tree, x86_tree


def view_of(tree: Tree) -> SysrootView:
    return SysrootView(observe(DirectoryTree(tree.root)))


@pytest.fixture
def view(tmp_path: Path) -> SysrootView:
    return view_of(x86_tree(tmp_path / "root"))


def lines(view: View, *columns: str, **options: object) -> list[str]:
    made = TableOptions(columns=columns or DEFAULT_COLUMNS, summary=False, **options)  # type: ignore[arg-type]
    return table_lines(view, made)


# -- text ---------------------------------------------------------------------------------------
def test_the_whole_table(view: SysrootView) -> None:
    wide = TableOptions(columns=(*DEFAULT_COLUMNS, "NODE", "ZONES", "MEMMAP"))
    assert table_lines(view, wide) == [
        "RANGE                                 SIZE   STATE REMOVABLE BLOCK NODE          ZONES "
        "MEMMAP",
        "0x0000000000000000-0x0000000007ffffff 128M  online       yes     0    0           None "
        "boot (inferred)",
        "0x0000000008000000-0x000000003fffffff 896M  online       yes   1-7    0          DMA32 "
        "boot",
        "0x0000000100000000-0x000000010fffffff 256M  online       yes 32-33    0        Movable "
        "on_memory (inferred)",
        "0x0000000110000000-0x000000011fffffff 256M offline           34-35    0 Normal/Movable "
        "unknown",
        "",
        "Memory block size:                128M",
        "Total online memory:              1.3G",
        "Total offline memory:             256M",
        "Memmap on memory parameter:        yes",
        "node 0: 10 of 12 blocks online",
        "huge pages of 2M: 8, of which 8 free",
    ]


def test_columns_are_those_asked_for_in_that_order(view: SysrootView) -> None:
    assert lines(view, "BLOCK", "ZONE", "VMEMMAP", "PRESENT") == [
        "BLOCK    ZONE VMEMMAP PRESENT",
        "    0       -       0   32670",
        "  1-6   DMA32       0   32768",
        "    7   DMA32       0   32736",
        "32-33 Movable     512   32768",
        "34-35       -       ?   32768",
    ]


def test_reasons_and_rules_are_those_of_each_block(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.iomem("00000000-3fffffff : System RAM", "  08000000-08ffffff : Kernel code")
    table = lines(view_of(tree), "BLOCK", "WHY", headings=False)
    assert table[1].strip().startswith("1 EBUSY: failure to isolate range")
    assert table[2].strip() == "2-7 -"
    assert table[-1].strip() == "34-35 EINVAL: offline already"
    rules = lines(view_of(tree), "BLOCK", "RULE", headings=False)
    assert rules[0].strip() == "0 the block spans several zones or nodes"


def test_lines_can_be_joined_and_kept_apart(view: SysrootView) -> None:
    assert [row.split()[-1] for row in lines(view, "RANGE", "BLOCK", headings=False)] == [
        "0-7",
        "32-35",
    ]
    kept = lines(view, "RANGE", "BLOCK", headings=False, split=("STATE",))
    assert [row.split()[-1] for row in kept] == ["0-7", "32-33", "34-35"]
    joined = lines(view, "BLOCK", "STATE", headings=False, split=())
    assert [row.split() for row in joined] == [["0-7", "online"], ["32-35", "online"]]


def test_every_block_can_have_its_line(view: SysrootView) -> None:
    assert len(lines(view, headings=False, every_block=True)) == 12


def test_what_is_not_known_is_a_question_mark(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(3, state=None, zones=None, node=None, removable=None)
    (row,) = lines(view_of(tree), "STATE", "REMOVABLE", "NODE", "ZONES", headings=False)
    assert row.split() == ["?", "?", "?"]


def test_states_besides_online_and_offline_are_counted(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.block(33, "going-offline", "Movable")
    table = table_lines(view_of(tree))
    assert "going-offline: 1 block" in table
    assert any("on->off" in line for line in table)  # as lsmem calls it


def test_what_could_not_be_read_is_said_below(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0)
    table = table_lines(view_of(tree))
    said = " ".join(" ".join(table).split())
    assert "note: not there: proc/sys/kernel/osrelease, proc/{zoneinfo,iomem}" in said


def test_nothing_a_terminal_could_obey_gets_out(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.block(3, "\x1b[2J", "\x1b]0;x\x07")
    text = "\n".join(table_lines(view_of(tree), TableOptions(columns=tuple(COLUMNS))))
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_a_simulated_machine_has_the_same_table() -> None:
    machine = Machine.boot()
    machine.run("add dimm0 256M")
    machine.run("online dimm0[0] movable")
    table = lines(machine.view(), "BLOCK", "STATE", "ZONES", "DEVICE", headings=False)
    assert [row.split() for row in table[-2:]] == [
        ["40", "online", "Movable", "dimm0"],
        ["41", "offline", "Normal/Movable", "dimm0"],
    ]
    assert "node 0: 33 of 34 blocks online" in table_lines(machine.view())


@pytest.mark.parametrize(
    ("nr_bytes", "words"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1K"),
        (128 << 20, "128M"),
        (7 << 28, "1.8G"),
        (5 << 28, "1.3G"),
        (63 << 28, "15.8G"),
        (23 << 27, "2.9G"),
        ((1 << 40) - 1, "1T"),
        (4 << 50, "4P"),
    ],
)
def test_sizes_round_half_up_to_one_decimal(nr_bytes: int, words: str) -> None:
    assert human_size(nr_bytes) == words


@pytest.mark.skipif(shutil.which("lsmem") is None, reason="lsmem is not installed")
def test_the_shared_columns_are_those_of_lsmem(tmp_path: Path) -> None:
    """Checked with blocks that every version of lsmem reads alike."""
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 6)
    tree.blocks(7, 9, zones="Movable")
    tree.blocks(40, 52, zones="Movable")
    columns = ("RANGE", "SIZE", "STATE", "REMOVABLE", "BLOCK", "NODE", "ZONES")
    command = ["lsmem", "--sysroot", str(tree.root), "--summary=never", "-r", "-o"]
    try:
        done = subprocess.run(
            [*command, ",".join(columns)], capture_output=True, check=True, timeout=60
        )
    except subprocess.CalledProcessError:
        pytest.skip("this lsmem does not read another root")
    theirs = [line.split() for line in done.stdout.decode().splitlines()]
    ours = [line.split() for line in lines(view_of(tree), *columns)]
    assert ours == theirs


# -- data ---------------------------------------------------------------------------------------
def test_data_has_the_keys_of_lsmem_and_null_for_what_is_not_known(view: SysrootView) -> None:
    data = table_data(view, TableOptions(columns=(*LSMEM_COLUMNS, "MEMMAP", "RULE"), bytes=True))
    assert json.loads(json.dumps(data)) == data
    assert data["format"] == "pfnmap-blocks-1"
    assert data["memory"][-1] == {
        "range": "0x0000000110000000-0x000000011fffffff",
        "size": 256 << 20,
        "state": "offline",
        "removable": None,
        "block": "34-35",
        "node": 0,
        "zones": "Normal/Movable",
        "memmap": "unknown",
        "rule": data["memory"][-1]["rule"],
    }
    assert data["memory"][-1]["rule"].startswith("contig-zones")
    assert data["blocks"] == {"offline": 2, "online": 10}
    assert data["nodes"] == [{"node": 0, "online_blocks": 10, "blocks": 12}]
    assert data["block_size_bytes"] == 128 << 20
    pool = {"node": None, "page_bytes": 2 << 20, "total": 8, "free": 8}
    assert data["huge_pages"] == [pool]


# -- options ------------------------------------------------------------------------------------
def test_columns_are_named_in_any_case_and_added_to_the_usual_ones() -> None:
    assert parse_columns("block, zone") == ("BLOCK", "ZONE")
    assert parse_columns("+why,block") == (*DEFAULT_COLUMNS, "WHY")
    assert parse_split("none") == ()
    assert parse_split("state,node") == ("STATE", "NODE")
    assert len(list(column_help())) == len(COLUMNS)


@pytest.mark.parametrize("text", ["", ",", "+", "colour", "block,\x1b"])
def test_unknown_columns_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected") as caught:
        parse_columns(text)
    assert str(caught.value).isprintable()


# -- the command --------------------------------------------------------------------------------
def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_the_command_takes_the_letters_of_lsmem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = x86_tree(tmp_path / "root").root
    assert run("blocks", "--root", root, "-n", "-b", "-o", "BLOCK,SIZE", "--no-summary") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["0-7", "1073741824"],
        ["32-35", "536870912"],
    ]
    assert run("blocks", "--root", root, "-J", "-S", "none", "-o", "block,state") == 0
    data = json.loads(capsys.readouterr().out)
    assert [entry["block"] for entry in data["memory"]] == ["0-7", "32-35"]
    assert run("blocks", "--root", root, "--output-all", "-a", "--no-summary") == 0
    assert len(capsys.readouterr().out.splitlines()) == 13


RANGES = [
    "0x0000000000000000-0x0000000007ffffff 128M online yes 0",
    "0x0000000008000000-0x000000003fffffff 896M online yes 1-7",
    "0x0000000100000000-0x000000010fffffff 256M online yes 32-33",
    "0x0000000110000000-0x000000011fffffff 256M offline  34-35",
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-r", ["RANGE SIZE STATE REMOVABLE BLOCK", *RANGES]),
        ("-r -n -S state,removable,zones", RANGES),
        (
            "--raw --summary=always --no-summary -n -o block,state",
            ["0-7 online", "32-33 online", "34-35 offline"],
        ),
        (
            "-P -o BLOCK,REMOVABLE,WHY -S STATE,REMOVABLE",
            [
                'BLOCK="0-7" REMOVABLE="yes" WHY="EINVAL: memory block 0 spans several zones or '
                'nodes (mem->zone is NULL)"',
                'BLOCK="32-33" REMOVABLE="yes" WHY="-"',
                'BLOCK="34-35" REMOVABLE="" WHY="EINVAL: offline already"',
            ],
        ),
    ],
)
def test_lines_for_programs_are_those_of_lsmem(
    words: str, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = x86_tree(tmp_path / "root").root
    split = [] if "-S" in words or "-o" in words else ["-S", "STATE,ZONES"]
    assert run("blocks", "--sysroot", root, *words.split(), *split) == 0
    assert capsys.readouterr().out.splitlines() == expected


def test_totals_alone_and_columns_of_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = x86_tree(tmp_path / "root").root
    assert run("blocks", "-s", root, "--summary") == 0
    assert capsys.readouterr().out.startswith("Memory block size:                128M\n")
    monkeypatch.setenv("LSMEM_COLUMNS", "BLOCK,NODE")
    assert run("blocks", "-s", root, "--summary=never") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["BLOCK", "NODE"],
        ["0-7", "0"],
        ["32-35", "0"],
    ]
    assert run("blocks", "-s", root, "-r", "--summary=only") == 2
    assert run("blocks", "-s", root, "-r", "-P") == 2


def test_what_firmware_has_not_configured_is_listed_as_offline(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 2, zones="Normal")
    for block, words in enumerate(("10", "10", "11", "00", "00")):
        for name, word in zip(("config", "memmap_on_memory"), words, strict=True):
            tree.write(f"sys/firmware/memory/memory{block}/{name}", f"{word}\n")
    columns = ("BLOCK", "STATE", "ZONES", "CONFIGURED", "MEMMAP-ON-MEMORY")
    table = lines(view_of(tree), *columns, form="raw", headings=False)
    assert table == [
        "0-1 online Normal yes no",
        "2 online Normal yes yes",
        "3-4 offline  no no",
    ]
    assert "Total offline memory:             256M" in table_lines(view_of(tree))
    assert len(lines(view_of(tree), *columns, every_block=True, headings=False)) == 5


def test_a_plan_prints_answers_and_what_they_rest_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = x86_tree(tmp_path / "root").root
    assert run("plan", "--root", root, "-c", "offline 33") == 0
    out = capsys.readouterr().out
    assert "the kernel would do it, as far as can be known" in out
    assert "assumed:\n  where unmovable pages are is not known" in out
    assert run("plan", "--root", root, "-c", "offline 0", "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["format"] == "pfnmap-plan-1"
    assert data["outcomes"][0]["refusal"]["errno"] == "EINVAL"
    assert run("plan", "--root", root) == 2
    assert "give at least one command" in capsys.readouterr().err
