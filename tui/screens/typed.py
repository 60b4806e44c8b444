"""A line that is typed into, with the keys in force."""

from __future__ import annotations

from typing import Final

from textual.widgets import Input

from pfnmap.tui.keys.keymap import Keymap

_DOES: Final = {
    "edit.accept": "submit",
    "edit.left": "cursor_left",
    "edit.right": "cursor_right",
    "edit.word.left": "cursor_left_word",
    "edit.word.right": "cursor_right_word",
    "edit.start": "home",
    "edit.end": "end",
    "edit.select.left": "cursor_left(True)",
    "edit.select.right": "cursor_right(True)",
    "edit.select.start": "home(True)",
    "edit.select.end": "end(True)",
    "edit.delete.left": "delete_left",
    "edit.delete.right": "delete_right",
    "edit.delete.word": "delete_left_word",
    "edit.delete.start": "delete_left_all",
    "edit.delete.end": "delete_right_all",
    "edit.cut": "cut",
    "edit.paste": "paste",
}
"""What the toolkit's input does for each action."""


class Typed(Input, inherit_bindings=False):
    """Textual's input, whose keys are those of the keymap and no others."""

    def bind_keys(self, keymap: Keymap, context: str) -> None:
        """Take the keys of a dialog's context that are about typing."""
        for key, action in keymap.items(context):
            if action.id in _DOES:
                self._bindings.bind(key, _DOES[action.id])
