"""Keys inside dialogs: everything that takes the keys while it lies over the main screen.

The same registry as :mod:`pfnmap.tui.keys.actions`, apart because these actions mean nothing
on the main screen: there a letter acts, in a dialog it may be text. A user's keymap names
their ids like any other. Which areas of actions are alive together says :data:`CONTEXTS`.
"""

from __future__ import annotations

from typing import Final

from pfnmap.tui.keys.actions import ACTIONS, Action

DIALOG_AREAS: Final = {
    "dialog": "In every dialog",
    "text": "Where text is read: help, explanations, differences",
    "line": "On the : line and wherever a line is asked for",
    "form": "In the form that adds a DIMM",
    "list": "In lists: palette, branches",
    "question": "Before a real machine is written to",
    "compare": "Comparing",
    "edit": "While typing",
}
"""Headings of the help screen, in order, behind those of the main screen."""

_TABLE: Final = (
    # id, keys, label, help
    ("dialog.close", "escape", "close", "close without doing anything"),
    ("text.close", "q enter ?", "close", "close"),
    ("text.down", "j down", "down", "a line down"),
    ("text.up", "k up", "up", "a line up"),
    ("text.page.down", "space pagedown ctrl+d", "page down", "a page down"),
    ("text.page.up", "pageup ctrl+u", "page up", "a page up"),
    ("text.first", "g home", "start", "the first line"),
    ("text.last", "G end", "end", "the last line"),
    ("line.complete", "tab", "complete", "complete the word"),
    ("line.older", "up", "older", "the line before in the history"),
    ("line.newer", "down", "newer", "the line after in the history"),
    ("form.next", "down tab", "next", "the next value"),
    ("form.previous", "up shift+tab", "previous", "the value before"),
    ("form.choice.next", "ctrl+n", "next choice", "the next memmap policy"),
    ("form.choice.previous", "ctrl+p", "choice before", "the memmap policy before"),
    ("list.next", "down ctrl+n", "next", "the next entry"),
    ("list.previous", "up ctrl+p", "previous", "the entry before"),
    ("list.page.down", "pagedown", "further", "ten entries further"),
    ("list.page.up", "pageup", "back", "ten entries back"),
    ("question.yes", "y", "yes", "do it"),
    ("question.no", "n q enter", "no", "do not"),
    ("compare.help", "? f1", "help", "these keys"),
    ("compare.close", "q", "close", "back to the session"),
    ("compare.back", "[ u", "back", "one step back in all variants"),
    ("compare.forward", "] ctrl+r", "step", "one step forward in all variants"),
    ("compare.zoom.in", "+ =", "zoom in", "smaller cells"),
    ("compare.zoom.out", "-", "zoom out", "larger cells"),
    ("compare.variants.previous", "h left", "variants before", "other variants beside the first"),
    ("compare.variants.next", "l right", "variants after", "other variants beside the first"),
    ("compare.counters", "a", "all counters", "all counters, or those that differ"),
    ("compare.copy", "y", "copy", "copy everything as plain text"),
    ("compare.down", "j down", "down", "a line down"),
    ("compare.up", "k up", "up", "a line up"),
    ("compare.page.down", "space pagedown ctrl+d", "page down", "a page down"),
    ("compare.page.up", "pageup ctrl+u", "page up", "a page up"),
    ("compare.first", "g home", "start", "the first line"),
    ("compare.last", "G end", "end", "the last line"),
    ("edit.accept", "enter", "done", "take what is typed or chosen"),
    ("edit.left", "left", "left", "a character left"),
    ("edit.right", "right", "right", "a character right"),
    ("edit.word.left", "ctrl+left", "word left", "a word left"),
    ("edit.word.right", "ctrl+right", "word right", "a word right"),
    ("edit.start", "home ctrl+a", "start", "to the start"),
    ("edit.end", "end ctrl+e", "end", "to the end"),
    ("edit.select.left", "shift+left", "select left", "select a character left"),
    ("edit.select.right", "shift+right", "select right", "select a character right"),
    ("edit.select.start", "shift+home", "select to start", "select to the start"),
    ("edit.select.end", "shift+end", "select to end", "select to the end"),
    ("edit.delete.left", "backspace", "delete left", "delete the character before"),
    ("edit.delete.right", "delete ctrl+d", "delete right", "delete the character here"),
    ("edit.delete.word", "ctrl+w", "delete word", "delete the word before"),
    ("edit.delete.start", "ctrl+u", "delete to start", "delete to the start"),
    ("edit.delete.end", "ctrl+k", "delete to end", "delete to the end"),
    ("edit.cut", "ctrl+x", "cut", "cut what is selected"),
    ("edit.paste", "ctrl+v", "paste", "paste what was cut or copied here"),
)

DIALOG_ACTIONS: Final[dict[str, Action]] = {
    name: Action(name, tuple(keys.split()), label, text) for name, keys, label, text in _TABLE
}
"""Every action of a dialog by its id, in the order of the help screen."""

TYPING: Final = frozenset({"line", "form", "list", "edit"})
"""Areas in which a character is text, and so no key."""

CONTEXTS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("dialog", "text"),
    "line": ("dialog", "line", "edit"),
    "form": ("dialog", "form", "edit"),
    "list": ("dialog", "list", "edit"),
    "question": ("dialog", "question"),
    "compare": ("dialog", "compare"),
    "mark": ("dialog",),
}
"""Areas whose keys are alive together, by the kind of dialog."""

ALL_ACTIONS: Final[dict[str, Action]] = {**ACTIONS, **DIALOG_ACTIONS}
"""Every action that a keymap may name."""
