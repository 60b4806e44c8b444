r"""Lines into tokens that know their column.

A line is words separated by blanks. ``"…"`` quotes blanks and ``#``; inside, ``\"`` and
``\\`` stand for the character itself. ``#`` outside quotes starts a comment. A word of the
form ``key=value`` is split at its first ``=``.
"""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from pfnmap.engine.complaints import shown, wrong

MAX_LINE_CHARACTERS = 64 * 1024

_FORBIDDEN = (
    "[\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 (but tab), DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # text direction: hides what is written
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # line separators, byte order mark, annotations
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"  # surrogates and non-characters
)
_BLANKS = re.compile("[ \t]+")
_PLAIN = re.compile('[^ \t"#]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_BROKEN_QUOTE = re.compile(r'"(?:[^"\\]|\\["\\])*')
_ESCAPE = re.compile(r'\\(["\\])')
_KEY = re.compile("([A-Za-z_][A-Za-z0-9_-]*)=")
_TYPOGRAPHIC = {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2013": "-", "\u2212": "-"}
"""What word processors and mail clients make of quotes and hyphens."""


class Token(Struct, frozen=True):
    """One word. Columns count characters from 1; ``text`` has quotes and escapes undone."""

    text: str
    column: int
    quoted: bool = False
    key: str = ""
    """The part before ``=`` of a ``key=value`` word, empty for any other word."""
    value: str = ""
    value_column: int = 0


class Line(Struct, frozen=True):
    """A line taken apart."""

    tokens: tuple[Token, ...]
    comment: str = ""
    """From ``#`` to the end without trailing blanks, empty when there is none."""
    end_column: int = 1
    """The column behind the last token, where something missing would be."""


def clean(text: str) -> str:
    """The line without its line end; ParseError for what no line may contain."""
    line = text.removesuffix("\n").removesuffix("\r")
    if len(line) > MAX_LINE_CHARACTERS:
        raise wrong(
            f"the line has {len(line)} characters",
            expected=f"at most {MAX_LINE_CHARACTERS}",
            column=MAX_LINE_CHARACTERS + 1,
        )
    # None of them is printable, so that for most lines the pattern need not even be compiled.
    if not line.isprintable() and (bad := re.search(_FORBIDDEN, line)):
        raise wrong(
            f"the character U+{ord(bad[0]):04X} ({_character_name(bad[0])}) is not allowed "
            "in a line",
            column=bad.start() + 1,
        )
    return line


def _character_name(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return "not valid UTF-8"
    return unicodedata.name(character, "a control character").lower()


def tokenize(text: str) -> Line:
    """Split one line into tokens and its comment; ParseError with the column otherwise."""
    line = clean(text)
    tokens: list[Token] = []
    at, end_column = 0, 1
    while at < len(line):
        if blanks := _BLANKS.match(line, at):
            at = blanks.end()
        elif line[at] == "#":
            return Line(tuple(tokens), line[at:].rstrip(), end_column)
        else:
            token, at = _word(line, at)
            tokens.append(token)
            end_column = at + 1
    return Line(tuple(tokens), "", end_column)


def _word(line: str, start: int) -> tuple[Token, int]:
    """The word that begins at index ``start``, and the index behind it."""
    at, pieces, quoted = start, [], False
    while at < len(line) and line[at] not in " \t#":
        if line[at] == '"':
            pieces.append(_quoted(line, at))
            quoted = True
            at = _QUOTED.match(line, at).end()  # type: ignore[union-attr]  # _quoted checked
            continue
        plain = _PLAIN.match(line, at)
        assert plain is not None  # anything else is handled above
        if not plain[0].isascii():
            _refuse_typography(plain[0], at)
        pieces.append(plain[0])
        at = plain.end()
    text = "".join(pieces)
    if (key := _KEY.match(line, start)) is None:
        return Token(text, start + 1, quoted), at
    value = text[key.end() - start :]
    return Token(text, start + 1, quoted, key[1], value, key.end() + 1), at


def _quoted(line: str, start: int) -> str:
    """The text between the quotes that open at index ``start``."""
    if whole := _QUOTED.match(line, start):
        return _ESCAPE.sub(r"\1", whole[1])
    broken = _BROKEN_QUOTE.match(line, start)
    assert broken is not None  # it starts with a quote
    at = broken.end()
    if at < len(line):  # stopped at a backslash
        raise wrong(
            f"{shown(line[at : at + 2])} is no escape", expected='\\" or \\\\', column=at + 1
        )
    raise wrong("the quotes are not closed", expected='a second "', column=start + 1)


def _refuse_typography(plain: str, start: int) -> None:
    """Blanks and quotes that only look like the plain ones: say so, where they stand."""
    for offset, character in enumerate(plain):
        ordinary = " " if character.isspace() else _TYPOGRAPHIC.get(character, "")
        if ordinary:
            raise wrong(
                f"the character U+{ord(character):04X} ({_character_name(character)}) is not "
                "a plain one",
                expected="an ordinary space" if ordinary == " " else f"an ordinary {ordinary}",
                column=start + offset + 1,
            )
