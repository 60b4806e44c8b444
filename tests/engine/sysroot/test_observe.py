"""Following a tree: the same view while nothing changes, every change named, little re-read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot import read_blocks
from pfnmap.engine.sysroot.observe import ABSENT, Change, Watcher, changes_between
from pfnmap.engine.sysroot.read import Reader, observe
from pfnmap.engine.sysroot.read_blocks import TURNS, ZONE_TURNS
from pfnmap.engine.sysroot.trees import DirectoryTree
from tests.engine.sysroot.trees import MEMORY, Tree, x86_tree, zone
from tests.examples import some


class Counting(DirectoryTree):
    """A tree that counts which file of how many blocks is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: Counter[str] = Counter()

    def read_each(self, path: str, files: Iterable[str]) -> tuple[list[bytes], dict[int, int]]:
        wanted = list(files)
        self.reads.update(file.rpartition("/")[2] for file in wanted)
        return super().read_each(path, wanted)

    def taken(self) -> dict[str, int]:
        reads, self.reads = dict(self.reads), Counter()
        return reads


def polled(watcher: Watcher) -> tuple[Change, ...]:
    """What changed by the next reading."""
    before = watcher.view
    return changes_between(before.observation, watcher.poll().observation)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def test_nothing_changed_is_the_same_object(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    view = watcher.view
    assert watcher.poll() is view
    assert watcher.view is view


def test_an_offlined_block_is_named_with_everything_that_went_with_it(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    before = watcher.view
    tree.block(33, "offline", "Movable Normal")
    tree.zoneinfo(zone(0, "Movable", 0x100000, 32768, 32768, 32256))
    changes = polled(watcher)
    assert changes[:2] == (
        Change(33, "state", "online", "offline"),
        Change(33, "valid_zones", "Movable", "Movable Normal"),
    )
    assert Change(None, "node 0 zone Movable present", "65536", "32768") in changes
    assert str(changes[0]) == "memory33 state: online -> offline"
    assert before.block_counts() == {"online": 10, "offline": 2}
    assert watcher.view.block_counts() == {"online": 9, "offline": 3}


def test_only_what_can_have_changed_is_read_again(tree: Tree) -> None:
    counting = Counting(tree.root)
    watcher = Watcher(counting)
    every = {"state": 12, "valid_zones": 12, "removable": 1, "phys_device": 1}
    assert counting.taken() == every
    watcher.poll()
    assert counting.taken() == {"state": 12}
    tree.block(33, "offline", "Movable Normal")
    watcher.poll()
    assert counting.taken() == {"state": 12, "valid_zones": 12}
    tree.block(40, "offline", "Normal Movable")
    watcher.poll()
    assert counting.taken() == {
        "state": 13,
        "valid_zones": 13,
        "removable": 1,
        "phys_device": 1,
    }


def test_a_kernel_whose_removable_changes_has_it_read_every_time(tree: Tree) -> None:
    tree.kernel("5.7.19")
    tree.block(3, zones="DMA32", removable="0")
    counting = Counting(tree.root)
    watcher = Watcher(counting)
    counting.taken()
    tree.block(4, zones="DMA32", removable="0")
    assert polled(watcher) == (Change(4, "removable", "1", "0"),)
    assert counting.taken() == {"state": 12, "removable": 12}


def test_a_constant_of_the_kernel_is_read_of_one_block_and_never_again(tree: Tree) -> None:
    for block in (*range(8), *range(32, 36)):
        tree.write(f"{MEMORY}/memory{block}/removable", "0\n")
    watcher = Watcher(counting := Counting(tree.root))
    assert watcher.view.observation.blocks.removable.tolist() == [0] * 12
    assert counting.taken()["removable"] == 1
    watcher.poll()
    assert counting.taken() == {"state": 12}


def test_valid_zones_are_read_again_when_a_parameter_changes(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    tree.params(online_policy="auto-movable")
    tree.blocks(34, 35, "offline", "Movable Normal")
    assert [change.field for change in polled(watcher)] == [
        "valid_zones",
        "valid_zones",
        "online_policy",
    ]


def test_hot_added_and_removed_blocks_come_and_go(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    tree.blocks(40, 41, "offline", "Normal Movable")
    assert polled(watcher) == (
        Change(40, "state", ABSENT, "offline"),
        Change(41, "state", ABSENT, "offline"),
    )
    assert watcher.view.nr_blocks == 14
    tree.remove_block(40)
    assert polled(watcher) == (Change(40, "state", "offline", ABSENT),)
    assert watcher.view.nr_blocks == 13


def test_a_block_that_was_replaced_between_two_readings_is_read_afresh(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    directory = tree.root / MEMORY / "memory35"
    directory.rename(tree.root / MEMORY / "gone35")
    tree.block(35, "offline", "Normal Movable", node=1)
    (tree.root / "sys/devices/system/node/node0/memory35").unlink()
    assert polled(watcher) == (Change(35, "node", "0", "1"),)


def test_following_agrees_with_reading_afresh(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    for step in range(6):
        match step:
            case 0:
                tree.block(32, "going-offline", "Movable")
            case 1:
                tree.block(32, "offline", "Movable Normal")
            case 2:
                tree.remove_block(34)
            case 3:
                tree.block(34, "online", "Normal", node=1)
            case 4:
                (tree.root / MEMORY / "memory3/valid_zones").unlink()
                tree.params(auto_movable_ratio="200")
            case 5:
                tree.pool(2048, 9, 1)
        watcher.poll()
        afresh = observe(DirectoryTree(tree.root))
        assert watcher.view.observation.blocks == afresh.blocks
        assert watcher.view.observation.notes == afresh.notes
        assert watcher.view.observation == afresh


# -- in turn ----------------------------------------------------------------------------------
IN_SIGHT = 32, 34
"""The two blocks that somebody looks at, of more than are read each time."""


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of twelve blocks is one of many."""
    monkeypatch.setattr(read_blocks, "MOST_IN_SIGHT", 2)


def test_blocks_in_sight_are_read_each_time_and_the_others_in_turn(
    tree: Tree, in_turn: None
) -> None:
    reader = Reader(counting := Counting(tree.root))
    first = reader.read()
    counting.taken()
    for _ in range(4 * TURNS):
        assert reader.read(IN_SIGHT) is first
        reads = counting.taken()
        assert 2 <= reads.pop("state") <= 4
        assert reads in ({}, {"valid_zones": 1})


@pytest.mark.parametrize("block", some([1, 7, 32, 33, 35], 2))
def test_a_change_is_seen_at_once_in_sight_and_soon_elsewhere(
    tree: Tree, in_turn: None, block: int
) -> None:
    for waited in range(TURNS):
        reader = Reader(DirectoryTree(tree.root))
        last = reader.read()
        for _ in range(waited):
            assert reader.read(IN_SIGHT) is last
        tree.block(block, ("going-offline", "going-online")[waited % 2])
        readings = [reader.read(IN_SIGHT) for _ in range(TURNS)]
        assert readings[-1] == observe(DirectoryTree(tree.root))
        if block in (32, 33):
            assert readings[0] is readings[-1]


def test_where_one_block_changed_all_are_read(tree: Tree, in_turn: None) -> None:
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    for block in (1, 4, 7, 33, 35):
        tree.block(block, "going-offline")
    assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))


def movable(start: int, spanned: int, present: int, managed: int = 0) -> str:
    return zone(0, "Movable", start, spanned, present, managed or present)


def test_of_a_changed_machine_valid_zones_are_read_where_they_may_differ(
    tree: Tree, in_turn: None
) -> None:
    tree.zoneinfo(movable(0x80000, 131072, 32768))
    reader = Reader(counting := Counting(tree.root))
    reader.read()
    counting.taken()
    tree.block(7, "offline", "Movable")
    tree.zoneinfo(movable(0x80000, 131072, 65536))
    assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))
    reads = counting.taken()
    assert reads["state"] == 12
    assert 3 <= reads["valid_zones"] <= 4
    # Where a span moves, blocks elsewhere may go into another zone.
    tree.block(1, "online", "Movable")
    tree.zoneinfo(movable(0x10000, 131072, 65536))
    assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))
    assert counting.taken()["valid_zones"] == 12


def test_what_a_balloon_takes_is_no_reason_to_read_each_state(tree: Tree, in_turn: None) -> None:
    tree.zoneinfo(movable(0x80000, 131072, 65536))
    reader = Reader(counting := Counting(tree.root))
    reader.read()
    counting.taken()
    tree.zoneinfo(movable(0x80000, 131072, 65536, 60000))
    assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))
    assert counting.taken()["state"] <= 4


@pytest.mark.parametrize("counted", ["auto-movable", "no zoneinfo"])
def test_valid_zones_may_follow_from_what_is_online(
    tree: Tree, in_turn: None, counted: str
) -> None:
    if counted == "auto-movable":
        tree.params(online_policy=counted)
    else:
        (tree.root / "proc/zoneinfo").unlink()
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    tree.block(35, "offline", "Normal Movable")
    tree.block(34, "offline", "Normal Movable")
    tree.block(33, "offline", "Normal Movable")
    if counted == "auto-movable":
        tree.zoneinfo(zone(0, "Movable", 0x100000, 65536, 32768))
    readings = [reader.read(IN_SIGHT) for _ in range(TURNS)]
    assert readings[-1] == observe(DirectoryTree(tree.root))


def test_valid_zones_that_nothing_explains_are_seen_in_turn(tree: Tree, in_turn: None) -> None:
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    for block in (5, 35):
        tree.write(f"{MEMORY}/memory{block}/valid_zones", "none\n")
    readings = [reader.read(IN_SIGHT) for _ in range(ZONE_TURNS)]
    assert readings[-1] == observe(DirectoryTree(tree.root))
    assert len(set(map(id, readings))) == 2


def test_blocks_that_come_and_go_are_seen_at_once(tree: Tree, in_turn: None) -> None:
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    tree.block(40, "offline")
    assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))
    tree.remove_block(5)
    assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))


@pytest.mark.parametrize("block", range(1, 8))
def test_zones_parameters_and_resources_say_that_blocks_changed(
    tree: Tree, in_turn: None, block: int
) -> None:
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    for number, name in enumerate(("zoneinfo", "params", "iomem")):
        tree.block(block, f"state{number}", "Movable")
        if name == "zoneinfo":
            tree.zoneinfo(zone(0, "Movable", 0x100000, 32768, 32768))
        elif name == "params":
            tree.params(auto_movable_ratio="200")
        else:
            tree.iomem("00000000-3fffffff : System RAM")
        assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))


def test_a_block_whose_state_cannot_be_read_any_more_is_seen(tree: Tree, in_turn: None) -> None:
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    (tree.root / MEMORY / "memory33/state").unlink()
    now = reader.read(IN_SIGHT)
    assert "state of memory33: not there" in now.notes
    assert reader.read(IN_SIGHT) is now


def test_of_an_old_kernel_removable_is_read_in_turn_too(tree: Tree, in_turn: None) -> None:
    tree.kernel("5.7.19")
    tree.block(3, zones="DMA32", removable="0")
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    tree.block(33, zones="Movable", removable="0")
    assert reader.read(IN_SIGHT) == observe(DirectoryTree(tree.root))


def test_a_tree_that_was_replaced_is_read_whole(tree: Tree, in_turn: None) -> None:
    reader = Reader(DirectoryTree(tree.root))
    reader.read()
    tree.root.rename(tree.root.parent / "old")
    other = x86_tree(tree.root)
    other.blocks(1, 7, "offline", "Movable")
    assert reader.read(IN_SIGHT).blocks == observe(DirectoryTree(tree.root)).blocks


def test_a_tree_that_went_away_is_an_error_in_words(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    (tree.root / MEMORY).rename(tree.root / "elsewhere")
    with pytest.raises(InputError, match="no memory blocks"):
        watcher.poll()


def test_what_did_not_change_is_shared_between_readings(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    before = watcher.view.observation.blocks
    tree.pool(2048, 10, 0)
    assert watcher.poll().observation.blocks is before
