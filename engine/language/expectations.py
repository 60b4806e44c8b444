"""``expect …``: which facts can be claimed, how they are read and printed.

One table (:data:`EXPECTATIONS`) says for each kind of expectation what it is about and
which keys it compares; the parser, the printer, completion and help all read it. What is
claimed is judged in :mod:`pfnmap.engine.expectations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pfnmap.engine.commands import Command, Expect, ExpectValue
from pfnmap.engine.complaints import choose, either, wrong
from pfnmap.engine.errors import ParseError
from pfnmap.engine.kinds import ZONE_BY_LABEL
from pfnmap.engine.notation import (
    BLOCK_STATES,
    ERRNO,
    NAME,
    NODE,
    PAGE_FLAGS,
    PAGE_WORDS,
    REF,
    VERDICTS,
    ZONE,
    PfnRef,
    ValueKind,
    format_hex,
    format_pfn,
    format_size,
    number,
    one_of,
    parse_pfn,
    parse_size,
    parse_truth,
    quote,
)

if TYPE_CHECKING:
    from pfnmap.engine.language.arguments import Arguments


def _valid_zones(text: str) -> str:
    """Zone names between blanks in the kernel's order, or ``none``."""
    words = text.split()
    if not words:
        raise wrong('valid_zones="" names no zone', expected="zone names or none")
    if words != ["none"]:
        for word in words:
            try:
                ZONE.parse(word)
            except ParseError as error:
                raise ParseError(error.message, column=text.index(word) + 1) from None
    return " ".join(words)


def _as_page(value: ExpectValue) -> str:
    """A page as written; a plain number is an absolute pfn."""
    if isinstance(value, str):
        return value
    return format_pfn(value) if isinstance(value, PfnRef) else f"{value:#x}"


def _flags(text: str) -> str:
    """Marks of a struct page between commas, in one order, or ``none``."""
    words = text.split(",")
    if words == ["none"]:
        return text
    for word in words:
        choose(word, PAGE_FLAGS, "flag")
    return ",".join(flag for flag in PAGE_FLAGS if flag in words)


def _text(text: str) -> str:
    if not text:
        raise wrong("the text is empty", expected='some words in quotes, such as "EBUSY"')
    return text


COUNT: Final = number("number")
START: Final = ValueKind(COUNT.parse, format_hex, "PFN")
SIZE: Final = ValueKind(lambda text: 0 if text == "0" else parse_size(text), format_size, "SIZE")
"""Nothing at all needs no unit."""
TRUTH: Final = ValueKind(
    parse_truth, lambda truth: str(truth).lower(), "true|false", ("true", "false")
)
PAGE: Final = ValueKind(parse_pfn, _as_page, "PFN")
PAGE_OR_NONE: Final = ValueKind(
    lambda text: "none" if text == "none" else parse_pfn(text), _as_page, "PFN", ("none",)
)
SAID: Final = ValueKind(_text, lambda text: quote(text, always=True), '"text"')
FLAGS: Final = ValueKind(_flags, str, "FLAG,…", (*PAGE_FLAGS, "none"))
STATE: Final = one_of(BLOCK_STATES, "state")
KIND: Final = one_of(PAGE_WORDS, "kind of page")
VERDICT: Final = one_of(VERDICTS, "verdict")
ZONE_OR_NONE: Final = one_of((*ZONE_BY_LABEL, "none"), "zone")
ZONES: Final = ValueKind(_valid_zones, str, '"Normal Movable"', (*ZONE_BY_LABEL, "none"))

SPAN: Final = {"start": START, "spanned": COUNT, "present": COUNT}


class Expectation(Struct, frozen=True):
    """One row of the expectations table."""

    what: str
    help: str
    subject: ValueKind | None = None
    keys: dict[str, ValueKind] = {}
    subject_optional: bool = False
    has_node: bool = False

    @property
    def synopsis(self) -> str:
        """The arguments behind the word ``expect``."""
        if self.what == "errno":
            return "errno=E"
        parts = [self.what]
        if self.subject:
            name = self.subject.placeholder
            parts.append(f"[{name}]" if self.subject_optional else name)
        if self.has_node:
            parts.append("[node=N]")
        parts += [f"[{key}={kind.placeholder}]" for key, kind in self.keys.items()]
        return " ".join(parts)


