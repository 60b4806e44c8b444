"""Text made fit for a terminal line: safe, of known width, and numbers people can read."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from pfnmap.engine.printable import LIKENESS, masked
from pfnmap.engine.sizes import human_size

MAX_WRAPPED = 4000
"""Characters of one text that are broken into lines; what is cut is counted."""


_LIKENESS = str.maketrans({**LIKENESS, "…": "~"})


def safe(text: str, *, ascii_only: bool = False) -> str:
    """Text without a character that a terminal might obey (:func:`masked`).

    With ``ascii_only`` common signs get an ASCII likeness, and the rest is masked, too.
    """
    return masked(text.translate(_LIKENESS) if ascii_only else text, ascii_only=ascii_only)


def cell_width(text: str) -> int:
    """Cells a text takes on the screen."""
    # Most texts are plain, and the general answer costs several times as much.
    return len(text) if text.isascii() and text.isprintable() else cell_len(text)


def fitted(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Text cut to a width, with a sign that something is missing."""
    if cell_width(text) <= width:
        return text
    if width <= 0:
        return ""
    sign = "~" if ascii_only else "…"
    return set_cell_size(text, width - 1).rstrip() + sign


def wrapped(text: str, width: int) -> list[str]:
    """Text broken into lines at blanks; a word longer than a line is cut into pieces.

    Of a text longer than :data:`MAX_WRAPPED` only the beginning is given.
    """
    if (rest := len(text) - MAX_WRAPPED) > 0:
        text = f"{text[:MAX_WRAPPED]} [{rest} more characters]"
    lines: list[str] = []
    if width > 0 and text.isascii() and text.isprintable():  # most are, and need no measuring
        text = " ".join(text.split())
        while len(text) > width:
            end = text.rfind(" ", 0, width + 1)
            lines.append(text[: end if end > 0 else width])
            text = text[end + 1 if end > 0 else width :]
        return [*lines, text] if text or not lines else lines
    current = ""
    for word in text.split():
        while cell_width(word) > width > 0:
            if current:
                lines.append(current)
                current = ""
            lines.append(word[:width])
            word = word[width:]
        joined = f"{current} {word}" if current else word
        if cell_width(joined) <= width:
            current = joined
        else:
            lines.append(current)
            current = word
    if current:
        lines.append(current)
    return lines or [""]


def size_spelt(size_bytes: int) -> str:
    """A size for reading: ``2 MiB``, and ``3.5 GiB`` where it is not whole."""
    size = human_size(size_bytes)
    return f"{size[:-1]} {size[-1]}iB".replace("BiB", "B")


def pfn_words(pfn: int) -> str:
    """A page frame number as the kernel prints it in messages."""
    return f"{pfn:#x}"
