"""Following a tree: the same view while nothing changes, every change named, little re-read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.sysroot.files import DirectoryTree
from pfnmap.engine.sysroot.observe import ABSENT, Change, Watcher
from pfnmap.engine.sysroot.read import observe
from tests.engine.sysroot.trees import MEMORY, Tree, x86_tree, zone


class Counting(DirectoryTree):
    """A tree that counts which file of how many blocks is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: Counter[str] = Counter()

    def read_each(
        self, path: str, directories: Iterable[str], name: str
    ) -> tuple[list[bytes], dict[int, int]]:
        wanted = list(directories)
        self.reads[name] += len(wanted)
        return super().read_each(path, wanted, name)

    def taken(self) -> dict[str, int]:
        reads, self.reads = dict(self.reads), Counter()
        return reads


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def test_nothing_changed_is_the_same_object(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    view = watcher.view
    assert watcher.poll() is view
    assert watcher.history == [view]
    assert watcher.changes == []


def test_an_offlined_block_is_named_with_everything_that_went_with_it(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    tree.block(33, "offline", "Movable Normal")
    tree.zoneinfo(zone(0, "Movable", 0x100000, 32768, 32768, 32256))
    view = watcher.poll()
    (changes,) = watcher.changes
    assert changes[:2] == (
        Change(33, "state", "online", "offline"),
        Change(33, "valid_zones", "Movable", "Movable Normal"),
    )
    assert Change(None, "node 0 zone Movable present", "65536", "32768") in changes
    assert str(changes[0]) == "memory33 state: online -> offline"
    assert view is watcher.view
    assert watcher.history[0].block_counts() == {"online": 10, "offline": 2}
    assert watcher.history[1].block_counts() == {"online": 9, "offline": 3}


def test_only_what_can_have_changed_is_read_again(tree: Tree) -> None:
    counting = Counting(tree.root)
    watcher = Watcher(counting)
    every = {"state": 12, "valid_zones": 12, "removable": 12, "phys_device": 12}
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
    tree.block(3, zones="DMA32", removable="0")
    counting = Counting(tree.root)
    watcher = Watcher(counting)
    counting.taken()
    tree.block(4, zones="DMA32", removable="0")
    watcher.poll()
    assert counting.taken() == {"state": 12, "removable": 12}
    assert watcher.changes == [(Change(4, "removable", "1", "0"),)]


def test_valid_zones_are_read_again_when_a_parameter_changes(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    tree.params(online_policy="auto-movable")
    tree.blocks(34, 35, "offline", "Movable Normal")
    watcher.poll()
    assert [change.field for change in watcher.changes[0]] == [
        "valid_zones",
        "valid_zones",
        "online_policy",
    ]


def test_hot_added_and_removed_blocks_come_and_go(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    tree.blocks(40, 41, "offline", "Normal Movable")
    assert watcher.poll().nr_blocks == 14
    assert watcher.changes[0] == (
        Change(40, "state", ABSENT, "offline"),
        Change(41, "state", ABSENT, "offline"),
    )
    tree.remove_block(40)
    assert watcher.poll().nr_blocks == 13
    assert watcher.changes[1] == (Change(40, "state", "offline", ABSENT),)


def test_a_block_that_was_replaced_between_two_readings_is_read_afresh(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    directory = tree.root / MEMORY / "memory35"
    directory.rename(tree.root / MEMORY / "gone35")
    tree.block(35, "offline", "Normal Movable", node=1)
    (tree.root / "sys/devices/system/node/node0/memory35").unlink()
    watcher.poll()
    assert watcher.changes == [(Change(35, "node", "0", "1"),)]


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
    assert len(watcher.history) == 7


def test_history_is_bounded(tree: Tree) -> None:
    watcher = Watcher(tree.root, max_history=3)
    for total in range(9, 14):
        tree.pool(2048, total, 0)
        watcher.poll()
    assert (len(watcher.history), len(watcher.changes), watcher.dropped) == (3, 2, 3)
    assert watcher.changes[-1][0].after == "13"


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
