r"""Foreign text made fit for a terminal: the one place where it is made so.

Names of files, words of a kernel and lines of a scenario may hold anything. What is not
printable (controls, bidirectional and other invisible formatting, line separators, private,
unassigned and surrogate code points) never leaves the program as it is: :func:`printable` shows
it as an escape, :func:`masked` keeps the number of characters.
"""

from __future__ import annotations

from typing import Final

LIKENESS: Final = {
    "→": "->",
    "←": "<-",
    "↑": "^",
    "↓": "v",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "·": ".",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "▸": ">",
    "▾": "v",
    "•": "*",
    "│": "|",
    "─": "-",
    "└": "`",
    "├": "|",
    "█": "#",
    "\t": " ",
    "\u00a0": " ",
}
"""What stands for the signs of this program's own words where there is nothing but ASCII."""


def _fit(character: str, ascii_only: bool) -> bool:
    return character.isprintable() and (character.isascii() or not ascii_only)


def printable(text: str, *, ascii_only: bool = False) -> str:
    r"""The text with everything that is not printable as ``\x1b``, ``\u202e`` and the like."""
    if _fit(text, ascii_only):
        return text
    return "".join(
        c if _fit(c, ascii_only) else c.encode("unicode_escape").decode("ascii") for c in text
    )


def masked(text: str, *, ascii_only: bool = False) -> str:
    """The text with ``?`` for everything that is not printable, a blank for a blank of any kind."""
    if _fit(text, ascii_only):
        return text
    return "".join(c if _fit(c, ascii_only) else " " if c.isspace() else "?" for c in text)
