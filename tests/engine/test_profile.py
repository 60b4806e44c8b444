"""Kernel profiles: every switch cites where its rule comes from, and profiles combine them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from pfnmap.engine import profile as module
from pfnmap.engine.errors import InputError
from pfnmap.engine.profile import (
    NEWEST,
    OLDEST,
    POINT_RELEASES,
    PROFILES,
    REMOVAL_OF_MEMMAP,
    RULE_VALUES,
    SWITCHES,
    KernelProfile,
    get_profile,
    is_release,
    is_release_of,
    profile_of,
)
from tests.engine.tools import booted

FIELDS = [*KernelProfile.__struct_fields__]
SOURCE = re.compile(
    r"\b[0-9a-f]{12}\b"  # a commit
    r'|"[^"]{15,}"'  # the title of a commit or a post
    r"|\bread in \d\.\d+|\brecorded on \d\.\d+"
    r"|<[\w.-]+>|\b5\.11\b"
)


def test_every_field_behind_the_names_is_a_switch() -> None:
    assert [*SWITCHES] == FIELDS[4:]


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_change_of_a_switch_cites_a_commit_a_post_or_the_kernel_it_was_read_in(
    switch: str,
) -> None:
    history, posted = SWITCHES[switch].history, SWITCHES[switch].posted
    assert history[0][0] == OLDEST
    for _, value, source in history[1:]:
        assert SOURCE.search(source), f"{switch}={value}: {source}"
    for value, source in posted:
        assert SOURCE.search(source) or re.search(r"v\d of it", source), f"{switch}={value}"


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_value_of_a_switch_is_some_kernel_s_or_some_post_s(switch: str) -> None:
    it = SWITCHES[switch]
    told = [value for _, value, _ in it.history] + [value for value, _ in it.posted]
    assert set(it.values) == set(told)
    releases = [tuple(map(int, since.split("."))) for since, _, _ in it.history]
    assert releases == sorted(set(releases))


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_is_asked_for_by_the_engine(switch: str) -> None:
    assert module.__file__ is not None
    sources = Path(module.__file__).parent.rglob("*.py")
    texts = [path.read_text() for path in sources if path.name != "profile.py"]
    assert any(f".{switch}" in text for text in texts)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_known_by_its_name_and_uses_known_rules(name: str) -> None:
    profile = get_profile(name)
    assert profile.name == name
    assert profile.title
    for rule, switch in SWITCHES.items():
        assert getattr(profile, rule) in switch.values


def test_no_two_profiles_share_all_rules() -> None:
    names: dict[KernelProfile, list[str]] = {}
    for name, profile in PROFILES.items():
        names.setdefault(replace(profile, name="", title="", release=""), []).append(name)
    assert [shared for shared in names.values() if len(shared) > 1] == []


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
    ("7.3", "per-block", "merged", "all-or-none", 1, True, True),
    ("7.0", "per-block", "merged", "all-or-none", 1, True, True),
    ("6.18", "per-block", "merged", "all-or-none", 1, True, True),
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


def rules(profile: KernelProfile) -> list[object]:
    return [getattr(profile, switch) for switch in SWITCHES]


@pytest.mark.parametrize(("rule", "words"), RULE_VALUES.items())
def test_every_switch_can_be_named_by_rule_and_changes_nothing_else(
    rule: str, words: tuple[str, ...]
) -> None:
    base = get_profile("6.1")
    for word, value in zip(words, SWITCHES[rule].values, strict=True):
        changed = base.with_rule(rule, word)
        assert getattr(changed, rule) == value
        together = {rule, "removal"} if rule == "memmap" else {rule}
        assert all(
            getattr(changed, other) == getattr(base, other) for other in set(SWITCHES) - together
        )


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("4.13", {"zone_shifting": False, "shrink": "remove-valid", "cancels_last": False}),
        ("4.18", {"zone_shifting": False, "isolates_own_vmemmap": True}),
        ("5.4", {"shrink": "remove-valid", "cancels_last": True}),
        ("5.10", {"shrink": "merged", "arm64_keeps_boot_memory": True, "memmap": "ram"}),
        ("5.15", {"auto_movable": True, "hugetlb_kept_pages": 2, "fallback_log": False}),
        ("5.19", {"hugetlb_kept_pages": 1, "hugetlb_excludes_memmap": True}),
        ("6.2", {"hugetlb_new_head": True, "force": False, "memmap_falls_back": False}),
        ("6.7", {"memmap": "single-block", "node_state_first": True, "force": True}),
        ("6.9", {"memmap": "per-block", "removal": "all-or-none", "prepare_notifiers": True}),
        ("6.14", {"hugetlb_boot_vmemmap": False, "advised_block_size": False}),
        ("6.15", {"hugetlb_boot_vmemmap": True, "node_notifier": False}),
        ("6.17", {"node_notifier": True, "normal_memory_mask": False, "node_online_first": False}),
        ("6.19", {"node_online_first": True, "prepare_notifiers": False}),
        ("7.1", {"hugetlb_shared_tail": True, "arm64_whole_leaves": True}),
        ("7.2", {"normal_memory_mask": True, "dax_state_file": False}),
    ],
)
def test_a_release_in_between_has_what_came_before_it(
    release: str, expected: dict[str, object]
) -> None:
    profile = get_profile(release)
    assert (profile.name, profile.title) == (release, f"Linux {release}")
    assert {name: getattr(profile, name) for name in expected} == expected


def test_a_series_is_a_release_with_some_rules_set_otherwise() -> None:
    v2, base = get_profile("memmap-v2"), get_profile("5.3")
    assert v2.release == "5.3"
    differing = {name for name in SWITCHES if getattr(v2, name) != getattr(base, name)}
    assert differing == {"memmap", "removal", "vmemmap_knob"}


def test_a_release_newer_than_all_has_the_newest_rules_and_says_so() -> None:
    newer = get_profile("9.1")
    assert rules(newer) == rules(get_profile(NEWEST))
    assert (newer.name, newer.kernel) == (NEWEST, "9.1")
    assert newer.title == f"Linux 9.1, by the rules of {NEWEST}"


@pytest.mark.parametrize("word", ["4.11", "4.21", "5.20", "6.20", "06.1", "6", "6.1.3", "6.-1", ""])
def test_what_is_no_release_from_4_12_on_is_none(word: str) -> None:
    assert not is_release(word)


@pytest.mark.parametrize(
    ("kernel", "name"),
    [
        ("6.12.9-arch1", "6.12"),
        ("5.10.0-8-amd64", "5.10"),
        ("6.18.15", "6.18"),
        ("6.18.24", "6.18"),
        ("4.4.0", OLDEST),
        ("5.30.1", "5.19"),
        ("12.3", NEWEST),
        ("custom", NEWEST),
    ],
)
def test_the_profile_of_what_a_kernel_calls_itself(kernel: str, name: str) -> None:
    assert profile_of(kernel).name == name


@pytest.mark.parametrize(("release", "first", "last", "rule", "value", "source"), POINT_RELEASES)
def test_a_stable_release_may_differ_from_its_first(
    release: str, first: int, last: int, rule: str, value: object, source: str
) -> None:
    assert SOURCE.search(source)
    kernels = (f"{release}.{first - 1}", f"{release}.{first}", f"{release}.{last}-1-amd64")
    found = [getattr(profile_of(kernel), rule) for kernel in kernels]
    assert found == [not value, value, value]
    assert getattr(profile_of(release), rule) is not value


def test_a_kernel_is_of_its_own_release_only() -> None:
    assert is_release_of("6.12.9-arch1", "6.12")
    assert not is_release_of("6.120.1", "6.12")
    assert get_profile("5.14").is_since("5.5")
    assert not get_profile("5.5").is_since("5.14")


def test_a_kernel_has_its_parameters_and_no_others() -> None:
    assert dict(booted("machine profile=4.19").view().params).keys() == {
        "auto_online_blocks",
        "movable_node",
        "hugetlb_free_vmemmap",
    }
    assert "vmemmap_hotplug" in dict(booted("machine profile=memmap-v2").view().params)
    machine = booted("machine profile=5.14")
    assert "memmap_on_memory" in dict(machine.view().params)
    assert machine.run("set online_policy=auto-movable").errno == "ENOENT"
    assert machine.run("set memmap_on_memory=Y").ok
