"""What can stand next in a line that is being typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from pfnmap.engine.commands import ALIAS_FIELDS, ALIASES, VERBS
from pfnmap.engine.kinds import ZONE_BY_LABEL
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.notation import ERRNO, PROFILE, rule_values
from pfnmap.engine.params import PARAM_VALUES, Params

Keys = Mapping[str, tuple[str, ...]]
"""Values for each key; none where any number, size or name may stand."""

_EDGES = ' \t"'
"""A word that is being typed begins behind one of these."""


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
    keys = keys_of(before)
    key, equals, value = typed.partition("=")
    if equals:
        return _fitting(start + len(key) + 1, value, keys.get(key, ()))
    used = {word.partition("=")[0] for word in before if "=" in word}
    if before == ["goto", "mark"] or before == ["mark"]:
        return _fitting(start, typed, marks)
    words = [*_words_at(before, names)]
    words += [f"{key}=" for key in keys if key not in used]
    return _fitting(start, typed, words)


def _words_at(before: list[str], names: Iterable[str]) -> Iterable[str]:
    place = sum("=" not in word for word in before[1:])
    match before[0]:
        case "goto":
            return ("block", "pfn", "addr", "mark") if place == 0 else ()
        case "help":
            return VERBS if place == 0 else ()
        case "expect" if place == 0:
            return (what for what in EXPECTATIONS if what != "errno")
        case "expect" if place == 1:
            if before[1] == "zone":
                return ZONE_BY_LABEL
            return names if before[1] in ("device", "block", "hugetlb") else ()
    verb = VERBS.get(ALIASES.get(before[0], before[0]))
    words = verb.words if verb is not None else ()
    if place >= len(words) or words[place].field in ALIAS_FIELDS.get(before[0], {}):
        return ()
    kind = words[place].kind
    return names if kind.is_existing else kind.words


def keys_of(before: list[str]) -> Keys:
    """The keys that may follow these words (the verb first), with their values."""
    name = ALIASES.get(before[0], before[0])
    if name in ("set", "rule") and len(before) > 1:
        return {}  # one a line
    if name in ("set", "machine", "compare"):
        keys = {key.key: key.kind.words for key in VERBS[name].keys}
        if name == "compare":
            keys = {"profile": PROFILE.words, "block": (), **rule_values()}
        return keys | {name: _param_words(name) for name in PARAM_VALUES}
    if name == "rule":
        return rule_values()
    if name == "expect":
        row = EXPECTATIONS.get(before[1]) if len(before) > 1 else None
        if row is None:
            return {} if len(before) > 1 else {"errno": ERRNO.words}
        node: Keys = {"node": ()} if row.has_node else {}
        return {**node, **{key: kind.words for key, kind in row.keys.items()}}
    return {key.key: key.kind.words for key in VERBS[name].keys} if name in VERBS else {}


def _param_words(name: str) -> tuple[str, ...]:
    """The fixed values of a parameter, none for a number."""
    spoken = PARAM_VALUES[name].replace(",", " ").replace(" or ", " ").split()
    default = dict(Params().words())[name]
    return () if default.isdigit() else tuple(spoken)


def _fitting(start: int, typed: str, words: Iterable[str]) -> Completion:
    return Completion(start, tuple(word for word in words if word.startswith(typed)))
