"""A user's settings file: what it may say, and what is said about a slip in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from textual.keys import Keys, _character_to_key

from pfnmap.engine.errors import InputError
from pfnmap.tui.keys.action_table import ACTIONS, ALL_ACTIONS
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import textual_key
from pfnmap.tui.settings.config import (
    ALIASES,
    MODIFIED,
    Settings,
    keymap_lines,
    load_settings,
    parse_settings,
    settings_file,
)


def settings(text: str) -> Settings:
    return parse_settings(tomllib.loads(text))


def keys(text: str) -> Keymap:
    return settings(f"{text}\n" if text.startswith("[") else f"[keys]\n{text}\n").keys


# -- keys --------------------------------------------------------------------------------
def test_an_action_gets_other_keys_and_loses_its_own() -> None:
    made = keys('"mem.online" = ["i", "ctrl+n"]')
    meanings = {key: action.id for key, action in made.items()}
    assert meanings["i"] == meanings["ctrl+n"] == "mem.online"
    assert not {"o", "e"} & set(meanings)


def test_one_key_needs_no_list_and_an_id_no_quotes() -> None:
    assert keys('mem.online = "i"').keys("mem.online") == ("i",)


def test_an_empty_list_takes_the_keys_away() -> None:
    assert keys('"app.suspend" = []').keys("app.suspend") == ()


def test_two_actions_may_swap_their_keys() -> None:
    made = keys('"mem.online" = ["f"]\n"mem.offline" = ["o"]')
    assert (made.first("mem.online"), made.first("mem.offline")) == ("f", "o")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"mem.onlin" = ["i"]', "there is no action 'mem.onlin'; did you mean 'mem.online'?"),
        ('"zzz" = ["i"]', "there is no action 'zzz'"),
        ('"mem.online" = 3', "keys.'mem.online': expected a list of keys"),
        ('"mem.online" = ["i", 3]', "keys.'mem.online': expected a list of keys"),
        ('"mem.online" = ["esc"]', "'esc' is spelt 'escape' here"),
        ('"mem.online" = ["ctrl+pgup"]', "'ctrl+pgup' is spelt 'ctrl+pageup' here"),
        ('"mem.online" = ["Enter"]', "'Enter' is spelt 'enter' here"),
        ('"mem.online" = [" "]', "' ' is spelt 'space' here"),
        (f'"mem.online" = ["{"9" * 50}"]', f"keys.'mem.online': '{'9' * 50}' is not a key"),
        ('"mem.online" = ["hyper+x"]', "only ctrl+ and shift+ may stand in front"),
        ('"mem.online" = ["frob"]', "'frob' is not a key"),
        ('"mem.online" = ["ctrl+enter"]', "not a key that terminals send"),
        ('"mem.online" = ["ctrl+c"]', "cannot be given away"),
        ('"mem.online" = ["ctrl+i"]', "terminals send it for Tab"),
        ('"mem.online" = ["ctrl+M"]', "terminals send it for Enter"),
        ('"mem.online" = ["ctrl+j"]', "terminals send it for Enter"),
        ('"mem.online" = ["ctrl+h"]', "terminals send it for Backspace"),
        (
            '"mem.online" = ["f"]',
            "'f' is bound to 'mem.offline' as well; give 'mem.offline' other keys too, or []",
        ),
        (
            '"mem.online" = ["p"]\n"mem.pin" = ["p"]',
            "keys.'mem.pin': 'p' is bound to 'mem.online' as well",
        ),
        (
            '"app.quit" = []\n"app.quit.keep" = []\n"app.command" = []\n"app.palette" = []',
            "leave a key for one of app.quit",
        ),
    ],
)
def test_a_slip_in_the_keys_is_one_sentence_naming_the_entry(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        keys(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["{} = 1", "[keys]\n{} = 'a'", "[keys]\n'mem.online' = '{}'", "[defaults]\n{} = 1",
     "[defaults]\ncolor = '{}'"],
)  # fmt: skip
def test_what_is_too_long_to_read_is_not_repeated(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text.format("x" * 30000))
    with pytest.raises(InputError) as caught:
        load_settings(file)
    assert len(str(caught.value).removeprefix(str(tmp_path))) < 500


@pytest.mark.parametrize("text", ["keys = " + "9" * 5000, "keys = " + "[" * 20000])
def test_toml_that_python_cannot_read_is_said(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"config\.toml: not TOML: "):
        load_settings(file)


# -- in dialogs --------------------------------------------------------------------------
def test_the_keys_of_dialogs_change_in_the_same_file() -> None:
    made = keys('"compare.close" = ["x"]\n"list.next" = ["ctrl+g"]')
    assert dict(made.items("compare"))["x"].id == "compare.close"
    assert "q" not in dict(made.items("compare"))
    assert dict(made.items("list"))["ctrl+g"].id == "list.next"
    assert dict(made.items())["x"].id == "mem.remove", "on the main screen x is as it was"


def test_a_table_for_a_dialog_reads_as_well() -> None:
    assert keys('[keys.compare]\nclose = "x"').keys("compare.close") == ("x",)


def test_one_key_may_mean_something_else_in_each_place() -> None:
    made = keys('"compare.counters" = ["o"]')
    assert dict(made.items("compare"))["o"].id == "compare.counters"
    assert dict(made.items())["o"].id == "mem.online"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '"compare.counters" = ["y"]',
            "keys.'compare.counters': 'y' is bound to 'compare.copy' as well; "
            "give 'compare.copy' other keys too, or []",
        ),
        ('"text.down" = ["escape"]', "'escape' is bound to 'dialog.close' as well"),
        ('"line.older" = ["tab"]', "'tab' is bound to 'line.complete' as well"),
        ('"line.older" = ["ctrl+w"]', "'ctrl+w' edits the line while one types"),
        ('"edit.left" = ["f2"]', "there is no action 'edit.left'"),
        ('"list.next" = ["ctrl+q"]', "'ctrl+q' is bound to 'app.quit' as well"),
        ('"app.quit" = ["ctrl+n"]', "keys.'app.quit': 'ctrl+n' is bound to"),
        ('"line.complete" = ["a"]', "'a' is text while one types"),
        ('"list.next" = ["space"]', "'space' is text while one types"),
        ('"dialog.close" = ["q"]', "'q' is text while one types"),
        ('"dialog.close" = []', "leave a key for this, it is the way out"),
        ('"compare.closee" = ["x"]', "did you mean 'compare.close'?"),
    ],
)
def test_a_slip_in_the_keys_of_a_dialog_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        keys(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_key_that_is_accepted_is_one_that_textual_sends() -> None:
    real = {key.value for key in Keys}
    for key in MODIFIED:
        name = "+".join(sorted(key.split("+")[:-1]) + key.split("+")[-1:])
        assert name in real or key in real, key
    for meant in ALIASES.values():
        assert meant in real or _character_to_key(" ") == meant


def test_the_printed_keys_are_a_settings_file_that_changes_nothing() -> None:
    made = settings("\n".join(keymap_lines(Keymap()))).keys
    assert all(made.keys(name) == action.keys for name, action in ALL_ACTIONS.items())
    assert len(made.items()) == len({textual_key(k) for a in ACTIONS.values() for k in a.keys})


# -- defaults ----------------------------------------------------------------------------
def test_defaults_are_read() -> None:
    made = settings('[defaults]\ntheme = "light"\ncolor = "16"\nmouse = false\nascii = true\n')
    assert (made.theme, made.color, made.mouse, made.ascii) == ("light", "16", False, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[defaults]\nthem = 'x'", "there is no such setting; did you mean 'theme'"),
        ("[defaults]\nmouse = 'no'", "defaults.mouse: expected true or false"),
        ("[defaults]\ntheme = 3", "defaults.theme: expected text in quotes"),
        ("[defaults]\ncolor = 'pink'", "defaults.color: 'pink' is none of auto, truecolor"),
        ("[keyz]\n", "there is no section 'keyz'"),
        ("keys = 3", "keys: expected a section [keys]"),
    ],
)
def test_a_slip_elsewhere_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        settings(text)
    assert message in str(caught.value)


# -- the file ----------------------------------------------------------------------------
def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    made = load_settings(tmp_path / "config.toml")
    assert made.file is None
    assert made.keys.keys("mem.online") == ACTIONS["mem.online"].keys


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[keys\n", "not TOML"),
        (b"a = 1\na = 2\n", "not TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * ((1 << 20) + 1), "larger than"),
        (b'[keys]\n"mem.online" = ["esc"]\n', "'esc' is spelt 'escape' here"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        load_settings(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_directory_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        load_settings(tmp_path)


def test_the_file_is_in_the_users_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_file() == tmp_path / "pfnmap" / "config.toml"
