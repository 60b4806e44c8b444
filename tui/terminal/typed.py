"""What a terminal sends, cut into keys, reports of the mouse and pastes.

Textual's parser takes what follows Escape within a tenth of a second for a part of one sequence,
up to 32 characters: a line typed ahead behind Escape is lost, or comes out as other keys. No key
here is one with alt, so what follows Escape belongs to it only where a sequence can go on so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from textual._xterm_parser import XTermParser
from textual.events import Key, Paste
from textual.message import Message

ESCAPE: Final = "\x1b"
PASTED: Final = "\x1b[200~"
PASTED_END: Final = "\x1b[201~"
_SEQUENCE: Final = r"(?s)\x1b\[M...|\x1b\[\[[A-E]|\x1b\[(?!M|\[|200~)[0-?]*[ -/]*[@-~]|\x1bO[ -~]"
"""The mouse of X10, keys of the Linux console, CSI, SS3."""
_BEGUN: Final = r"(?s)\x1b(O|\[(M.{0,2}|\[|[0-?]*[ -/]*)?)?\Z"
"""What more may make a sequence of."""


class Typed:
    """Takes text as it comes; gives events as soon as each is whole."""

    def __init__(self) -> None:
        self._parser = XTermParser()
        self._rest = ""

    @property
    def unfinished(self) -> bool:
        """Whether what came last may be the beginning of a sequence, or Escape."""
        return bool(self._rest) and not self._rest.startswith(PASTED)

    def feed(self, text: str) -> Iterator[Message]:
        """The events of what has come, in order."""
        text, self._rest = self._rest + text, ""
        while text:
            place = text.find(ESCAPE)
            if place:
                plain, text = (text, "") if place < 0 else (text[:place], text[place:])
                # Before the terminal was taken it made a new line of every Enter.
                yield from self._parser.feed(plain.replace("\n", "\r"))
            elif text.startswith(PASTED):
                pasted, ended, text = text[len(PASTED) :].partition(PASTED_END)
                if ended:
                    yield Paste(pasted.replace("\x00", ""))
                else:
                    self._rest = PASTED + pasted
            elif found := re.match(_SEQUENCE, text):
                text = text[found.end() :]
                yield from self._sequence(found.group())
            elif re.match(_BEGUN, text):
                self._rest, text = text, ""
            else:
                text = text[1:]
                yield Key("escape", ESCAPE)

    def over(self) -> Iterator[Message]:
        """Nothing has followed: what may have been the beginning of a sequence is keys."""
        if self.unfinished:
            rest, self._rest = self._rest, ""
            yield Key("escape", ESCAPE)
            yield from self.feed(rest[1:])

    def _sequence(self, text: str) -> Iterator[Message]:
        try:
            yield from self._parser.feed(text)
            known = self._parser._awaiting.timeout is None
        except (ValueError, OverflowError):  # numbers that are none, or stand for no character
            known = False
        if not known:  # left alone it would take what is typed next for the rest
            self._parser._gen = self._parser.parse(self._parser._tokens.append)
            self._parser._awaiting = next(self._parser._gen)
