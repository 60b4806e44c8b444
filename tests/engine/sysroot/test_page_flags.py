"""What the bits of ``/proc/kpageflags`` say a page is."""

from __future__ import annotations

import numpy as np
import pytest

from pfnmap.engine.kinds import PageState
from pfnmap.engine.sysroot.page_kinds import KPF, NOT_SAID, bit, flag_words, page_states


def states(
    *pages: str, free: PageState = PageState.FREE_NORMAL, counts: tuple[int, ...] | None = None
) -> list[int]:
    """States of neighbouring pages with these flags, in words."""
    flags = np.array([int(bit(*page.split())) for page in pages], np.uint64)
    found = page_states(
        np.arange(100, 100 + len(pages)),
        flags,
        None if counts is None else np.array(counts, np.uint64),
        np.full(len(pages), int(free), np.int8),
    )
    return [int(state) for state in found]


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ("BUDDY", PageState.FREE_NORMAL),
        ("UPTODATE BUDDY", PageState.FREE_NORMAL),
        ("UPTODATE LRU MMAP ANON SWAPBACKED", PageState.MOVABLE),
        ("REFERENCED LRU ACTIVE PRIVATE", PageState.MOVABLE),
        ("UPTODATE SWAPBACKED", PageState.MOVABLE),  # taken off its LRU list for a moment
        ("SLAB", PageState.UNMOVABLE),
        ("SLAB ANON KSM", PageState.UNMOVABLE),  # slabs keep what looks like bits of a mapping
        ("PGTABLE REFERENCED", PageState.UNMOVABLE),
        ("ARCH", PageState.UNMOVABLE),
        ("MMAP", PageState.UNMOVABLE),  # a driver's buffer that is mapped
        ("RESERVED", PageState.RESERVED),
        ("ZERO_PAGE RESERVED", PageState.RESERVED),
        ("HUGE COMPOUND_HEAD UPTODATE", PageState.HUGETLB),
        ("HUGE COMPOUND_TAIL", PageState.HUGETLB),
        ("OFFLINE", PageState.PAGE_OFFLINE),
        ("HWPOISON LRU", PageState.PAGE_OFFLINE),
    ],
)
def test_a_page_is_what_its_flags_say(flags: str, state: PageState) -> None:
    assert states(flags) == [state]


def test_a_page_that_does_not_exist_or_has_no_flag_is_nothing_new() -> None:
    assert states("NOPAGE", "") == [NOT_SAID, NOT_SAID]


def test_a_free_page_is_free_in_its_zone() -> None:
    assert states("BUDDY", free=PageState.FREE_MOVABLE) == [PageState.FREE_MOVABLE]
    assert states("BUDDY", free=PageState.ONLINE) == [PageState.ONLINE]


def test_the_kernel_holds_nothing_in_movable() -> None:
    assert states("ARCH", free=PageState.FREE_MOVABLE) == [PageState.MOVABLE]


def test_a_tail_is_what_its_head_is() -> None:
    pages = ("LRU COMPOUND_HEAD", "COMPOUND_TAIL", "ARCH COMPOUND_HEAD", "COMPOUND_TAIL")
    assert states(*pages) == [
        PageState.MOVABLE,
        PageState.MOVABLE,
        PageState.UNMOVABLE,
        PageState.UNMOVABLE,
    ]


def test_a_tail_whose_head_was_not_read_is_unknown_unless_it_is_mapped() -> None:
    assert states("COMPOUND_TAIL", "LRU", "COMPOUND_TAIL") == [
        PageState.ONLINE,
        PageState.MOVABLE,
        PageState.ONLINE,
    ]
    assert states("COMPOUND_TAIL", "COMPOUND_TAIL", counts=(1, 0)) == [
        PageState.MOVABLE,
        PageState.ONLINE,
    ]


def test_a_head_does_not_reach_over_pages_that_were_left_out() -> None:
    flags = np.array([int(bit("LRU", "COMPOUND_HEAD")), int(bit("COMPOUND_TAIL"))], np.uint64)
    free = np.full(2, int(PageState.FREE_NORMAL), np.int8)
    assert page_states(np.array([0, 64]), flags, None, free).tolist() == [
        PageState.MOVABLE,
        PageState.ONLINE,
    ]


def test_bits_have_the_kernels_numbers_and_names() -> None:
    assert (KPF["LRU"], KPF["BUDDY"], KPF["NOPAGE"], KPF["RESERVED"]) == (5, 10, 20, 32)
    assert len(set(KPF.values())) == len(KPF)
    assert flag_words(1 << 5 | 1 << 12) == "KPF_LRU KPF_ANON"
    assert flag_words(0) == "no KPF flag"
