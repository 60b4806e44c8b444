"""What ``/`` finds, and what it says when it does not."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.kinds import PageState
from tests.tui.fake_view import BLOCK, FakeView, dimm_view
from tui.finder import find


@pytest.mark.parametrize(
    ("words", "pfn"),
    [
        ("block 33", 33 * BLOCK),
        ("blk 32", 32 * BLOCK),
        ("memory32", 32 * BLOCK),
        ("0x100000000", 0x100000),
        ("pfn 0x100001", 0x100001),
        ("zone Movable", 32 * BLOCK),
        ("zone movable", 32 * BLOCK),
        ("Movable", 32 * BLOCK),
        ("state offline", 33 * BLOCK),
        ("offline", 33 * BLOCK),
        ("vmemmap", 32 * BLOCK),
        ("reserved", 0),
    ],
)
def test_forms_of_a_search(words: str, pfn: int) -> None:
    assert find(dimm_view(), words, 100) == pfn


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "nothing to search for"),
        ("block 20", "there is no memory block 20"),
        ("block x", "'x' is not a number"),
        ("pfn 0x900000", "behind the end of memory"),
        ("zone Fast", "there is no zone 'Fast'"),
        ("zone Normal", "zone Normal is empty"),
        ("state busy", "there is no state 'busy'"),
        ("hugetlb", "no page is hugetlb"),
        ("what is this", "cannot search for"),
    ],
)
def test_what_is_not_found_is_said(words: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find(dimm_view(), words, 0)


def test_next_and_previous_go_round() -> None:
    runs = [(i * 1000, 10 if i % 2 else 1000, PageState.UNMOVABLE if i % 2 else PageState.ONLINE)
            for i in range(8)]  # fmt: skip
    view = FakeView(runs)
    found = [find(view, "unmovable", pfn) for pfn in (0, 1000, 1005, 3000, 7000)]
    assert found == [1000, 3000, 3000, 5000, 1000]
    back = [find(view, "unmovable", pfn, forward=False) for pfn in (7000, 3005, 1000, 0)]
    assert back == [5000, 3000, 7000, 7000]


def test_one_page_in_four_pebibytes_is_found_in_a_few_counts() -> None:
    view = FakeView([(0, 1 << 39, PageState.ONLINE), (1 << 39, 1, PageState.BROKEN),
                     ((1 << 39) + 1, 1 << 39, PageState.ONLINE)])  # fmt: skip
    assert find(view, "broken", 0) == 1 << 39
    assert find(view, "broken", 5, forward=False) == 1 << 39
