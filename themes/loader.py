"""Theme files: finding, reading, checking.

A theme is a TOML file ``NAME.toml`` in the user's config directory or among the shipped
ones; the user's come first. ``base = "dark"`` takes everything the file does not say from a
shipped theme. With ``colours = "none"`` every colour is the terminal's own and the file gives none.
Anything wrong is one sentence naming the file and the key (:class:`InputError`), with the
choices there are or the key that was meant: that is why the tables are not decoded as a type.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import platformdirs

from pfnmap.engine.errors import MAX_QUOTED_CHARACTERS, InputError, quoted
from pfnmap.engine.whole_file import read_regular
from pfnmap.themes.model import (
    ANSI_COLOURS,
    ATTRIBUTES,
    BLOCK_KEYS,
    BORDERS,
    COLOUR_KINDS,
    DEFAULT_COLOUR,
    INTERFACE_KEYS,
    MARK_KEYS,
    PARTIAL_STEPS,
    STATE_KEYS,
    Interface,
    Look,
    Theme,
)

SHIPPED_DIRECTORY: Final = Path(__file__).resolve().parent
"""The themes that come with the program: beside this module in a checkout and in a wheel."""

MAX_FILE_BYTES: Final = 1 << 16
MAX_BASES: Final = 8
_RGB = r"#[0-9a-fA-F]{6}\Z"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z"
_SECTIONS: Mapping[str, Sequence[str]] = {
    "state": STATE_KEYS,
    "block": BLOCK_KEYS,
    "mark": MARK_KEYS,
}
_TOP_KEYS = ("name", "title", "base", "colours", "dark", "borders", "partials", *_SECTIONS, "ui")
_LOOK_KEYS = ("glyph", "fg", "bg", "attributes")

_Table = dict[str, Any]


def user_directory() -> Path:
    """Where the user's own themes are looked for (it need not exist)."""
    return platformdirs.user_config_path("pfnmap", appauthor=False) / "themes"


def theme_files(directories: Sequence[Path] | None = None) -> dict[str, Path]:
    """The themes there are, name to file; of two with one name the first directory's counts.

    ``directories`` defaults to the user's and the shipped ones, in this order.
    """
    found: dict[str, Path] = {}
    for directory in _directories() if directories is None else directories:
        try:
            files = sorted(directory.glob("*.toml"))
        except OSError:
            continue
        for file in files:
            if re.match(_NAME, file.stem):
                found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def _directories() -> tuple[Path, ...]:
    return user_directory(), SHIPPED_DIRECTORY


def load_theme(name: str, directories: Sequence[Path] | None = None) -> Theme:
    """Load one theme by name, or from a file when ``name`` ends in ``.toml``."""
    if name.endswith(".toml"):
        return read_theme(Path(name))
    file = _theme_file(name, _directories() if directories is None else directories)
    if file is None:
        known = ", ".join(theme_files(directories))
        raise InputError(f"theme {quoted(name)}: no such theme; there are {known}")
    return read_theme(file)


def _theme_file(name: str, directories: Sequence[Path]) -> Path | None:
    """The file of a theme, in the first directory that has one; None where none has."""
    files = (directory / f"{name}.toml" for directory in directories)
    return next(filter(os.path.lexists, files), None) if re.match(_NAME, name) else None


def read_theme(file: Path) -> Theme:
    """Read and check one theme file."""
    return _Reader(file).theme(_tables(file))


