"""The JSON document keeps to its schema, which is the types in ``pfnmap.tui.documents.view``."""

from __future__ import annotations

import json
import types
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from pfnmap.engine.machine import Machine
from pfnmap.tui.documents.view import ViewData, as_json, view_data
from tests.engine.tools import booted
from tests.fuzz.limits import bounded
from tests.tui.fake_view import dimm_view


def assert_matches(value: object, schema: Any, place: str = "document") -> None:
    """Check a JSON value against a type; every key must be there and no other."""
    origin = get_origin(schema)
    if is_typeddict(schema):
        assert isinstance(value, dict), place
        hints = get_type_hints(schema)
        assert list(value) == list(hints), f"{place}: {list(value)}"
        for key, hint in hints.items():
            assert_matches(value[key], hint, f"{place}.{key}")
    elif origin is list:
        assert isinstance(value, list), place
        for number, item in enumerate(value):
            assert_matches(item, get_args(schema)[0], f"{place}[{number}]")
    elif origin is dict:
        assert isinstance(value, dict), place
        for key, item in value.items():
            assert isinstance(key, str)
            assert_matches(item, get_args(schema)[1], f"{place}.{key}")
    elif origin in (Union, types.UnionType):
        if value is not None:
            (member,) = (part for part in get_args(schema) if part is not types.NoneType)
            assert_matches(value, member, place)
        else:
            assert types.NoneType in get_args(schema), place
    else:
        assert type(value) is schema, f"{place}: {value!r} is not {schema}"


@pytest.fixture
def machine() -> Machine:
    machine = Machine.boot()
    machine.run("set memmap_on_memory=Y")
    machine.run("add dimm0 256M")
    return machine


def test_a_machine_at_rest() -> None:
    document = json.loads(as_json(view_data(dimm_view())))
    assert_matches(document, ViewData)
    assert document["format"] == "pfnmap-view-1"
    assert document["last_step"] is None
    assert document["pages"]["vmemmap"] == 512


def test_a_step_that_succeeded(machine: Machine) -> None:
    outcome = machine.run("online dimm0[1] movable")
    document = json.loads(as_json(view_data(machine.view(), outcome)))
    assert_matches(document, ViewData)
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
    document = json.loads(as_json(view_data(machine.view(), outcome)))
    assert_matches(document, ViewData)
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
    assert sum(part["last"] - part["first"] + 1 for part in told["blocks"]) == view.nr_blocks
