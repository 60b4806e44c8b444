"""Run-length maps: whatever is done to one, it is the dictionary it stands for.

The maps here are cut into chunks of four rows, so that a handful of edits crosses chunks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pfnmap.engine.memory import runs
from pfnmap.engine.memory.runs import (
    Difference,
    RunMap,
    attributes_of,
    latest,
    merge_rows,
    run_dtype,
)
from tests.examples import examples

DTYPE = run_dtype(("colour", "u1"), ("weight", "<i4"))
KEYS = 60
Model = dict[int, tuple[int, int]]

lows = st.integers(-5, KEYS)
spans = st.tuples(lows, st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))
colours = st.integers(0, 2)
weights = st.sampled_from([0, -1, 7])
edits = st.one_of(
    st.tuples(st.just("insert"), spans, colours, weights),
    st.tuples(st.just("delete"), spans, st.just(0), st.just(0)),
    st.tuples(st.just("colour"), spans, colours, st.just(0)),
    st.tuples(st.just("weight"), spans, st.just(0), weights),
    st.tuples(st.just("stripes"), spans, colours, weights),
)

Edit = tuple[str, tuple[int, int], int, int]


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    size = runs.CHUNK_ROWS
    runs.CHUNK_ROWS = 4
    yield
    runs.CHUNK_ROWS = size


def edited(held: RunMap, model: Model, edit: Edit) -> tuple[RunMap, Model]:
    """Both after one edit; the map's argument stays as it was."""
    verb, (low, high), colour, weight = edit
    model = dict(model)
    if verb == "insert" and low < high:
        model |= dict.fromkeys(range(low, high), (colour, weight))
        return held.insert(low, high - low, colour=colour, weight=weight), model
    if verb == "delete":
        for key in range(low, high):
            model.pop(key, None)
        return held.delete(low, high), model
    if verb == "colour":
        model |= {k: (colour, w) for k, (_, w) in model.items() if low <= k < high}
        return held.update(low, high, colour=colour), model
    if verb == "weight":
        model |= {k: (c, weight) for k, (c, _) in model.items() if low <= k < high}
        return held.update(low, high, weight=weight), model
    if verb == "stripes" and low < high:
        for key in range(low, high):
            model.pop(key, None)
        model |= {key: (key % 3, weight) for key in range(low, high, 2)}
        rows = np.zeros(len(range(low, high, 2)), DTYPE)
        rows["start"], rows["count"] = np.arange(low, high, 2), 1
        rows["colour"], rows["weight"] = np.arange(low, high, 2) % 3, weight
        return held.replace(low, high, rows), model
    return held, model


def build(sequence: list[Edit]) -> tuple[RunMap, Model]:
    held = RunMap(DTYPE)
    model: Model = {}
    for edit in sequence:
        held, model = edited(held, model, edit)
    return held, model


def as_model(rows: runs.Rows) -> Model:
    return {
        key: (int(row["colour"]), int(row["weight"]))
        for row in rows
        for key in range(int(row["start"]), int(row["start"] + row["count"]))
    }


sequences = st.lists(edits, max_size=25)


@given(sequences)
def test_edits_do_what_they_do_to_a_dictionary(sequence: list[Edit]) -> None:
    held, model = build(sequence)
    assert held.check() == []
    assert as_model(held.rows) == model
    assert held.nr_keys == len(model)
    assert held.nr_rows == len(held.rows)
    assert bool(held) == bool(model)
    assert held.end_key == max(model, default=-1) + 1


@given(sequences, edits)
def test_an_edit_leaves_the_map_it_started_from_alone(sequence: list[Edit], edit: Edit) -> None:
    held, model = build(sequence)
    before = held.rows.tobytes()
    edited(held, model, edit)
    assert held.rows.tobytes() == before
    assert as_model(held.rows) == model


@given(sequences, st.integers(-10, KEYS + 30))
def test_one_key(sequence: list[Edit], key: int) -> None:
    held, model = build(sequence)
    row = held.at(key)
    assert (None if row is None else (int(row["colour"]), int(row["weight"]))) == model.get(key)
    assert held.rank(key) == sum(other < key for other in model)
    if key in model:
        assert held.row_at(key) == row
    else:
        with pytest.raises(KeyError):
            held.row_at(key)


@given(sequences, spans)
@example([("insert", (0, 20), 1, 0)], (5, 6))
def test_a_slice_is_clipped_and_private(sequence: list[Edit], span: tuple[int, int]) -> None:
    held, model = build(sequence)
    low, high = span
    expected = {key: value for key, value in model.items() if low <= key < high}
    rows = held.slice(low, high)
    assert as_model(rows) == expected
    upward = [row for chunk in held.chunks_upward(low, high) for row in chunk]
    assert as_model(np.array(upward, DTYPE)) == expected
    downward = [row for chunk in held.chunks_downward(low, high) for row in chunk[::-1]]
    assert as_model(np.array(downward, DTYPE)) == expected
    starts = [int(row["start"]) for row in downward]
    assert starts == sorted(starts, reverse=True)
    rows["colour"] = 99
    assert as_model(held.rows) == model


