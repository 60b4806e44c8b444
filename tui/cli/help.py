"""Explain a topic, a subcommand, a verb, or a word on the screen; list the topics if none.

A name that is several of these is explained as each of them. ``help schema`` lists the
documents that have a JSON Schema, ``help schema NAME`` prints one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pfnmap.engine.commands import ALIASES
from pfnmap.engine.language.grammar import help_lines
from pfnmap.engine.printable import printable
from pfnmap.tui.cli.messages import Arguments, UsageError, emit, say
from pfnmap.tui.cli.options import parser_of
from pfnmap.tui.documents.schema import schema, schema_names
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.help.topics import COLUMNS, search, text, topics
from pfnmap.tui.keys.action_table import action_of_verb
from pfnmap.tui.say.glossary import NAMES, STATES
from pfnmap.tui.say.terms import TERMS
from pfnmap.tui.text.ascii import wrapped

_WORDS: Final = ({NAMES[state]: words for state, words in STATES.items()}, *TERMS.values())


def run(arguments: Arguments) -> int:
    """Print it; exit status 1 where a search finds nothing."""
    if arguments.search is not None:
        if arguments.names:
            raise UsageError("--search looks through all topics; name none beside it")
        return _search(arguments.search)
    match arguments.names:
        case []:
            emit(_overview())
        case ["schema"]:
            emit(schema_names())
        case ["schema", name]:
            emit([schema(name)])
        case [name]:
            emit(_explained(name))
        case names:
            raise UsageError(f"{printable(' '.join(names))}: name one thing at a time")
    return 0


def _search(words: str) -> int:
    found = list(search(words))
    emit(f"{topic}: {line}" for topic, line in found)
    if not found:
        say(f"--search {words}: no topic has a line with it")
    return 0 if found else 1


def _overview() -> Iterator[str]:
    """Every topic, and what else can be asked for."""
    yield "pfnmap help TOPIC, with TOPIC one of"
    for name, title in topics().items():
        yield f"  {name:<14} {title}"
    yield "or a subcommand, a verb of the command language, a word on the screen."
    yield "pfnmap help --search WORD finds lines; pfnmap --help lists the options."


def _explained(name: str) -> list[str]:
    """All that is known by a name, a blank line between. UsageError where nothing is."""
    parts = [
        text(name).splitlines() if name in topics() else [],
        list(_verb(name)),
        *(wrapped(words[name], COLUMNS, first=f"{name}: ") for words in _WORDS if name in words),
        parser_of(name).format_help().splitlines() if name in SUBCOMMANDS else [],
    ]
    lines = [line for part in parts if part for line in ["", *part]]
    if not lines:
        raise UsageError(
            f"{printable(name)}: no topic, subcommand, verb or word; see pfnmap help, or look "
            "for it with pfnmap help --search"
        )
    return lines[1:]


def _verb(name: str) -> Iterator[str]:
    """What ``:help VERB`` says, with the default keys."""
    for line in help_lines(name):
        yield from wrapped(line, COLUMNS)
    action = action_of_verb(ALIASES.get(name, name))
    if action is not None and action.keys:
        yield f"  keys: {' '.join(action.keys)}"
