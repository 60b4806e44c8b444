"""Captures: what was read comes back the same, and nothing else of the machine is in them."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.capture import (
    FORMAT,
    FORMAT_2,
    MAX_RUNS,
    capture_bytes,
    is_capture,
    load_capture,
    parse_capture,
    save_capture,
)
from pfnmap.engine.sysroot.dumps import SHELL_LINE, is_text_dump, parse_text_dump, reading_line
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from tests.engine.sysroot.trees import Tree, x86_tree
from tests.examples import examples


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def seen(tree: Tree) -> Observation:
    return observe(DirectoryTree(tree.root))


def same(one: Observation, other: Observation) -> list[str]:
    """Fields that differ, but for the title."""
    names = [name for name in Observation.__struct_fields__ if name != "title"]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


# -- there and back -------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["machine.json", "machine.json.gz"])
def test_a_capture_reads_back_to_the_same_observation(
    tree: Tree, tmp_path: Path, name: str
) -> None:
    before = seen(tree)
    file = tmp_path / name
    assert save_capture(before, file) == file.stat().st_size
    assert is_capture(file)
    after = load_capture(file)
    assert same(before, after) == []
    assert after.title == name
    assert SysrootView(after).zones == SysrootView(before).zones
    assert list(tmp_path.glob(".*")) == []


def test_what_is_not_known_stays_unknown(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size=None)
    tree.block(3, state=None, zones=None, node=None, removable=None, phys_device=None)
    tree.block(4, "going-offline", "none")
    before = seen(tree)
    after = parse_capture(capture_bytes(before), "x")
    assert same(before, after) == []
    assert after.blocks.zone_words(0) is None
    assert after.notes == before.notes


def test_the_same_machine_gives_the_same_bytes(tree: Tree) -> None:
    assert capture_bytes(seen(tree)) == capture_bytes(seen(tree))
    assert capture_bytes(seen(tree), compress=True) == capture_bytes(seen(tree), compress=True)


def test_a_capture_is_small(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 199)
    assert len(capture_bytes(seen(tree))) < 2000


def test_nothing_but_memory_is_captured(tree: Tree) -> None:
    tree.write("proc/cmdline", "root=/dev/secret movable_node\n")
    tree.write("proc/sys/kernel/hostname", "secret\n")
    text = capture_bytes(seen(tree)).decode()
    assert "secret" not in text
    assert "0000:00" not in text
    assert str(tree.root) not in text
    assert set(json.loads(text)) == {
        *("format", "kernel", "arch", "page_bytes", "block_bytes", "params", "masks", "node_ids"),
        *("zones", "iomem", "pools", "blocks", "notes"),
    }


def test_a_capture_that_cannot_be_written_leaves_nothing(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match=r"taken: cannot be written"):
        save_capture(seen(tree), tmp_path / "taken")
    with pytest.raises(InputError, match="cannot be written"):
        save_capture(seen(tree), tmp_path / "absent/machine.json")
    assert list(tmp_path.glob(".*")) == []


# -- in columns -----------------------------------------------------------------------------
def alternating(nr_blocks: int) -> bytes:
    """A capture of the first format, every other block online."""
    kinds = ["offline", ["Normal", "Movable"], [0], 1, 0], ["online", None, None, None, None]
    blocks = [[2 * number, 1, *kinds[number % 2]] for number in range(nr_blocks)]
    return json.dumps({"format": FORMAT, "node_ids": [0], "blocks": blocks}).encode()


def test_a_machine_in_many_runs_is_written_in_columns_and_read_back() -> None:
    for nr_blocks, form in ((MAX_RUNS, FORMAT), (MAX_RUNS + 1, FORMAT_2)):
        before = parse_capture(alternating(nr_blocks), "x")
        assert len(before.blocks) == nr_blocks
        data = capture_bytes(before)
        assert json.loads(data)["format"] == form
        assert parse_capture(data, "x") == before
        assert capture_bytes(parse_capture(data, "x")) == data


def table(**items: object) -> bytes:
    kinds = [["online", ["Normal"], [0], 1, 0], ["offline", None, None, None, None]]
    blocks = {"kinds": kinds, "first": [3, 5, 9], "count": [2, 1, 4], "kind": [1, 0, 1], **items}
    return json.dumps({"format": FORMAT_2, "node_ids": [0], "blocks": blocks}).encode()


def test_runs_of_a_table_are_blocks() -> None:
    blocks = parse_capture(table(), "x").blocks
    assert blocks.ids.tolist() == [3, 4, 5, 9, 10, 11, 12]
    states = [blocks.state_word(index) for index in range(len(blocks))]
    assert states == ["offline", "offline", "online", *["offline"] * 4]
    assert (blocks.zone_words(2), blocks.node_set(2), int(blocks.removable[2])) == (
        *(("Normal",), (0,)),
        1,
    )
    assert (blocks.zone_words(0), blocks.node_set(0), int(blocks.removable[0])) == (None, None, -1)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"first": [3, 4, 9]}, r"machine.json: 'blocks\[1\]' overlaps the one before"),
        ({"count": [2, 1 << 20, 4], "first": [3, 5, 1 << 30]}, r"'blocks\[1\]' overlaps"),
        ({"count": [2, 1]}, r"field 'blocks': 'first', 'count' and 'kind' are not of one length"),
        ({"count": [2, 0, 1]}, r"field 'blocks.count\[.+\]': expected int >= 1"),
        ({"kind": [0, 1, 2]}, r"'kind' has 2, but there are 2 kinds"),
        ({"kind": [0, -1, 0]}, r"field 'blocks.kind\[.+\]': expected int >= 0"),
        ({"kinds": [["online"]]}, r"field 'blocks.kinds\[.+\]': expected array of length 5"),
        ({"last": []}, r"field 'blocks': object contains unknown field last"),
        ({"first": {}}, r"field 'blocks.first': expected array"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(items: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_capture(table(**items), "machine.json")
    assert "\n" not in str(caught.value)


# -- what is none ---------------------------------------------------------------------------
def changed(tree: Tree, **items: object) -> bytes:
    data = json.loads(capture_bytes(seen(tree)))
    data.update(items)
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("format", "other-1", f"neither a capture of format {FORMAT} nor"),
        ("kernel", 6, r"field 'kernel': expected str \| null, got int"),
        ("page_bytes", 4097, "expected a power of two"),
        ("block_bytes", -1, "field 'block_bytes': expected int >= 4096"),
        ("params", {"rm": "x"}, "has no parameter 'rm'"),
        ("params", {"online_policy": "x"}, "expected contig-zones or auto-movable"),
        ("masks", {"online": [5000]}, r"field 'masks.online\[0\]': expected int <= 1023"),
        ("zones", [[0, "Normal", 1]], r"zones\[0\]': expected array of at least length 6"),
        ("zones", [[0, "Normal", 1, 1, 1 << 60, 0]], r"zones\[0\]\[4\]': expected int <= "),
        ("iomem", [[0, 5, 4, "System RAM"]], "ends before it starts"),
        ("pools", [[None, None, 1, 1, 0, 0]], r"pools\[0\]\[1\]': expected int, got null"),
        ("blocks", [[5, 3, "online", None, None, 1, 0], [6, 1, "x", None, None, 1, 0]], "overlaps"),
        ("blocks", [[0, 1 << 30, "online", None, None, 1, 0]], r"blocks\[0\]\[1\]'"),
        ("blocks", [[0, 0, "online", None, None, 1, 0]], r"blocks\[0\]\[1\]': expected int >= 1"),
        ("blocks", [[0, 1, "online", "Normal", None, 1, 0]], r"blocks\[0\]\[3\]': expected array"),
        ("blocks", {}, "'blocks': expected array"),
        ("notes", "text", "'notes': expected array"),
    ],
)
def test_a_wrong_field_is_named(tree: Tree, field: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_capture(changed(tree, **{field: value}), "machine.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_capture_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_capture(data, "machine.json")
    assert str(caught.value).startswith("machine.json: ")


def test_damaged_and_cut_off_compression_is_refused(tree: Tree, tmp_path: Path) -> None:
    file = tmp_path / "machine.json.gz"
    save_capture(seen(tree), file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="the file is cut off"):
        load_capture(file)
    file.write_bytes(whole[:10] + b"\xff" * 40)
    with pytest.raises(InputError, match="damaged gzip data"):
        load_capture(file)


def test_a_file_that_swells_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pfnmap.engine.sysroot.capture.MAX_CAPTURE_BYTES", 1 << 16)
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(b"\x00" * (1 << 20)))
    with pytest.raises(InputError, match="no capture is so large"):
        load_capture(file)


def test_control_characters_never_come_out_of_a_capture(tree: Tree) -> None:
    nasty = "\x1b]0;x\x07"
    data = changed(
        tree,
        kernel=nasty,
        notes=[nasty],
        blocks=[[0, 1, nasty, [nasty], [0], 1, 0]],
        iomem=[[0, 0, 4095, f"System RAM{nasty}"]],
    )
    after = parse_capture(data, "x")
    words = [after.kernel or "", *after.notes, after.blocks.state_word(0)]
    words += [*(after.blocks.zone_words(0) or ()), (after.iomem or ())[0].name]
    assert all(word.isprintable() for word in words)


@examples(30, [HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_capture_with_anything_changed_is_read_or_refused(
    tree: Tree, data: st.DataObject
) -> None:
    whole = bytearray(capture_bytes(seen(tree)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        SysrootView(parse_capture(bytes(whole), "x")).zones  # noqa: B018 - must not fail either
    except InputError as error:
        assert "\n" not in str(error)


# -- text dumps -----------------------------------------------------------------------------
def shell_dump(tree: Tree, shell: str, target: Path) -> bytes:
    """Run the line of the help on a tree instead of the machine."""
    tree.write("proc/sys/vm/hugetlb_optimize_vmemmap", "0\n")
    assert SHELL_LINE.removesuffix("> dump.txt 2> /dev/null") in reading_line()
    line = f"{reading_line(str(tree.root))} > dump.txt"
    subprocess.run([shell, "-c", line], cwd=target, check=True, timeout=60)
    return (target / "dump.txt").read_bytes()


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_shell_line_saves_what_the_program_reads(
    tree: Tree, tmp_path: Path, shell: str
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    tree.write(
        "proc/cmdline",
        "quiet movable_node memory_hotplug.auto_movable_ratio=250 kernelcore=1G root=/dev/secret\n",
    )
    dump = shell_dump(tree, shell, tmp_path)
    assert b"secret" not in dump
    assert b"0000:00" not in dump
    after = parse_capture(dump, "dump.txt")
    before = replace(seen(tree), page_bytes=after.page_bytes)
    assert same(before, after) == []
    assert after.page_bytes is not None


def test_a_text_dump_is_known_by_its_lines(tree: Tree, tmp_path: Path) -> None:
    assert is_text_dump(b"noise\n/sys/devices/system/memory/memory0/state:online\n")
    assert is_text_dump(b"pagesize:4096\nhost/sys/devices/system/memory/memory0/node0\n")
    assert not is_text_dump(b'{"format": "something"}')
    assert not is_text_dump(b"")
    file = tmp_path / "dump.txt"
    file.write_text("/sys/devices/system/memory/memory3/state:online\n")
    assert is_capture(file)
    assert load_capture(file).blocks.ids.tolist() == [3]
    assert not is_capture(tmp_path / "absent")


def test_lines_of_one_file_belong_together_and_noise_is_passed_over() -> None:
    files, links = parse_text_dump(
        b"pagesize:16384\n"
        b"user@host:~$ grep ...\r\n"
        b"./proc/zoneinfo:Node 0, zone   Normal\r\n"
        b"./proc/zoneinfo:        spanned  7\r\n"
        b"/sys/devices/system/memory/memory1/node0\n"
        b"/sys/devices/system/memory/memory1/state:online\n"
        b"/etc/passwd:root\n"
    )
    assert files["proc/zoneinfo"] == b"Node 0, zone   Normal\n        spanned  7\n"
    assert files["pagesize"] == b"16384\n"
    assert links == ["sys/devices/system/memory/memory1/node0"]
    assert not any("etc" in path for path in files)


def test_a_dump_without_memory_is_refused() -> None:
    with pytest.raises(InputError, match="no memory blocks"):
        parse_capture(b"/proc/zoneinfo:Node 0, zone Normal\n", "dump.txt")


@examples(25)
@given(st.binary(max_size=300))
def test_any_bytes_behind_a_dumps_first_line_are_harmless(noise: bytes) -> None:
    head = b"/sys/devices/system/memory/memory3/state:online\n/proc/zoneinfo:"
    assert 3 in parse_capture(head + noise, "dump.txt").blocks.ids
