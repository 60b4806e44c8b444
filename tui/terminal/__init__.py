"""The terminal itself: what it can do, its signals, a line before there is a screen."""

from typing import Final

COLOUR_SYSTEMS: Final = ("truecolor", "256", "16", "none")
"""What a terminal can show, best first; also the words of ``--color`` beside ``auto``."""
