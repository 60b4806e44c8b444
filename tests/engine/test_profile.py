"""Kernel profiles: every switch cites where its rule comes from, and profiles combine them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from pfnmap.engine import profile as module
from pfnmap.engine.errors import InputError
from pfnmap.engine.profile import (
    PROFILES,
    REMOVAL_OF_MEMMAP,
    RULE_VALUES,
    KernelProfile,
    get_profile,
)

NAMES = ("name", "title")
SWITCHES = [f.name for f in dataclasses.fields(KernelProfile) if f.name not in NAMES]
SOURCE = re.compile(
    r"\b[0-9a-f]{12}\b"  # a commit
    r'|"[^"]{15,}"'  # the title of a commit or a post
    r"|post(s|ed)? \"|patch \d/\d"
    r"|\bread in \d\.\d+|\brecorded on \d\.\d+"
    r"|\b\d\.\d+\b.*``\w+``"
)


def citations() -> dict[str, str]:
    """The rows of the table in the module's docstring: switch to its source."""
    assert module.__doc__ is not None
    table = module.__doc__.split("=\n")[2]
    rows: dict[str, str] = {}
    current = ""
    for line in table.splitlines():
        if line.startswith("=="):
            break
        if line[:1].strip():
            current, _, rest = line.partition(" ")
            rows[current] = rest.strip()
        elif line.strip():
            rows[current] += " " + line.strip()
    return rows


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_cites_a_commit_a_post_or_the_kernel_it_was_read_in(switch: str) -> None:
    assert SOURCE.search(citations()[switch]), citations()[switch]


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_is_asked_for_by_the_engine(switch: str) -> None:
    assert module.__file__ is not None
    sources = Path(module.__file__).parent.rglob("*.py")
    texts = [path.read_text() for path in sources if path.name != "profile.py"]
    assert any(f".{switch}" in text for text in texts)


def test_the_table_has_no_row_for_a_switch_that_is_gone() -> None:
    assert set(citations()) - {"switch"} == set(SWITCHES)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_known_by_its_name_and_uses_known_rules(name: str) -> None:
    profile = get_profile(name)
    assert profile.name == name
    assert profile.title
    for rule, values in RULE_VALUES.items():
        assert getattr(profile, rule) in values


def test_only_6_8_and_6_12_share_all_rules() -> None:
    names: dict[KernelProfile, list[str]] = {}
    for name, profile in PROFILES.items():
        names.setdefault(dataclasses.replace(profile, name="", title=""), []).append(name)
    assert [shared for shared in names.values() if len(shared) > 1] == [["6.12", "6.8"]]


def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"profile=shrink-rcf2: .*did you mean shrink-rfc2\?"):
        get_profile("shrink-rcf2")


@pytest.mark.parametrize(("memmap", "removal"), REMOVAL_OF_MEMMAP.items())
def test_a_memmap_rule_brings_its_own_removal_rule(memmap: str, removal: str) -> None:
    assert get_profile("6.12").with_rule("memmap", memmap).removal == removal


def test_a_wrong_rule_or_value_is_refused_with_what_is_expected() -> None:
    with pytest.raises(InputError, match="rule colour: there is no such rule; expected one of"):
        get_profile("6.12").with_rule("colour", "red")
    with pytest.raises(InputError, match="rule shrink=never: expected one of remove-valid, rfc2"):
        get_profile("6.12").with_rule("shrink", "never")


RULES_BY_KERNEL = [
    # name, memmap, shrink, removal, hugetlb pages kept, force, auto-movable
    ("6.12", "per-block", "merged", "all-or-none", 1, True, True),
    ("6.8", "per-block", "merged", "all-or-none", 1, True, True),
    ("6.6", "single-block", "merged", "single-block", 1, True, True),
    ("6.1", "single-block", "merged", "single-block", 1, False, True),
    ("5.14", "single-block", "merged", "single-block", 2, False, False),
    ("5.5", "ram", "merged", "plain", 1, False, False),
    ("4.19", "ram", "remove-valid", "plain", 1, False, False),
    ("4.12", "ram", "remove-valid", "plain", 1, False, False),
    ("memmap-v1", "device", "remove-valid", "v2-refcount", 1, False, False),
    ("memmap-v2", "device", "remove-valid", "v2-refcount", 1, False, False),
    ("memmap-v3", "v3", "remove-valid", "v3-bug", 1, False, False),
    ("shrink-rfc2", "ram", "rfc2", "plain", 1, False, False),
    ("shrink-oct2018", "ram", "oct2018", "plain", 1, False, False),
]


@pytest.mark.parametrize("row", RULES_BY_KERNEL, ids=lambda row: row[0])
def test_the_rules_of_each_kernel(row: tuple[str, str, str, str, int, bool, bool]) -> None:
    p = get_profile(row[0])
    rules = (p.memmap, p.shrink, p.removal, p.hugetlb_kept_pages, p.force, p.auto_movable)
    assert rules == row[1:]
