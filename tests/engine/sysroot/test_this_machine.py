"""The machine that the tests run on, read as it is where it has the files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pfnmap.engine.memory.checks import broken_identities
from pfnmap.engine.sysroot.capture import capture_bytes, parse_capture
from pfnmap.engine.sysroot.observe import Watcher
from pfnmap.engine.sysroot.view import SysrootView

pytestmark = pytest.mark.skipif(
    not Path("/sys/devices/system/memory").is_dir(),
    reason="this machine's kernel has no memory hotplug",
)


@pytest.fixture(scope="module")
def view() -> SysrootView:
    return Watcher("/").view


def test_it_is_read_without_writing_or_failing(view: SysrootView) -> None:
    assert view.observation.page_bytes == os.sysconf("SC_PAGE_SIZE")
    assert view.nr_blocks == sum(view.block_counts().values())
    assert all(note.isprintable() for note in view.notes)


def test_its_pages_are_all_counted(view: SysrootView) -> None:
    edges = np.linspace(0, view.end_pfn + 1000, 101).astype(np.int64)
    assert view.page_counts(edges).sum(axis=1).tolist() == np.diff(edges).tolist()
    assert view.page(view.first_pfn).block == view.block_ids(0, 1)[0]


def test_a_capture_of_it_is_the_same_machine(view: SysrootView) -> None:
    again = SysrootView(parse_capture(capture_bytes(view.observation), "capture"))
    assert again.observation.blocks == view.observation.blocks
    assert again.zones == view.zones
    assert again.geometry == view.geometry


def test_it_can_be_simulated(view: SysrootView) -> None:
    assert broken_identities(view.state) == []
    assert view.state.blocks.nr_keys == view.nr_blocks
