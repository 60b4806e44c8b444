"""Pages that were seen not to move are taken in the machine that stands for the real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.kinds import PageState
from engine.language import parse_line
from engine.memory.checks import broken_identities
from engine.sysroot.page_flags import bit
from engine.sysroot.session import RootSession
from engine.sysroot.sources import open_root
from tests.engine.sysroot.trees import Tree, x86_tree

PAGES = 32768
IMAGE, BLOCK = 0x1000, 2 * PAGES
"""First pfn of the kernel image, and of memory block 2, of the tree."""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = x86_tree(tmp_path / "root")
    flags = np.full(4 * PAGES, bit("LRU"), "<u8")
    flags[IMAGE - 3 : IMAGE + 5] = bit("RESERVED")
    flags[BLOCK + 7] = flags[BLOCK + 9] = bit("SLAB")
    flags[BLOCK + 8] = bit("PGTABLE")
    tree.write("proc/kpageflags", flags.tobytes())
    return tree


def looked(tree: Tree, low: int = 0, high: int = 3 * PAGES) -> RootSession:
    session = open_root(tree.root)
    session.show_pages(session.look(low, high))
    return session


def refusal(session: RootSession, words: str) -> str | None:
    command = parse_line(words)
    assert command is not None
    return session.predict(command).errno


def test_what_cannot_move_is_taken_and_nothing_else(tree: Tree) -> None:
    state = looked(tree).state
    rows = state.taken.slice(BLOCK, BLOCK + PAGES).tolist()
    assert [(start, count, PageState(kind)) for start, count, kind, *_ in rows] == [
        (BLOCK + 7, 3, PageState.UNMOVABLE)
    ]
    assert broken_identities(state) == []


def test_the_kernel_image_is_taken_once(tree: Tree) -> None:
    before, after = open_root(tree.root).state, looked(tree).state
    image = before.taken.at(IMAGE)
    assert image is not None
    assert after.taken.at(IMAGE) is not None
    assert after.taken.nr_keys == before.taken.nr_keys + 3 + 3


def test_a_prediction_and_a_branch_know_of_them(tree: Tree) -> None:
    blind, session = open_root(tree.root), looked(tree)
    assert (refusal(blind, "offline 2"), refusal(session, "offline 2")) == (None, "EBUSY")
    assert refusal(session, "offline 3") is None
    branch = session.branch()
    command = parse_line("offline 2")
    assert command is not None
    assert branch.run(command).errno == "EBUSY"
    assert branch.view.page(BLOCK + 7).state == PageState.UNMOVABLE


def test_pages_out_of_sight_are_not_known(tree: Tree) -> None:
    assert refusal(looked(tree, 3 * PAGES, 4 * PAGES), "offline 2") is None


def test_the_past_knows_nothing_of_the_pages_of_now(tree: Tree) -> None:
    session = open_root(tree.root)
    tree.block(33, "offline", "Normal Movable")
    assert session.poll()
    session.show_pages(session.look(0, 3 * PAGES))
    assert refusal(session, "offline 2") == "EBUSY"
    session.undo()
    assert refusal(session, "offline 2") is None


def test_what_is_known_is_no_assumption(tree: Tree) -> None:
    assert open_root(tree.root).assumptions[0].startswith("where unmovable pages are is not known")
    assert looked(tree).assumptions[0] == (
        "no pages are unmovable but the kernel image and those of /proc/kpageflags (pages read)"
    )
