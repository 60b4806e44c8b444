"""What real kernels did, replayed: no difference; a changed field is named; junk is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from pfnmap.engine.traces.trace import TraceError, load_trace, parse_trace
from pfnmap.engine.traces.verify import verify_trace
from tests.examples import examples

TRACES = sorted((Path(__file__).parents[2] / "traces").glob("*.json"))
Json = Any


def recording(name: str) -> Json:
    path = Path(__file__).parents[2] / "traces" / f"{name}.json"
    return json.loads(path.read_bytes())


# -- agreement --------------------------------------------------------------------------
def test_recordings_of_four_kernels_are_here() -> None:
    kernels = {load_trace(path).kernel[:4] for path in TRACES}
    assert kernels == {"6.1.", "6.12", "6.18", "7.3."}
    assert len(TRACES) >= 40


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_replaying_a_recording_gives_what_the_kernel_showed(path: Path) -> None:
    assert [str(difference) for difference in verify_trace(path)] == []


# -- a single changed field -------------------------------------------------------------
def _zone(data: Json, step: int, index: int) -> Json:
    return data["steps"][step - 1]["after"]["zones"][index]


def _add_to_zone(index: int, field: str) -> Callable[[Json, int], None]:
    def change(data: Json, step: int) -> None:
        _zone(data, step, index)[field] += 1

    return change


def _block(field: str, value: Json) -> Callable[[Json, int], None]:
    def change(data: Json, step: int) -> None:
        blocks = data["steps"][step - 1]["after"]["blocks"]
        next(block for block in blocks if block["id"] == 33)[field] = value

    return change


def _set(*path: str | int, value: Json) -> Callable[[Json, int], None]:
    def change(data: Json, step: int) -> None:
        target = data["steps"][step - 1]
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


def _drop_block(data: Json, step: int) -> None:
    after = data["steps"][step - 1]["after"]
    after["blocks"] = [block for block in after["blocks"] if block["id"] != 33]


def _invent_block(data: Json, step: int) -> None:
    after = data["steps"][step - 1]["after"]
    after["blocks"].append({**after["blocks"][-1], "id": 999})


def _move_ram(data: Json, step: int) -> None:
    lines = data["steps"][step - 1]["after"]["iomem"]
    next(line for line in lines if line["start"] == 0x100000000)["end"] += 1


def _drop_zone(data: Json, step: int) -> None:
    del data["steps"][step - 1]["after"]["zones"][3]


def _change_log(data: Json, step: int) -> None:
    data["steps"][step - 1]["log"] = ["Policy zone: DMA32"]


CHANGES: list[tuple[str, Callable[[Json, int], None], list[str]]] = [
    ("DMA32 start", _add_to_zone(1, "start_pfn"), ["node 0 zone DMA32 start_pfn"]),
    ("Normal spanned", _add_to_zone(2, "spanned"), ["node 0 zone Normal spanned"]),
    ("Normal present", _add_to_zone(2, "present"), ["node 0 zone Normal present"]),
    ("Normal managed", _add_to_zone(2, "managed"), ["node 0 zone Normal managed"]),
    ("Movable spanned", _add_to_zone(3, "spanned"), ["node 0 zone Movable spanned"]),
    ("Device spanned", _add_to_zone(4, "spanned"), ["node 0 zone Device spanned"]),
    ("zone missing", _drop_zone, ["node 0 zone Movable"]),
    ("state", _block("state", "offline"), ["block 33 state"]),
    ("node", _block("node", 1), ["block 33 node"]),
    ("removable", _block("removable", False), ["block 33 removable"]),
    ("zone of a block", _block("valid_zones", ["Normal"]), ["block 33 valid_zones"]),
    ("no zone", _block("valid_zones", []), ["block 33 valid_zones"]),
    ("block missing", _drop_block, ["block 33"]),
    ("block too many", _invent_block, ["block 999"]),
    ("online", _set("after", "nodes", "online", value="0-1"), ["nodes online"]),
    ("has_memory", _set("after", "nodes", "has_memory", value=""), ["nodes has_memory"]),
    (
        "has_normal_memory",
        _set("after", "nodes", "has_normal_memory", value="0,2"),
        ["nodes has_normal_memory"],
    ),
    ("result", _set("result", value="EBUSY"), ["result"]),
    ("log", _change_log, ["log"]),
    (
        "iomem",
        _move_ram,
        [
            "iomem 100000000-10fffffff : System RAM",
            "iomem 100000000-110000000 : System RAM",
        ],
    ),
]


@pytest.mark.parametrize(
    ("change", "fields"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES]
)
def test_one_changed_field_is_reported_with_its_step(
    change: Callable[[Json, int], None], fields: list[str]
) -> None:
    data = recording("life-256m-plain")
    online = next(
        number
        for number, step in enumerate(data["steps"], 1)
        if step["do"] == "write-state" and step["block"] == 33 and step["result"] is None
    )
    change(data, online)
    found = verify_trace(data)
    assert [(difference.step, difference.field) for difference in found] == [
        (online, field) for field in fields
    ]


def test_the_order_of_valid_zones_counts() -> None:
    data = recording("life-256m-plain")
    added = data["steps"][0]["after"]["blocks"]
    block = next(b for b in added if b["valid_zones"] == ["Normal", "Movable"])
    block["valid_zones"] = ["Movable", "Normal"]
    found = verify_trace(data)
    assert [str(difference) for difference in found] == [
        f"step 1: block {block['id']} valid_zones: kernel Movable Normal, engine Normal Movable"
    ]


def test_a_change_at_boot_is_a_difference_at_boot_only_where_it_contradicts() -> None:
    data = recording("life-256m-plain")
    data["boot"]["nodes"]["has_memory"] = "0-1"
    assert [(d.step, d.field) for d in verify_trace(data)] == [(0, "nodes has_memory")]


def test_a_step_that_cannot_be_interpreted_differs_and_is_never_skipped() -> None:
    data = recording("life-256m-plain")
    last = copy.deepcopy(data["steps"][-1])
    data["steps"].append({**last, "do": "shell", "command": "mount -t tmpfs none /mnt", "log": []})
    found = verify_trace(data)
    assert [(d.step, d.field) for d in found] == [(len(data["steps"]), "shell")]
    assert "cannot interpret" in found[0].engine


def test_a_step_the_firmware_refused_changes_nothing_and_agrees() -> None:
    data = recording("life-256m-plain")
    last = copy.deepcopy(data["steps"][-1])
    refused = {**last, "do": "hot-add", "id": "huge", "node": 0, "start": 1, "size": 3, "log": []}
    refused["result"] = "REFUSED_BY_FIRMWARE"
    data["steps"].append(refused)
    assert verify_trace(data) == []


# -- recordings that are none -----------------------------------------------------------
def wrong(*path: str | int, value: Json = ...) -> Callable[[Json], None]:
    """Set the value at a path, or delete it."""

    def change(data: Json) -> None:
        target = data
        for key in path[:-1]:
            target = target[key]
        if value is ...:
            del target[path[-1]]
        else:
            target[path[-1]] = value

    return change


MALFORMED: list[tuple[str, Callable[[Json], None], str]] = [
    ("no format", wrong("format"), "not a recording of format hotplug-trace-1"),
    (
        "other format",
        wrong("format", value="hotplug-trace-2"),
        "not a recording of format hotplug-trace-1",
    ),
    ("format a list", wrong("format", value=[1]), "not a recording of format hotplug-trace-1"),
    ("no kernel", wrong("kernel"), "field 'kernel': is missing"),
    ("no steps", wrong("steps"), "field 'steps': is missing"),
    ("steps an object", wrong("steps", value={}), "field 'steps': expected array, got object"),
    (
        "arch unknown",
        wrong("arch", value="vax"),
        "'arch' is 'vax', expected one of x86_64, arm64-4k, arm64-16k, arm64-64k, ppc64-64k",
    ),
    ("arch a number", wrong("arch", value=7), "field 'arch': expected str, got int"),
    (
        "block size zero",
        wrong("memory_block_size", value=0),
        "field 'memory_block_size': block=0 bytes: "
        "a memory block is a power of two of at least 128M on x86_64",
    ),
    (
        "block size odd",
        wrong("memory_block_size", value=(128 << 20) + 1),
        "field 'memory_block_size': block=134217729 bytes: "
        "a memory block is a power of two of at least 128M on x86_64",
    ),
    (
        "block size negative",
        wrong("memory_block_size", value=-1),
        "field 'memory_block_size': expected int >= 0",
    ),
    (
        "block size huge",
        wrong("memory_block_size", value=1 << 400),
        "field 'memory_block_size': expected int <= 1099511627776",
    ),
    ("no params", wrong("params"), "field 'params': is missing"),
    (
        "ratio negative",
        wrong("params", "auto_movable_ratio", value=-1),
        "field 'params.auto_movable_ratio': expected int >= 0",
    ),
    (
        "ratio a truth",
        wrong("params", "auto_movable_ratio", value=True),
        "field 'params.auto_movable_ratio': expected int, got bool",
    ),
    (
        "policy unknown",
        wrong("params", "online_policy", value="random"),
        "field 'params': 'online_policy' is wrong: set online_policy=random: "
        "expected contig-zones or auto-movable",
    ),
    (
        "numa_aware a number",
        wrong("params", "auto_movable_numa_aware", value=1),
        "field 'params.auto_movable_numa_aware': expected bool, got int",
    ),
    ("no boot", wrong("boot"), "field 'boot': is missing"),
    ("boot null", wrong("boot", value=None), "field 'boot': expected object, got null"),
    (
        "zone unknown",
        wrong("boot", "zones", 1, "zone", value="HighMem"),
        "field 'boot.zones[1].zone': invalid enum value 'HighMem'",
    ),
    (
        "zone negative",
        wrong("boot", "zones", 0, "present", value=-5),
        "field 'boot.zones[0].present': expected int >= 0",
    ),
    (
        "zone a float",
        wrong("boot", "zones", 0, "managed", value=1.5),
        "field 'boot.zones[0].managed': expected int, got float",
    ),
    (
        "zone huge",
        wrong("boot", "zones", 0, "spanned", value=1 << 60),
        "field 'boot.zones[0].spanned': expected int <= 4503599627370495",
    ),
    (
        "node huge",
        wrong("boot", "zones", 0, "node", value=1024),
        "field 'boot.zones[0].node': expected int <= 1023",
    ),
    (
        "zone no object",
        wrong("boot", "zones", 2, value=7),
        "field 'boot.zones[2]': expected object, got int",
    ),
    (
        "block out of range",
        wrong("boot", "blocks", 3, "id", value=1 << 40),
        "field 'boot.blocks[3].id': expected int <= 67108863",
    ),
    (
        "block twice",
        wrong("boot", "blocks", 3, "id", value=2),
        "field 'boot': 'blocks' has block 2 twice",
    ),
    (
        "state unknown",
        wrong("boot", "blocks", 3, "state", value="asleep"),
        "field 'boot.blocks[3].state': invalid enum value 'asleep'",
    ),
    (
        "valid_zones a word",
        wrong("boot", "blocks", 3, "valid_zones", value="Normal"),
        "field 'boot.blocks[3].valid_zones': expected array, got str",
    ),
    (
        "valid_zones numbers",
        wrong("boot", "blocks", 3, "valid_zones", value=[1]),
        "field 'boot.blocks[3].valid_zones[0]': expected str, got int",
    ),
    (
        "iomem backwards",
        wrong("boot", "iomem", 0, "end", value=0),
        "field 'boot.iomem[0]': 'end' is below 'start', or above any address",
    ),
    (
        "mask",
        wrong("boot", "nodes", "online", value="0-"),
        "field 'boot.nodes': 'online' is no node list: '0-'",
    ),
    (
        "mask huge",
        wrong("boot", "nodes", "possible", value="0-99999"),
        "field 'boot.nodes': 'possible' is no node list: '0-99999'",
    ),
    (
        "step no object",
        wrong("steps", 2, value="add"),
        "field 'steps[2]': expected object, got str",
    ),
    (
        "step unknown",
        wrong("steps", 2, "do", value="dance"),
        "field 'steps[2].do': invalid value 'dance'",
    ),
    ("step nothing", wrong("steps", 2, "do"), "field 'steps[2].do': is missing"),
    ("no size", wrong("steps", 0, "size"), "field 'steps[0]': 'size' is missing"),
    (
        "size text",
        wrong("steps", 0, "size", value="1G"),
        "field 'steps[0].size': expected int | null, got str",
    ),
    (
        "size negative",
        wrong("steps", 0, "size", value=-1),
        "field 'steps[0].size': expected int >= 0",
    ),
    (
        "size huge",
        wrong("steps", 0, "size", value=1 << 80),
        "field 'steps[0]': 'size' is 1208925819614629174706176, above any address",
    ),
    (
        "start huge",
        wrong("steps", 0, "start", value=1 << 64),
        "field 'steps[0]': 'start' is 18446744073709551616, above any address",
    ),
    (
        "node huge",
        wrong("steps", 0, "node", value=4096),
        "field 'steps[0].node': expected int <= 1023",
    ),
    (
        "block negative",
        wrong("steps", 1, "block", value=-1),
        "field 'steps[1].block': expected int >= 0",
    ),
    (
        "block huge",
        wrong("steps", 1, "block", value=1 << 33),
        "field 'steps[1].block': expected int <= 67108863",
    ),
    (
        "log a string",
        wrong("steps", 0, "log", value="x"),
        "field 'steps[0].log': expected array, got str",
    ),
    (
        "log numbers",
        wrong("steps", 0, "log", value=[1]),
        "field 'steps[0].log[0]': expected str, got int",
    ),
    (
        "result a number",
        wrong("steps", 0, "result", value=16),
        "field 'steps[0].result': expected str | null, got int",
    ),
    ("no after", wrong("steps", 1, "after"), "field 'steps[1].after': is missing"),
    (
        "after, zone",
        wrong("steps", 1, "after", "zones", 0, "present"),
        "field 'steps[1].after.zones[0].present': is missing",
    ),
    (
        "unmovable a pfn",
        wrong("steps", 1, "environment", value={"unmovable": 7}),
        "field 'steps[1].environment.unmovable': expected array, got int",
    ),
    (
        "unmovable a truth",
        wrong("steps", 1, "environment", value={"unmovable": [True]}),
        "field 'steps[1].environment.unmovable[0]': expected int, got bool",
    ),
]


@pytest.mark.parametrize(
    ("change", "message"), [m[1:] for m in MALFORMED], ids=[m[0] for m in MALFORMED]
)
def test_a_malformed_recording_is_refused_naming_file_place_and_field(
    change: Callable[[Json], None], message: str, tmp_path: Path
) -> None:
    data = recording("life-128m-mom-6.1")
    change(data)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(data))
    with pytest.raises(TraceError) as caught:
        verify_trace(path)
    assert str(caught.value) == f"broken.json: {message}"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe\x00",
        b"not json",
        b"[]",
        b"3",
        b'"text"',
        b"null",
        b"NaN",
        b'{"format": "hotplug-trace-1"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b"\x00" * 100,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_file_that_is_no_recording_is_refused_by_name(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "junk.json"
    path.write_bytes(text)
    with pytest.raises(TraceError, match=r"^junk\.json: "):
        load_trace(path)


@pytest.mark.parametrize(
    "place", ["arch", "params.auto_online_blocks", "params.online_policy", "boot.nodes.online"]
)
def test_what_is_too_long_to_read_is_not_repeated(place: str) -> None:
    data = recording("gap-shrink")
    *above, last = place.split(".")
    holder = data
    for name in above:
        holder = holder[name]
    holder[last] = "x" * 5000
    with pytest.raises(TraceError) as caught:
        parse_trace(data, "long.json")
    assert len(str(caught.value)) < 300


def test_a_recording_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "traces" / "pmem-altmap.json").read_bytes().rstrip()
    path = tmp_path / "cut.json"
    for size in range(0, len(text), 97):
        path.write_bytes(text[:size])
        with pytest.raises(TraceError, match=r"^cut\.json: "):
            load_trace(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        load_trace(tmp_path / "none.json")
    with pytest.raises(TraceError, match="cannot be read"):
        load_trace(tmp_path)


# -- mutation ---------------------------------------------------------------------------
SMALL = recording("life-128m-mom-6.1")
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70),
    st.sampled_from([1 << 31, 1 << 52, (1 << 63) - 1, 1 << 64, -(1 << 63), 10**30]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["0-1", "Normal", "offline", "hot-remove", "shell", "hot-add", "write-state"]),
    st.sampled_from([[], {}, [[]], [{}], [0, 33], ["Movable"], {"unmovable": [1 << 20]}]),
)


def paths(data: Json, prefix: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in parsed JSON that can be changed."""
    items: list[tuple[str | int, Json]] = []
    if isinstance(data, dict):
        items = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    found = [(*prefix, key) for key, _ in items]
    for key, value in items:
        found += paths(value, (*prefix, key))
    return found


