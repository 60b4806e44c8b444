"""What ``/`` finds, and what it says when it does not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.tui.map.finder import find
from tests.tui.fake_view import BLOCK, FakeView, dimm_view


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


@pytest.mark.parametrize(("words", "form"), [("block", "block 34"), ("pfn", "pfn 0x140000")])
def test_a_search_without_its_number_is_told_the_form(words: str, form: str) -> None:
    with pytest.raises(InputError, match=f"^the number is missing; try {form}$"):
        find(dimm_view(), words, 0)


@dataclass
class RealView(FakeView):
    """A real machine's: single pages are known for a part of it."""

    real: bool = True
    page_source: str = "pages sampled, 1 of 96"


def test_of_a_real_machine_only_what_is_read_is_known() -> None:
    view = RealView([(0, 4 * BLOCK, PageState.ONLINE)])
    for words in ("unmovable", "state movable", "kind hugetlb"):
        state = words.split()[-1]
        message = f"no page is known to be {state}; pages are read for what is on the screen: pages"
        with pytest.raises(InputError, match=message):
            find(view, words, 0)
    view.page_source = ""
    with pytest.raises(InputError, match=r"on the screen, and none of them was read$"):
        find(view, "unmovable", 0)
    with pytest.raises(InputError, match=r"^no page is offline$"):
        find(view, "offline", 0)
