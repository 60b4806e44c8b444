"""The verbs that talk to the reader or steer the screen and the session."""

from __future__ import annotations

import re
from collections.abc import Callable

from pfnmap.engine.commands import Command, Goto, Interactive, Note, Pause, Title, Zoom
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.arguments import Arguments
from pfnmap.engine.language.refs import parse_pfn, parse_refs
from pfnmap.engine.language.tables import ZOOM_LEVELS, parse_param, parse_profile, rule_values
from pfnmap.engine.language.values import parse_address, parse_number, parse_seconds, parse_size
from pfnmap.engine.language.wrong import choose, shown, wrong
from pfnmap.engine.params import PARAM_VALUES

ADDRESS_FLOOR = 1 << 32
PAGE_MASK = 0xFFF
MARK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
"""What a mark may be called."""
_HEX = re.compile(r"0[xX]")
_SIZED = re.compile(r"[0-9]+[A-Za-z]")


def _text(arguments: Arguments) -> str:
    words = arguments.word(str, "a text", '"words in quotes"')
    if extra := arguments.next_word:
        raise wrong(
            f"{shown(extra.text)} stands behind the text",
            expected='words in quotes: "…"',
            column=extra.column,
        )
    arguments.finish()
    return words


def parse_note(arguments: Arguments) -> Command:
    """``note "…"``."""
    return Note(_text(arguments))


def parse_title(arguments: Arguments) -> Command:
    """``title "…"``."""
    return Title(_text(arguments))


def parse_pause(arguments: Arguments) -> Command:
    """``pause 2s``."""
    seconds = arguments.word(parse_seconds, "a duration", "2s")
    arguments.finish()
    return Pause(seconds)


def parse_zoom(arguments: Arguments) -> Command:
    """``zoom page|subsection|section|block|fit``."""
    level = arguments.word(
        lambda word: choose(word, ZOOM_LEVELS, "zoom level"), "a level", "|".join(ZOOM_LEVELS)
    )
    arguments.finish()
    return Zoom(level)


def parse_goto(arguments: Arguments) -> Command:
    """``goto PFN|block N|ADDR``; ``goto pfn N`` and ``goto addr N`` leave no doubt.

    ``goto mark NAME`` is for a session only, as the marks are.
    """
    if arguments.keyword("mark"):
        return _interactive(arguments, ("mark", _mark_word(arguments)))
    readers: dict[str, Callable[[str], Goto]] = {
        "block": _goto_block,
        "pfn": _goto_pfn,
        "addr": _goto_address,
    }
    unit = arguments.keyword(*readers)
    reader = readers[unit] if unit else _goto_anything
    command = arguments.word(reader, "a place", "0x108000, or block 34, or 4G")
    arguments.finish()
    return command


def is_plainly_address(text: str) -> bool:
    """Whether a bare place is an address: ``4G``, or ``0x…`` page-aligned from 4 GiB up.

    pfns are written in hexadecimal too, so small numbers stay pfns; ``pfn`` and ``addr``
    in front settle the rest.
    """
    if _SIZED.match(text) and not _HEX.match(text):
        return True
    if not _HEX.match(text):
        return False
    number = parse_number(text, "pfn")
    return number >= ADDRESS_FLOOR and not number & PAGE_MASK


def _goto_anything(text: str) -> Goto:
    if "[" in text:
        return _goto_block(text)
    return _goto_address(text) if is_plainly_address(text) else _goto_pfn(text)


def _goto_pfn(text: str) -> Goto:
    page = parse_pfn(text)
    return Goto(page.offset, "pfn", page.device)


def _goto_address(text: str) -> Goto:
    return Goto(parse_address(text), "address")


def _goto_block(text: str) -> Goto:
    refs = parse_refs(text)
    if len(refs) != 1 or refs[0].first is None or refs[0].first != refs[0].last:
        raise wrong(f"{shown(text)} is not one block", expected="one block such as 34 or dimm0[1]")
    return Goto(refs[0].first, "block", refs[0].device)


