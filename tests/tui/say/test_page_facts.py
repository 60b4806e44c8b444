"""What is known about a page and a block, in words; the tower of memmap."""

from __future__ import annotations

from pfnmap.tui.say.page_facts import block_facts, page_facts, summary, tower
from tests.tui.stage import DIMM, session_of


def test_memory_that_hosts_itself_is_a_tower_of_two_floors() -> None:
    view = session_of(*DIMM).view
    assert tower(view, 0x100000) == [0x100000]
    assert tower(view, 0x107FFF) == [0x1001FF, 0x100007, 0x100000, 0x100000]


def test_where_its_struct_page_is_and_what_it_describes() -> None:
    view = session_of(*DIMM).view
    facts = dict(
        fact[:2] for fact in page_facts(view, view.page(0x100001), (0x100001, 0x100002), "->")
    )
    assert facts["is"] == "vmemmap"
    assert facts["struct page"] == "in pfn 0x100000"
    assert facts["describes"] == "0x100040-0x10007f (64 pages)"
    assert facts["zone"] == "Movable, node 0"


def test_the_first_generation_has_a_refcount() -> None:
    session = session_of("add dimm0 256M memmap=device", machine="machine ram=1G profile=memmap-v2")
    view = session.view
    names = [fact[0] for fact in page_facts(view, view.page(0x100000), (0x100000, 0x100001), "->")]
    assert {"refcount", "private"} <= set(names)


def test_a_cell_of_many_pages_says_what_is_in_it() -> None:
    view = session_of(*DIMM).view
    facts = dict(
        fact[:2] for fact in page_facts(view, view.page(0x100000), (0x100000, 0x100400), "")
    )
    assert facts["cell"] == "1024 pages, 512 vmemmap, 512 Movable"


def test_valid_zones_come_with_their_rule() -> None:
    view = session_of(*DIMM).view
    block = view.block(33)
    assert block is not None
    facts = block_facts(view, block)
    names = [name for name, _, _ in facts]
    rule = facts[names.index("valid_zones") + 1]
    assert rule == ("", block.zone_rule, "dim")
    assert block.zone_rule


def test_one_line_for_the_status() -> None:
    view = session_of(*DIMM).view
    words = [words for _, words in summary(view, 0x108000, (0x108000, 0x108200), "-")]
    assert words == ["pfn 0x108000-0x1081ff", "offline", "block 33 (dimm0) offline, no zone",
                     "node 0"] or words[1] == "vmemmap"  # fmt: skip
