"""The words behind a verb, taken one by one; every complaint knows its column."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from pfnmap.engine.complaints import closest, either, shown, wrong
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.lexer import Token

T = TypeVar("T")


class Arguments:
    """The words and ``key=value`` pairs of one line, behind its verb.

    A verb takes what it knows; :meth:`finish` then complains about anything left over and
    can name every key that was asked for.
    """

    def __init__(
        self, verb: str, tokens: Iterable[Token], end_column: int, *, repeated: bool = False
    ) -> None:
        """``repeated``: whether a key may come more than once."""
        self.verb = verb
        self.end_column = end_column
        self._words: list[Token] = []
        self._pairs: list[Token] = []
        self._asked: list[str] = []
        for token in tokens:
            (self._pairs if token.key else self._words).append(token)
        keys = [pair.key for pair in self._pairs]
        for i, key in enumerate(keys):
            if key in keys[:i] and not repeated:
                message = f"{key}= is given twice"
                raise wrong(message, expected="each key once", column=self._pairs[i].column)

    # -- words ---------------------------------------------------------------------------
    @property
    def words(self) -> tuple[Token, ...]:
        """The words that were not taken yet."""
        return tuple(self._words)

    @property
    def next_word(self) -> Token | None:
        """The next word without taking it."""
        return self._words[0] if self._words else None

    def word(self, convert: Callable[[str], T], what: str, example: str) -> T:
        """Take the next word; ``what`` and ``example`` describe it when it is missing."""
        if not self._words:
            message = f"{self.verb} needs {what}"
            raise wrong(message, expected=f"{self.verb} {example}", column=self.end_column)
        return self._convert(self._words.pop(0), convert)

    def optional_word(self, convert: Callable[[str], T]) -> T | None:
        """Take the next word if there is one."""
        return self._convert(self._words.pop(0), convert) if self._words else None

    def keyword(self, *words: str) -> str | None:
        """Take the next word if it is one of these."""
        if self._words and not self._words[0].quoted and self._words[0].text in words:
            return self._words.pop(0).text
        return None

    def remaining_words(self, convert: Callable[[str], T]) -> tuple[T, ...]:
        """Take every word that is left."""
        taken, self._words = self._words, []
        return tuple(self._convert(token, convert) for token in taken)

    def _convert(self, token: Token, convert: Callable[[str], T]) -> T:
        try:
            return convert(token.text)
        except ParseError as error:
            raise _placed(error, token.column, token.text, quoted=token.quoted) from None

    # -- pairs ---------------------------------------------------------------------------
    def has(self, key: str) -> bool:
        """Whether ``key=`` was written and not taken yet."""
        return any(pair.key == key for pair in self._pairs)

    def column_of(self, key: str) -> int:
        """The column of ``key=``."""
        return next((p.column for p in self._pairs if p.key == key), self.end_column)

    def option(self, key: str, convert: Callable[[str], T]) -> T | None:
        """Take ``key=value``, None when it was not written."""
        self._asked.append(key)
        for i, pair in enumerate(self._pairs):
            if pair.key == key:
                del self._pairs[i]
                return self.convert_value(pair, convert)
        return None

    def required(self, key: str, convert: Callable[[str], T], example: str) -> T:
        """Take ``key=value``, which must be there."""
        if (value := self.option(key, convert)) is None:
            message = f"{self.verb} needs {key}="
            raise wrong(message, expected=f"{self.verb} {example}", column=self.end_column)
        return value

    def take_pair(self) -> Token | None:
        """Take the first pair that is left, whatever its key."""
        return self._pairs.pop(0) if self._pairs else None

    def convert_value(self, pair: Token, convert: Callable[[str], T]) -> T:
        """Read the value of a pair, such as :meth:`take_pair` gives."""
        if not pair.value and not pair.quoted:
            raise wrong(f"{pair.key}= has no value", column=pair.value_column)
        try:
            return convert(pair.value)
        except ParseError as error:
            raise _placed(error, pair.value_column, pair.value, quoted=pair.quoted) from None

    # -- the end -------------------------------------------------------------------------
    def finish(self) -> None:
        """Complain about the first word or key that nothing asked for."""
        left = sorted([*self._words, *self._pairs], key=lambda token: token.column)
        if not left:
            return
        token = left[0]
        if not token.key:
            raise wrong(
                f"{shown(token.text)} is too much for {self.verb}",
                expected=either(f"{key}=" for key in self._asked)
                if self._asked
                else "nothing more",
                column=token.column,
            )
        meant = closest(token.key, self._asked)
        raise wrong(
            f"{self.verb} has no key {shown(token.key)}",
            expected=either(f"{key}=" for key in self._asked) if self._asked else "no keys",
            meant=f"{meant}=" if meant else "",
            column=token.column,
        )


def _placed(error: ParseError, column: int, text: str, *, quoted: bool) -> ParseError:
    """The error of a value, moved to where the value stands in the line."""
    inside = min(error.column, len(text) + 1) - 1
    return ParseError(error.message, column=column + inside + (1 if quoted else 0))
