"""Errors a person can cause: one sentence, with the place and the remedy."""

from __future__ import annotations


class PfnmapError(Exception):
    """Base of every error that is the caller's to mend; ``str()`` is ready to show.

    The command line prints it as one line and exits with status 2.
    """


class ParseError(PfnmapError):
    """A line of the command language that is wrong.

    ``str()`` is ``SOURCE:LINE:COL: what is wrong; expected …; did you mean …?``;
    column counts from 1.
    """

    def __init__(self, message: str, *, source: str = "", line: int = 0, column: int = 1) -> None:
        self.message = message
        self.source = source
        self.line = line
        self.column = column
        super().__init__(str(self))

    def __str__(self) -> str:
        place = ":".join(
            part for part in (self.source, str(self.line or ""), str(self.column)) if part
        )
        return f"{place}: {self.message}" if self.source or self.line else self.message

    def at(self, source: str, line: int) -> ParseError:
        """The same error placed in a file."""
        return ParseError(self.message, source=source, line=line, column=self.column)


class InputError(PfnmapError):
    """A file, directory or value from outside that cannot be used."""


MAX_QUOTED_CHARACTERS = 60


def quoted(value: object) -> str:
    """A value from outside, for a message: in one line, nothing unprintable, and not endless."""
    text = repr(value)
    if len(text) <= MAX_QUOTED_CHARACTERS:
        return text
    return f"{text[: MAX_QUOTED_CHARACTERS - 1]}…"
