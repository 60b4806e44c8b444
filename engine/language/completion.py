"""What can stand next in a line that is being typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from pfnmap.engine.geometry import ARCHITECTURES
from pfnmap.engine.kinds import ZONE_BY_LABEL, MemmapPolicy
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.language.registry import ALIASES, VERBS
from pfnmap.engine.language.tables import (
    ONLINE_KINDS,
    PIN_KINDS,
    ZOOM_LEVELS,
    profile_names,
    rule_values,
)
from pfnmap.engine.language.values import ERRNO_NAMES
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.phases import FAILABLE_PHASES

Keys = Mapping[str, tuple[str, ...]]
"""Values for each key; none where any number, size or name may stand."""

_EDGES = ' \t"'
"""A word that is being typed begins behind one of these."""
_REF_VERBS = ("online", "online_kernel", "online_movable", "offline", "remove", "pin", "unpin")
_PLACE: Keys = {"at": (), "node": ()}
_PINNED: Keys = {"pfn": (), "pages": (), "kind": PIN_KINDS}

_KEYS: dict[str, Keys] = {
    "add": {**_PLACE, "memmap": tuple(policy.value for policy in MemmapPolicy)},
    "shrink": {"node": (), "blocks": ()},
    "device-add": {**_PLACE, "altmap": ()},
    "pin": _PINNED,
    "unpin": _PINNED,
    "hugetlb": {"count": (), "at": (), "pfn": (), "node": ()},
    "free": {"node": ()},
    "freelist": {"node": ()},
    "fail": {"at": tuple(FAILABLE_PHASES), "errno": tuple(sorted(ERRNO_NAMES))},
    "save": {"expect": ("yes", "no")},
}
_WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "online": ((), ONLINE_KINDS),
    "shrink": (tuple(ZONE_BY_LABEL),),
    "zoom": (ZOOM_LEVELS,),
    "goto": (("block", "pfn", "addr", "mark"),),
    "fail": (("next",),),
    "help": (tuple(VERBS),),
    "expect": ((*(what for what in EXPECTATIONS if what != "errno"),),),
}
"""Fixed words for each place behind a verb."""


class Completion(Struct, frozen=True):
    """Words that may replace the line from index ``start`` on."""

    start: int
    words: tuple[str, ...]


def complete(line: str, names: Iterable[str] = (), marks: Iterable[str] = ()) -> Completion:
    """What may stand at the end of ``line``, the part of it left of the cursor.

    Args:
        line: What has been typed so far.
        names: Devices and huge page sets of the machine, offered where they fit.
        marks: Names of places of the session.
    """
    start = max(line.rfind(edge) for edge in _EDGES) + 1
    typed = line[start:]
    before = line[:start].split()
    if not before:
        return _fitting(start, typed, (*VERBS, *(a for a in ALIASES if len(a) > 1)))
    verb = before[0]
    keys = keys_of(before)
    key, equals, value = typed.partition("=")
    if equals:
        return _fitting(start + len(key) + 1, value, keys.get(key, ()))
    used = {word.partition("=")[0] for word in before if "=" in word}
    if before == ["goto", "mark"] or before == ["mark"]:
        return _fitting(start, typed, marks)
    words = [*_words_at(verb, before, names)]
    words += [f"{key}=" for key in keys if key not in used]
    return _fitting(start, typed, words)


def _words_at(verb: str, before: list[str], names: Iterable[str]) -> Iterable[str]:
    place = sum("=" not in word for word in before[1:])
    fixed = _WORDS.get(verb, ())
    if verb == "expect" and place == 1:
        if before[1] == "zone":
            return ZONE_BY_LABEL
        return names if before[1] in ("device", "block", "hugetlb") else ()
    if place == 0 and verb in (*_REF_VERBS, "device-del", "hugetlb-free"):
        return names
    return fixed[place] if place < len(fixed) else ()


def keys_of(before: list[str]) -> Keys:
    """The keys that may follow these words (the verb first), with their values."""
    verb = ALIASES.get(before[0], before[0])
    if verb in ("set", "rule") and len(before) > 1:
        return {}  # one a line
    if verb in ("set", "machine", "compare"):
        keys: dict[str, tuple[str, ...]] = {}
        if verb != "set":
            keys |= {"profile": profile_names(), "block": ()}
        if verb == "machine":
            keys |= {"ram": (), "arch": tuple(ARCHITECTURES), "nodes": ()}
        if verb == "compare":
            keys |= rule_values()
        return keys | {name: _param_words(name) for name in PARAM_VALUES}
    if verb == "rule":
        return rule_values()
    if verb == "expect":
        row = EXPECTATIONS.get(before[1]) if len(before) > 1 else None
        if row is None:
            return {} if len(before) > 1 else {"errno": tuple(sorted(ERRNO_NAMES))}
        node: Keys = {"node": ()} if row.has_node else {}
        return {**node, **{key: kind.words for key, kind in (row.keys or {}).items()}}
    return _KEYS.get(verb, {})


def _param_words(name: str) -> tuple[str, ...]:
    """The fixed values of a parameter, none for a number."""
    spoken = PARAM_VALUES[name].replace(",", " ").replace(" or ", " ").split()
    default = dict(Params().words())[name]
    return () if default.isdigit() else tuple(spoken)


def _fitting(start: int, typed: str, words: Iterable[str]) -> Completion:
    return Completion(start, tuple(word for word in words if word.startswith(typed)))
