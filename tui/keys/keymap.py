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
        """``changes``: ids of actions to the keys they shall have instead (none: no key).

        Raises InputError for an unknown key, or one with two meanings in one place, which says
        how to free it.
        """
        changed = {name: tuple(keys) for name, keys in (changes or {}).items()}
        self.by_action = {name: action.keys for name, action in ALL_ACTIONS.items()} | changed
        """The keys of every action as a person types them."""
        self._contexts = {MAIN: self._claimed(ACTIONS, (), changed)}
        """Textual's key names with their actions, for actions that are alive together."""
        for area in DIALOGS:
            names = [a.id for a in DIALOG_ACTIONS.values() if a.area in ("dialog", area)]
            self._contexts[area] = self._claimed(names, self.quitting_keys, changed)

    def _claimed(
        self, names: Iterable[str], quitting: Iterable[str], changed: Mapping[str, object]
    ) -> dict[str, Action]:
        owners, claimed = dict.fromkeys(quitting, "app.quit"), dict[str, Action]()
        for name in names:
            for key in self.by_action[name]:
                other = owners.setdefault(textual_key(key), name)
                if other != name:
                    entry, kept = (name, other) if name in changed else (other, name)
                    hint = "" if kept in changed else f"; give {kept!r} other keys too, or []"
                    raise InputError(f"keys.{entry!r}: {key!r} is bound to {kept!r} as well{hint}")
                claimed[textual_key(key)] = ALL_ACTIONS[name]
        return claimed

    @property
    def quitting_keys(self) -> list[str]:
        """Textual's names of the keys that end the program in a dialog, too: no characters."""
        keys = self.by_action["app.quit"]
        return [textual_key(key) for key in keys if key.startswith("ctrl+")]

    def keys(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action as a person types them."""
        return self.by_action[action_id]

    def first(self, action_id: str) -> str:
        """The key to show for an action, empty when it has none."""
        return first_key(self.by_action[action_id])

    def items(self, context: str = MAIN) -> list[tuple[str, Action]]:
        """(Textual key name, action) of every key in force, of the main screen or a dialog."""
        return list(self._contexts[context].items())
