"""A user's settings: keys that differ from the table's, and defaults for the screen.

``config.toml`` in the directory that ``pfnmap config`` prints::

    [keys]
    "mem.online" = ["i", "ctrl+n"]
    "mem.pin" = ["p"]
    "app.suspend" = []
    "compare.close" = ["q", "x"]

    [defaults]
    theme = "light"
    color = "256"
    mouse = false
    ascii = true

What stands there is checked as a whole before anything is drawn: Textual accepts key names
that no terminal sends, and bindings that hide each other, without a word. It is not decoded as
a type, because actions are named with and without nested tables, and a wrong name is guessed.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import platformdirs
from msgspec import Struct, field

from pfnmap.engine.errors import InputError, quoted
from pfnmap.engine.whole_file import read_regular
from pfnmap.tui.keys.action_table import ALL_ACTIONS, AREAS, DIALOG_AREAS, TYPING
from pfnmap.tui.keys.keymap import Keymap
from pfnmap.tui.keys.names import DEAD_KEYS, EDITING, NAMED_KEYS, textual_key
from pfnmap.tui.terminal import COLOUR_SYSTEMS

FILE_NAME: Final = "config.toml"
MAX_BYTES: Final = 1 << 20
MAX_KEY_CHARACTERS: Final = 40

ALIASES: Final[dict[str, str]] = {
    "esc": "escape",
    "return": "enter",
    "cr": "enter",
    "del": "delete",
    "ins": "insert",
    "bs": "backspace",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "page_up": "pageup",
    "page_down": "pagedown",
    "spacebar": "space",
    " ": "space",
    "uparrow": "up",
    "downarrow": "down",
    "leftarrow": "left",
    "rightarrow": "right",
}
"""Other names of keys, with the one that is meant."""

TAKEN: Final[dict[str, str]] = {
    "ctrl+c": "it never quits and is kept, so that a slip of the hand loses nothing",
}
"""Keys that have one meaning everywhere."""

WAYS_OUT: Final = ("app.quit", "app.quit.keep", "app.command", "app.palette")
"""Of these at least one keeps a key, or nobody could leave."""

_MOVES: Final = ("left", "right", "up", "down", "home", "end", "pageup", "pagedown")
MODIFIED: Final = frozenset(
    [f"{modifiers}+{key}" for modifiers in ("shift", "ctrl", "ctrl+shift") for key in _MOVES]
    + ["shift+tab", "shift+insert", "shift+delete", "ctrl+insert", "ctrl+delete"]
    + [f"ctrl+f{number}" for number in range(1, 25)]
)
"""Named keys that terminals send with a modifier."""

_DEFAULTS: Final[dict[str, type]] = {"theme": str, "color": str, "mouse": bool, "ascii": bool}


class Settings(Struct, frozen=True):
    """What is in force where the command line says nothing."""

    keys: Keymap = field(default_factory=Keymap)
    theme: str | None = None
    color: str = "auto"
    mouse: bool = True
    ascii: bool = False
    file: Path | None = None
    """Where it stands, None where there is no such file."""


def settings_file() -> Path:
    """Where a user's settings are looked for; it need not exist."""
    return platformdirs.user_config_path("pfnmap", appauthor=False) / FILE_NAME


def load_settings(file: Path | None = None) -> Settings:
    """Read a user's settings (the usual file if None); the defaults where there is no file.

    Raises InputError with one sentence that names the file and the entry.
    """
    path = settings_file() if file is None else file
    try:
        data = read_regular(path, MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES} bytes; this is no settings file")
    try:
        return parse_settings(_document(data), path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _document(data: bytes) -> dict[str, Any]:
    """The file's TOML."""
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError("not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not TOML: {str(error) or 'nested too deeply'}") from None


def parse_settings(document: Mapping[str, Any], file: Path | None = None) -> Settings:
    """Settings from a TOML document; InputError with one sentence that names the entry."""
    for name in document:
        if name not in ("keys", "defaults"):
            raise InputError(f"there is no section {quoted(name)}; expected [keys] or [defaults]")
    defaults = _defaults(_table(document, "defaults"))
    return Settings(keys=_keymap(_table(document, "keys")), file=file, **defaults)


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"{name}: expected a section [{name}]")
    return table


