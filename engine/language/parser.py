"""One line of the command language into one command."""

from __future__ import annotations

from msgspec.structs import replace

from pfnmap.engine.commands import Command
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.arguments import Arguments
from pfnmap.engine.language.lexer import tokenize
from pfnmap.engine.language.registry import ALIAS_PARSERS, ALIASES, VERBS
from pfnmap.engine.language.wrong import closest, shown, wrong

SHELL_WORDS = ("echo", "grep", "cat")
"""One of them is in every line that is for the shell."""


def parse_line(text: str, *, source: str = "", line: int = 0) -> Command | None:
    """The command of a line, None for a blank line or one that is only a comment.

    Args:
        text: The line, with or without its line end.
        source: The file's name, for messages.
        line: The line's number from 1, for messages.

    Raises:
        ParseError: The line is wrong; ``str()`` is ready to show.
    """
    return parse_with_comment(text, source=source, line=line)[0]


def parse_with_comment(text: str, *, source: str = "", line: int = 0) -> tuple[Command | None, str]:
    """As :func:`parse_line`, with the comment (from ``#`` on, ``""`` without one)."""
    try:
        return _parse(text)
    except ParseError as error:
        raise error.at(source, line) from None


def _parse(text: str) -> tuple[Command | None, str]:
    if any(word in text for word in SHELL_WORDS):
        from pfnmap.engine.language import shell  # most lines are of the language's own verbs

        if shell.is_shell_line(text):
            command, comment = shell.parse_shell(text)
            return _with_text(command, shell.without_prompt(text.strip())[0], comment), comment
    tokens = tokenize(text)
    if not tokens.tokens:
        return None, tokens.comment
    first = tokens.tokens[0]
    arguments = Arguments(
        ALIASES.get(first.text, first.text),
        tokens.tokens[1:],
        tokens.end_column,
        repeated=first.text == "compare",
    )
    command = _parse_verb(first.text, first.column, arguments)
    return _with_text(command, text.strip(), tokens.comment), tokens.comment


def _with_text(command: Command, written: str, comment: str) -> Command:
    """The command with its line as written, without the comment."""
    return replace(command, text=written[: -len(comment)].rstrip() if comment else written)


def _parse_verb(name: str, column: int, arguments: Arguments) -> Command:
    parse = ALIAS_PARSERS.get(name)
    if parse is None:
        verb = VERBS.get(ALIASES.get(name, name))
        if verb is None or verb.parse is None:
            raise _unknown(name, column)
        parse = verb.parse
    return parse(arguments)


def _unknown(name: str, column: int) -> ParseError:
    if name[:1] == ">":
        return wrong("the line is quoted from a mail", expected="the line without >", column=column)
    meant = closest(name, (*VERBS, *ALIASES))
    return wrong(
        f"there is no verb {shown(name)}",
        expected="" if meant else "a verb such as add, online, offline or remove (see help)",
        meant=meant,
        column=column,
    )
