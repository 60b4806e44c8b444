"""The table of actions: complete, every key once, every command a line of the language."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from pfnmap.engine.errors import InputError
from pfnmap.engine.language.lines import parse_line
from pfnmap.engine.outcome import Refusal
from pfnmap.tui.keys.action import Action
from pfnmap.tui.keys.action_table import ACTIONS, AREAS, action_of_verb
from pfnmap.tui.keys.effects import Look, Open, Remember, Run, Scroll, Seek, Tell
from pfnmap.tui.keys.here import Here
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.offered import effects_of, footer, merged, verdicts, why_not
from pfnmap.tui.keys.shown import Shown, Verdict, shown
from pfnmap.tui.map.viewport import Viewport
from tests.tui.stage import DIMM, session_of

BLOCK = 32768


def frame(*lines: str, block: int = 33) -> Shown:
    """What is shown after these lines, with the cursor in a block."""
    session = session_of(*lines)
    viewport = Viewport(session.view.extents(), BLOCK).at(block * BLOCK)
    return shown(session, Keymap().by_action, viewport)


def action_of_key(key: str) -> Action | None:
    return next((action for action in ACTIONS.values() if key in action.keys), None)


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


def test_an_action_is_complete_and_either_is_a_command_or_has_effects() -> None:
    for action in ACTIONS.values():
        assert action.area in AREAS, action.id
        assert action.label and action.help, action.id
        assert (action.command is None) is not (action.effects is None), action.id
        assert action.changes_memory or action.command is None, action.id


@pytest.mark.parametrize(
    "action", [a for a in ACTIONS.values() if a.command], ids=lambda action: action.id
)
def test_a_command_is_a_line_of_the_language(action: Action) -> None:
    now = frame(*DIMM, block=32)
    remember, run = effects_of(action, now, now.here)  # type: ignore[misc]
    assert remember == Remember({"last_action": action.id})
    assert isinstance(run, Run) and parse_line(run.command.text) == run.command
    fixed = [word for word in action.line.split() if word.islower()]
    assert set(fixed) <= set(run.command.text.split())


def test_where_a_key_means_nothing_a_sentence_says_why() -> None:
    now = frame()
    hole = Here(now.view, 20 * BLOCK, 21 * BLOCK)
    with pytest.raises(InputError, match="online: there is no memory block here"):
        effects_of(ACTIONS["mem.online"], now, hole)
    with pytest.raises(InputError, match="nothing to undo: the machine is as it was at boot"):
        effects_of(ACTIONS["time.undo"], now, now.here)
    with pytest.raises(InputError, match="the tour begins with"):
        effects_of(ACTIONS["app.tour"], now, now.here)


def test_what_a_machine_shown_read_only_is_spared() -> None:
    now = frame(*DIMM)
    now.session.read_only = True
    now = now.now()
    for action in ACTIONS.values():
        if action.changes_memory:
            assert why_not(action, now, now.here) == "this machine is shown read-only"
            with pytest.raises(InputError, match="read-only"):
                effects_of(action, now, now.here)


def test_a_key_is_offered_where_it_does_something() -> None:
    now = frame(*DIMM)
    offered = {action.id for action in footer(now, now.here)[0]}
    assert {"mem.online", "time.undo"} <= offered and "mem.offline" not in offered
    online = frame(*DIMM, block=32)
    assert "mem.offline" in {action.id for action in footer(online, online.here)[0]}
    assert [action.id for action in footer(now, now.here)[1]] == ["app.command", "app.help"]


def test_effects_are_values() -> None:
    now = frame(*DIMM)
    now = replace(now, viewport=now.viewport.at(7 * BLOCK + 4096))

    def effects(name: str) -> Any:
        return effects_of(ACTIONS[name], now, now.here)

    assert effects("time.undo") == Seek(1)
    look = effects("cursor.first")
    assert isinstance(look, Look) and look.viewport.is_at(now.viewport.at(0))
    assert isinstance(effects("mem.add"), Open)
    jump, tell = effects("cursor.struct_pages")
    assert isinstance(jump, Look) and jump.jump and isinstance(tell, Tell)
    elsewhere = replace(now, focus="events")
    assert isinstance(effects_of(ACTIONS["cursor.first"], elsewhere, now.here), Scroll)


def test_the_kernel_is_asked_once_for_a_state_and_a_block() -> None:
    now = frame(*DIMM)
    first = verdicts(now, 33)
    assert [verdict.label for verdict in first][:2] == ["online", "online kernel"]
    asked = now.foreseen
    assert verdicts(replace(now, focus="zones").now(), 33) == first
    assert replace(now, focus="zones").now().foreseen is asked and len(asked) == len(first)
    now.session.undo()
    assert not now.now().foreseen


@pytest.mark.parametrize("verb", ["add", "online", "shrink", "undo", "help"])
def test_the_action_of_a_verb(verb: str) -> None:
    action = action_of_verb(verb)
    assert action is not None and action.line.split()[0] == verb


def test_a_verb_without_a_key_has_no_action() -> None:
    assert action_of_verb("freelist") is None and action_of_verb("") is None


def test_the_same_refusal_is_said_once() -> None:
    refusal = Refusal("EINVAL", "device_online", "it is online already")
    verdicts = [Verdict("o", "online", refusal), Verdict("O", "online kernel", refusal),
                Verdict("f", "offline", None), Verdict("x", "remove", None)]  # fmt: skip
    assert [v.key for v in merged(verdicts)] == ["oO", "f", "x"]
