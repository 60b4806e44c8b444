"""The topics of ``pfnmap help``: text files, with tables made from the program as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from pfnmap.engine.commands import VERBS, StartMachine
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import PageState
from pfnmap.engine.language.lines import parse_line, parse_lines
from pfnmap.engine.profile import PROFILES, RULE_VALUES, SWITCHES
from pfnmap.engine.session import Session
from pfnmap.engine.sysroot.dumps import SHELL_LINE
from pfnmap.tui.figure.steps import Steps
from pfnmap.tui.help.subcommands import SUBCOMMANDS
from pfnmap.tui.keys.action_table import ALL_ACTIONS, AREAS, DIALOG_AREAS
from pfnmap.tui.say.glossary import NAMES, STATES
from pfnmap.tui.say.terms import TERMS
from pfnmap.tui.text.ascii import plain, wrapped
from pfnmap.tui.text.frame import render_text

COLUMNS: Final = 80
"""No line of a topic is longer, but those that are to be pasted."""

FRAME: Final = (
    "machine ram=1G memmap_on_memory=Y",
    "add dimm0 256M",
    "online dimm0[1] movable",
)
"""What ``pfnmap show`` is told in the topic ``frame``."""

_PART: Final = re.compile(r"^\{(\w+)\}$", re.MULTILINE)


class Found(NamedTuple):
    """A line of a topic."""

    topic: str
    line: str


@cache
def topics() -> Mapping[str, str]:
    """Every topic's name and title, by name."""
    files = sorted(Path(__file__).parent.glob("*.md"))
    return {file.stem: _read(file.stem).partition("\n")[0].removeprefix("# ") for file in files}


@cache
def text(topic: str) -> str:
    """A topic, its tables filled in: lines of at most :data:`COLUMNS` ASCII characters.

    Headings begin with ``#``, what is to be typed or compared is indented.

    Raises:
        InputError: There is no such topic.
    """
    if topic not in topics():
        raise InputError(f"{plain(topic)}: no topic; see pfnmap help")
    return _PART.sub(lambda part: "\n".join(PARTS[part[1]]()).strip("\n"), _read(topic))


@cache
def paragraphs(topic: str) -> Sequence[tuple[str, str]]:
    """A topic for any width: (heading, text or typed, words) of each part, text in one line."""
    parts: list[tuple[str, str]] = []
    for line in text(topic).splitlines():
        if line.startswith("#"):
            parts.append(("heading", line.lstrip("# ")))
        elif line.startswith("    "):
            parts.append(("typed", line[2:]))
        elif parts and parts[-1][0] == "text" and parts[-1][1] and line and line[:2] != "- ":
            parts[-1] = ("text", f"{parts[-1][1]} {line.strip()}")
        else:
            parts.append(("text", line))
    return parts


def search(words: str) -> Iterator[Found]:
    """Every line of every topic that holds the words; capitals make no difference."""
    for topic in topics():
        for line in text(topic).splitlines():
            if words.casefold() in line.casefold():
                yield Found(topic, line.strip())


def _read(topic: str) -> str:
    return (Path(__file__).parent / f"{topic}.md").read_text(encoding="ascii")


# -- parts that are made from the program ------------------------------------------------------
def _table(rows: Mapping[str, str], width: int) -> Iterator[str]:
    """Indented rows; words that do not fit go on below themselves."""
    for name, words in rows.items():
        first = f"    {plain(name):<{width}} "
        yield from wrapped(words, COLUMNS, first=first, indent=" " * (width + 5))


def _keys() -> Iterator[str]:
    """The default keys of each area."""
    for area, title in {**AREAS, **DIALOG_AREAS}.items():
        actions = [action for action in ALL_ACTIONS.values() if action.area == area and action.keys]
        if actions:
            yield from ("", f"## {title}", "")
            yield from _table({" ".join(action.keys): action.help for action in actions}, 22)


def _verbs() -> Iterator[str]:
    for verb in VERBS.values():
        yield from wrapped(verb.usage, COLUMNS, first="    ", indent=" " * 12)
        yield f"        {verb.help}"


def _rules() -> Iterator[str]:
    """Each switch with its values, by release and then as posted."""
    for name, switch in SWITCHES.items():
        words = dict(zip(switch.values, RULE_VALUES[name], strict=True))
        yield from ("", f"## {name}", "", *wrapped(switch.meaning, COLUMNS, indent=""), "")
        for release, value, source in switch.history:
            why = f"from {release}" + (f": {source}" if source else "")
            yield from _table({words[value]: why}, 13)
        for value, source in switch.posted:
            yield from _table({words[value]: source}, 13)


def _frame() -> Iterator[str]:
    """What ``pfnmap show`` prints of a small machine."""
    boot, *lines = FRAME
    start = parse_line(boot)
    assert isinstance(start, StartMachine)
    session = Session.booted(start)
    outcomes = [session.run(command) for command in parse_lines(lines, source="frame")]
    frame = render_text(
        session.view,
        before=session.before,
        outcomes=outcomes,
        step=f"step {len(lines)} of {len(lines)}",
        ground=Steps(session).ground,
    )
    for line in frame:
        yield f"    {line}".rstrip()


def _states() -> Iterator[str]:
    yield from ("## States of pages", "")
    yield from _table({NAMES[state]: STATES[state] for state in PageState}, 20)


def _words() -> Iterator[str]:
    for heading, words in TERMS.items():
        yield from ("", f"## {heading}", "")
        yield from _table(words, 20)


PARTS: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "subcommands": lambda: _table({f"pfnmap {n}": words for n, words in SUBCOMMANDS.items()}, 18),
    "keys": _keys,
    "verbs": _verbs,
    "profiles": lambda: _table({name: each.title for name, each in PROFILES.items()}, 15),
    "rules": _rules,
    "frame": _frame,
    "dump": lambda: (f"    {line}" for line in SHELL_LINE.splitlines()),
    "states": _states,
    "words": _words,
}
"""What stands for ``{NAME}`` on a line of its own."""
