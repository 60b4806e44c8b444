"""What a program sends to a terminal, reduced to what draws.

A recording is played on other people's terminals. What switches modes there (mouse, keyboard
protocols, bracketed paste), asks for answers, sets titles or the clipboard has no business in
it and is left out; text, colours, cursor moves and erasing stay.
"""

from __future__ import annotations

import re
from typing import Final

_DRAWING: Final = frozenset("ABCDEFGHJKLMPSTX@`abdefmr")
"""Final characters of the CSI sequences that draw."""
_PRIVATE: Final = frozenset({"?25"})
"""Private modes that draw: the cursor shown or hidden. Not the alternate screen: when it
is left at the end, players would show nothing."""
_SEQUENCE: Final = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~])"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*(?P<escape>[0-OQ-WYZ\\`-~])"  # two-character and charset sequences
    r"|\x1b(?=[^ -~])"  # an escape that begins nothing
    r"|[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f]",  # other controls; BEL to CR are kept
    re.DOTALL,
)
_KEPT_ESCAPES: Final = frozenset("78")
"""Save and restore the cursor."""
MAX_HELD: Final = 1 << 16
"""Longest sequence that is waited for; a longer one was none."""


class DrawingFilter:
    """Takes a stream apart into sequences, across the borders of writes."""

    def __init__(self) -> None:
        self._held = ""

    def __call__(self, data: str) -> str:
        """What draws of the next part of the stream; an unfinished sequence is held back."""
        text = self._held + data
        self._held = ""
        parts: list[str] = []
        at = 0
        for found in _SEQUENCE.finditer(text):
            before = text[at : found.start()]
            if "\x1b" in before:
                break
            parts += [before, _kept(found)]
            at = found.end()
        rest = text[at:]
        cut = rest.find("\x1b")
        if cut >= 0:
            rest, self._held = rest[:cut], rest[cut:]
            if len(self._held) > MAX_HELD:
                self._held = ""
        return "".join([*parts, rest])


def _kept(found: re.Match[str]) -> str:
    """The sequence if it draws, nothing otherwise."""
    if found["escape"] is not None:
        return found[0] if found["escape"] in _KEPT_ESCAPES and len(found[0]) == 2 else ""
    final, parameters = found["final"], found["parameters"]
    if final is None:
        return ""
    if final in "hl":
        return found[0] if parameters in _PRIVATE else ""
    plain = parameters == "" or parameters[0] not in "<=>?"
    return found[0] if final in _DRAWING and plain else ""
