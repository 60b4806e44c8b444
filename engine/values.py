"""``dataclass`` for the values of this program, at a quarter of the cost of making the class.

``dataclasses.dataclass(frozen=True, slots=True)`` compiles six functions for every class. The
program has more than a hundred such classes, and that was half of what its own modules cost
before the first line or frame is shown. Here only ``__init__`` is compiled, in one piece and not
before a class has had some instances; all other methods are the same few functions for all
classes and get a class's fields at run time.

What comes out is a dataclass: ``fields``, ``replace``, ``asdict``, ``match`` and pickling work,
changing one raises FrozenInstanceError. Type checkers are shown the original. Classes of other
kinds (not frozen, not slotted) are left to it.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

COMPILE_AFTER = 50
"""Instances after which a class gets an ``__init__`` of its own: compiling costs as much."""

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        cls: type | None = None, *, frozen: bool = False, slots: bool = False, eq: bool = True
    ) -> Any:
        """As ``dataclasses.dataclass``, for its options that this program uses."""
        if cls is None:
            return lambda made: dataclass(made, frozen=frozen, slots=slots, eq=eq)
        if not (frozen and slots):
            return dataclasses.dataclass(cls, frozen=frozen, slots=slots, eq=eq)
        return _value(cls, eq)


def _value(cls: type, eq: bool) -> Any:
    """Make a frozen, slotted dataclass."""
    own = frozenset(vars(cls))
    hash_is_given = vars(cls).get("__hash__") is not None
    made: Any = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True)
    fields = dataclasses.fields(made)
    made.__init__ = _init_when_it_pays(made, fields)
    made.__setattr__, made.__delattr__ = _refuse_set, _refuse_delete
    made.__getstate__, made.__setstate__ = _get_state, _set_state
    made._shown = tuple(f.name for f in fields if f.repr)
    made._all = _getter([f.name for f in fields])
    if "__repr__" not in own:
        made.__repr__ = _repr
    if eq:
        made._compared = _getter([f.name for f in fields if f.compare])
        if "__eq__" not in own:
            made.__eq__ = _equal
        if not hash_is_given:
            made.__hash__ = _hash
    return made


def _getter(names: list[str]) -> Any:
    """A function from an instance to the values of these fields, as a tuple."""
    if len(names) > 1:
        return staticmethod(attrgetter(*names))
    if not names:
        return staticmethod(lambda _: ())
    only = attrgetter(names[0])
    return staticmethod(lambda instance: (only(instance),))


def _init_when_it_pays(cls: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """An ``__init__`` that fills the fields from a table, until compiling one is worth it."""
    unset = dataclasses.MISSING
    names = {f.name for f in fields}
    by_place = tuple(f.name for f in fields if not f.kw_only)
    defaults = {f.name: f.default for f in fields if f.default is not unset}
    makers = [(f.name, f.default_factory) for f in fields if f.default_factory is not unset]
    checks = hasattr(cls, "__post_init__")
    put = object.__setattr__
    left = COMPILE_AFTER

    def __init__(self: Any, *args: Any, **by_name: Any) -> None:
        nonlocal left
        left -= 1
        values = {**defaults, **dict(zip(by_place, args, strict=False)), **by_name}
        for name, make in makers:
            if name not in values:
                values[name] = make()
        twice = not by_name.keys().isdisjoint(by_place[: len(args)])
        if left < 0 or twice or len(args) > len(by_place) or values.keys() != names:
            # Made often, or called wrongly: then Python itself says what is wrong.
            cls.__init__ = _init(cls, fields)
            cls.__init__(self, *args, **by_name)
            return
        for name, value in values.items():
            put(self, name, value)
        if checks:
            self.__post_init__()

    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    return __init__


def _init(cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """Compile ``__init__``."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_unset": dataclasses.MISSING}
    parameters: dict[bool, list[str]] = {False: [], True: []}
    body = []
    for index, field in enumerate(fields):
        name = value = field.name
        parameter = name
        if field.default is not dataclasses.MISSING:
            known[f"_d{index}"] = field.default
            parameter = f"{name}=_d{index}"
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_d{index}"] = field.default_factory
            parameter = f"{name}=_unset"
            value = f"_d{index}() if {name} is _unset else {name}"
        parameters[bool(field.kw_only)].append(parameter)
        body.append(f"  _set(self,{name!r},{value})")
    if hasattr(cls, "__post_init__"):
        body.append("  self.__post_init__()")
    by_name = ["*", *parameters[True]] if parameters[True] else []
    head = f" def __init__({','.join(['self', *parameters[False], *by_name])}):"
    code = [f"def make({','.join(known)}):", head, *(body or ["  pass"]), " return __init__"]
    namespace: dict[str, Any] = {}
    exec("\n".join(code), namespace)
    made = namespace["make"](**known)
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    return made


def _refuse_set(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


@recursive_repr()
def _repr(self: Any) -> str:
    words = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
    return f"{type(self).__qualname__}({words})"


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self._compared(self) == other._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _get_state(self: Any) -> tuple[Any, ...]:
    values: tuple[Any, ...] = self._all(self)
    return values


def _set_state(self: Any, values: tuple[Any, ...]) -> None:
    for field, value in zip(dataclasses.fields(self), values, strict=True):
        object.__setattr__(self, field.name, value)
