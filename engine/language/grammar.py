"""The grammar of the language's own verbs: a line's words into a command, and back.

What stands in a line follows from how its verb is declared (``pfnmap.engine.commands``); the
few verbs that have more to say than words and keys are in ``pfnmap.engine.language.special``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pfnmap.engine import commands as c
from pfnmap.engine.complaints import closest, shown, wrong
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.arguments import Arguments
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.language.lexer import tokenize
from pfnmap.engine.language.special import CHECKS, PRINTERS, READERS

_VERB_OF = {verb.command: verb for verb in c.VERBS.values()}


def parse(text: str) -> tuple[c.Command | None, str]:
    """The command of a line that is not for the shell, and its comment; ParseError."""
    tokens = tokenize(text)
    if not tokens.tokens:
        return None, tokens.comment
    first = tokens.tokens[0]
    verb = c.VERBS.get(c.ALIASES.get(first.text, first.text))
    if verb is None or verb.name in c.SHELL_WORDS:
        raise _unknown(first.text, first.column)
    arguments = Arguments(
        verb.name, tokens.tokens[1:], tokens.end_column, repeated=verb.name == "compare"
    )
    return _read(verb, arguments, c.ALIAS_FIELDS.get(first.text, {})), tokens.comment


def _unknown(name: str, column: int) -> ParseError:
    if name[:1] == ">":
        return wrong("the line is quoted from a mail", expected="the line without >", column=column)
    meant = closest(name, (*c.VERBS, *c.ALIASES))
    return wrong(
        f"there is no verb {shown(name)}",
        expected="" if meant else "a verb such as add, online, offline or remove (see help)",
        meant=meant,
        column=column,
    )


def _read(verb: c.Verb, arguments: Arguments, fixed: Mapping[str, object]) -> c.Command:
    """The command of a line's arguments; ``fixed``: fields that the verb itself settles."""
    if verb.name in READERS:
        return READERS[verb.name](arguments)
    if verb.name in CHECKS:
        CHECKS[verb.name](arguments)
    _refuse_both(verb, arguments)
    values: dict[str, object] = dict(fixed)
    said: list[object] = []
    for word in verb.words:
        if word.field in fixed or (word.instead and arguments.has(word.instead)):
            continue
        value = _word(word, arguments, values)
        if value is not None:
            said.append(value)
            values[word.field] = value
    pairs: dict[str, object] = {}
    for key in verb.keys:
        value = (
            arguments.required(key.key, key.kind.parse, key.example)
            if key.example
            else arguments.option(key.key, key.kind.parse)
        )
        if value is not None:
            pairs[key.key] = values[key.field or key.key] = value
    arguments.finish()
    if verb.command is c.Interactive:
        words = tuple(str(word) for word in said)
        return c.Interactive(verb.name, words, tuple((k, str(v)) for k, v in pairs.items()))
    values.pop("", None)
    return verb.command(**values)  # type: ignore[arg-type]


def _refuse_both(verb: c.Verb, arguments: Arguments) -> None:
    """Complain where two things are written of which only one may be."""
    for word in verb.words:
        if word.instead and arguments.has(word.instead) and (extra := arguments.next_word):
            message = f"{verb.name} has both blocks ({shown(extra.text)}) and {word.instead}="
            raise wrong(message, expected="one of the two", column=extra.column)
    for key in verb.keys:
        if key.instead and arguments.has(key.key) and arguments.has(key.instead):
            raise wrong(
                f"{verb.name} has both {key.key}= and {key.instead}=",
                expected="one of the two",
                column=max(arguments.column_of(key.key), arguments.column_of(key.instead)),
            )


def _word(word: c.Word, arguments: Arguments, values: Mapping[str, object]) -> object:
    if word.optional:
        return arguments.optional_word(word.kind.parse)
    if word.many and arguments.next_word is not None:
        return arguments.remaining_words(word.kind.parse)
    return arguments.word(word.kind.parse, word.needs, word.example.format(**values))


# -- back into lines -----------------------------------------------------------------------
def format_command(command: c.Command) -> str:
    """The command's line in normal form: what ``pfnmap fmt``, journals and files hold."""
    if (own := PRINTERS.get(type(command))) is not None:
        return own(command)
    verb = _VERB_OF[type(command)]
    names, defaults = command.__struct_fields__[::-1], command.__struct_defaults__[::-1]
    usual = dict(zip(names, defaults, strict=False))
    parts = [verb.name]
    for word in verb.words:
        value: Any = getattr(command, word.field) if word.field else word.kind.placeholder
        parts += [word.kind.format(each) for each in (value if word.many else (value,))]
    for key in verb.keys:
        name = key.field or key.key
        if (value := getattr(command, name)) not in (None, usual.get(name)):
            parts.append(f"{key.key}={key.kind.format(value)}")
    return " ".join(part for part in parts if part)


# -- help ----------------------------------------------------------------------------------
def help_lines(name: str = "") -> list[str]:
    """Help as plain lines: all verbs by kind, or everything about one.

    An unknown name gives no lines.
    """
    name = c.ALIASES.get(name, name)
    if name:
        return _help_on(c.VERBS[name]) if name in c.VERBS else []
    lines: list[str] = []
    for kind in c.Kind:
        lines += ["", kind.value] if lines else [kind.value]
        verbs = (verb for verb in c.VERBS.values() if verb.kind is kind)
        lines += [f"  {verb.name:<13}{verb.help}" for verb in verbs]
    return lines


def _help_on(verb: c.Verb) -> list[str]:
    lines = [verb.usage, f"  {verb.help}", f"  example: {verb.example}"]
    if verb.name == "expect":
        for row in EXPECTATIONS.values():
            lines += [f"  expect {row.synopsis}", f"    {row.help}"]
    return lines
