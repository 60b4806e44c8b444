"""The quick ``dataclass``: what comes out behaves as one of the standard library's."""

# The classes here are made by a decorator that is a parameter: no type checker can follow.
# mypy: disable-error-code="call-arg,type-var,union-attr,arg-type,no-untyped-call"

from __future__ import annotations

import copy
import dataclasses
import importlib
import pickle
import pkgutil
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

import pfnmap.engine
from pfnmap.engine import values

Decorator = Callable[..., Any]
BOTH = pytest.mark.parametrize("make", [values.dataclass, dataclasses.dataclass])
"""Every expectation holds for the original as well."""


def point(make: Decorator) -> Any:
    @make(frozen=True, slots=True)
    class Base:
        """With a field that goes by name only."""

        x: int
        note: str = field(default="", compare=False, kw_only=True)

    @make(frozen=True, slots=True)
    class Point(Base):
        """With defaults of both kinds."""

        y: int = 2
        tags: list[str] = field(default_factory=list, repr=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("left of everything")

        @property
        def sum(self) -> int:
            """Of both."""
            return self.x + self.y

    return Point


@BOTH
def test_fields_come_by_place_by_name_and_by_default(make: Decorator) -> None:
    made = point(make)
    one = made(1, note="here")
    assert (one.x, one.y, one.tags, one.note, one.sum) == (1, 2, [], "here", 3)
    assert made(1).tags is not made(1).tags
    assert made(x=1, y=5, tags=["a"]).tags == ["a"]
    for wrong in (lambda: made(), lambda: made(1, 2, [], "note"), lambda: made(1, z=1)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="left of everything"):
        made(-1)


@BOTH
def test_equality_and_hash_are_those_of_the_fields_that_compare(make: Decorator) -> None:
    made = point(make)
    assert made(1, 3) == made(1, 3, note="other")
    assert made(1, 3) != made(1, 4)
    assert made(1) != (1, 2, [])
    assert made(1).__eq__(object()) is NotImplemented

    @make(frozen=True, slots=True)
    class Pair:
        a: int
        b: str = field(default="", compare=False)

    assert hash(Pair(1, "x")) == hash(Pair(1, "y"))
    assert len({Pair(1), Pair(1), Pair(2)}) == 2


@BOTH
def test_nothing_can_be_changed_or_added(make: Decorator) -> None:
    one = point(make)(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        one.x = 2
    with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
        one.unknown = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del one.x
    assert not hasattr(one, "__dict__")


@BOTH
def test_the_tools_of_dataclasses_work_on_it(make: Decorator) -> None:
    one = point(make)(1, note="n")
    assert dataclasses.is_dataclass(one)
    assert [f.name for f in dataclasses.fields(one)] == ["x", "note", "y", "tags"]
    assert dataclasses.replace(one, y=7).y == 7
    assert dataclasses.replace(one, y=7).note == "n"
    assert dataclasses.asdict(one) == {"x": 1, "note": "n", "y": 2, "tags": []}
    assert type(one).__match_args__ == ("x", "y", "tags")
    assert repr(one).endswith(".Point(x=1, note='n', y=2)")
    assert copy.copy(one) == one
    assert copy.deepcopy(one) == one
    match one:
        case object(x=1, y=2):
            pass
        case _:
            pytest.fail("does not match")


@BOTH
def test_methods_that_a_class_has_itself_are_kept(make: Decorator) -> None:
    @make(frozen=True, slots=True)
    class Odd:
        a: int

        def __repr__(self) -> str:
            return "odd"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    assert (repr(Odd(1)), Odd(1) == Odd(2), hash(Odd(1))) == ("odd", True, 7)


@BOTH
def test_without_equality_identity_counts(make: Decorator) -> None:
    @make(frozen=True, slots=True, eq=False)
    class Thing:
        a: int

    one = Thing(1)
    assert one == one
    assert one != Thing(1)
    assert len({one, Thing(1)}) == 2


def test_classes_of_other_kinds_are_those_of_the_standard_library() -> None:
    @values.dataclass
    class Open:
        a: int = 0

    one = Open()
    one.a = 5
    assert one == Open(5)


def test_the_values_of_the_engine_can_be_pickled() -> None:
    from pfnmap.engine.commands import StartMachine

    start = StartMachine(text="machine ram=1G")
    again = pickle.loads(pickle.dumps(start))
    assert again == start
    assert again.text == start.text


def test_every_frozen_value_of_the_engine_is_made_the_quick_way() -> None:
    """One that is not costs everybody half a millisecond at the start."""
    slow = set()
    for module in pkgutil.walk_packages(pfnmap.engine.__path__, "pfnmap.engine."):
        loaded = importlib.import_module(module.name)
        for thing in vars(loaded).values():
            if isinstance(thing, type) and thing.__module__ == loaded.__name__:
                made = vars(thing).get("__dataclass_params__")
                if made is not None and made.frozen and "__slots__" in vars(thing):
                    slow.add(f"{thing.__module__}.{thing.__qualname__}")
    allowed = {name for name in slow if name.startswith("pfnmap.engine.sysroot")}
    assert slow - allowed == set()
