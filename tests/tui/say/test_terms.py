"""Every word on the screen has one explanation, of one or two sentences, with its source."""

from __future__ import annotations

import re

import pytest

from pfnmap.engine.kinds import PageState
from pfnmap.tui.figure.line_drawing import NUMBERS
from pfnmap.tui.say.glossary import NAMES, STATES
from pfnmap.tui.say.page_facts import block_facts, page_facts
from pfnmap.tui.say.terms import TERMS, meaning
from pfnmap.tui.widgets.block_table import COLUMNS
from tests.tui.stage import DIMM, session_of, stage

ALL = {word: means for words in TERMS.values() for word, means in words.items()}


@pytest.mark.parametrize("word", ALL)
def test_an_explanation_is_one_or_two_sentences(word: str) -> None:
    plain = re.sub(r"\([^()]*\)$", "", ALL[word]).strip()
    assert len(re.findall(r"\.(?: |$)", plain)) in (1, 2)
    assert plain.endswith(".")
    assert len(plain) < 240


def test_no_word_is_explained_twice() -> None:
    assert sum(map(len, TERMS.values())) == len(ALL)


@pytest.mark.parametrize("state", PageState, ids=lambda state: state.name)
def test_every_state_is_explained(state: PageState) -> None:
    assert NAMES[state] and STATES[state]


def test_every_name_in_the_inspector_is_explained() -> None:
    view = session_of(*DIMM).view
    names = set()
    for pfn in range(0, view.end_pfn, 4096):
        page = view.page(pfn)
        names |= {name for name, _, _ in page_facts(view, page, (pfn, pfn + 512), "->")}
        block = view.block(page.block) if page.block is not None else None
        if block is not None:
            names |= {name for name, _, _ in block_facts(view, block)}
    assert {name for name in names if name and meaning(name) is None} == set()


def test_every_counter_and_column_is_explained() -> None:
    assert all(meaning(name) for name in ("start_pfn", *NUMBERS))
    assert {c.name for c in COLUMNS if meaning(c.name.replace(" ", "_")) is None} == set()


async def test_one_key_shows_them_with_the_state_here_first() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G", "K")
        first = next(line for line in on.lines if "▸ " in line and "offline" in line)
        assert "Memory of an offline block" in first
        assert "States of pages" in on.text
        await on.keys("G")
        assert "The session" in on.text
        await on.keys("escape")
        assert on.on_main


async def test_the_explanation_of_a_page_ends_with_its_words() -> None:
    async with stage(*DIMM) as on:
        await on.keys("G", "enter", "G")
        assert "valid_zones" in on.text
        assert "for an offline one the zones that" in on.text
