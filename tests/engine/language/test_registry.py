"""The registry of verbs."""

from __future__ import annotations

import pytest

from pfnmap.engine.commands import ALIASES, VERBS, Kind
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.language.grammar import help_lines

DOCUMENTED = {
    Kind.START: "machine",
    Kind.PARAMETER: "set rule",
    Kind.ACTION: "add online offline remove shrink device-add device-del kmem kmem-del "
    "virtio-mem virtio-mem-del pin unpin signal hugetlb hugetlb-free free freelist fail echo grep "
    "cat chmem daxctl cxl for",
    Kind.TALK: "cd note title source pause goto zoom",
    Kind.EXPECT: "expect",
    Kind.INTERACTIVE: "undo redo seek mark diff save write compare profiles help quit",
}


@pytest.mark.parametrize("kind", Kind)
def test_the_verbs_of_each_kind(kind: Kind) -> None:
    listed = [verb.name for verb in VERBS.values() if verb.kind is kind]
    assert listed == DOCUMENTED[kind].split()


def test_the_expectations() -> None:
    assert " ".join(EXPECTATIONS) == (
        "ok errno log no-log output zone node block device pfn hugetlb finding no-findings total"
    )


def test_the_synopsis_of_expect_names_every_expectation() -> None:
    words = [what if what != "errno" else "errno=E" for what in EXPECTATIONS]
    assert VERBS["expect"].synopsis == f"{'|'.join(words)} …"


def test_aliases_lead_to_verbs_and_hide_none() -> None:
    assert set(ALIASES.values()) <= set(VERBS)
    assert not set(ALIASES) & set(VERBS)


def test_help_lists_every_verb_once() -> None:
    text = "\n".join(help_lines())
    for verb in VERBS.values():
        assert text.count(f"  {verb.name:<13}{verb.help}") == 1
    assert all(len(line) <= 80 for line in help_lines())


def test_help_on_one_verb() -> None:
    assert help_lines("offline") == [
        "offline REF",
        "  offline memory blocks",
        "  example: offline 32-33",
    ]
    assert help_lines("online_movable") == help_lines("online")
    assert help_lines("frobnicate") == []


def test_help_on_expect_shows_every_kind_of_claim() -> None:
    text = "\n".join(help_lines("expect"))
    assert "expect zone ZONE [node=N] [start=PFN] [spanned=N] [present=N] [managed=N]" in text
    assert "expect errno=E" in text
