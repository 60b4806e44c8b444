"""Keys: every name is one that Textual sends, and none means two things."""

from __future__ import annotations

import string

import pytest
from textual.keys import Keys, _character_to_key
from textual.widgets import Input

from pfnmap.engine.errors import InputError
from pfnmap.tui.keys.action import Action
from pfnmap.tui.keys.action_table import ACTIONS, DIALOG_ACTIONS, DIALOG_AREAS, DIALOGS
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import DEAD_KEYS, EDITING, textual_key

REAL = {key.value for key in Keys}


def is_real(name: str) -> bool:
    """Whether Textual ever sends a key of this name."""
    characters = {_character_to_key(char) for char in string.printable if char.isprintable()}
    return name in REAL or name in characters


def test_default_keys_exist() -> None:
    for action in ACTIONS.values():
        for key in action.keys:
            assert is_real(textual_key(key)), key
            assert key not in DEAD_KEYS


def test_no_key_is_bound_twice() -> None:
    keys = [textual_key(key) for action in ACTIONS.values() for key in action.keys]
    assert len(keys) == len(set(keys)) == len(Keymap().items())


def test_characters_have_textuals_names() -> None:
    for character in string.printable:
        if character.isprintable() and character != " ":
            assert textual_key(character) == _character_to_key(character)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("esc", "not a key"),
        ("ctrl+m", "terminals send it for Enter"),
        ("alt+x", r"only ctrl\+ and shift\+"),
        ("shift+o", "write the character itself, 'O'"),
        ("ctrl+1", "not a key that terminals send"),
        ("", "not a key"),
        ("\x01", "not a key"),
    ],
)
def test_keys_that_never_arrive_are_refused(typed: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        textual_key(typed)


@pytest.mark.parametrize("context", DIALOGS)
def test_no_key_means_two_things_in_one_dialog(context: str) -> None:
    areas = ("dialog", context)
    keys = [textual_key(key) for a in DIALOG_ACTIONS.values() if a.area in areas for key in a.keys]
    assert len(keys) == len(set(keys)) == len(Keymap().items(context))
    assert all(is_real(key) for key in keys)


@pytest.mark.parametrize("action", DIALOG_ACTIONS.values(), ids=lambda action: action.id)
def test_every_action_of_a_dialog_is_alive_somewhere(action: Action) -> None:
    assert action.keys and action.label and action.help and action.area in DIALOG_AREAS
    contexts = [name for name in DIALOGS if action.area in ("dialog", name)]
    assert all(action in dict(Keymap().items(name)).values() for name in contexts)
    assert contexts


def test_the_keys_that_edit_a_line_are_those_of_textual() -> None:
    theirs = {key for each in Input.BINDINGS for key in str(getattr(each, "key")).split(",")}  # noqa: B009
    assert {key for key in theirs if not key.startswith(("super+", "alt+"))} == EDITING


def test_a_user_moves_an_action_to_another_key() -> None:
    keymap = Keymap({"mem.online": ["i"], "mem.pin": ["p"]})
    meanings = {key: action.id for key, action in keymap.items()}
    assert meanings["i"] == "mem.online"
    assert meanings["p"] == "mem.pin"
    assert "o" not in meanings
    assert keymap.first("mem.online") == "i"


def test_a_keymap_may_swap_two_keys() -> None:
    keymap = Keymap({"mem.online": ["f"], "mem.offline": ["o"]})
    assert keymap.first("mem.online") == "f"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mem.online": ["f"]}, "keys.'mem.online': 'f' is bound to 'mem.offline' as well"),
        ({"mem.online": ["esc"]}, "'esc' is not a key"),
    ],
)
def test_a_keymap_with_a_slip_is_refused(changes: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Keymap(changes)
