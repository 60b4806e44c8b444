"""Own keys in every dialog: they act, the old ones do not, and what is said is true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.events import Key

from pfnmap.tui.app import PfnmapApp, closing_keys
from pfnmap.tui.dialogs.add_form import AddForm
from pfnmap.tui.dialogs.compare import CompareScreen
from pfnmap.tui.dialogs.confirm import Confirm
from pfnmap.tui.dialogs.dialog import Dialog
from pfnmap.tui.dialogs.palette import Palette
from pfnmap.tui.dialogs.prompt import Prompt
from pfnmap.tui.dialogs.reader import Reader
from pfnmap.tui.keys.action_table import DIALOG_ACTIONS, DIALOGS
from pfnmap.tui.keys.effects import AskWord
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.testing import settle
from tests.tui.stage import DIMM, Stage, stage

OWN = {
    "dialog.close": ["f9"],
    "text.close": ["x"],
    "text.down": ["e"],
    "line.complete": ["f2"],
    "line.older": ["ctrl+o"],
    "form.next": ["f3"],
    "form.choice.next": ["f4"],
    "list.next": ["f5"],
    "compare.back": ["b"],
    "compare.close": ["x"],
    "compare.help": ["H"],
}


@asynccontextmanager
async def own(*lines: str) -> AsyncIterator[Stage]:
    async with stage(*lines, keymap=Keymap(OWN)) as on:
        yield on


KINDS: tuple[type[Dialog[Any]], ...] = (AddForm, CompareScreen, Confirm, Palette, Prompt, Reader)


@pytest.mark.parametrize("dialog", KINDS, ids=lambda dialog: dialog.__name__)
def test_a_dialog_does_something_for_every_row_of_its_kind(dialog: type[Dialog[Any]]) -> None:
    for action in DIALOG_ACTIONS.values():
        if action.area in ("dialog", dialog.KIND):
            what = action.does.partition("(")[0]
            owner = PfnmapApp if what.startswith("app.") else dialog
            assert hasattr(owner, f"action_{what.removeprefix('app.')}"), action.id


def test_each_kind_belongs_to_a_dialog() -> None:
    assert sorted(dialog.KIND for dialog in KINDS) == sorted(DIALOGS)


async def test_text_is_scrolled_and_closed_with_own_keys() -> None:
    async with own() as on:
        await on.keys("?")
        reader = on.app.screen
        assert isinstance(reader, Reader)
        assert "f9 closes" in on.text
        await on.keys("j", "q", "escape")
        assert reader.pages.first_line == 0
        assert on.text.count("f9 closes") == 1
        await on.keys("e")
        assert reader.pages.first_line == 1
        await on.keys("x")
        assert on.on_main


async def test_the_line_completes_remembers_and_closes_with_own_keys() -> None:
    async with own() as on:
        await on.keys(":")
        await on.type("zoom page", "enter", ":", "ctrl+o")
        prompt = on.app.screen
        assert isinstance(prompt, Prompt)
        assert prompt.line.value == "zoom page"
        await on.keys("ctrl+u")
        assert prompt.line.value == ""
        await on.type("prof", "tab")
        assert prompt.line.value == "prof"
        await on.keys("f2")
        assert prompt.line.value == "profiles "
        await on.keys("escape")
        assert not on.on_main
        await on.keys("f9")
        assert on.on_main


async def test_the_form_and_the_list_go_by_own_keys() -> None:
    async with own() as on:
        await on.keys("a", "f3", "f3", "f3", "f4")
        assert "memmap=ram" in on.text
        assert "enter adds, f9 closes" in on.text
        assert "(f4: next)" in on.text
        await on.keys("f9", "ctrl+p", "down", "f5")
        palette = on.app.screen
        assert isinstance(palette, Palette)
        assert palette._chosen == 1
        await on.keys("f9")
        assert on.on_main


async def test_a_question_names_its_own_keys_and_obeys_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Confirm, "QUIET_SECONDS", 0.0)
    async with own() as on:
        answers: list[bool | None] = []
        for typed in ("offline", "onl"):
            ask = AskWord("write?", ["to memory32"], "offline")
            on.app.push_screen(Confirm(on.app.paint, Keymap(OWN), ask), answers.append)
            await settle(on.pilot)
            assert "type offline and enter to do it; f9 does not" in on.text
            await on.type(typed, "enter", "f9")
        assert answers == [True, None]


async def test_the_compare_screen_goes_by_own_keys() -> None:
    async with own(*DIMM) as on:
        await on.keys(":")
        await on.type("compare profile=6.1", "enter")
        assert isinstance(on.app.screen, CompareScreen)
        assert "b ] step" in on.lines[-1] and "H help  f9 close" in on.lines[-1]
        first = on.lines[6]
        await on.keys("[", "q")
        assert on.lines[6] == first
        await on.keys("b")
        assert on.lines[6] != first
        await on.keys("H")
        assert "to the step before" in on.text
        assert any("│  b " in line for line in on.lines)
        await on.keys("x", "x")
        assert on.on_main


async def test_keys_typed_ahead_wait_for_the_answer_whatever_the_keys_are() -> None:
    async with own() as on:
        await on.keys(":")
        for key in ("f9", "L"):
            on.app.post_message(_key(key))
        await settle(on.pilot)
        assert on.on_main
        assert on.cursor == 32768, "the second key went to the map"


def _key(name: str) -> Key:
    return Key(name, name if len(name) == 1 else None)


def test_the_keys_that_need_not_wait_are_those_that_close_and_are_no_characters() -> None:
    assert closing_keys(Keymap()) == {"escape"}
    assert closing_keys(Keymap(OWN)) == {"f9"}
    typed = Keymap(
        {
            "dialog.close": ["space", "X", "ctrl+g"],
            "text.page.down": [],
            "compare.page.down": [],
        }
    )
    assert closing_keys(typed) == {"ctrl+g"}


async def test_the_own_closing_key_does_not_wait_for_ever_for_a_dialog_that_never_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with own() as on:
        on.app._undecided = True
        await on.keys("L", "f9")
        assert len(on.app._typed) == 2
        monkeypatch.setattr("pfnmap.tui.app.STUCK_SECONDS", 0.0)
        await on.keys("f9")
        assert not on.app._typed
        await on.keys("L")
        assert on.cursor == 32768


async def test_help_lists_every_key_in_force() -> None:
    from pfnmap.tui.dialogs.texts import help_lines

    async with own() as on:
        keymap = on.app.keys
        words = "\n".join(
            f"{head} {text}" for head, text, _ in help_lines(on.main.shown, on.app.paint)
        )
        for name, action in DIALOG_ACTIONS.items():
            keys = " ".join(
                key.replace("page", "pg").replace("pgdown", "pgdn").replace("escape", "esc")
                for key in keymap.keys(name)
            )
            assert f"  {keys} {action.help}" in words


async def test_sentences_name_the_keys_in_force() -> None:
    keymap = Keymap({"app.help": ["f2"], "app.glossary": ["f3"], "mem.online": ["i"]})
    more = ("online 33 movable", "pin 33 pages=1", "device-add p 256M")
    async with stage(*DIMM, *more, keymap=keymap, size=(62, 20)) as on:
        assert "press f3" in on.text and "press K" not in on.text
        await on.command("help frobnicate")
        assert "press f2 for all of them" in " ".join(on.text.split())
    async with stage(*DIMM, keymap=keymap) as on:
        await on.command("help online")
        assert "keys: i" in on.text
