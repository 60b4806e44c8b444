"""Paths of the kernel's files."""

from __future__ import annotations

import pytest

from engine.sysfs_words import MAX_BRACE_WORDS, KernelFile, classify, complete_path, expand_braces

MEMORY = "/sys/devices/system/memory"


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (f"{MEMORY}/memory34/state", KernelFile("block", "state", 34)),
        ("/sys/devices/system/node/node1/memory34/state", KernelFile("block", "state", 34)),
        (f"{MEMORY}/probe", KernelFile("memory", "probe")),
        ("/sys/devices/system/node/has_memory", KernelFile("nodes", "has_memory")),
        ("/sys/devices/system/node/node1/meminfo", KernelFile("node", "meminfo", 1)),
        ("/sys/module/memory_hotplug/parameters/online_policy",
         KernelFile("parameter", "online_policy")),
        ("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
         KernelFile("hugepages", "nr_hugepages", page_bytes=2 << 20)),
        ("/proc/sys/vm/nr_hugepages", KernelFile("vm", "nr_hugepages")),
        ("/proc/zoneinfo", KernelFile("proc", "zoneinfo")),
        (f"{MEMORY}/memory034/state", None),
        (f"{MEMORY}/memory34/stat", None),
        (f"{MEMORY}/memory34/state/x", None),
        ("/proc/kcore", None),
        ("state", None),
        ("", None),
    ],
)
def test_which_file_a_path_means(path: str, file: KernelFile | None) -> None:
    assert classify(path) == file


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
