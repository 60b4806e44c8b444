"""What ``lsmem -J`` printed is opened like a capture, with less in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import ZoneType
from pfnmap.engine.profile import NEWEST
from pfnmap.engine.sysroot.capture import capture_bytes, is_capture, parse_capture
from pfnmap.engine.sysroot.history import open_root
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.view import SysrootView
from pfnmap.tui.text.blocks import COLUMNS, TableOptions, table_data
from tests.engine.sysroot.trees import x86_tree

MIB = 1 << 20


def row(first: int, last: int, state: str = "online", **columns: object) -> dict[str, object]:
    """A line as lsmem prints it; blocks of 128 MiB."""
    return {
        "range": f"{first * 128 * MIB:#018x}-{(last + 1) * 128 * MIB - 1:#018x}",
        "size": "1G",
        "state": state,
        "removable": True,
        "block": str(first) if first == last else f"{first}-{last}",
        **columns,
    }


def read(*rows: dict[str, object]) -> Observation:
    return parse_capture(json.dumps({"memory": rows}, indent=3).encode(), "lsmem.json")


ALL = (
    row(0, 0, zones="None", node=0),
    row(1, 7, zones="DMA32", node=0),
    row(32, 35, zones="Movable/Normal", node=1),
    row(36, 36, "on->off", zones="Movable", node=1),
    row(40, 41, "offline", removable=False, zones="Normal/Movable", node=1),
)


def test_blocks_and_their_size_follow_from_ranges(tmp_path: Path) -> None:
    seen = read(*ALL)
    assert seen.block_bytes == 128 * MIB
    assert seen.blocks.ids.tolist() == [*range(8), *range(32, 37), 40, 41]
    assert [seen.blocks.zone_words(i) for i in (0, 1, 8)] == [
        ("none",),
        ("DMA32",),
        ("Movable", "Normal"),
    ]
    assert [seen.blocks.node_set(i) for i in (0, 8)] == [(0,), (1,)]
    assert seen.node_ids == (0, 1)
    view = SysrootView(seen)
    assert view.block_counts() == {"offline": 2, "online": 12, "going-offline": 1}
    two = view.block(32)
    assert two is not None
    assert two.zone == ZoneType.MOVABLE


def test_what_it_lacks_is_said() -> None:
    assert read(*ALL).notes == (
        "made from what lsmem printed, which lacks zones (/proc/zoneinfo), iomem, parameters, "
        "huge pages; blocks of one line are taken to be alike",
    )
    (note,) = read(row(0, 7)).notes
    assert "nodes (column NODE), valid_zones (column ZONES)" in note


@pytest.mark.parametrize(
    ("removable", "known"),
    [(True, 1), (False, 0), ("yes", 1), ("no", 0), ("1", 1), (None, -1), ([], -1), ("maybe", -1)],
)
def test_removable_was_written_in_several_ways(removable: object, known: int) -> None:
    assert read(row(3, 3, removable=removable)).blocks.removable.tolist() == [known]


def test_a_node_may_be_in_digits() -> None:
    assert read(row(3, 3, node="1")).blocks.node_set(0) == (1,)


def test_it_is_opened_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_text(json.dumps({"memory": ALL}, indent=3))
    assert is_capture(file)
    assert open_root(file).view.block_counts()["online"] == 12


def test_the_table_of_this_program_is_opened_too(tmp_path: Path) -> None:
    view = open_root(x86_tree(tmp_path / "root").root).view
    table = table_data(view, TableOptions(columns=tuple(COLUMNS)))
    again = SysrootView(parse_capture(json.dumps(table, indent=1).encode(), "blocks.json"))
    assert [again.block_counts(), again.nr_blocks] == [view.block_counts(), view.nr_blocks]
    blocks = (0, 1, 7, 32, 34)
    for one, other in ((again.block(b), view.block(b)) for b in blocks):
        assert one is not None
        assert other is not None
        assert (one.state, one.node, one.zone, one.valid_zones) == (
            other.state,
            other.node,
            other.zone,
            other.valid_zones,
        )


def test_a_capture_of_it_is_the_same(tmp_path: Path) -> None:
    seen = read(*ALL)
    assert parse_capture(capture_bytes(seen), "lsmem.json") == seen


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "lsmem listed no memory"),
        (["0-7"], "field 'memory[0]': expected object"),
        (
            [{"state": "online", "block": "0"}],
            "lacks a range or a block; print both: lsmem --output-all",
        ),
        ([{"range": "0x0-0x7ffffff"}], "lacks a range or a block"),
        ([row(0, 7) | {"block": "0-6"}], "a range that is not whole blocks"),
        ([row(1, 7) | {"block": "2-8"}], "a range that is not that of its blocks"),
        ([row(0, 7) | {"block": "7-0"}], "a range that is not whole blocks"),
        ([row(0, 0) | {"range": "0x0-0xfff"}], "a range that is not that of its blocks"),
        ([row(0, 0), row(1, 1) | {"range": "0x10000000-0x1fffffff"}], "different memory block"),
        ([row(0, 7), row(7, 8)], "'memory[1]' overlaps the one before"),
        ([row(0, 7, node=5000)], "a number from 0 to 1023"),
    ],
)
def test_what_does_not_fit_is_one_sentence(rows: list[Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(*rows)
    assert message in str(caught.value)
    assert str(caught.value).startswith("lsmem.json: ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(ALL[2])), JSON)
def test_a_row_with_anything_in_it_is_read_or_refused(field: str, value: Any) -> None:
    try:
        seen = read(ALL[0], ALL[1], ALL[2] | {field: value})
    except InputError as error:
        assert str(error).isprintable()
        return
    view = SysrootView(seen)
    assert sum(view.block_counts().values()) == view.nr_blocks
    assert all(state.isprintable() for state in seen.blocks.states)


def test_removable_of_a_block_that_is_not_online_says_nothing() -> None:
    """Lsmem prints false there, whatever the kernel: no old kernel follows from it."""
    offline = row(40, 41, "offline", removable=False, zones="Normal/Movable", node=0)
    view = SysrootView(read(row(0, 7, zones="DMA32", node=0), offline))
    assert view.profile_name == NEWEST
    seen = view.block(40)
    assert seen is not None and seen.removable is None


def test_where_lsmem_says_that_blocks_hold_their_memmap() -> None:
    own = {"memmap-on-memory": True, "configured": True}
    view = SysrootView(read(row(0, 7), row(8, 15, "offline", **own), row(16, 16, "offline")))
    assert [each.vmemmap_pages for each in map(view.block, (8, 16)) if each] == [512, None]
