"""The JSON document of a view keeps to its types."""

from __future__ import annotations

import pytest

from pfnmap.engine.machine import Machine
from pfnmap.tui.documents.view import as_json, view_data
from tests.engine.tools import booted
from tests.fuzz.limits import bounded
from tests.tui.documents.tools import decoded
from tests.tui.fake_view import dimm_view


@pytest.fixture
def machine() -> Machine:
    machine = Machine.boot()
    machine.run("set memmap_on_memory=Y")
    machine.run("add dimm0 256M")
    return machine


def test_a_machine_at_rest() -> None:
    document = decoded(as_json(view_data(dimm_view())), "pfnmap-view-1")
    assert document["format"] == "pfnmap-view-1"
    assert document["last_step"] is None
    assert document["pages"]["vmemmap"] == 512


def test_a_step_that_succeeded(machine: Machine) -> None:
    outcome = machine.run("online dimm0[1] movable")
    document = decoded(as_json(view_data(machine.view(), outcome)), "pfnmap-view-1")
    assert document["last_step"]["refusal"] is None
    assert document["last_step"]["command"] == "online dimm0[1] movable"
    last = document["blocks"][-1]
    assert (last["first"], last["last"], last["zone"], last["vmemmap_pages"]) == (
        41,
        41,
        "Movable",
        512,
    )


def test_a_step_that_was_refused(machine: Machine) -> None:
    outcome = machine.run("online 500")
    document = decoded(as_json(view_data(machine.view(), outcome)), "pfnmap-view-1")
    assert document["last_step"]["refusal"]["errno"] == "ENOENT"


def test_the_same_machine_gives_the_same_bytes() -> None:
    texts = {as_json(view_data(Machine.boot().view())) for _ in range(3)}
    assert len(texts) == 1
    assert texts.pop().isascii()


def test_a_machine_of_two_million_blocks_is_told_without_walking_them() -> None:
    """Blocks that differ in nothing but their place are one question."""
    view = booted("machine ram=4P block=2G").view()
    with bounded(5.0):
        told = view_data(view)
    assert sum(part.last - part.first + 1 for part in told.blocks) == view.nr_blocks
