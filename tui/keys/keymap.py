"""Keys: from what a person types to the toolkit's names, and the keymap in force.

The registry (``pfnmap.tui.keys.actions.ACTIONS``) says which keys an action has by default; a
user's keymap replaces the keys of single actions by their ids. Textual accepts key names
that do not exist and bindings that hide each other without a word, so both are checked
here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from pfnmap.engine.errors import InputError
from pfnmap.tui.keys.actions import ACTIONS, Action
from pfnmap.tui.keys.dialog_actions import ALL_ACTIONS, CONTEXTS, DIALOG_ACTIONS

MAIN = "main"
"""The context of the keys that act on the main screen; the others are those of dialogs."""

NAMED_KEYS: dict[str, str] = {
    "space": "space",
    "enter": "enter",
    "escape": "escape",
    "tab": "tab",
    "backspace": "backspace",
    "delete": "delete",
    "insert": "insert",
    "home": "home",
    "end": "end",
    "pageup": "pageup",
    "pagedown": "pagedown",
    "left": "left",
    "right": "right",
    "up": "up",
    "down": "down",
    **{f"f{number}": f"f{number}" for number in range(1, 25)},
}
"""Names a person may write for keys that are not characters, and Textual's names."""

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

SPECIAL_NAMES: dict[str, str] = {
    "-": "minus",
    "_": "underscore",
    "+": "plus",
    "/": "slash",
    "\\": "backslash",
    "@": "at",
}
"""Characters whose Textual name is not their Unicode name."""


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
        name = NAMED_KEYS[key]
    else:
        raise InputError(
            f"{typed!r} is not a key; write one character, ctrl+ and a letter, or one of "
            + " ".join(list(NAMED_KEYS)[:15])
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


class Keymap:
    """Which keys do what: the defaults with a user's changes. Immutable."""

    def __init__(self, changes: Mapping[str, Iterable[str]] | None = None) -> None:
        """``changes``: action ids to the keys they shall have instead (none: no key).

        Raises InputError for an unknown action, an unknown key, or a key with two
        meanings in one place.
        """
        self._keys = {name: action.keys for name, action in ALL_ACTIONS.items()}
        for name, keys in (changes or {}).items():
            if name not in ALL_ACTIONS:
                raise InputError(f"keymap: there is no action {name!r}; see the help screen")
            self._keys[name] = tuple(keys)
        self._contexts = {
            context: self._claimed(names) for context, names in action_contexts().items()
        }

    def _claimed(self, names: Iterable[str]) -> dict[str, Action]:
        """Textual's key names with their actions, for actions that are alive together."""
        claimed: dict[str, Action] = {}
        for name in names:
            for key in self._keys[name]:
                other = claimed.setdefault(textual_key(key), ALL_ACTIONS[name])
                if other.id != name:
                    raise InputError(f"keymap: {key!r} would mean both {other.id} and {name}")
        return claimed

    def keys(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action as a person types them."""
        return self._keys[action_id]

    def first(self, action_id: str) -> str:
        """The key to show for an action, empty when it has none."""
        keys = self._keys[action_id]
        return shown_key(keys[0]) if keys else ""

    def items(self, context: str = MAIN) -> list[tuple[str, Action]]:
        """(Textual key name, action) of every key in force, of the main screen or a dialog."""
        return list(self._contexts[context].items())


def action_contexts() -> dict[str, list[str]]:
    """Ids of the actions that are alive together: on the main screen, and in each dialog."""
    contexts = {MAIN: list(ACTIONS)}
    for context, areas in CONTEXTS.items():
        contexts[context] = [a.id for a in DIALOG_ACTIONS.values() if a.area in areas]
    return contexts
