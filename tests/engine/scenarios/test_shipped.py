"""The shipped scenarios: every claim of the five posts as a file that is checked.

The posts are named by what they are about; ``NUMBERS`` lists every number that a post claims
with the expectation that proves (or, where the text slipped, corrects) it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pfnmap.engine.commands import VERBS, Expect, Kind, Note, StartMachine, Title
from pfnmap.engine.compare import compare
from pfnmap.engine.language.expectations import EXPECTATIONS
from pfnmap.engine.language.lines import format_command
from pfnmap.engine.scenarios.run import run_scenario
from pfnmap.engine.scenarios.scenario import Scenario, format_scenario, load_scenario
from pfnmap.engine.sources import shipped_scenarios
from tests.engine.tools import misnamed

FILES = shipped_scenarios()

POSTS: dict[str, tuple[str, ...]] = {
    "v2 cover letter, memmap from hot-added memory (2019)": ("v2-", "oom-", "order-", "ppc64-"),
    "v1 reply, per device or per block (2019)": ("memmap-", "v1-"),
    "review of SECTION_CANNOT_OPTIMIZE_VMEMMAP (2022)": ("hugetlb-",),
    "memory_block_online and memory_block_offline, merged (2021)": ("merged-", "eligibility-"),
    "review of RFC v2, shrink spans at offline (2018)": ("shrink-", "device-"),
}
"""Post to the beginnings of the names of its scenarios."""

NUMBERS: list[tuple[str, str, str, str]] = [
    # v2 cover letter
    ("v2 cover", "order-8 is 16MB", "order-8-fails-ppc64", "errno=ENOMEM"),
    ("v2 cover", "with one such block free", "order-8-fails-ppc64", "node 0 free=26M"),
    ("v2 cover", "1: refcount 8", "v2-1g-device-refcount", "device dimm0 refcount=8"),
    ("v2 cover", "1: private 4096", "v2-1g-device-refcount", "device dimm0 private=4096"),
    ("v2 cover", "2: refcount 1", "v2-1g-memblock-refcount", "device dimm0 refcount=1"),
    ("v2 cover", "2: private 512", "v2-1g-memblock-refcount", "device dimm0 private=512"),
    ("v2 cover", "2: one head a block", "v2-1g-memblock-refcount", "device dimm0 heads=8"),
    ("v2 cover", "blocks of 1G", "v2-both-policies-1g-blocks", "device dimm1 private=4096"),
    ("v2 cover", "blocks of 2G", "layout-table-2g-blocks", "device memblock-2g private=8192"),
    ("v2 cover", "expose all of it", "v2-knob", "device dimm1 usable=256M"),
    # v1 reply
    ("v1 reply", "pfn 0", "memmap-device-256m", "pfn dimm0+0 kind=vmemmap"),
    ("v1 reply", "pfn 1023", "memmap-device-256m", "pfn dimm0+1023 kind=vmemmap"),
    ("v1 reply", "pfn 1024", "memmap-device-256m", "pfn dimm0+1024 kind=free"),
    ("v1 reply", "65536 is 65535", "memmap-device-256m", "pfn dimm0+65535 kind=free"),
    ("v1 reply", "65536 is behind", "memmap-device-256m", "pfn 0x110000 kind=hole"),
    ("v1 reply", "2 sections", "memmap-device-256m", "device dimm0 refcount=2"),
    ("v1 reply", "512 pfns a section", "memmap-memblock-256m", "block dimm0 vmemmap=512"),
    ("v1 reply", "126M contiguous", "memmap-memblock-256m", "device dimm0 largest_run=126M"),
    ("v1 reply", "252M real memory", "memmap-device-256m", "device dimm0 usable=252M"),
    ("v1 reply", "4M memmap", "memmap-device-256m", "total memmap=4M"),
    ("v1 reply", "a whole block", "memmap-all-vmemmap-block", "block dimm1[0] usable_pages=0"),
    # review of the section flag
    ("flag", "maps to itself", "hugetlb-self-hosted", "pfn dimm0+0 memmap_at=dimm0+0"),
    (
        "flag",
        "variable-sized",
        "hugetlb-rules-device-layout",
        "hugetlb hp-self-map verdict=corrupts",
    ),
    ("flag", "7 of 8", "hugetlb-ordinary-block", "hugetlb hp-self-map freed=7"),
    ("flag", "4095 of 4096", "hugetlb-ordinary-block", "hugetlb giant freed=4095"),
    ("flag", "refuses", "hugetlb-compare-precedence", "hugetlb a optimised=false"),
    ("flag", "takes precedence", "merged-hugetlb-takes-precedence", "block 32 vmemmap=0"),
    # merged
    ("merged", "512", "merged-512-per-block", "block 32 vmemmap=512"),
    ("merged", "4096", "merged-4096-per-1g-block", "block dimm0 vmemmap=4096"),
    # review of the span patch
    ("spans", "0 offlined pages", "device-setup-is-not-online", "zone Device present=0"),
    ("spans", "driver's region", "device-resource-not-sysram", "errno=EEXIST"),
    ("spans", "published 32768", "shrink-e1-merged", "zone Movable node=1 spanned=32768"),
    ("spans", "published 98304", "shrink-e1-merged", "zone Movable node=1 spanned=98304"),
    ("spans", "published 0", "shrink-e1-merged", "zone Movable node=1 spanned=0"),
    ("spans", "node 65536", "shrink-e5-two-sections", "node 1 spanned=65536"),
    # slips and anchors of the series
    ("v2 2/5", "1533 is 1535", "v2-384m-slips", "pfn dimm0+1535 kind=vmemmap"),
    ("v2 2/5", "98304 is 98303", "v2-384m-slips", "pfn dimm0+98303 kind=offline"),
    ("anchor", "9G: 72", "v1-anchors", "device dimm1 refcount=72"),
    ("anchor", "9G: 36864", "v1-anchors", "device dimm1 private=36864"),
    ("anchor", "10G: 80", "v1-anchors", "device dimm2 refcount=80"),
    ("anchor", "2G: 8192", "v1-anchors", "device dimm0 vmemmap=8192"),
    ("anchor", "13732K", "order-9-fails-arm64", "node 0 free=13732K"),
    ("anchor", "513 single pages", "order-9-falls-back-x86", "node 0 free=11680K"),
]
"""(post, the number in words, scenario, the expectation: subject and one key)."""

SLIPS = {
    "memmap-device-256m": "65535",
    "v2-384m-slips": "1535",
    "v2-1g-device-refcount": "has lost this label",
    "merged-4096-per-1g-block": "lists three",
    "eligibility-x86-128m": "0444",
}
"""Scenario to a piece of the note that corrects its text."""

SAME_WHEN_POSTED = ("e1", "e1b", "e2", "e3", "e4", "e9", "e10")
"""Examples in which the rules of 2018 give what was merged: one section a block, RAM only."""


@cache
def loaded(name: str) -> Scenario:
    return load_scenario(FILES[name])


def claims(name: str) -> Iterator[str]:
    """Every expectation of a scenario, one key at a time: ``device dimm0 refcount=8``."""
    for command in loaded(name).commands:
        if not isinstance(command, Expect):
            continue
        words = format_command(command).removeprefix("expect ")
        keys = [f"{key}=" for key, _ in command.pairs]
        subject = re.split("|".join(map(re.escape, keys)), words)[0].strip() if keys else words
        yield words
        for word in words.removeprefix(subject).split():
            yield f"{subject} {word}".strip()


# -- all of them -------------------------------------------------------------------------
@pytest.mark.parametrize("name", FILES)
def test_every_expectation_holds(name: str) -> None:
    run = run_scenario(loaded(name))
    assert [str(failure) for failure in run.failures] == []
    assert run.claims
    assert [words for step in run.steps for words in misnamed(step.outcome)] == []
    run.machine.check()


def test_the_files_are_in_normal_form_and_ascii() -> None:
    for name, file in FILES.items():
        assert file.read_text(encoding="ascii") == format_scenario(loaded(name))


def test_they_begin_with_their_title_and_their_machine_and_are_narrated() -> None:
    for name in FILES:
        first, second, *rest = (command for _, command in loaded(name).lines)
        assert isinstance(first, Title), name
        assert isinstance(second, StartMachine), name
        assert any(isinstance(command, Note) for command in rest), name
        assert loaded(name).origins, f"{name}: a source line says where its claims come from"


def test_every_expectation_is_read_from_the_folder() -> None:
    """The names come from files; a file that is not listed would never be checked."""
    folder = Path(next(iter(FILES.values()))).parent
    assert sorted(path.stem for path in folder.iterdir()) == list(FILES)


def test_titles_are_unique_and_fit_a_list() -> None:
    titles = [loaded(name).title for name in FILES]
    assert len(set(titles)) == len(titles)
    assert max(map(len, titles)) <= 100
    assert max(map(len, FILES)) <= 40


# -- the posts ---------------------------------------------------------------------------
@pytest.mark.parametrize("post", POSTS)
def test_every_post_has_at_least_four_scenarios(post: str) -> None:
    assert len([name for name in FILES if name.startswith(POSTS[post])]) >= 4


@pytest.mark.parametrize(("post", "number", "name", "claim"), NUMBERS)
def test_every_number_of_a_post_is_an_expectation(
    post: str, number: str, name: str, claim: str
) -> None:
    assert claim in set(claims(name)), f"{post}: {number}"


@pytest.mark.parametrize("name", SLIPS)
def test_a_note_corrects_what_the_text_got_wrong(name: str) -> None:
    notes = [command.words for command in loaded(name).commands if isinstance(command, Note)]
    assert any(SLIPS[name] in words for words in notes)


@pytest.mark.parametrize("example", SAME_WHEN_POSTED)
@pytest.mark.parametrize("rule", ["rfc2", "oct2018"])
def test_what_was_merged_is_what_was_posted(example: str, rule: str) -> None:
    """With blocks of one section and no device memory the three rules agree."""
    run = compare(loaded(f"shrink-{example}-merged"), [f"shrink={rule}"]).runs[1]
    assert run.failed == ()


# -- the language ------------------------------------------------------------------------
def test_every_verb_is_used_somewhere() -> None:
    """What the scenarios use is what they prove to work."""
    used = {
        format_command(command).split()[0] for name in FILES for _, command in loaded(name).lines
    }
    wanted = {verb.name for verb in VERBS.values() if verb.kind is not Kind.INTERACTIVE}
    assert wanted - used == set()


def test_every_kind_of_expectation_and_every_key_is_used_somewhere() -> None:
    used: set[tuple[str, str]] = set()
    for name in FILES:
        for command in loaded(name).commands:
            if isinstance(command, Expect):
                used |= {(command.what, ""), *((command.what, key) for key, _ in command.pairs)}
    wanted = {(row.what, "") for row in EXPECTATIONS.values()}
    wanted |= {(row.what, key) for row in EXPECTATIONS.values() for key in row.keys or {}}
    assert wanted - used == set()
