"""Names of keys: as a person types them (``?``, ``ctrl+r``), as Textual and the screen have them.

Textual accepts names of keys that do not exist without a word, so they are checked here.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from pfnmap.engine.errors import InputError

_NAMED = """
    space enter escape tab backspace delete insert home end pageup pagedown left right up down
"""
NAMED_KEYS = frozenset(_NAMED.split()) | {f"f{number}" for number in range(1, 25)}
"""Keys that are not characters, by the names that a person writes and Textual has."""

SHOWN: dict[str, str] = {"pagedown": "pgdn", "pageup": "pgup", "escape": "esc"}
"""Shorter spellings for the screen."""

DEAD_KEYS: dict[str, str] = {
    "ctrl+h": "terminals send it for Backspace",
    "ctrl+i": "terminals send it for Tab",
    "ctrl+j": "terminals send it for Enter",
    "ctrl+m": "terminals send it for Enter",
    "ctrl+[": "terminals send it for Escape",
}
"""Keys that never arrive as themselves."""

_EDITING = """
    enter backspace delete left right home end
    shift+left shift+right shift+home shift+end
    ctrl+left ctrl+right ctrl+shift+left ctrl+shift+right ctrl+shift+a ctrl+backspace
    ctrl+a ctrl+c ctrl+d ctrl+e ctrl+k ctrl+u ctrl+v ctrl+w ctrl+x
"""
EDITING = frozenset(_EDITING.split())
"""Keys that Textual's lines to type into take themselves."""

SPECIAL_NAMES: dict[str, str] = {
    "-": "minus",
    "_": "underscore",
    "+": "plus",
    "/": "slash",
    "\\": "backslash",
    "@": "at",
}
"""Characters whose Textual name is not their Unicode name."""


@cache
def textual_key(typed: str) -> str:
    """Textual's name for a key as a person writes it (``?``, ``ctrl+r``, ``O``).

    Raises InputError with one sentence for a key that does not exist or never arrives.
    """
    if typed in DEAD_KEYS:
        raise InputError(f"{typed} cannot be a key: {DEAD_KEYS[typed]}")
    *modifiers, key = [typed] if len(typed) == 1 else typed.split("+")
    if any(word not in ("ctrl", "shift") for word in modifiers):
        raise InputError(f"{typed!r} is not a key: only ctrl+ and shift+ may stand in front")
    if len(key) == 1:
        name = _character_name(key)
    elif key in NAMED_KEYS:
        name = key
    else:
        raise InputError(
            f"{typed!r} is not a key; write one character, ctrl+ and a letter, or one of "
            + " ".join(_NAMED.split())
        )
    if "ctrl" in modifiers and len(key) == 1 and not (key.isascii() and key.isalpha()):
        raise InputError(f"{typed!r} is not a key that terminals send")
    if "shift" in modifiers and len(key) == 1:
        raise InputError(f"{typed!r}: write the character itself, {key.upper()!r}")
    return "+".join([*sorted(modifiers), name.lower() if "ctrl" in modifiers else name])


def _character_name(character: str) -> str:
    """As Textual names the key of a character."""
    if character.isalnum():
        return character
    if character in SPECIAL_NAMES:
        return SPECIAL_NAMES[character]
    name = unicodedata.name(character, "")
    if not name or not character.isprintable():
        raise InputError(f"{character!r} is not a key")
    return name.lower().replace("-", "_").replace(" ", "_")


def shown_key(typed: str) -> str:
    """A key as the footer and help print it."""
    return SHOWN.get(typed, typed)


def first_key(keys: tuple[str, ...]) -> str:
    """The key to show of several that mean the same, empty where there is none."""
    return shown_key(keys[0]) if keys else ""
