"""The JSON document of a view keeps to its types."""

from __future__ import annotations

import json
import sys
from itertools import count, pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given

from pfnmap.engine.machine import Machine
from pfnmap.engine.session import Session
from pfnmap.tui.documents.view import CHUNK_ROWS, as_json, view_data, view_data_1
from tests.engine.tools import booted
from tests.examples import examples
from tests.tui.documents.tools import decoded
from tests.tui.fake_view import dimm_view
from tests.tui.figure.sessions import alternating, random_sessions


@pytest.fixture
def machine() -> Machine:
    machine = Machine.boot()
    machine.run("set memmap_on_memory=Y")
    machine.run("add dimm0 256M")
    return machine


def test_a_machine_at_rest() -> None:
    document = decoded(as_json(view_data(dimm_view())), "pfnmap-view-2")
    assert document["format"] == "pfnmap-view-2"
    assert document["last_step"] is None
    assert document["pages"]["vmemmap"] == 512


def test_a_step_that_succeeded(machine: Machine) -> None:
    outcome = machine.run("online dimm0[1] movable")
    document = decoded(as_json(view_data(machine.view(), outcome)), "pfnmap-view-2")
    assert document["last_step"]["refusal"] is None
    assert document["last_step"]["command"] == "online dimm0[1] movable"
    first, last, number = document["blocks"]["runs"][-1]
    kind = document["blocks"]["kinds"][number]
    assert (first, last, kind["zone"], kind["vmemmap_pages"]) == (41, 41, "Movable", 512)


def test_a_step_that_was_refused(machine: Machine) -> None:
    outcome = machine.run("online 500")
    document = decoded(as_json(view_data(machine.view(), outcome)), "pfnmap-view-2")
    assert document["last_step"]["refusal"]["errno"] == "ENOENT"


def test_the_same_machine_gives_the_same_bytes() -> None:
    texts = {as_json(view_data(Machine.boot().view())) for _ in range(3)}
    assert len(texts) == 1
    assert texts.pop().isascii()


def test_a_machine_of_two_million_blocks_is_told_without_walking_them() -> None:
    """Blocks that differ in nothing but their place are one question."""
    view, calls = booted("machine ram=4P block=2G").view(), count()
    sys.setprofile(lambda *_: next(calls))
    try:
        told = view_data(view)
    finally:
        sys.setprofile(None)
    assert next(calls) < view.nr_blocks // 100
    assert sum(last - first + 1 for first, last, _ in told.blocks.runs) == view.nr_blocks


def test_every_run_of_very_many_is_a_row_and_each_kind_stands_once() -> None:
    view = alternating(2 * CHUNK_ROWS + 3).view
    document = decoded(as_json(view_data(view)), "pfnmap-view-2")
    runs = document["blocks"]["runs"]
    assert len(runs) > 2 * CHUNK_ROWS
    assert all(a[1] < b[0] and a[2] != b[2] for a, b in pairwise(runs))
    assert sorted({kind for *_, kind in runs}) == [*range(len(document["blocks"]["kinds"]))]
    states = [document["blocks"]["kinds"][kind]["state"] for *_, kind in runs[-4:]]
    assert states == ["offline", "online", "offline", "online"]


@examples(8)
@given(random_sessions())
def test_both_formats_say_the_same(session: Session) -> None:
    new = decoded(as_json(view_data(session.view, session.last_action)), "pfnmap-view-2")
    old = decoded(as_json(view_data_1(session.view, session.last_action)), "pfnmap-view-1")
    blocks = new.pop("blocks")
    for run in old["blocks"]:
        run.pop("start_pfn")
    assert old.pop("blocks") == [
        {"first": first, "last": last, **blocks["kinds"][kind]}
        for first, last, kind in blocks["runs"]
    ]
    assert (old.pop("format"), new.pop("format")) == ("pfnmap-view-1", "pfnmap-view-2")
    assert old == new


@pytest.mark.parametrize("format", ["1", "2"])
def test_pieces_are_the_whole(format: str) -> None:
    """What is written piece by piece is what is made at once, but for rows of tables."""
    view = booted("machine ram=4G nodes=2").view()
    made = view_data(view) if format == "2" else view_data_1(view)
    text = as_json(made)
    plain = msgspec.to_builtins(made, enc_hook=np.ndarray.tolist)
    assert json.loads(text) == json.loads(json.dumps(plain))
    if format == "1":
        assert text == json.dumps(plain, indent=2)
