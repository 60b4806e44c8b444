"""Page and section sizes of machines that do not say them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pfnmap.engine.sysroot.kernel import geometry_of
from pfnmap.engine.sysroot.read import observe
from pfnmap.engine.sysroot.trees import DirectoryTree
from tests.engine.sysroot.trees import Tree, zone


def geometry(tree: Tree, page_bytes: int | None = None) -> tuple[str, int, int, str]:
    found, notes = geometry_of(observe(DirectoryTree(tree.root)), page_bytes)
    return found.arch, found.page_bytes, found.block_bytes, " / ".join(notes)


def blocks(tmp_path: Path, **options: str | None) -> Tree:
    tree = Tree(tmp_path / "root", **options)
    tree.blocks(0, 7)
    return tree


@pytest.mark.parametrize(
    ("release", "arch", "expected"),
    [
        ("6.12.9-amd64", None, ("x86_64", 4096)),
        ("5.14.0-70.el9.x86_64", None, ("x86_64", 4096)),
        ("6.1.0", "x86_64", ("x86_64", 4096)),
        ("6.1.0-s390x", None, ("s390x", 4096)),
        ("6.6.0-asahi-16k", "aarch64", ("arm64-16k", 16384)),
        ("5.14.0-70.aarch64+64k", None, ("arm64-64k", 65536)),
    ],
)
def test_the_kernels_own_words_settle_it(
    tmp_path: Path, release: str, arch: str | None, expected: tuple[str, int]
) -> None:
    tree = blocks(tmp_path)
    tree.kernel(release, arch)
    assert geometry(tree)[:2] == expected


@pytest.mark.parametrize("page_bytes", [4096, 16384, 65536])
def test_present_pages_must_fill_the_online_blocks(tmp_path: Path, page_bytes: int) -> None:
    tree = blocks(tmp_path)
    tree.kernel("6.6.0", "aarch64")
    pages = 8 * (128 << 20) // page_bytes
    tree.zoneinfo(zone(0, "Normal", 0, pages, pages - pages // 20))
    arch, size, _, notes = geometry(tree)
    assert (arch, size) == (f"arm64-{page_bytes >> 10}k", page_bytes)
    assert "inferred from the present pages" in notes


@pytest.mark.parametrize(
    ("pools", "page_bytes"),
    [((64, 2048), 4096), ((2048, 32768), 16384), ((2048, 524288), 65536)],
)
def test_huge_page_sizes_tell_the_page_size(
    tmp_path: Path, pools: tuple[int, ...], page_bytes: int
) -> None:
    tree = blocks(tmp_path)
    for kib in pools:
        tree.pool(kib, 0, 0)
    assert geometry(tree)[:2] == (f"arm64-{page_bytes >> 10}k", page_bytes)


def test_what_a_person_says_outranks_everything(tmp_path: Path) -> None:
    tree = blocks(tmp_path)
    tree.kernel("6.6.0", "aarch64")
    assert geometry(tree, 16384)[:2] == ("arm64-16k", 16384)
    assert "page size" not in geometry(tree, 16384)[3]


def test_nothing_known_is_assumed_and_said(tmp_path: Path) -> None:
    arch, page_bytes, _, notes = geometry(blocks(tmp_path))
    assert (arch, page_bytes) == ("x86_64", 4096)
    assert "4096 bytes are assumed (--page-size says another)" in notes
    assert "the architecture is not known" in notes


def test_an_architecture_without_a_table_keeps_its_name(tmp_path: Path) -> None:
    tree = blocks(tmp_path)
    tree.kernel("6.9.0", "riscv64")
    assert geometry(tree)[0] == "riscv64"


def test_a_block_size_that_cannot_be_read_is_assumed_and_said(tmp_path: Path) -> None:
    tree = blocks(tmp_path, block_size=None)
    tree.kernel("6.9.0", "x86_64")
    _, _, block_bytes, notes = geometry(tree)
    assert block_bytes == 128 << 20
    assert "the memory block size is not known: 128M is assumed" in notes


def test_a_block_smaller_than_the_usual_section_is_taken_as_it_is(tmp_path: Path) -> None:
    tree = blocks(tmp_path, block_size="1000000")
    tree.kernel("6.9.0", "ppc64le")
    found, _ = geometry_of(observe(DirectoryTree(tree.root)), 65536)
    assert (found.arch, found.block_bytes, found.sections_per_block) == ("ppc64-64k", 16 << 20, 1)
