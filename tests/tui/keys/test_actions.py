"""The table of actions: complete, every key once, every command a line of the language."""

from __future__ import annotations

from collections import Counter

import pytest

from pfnmap.engine.language import parse_line
from pfnmap.tui.keys.actions import ACTIONS, AREAS, Action, action_of_key, action_of_verb


def test_no_key_has_two_actions() -> None:
    keys = Counter(key for action in ACTIONS.values() for key in action.keys)
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize(
    ("key", "action"),
    {
        "a": "mem.add",
        "o": "mem.online",
        "O": "mem.online_kernel",
        "m": "mem.online_movable",
        "f": "mem.offline",
        "x": "mem.remove",
        "s": "zone.shrink",
        "u": "time.undo",
        "ctrl+r": "time.redo",
        "[": "time.back",
        "]": "time.forward",
        "+": "view.zoom.in",
        "-": "view.zoom.out",
        "h": "cursor.left",
        "j": "cursor.down",
        "k": "cursor.up",
        "l": "cursor.right",
        "g": "cursor.first",
        "G": "cursor.last",
        "/": "find.open",
        "n": "find.next",
        "N": "find.previous",
        "v": "view.select",
        ":": "app.command",
        "?": "app.help",
        "q": "app.quit",
        "space": "time.play",
        "y": "view.yank",
    }.items(),
)
def test_the_keys_people_expect(key: str, action: str) -> None:
    found = action_of_key(key)
    assert found is not None
    assert found.id == action


@pytest.mark.parametrize("key", [*"hjklgG0$nN/?q:[]", "left", "right", "up", "down", "space"])
def test_a_key_that_moves_or_looks_never_changes_memory(key: str) -> None:
    action = action_of_key(key)
    assert action is not None
    assert action.area not in ("mem", "zone")


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_an_action_is_complete(action: Action) -> None:
    assert action.area in AREAS
    assert action.label and action.help


EXAMPLE_WORDS = {
    "ref": "32-33",
    "pfn": "0x108000",
    "zone": "Movable",
    "node": "0",
    "name": "dimm0",
    "size": "256M",
    "value": "Y",
    "step": "3",
    "file": "a.txt",
    "variant": "profile=4.19",
}


@pytest.mark.parametrize(
    "action", [a for a in ACTIONS.values() if a.command], ids=lambda action: action.id
)
def test_the_command_of_an_action_is_a_line_of_the_language(action: Action) -> None:
    template = action.command
    assert parse_line(template.format(**EXAMPLE_WORDS)) is not None


@pytest.mark.parametrize("verb", ["add", "online", "shrink", "undo", "help"])
def test_the_action_of_a_verb(verb: str) -> None:
    action = action_of_verb(verb)
    assert action is not None and action.command.split()[0] == verb


def test_a_verb_without_a_key_has_no_action() -> None:
    assert action_of_verb("freelist") is None and action_of_verb("") is None
