"""Paths of the kernel's files."""

from __future__ import annotations

import pytest

from pfnmap.engine.sysfs_words import (
    MAX_BRACE_WORDS,
    complete_path,
    expand_braces,
    is_known_file,
)

MEMORY = "/sys/devices/system/memory"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        (f"{MEMORY}/memory34/state", True),
        ("/sys/devices/system/node/node1/memory34/state", True),
        (f"{MEMORY}/probe", True),
        ("/sys/devices/system/node/has_memory", True),
        ("/sys/devices/system/node/node1/meminfo", True),
        ("/sys/module/memory_hotplug/parameters/online_policy", True),
        ("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", True),
        ("/proc/sys/vm/nr_hugepages", True),
        ("/proc/zoneinfo", True),
        (f"{MEMORY}/memory034/state", False),
        (f"{MEMORY}/memory34/stat", False),
        (f"{MEMORY}/memory34/state/x", False),
        ("/sys/devices/system/node/memory34/state", False),
        ("/sys/kernel/mm/hugepages/hugepages-2M/nr_hugepages", False),
        ("/proc/kcore", False),
        ("state", False),
        ("", False),
    ],
)
def test_which_files_are_known(path: str, known: bool) -> None:
    assert is_known_file(path) is known


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/any/absolute/path", "/any/absolute/path"),
        ("…/memory34/state", f"{MEMORY}/memory34/state"),
        (".../memory/memory34/state", f"{MEMORY}/memory34/state"),
        ("./memory34/state", f"{MEMORY}/memory34/state"),
        ("devices/system/memory/probe", f"{MEMORY}/probe"),
        ("…/memory*/valid_zones", f"{MEMORY}/memory*/valid_zones"),
        ("…/memory[3-4]?/valid_zones", f"{MEMORY}/memory[3-4]?/valid_zones"),
        ("…/zoneinfo", "/proc/zoneinfo"),
        ("…/node0/meminfo", "/sys/devices/system/node/node0/meminfo"),
        ("…/memory34/stat", None),
        ("notes.txt", None),
        ("…/", None),
    ],
)
def test_completing_what_a_mail_shortens(text: str, path: str | None) -> None:
    assert complete_path(text) == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", ["a"]),
        ("a{1,2}", ["a1", "a2"]),
        ("a{3..1}b", ["a3b", "a2b", "a1b"]),
        ("{1,2}{x,y}", ["1x", "1y", "2x", "2y"]),
        ("a{1}b", ["a{1}b"]),
        ("a{}b{1,2}", ["a{}b1", "a{}b2"]),
    ],
)
def test_braces_as_the_shell_multiplies_them(text: str, words: list[str]) -> None:
    assert list(expand_braces(text)) == words


def test_braces_stop_just_above_the_limit() -> None:
    assert sum(1 for _word in expand_braces("{1..999999999}{1..999999999}")) == MAX_BRACE_WORDS + 1
