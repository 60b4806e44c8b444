"""Completion of a line under the cursor."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import VERBS
from pfnmap.engine.errors import ParseError
from pfnmap.engine.language.completion import complete, keys_of
from pfnmap.engine.language.lines import parse_line

NAMES = ("dimm0", "dimm1", "pmem0")


@pytest.mark.parametrize(
    ("line", "start", "words"),
    [
        ("of", 0, ("offline",)),
        ("online_", 0, ("online_kernel", "online_movable")),
        ("  de", 2, ("device-add", "device-del")),
        ("online d", 7, ("dimm0", "dimm1")),
        ("online dimm0 m", 13, ("movable",)),
        ("shrink M", 7, ("Movable",)),
        ("shrink Movable ", 15, ("node=", "blocks=")),
        ("shrink Movable node=1 ", 22, ("blocks=",)),
        ("add d 1G memmap=", 16, ("ram", "device", "memblock", "on_memory")),
        ("add d 1G memmap=me", 16, ("memblock",)),
        ("add d 1G node=", 14, ()),
        ("set onl", 4, ("online_policy=",)),
        ("set online_policy=a", 18, ("auto-movable",)),
        ("set auto_movable_ratio=", 23, ()),
        ("rule shrink=r", 12, ("remove-valid", "rfc2")),
        ("machine profile=memmap-v1", 16, ("memmap-v1",)),
        ("compare hugetlb=se", 16, ("section-flag", "self-map")),
        ("expect zo", 7, ("zone",)),
        ("expect er", 7, ("errno=",)),
        ("expect errno=EBU", 13, ("EBUSY",)),
        ("expect zone No", 12, ("Normal",)),
        ("expect zone Normal sp", 19, ("spanned=",)),
        ("expect block dimm0 state=on", 25, ("online",)),
        ("zoom s", 5, ("subsection", "section")),
        ("help onl", 5, ("online",)),
        ("frobnicate ", 11, ()),
        ("= ", 2, ()),
        ("online=1 ", 9, ()),
        ('note "o', 6, ()),
    ],
)
def test_what_is_offered(line: str, start: int, words: tuple[str, ...]) -> None:
    offered = complete(line, NAMES)
    assert (offered.start, offered.words) == (start, words)


def test_an_empty_line_offers_every_verb() -> None:
    assert set(VERBS) <= set(complete("").words)


def test_a_word_of_any_length_is_looked_for_once() -> None:
    """Backtracking over it would take minutes."""
    assert complete("note " + "a" * 1_000_000 + " b").start == 1_000_006


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in ("echo", "grep", "cat")])
def test_the_keys_offered_are_the_keys_that_are_read(verb: str) -> None:
    example = VERBS[verb].example
    for key in keys_of(example.split() if verb not in ("set", "rule") else [verb]):
        if f"{key}=" in example:
            continue
        try:
            parse_line(f"{example} {key}=" if verb not in ("set", "rule") else f"{verb} {key}=")
        except ParseError as error:
            assert "no key" not in str(error)
            assert "unknown" not in str(error)
