"""Figures as text, whole: what a person reads. Renewed by ``python -m tests.tui.figure.test_text``.

Look at what changes: could somebody who reads only the picture say what happened?
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfnmap.engine.session import Session
from pfnmap.engine.sources import open_source
from pfnmap.tui.figure.axis import ground_of
from pfnmap.tui.figure.moments import moments, phases
from pfnmap.tui.figure.text import figure_spans, joined
from tests.examples import examples
from tests.tui.figure.sessions import random_sessions, session_of

TEXTS = Path(__file__).parent / "texts"
THREE_BLOCKS = (
    "machine ram=1G memmap_on_memory=Y",
    "add dimm0 384M",
    "online dimm0 movable",
)


def three_blocks(*, offline: int, profile: str = "") -> Session:
    """A DIMM of three blocks that loses one of them."""
    return session_of(f"{THREE_BLOCKS[0]}{profile}", *THREE_BLOCKS[1:], f"offline {offline}")


SESSIONS: dict[str, Callable[[], Session]] = {
    "first-block": lambda: three_blocks(offline=32),
    "middle-block": lambda: three_blocks(offline=33),
    "last-block": lambda: three_blocks(offline=34),
    "middle-block-4.19": lambda: session_of(
        "machine ram=1G profile=4.19", *THREE_BLOCKS[1:], "offline 33", "offline 34", "remove dimm0"
    ),
    "two-nodes": lambda: open_source("memmap-remote-node"),
    "64g-dimm-per-device": lambda: open_source("memmap-64g"),
    "64g-dimm-per-block": lambda: session_of(
        "machine ram=2G memmap_on_memory=Y", "add dimm0 64G", "online dimm0 movable"
    ),
    "4-pib": lambda: session_of("machine ram=4P", "offline 100000", "online 100000"),
    "hugetlb-refused": lambda: open_source("hugetlb-compare-precedence"),
    "hugetlb-corrupt": lambda: open_source("hugetlb-section-vs-block"),
    "out-of-memory": lambda: open_source("oom-before-online"),
    "roll-back": lambda: open_source("merged-online-rollback"),
    "virtio-mem": lambda: open_source("virtio-mem-stuck-at-2m"),
    "removed-under-its-memmap": lambda: open_source("v2-partial-removal-first-block"),
}


def text_of(session: Session) -> str:
    found = moments(session)
    return "\n".join(joined(figure_spans(found, ground_of(found), title="title"))) + "\n"


@pytest.mark.parametrize("name", SESSIONS)
def test_the_figure_reads_as_it_did(name: str) -> None:
    assert text_of(SESSIONS[name]()) == (TEXTS / f"{name}.txt").read_text()


def test_the_phases_of_a_step_read_as_they_did() -> None:
    session = three_blocks(offline=33)
    steps = moments(session)
    found = [steps[-2], *phases(steps[-1])]
    text = "\n".join(joined(figure_spans(found, ground_of(steps)))) + "\n"
    assert text == (TEXTS / "phases.txt").read_text()


@given(random_sessions(), st.integers(60, 140))
@examples(6)
def test_lines_are_ascii_and_no_longer_than_asked_for(session: Session, width: int) -> None:
    found = moments(session)
    for line in joined(figure_spans(found, ground_of(found), width=width)):
        assert line.isascii()
        assert len(line) <= width
        assert line == line.rstrip()


def test_a_step_alone_has_the_columns_of_the_whole_session() -> None:
    found = moments(three_blocks(offline=33))
    ground = ground_of(found)
    heading = joined(figure_spans(found, ground))[:5]
    for moment in found:
        assert joined(figure_spans([moment], ground))[:5] == heading


if __name__ == "__main__":
    TEXTS.mkdir(exist_ok=True)
    for each, make in SESSIONS.items():
        (TEXTS / f"{each}.txt").write_text(text_of(make()))
    all_steps = moments(three_blocks(offline=33))
    drawn = joined(figure_spans([all_steps[-2], *phases(all_steps[-1])], ground_of(all_steps)))
    (TEXTS / "phases.txt").write_text("\n".join(drawn) + "\n")