_OF_BLOCKS: Final = {
    "state": STATE,
    "zone": ZONE_OR_NONE,
    "node": COUNT,
    "valid_zones": ZONES,
    "vmemmap": COUNT,
    "usable_pages": COUNT,
    "exists": TRUTH,
}
_OF_DEVICES: Final = {
    "usable": SIZE,
    "largest_run": SIZE,
    "vmemmap": COUNT,
    "heads": COUNT,
    "refcount": COUNT,
    "private": COUNT,
    "all_vmemmap_blocks": COUNT,
    "online": COUNT,
    "full": COUNT,
    "local": SIZE,
    "remote": SIZE,
}
_OF_PAGES: Final = {
    "kind": KIND,
    "memmap_at": PAGE,
    "refcount": COUNT,
    "private": COUNT,
    "freelist": PAGE_OR_NONE,
    "flags": FLAGS,
}
_OF_ALL: Final = {
    "usable": SIZE,
    "managed": COUNT,
    "present": COUNT,
    "memmap": SIZE,
    "remote_memmap": SIZE,
}
_ROWS: Final = (
    Expectation("ok", "the last action was not refused"),
    Expectation("errno", "the last action was refused with this errno", ERRNO),
    Expectation("log", "a kernel log line of the last action contains the text", SAID),
    Expectation(
        "no-log",
        "no kernel log line of the last action (contains the text)",
        SAID,
        subject_optional=True,
    ),
    Expectation("output", "a line that the last action printed is the text", SAID),
    Expectation(
        "zone",
        "the span and counters of a zone, in pages",
        ZONE,
        {**SPAN, "managed": COUNT},
        has_node=True,
    ),
    Expectation(
        "node",
        "the span of a node, in pages, its free kernel memory, what struct pages take of it "
        "for memory that is not online, and those of its memory on other nodes",
        NODE,
        {**SPAN, "online": TRUTH, "free": SIZE, "pending": SIZE, "remote": SIZE},
    ),
    Expectation("block", "every one of these memory blocks", REF, _OF_BLOCKS),
    Expectation("device", "a DIMM or device and its struct pages", NAME, _OF_DEVICES),
    Expectation("pfn", "one page and its struct page", PAGE, _OF_PAGES),
    Expectation(
        "hugetlb",
        "a set of huge pages",
        NAME,
        {"optimised": TRUTH, "freed": COUNT, "verdict": VERDICT},
    ),
    Expectation(
        "finding", "the rules in force have broken something; a finding contains the text", SAID
    ),
    Expectation("no-findings", "the rules in force have broken nothing"),
    Expectation("total", "the whole machine", keys=_OF_ALL),
)
EXPECTATIONS: Final = {row.what: row for row in _ROWS}
"""Every kind of expectation by its first word."""


def parse_expect(arguments: Arguments) -> Command:
    """``expect WHAT …``."""
    if arguments.has("errno") and arguments.next_word is None:
        errno = arguments.option("errno", ERRNO.parse)
        arguments.finish()
        return Expect("errno", errno)
    words = [what if what != "errno" else "errno=E" for what in EXPECTATIONS]
    what = arguments.word(
        lambda word: choose(word, words, "expectation"), "to know about what", either(words)
    )
    row = EXPECTATIONS.get(what)
    if row is None:  # the words "errno=E" in quotes
        raise wrong(
            "errno=E is a pattern", expected="expect errno=EBUSY", column=arguments.end_column
        )
    arguments.verb = f"expect {what}"
    return _parse_row(row, arguments)


def _parse_row(row: Expectation, arguments: Arguments) -> Expect:
    subject: Any = None
    if row.subject and row.subject_optional:
        subject = arguments.optional_word(row.subject.parse)
    elif row.subject:
        name = row.subject.placeholder
        subject = arguments.word(row.subject.parse, f"a subject ({name})", name)
    node = 0
    if row.has_node:
        node = arguments.option("node", NODE.parse) or 0
    pairs: list[tuple[str, ExpectValue]] = []
    keys = row.keys
    for key in sorted(keys, key=lambda key: (not arguments.has(key), arguments.column_of(key))):
        value = arguments.option(key, keys[key].parse)
        if value is not None:
            pairs.append((key, value))
    arguments.finish()
    if row.keys and not pairs:
        raise wrong(
            f"{arguments.verb} compares nothing",
            expected="at least one of " + either(f"{key}=" for key in row.keys),
            column=arguments.end_column,
        )
    return Expect(row.what, subject, node, tuple(pairs))


def format_expect(expect: Expect) -> str:
    """The arguments of ``expect`` in normal form."""
    row = EXPECTATIONS[expect.what]
    if expect.what == "errno":
        return f"errno={expect.subject}"
    parts = [expect.what]
    if row.subject and expect.subject is not None:
        parts.append(row.subject.format(expect.subject))
    if row.has_node and expect.node:
        parts.append(f"node={expect.node}")
    parts += [f"{key}={quote(row.keys[key].format(value))}" for key, value in expect.pairs]
    return " ".join(parts)
