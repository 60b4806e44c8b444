"""Reading trees: what is there is read, what is not there or is nonsense is noted."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree, FileProblem
from tests.engine.sysroot.trees import MEMORY, NODE, Tree, x86_tree, zone


def read(tree: Tree) -> Observation:
    return observe(DirectoryTree(tree.root))


def noted(observation: Observation, pattern: str) -> bool:
    return any(re.search(pattern, note) for note in observation.notes)


# -- a whole machine ----------------------------------------------------------------------
def test_a_machine_with_everything_leaves_nothing_to_note(tmp_path: Path) -> None:
    seen = read(x86_tree(tmp_path / "root"))
    assert seen.notes == ()
    assert seen.kernel == "6.12.9-amd64"
    assert seen.arch == "x86_64"
    assert seen.block_bytes == 128 << 20
    assert seen.blocks.ids.tolist() == [*range(8), 32, 33, 34, 35]
    assert [seen.blocks.state_word(i) for i in (0, 10)] == ["online", "offline"]
    assert seen.blocks.zone_words(10) == ("Normal", "Movable")
    assert seen.blocks.node_set(3) == (0,)
    assert seen.masks["possible"] == (0, 1)
    assert seen.params["memmap_on_memory"] == "Y"
    assert seen.zones is not None
    assert [z.name for z in seen.zones] == ["DMA", "DMA32", "Normal", "Movable", "Device"]
    movable = seen.zones[3]
    assert (movable.start_pfn, movable.spanned, movable.present, movable.managed) == (
        0x100000,
        65536,
        65536,
        64512,
    )
    assert seen.zones[2].start_pfn is None
    (pool,) = seen.pools
    assert (pool.node, pool.page_bytes, pool.total, pool.free) == (None, 2 << 20, 8, 8)


def test_only_lines_about_memory_are_kept_of_iomem(tmp_path: Path) -> None:
    seen = read(x86_tree(tmp_path / "root"))
    assert seen.iomem is not None
    assert {line.name for line in seen.iomem} == {"System RAM", "Kernel code", "Kernel rodata"}
    assert [line.depth for line in seen.iomem if line.name.startswith("Kernel")] == [1, 1]


def test_block_numbers_are_decimal_and_the_block_size_is_hexadecimal(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size="10000000")
    tree.block(10)
    tree.write(f"{MEMORY}/memory10/phys_index", "0000000a\n")
    seen = read(tree)
    assert seen.block_bytes == 256 << 20
    assert seen.blocks.ids.tolist() == [10]


def test_reading_the_same_tree_twice_gives_equal_observations(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    assert read(tree) == read(tree)


# -- what dumps lack ------------------------------------------------------------------------
def test_a_tree_for_lsmem_alone_has_dangling_node_links(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0, node=1)
    tree.block(1, node=None)
    seen = read(tree)
    assert seen.blocks.node_set(0) == (1,)
    assert seen.blocks.node_set(1) is None
    assert noted(seen, "no node link: memory1")
    assert noted(seen, r"not there: .*, proc/\{zoneinfo,iomem\}")


def test_links_in_the_node_directories_are_enough(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0, node=None)
    tree.block(1, node=None)
    tree.node(0, 0, 1)
    tree.node(1, 1)
    seen = read(tree)
    assert seen.blocks.node_set(0) == (0,)
    assert seen.blocks.node_set(1) == (0, 1)


def test_no_memory_directory_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sys/devices/system/memory is not there; name the root"):
        observe(DirectoryTree(tmp_path))


def test_a_root_that_is_no_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such directory"):
        DirectoryTree(tmp_path / "absent")


def test_a_memory_directory_without_blocks_is_noted(tmp_path: Path) -> None:
    seen = read(Tree(tmp_path / "root"))
    assert len(seen.blocks) == 0
    assert noted(seen, "no memory block")


def test_files_missing_from_some_blocks_are_one_note(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    for number in range(4):
        tree.block(number, zones=None if number in (1, 3) else "Normal")
    seen = read(tree)
    assert noted(seen, "valid_zones of 2 blocks, first memory1: not there")
    assert [seen.blocks.zone_words(i) for i in range(4)] == [("Normal",), None, ("Normal",), None]


def test_files_missing_from_every_block_say_so(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    for number in range(3):
        tree.block(number, removable=None)
    seen = read(tree)
    assert noted(seen, "removable of every memory block: not there")
    assert seen.blocks.removable.tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("kernel", "said"), [(None, [0, 1, 1]), ("5.7.19", [0, 1, 1]), ("5.8.0-1", [1, 1, 1])]
)
def test_removable_of_one_block_is_that_of_all_since_5_8(
    tmp_path: Path, kernel: str | None, said: list[int]
) -> None:
    tree = Tree(tmp_path / "root")
    if kernel is not None:
        tree.kernel(kernel)
    tree.blocks(0, 2)
    tree.block(0, removable="0")
    assert read(tree).blocks.removable.tolist() == said


def test_where_the_highest_block_is_on_no_device_none_is(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0, phys_device=None)
    tree.block(1)
    assert read(tree).blocks.phys_device.tolist() == [0, 0]
    tree.block(2, phys_device="1")
    assert read(tree).blocks.phys_device.tolist() == [-1, 0, 1]
    assert noted(read(tree), "phys_device of memory0: not there")


def test_a_block_that_cannot_be_read_does_not_speak_for_the_others(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.kernel("6.12.0")
    tree.blocks(0, 1)
    tree.block(2, removable=None, phys_device="?")
    seen = read(tree)
    assert seen.blocks.removable.tolist() == [1, 1, -1]
    assert seen.blocks.phys_device.tolist() == [0, 0, -1]
    assert noted(seen, "removable of memory2: not there")


def test_a_block_without_state_is_unknown(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(5, state=None)
    seen = read(tree)
    assert seen.blocks.state_word(0) == "unknown"
    assert noted(seen, "state of every memory block: not there")


# -- odd words ------------------------------------------------------------------------------
@pytest.mark.parametrize("word", ["going-offline", "going-online", "something-new"])
def test_other_states_are_kept_as_they_are(tmp_path: Path, word: str) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0, word)
    assert read(tree).blocks.state_word(0) == word


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\x1b[31mred", b"\xff\xfe\x00", b"two words", b"x" * 100_000, b"\n\n\n"],
    ids=["empty", "escape", "binary", "two-words", "huge", "blank"],
)
def test_garbage_in_every_file_of_a_block_is_harmless(tmp_path: Path, garbage: bytes) -> None:
    tree = Tree(tmp_path / "root")
    for name in ("state", "valid_zones", "removable", "phys_device"):
        tree.write(f"{MEMORY}/memory0/{name}", garbage)
    blocks = read(tree).blocks
    words = [blocks.state_word(0), *(blocks.zone_words(0) or ())]
    assert all(word.isascii() and word.isprintable() and len(word) <= 32 for word in words)
    assert (int(blocks.removable[0]), int(blocks.phys_device[0])) == (-1, -1)


@pytest.mark.parametrize("size", ["", "zz", "-8000000", "0", "8000001", "1" * 400, "0x8000000"])
def test_a_block_size_that_is_none_is_noted(tmp_path: Path, size: str) -> None:
    tree = Tree(tmp_path / "root", block_size=size)
    tree.block(0)
    seen = read(tree)
    assert seen.block_bytes is None
    assert noted(seen, "block_size_bytes")


@pytest.mark.parametrize("mask", ["abc", "3-1", "0-99999", "0,,1", "-1"])
def test_a_node_mask_that_is_none_is_noted(tmp_path: Path, mask: str) -> None:
    tree = Tree(tmp_path / "root")
    tree.masks(online=mask)
    seen = read(tree)
    assert "online" not in seen.masks
    assert noted(seen, "node/online: no list of nodes")


def test_an_empty_node_mask_is_an_empty_set(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.masks(has_memory="", online="0-1,3")
    seen = read(tree)
    assert seen.masks["has_memory"] == ()
    assert seen.masks["online"] == (0, 1, 3)


def test_a_parameter_with_an_unknown_value_is_noted(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.params(online_policy="\x1b]0;x\x07whatever")
    seen = read(tree)
    assert "online_policy" not in seen.params
    assert noted(seen, "is no value of online_policy")
    assert all(note.isprintable() for note in seen.notes)


def test_names_that_are_no_block_ids_are_noted_and_passed_over(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(1)
    for name in ("memory01", "memory9999999999999", "memory-3", "memoryX", "power"):
        (tree.root / MEMORY / name).mkdir()
    seen = read(tree)
    assert seen.blocks.ids.tolist() == [1]
    assert noted(seen, "2 names are no block ids, e.g. memory01")


def test_a_zone_without_counters_is_noted(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.zoneinfo("Node 0, zone   Normal\n  pages free 1\n", zone(0, "Movable", 5, 6, 6))
    seen = read(tree)
    assert seen.zones is not None
    assert [z.name for z in seen.zones] == ["Movable"]
    assert noted(seen, "zone Normal has no spanned, present, managed")


@pytest.mark.parametrize("text", [b"", b"\x00\xff" * 500, b"Node x, zone y\n"])
def test_a_zoneinfo_that_is_none_is_noted(tmp_path: Path, text: bytes) -> None:
    tree = Tree(tmp_path / "root")
    tree.write("proc/zoneinfo", text)
    seen = read(tree)
    assert seen.zones is None
    assert noted(seen, "proc/zoneinfo: no zone in it")


def test_hidden_addresses_of_iomem_are_explained(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.iomem("00000000-00000000 : System RAM", "  00000000-00000000 : Kernel code")
    seen = read(tree)
    assert seen.iomem is None
    assert noted(seen, "hidden .* CAP_SYS_ADMIN")


def test_files_too_large_to_be_the_kernels_are_not_read(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    with tree.write("proc/zoneinfo", "Node 0, zone Normal\n").open("r+b") as file:
        file.truncate(1 << 40)
    seen = read(tree)
    assert seen.zones is None
    assert noted(seen, "too large to be the kernel's: proc/zoneinfo")


def test_the_command_line_gives_movable_node_and_nothing_else(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    tree.write("proc/cmdline", "root=/dev/secret movable_node quiet\n")
    seen = read(tree)
    assert seen.params["movable_node"] == "Y"
    assert "secret" not in repr(seen)


# -- things that are not files ----------------------------------------------------------------
def test_directories_links_and_pipes_in_place_of_files_are_noted(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    for number in range(3):
        tree.block(number, state=None)
    (tree.root / MEMORY / "memory0/state").mkdir()
    (tree.root / MEMORY / "memory1/state").symlink_to("state")
    os.mkfifo(tree.root / MEMORY / "memory2/state")
    seen = read(tree)
    assert [seen.blocks.state_word(i) for i in range(3)] == ["unknown"] * 3
    assert noted(seen, "state of memory0: a directory, not a file")
    assert noted(seen, "state of memory1: a symbolic link")


def test_a_block_that_is_a_link_is_no_block(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0)
    (tree.root / MEMORY / "memory1").symlink_to("memory0")
    assert read(tree).blocks.ids.tolist() == [0]


def test_a_link_loop_on_the_way_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "sys").symlink_to("sys")
    with pytest.raises(InputError, match="a symbolic link that leads nowhere"):
        observe(DirectoryTree(tmp_path))


def test_absolute_links_stay_inside_the_tree(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(7)
    (tree.root / "sys").rename(tree.root / "moved")
    (tree.root / "sys").symlink_to("/moved")
    assert read(tree).blocks.ids.tolist() == [7]
    (tree.root / "proc").mkdir()
    (tree.root / "proc/iomem").symlink_to("/proc/iomem")
    (tree.root / "proc/zoneinfo").symlink_to("../../../../../../../../../../proc/zoneinfo")
    seen = read(tree)
    assert seen.zones is None
    assert seen.iomem is None


# -- files that vanish or cannot be read --------------------------------------------------------
class Vanishing(DirectoryTree):
    """A machine from which a block is removed while its state is read."""

    def __init__(self, tree: Tree, number: int) -> None:
        super().__init__(tree.root)
        self.tree, self.number = tree, number

    def read_each(self, path: str, files: Iterable[str]) -> tuple[list[bytes], dict[int, int]]:
        if (self.tree.root / MEMORY / f"memory{self.number}").exists():
            self.tree.remove_block(self.number)
        return super().read_each(path, files)


def test_a_block_that_vanishes_while_it_is_read_is_left_out(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    seen = observe(Vanishing(tree, 33))
    assert 33 not in seen.blocks.ids
    assert noted(seen, "removed while they were read: memory33")
    assert len(seen.blocks) == 11
    assert seen.blocks.state_word(8) == "online"


class Emptied(DirectoryTree):
    """A machine whose memory directory goes away after the states were read."""

    def read_each(self, path: str, files: Iterable[str]) -> tuple[list[bytes], dict[int, int]]:
        wanted = list(files)
        if not any(file.endswith("/state") for file in wanted):
            raise FileProblem(path, errno.ENOENT)
        return super().read_each(path, wanted)


def test_a_memory_directory_that_vanishes_leaves_what_was_read(tmp_path: Path) -> None:
    seen = observe(Emptied(x86_tree(tmp_path / "root").root))
    assert len(seen.blocks) == 12
    assert noted(seen, "phys_device of every memory block: not there")


def test_files_that_may_not_be_read_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = x86_tree(tmp_path / "root")
    real_open = os.open

    def guarded(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if str(path).endswith(("iomem", "memory3/state")):
            raise PermissionError(errno.EACCES, "no", path)
        return real_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", guarded)
    seen = read(tree)
    assert noted(seen, "not readable without more rights: proc/iomem")
    assert noted(seen, "state of memory3: not readable without more rights")
    assert seen.blocks.state_word(3) == "unknown"
    assert seen.blocks.state_word(4) == "online"


def test_errors_while_reading_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = x86_tree(tmp_path / "root")

    def broken(handle: int, size: int) -> bytes:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "read", broken)
    seen = read(tree)
    assert noted(seen, "state of every memory block: input/output error")
    assert noted(seen, "input/output error: .*proc/")


def test_no_file_stays_open(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    (tree.root / MEMORY / "memory0/state").unlink()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    read(tree)
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


# -- many ---------------------------------------------------------------------------------------
def test_many_different_words_do_not_grow_without_bound(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    for number in range(4200):
        tree.write(f"{MEMORY}/memory{number}/state", f"word{number}\n")
    blocks = read(tree).blocks
    assert len(blocks) == 4200
    assert len(blocks.states) <= 4097


def test_a_hole_between_blocks_is_a_hole_in_the_ids(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.blocks(0, 3)
    tree.blocks(8192, 8193)
    ids = read(tree).blocks.ids
    assert ids.dtype == np.int64
    assert ids.tolist() == [0, 1, 2, 3, 8192, 8193]


def test_node_directories_beyond_what_a_kernel_has_are_passed_over(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root")
    tree.block(0)
    for name in ("node0", "node1", "node1024", "node99999", "nodeX"):
        (tree.root / NODE / name).mkdir(parents=True)
    assert read(tree).node_ids == (0, 1)


def test_the_command_line_says_what_no_file_does(tmp_path: Path) -> None:
    tree = x86_tree(tmp_path / "root")
    (tree.root / "sys/module/memory_hotplug/parameters/memmap_on_memory").unlink()
    (tree.root / MEMORY / "auto_online_blocks").unlink()
    tree.write(
        "proc/cmdline",
        "memory-hotplug.memmap_on_memory=1 memhp_default_state=online movablecore=1G "
        "memory_hotplug.auto_movable_ratio=7 memhp_default_state=online_movable secret=x\n",
    )
    seen = read(tree)
    assert seen.params["memmap_on_memory"] == "Y"
    assert seen.params["auto_online_blocks"] == "online_movable"  # the last word counts
    assert seen.params["auto_movable_ratio"] == "301"  # the file counts
    assert noted(seen, "command line: memmap_on_memory=Y, auto_online_blocks=online_movable")
    assert noted(seen, "movablecore=1G")
    assert not noted(seen, "secret")
