"""Themes and settings files: TOML with values of every wrong kind, and TOML that is none."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from pfnmap.engine.errors import InputError
from pfnmap.themes.loader import SHIPPED_DIRECTORY, load_theme, read_theme, theme_files
from pfnmap.tui.keys.action_table import ACTIONS
from pfnmap.tui.pictures.picture import on_page, piece
from pfnmap.tui.pictures.svg_html import to_html, to_svg
from pfnmap.tui.settings.config import keymap_lines, load_settings
from tests.fuzz.damage import any_value, damaged_bytes, damaged_value, nasty_text, toml_text
from tests.fuzz.inputs import FileOfLines

KEYS = (
    "a", "Z", "?", "+", "-", " ", "space", "ctrl+a", "ctrl+i", "ctrl+", "+a", "shift+tab",
    "shift+a", "ctrl+shift+up", "f1", "f24", "f25", "esc", "return", "PageUp", "é", "ß",
    "ctrl+é", "alt+x", "",
)  # fmt: skip
DEFAULTS = ("theme", "color", "mouse", "ascii", "colour", "")
WORDS: tuple[Any, ...] = (
    "dark",
    "light",
    "none.toml",
    "a\0.toml",
    "../x.toml",
    "256",
    "auto",
    True,
    False,
    1,
    [],
)


def document(tables: Any) -> bytes:
    """Tables as a TOML file; a value that is no table at all as a line."""
    if not isinstance(tables, dict):
        return toml_text(tables).encode("utf-8", "surrogatepass")
    lines = (f"{toml_text(key)} = {toml_text(value)}" for key, value in tables.items())
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@cache
def shipped_themes() -> tuple[bytes, ...]:
    """The theme files."""
    return tuple(path.read_bytes() for path in theme_files((SHIPPED_DIRECTORY,)).values())


class Themes(FileOfLines):
    """A theme file."""

    what = "themes"

    def make(self, rng: Random) -> bytes:
        """A shipped theme, or a small one on top of it, with other values or bytes."""
        data = rng.choice(shipped_themes())
        if rng.random() < 0.25:
            return damaged_bytes(rng, data, shipped_themes())
        tables = tomllib.loads(data.decode())
        if rng.random() < 0.5:
            tables = {
                "title": "t",
                "base": tables["name"],
                "ui": {},
                "state": {"hole": {"glyph": "x"}},
            }
        tables = damaged_value(rng, {**tables, "name": "fuzzed"})
        return document(tables)

    def use(self, item: bytes) -> str:
        """Read it, and paint with every look of it."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "fuzzed.toml"
            file.write_bytes(item)
            theme = read_theme(file)
        glyphs = "".join(look.glyph for look in theme.states)
        picture = on_page(40, [[piece(glyphs)], [piece(theme.title)]], theme)
        to_svg(picture)
        to_html(picture)
        return "works"


class Keymaps(FileOfLines):
    """A settings file with keys."""

    what = "keymaps"

    def make(self, rng: Random) -> bytes:
        """Keys and defaults of which some are right, some of a wrong kind."""
        actions = rng.sample(sorted(ACTIONS), rng.randrange(1, 4))
        keys: dict[str, Any] = {name: self._keys(rng) for name in actions}
        if rng.random() < 0.2:
            keys[nasty_text(rng)] = self._keys(rng)
        defaults = {name: rng.choice(WORDS) for name in rng.sample(DEFAULTS, rng.randrange(3))}
        tables: Any = {"keys": keys, "defaults": defaults}
        if rng.random() < 0.2:
            tables[nasty_text(rng)] = any_value(rng)
        if rng.random() < 0.3:
            tables = damaged_value(rng, tables)
        data = document(tables)
        return damaged_bytes(rng, data) if rng.random() < 0.2 else data

    @staticmethod
    def _keys(rng: Random) -> Any:
        single: Callable[[], Any] = lambda: (  # noqa: E731
            rng.choice(KEYS) if rng.random() < 0.9 else nasty_text(rng)
        )
        if rng.random() < 0.1:
            return any_value(rng, 2)
        return single() if rng.random() < 0.3 else [single() for _ in range(rng.randrange(3))]

    def use(self, item: bytes) -> str:
        """Read it, print its keys, read those, and load the theme it names."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "config.toml"
            file.write_bytes(item)
            settings = load_settings(file)
            file.write_text("\n".join(keymap_lines(settings.keys)), encoding="utf-8")
            again = load_settings(file)
        if again.keys.items() != settings.keys.items():
            raise InputError("the keys that are printed are not the keys in force")
        if settings.theme is not None:
            load_theme(settings.theme, (SHIPPED_DIRECTORY,))
        return "works"
