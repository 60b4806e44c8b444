"""Reading page flags of a range of pfns: all of a small one, a sample of a large one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.kinds import PageState
from pfnmap.engine.sysroot import page_files
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.page_files import read_pages
from pfnmap.engine.sysroot.page_kinds import PageKinds, bit
from pfnmap.engine.sysroot.trees import DirectoryTree
from pfnmap.engine.sysroot.view import SysrootView
from tests.engine.sysroot.trees import Tree, x86_tree

BUDDY, LRU = int(bit("BUDDY")), int(bit("LRU"))
PAGES = 32768
MOVABLE = 32 * PAGES
"""First pfn of the Movable blocks of the tree; two blocks, the first 512 pages are vmemmap."""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return x86_tree(tmp_path / "root")


def entries(
    tree: Tree, values: dict[int, int], *, name: str = "kpageflags", order: str = "<"
) -> None:
    """Write a file of 8 bytes a page, sparse but for these pfns."""
    path = tree.write(f"proc/{name}", b"")
    with path.open("r+b") as file:
        for pfn, value in values.items():
            file.seek(pfn * 8)
            file.write(np.array([value], f"{order}u8").tobytes())


def flags_for(tree: Tree, low: int, high: int, value: int) -> None:
    """The same flags for a range of pages, sparse before it, nothing behind it."""
    path = tree.write("proc/kpageflags", b"")
    with path.open("r+b") as file:
        file.seek(low * 8)
        file.write(np.full(high - low, value, "<u8").tobytes())


def view_of(tree: Tree) -> SysrootView:
    return Watcher(tree.root).view


def look(tree: Tree, low: int, high: int) -> tuple[PageKinds, SysrootView]:
    view = view_of(tree)
    kinds = read_pages(DirectoryTree(tree.root), view, (low, high))
    return kinds, view.with_pages(kinds)


def counts(view: SysrootView, low: int, high: int) -> dict[PageState, int]:
    row = view.page_counts(np.array([low, high]))[0].tolist()
    return {PageState(state): number for state, number in enumerate(row) if number}


# -- small ranges ---------------------------------------------------------------------------
def test_every_page_of_a_small_range_is_read(tree: Tree) -> None:
    first = MOVABLE + 512
    entries(tree, {first: BUDDY, first + 1: LRU, first + 2: LRU, first + 5: 0})
    kinds, view = look(tree, first, first + 6)
    assert kinds.words == "pages read"
    assert kinds.every == 1
    assert counts(view, first, first + 6) == {
        PageState.FREE_MOVABLE: 1,
        PageState.MOVABLE: 2,
        PageState.ONLINE: 3,
    }
    assert view.page(first + 1).state == PageState.MOVABLE
    assert "KPF_LRU" in view.page(first + 1).note


def test_pages_out_of_sight_stay_as_they_are(tree: Tree) -> None:
    flags_for(tree, MOVABLE, MOVABLE + PAGES, BUDDY)
    _, view = look(tree, MOVABLE + 1024, MOVABLE + 2048)
    assert counts(view, MOVABLE, MOVABLE + 4096) == {
        PageState.VMEMMAP: 512,
        PageState.FREE_MOVABLE: 1024,
        PageState.ONLINE: 2560,
    }


def test_flags_say_nothing_about_offline_memory_holes_and_struct_pages(tree: Tree) -> None:
    flags_for(tree, 0, 36 * PAGES, BUDDY)
    low, high = MOVABLE, MOVABLE + 4 * PAGES
    _, view = look(tree, low, high)
    assert counts(view, low, high) == {
        PageState.VMEMMAP: 1024,
        PageState.FREE_MOVABLE: 2 * PAGES - 1024,
        PageState.OFFLINE: 2 * PAGES,
    }
    assert counts(view, 8 * PAGES, 9 * PAGES) == {PageState.HOLE: PAGES}


def test_a_free_page_of_a_block_in_several_zones_is_free_in_that_of_its_span(tree: Tree) -> None:
    flags_for(tree, 0, PAGES, BUDDY)
    _, view = look(tree, 0, PAGES)
    found = counts(view, 0, PAGES)
    assert found[PageState.FREE_DMA] > 3000
    assert found[PageState.FREE_DMA32] > 20000


def test_how_often_a_page_is_mapped_is_told(tree: Tree) -> None:
    first = MOVABLE + 512
    entries(tree, {first: LRU, first + 1: LRU})
    entries(tree, {first: 3, first + 1: 1}, name="kpagecount")
    _, view = look(tree, first, first + 2)
    assert view.page(first).note.endswith("KPF_LRU, mapped 3 times")
    assert view.page(first + 1).note.endswith("mapped 1 time")


def test_several_ranges_are_read_as_one(tree: Tree) -> None:
    flags_for(tree, 0, 36 * PAGES, BUDDY)
    view = view_of(tree)
    spans = ((2 * PAGES, 2 * PAGES + 64), (MOVABLE + 600, MOVABLE + 700))
    kinds = read_pages(DirectoryTree(tree.root), view, *spans)
    assert kinds.every == 1
    assert kinds.pfns.tolist() == [pfn for span in spans for pfn in range(*span)]
    assert [kinds.nr_read(*span) for span in spans] == [64, 100]
    assert kinds.nr_read(0, 2 * PAGES + 10) == 10


# -- large ranges ---------------------------------------------------------------------------
@pytest.fixture
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_files, "EXACT_PAGES", 1024)
    monkeypatch.setattr(page_files, "MOST_PAGES", 512)


@pytest.mark.usefixtures("small_budget")
def test_of_a_large_range_a_sample_is_read_and_its_share_is_said(tree: Tree) -> None:
    flags_for(tree, 0, 36 * PAGES, BUDDY)
    low, high = MOVABLE, MOVABLE + 2 * PAGES
    kinds, view = look(tree, low, high)
    assert kinds.every == 126  # of 2 * 32768 pages all but 1024, not more than 512 are read
    assert kinds.words == view.page_source == "pages sampled, 1 of 126"
    assert 512 <= len(kinds.pfns) <= 2 * 512
    assert counts(view, low, high) == {
        PageState.VMEMMAP: 1024,
        PageState.FREE_MOVABLE: 2 * PAGES - 1024,
    }


@pytest.mark.usefixtures("small_budget")
def test_samples_stand_for_their_surroundings(tree: Tree) -> None:
    low, middle, high = 2 * PAGES, 3 * PAGES, 4 * PAGES
    path = tree.write("proc/kpageflags", b"")
    with path.open("r+b") as file:
        file.seek(low * 8)
        file.write(np.full(PAGES, BUDDY, "<u8").tobytes() + np.full(PAGES, LRU, "<u8").tobytes())
    _, view = look(tree, low, high)
    first, second = counts(view, low, middle), counts(view, middle, high)
    assert first[PageState.FREE_DMA32] > 0.9 * PAGES
    assert second[PageState.MOVABLE] > 0.9 * PAGES
    assert sum(first.values()) == sum(second.values()) == PAGES


def test_no_more_is_read_than_the_budget(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_files, "EXACT_PAGES", 1024)
    monkeypatch.setattr(page_files, "MOST_PAGES", 512)
    flags_for(tree, 0, 36 * PAGES, BUDDY)
    asked: list[int] = []
    real = os.pread

    def counted(handle: int, nr_bytes: int, offset: int) -> bytes:
        asked.append(nr_bytes)
        return real(handle, nr_bytes, offset)

    monkeypatch.setattr(os, "pread", counted)
    look(tree, 0, 36 * PAGES)
    assert sum(asked) <= 2 * 512 * 8 * 2


# -- files that are not as they should be ----------------------------------------------------
def test_what_cannot_be_read_is_noted_with_the_reason(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds, view = look(tree, MOVABLE, MOVABLE + 64)
    assert kinds.notes == ("not there: proc/{kpageflags,kpagecount}",)
    assert kinds.words == ""
    assert "page kinds: not there: proc/{kpageflags,kpagecount}" in [f.text for f in view.findings]
    assert counts(view, MOVABLE + 512, MOVABLE + 1024) == {PageState.ONLINE: 512}

    flags_for(tree, MOVABLE, MOVABLE + 64, BUDDY)
    real = os.open

    def denied(path: str, flags: int, *rest: object, **named: object) -> int:
        if str(path).endswith("kpageflags"):
            raise PermissionError(13, "denied")
        return real(path, flags, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", denied)
    kinds, _ = look(tree, MOVABLE, MOVABLE + 64)
    assert "not readable without more rights: proc/kpageflags" in kinds.notes


def test_counts_that_are_missing_are_noted_and_the_flags_used(tree: Tree) -> None:
    flags_for(tree, MOVABLE, MOVABLE + 2048, LRU)
    kinds, view = look(tree, MOVABLE + 512, MOVABLE + 1024)
    assert kinds.notes == ("not there: proc/kpagecount",)
    assert kinds.counts is None
    assert counts(view, MOVABLE + 512, MOVABLE + 1024) == {PageState.MOVABLE: 512}


def test_behind_the_end_of_a_short_file_nothing_is_known(tree: Tree) -> None:
    flags_for(tree, MOVABLE + 512, MOVABLE + 600, BUDDY)
    path = tree.root / "proc/kpageflags"
    os.truncate(path, (MOVABLE + 600) * 8 + 5)  # half an entry at the end
    _, view = look(tree, MOVABLE + 512, MOVABLE + 1024)
    assert counts(view, MOVABLE + 512, MOVABLE + 1024) == {
        PageState.FREE_MOVABLE: 88,
        PageState.ONLINE: 424,
    }


def test_an_empty_file_is_noted(tree: Tree) -> None:
    tree.write("proc/kpageflags", b"")
    kinds, view = look(tree, MOVABLE, MOVABLE + 1024)
    assert "proc/kpageflags has nothing about these pages" in kinds.notes
    assert counts(view, MOVABLE + 512, MOVABLE + 1024) == {PageState.ONLINE: 512}


def test_a_pipe_or_directory_in_place_of_a_file_is_noted(tree: Tree) -> None:
    (tree.root / "proc").mkdir(exist_ok=True)
    os.mkfifo(tree.root / "proc/kpageflags")
    (tree.root / "proc/kpagecount").mkdir()
    kinds, _ = look(tree, MOVABLE, MOVABLE + 64)
    assert kinds.notes == ("not a file: proc/{kpageflags,kpagecount}",)


def test_a_range_without_online_memory_is_not_asked_about(tree: Tree) -> None:
    flags_for(tree, MOVABLE, MOVABLE + 64, BUDDY)
    tree.write("proc/kpagecount", b"")
    kinds, _ = look(tree, MOVABLE + 2 * PAGES, MOVABLE + 4 * PAGES)
    assert (len(kinds.pfns), kinds.notes) == (0, ())


def test_a_dump_of_a_big_endian_machine_is_read_in_its_order(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", block_size="10000000")
    tree.kernel("6.6.0", "s390x")
    tree.blocks(0, 3, zones="DMA")
    entries(tree, {100: LRU, 101: BUDDY}, order=">")
    _, view = look(tree, 100, 102)
    assert [view.page(pfn).state for pfn in (100, 101)] == [PageState.MOVABLE, PageState.FREE_DMA]


def test_no_file_stays_open(tree: Tree) -> None:
    flags_for(tree, MOVABLE, MOVABLE + 64, BUDDY)
    before = len(os.listdir("/proc/self/fd"))
    look(tree, MOVABLE, MOVABLE + 64)
    assert len(os.listdir("/proc/self/fd")) == before
