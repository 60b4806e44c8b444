"""Operating a real machine: one word into one file, by consent; and nothing else ever writes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.sysroot.capture import save_capture
from pfnmap.engine.sysroot.history import open_root
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.open_machine import open_watcher
from pfnmap.engine.sysroot.operate import (
    WriteAllowed,
    foresee,
    questions,
    went_as_foreseen,
    write_state,
)
from pfnmap.engine.sysroot.page_kinds import bit
from pfnmap.engine.sysroot.plan import plan
from pfnmap.engine.sysroot.trees import READ_FLAGS
from tests.engine.sysroot.trees import MEMORY, Tree, ratio_tree, x86_tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def state(tree: Tree, block: int) -> str:
    return (tree.root / MEMORY / f"memory{block}/state").read_text().strip()


def states(tree: Tree) -> list[str]:
    return [state(tree, block) for block in (*range(8), 32, 33, 34, 35)]


# -- consent ------------------------------------------------------------------------------------
def test_with_consent_one_file_gets_one_word(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    before = states(tree)
    done = write_state(watcher, 34, "online_movable", WriteAllowed(34, "online_movable"))
    assert done.errno is None
    assert done.agrees
    assert done.explanation == "as foreseen"
    after = states(tree)
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [("offline", "online_movable")]
    assert done.audit == (
        "write online_movable > /sys/devices/system/memory/memory34/state kernel=success "
        "model=success zone=none"
    )


@pytest.mark.parametrize(
    "consent",
    [None, WriteAllowed(35, "online"), WriteAllowed(34, "offline"), WriteAllowed(34, "Online")],
)
def test_without_consent_for_this_write_nothing_is_written(
    tree: Tree, consent: WriteAllowed | None
) -> None:
    before = states(tree)
    with pytest.raises(InputError, match=r"--allow-writes|was not confirmed"):
        write_state(Watcher(tree.root), 34, "online", consent)
    assert states(tree) == before


@pytest.mark.parametrize(("block", "word"), [(34, "on"), (34, "online\n"), (99, "online")])
def test_what_is_no_block_or_state_is_never_written(tree: Tree, block: int, word: str) -> None:
    before = states(tree)
    with pytest.raises(InputError):
        write_state(Watcher(tree.root), block, word, WriteAllowed(block, word))
    assert states(tree) == before


def test_a_capture_cannot_be_operated(tree: Tree, tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    save_capture(open_watcher(tree.root).view.observation, file)
    with pytest.raises(InputError, match="a capture cannot be operated"):
        write_state(open_watcher(file), 34, "online", WriteAllowed(34, "online"))


# -- the kernel's answer --------------------------------------------------------------------------
def test_the_kernels_refusal_stands_beside_the_models_words(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(handle: int, data: bytes) -> int:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(os, "write", busy)
    done = write_state(Watcher(tree.root), 3, "offline", WriteAllowed(3, "offline"))
    assert (done.errno, done.agrees) == ("EBUSY", False)
    assert done.explanation.startswith("the model foresaw success (memory3 in DMA32: EBUSY if")
    assert "kernel=EBUSY model=success zone=DMA32" in done.audit


def test_a_refusal_that_was_foreseen_is_explained_by_its_rule(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invalid(handle: int, data: bytes) -> int:
        raise OSError(errno.EINVAL, "invalid")

    monkeypatch.setattr(os, "write", invalid)
    done = write_state(Watcher(tree.root), 0, "offline", WriteAllowed(0, "offline"))
    assert (done.errno, done.agrees) == ("EINVAL", True)
    assert "several zones or nodes" in done.explanation


def test_a_block_that_went_away_is_an_answer_and_no_file_is_made(tree: Tree) -> None:
    watcher = Watcher(tree.root)
    tree.remove_block(35)
    assert write_state(watcher, 35, "online", WriteAllowed(35, "online")).errno == "ENOENT"
    (tree.root / MEMORY / "memory34/state").unlink()
    assert write_state(watcher, 34, "online", WriteAllowed(34, "online")).errno == "ENOENT"
    assert not (tree.root / MEMORY / "memory34/state").exists()


def test_a_link_in_place_of_the_file_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    watcher = Watcher(tree.root)
    outside = tmp_path / "outside"
    outside.write_text("kept")
    file = tree.root / MEMORY / "memory34/state"
    file.unlink()
    file.symlink_to(outside)
    assert write_state(watcher, 34, "online", WriteAllowed(34, "online")).errno == "ELOOP"
    assert outside.read_text() == "kept"


# -- before the write ------------------------------------------------------------------------
def test_the_question_names_block_zone_and_consequence(tree: Tree) -> None:
    view = Watcher(tree.root).view
    asked = foresee(view, [34], "online_movable")[0]
    assert asked.zone == ZoneType.MOVABLE
    assert questions([asked])[0] == (
        "write online_movable to memory34 [0x110000000-0x117ffffff]? "
        "It puts its memory into zone Movable."
    )
    assert asked.warning == ""
    leaving = foresee(view, [33], "offline")[0]
    assert "takes its memory out of zone Movable" in questions([leaving])[0]


def test_a_refusal_that_is_foreseen_is_a_warning(tree: Tree) -> None:
    view = Watcher(tree.root).view
    assert foresee(view, [0], "offline")[0].warning.startswith("the kernel would refuse: EINVAL")
    assert foresee(view, [33], "online")[0].warning.startswith("the kernel would refuse: EINVAL")


def test_pages_that_cannot_move_are_a_warning(tree: Tree) -> None:
    pages = 32768
    flags = np.zeros(pages, "<u8")
    flags[512:], flags[700:703] = bit("LRU"), bit("SLAB")
    path = tree.write("proc/kpageflags", b"")
    with path.open("r+b") as file:
        file.seek(2 * pages * 8)
        file.write(flags.tobytes())
    session = open_root(tree.root)
    block = 2
    assert foresee(session.view, [block], "offline")[0].warning == ""
    session.show_pages(session.look(2 * pages, 3 * pages))
    assert foresee(session.view, [block], "offline")[0].warning == (
        "the kernel would refuse: EBUSY, failure to isolate range: unmovable page at pfn "
        f"{2 * pages + 700:#x} (an unmovable allocation)"
    )
    assert foresee(session.view, [3], "offline")[0].warning == ""


def test_each_of_several_writes_is_foreseen_after_those_before_it(tmp_path: Path) -> None:
    view = Watcher(ratio_tree(tmp_path / "root").root).view
    blocks = range(32, 72)
    together = foresee(view, blocks, "online")
    assert {foresee(view, [block], "online")[0].zone for block in blocks} == {ZoneType.MOVABLE}
    assert [each.zone for each in together] == [ZoneType.MOVABLE] * 16 + [ZoneType.NORMAL] * 24
    assert questions(together) == [
        "write online to 16 blocks, memory32-47 [0x100000000-0x17fffffff]? "
        "It puts their memory into zone Movable.",
        "write online to 24 blocks, memory48-71 [0x180000000-0x23fffffff]? "
        "It puts their memory into zone Normal.",
    ]


def test_the_questions_name_every_block_once(tree: Tree) -> None:
    view = Watcher(tree.root).view
    foreseen = foresee(view, [2, 3, 5, 33], "offline")
    assert questions(foreseen) == [
        "write offline to 3 blocks, memory2-3,5? It takes their memory out of zone DMA32; "
        "everything on them must move away.",
        "write offline to memory33 [0x108000000-0x10fffffff]? It takes its memory out of zone "
        "Movable; everything on it must move away.",
    ]


def test_a_write_is_judged_by_what_was_foreseen_of_it(tmp_path: Path) -> None:
    tree = ratio_tree(tmp_path / "root")
    watcher = Watcher(tree.root)
    last = foresee(watcher.view, range(32, 49), "online")[-1]
    allowed = WriteAllowed(48, "online")
    assert write_state(watcher, 48, "online", allowed, last.prediction).prediction is (
        last.prediction
    )
    row = write_state(watcher, 48, "online", allowed).prediction.after.blocks.at(48)
    assert row is not None and row["zone"] == ZoneType.MOVABLE, "alone it would go elsewhere"


def test_what_was_foreseen_holds_while_the_machine_does_as_foreseen(tmp_path: Path) -> None:
    tree = ratio_tree(tmp_path / "root")
    before = Watcher(tree.root).view
    first = foresee(before, [32], "online")[0]
    assert not went_as_foreseen(first, before, before)
    tree.block(32, "online", "Normal")
    assert not went_as_foreseen(first, before, Watcher(tree.root).view)
    tree.block(32, "online", "Movable")
    assert went_as_foreseen(first, before, Watcher(tree.root).view)
    tree.block(40, "online", "Movable")
    assert not went_as_foreseen(first, before, Watcher(tree.root).view), "somebody else's"
    tree.remove_block(32)
    assert not went_as_foreseen(first, before, Watcher(tree.root).view)


# -- nothing else writes ---------------------------------------------------------------------
def everything(tree: Tree) -> None:
    """Every way in which the program uses a tree without consent to write."""
    session = open_root(tree.root)
    session.poll()
    command = parse_line("offline 33")
    assert command is not None
    plan(session.view, [command])
    session.predict(command)
    session.branch().run(command)
    session.show_pages(session.look(0, 1 << 20))
    foresee(session.view, [33], "offline")
    assert list(session.view.block_runs())
    assert session.assumptions
    with pytest.raises(InputError):
        write_state(session.watcher, 33, "offline", None)


def test_no_path_without_consent_opens_anything_for_writing(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(tree)  # Modules are imported before the opens are watched.
    flags_seen: list[int] = []
    real_open: Callable[..., int] = os.open

    def watched(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        flags_seen.append(flags)
        return real_open(path, flags, *rest, **named)

    def refused(*arguments: Any, **named: Any) -> None:
        raise AssertionError(f"opened past os.open: {arguments}")

    monkeypatch.setattr(os, "open", watched)
    monkeypatch.setattr("builtins.open", refused)
    for name in ("write", "mkdir", "rename", "replace", "unlink", "symlink", "truncate", "chmod"):
        monkeypatch.setattr(os, name, refused)
    everything(tree)
    monkeypatch.undo()
    assert flags_seen
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    assert {flags & writing for flags in flags_seen} == {0}
    assert READ_FLAGS & writing == 0


def test_a_read_only_tree_is_read_and_left_as_it_was(tree: Tree) -> None:
    paths = [tree.root, *tree.root.rglob("*")]
    kept = [path for path in paths if not path.is_symlink()]
    for path in reversed(kept):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in kept}
    try:
        everything(tree)
        assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in kept} == before
        assert sorted([tree.root, *tree.root.rglob("*")]) == sorted(paths)
    finally:
        for path in kept:
            path.chmod(0o755)
