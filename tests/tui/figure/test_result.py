"""The sentence of result: by rule, for every kind of step."""

from __future__ import annotations

import pytest

from pfnmap.engine.sources import open_source, shipped_scenarios
from pfnmap.tui.figure.moments import moments
from pfnmap.tui.figure.result import QUIET, result
from tests.examples import some
from tests.tui.figure.sessions import session_of

DIMM = ("machine ram=1G memmap_on_memory=Y", "add dimm0 384M", "online dimm0 movable")


def clauses(*lines: str) -> tuple[str, ...]:
    """What the last of these lines came to."""
    return result(moments(session_of(*lines))[-1])


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            32,
            "its start moves up 1 block to 0x108000 (32 was its first block)",
        ),
        (33, "keeps its edges (33 is no edge)"),
        (34, "its end moves down 1 block to 0x110000 (34 was its last block)"),
    ],
)
def test_what_became_of_a_span(block: int, words: str) -> None:
    state, span, counts = clauses(*DIMM, f"offline {block}")
    assert state == f"block {block} is offline"
    assert span.removeprefix("the span of Movable").lstrip(": ") == words
    assert counts == "present -32768, managed -32256"


def test_under_old_rules_an_edge_stays_and_the_sentence_says_that_it_was_one() -> None:
    lines = ("machine ram=1G profile=4.19", *DIMM[1:], "offline 34")
    assert clauses(*lines)[1] == (
        "the span of Movable keeps its edges (although 34 is its last block)"
    )


def test_a_refusal_comes_first_and_says_what_was_done_before() -> None:
    refused = clauses(*DIMM, "pin 33", "offline 32-33")
    assert refused[0].startswith("refused: EBUSY from ")
    assert "block 32 is offline" in refused
    assert clauses(*DIMM, "pin 32", "offline 32")[1:] == (QUIET,)


def test_where_struct_pages_are_and_who_pays() -> None:
    assert clauses("machine ram=1G", "free 32M", "add dimm0 256M") == (
        "dimm0: 256M, blocks 32-33, offline, in no zone yet",
        "its struct pages: 4M (1024 pages) of node 0",
        "node 0 has 28M free, 4M less",
    )


def test_what_huge_pages_come_to() -> None:
    said = clauses(*DIMM, "set hugetlb_free_vmemmap=on", "hugetlb h 2M count=2 at=0x101000000")
    assert said[0] == "h: 2 huge pages of 2M at pfn 0x101000"
    assert said[1].startswith(("optimised, ", "not optimised: "))


def test_a_phase_says_what_the_kernel_does() -> None:
    from pfnmap.tui.figure.moments import phases

    found = phases(moments(session_of(*DIMM, "offline 33"))[-1])
    assert [moment.title for moment in found][:2] == ["step 3.1", "step 3.2"]
    assert result(found[2]) == ("every pageblock is isolated",)


@pytest.mark.parametrize("name", some(shipped_scenarios()))
def test_every_step_of_every_scenario_has_a_sentence(name: str) -> None:
    for moment in moments(open_source(name))[1:]:
        said = result(moment)
        assert said
        assert all(clause and not clause.endswith((".", " ")) for clause in said)
        assert moment.outcome is not None
        assert said[0].startswith("refused: ") == (not moment.outcome.ok)
