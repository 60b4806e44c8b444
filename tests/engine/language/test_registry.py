"""The registry of verbs and the table of keys."""

from __future__ import annotations

from collections import Counter

import pytest

from pfnmap.engine.language import (
    ACTIONS,
    ALIASES,
    AREAS,
    VERBS,
    Action,
    Kind,
    Verb,
    help_lines,
    parse_line,
)
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.language.keys import action_of_key

DOCUMENTED = {
    Kind.START: "machine",
    Kind.PARAMETER: "set rule",
    Kind.ACTION: "add online offline remove shrink device-add device-del pin unpin hugetlb "
    "hugetlb-free free freelist fail echo grep cat",
    Kind.TALK: "note title pause goto zoom",
    Kind.EXPECT: "expect",
    Kind.INTERACTIVE: "undo redo seek mark diff save write compare profiles help quit",
}


@pytest.mark.parametrize("kind", Kind)
def test_the_verbs_of_each_kind(kind: Kind) -> None:
    listed = [verb.name for verb in VERBS.values() if verb.kind is kind]
    assert listed == DOCUMENTED[kind].split()


def test_the_expectations() -> None:
    assert " ".join(EXPECTATIONS) == (
        "ok errno log no-log zone node block device pfn hugetlb finding no-findings total"
    )


def test_aliases_lead_to_verbs_and_hide_none() -> None:
    assert set(ALIASES.values()) <= set(VERBS)
    assert not set(ALIASES) & set(VERBS)


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


@pytest.mark.parametrize("verb", [v for v in VERBS.values() if v.action], ids=lambda v: v.name)
def test_a_verb_and_its_action_say_the_same(verb: Verb) -> None:
    action = ACTIONS[verb.action]
    assert action.command.split()[0] == verb.name


def test_help_lists_every_verb_once() -> None:
    text = "\n".join(help_lines())
    for verb in VERBS.values():
        assert text.count(f"  {verb.name:<13}{verb.help}") == 1
    assert all(len(line) <= 80 for line in help_lines())


def test_help_on_one_verb() -> None:
    assert help_lines("offline") == [
        "offline REF",
        "  offline memory blocks",
        "  example: offline 32-33",
    ]
    assert help_lines("online_movable") == help_lines("online")
    assert help_lines("frobnicate") == []


def test_help_on_expect_shows_every_kind_of_claim() -> None:
    text = "\n".join(help_lines("expect"))
    assert "expect zone ZONE [node=N] [start=PFN] [spanned=N] [present=N] [managed=N]" in text
    assert "expect errno=E" in text
