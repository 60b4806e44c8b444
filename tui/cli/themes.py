"""List the themes, or show what one looks like.

Themes of your own are files NAME.toml in the directory that 'pfnmap config' prints.
"""

from __future__ import annotations

import sys

from pfnmap.engine.errors import InputError
from pfnmap.engine.printable import printable
from pfnmap.themes import Look, load_theme, theme_files
from pfnmap.themes.model import BLOCK_KEYS, STATE_KEYS
from pfnmap.tui.cli.messages import Arguments, emit


def run(arguments: Arguments) -> int:
    """Print a line for each theme, or for each thing a theme draws."""
    if arguments.name is not None:
        emit(map(_encodable, _looks(arguments.name)))
        return 0
    status = 0
    for name in theme_files():
        try:
            emit([f"{name:<14} {_encodable(load_theme(name).title)}"])
        except InputError as error:
            print(f"{name:<14} not usable: {printable(str(error))}")
            status = 1
    return status


def _looks(name: str) -> list[str]:
    """Glyph, colours and name of everything in a theme."""

    def line(section: str, key: str, look: Look) -> str:
        attributes = " ".join(sorted(look.attributes))
        named = f"{section} {key}"
        return f"{look.glyph or ' '}  {named:<26} {look.fg} on {look.bg} {attributes}".rstrip()

    theme = load_theme(name)
    marks = {"cursor": theme.cursor, "selection": theme.selection, "change": theme.change}
    return [
        f"{theme.name}: {theme.title}",
        *(line("state", key, look) for key, look in zip(STATE_KEYS, theme.states, strict=True)),
        *(line("block", key, look) for key, look in zip(BLOCK_KEYS, theme.blocks, strict=True)),
        *(line("mark", key, look) for key, look in marks.items()),
    ]


def _encodable(text: str) -> str:
    """Text as standard output's encoding can hold it."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)
