"""Own keys in every dialog: they act, the old ones do not, and what is said is true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.events import Key

from pfnmap.tui.app import leaving_keys
from pfnmap.tui.keys.dialog_actions import CONTEXTS, DIALOG_ACTIONS
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.screens.add_form import AddForm
from pfnmap.tui.screens.compare_screen import CompareScreen
from pfnmap.tui.screens.confirm import Confirm
from pfnmap.tui.screens.dialog import Dialog
from pfnmap.tui.screens.mark_box import MarkBox
from pfnmap.tui.screens.palette import Palette
from pfnmap.tui.screens.prompt import Prompt
from pfnmap.tui.screens.reader import Reader
from pfnmap.tui.screens.typed import _DOES as TYPED
from pfnmap.tui.testing import settle
from tests.tui.stage import DIMM, Stage, stage

OWN = {
    "dialog.close": ["f9"],
    "text.close": ["x"],
    "text.down": ["n"],
    "line.complete": ["f2"],
    "line.older": ["ctrl+o"],
    "form.next": ["f3"],
    "form.choice.next": ["f4"],
    "list.next": ["f5"],
    "question.yes": ["Y"],
    "compare.back": ["b"],
    "compare.close": ["x"],
    "compare.help": ["H"],
    "edit.accept": ["f8"],
    "edit.delete.start": ["f6"],
}


@asynccontextmanager
async def own(*lines: str) -> AsyncIterator[Stage]:
    async with stage(*lines, keymap=Keymap(OWN)) as on:
        yield on


DIALOGS = (AddForm, CompareScreen, Confirm, MarkBox, Palette, Prompt, Reader)


@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda dialog: dialog.__name__)
def test_a_dialog_does_something_for_every_action_of_its_context(dialog: type[Dialog[str]]) -> None:
    areas = CONTEXTS[dialog.CONTEXT]
    wanted = {name for name, action in DIALOG_ACTIONS.items() if action.area in areas}
    assert wanted == {*dialog.DOES, "dialog.close", *(TYPED if "edit" in areas else ())}


def test_each_context_belongs_to_a_dialog() -> None:
    assert {dialog.CONTEXT for dialog in DIALOGS} == set(CONTEXTS)


async def test_text_is_scrolled_and_closed_with_own_keys() -> None:
    async with own() as on:
        await on.keys("?")
        reader = on.app.screen
        assert isinstance(reader, Reader)
        assert "f9 closes" in on.text
        await on.keys("j", "q", "escape")
        assert reader.pages.first_line == 0
        assert on.text.count("f9 closes") == 1
        await on.keys("n")
        assert reader.pages.first_line == 1
        await on.keys("x")
        assert on.on_main


async def test_the_line_completes_remembers_and_closes_with_own_keys() -> None:
    async with own() as on:
        await on.keys(":")
        await on.type("zoom page", "f8", ":", "ctrl+o")
        prompt = on.app.screen
        assert isinstance(prompt, Prompt)
        assert prompt.line.value == "zoom page"
        await on.keys("f6")
        assert prompt.line.value == ""
        await on.type("prof", "tab")
        assert prompt.line.value == "prof"
        await on.keys("f2")
        assert prompt.line.value == "profiles "
        await on.keys("enter", "escape")
        assert not on.on_main
        await on.keys("f9")
        assert on.on_main


async def test_the_form_and_the_list_go_by_own_keys() -> None:
    async with own() as on:
        await on.keys("a", "f3", "f3", "f3", "f4")
        assert "memmap=ram" in on.text
        assert "f8 adds, f9 closes" in on.text
        assert "(f4: next)" in on.text
        await on.keys("f9", "ctrl+p", "down", "f5")
        palette = on.app.screen
        assert isinstance(palette, Palette)
        assert palette._chosen == 1
        await on.keys("f9")
        assert on.on_main


async def test_a_question_names_its_own_keys_and_obeys_them() -> None:
    async with own() as on:
        answers: list[bool | None] = []
        question = Confirm(on.app.paint, "write?", ["to memory32"])
        on.app.push_screen(question, answers.append)
        await settle(on.pilot)
        assert "Y does it; n, q, enter and f9 do not" in on.text
        await on.keys("y")
        assert not answers
        await on.keys("Y")
        assert answers == [True]


async def test_the_compare_screen_goes_by_own_keys() -> None:
    async with own(*DIMM) as on:
        await on.keys(":")
        await on.type("compare profile=6.1", "f8")
        assert isinstance(on.app.screen, CompareScreen)
        assert "b ] step" in on.lines[-1] and "H help  f9 close" in on.lines[-1]
        await on.keys("[", "q")
        assert "step 2/2" in on.lines[0]
        await on.keys("b")
        assert "step 1/2" in on.lines[0]
        await on.keys("H")
        assert "one step back in all variants" in on.text
        assert any(line.split()[:2] == ["│", "b"] for line in on.lines)
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


def test_the_keys_that_never_wait_are_those_that_close_or_end() -> None:
    assert leaving_keys(Keymap()) == {"escape", "ctrl+q", "ctrl+c"}
    assert leaving_keys(Keymap(OWN)) == {"f9", "ctrl+q", "ctrl+c"}
    typed = Keymap(
        {
            "dialog.close": ["space", "X", "ctrl+g"],
            "text.page.down": [],
            "compare.page.down": [],
            "app.quit": ["f12", "ctrl+x"],
        }
    )
    assert leaving_keys(typed) == {"ctrl+g", "ctrl+x", "ctrl+c"}


async def test_the_own_closing_key_does_not_wait_for_a_dialog_that_never_opens() -> None:
    async with own() as on:
        on.app._holding = True
        await on.keys("L")
        assert list(map(_name, on.app._typed)) == ["L"]
        await on.keys("f9")
        assert not on.app._typed
        await on.keys("L")
        assert on.cursor == 32768


def _name(key: Key) -> str:
    return key.key


async def test_help_lists_every_key_in_force() -> None:
    from pfnmap.tui.screens.pages import help_lines

    async with own() as on:
        keymap = on.app.keys
        words = "\n".join(
            f"{head} {text}" for head, text, _ in help_lines(on.app.desk, on.app.paint)
        )
        for name, action in DIALOG_ACTIONS.items():
            keys = " ".join(
                key.replace("page", "pg").replace("pgdown", "pgdn").replace("escape", "esc")
                for key in keymap.keys(name)
            )
            assert f"  {keys} {action.help}" in words


async def test_sentences_name_the_keys_in_force() -> None:
    keymap = Keymap({"app.help": ["f2"], "mem.online": ["i"]})
    more = ("online 33 movable", "pin 33 pages=1", "device-add p 256M")
    async with stage(*DIMM, *more, keymap=keymap, size=(62, 20)) as on:
        assert "press f2" in on.text and "press ?" not in on.text
        await on.command("help frobnicate")
        assert "press f2 for all of them" in " ".join(on.text.split())
    async with stage(*DIMM, keymap=keymap) as on:
        await on.command("help online")
        assert "keys: i" in on.text
