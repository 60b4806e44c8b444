"""Themes: what every state looks like. Data files, their loader and the choice of one.

>>> from pfnmap.themes import load_theme
>>> load_theme("ascii").states[2].glyph
'v'
"""

from __future__ import annotations

from pfnmap.themes.choose import choose_theme
from pfnmap.themes.loader import load_theme, theme_files, user_directory
from pfnmap.themes.model import Interface, Look, Theme

__all__ = [
    "Interface",
    "Look",
    "Theme",
    "choose_theme",
    "load_theme",
    "theme_files",
    "user_directory",
]