# -- for the session ---------------------------------------------------------------------
def _count(text: str) -> str:
    return str(parse_number(text, "number of steps"))


def _step(text: str) -> str:
    return str(parse_number(text, "step"))


def _file(text: str) -> str:
    if not text:
        raise wrong("the file name is empty")
    return text


def _interactive(arguments: Arguments, words: tuple[str | None, ...]) -> Command:
    arguments.finish()
    return Interactive(arguments.verb, tuple(word for word in words if word is not None))


def parse_mark(arguments: Arguments) -> Command:
    """``mark NAME``."""
    return _interactive(arguments, (_mark_word(arguments),))


def _mark_word(arguments: Arguments) -> str:
    return arguments.word(_mark_name, "the name of a mark", "a")


def _mark_name(text: str) -> str:
    if not MARK_NAME.fullmatch(text):
        raise wrong(
            f"{shown(text)} cannot name a place",
            expected="a letter, or a word of letters, digits, - and _",
        )
    return text


def parse_steps(arguments: Arguments) -> Command:
    """``undo [n]`` and ``redo [n]``."""
    return _interactive(arguments, (arguments.optional_word(_count),))


def parse_seek(arguments: Arguments) -> Command:
    """``seek N``."""
    return _interactive(arguments, (arguments.word(_step, "a step", "N"),))


def parse_diff(arguments: Arguments) -> Command:
    """``diff [A B]``."""
    first = arguments.optional_word(_step)
    second = arguments.word(_step, "two steps or none", "A B") if first is not None else None
    return _interactive(arguments, (first, second))


def parse_save(arguments: Arguments) -> Command:
    """``save FILE [expect=yes|no]``."""
    file = arguments.word(_file, "a file", "FILE.hotplug")
    expect = arguments.option("expect", lambda word: choose(word, ("yes", "no"), "expect"))
    arguments.finish()
    return Interactive("save", (file,), (("expect", expect),) if expect else ())


def parse_write(arguments: Arguments) -> Command:
    """``write FILE``."""
    return _interactive(arguments, (arguments.word(_file, "a file", "FILE.txt"),))


def parse_help(arguments: Arguments) -> Command:
    """``help [VERB]``."""
    return _interactive(arguments, (arguments.optional_word(str),))


def parse_bare(arguments: Arguments) -> Command:
    """A verb without arguments: ``quit``, ``profiles``."""
    return _interactive(arguments, ())


def parse_compare(arguments: Arguments) -> Command:
    """``compare KEY=VALUE…``: a profile, a rule, a parameter or ``block=``."""
    pairs: list[tuple[str, str]] = []
    while pair := arguments.take_pair():
        try:
            pairs.append(_variant(pair.key, pair.value))
        except ParseError as error:
            column = pair.column if error.column == 0 else pair.value_column
            raise ParseError(error.message, column=column) from None
    if word := arguments.next_word:
        raise wrong(
            f"{shown(word.text)} is not KEY=VALUE",
            expected="KEY=VALUE, such as profile=4.19 or memmap=device",
            column=word.column,
        )
    if not pairs:
        raise wrong(
            "compare needs what differs",
            expected="compare profile=4.19 or memmap=device or another rule or parameter",
            column=arguments.end_column,
        )
    arguments.finish()
    return Interactive("compare", (), tuple(pairs))


def _variant(key: str, value: str) -> tuple[str, str]:
    """One thing that differs; an error about the key has column 0, about the value 1."""
    rules = rule_values()
    choose(key, ("profile", "block", *rules, *PARAM_VALUES), "compare key", 0)
    if key == "profile":
        return key, parse_profile(value)
    if key == "block":
        parse_size(value)
        return key, value
    if key in rules:
        return key, choose(value, rules[key], f"{key} rule")
    return parse_param(key, value, 0, 1)