PLACES = paths(SMALL)
mutations = st.lists(
    st.tuples(
        st.sampled_from(["set", "delete", "copy"]),
        st.sampled_from(PLACES),
        st.sampled_from(PLACES),
        JUNK,
    ),
    min_size=1,
    max_size=3,
)


def mutate(
    data: Json, verb: str, path: tuple[str | int, ...], source: tuple[str | int, ...], junk: Json
) -> None:
    """One change; a path that an earlier change took away is left alone."""
    try:
        value = data
        for key in source:
            value = value[key]
        target = data
        for key in path[:-1]:
            target = target[key]
        if verb == "delete":
            del target[path[-1]]
        else:
            target[path[-1]] = junk if verb == "set" else copy.deepcopy(value)
    except (KeyError, IndexError, TypeError):
        return


@examples(80, [HealthCheck.too_slow])
@given(mutations)
@example([("set", ("memory_block_size",), ("kernel",), 1 << 51)])
@example([("set", ("steps", 0, "size"), ("kernel",), 1 << 52)])
@example([("set", ("kernel",), ("kernel",), "9" * 5000 + "." + "9" * 5000)])
@example([("set", ("boot", "nodes", "possible"), ("kernel",), "²")])
@example([("set", ("boot", "nodes", "possible"), ("kernel",), "5-2")])
@example([("set", ("boot", "iomem", 0, "end"), ("kernel",), (1 << 64) - 1)])
def test_mutated_recordings_give_differences_or_one_error(
    changes: list[tuple[str, tuple[str | int, ...], tuple[str | int, ...], Json]],
) -> None:
    data = copy.deepcopy(SMALL)
    for change in changes:
        mutate(data, *change)
    try:
        found = verify_trace(parse_trace(data, "mutated.json"))
    except TraceError as error:
        assert str(error).startswith("mutated.json: ")
        assert "\n" not in str(error)
    else:
        assert all(0 <= difference.step <= len(data["steps"]) for difference in found)


@examples(40)
@given(st.integers(0, 9000), st.binary(min_size=1, max_size=4))
def test_flipped_bytes_give_differences_or_one_error(offset: int, junk: bytes) -> None:
    text = json.dumps(SMALL).encode()
    text = text[:offset] + junk + text[offset + len(junk) :]
    try:
        data = json.loads(text)
    except ValueError:
        return
    try:
        verify_trace(parse_trace(data, "flipped.json"))
    except TraceError as error:
        assert str(error).startswith("flipped.json: ")
