"""Words for plain text: pure ASCII, known width, nothing a terminal or mailer could obey."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pfnmap.engine.printable import LIKENESS, printable

MAX_TEXT: Final = 2000
"""Longest text from outside that is written out; what is cut is counted."""

_LIKENESS: Final = str.maketrans(LIKENESS)


def plain(text: str) -> str:
    r"""Text in printable ASCII: signs get a likeness, all other characters an escape like ``\x1b``.

    Longer text than :data:`MAX_TEXT` is cut, and says by how much.
    """
    rest = len(text) - MAX_TEXT
    text = printable(text[:MAX_TEXT].translate(_LIKENESS), ascii_only=True)
    return f"{text} [{rest} more characters]" if rest > 0 else text


def wrapped(text: str, width: int, *, first: str = "", indent: str = "    ") -> list[str]:
    """``first`` and the text in lines of at most ``width``, later lines indented.

    Breaks at blanks; a word longer than a line is cut into pieces.
    """
    lines: list[str] = []
    line = first + plain(text)
    room = max(width, len(indent) + 8)
    while len(line) > room:
        cut = line.rfind(" ", len(indent) + 1, room + 1)
        cut = cut if cut > 0 else room
        lines.append(line[:cut].rstrip())
        line = indent + line[cut:].lstrip()
    lines.append(line.rstrip())
    return lines


def span(first: int, last: int) -> str:
    """Block ids as sysfs and lsmem users write them: ``34`` or ``34-41``."""
    return f"{first}" if first == last else f"{first}-{last}"


def section(title: str, lines: Iterable[str]) -> list[str]:
    """A blank line, the title, and the lines; nothing when there are no lines."""
    body = list(lines)
    return ["", title, *body] if body else []
