"""Completion of the ``:`` line from the registry: what may stand where the cursor is."""

from __future__ import annotations

from collections.abc import Sequence

from engine.kinds import ZONE_BY_LABEL, MemmapPolicy
from engine.language import ALIASES, VERBS
from engine.language.tables import ONLINE_KINDS, PIN_KINDS, ZOOM_LEVELS, profile_names, rule_values
from engine.params import PARAM_VALUES

REF_VERBS = frozenset({"online", "offline", "remove", "pin", "unpin"})

OPTIONS: dict[str, tuple[str, ...]] = {
    "add": ("at=", "node=", "memmap="),
    "device-add": ("at=", "node=", "altmap="),
    "shrink": ("node=", "blocks="),
    "pin": ("pfn=", "pages=", "kind="),
    "unpin": ("pfn=", "pages=", "kind="),
    "hugetlb": ("count=", "at=", "pfn=", "node="),
    "free": ("node=",),
    "freelist": ("node=",),
    "fail": ("at=", "errno="),
    "save": ("expect=",),
}
"""Keys of ``key=value`` words by verb."""


def complete(line: str, devices: Sequence[str] = (), block: int | None = None) -> list[str]:
    """Whole lines that ``line`` may become, by completing its last word.

    ``devices`` are names of devices that exist; ``block`` is the id under the cursor.
    """
    head, _, word = line.rpartition(" ")
    words = head.split()
    if not words:
        names = [*VERBS, *ALIASES] if not head else list(VERBS)
        candidates = [name for name in names if name.startswith(word)]
    else:
        verb = ALIASES.get(words[0], words[0])
        offered = _arguments(verb, len(words), word, devices, block)
        candidates = [text for text in offered if text.startswith(word)]
    prefix = f"{head} " if head else ""
    return [prefix + text for text in dict.fromkeys(candidates) if text != word]


def _arguments(
    verb: str, place: int, word: str, devices: Sequence[str], block: int | None
) -> list[str]:
    """What the word at a place behind the verb may be."""
    key, equals, _ = word.partition("=")
    if equals:
        return [f"{key}={value}" for value in _values(verb, key)]
    first = place == 1
    offered: list[str] = []
    if first and verb in REF_VERBS:
        offered += [*devices, *([] if block is None else [str(block)])]
    elif first and verb == "device-del":
        offered += devices
    elif first:
        offered += _first_words(verb)
    elif verb == "online":
        offered += ONLINE_KINDS
    if not first or verb in ("pin", "unpin"):
        offered += OPTIONS.get(verb, ())
    return offered


def _first_words(verb: str) -> list[str]:
    match verb:
        case "set":
            return [f"{name}=" for name in PARAM_VALUES]
        case "rule":
            return [f"{name}=" for name in rule_values()]
        case "shrink":
            return list(ZONE_BY_LABEL)
        case "zoom":
            return list(ZOOM_LEVELS)
        case "goto":
            return ["block", "pfn", "addr"]
        case "help":
            return list(VERBS)
        case "fail":
            return ["next"]
        case "compare":
            return ["profile=", "memmap=", "shrink=", "hugetlb="]
        case "echo":
            return ["online", "offline", "online_kernel", "online_movable"]
        case _:
            return []


def _values(verb: str, key: str) -> list[str]:
    """What may stand behind ``key=``."""
    if verb == "set" and key in PARAM_VALUES:
        spoken = PARAM_VALUES[key].replace(",", " ").split()
        return [word for word in spoken if word not in ("or", "a", "e.g.")]
    if verb in ("rule", "compare") and key in rule_values():
        return list(rule_values()[key])
    return {
        "memmap": [policy.value for policy in MemmapPolicy],
        "kind": list(PIN_KINDS),
        "profile": list(profile_names()),
        "expect": ["yes", "no"],
    }.get(key, [])