def _read(file: Path) -> _Table:
    """The file as TOML, unchecked but for its size and syntax."""
    try:
        raw = read_regular(file, MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = getattr(error, "strerror", None) or error
        place = file if str(file).isprintable() else quoted(str(file))
        raise InputError(f"{place}: cannot read the theme: {reason}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(f"{file}: larger than {MAX_FILE_BYTES >> 10} KiB, not a theme file")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError(f"{file}: not UTF-8 text; a theme is a TOML file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a TOML file: {error}") from None


def _tables(file: Path) -> _Table:
    """The file's tables laid over those of its bases, each file's keys checked on its own."""
    table = _read(file)
    reader = _Reader(file)
    reader.check_keys(table)
    top = table
    for _ in range(MAX_BASES):
        base = top.get("base")
        if base is None:
            return table
        shipped = (SHIPPED_DIRECTORY,)
        below = _theme_file(base, shipped) if isinstance(base, str) else None
        if below is None:
            known = list(theme_files(shipped))
            raise reader.wrong("base", f"{quoted(base)} is not a shipped theme", known)
        top = _read(below)
        table = _laid_over(top, table)
    raise reader.wrong("base", "the chain of bases never ends", [])


def _laid_over(base: _Table, table: _Table) -> _Table:
    """``table`` over ``base``, key by key; tables are merged, values replaced."""
    merged = dict(base)
    for key, value in table.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = _laid_over(below, value)
        merged[key] = value
    return merged


class _Reader:
    """Turns the tables of one file into a :class:`Theme`, naming the file in every error."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.colours = ""

    def wrong(self, key: str, what: str, choices: Sequence[str] = ()) -> InputError:
        hint = f"; one of {', '.join(choices)}" if choices else ""
        return InputError(f"{self.file}: {key}: {what}{hint}")

    def check_keys(self, table: _Table) -> None:
        """Refuse keys nobody reads: a misspelt key must not pass in silence."""
        self._known("", table, _TOP_KEYS)
        for section, keys in _SECTIONS.items():
            entries = self._table(table, section)
            self._known(f"{section}.", entries, keys)
            for key, entry in entries.items():
                place = f"{section}.{key}"
                if not isinstance(entry, dict):
                    raise self.wrong(place, 'must be { glyph = "…", fg = "…", bg = "…" }')
                self._known(f"{place}.", entry, _LOOK_KEYS)
                if table.get("colours") == "none" and ("fg" in entry or "bg" in entry):
                    raise self.wrong(place, 'a theme with colours = "none" gives no fg or bg')
        self._known("ui.", self._table(table, "ui"), INTERFACE_KEYS)

    def theme(self, table: _Table) -> Theme:
        """The theme; every key is there and valid, or InputError."""
        self.colours = self._choice(table, "colours", COLOUR_KINDS)
        sections = {name: self._table(table, name) for name in _SECTIONS}
        states = tuple(self._look("state", key, sections["state"].get(key)) for key in STATE_KEYS)
        marks = [self._mark(key, sections["mark"].get(key)) for key in MARK_KEYS]
        ui = self._table(table, "ui")
        return Theme(
            name=self._name(table),
            title=self._string(table, "title"),
            colours=self.colours,
            dark=self._boolean(table, "dark"),
            borders=self._choice(table, "borders", BORDERS),
            partials=self._partials(table),
            states=states,
            blocks=tuple(
                self._look("block", key, sections["block"].get(key)) for key in BLOCK_KEYS
            ),
            cursor=marks[0],
            selection=marks[1],
            change=marks[2],
            ui=Interface(*(self._colour(f"ui.{key}", ui.get(key)) for key in INTERFACE_KEYS)),
        )

    # -- parts --------------------------------------------------------------------------
    def _look(self, section: str, key: str, entry: _Table | None) -> Look:
        place = f"{section}.{key}"
        if entry is None:
            raise self.wrong(place, "is missing")
        return Look(
            self._glyph(f"{place}.glyph", entry.get("glyph")),
            self._colour(f"{place}.fg", entry.get("fg")),
            self._colour(f"{place}.bg", entry.get("bg")),
            self._attributes(f"{place}.attributes", entry.get("attributes", [])),
        )

    def _mark(self, key: str, entry: _Table | None) -> Look:
        """A mark may have an empty glyph: the cell keeps its own."""
        if entry is None:
            raise self.wrong(f"mark.{key}", "is missing")
        bare = entry.get("glyph", "") == ""
        look = self._look("mark", key, {**entry, "glyph": " "} if bare else entry)
        return Look("", look.fg, look.bg, look.attributes) if bare else look

    def _partials(self, table: _Table) -> tuple[str, ...]:
        value = table.get("partials")
        if not isinstance(value, list) or len(value) not in (0, PARTIAL_STEPS):
            raise self.wrong(
                "partials",
                f"must be a list of {PARTIAL_STEPS} glyphs, or empty when there are none",
            )
        return tuple(self._glyph(f"partials[{i}]", glyph) for i, glyph in enumerate(value))

    # -- values -------------------------------------------------------------------------
    def _glyph(self, place: str, value: object) -> str:
        if not isinstance(value, str):
            raise self.wrong(place, "is missing" if value is None else "must be a string")
        if not is_one_column(value):
            raise self.wrong(place, f"{quoted(value)} is not one printable character of one column")
        return value

    def _colour(self, place: str, value: object) -> str:
        if self.colours == "none":
            return DEFAULT_COLOUR
        if value is None:
            raise self.wrong(place, "is missing")
        if self.colours == "rgb":
            if isinstance(value, str) and re.match(_RGB, value):
                return value.lower()
            raise self.wrong(place, f"{quoted(value)} is not a colour; write it as #rrggbb")
        if isinstance(value, str) and value in (*ANSI_COLOURS, DEFAULT_COLOUR):
            return value
        choices = (*ANSI_COLOURS, DEFAULT_COLOUR)
        raise self.wrong(place, f"{quoted(value)} is not a colour of 16", choices)

    def _attributes(self, place: str, value: object) -> frozenset[str]:
        if isinstance(value, list) and all(word in ATTRIBUTES for word in value):
            return frozenset(value)
        raise self.wrong(place, f"must be a list of {', '.join(ATTRIBUTES)}")

    def _name(self, table: _Table) -> str:
        value = self._string(table, "name")
        if value != self.file.stem:
            raise self.wrong(
                "name", f"{quoted(value)} must be the file's own name, {self.file.stem!r}"
            )
        return value

    def _string(self, table: _Table, key: str) -> str:
        value = table.get(key)
        if isinstance(value, str) and value and value.isprintable() and len(value) <= 80:
            return value
        raise self.wrong(key, "must be a printable string of 1 to 80 characters")

    def _boolean(self, table: _Table, key: str) -> bool:
        value = table.get(key)
        if isinstance(value, bool):
            return value
        raise self.wrong(key, "must be true or false")

    def _choice(self, table: _Table, key: str, choices: Sequence[str]) -> str:
        value = table.get(key)
        if isinstance(value, str) and value in choices:
            return value
        problem = "is missing" if value is None else f"{quoted(value)} is not known"
        raise self.wrong(key, problem, choices)

    def _table(self, table: _Table, key: str) -> _Table:
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        raise self.wrong(key, f"must be a table, [{key}]")

    def _known(self, prefix: str, table: _Table, keys: Sequence[str]) -> None:
        for key in table:
            if key not in keys:
                close = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean {prefix}{close[0]}?" if close else f"one of {', '.join(keys)}"
                short = key.isprintable() and len(key) <= MAX_QUOTED_CHARACTERS
                place = prefix + (key if short else quoted(key))
                raise self.wrong(place, f"no such key; {hint}")


def is_one_column(text: str) -> bool:
    """Whether ``text`` is one character that every terminal draws in exactly one column.

    Wide, combining, control, format (bidi, joiners), private and surrogate characters are not.
    """
    if len(text) != 1 or unicodedata.combining(text):
        return False
    if unicodedata.east_asian_width(text) in ("W", "F"):
        return False
    return text == " " or unicodedata.category(text)[0] in "LNPS"