@given(sequences, st.integers(-3, KEYS), st.integers(0, KEYS))
def test_keys_by_rank(sequence: list[Edit], rank: int, count: int) -> None:
    held, model = build(sequence)
    start = max(0, rank)
    assert held.keys_from(rank, count).tolist() == sorted(model)[start : start + count]


@given(sequences, sequences)
def test_maps_are_equal_when_their_dictionaries_are(one: list[Edit], other: list[Edit]) -> None:
    (a, model_a), (b, model_b) = build(one), build(other)
    assert (a == b) == (model_a == model_b)
    rebuilt = RunMap.from_rows(a.rows)
    assert rebuilt == a
    assert a != "a map"


@examples(15)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2)), min_size=60, max_size=200))
def test_chunks_stay_small_and_never_empty(cells: list[tuple[int, int]]) -> None:
    held = RunMap(DTYPE)
    for key, colour in cells:
        held = held.insert(key, 1, colour=colour, weight=key % 2)
        if key % 7 == 0:
            held = held.delete(key - 3, key)
    assert held.check() == []
    sizes = [len(chunk) for chunk in held.chunks]
    assert max(sizes) <= 2 * runs.CHUNK_ROWS


def test_a_run_of_a_million_keys_is_one_row() -> None:
    held = RunMap(DTYPE).insert(0, 1 << 40, colour=1)
    assert held.nr_rows == 1
    held = held.update(5, 6, colour=2)
    assert held.rows.tolist() == [(0, 5, 1, 0), (5, 1, 2, 0), (6, (1 << 40) - 6, 1, 0)]
    assert held.update(5, 6, colour=1).nr_rows == 1
    assert held.rank(1 << 39) == 1 << 39
    assert held.keys_from((1 << 40) - 2, 9).tolist() == [(1 << 40) - 2, (1 << 40) - 1]


def test_check_names_what_is_wrong_with_a_map() -> None:
    rows = np.zeros(3, DTYPE)
    rows["start"], rows["count"] = [0, 4, 4], [4, 4, 0]
    broken = RunMap(DTYPE, (rows, rows[:0]))
    assert broken.check() == [
        "a run is empty",
        "runs overlap or are out of order",
        "neighbouring equal runs are not merged",
        "a chunk is empty",
    ]


def test_merging_needs_rows_that_touch_and_are_equal() -> None:
    rows = np.zeros(4, DTYPE)
    rows["start"], rows["count"] = [0, 2, 5, 6], [2, 2, 1, 1]
    rows["colour"] = [1, 1, 1, 2]
    assert merge_rows(rows)[["start", "count"]].tolist() == [(0, 4), (5, 1), (6, 1)]


def test_rows_say_the_same_where_all_attributes_are_equal() -> None:
    rows = np.zeros(4, run_dtype(("kind", "i1"), ("owner", "i8")))
    rows["start"], rows["kind"], rows["owner"] = range(4), [1, 1, 2, 1], [0, 0, 0, 1 << 62]
    assert (attributes_of(rows) == attributes_of(rows[:1])).tolist() == [True, True, False, False]
    assert attributes_of(rows[:0]).shape == (0,)


@given(sequences, sequences.filter(bool))
def test_many_differences_at_once_are_one_after_another(
    first: list[Edit], then: list[Edit]
) -> None:
    start, model = build(first)
    held, differences = start, []
    for edit in then:
        older = held
        held, model = edited(older, model, edit)
        low, high, rows = held.other_than(older)
        differences.append(Difference(older, low, high, rows.tobytes(), 1, 1))
    ranges, rows = latest(differences)
    assert (ranges[1:, 0] > ranges[:-1, 1]).all()
    assert start.replace_ranges(ranges, rows) == held
    assert as_model(held.rows) == model


@pytest.mark.parametrize("at_once", [16, 1024])
def test_maps_that_lean_on_older_ones_hold_what_they_held(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(runs, "ROWS_A_STEP", 2)
    monkeypatch.setattr(runs, "AT_ONCE", at_once)
    monkeypatch.setattr(runs, "CHUNK_ROWS", 64)
    chance = random.Random(3)
    made = RunMap(DTYPE)
    maps, rows = [made], [made.rows.copy()]
    for _ in range(900):
        start = chance.randrange(4000)
        if chance.random() < 0.4:
            made = made.delete(start, start + chance.randrange(1, 4))
        else:
            made = made.insert(start, chance.randrange(1, 3), colour=chance.randrange(5))
        made.lean_on(maps[-1])
        maps.append(made)
        rows.append(made.rows.copy())
    whole = sum(one._difference is None for one in maps)
    assert 0 < whole < len(maps) // 2
    for _ in range(3):
        for number in (chance.randrange(len(maps)), *range(700, 640, -1), *range(100, 140)):
            assert np.array_equal(maps[number].rows, rows[number])
            assert not maps[number].check()
            assert maps[number].nr_keys == int(rows[number]["count"].sum())
    assert sum(one._chunks is not None for one in maps) <= whole + 2 * runs.NR_HELD
