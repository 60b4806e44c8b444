"""The keys in force: those of the table (``keys/action_table.py``) with a user's changes.

Textual accepts bindings that hide each other without a word, so that is checked here. Its own
keymap (``App.set_keymap``) knows no action without a key and none whose key is a comma.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pfnmap.engine.errors import InputError
from pfnmap.tui.keys.action import Action
from pfnmap.tui.keys.action_table import ACTIONS, ALL_ACTIONS, DIALOG_ACTIONS, DIALOGS
from pfnmap.tui.keys.names import first_key, textual_key

MAIN = "main"
"""The context of the keys that act on the main screen; the others are those of dialogs."""


class Keymap:
    """Which keys do what: the defaults with a user's changes. Immutable."""

    def __init__(self, changes: Mapping[str, Iterable[str]] | None = None) -> None:
        """``changes``: action ids to the keys they shall have instead (none: no key).

        Raises InputError for an unknown action, an unknown key, or a key with two
        meanings in one place.
        """
        self.by_action = {name: action.keys for name, action in ALL_ACTIONS.items()}
        """The keys of every action as a person types them."""
        for name, keys in (changes or {}).items():
            if name not in ALL_ACTIONS:
                raise InputError(f"keymap: there is no action {name!r}; see the help screen")
            self.by_action[name] = tuple(keys)
        self._contexts = {
            context: self._claimed(names) for context, names in action_contexts().items()
        }

    def _claimed(self, names: Iterable[str]) -> dict[str, Action]:
        """Textual's key names with their actions, for actions that are alive together."""
        claimed: dict[str, Action] = {}
        for name in names:
            for key in self.by_action[name]:
                other = claimed.setdefault(textual_key(key), ALL_ACTIONS[name])
                if other.id != name:
                    raise InputError(f"keymap: {key!r} would mean both {other.id} and {name}")
        return claimed

    def keys(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action as a person types them."""
        return self.by_action[action_id]

    def first(self, action_id: str) -> str:
        """The key to show for an action, empty when it has none."""
        return first_key(self.by_action[action_id])

    def items(self, context: str = MAIN) -> list[tuple[str, Action]]:
        """(Textual key name, action) of every key in force, of the main screen or a dialog."""
        return list(self._contexts[context].items())


def action_contexts() -> dict[str, list[str]]:
    """Ids of the actions that are alive together: on the main screen, and in each dialog."""
    contexts = {MAIN: list(ACTIONS)}
    for context in DIALOGS:
        contexts[context] = [a.id for a in DIALOG_ACTIONS.values() if a.area in ("dialog", context)]
    return contexts
