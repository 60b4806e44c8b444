"""Paths of the kernel's files as they stand in shell lines.

Which file a path means (:func:`classify`), what a shell makes of braces
(:func:`expand_braces`), and how a path that a mail abbreviates is completed
(:func:`complete_path`). Nothing here touches a file system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MEMORY_DIR: Final = "/sys/devices/system/memory"
NODE_DIR: Final = "/sys/devices/system/node"
PARAMETERS_DIR: Final = "/sys/module/memory_hotplug/parameters"
HUGEPAGES_DIR: Final = "/sys/kernel/mm/hugepages"
VM_DIR: Final = "/proc/sys/vm"

BLOCK_FILES: Final = (
    "state",
    "online",
    "valid_zones",
    "removable",
    "phys_index",
    "phys_device",
)
"""Attributes of ``memoryN`` (``drivers/base/memory.c``, ``online``: ``drivers/base/core.c``)."""
MEMORY_FILES: Final = (
    "block_size_bytes",
    "auto_online_blocks",
    "probe",
    "vmemmap_hotplug",
)
"""Attributes of the memory subsystem; ``vmemmap_hotplug`` is the 2019 series' own."""
NODE_FILES: Final = ("online", "possible", "has_memory", "has_normal_memory", "has_cpu")
PARAMETER_FILES: Final = (
    "memmap_on_memory",
    "online_policy",
    "auto_movable_ratio",
    "auto_movable_numa_aware",
)
HUGEPAGE_FILES: Final = ("nr_hugepages", "free_hugepages")
VM_FILES: Final = ("nr_hugepages", "hugetlb_optimize_vmemmap")
PROC_FILES: Final = ("zoneinfo", "iomem", "meminfo", "buddyinfo", "cmdline")

MAX_BRACE_WORDS: Final = 4096

_NUMBERED = re.compile(r"(memory|node)(0|[1-9][0-9]{0,9})\Z")
_PAGE_SIZE = re.compile(r"hugepages-([1-9][0-9]{0,9})kB\Z")
_BRACES = re.compile(r"\{([^{}]*)\}")
_SEQUENCE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})\Z")


@dataclass(frozen=True, slots=True)
class KernelFile:
    """A file of the kernel that lines may read or write.

    ``kind`` is ``block``, ``memory``, ``node``, ``nodes``, ``parameter``, ``hugepages``,
    ``vm`` or ``proc``; ``file`` the last part of the path; ``number`` the block or node;
    ``page_bytes`` the size in ``hugepages-NkB``.
    """

    kind: str
    file: str
    number: int | None = None
    page_bytes: int | None = None


def classify(path: str) -> KernelFile | None:
    """The file that an absolute path without globs means, None for any other."""
    folder, _slash, file = path.rpartition("/")
    parent, _slash, last = folder.rpartition("/")
    if folder == MEMORY_DIR:
        return KernelFile("memory", file) if file in MEMORY_FILES else None
    if folder == PARAMETERS_DIR:
        return KernelFile("parameter", file) if file in PARAMETER_FILES else None
    if folder == NODE_DIR:
        return KernelFile("nodes", file) if file in NODE_FILES else None
    if folder == VM_DIR:
        return KernelFile("vm", file) if file in VM_FILES else None
    if folder == "/proc":
        return KernelFile("proc", file) if file in PROC_FILES else None
    if parent == HUGEPAGES_DIR and (size := _PAGE_SIZE.match(last)) and file in HUGEPAGE_FILES:
        return KernelFile("hugepages", file, page_bytes=int(size[1]) << 10)
    return _numbered(parent, last, file)


def _numbered(parent: str, last: str, file: str) -> KernelFile | None:
    """``memoryN/FILE``, directly or through a node's link, and ``nodeN/meminfo``."""
    numbered = _NUMBERED.match(last)
    if numbered is None:
        return None
    number = int(numbered[2])
    in_node = parent.startswith(f"{NODE_DIR}/") and _NUMBERED.match(parent[len(NODE_DIR) + 1 :])
    if numbered[1] == "memory" and (parent == MEMORY_DIR or in_node) and file in BLOCK_FILES:
        return KernelFile("block", file, number)
    if numbered[1] == "node" and parent == NODE_DIR and file == "meminfo":
        return KernelFile("node", file, number)
    return None


def expand_braces(path: str) -> Iterator[str]:
    """What the shell makes of ``{32,33}`` and ``{32..34}``; the path itself without braces.

    More than MAX_BRACE_WORDS words are not wanted by anybody: one more comes out, then no
    further ones.
    """
    todo, made = [path], 0
    while todo and made <= MAX_BRACE_WORDS:
        word = todo.pop()
        choices = None
        for braces in _BRACES.finditer(word):
            if choices := _choices(braces[1]):
                head, tail = word[: braces.start()], word[braces.end() :]
                todo.extend(f"{head}{choice}{tail}" for choice in reversed(choices))
                break
        if choices is None:
            made += 1
            yield word


def _choices(inside: str) -> list[str] | None:
    if sequence := _SEQUENCE.match(inside):
        first, last = int(sequence[1]), int(sequence[2])
        step = 1 if first <= last else -1
        numbers = range(first, last + step, step)[: MAX_BRACE_WORDS + 1]
        return [str(n) for n in numbers]
    return inside.split(",") if "," in inside else None


_ROOTS: Final = (MEMORY_DIR, PARAMETERS_DIR, VM_DIR, HUGEPAGES_DIR, NODE_DIR, "/proc")


@lru_cache(maxsize=1)
def _folders() -> tuple[str, ...]:
    """Every folder above a known file, the nearest to a file first."""
    folders: dict[str, None] = dict.fromkeys(_ROOTS)
    for root in _ROOTS:
        while "/" in root[1:]:
            root = root.rpartition("/")[0]
            folders.setdefault(root)
    return tuple(folders)


def complete_path(text: str) -> str | None:
    """An absolute path for what a line says; None when it cannot be told.

    Absolute paths come back as they are. ``…/memory34/state``, ``.../probe`` and relative
    paths such as ``memory34/state`` (typed in a directory of sysfs) are completed when they
    name a file that is known.
    """
    if text.startswith("/"):
        return text
    rest = text
    for dots in ("…/", ".../", "./"):
        rest = rest.removeprefix(dots)
    sample = re.sub(r"\[[^\]/]*\]|[*?]", "0", rest)  # any file that the globs could match
    sample = re.sub(r"memory0+(?=[1-9])", "memory", re.sub(r"memory0+(?=/)", "memory0", sample))
    for folder in _folders():
        if classify(f"{folder}/{sample}"):
            return f"{folder}/{rest}"
    return None
