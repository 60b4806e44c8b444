"""Paths of the kernel's files as they stand in shell lines.

Which files are known (:func:`is_known_file`), what a shell makes of braces
(:func:`expand_braces`), and how a path that a mail abbreviates is completed
(:func:`complete_path`). Nothing here touches a file system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pfnmap.engine.geometry import MAX_NUMNODES
from pfnmap.engine.params import MODULE_PARAMS

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
HUGEPAGE_FILES: Final = ("nr_hugepages", "free_hugepages")
VM_FILES: Final = ("nr_hugepages", "hugetlb_optimize_vmemmap")
PROC_FILES: Final = ("zoneinfo", "iomem", "meminfo", "buddyinfo", "cmdline")

BIND: Final = re.compile(r"/sys/bus/(nd|dax)/drivers/([\w-]+)/(bind|unbind|new_id|remove_id)\Z")
"""Where writes give a device to a driver, or take it away: bus, driver, file."""
DAX_MODE: Final = re.compile(r"/sys/bus/nd/devices/(dax\d+\.\d+)/mode\Z")
"""Where the struct pages of a dax device to be are to lie: ``ram``, ``pmem``."""
DAX_DRIVERS: Final = "/sys/bus/dax/drivers"
DAX_FILE: Final = re.compile(r"/sys/bus/dax/devices/([\w.:-]+)/(\w+)\Z")
"""A file of a dax device: its name, the file's."""

MAX_BRACE_WORDS: Final = 4096

_BLOCK = re.compile(r"memory(0|[1-9][0-9]{0,9})\Z")
_NODE = re.compile(r"node(0|[1-9][0-9]{0,9})\Z")
_PAGE_SIZE = re.compile(r"hugepages-([1-9][0-9]{0,9})kB\Z")
_MASK_PART = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?\Z")
_BRACES = re.compile(r"\{([^{}]*)\}")
_SEQUENCE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})\Z")


_FILES: Final = {
    MEMORY_DIR: MEMORY_FILES,
    PARAMETERS_DIR: MODULE_PARAMS,
    NODE_DIR: NODE_FILES,
    VM_DIR: VM_FILES,
    "/proc": PROC_FILES,
}
"""The files of each folder with a fixed name."""


def is_known_file(path: str) -> bool:
    """Whether an absolute path without globs is a file that the lines here are about."""
    folder, _slash, file = path.rpartition("/")
    parent, _slash, last = folder.rpartition("/")
    if folder in _FILES:
        return file in _FILES[folder]
    if parent == HUGEPAGES_DIR:
        return file in HUGEPAGE_FILES and _PAGE_SIZE.match(last) is not None
    # Blocks are in the memory folder and, as links, in their node's.
    if _BLOCK.match(last):
        above, _slash, node = parent.rpartition("/")
        in_node = above == NODE_DIR and _NODE.match(node) is not None
        return file in BLOCK_FILES and (parent == MEMORY_DIR or in_node)
    return parent == NODE_DIR and file == "meminfo" and _NODE.match(last) is not None


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
        if is_known_file(f"{folder}/{sample}"):
            return f"{folder}/{rest}"
    return None


def parse_mask(text: str) -> tuple[int, ...] | None:
    """A node list as sysfs prints it (``0-1,3``), ascending; None where it is not one."""
    numbers: set[int] = set()
    for part in text.strip().split(",") if text.strip() else []:
        if (found := _MASK_PART.match(part)) is None:
            return None
        low, high = int(found[1]), int(found[2] or found[1])
        if not low <= high < MAX_NUMNODES:
            return None
        numbers.update(range(low, high + 1))
    return tuple(sorted(numbers))
