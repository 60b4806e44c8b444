"""One pass over a tree of kernel files: everything that is known of a machine, as values.

The layout is that of ``/sys`` and ``/proc`` (``Documentation/ABI/testing/sysfs-devices-memory``
of the kernel); a directory that ``lsmem --sysroot`` takes is one, with less in it. Nothing but
a missing memory directory is an error: what cannot be read is left unknown and noted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from pfnmap.engine.errors import InputError
from pfnmap.engine.params import Params
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.sysroot.files import SHORT_BYTES, FileProblem, Notes, Tree, clean
from pfnmap.engine.sysroot.observation import Observation
from pfnmap.engine.sysroot.parse import (
    IomemLine,
    ZoneInfo,
    parse_block_size,
    parse_count,
    parse_iomem,
    parse_zoneinfo,
)
from pfnmap.engine.sysroot.read_blocks import MEMORY, NODE, BlockReader, read_node_ids
from pfnmap.engine.view import HugetlbPool

PARAMETERS = "sys/module/memory_hotplug/parameters"
HUGEPAGES = "sys/kernel/mm/hugepages"
ZONEINFO = "proc/zoneinfo"
IOMEM = "proc/iomem"
PARAMETER_NAMES = (
    "memmap_on_memory",
    "online_policy",
    "auto_movable_ratio",
    "auto_movable_numa_aware",
)
MASKS = ("online", "possible", "has_memory", "has_normal_memory", "has_cpu")

MAX_FILE = 8 << 20
"""Most bytes of ``/proc/zoneinfo`` and ``/proc/iomem`` that are read."""

_POOL_NAME = re.compile(r"hugepages-(\d{1,12})kB\Z")


def observe(tree: Tree) -> Observation:
    """Read a tree once; InputError when it has no memory directory."""
    return Reader(tree).read()


class Reader:
    """Reads a tree again and again, each time only what can have changed."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._blocks = BlockReader(tree)
        self._last: Observation | None = None
        self._notes = Notes()
        self._kernel = _one_word(tree, "proc/sys/kernel/osrelease", self._notes)
        self._arch, self._page_bytes = _machine_name(tree), _page_size(tree)
        self._block_bytes = _block_size(tree, self._notes)

    def read(self) -> Observation:
        """The machine now: the same object as the last time when nothing changed."""
        notes = self._notes.copy()
        zones, iomem = read_zones(self.tree, notes), read_iomem(self.tree, notes)
        params = read_params(self.tree, notes)
        last = self._last
        changed = last is None or last.zones != zones or last.params != params
        blocks = self._blocks.read(surroundings_changed=changed)
        node_ids = read_node_ids(self.tree, notes)
        now = Observation(
            title=self.tree.name,
            kernel=self._kernel,
            arch=self._arch,
            page_bytes=self._page_bytes,
            block_bytes=self._block_bytes,
            blocks=blocks,
            zones=zones,
            iomem=iomem,
            masks=read_masks(self.tree, notes),
            node_ids=node_ids,
            params=params,
            pools=read_pools(self.tree, node_ids, notes),
            notes=(*self._blocks.notes, *notes.lines()),
        )
        if last is None or last != now:
            self._last = last = now
        return last


def read_masks(tree: Tree, notes: Notes) -> dict[str, tuple[int, ...]]:
    """The node masks that can be read; without their directory, which is noted, none."""
    masks: dict[str, tuple[int, ...]] = {}
    if notes.has(NODE):
        return masks
    for name in MASKS:
        path = f"{NODE}/{name}"
        try:
            mask = parse_mask(tree.read(path, 1 << 16).decode("ascii", "replace"))
        except FileProblem as problem:
            notes.problem(problem)
            continue
        if mask is None:
            notes.add(f"{path}: no list of nodes")
        else:
            masks[name] = mask
    return masks


# -- single files -----------------------------------------------------------------------
def read_zones(tree: Tree, notes: Notes) -> tuple[ZoneInfo, ...] | None:
    """``/proc/zoneinfo``; None where it cannot be read."""
    try:
        zones, problems = parse_zoneinfo(tree.read(ZONEINFO, MAX_FILE))
    except FileProblem as problem:
        notes.problem(problem)
        return None
    for text in problems[:4]:
        notes.add(f"{ZONEINFO}: {text}")
    return zones or None


