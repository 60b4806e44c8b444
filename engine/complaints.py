"""How the language complains: one sentence of fixed shape, safe to print anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pfnmap.engine.errors import ParseError
from pfnmap.engine.printable import printable

SHOWN_CHARACTERS = 40


def shown(text: str) -> str:
    r"""Foreign text between quotes: cut to a readable length, nothing unprintable left.

    Control characters, surrogates and invisible formatting come out as ``\x1b`` and the
    like, so a message can go to a terminal as it is.
    """
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return f'"{printable(cut)}"'


def either(words: Iterable[str], limit: int = 20) -> str:
    """``a, b or c``; at most ``limit`` words, then an ellipsis."""
    listed = list(words)
    if len(listed) > limit:
        return ", ".join(listed[:limit]) + ", …"
    if len(listed) < 2:
        return "".join(listed)
    return ", ".join(listed[:-1]) + " or " + listed[-1]


def closest(word: str, words: Iterable[str]) -> str:
    """The known word that was probably meant, empty when none is near."""
    by_folded = {known.casefold(): known for known in words}
    near = get_close_matches(word[:SHOWN_CHARACTERS].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else ""


def wrong(what: str, *, expected: str = "", meant: str = "", column: int = 1) -> ParseError:
    """The error ``what; expected …; did you mean …?`` at a column (from 1)."""
    message = what
    if expected:
        message += f"; expected {expected}"
    if meant:
        message += f"; did you mean {meant}?"
    return ParseError(message, column=column)


def choose(word: str, words: Iterable[str], what: str, column: int = 1) -> str:
    """``word`` if it is one of ``words``; otherwise the complaint about ``what``."""
    known = list(words)
    if word in known:
        return word
    raise wrong(
        f"{what} {shown(word)} is unknown" if word else f"{what} is missing",
        expected=either(known),
        meant=closest(word, known),
        column=column,
    )