# -- defaults ----------------------------------------------------------------------------
def _defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """The checked values of ``[defaults]``."""
    for name, value in table.items():
        place = f"defaults.{name}" if name in _DEFAULTS else f"defaults.{quoted(name)}"
        if name not in _DEFAULTS:
            raise InputError(f"{place}: there is no such setting{_meant(name, _DEFAULTS)}")
        kind = _DEFAULTS[name]
        if not isinstance(value, kind):
            wanted = "true or false" if kind is bool else "text in quotes"
            raise InputError(f"{place}: expected {wanted}")
        if name == "color" and value not in ("auto", *COLOUR_SYSTEMS):
            systems = ", ".join(COLOUR_SYSTEMS)
            raise InputError(f"{place}: {quoted(value)} is none of auto, {systems}")
    return dict(table)


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


# -- keys --------------------------------------------------------------------------------
def _keymap(table: Mapping[str, Any]) -> Keymap:
    """The keymap with the changes of ``[keys]``."""
    keymap = Keymap({name: _keys_of(name, value) for name, value in _flat(table)})
    if not any(keymap.keys(name) for name in WAYS_OUT):
        raise InputError(f"keys: leave a key for one of {', '.join(WAYS_OUT)}")
    if not keymap.keys("dialog.close"):
        raise InputError("keys.'dialog.close': leave a key for this, it is the way out of dialogs")
    return keymap


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Action ids with their keys; ``mem.online = …`` without quotes makes nested tables."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _keys_of(name: str, value: Any) -> tuple[str, ...]:
    """The keys of one action, checked one by one."""
    if name not in ALL_ACTIONS:
        raise InputError(f"keys: there is no action {quoted(name)}{_meant(name, ALL_ACTIONS)}")
    place = f"keys.{name!r}"
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise InputError(f'{place}: expected a list of keys such as ["n", "ctrl+n"], or []')
    for key in keys:
        try:
            if len(key) > MAX_KEY_CHARACTERS:
                raise InputError(f"{quoted(key)} is not a key")
            _check(key)
            _check_place(name, key)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
    return tuple(keys)


def _check(key: str) -> None:
    """Refuse what no terminal sends, and what is taken."""
    *_, last = key.split("+") if len(key) > 1 else [key]
    meant = ALIASES.get(last.lower(), last.lower() if last.lower() in NAMED_KEYS else "")
    if meant and len(key) > 1 and last != meant:
        raise InputError(f"{key!r} is spelt {key.removesuffix(last) + meant!r} here")
    if key == " ":
        raise InputError("' ' is spelt 'space' here")
    name = textual_key(key.lower() if key.lower() in DEAD_KEYS else key)
    if "+" in name and name.rpartition("+")[2] in NAMED_KEYS and name not in MODIFIED:
        raise InputError(f"{key!r} is not a key that terminals send")
    if name in TAKEN:
        raise InputError(f"{key!r} cannot be given away: {TAKEN[name]}")


def _check_place(name: str, key: str) -> None:
    """Refuse a character where characters are text."""
    area = name.partition(".")[0]
    if area in (*TYPING, "dialog") and (len(key) == 1 or key == "space"):
        raise InputError(f"{key!r} is text while one types; take a key such as 'f2' or 'ctrl+g'")
    if area in (*TYPING, "dialog") and key in EDITING:
        raise InputError(f"{key!r} edits the line while one types; take another one")


def keymap_lines(keymap: Keymap) -> list[str]:
    """The keys in force as a ``[keys]`` section, to start one's own from."""
    lines = ["[keys]"]
    areas = {**AREAS, **DIALOG_AREAS}
    area = ""
    for name, action in ALL_ACTIONS.items():
        if action.area != area:
            area = action.area
            lines.append(f"# {areas[area]}")
        keys = keymap.keys(name)
        words = ", ".join(f"'{key}'" if key in ('"', "\\") else f'"{key}"' for key in keys)
        lines.append(f'"{name}" = [{words}]'.ljust(44) + f" # {action.help}")
    return lines