def read_iomem(tree: Tree, notes: Notes) -> tuple[IomemLine, ...] | None:
    """Memory lines of ``/proc/iomem``; None where it cannot be read or hides its addresses."""
    try:
        lines, problems = parse_iomem(tree.read(IOMEM, MAX_FILE))
    except FileProblem as problem:
        notes.problem(problem)
        return None
    for text in problems:
        notes.add(f"{IOMEM}: {text}")
    return lines or None


def _block_size(tree: Tree, notes: Notes) -> int | None:
    path = f"{MEMORY}/block_size_bytes"
    try:
        data = tree.read(path, SHORT_BYTES)
    except FileProblem as problem:
        notes.problem(problem)
        return None
    size = parse_block_size(data)
    if size is None:
        notes.add(f"{path}: {clean(data, 40)!r} is no block size in hexadecimal")
    return size


def _one_word(tree: Tree, path: str, notes: Notes | None) -> str | None:
    try:
        return clean(tree.read(path, SHORT_BYTES)) or None
    except FileProblem as problem:
        if notes is not None:
            notes.problem(problem)
        return None


def _machine_name(tree: Tree) -> str | None:
    """``kernel.arch`` (since Linux 6.1), or that of this machine when it is its own tree."""
    word = _one_word(tree, "proc/sys/kernel/arch", None)
    return word or (clean(os.uname().machine) if tree.is_this_machine else None)


def _page_size(tree: Tree) -> int | None:
    """Page size as a text dump notes it, or that of this machine when it is its own tree."""
    if tree.is_this_machine:
        return os.sysconf("SC_PAGE_SIZE")
    size = parse_count((_one_word(tree, "pagesize", None) or "").encode(), 1 << 20)
    return size if size and not size & (size - 1) and size >= 4096 else None


def read_params(tree: Tree, notes: Notes) -> dict[str, str]:
    """The parameters as words of ``set``; of the kernel's command line only what matters."""
    found: list[tuple[str, str, str]] = []
    sources = [(name, f"{PARAMETERS}/{name}") for name in PARAMETER_NAMES]
    sources.append(("auto_online_blocks", f"{MEMORY}/auto_online_blocks"))
    for name, path in sources:
        word = _one_word(tree, path, notes)
        if word is not None:
            found.append((name, word, path))
    path = "proc/sys/vm/hugetlb_optimize_vmemmap"
    if (word := _one_word(tree, path, None)) is not None:
        found.append(("hugetlb_free_vmemmap", word, path))
    if _boot_option(tree, b"movable_node"):
        found.append(("movable_node", "Y", "proc/cmdline"))
    params: dict[str, str] = {}
    for name, word, path in found:
        try:
            params[name] = dict(Params().with_word(name, word).words())[name]
        except InputError:
            notes.add(f"{path}: {word!r} is no value of {name}")
    return params


def _boot_option(tree: Tree, option: bytes) -> bool:
    """Whether the kernel was started with this word; nothing else of the line is kept."""
    try:
        return option in tree.read("proc/cmdline", 1 << 16).split()
    except FileProblem:
        return False


def read_pools(tree: Tree, nodes: Iterable[int], notes: Notes) -> tuple[HugetlbPool, ...]:
    """Huge page pools of the machine and of each node."""
    places: list[tuple[int | None, str]] = [(None, HUGEPAGES)]
    places += [(node, f"{NODE}/node{node}/hugepages") for node in nodes]
    pools: list[HugetlbPool] = []
    for node, path in places:
        try:
            names = tree.subdirectories(path)
        except FileProblem as problem:
            if node is None:
                notes.problem(problem)
            continue
        for name in names:
            if found := _POOL_NAME.match(name):
                pools += _pool(tree, node, int(found[1]) << 10, f"{path}/{name}")
    return tuple(sorted(pools, key=lambda p: (p.node is not None, p.node or 0, p.page_bytes)))


def _pool(tree: Tree, node: int | None, page_bytes: int, path: str) -> list[HugetlbPool]:
    def number(file: str) -> int | None:
        try:
            return parse_count(tree.read(f"{path}/{file}", SHORT_BYTES))
        except FileProblem:
            return None

    total, free = number("nr_hugepages"), number("free_hugepages")
    if total is None or free is None:
        return []
    reserved = number("resv_hugepages") if node is None else None
    return [HugetlbPool(node, page_bytes, total, free, reserved, number("surplus_hugepages"))]
