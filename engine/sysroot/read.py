"""One pass over a tree of kernel files: everything that is known of a machine, as values.

The layout is that of ``/sys`` and ``/proc`` (``Documentation/ABI/testing/sysfs-devices-memory``
of the kernel); a directory that ``lsmem --sysroot`` takes is one, with less in it. Nothing but
a missing memory directory is an error: what cannot be read is left unknown and noted.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from pfnmap.engine.cmdline import CORE_PARAMS, MODULE
from pfnmap.engine.errors import InputError
from pfnmap.engine.memory.alike import joined
from pfnmap.engine.params import PARAM_VALUES, Params
from pfnmap.engine.sysfs_words import parse_mask
from pfnmap.engine.sysroot.observation import BlockColumns, Listed, Observation, Span
from pfnmap.engine.sysroot.parse import (
    DriverDevice,
    IomemLine,
    ZoneInfo,
    parse_block_size,
    parse_count,
    parse_driver_log,
    parse_iomem,
    parse_release,
    parse_zoneinfo,
)
from pfnmap.engine.sysroot.read_blocks import (
    MEMORY,
    NODE,
    BlockReader,
    block_numbers,
    read_node_ids,
    zone_ends,
)
from pfnmap.engine.sysroot.trees import SHORT_BYTES, FileProblem, Notes, Tree, clean
from pfnmap.engine.view import HugetlbPool, MemoryConfig

PARAMETERS = "sys/module/memory_hotplug/parameters"
CONFIG = "sys/firmware/memory"
LOGS = ("dmesg", "sos_commands/kernel/dmesg", "var/log/dmesg")
"""Where a dump, a report of sos, or a machine keeps the kernel's log, if at all."""
DAX = "sys/bus/dax"
HUGEPAGES = "sys/kernel/mm/hugepages"
ZONEINFO = "proc/zoneinfo"
IOMEM = "proc/iomem"
PARAMETER_NAMES = (
    "memmap_on_memory",
    "online_policy",
    "auto_movable_ratio",
    "auto_movable_numa_aware",
)
_SPLITS = ("kernelcore", "movablecore")
"""Boot memory that they put into Movable is not modelled."""
MASKS = ("online", "possible", "has_memory", "has_normal_memory", "has_cpu")

MAX_FILE = 8 << 20
"""Most bytes of ``/proc/zoneinfo`` and ``/proc/iomem`` that are read."""

_POOL_NAME = re.compile(r"hugepages-(\d{1,12})kB\Z")


def observe(tree: Tree, given: Listed | None = None) -> Observation:
    """Read a tree once; InputError when it has no memory directory.

    ``given``: its blocks as lsmem printed them, where the tree has none.
    """
    return Reader(tree, given).read()


class _ListedBlocks:
    """Blocks that were read already, as a reader of blocks."""

    def __init__(self, given: Listed) -> None:
        self.blocks = given.blocks
        self.notes: tuple[str, ...] = ()

    def read(
        self, *, counts_changed: bool, zones_moved: bool, in_sight: Span | None
    ) -> BlockColumns:
        """The blocks, which never change."""
        del counts_changed, zones_moved, in_sight
        return self.blocks


class Reader:
    """Reads a tree again and again, each time only what can have changed."""

    def __init__(self, tree: Tree, given: Listed | None = None) -> None:
        """``given``: see :func:`observe`."""
        self.tree = tree
        self._listed = given
        self._last: Observation | None = None
        self._notes = Notes()
        self._kernel = _one_word(tree, "proc/sys/kernel/osrelease", None) or _release(tree)
        self._blocks = BlockReader(tree, self._kernel) if given is None else _ListedBlocks(given)
        if self._kernel is None:
            self._notes.problem(FileProblem("proc/sys/kernel/osrelease", errno.ENOENT))
        self._arch, self._page_bytes = _machine_name(tree), _page_size(tree)
        self._block_bytes = given.block_bytes if given else _block_size(tree, self._notes)
        self._log = read_log(tree)

    def read(self, in_sight: Span | None = None) -> Observation:
        """The machine now: the same object as the last time when nothing changed.

        ``in_sight``: see :meth:`BlockReader.read`.
        """
        notes = self._notes.copy()
        zones, iomem = read_zones(self.tree, notes), read_iomem(self.tree, notes)
        params = read_params(self.tree, notes)
        last = self._last
        if last is None or last.iomem != iomem:
            in_sight = None
        blocks = self._read_blocks(zones, params, in_sight)
        node_ids = read_node_ids(self.tree, notes)
        if self._listed:
            node_ids = tuple(sorted({*node_ids, *self._listed.node_ids}))
            if (word := self._listed.memmap_on_memory) and "memmap_on_memory" not in params:
                params["memmap_on_memory"] = {"yes": "Y", "no": "N"}.get(word.lower(), "force")
        masks = read_masks(self.tree, notes)
        pools = read_pools(self.tree, node_ids, notes)
        if self._listed:
            there = (zones, iomem, params, pools)
            names = ("zones (/proc/zoneinfo)", "iomem", "parameters", "huge pages")
            absent = [name for name, what in zip(names, there, strict=True) if not what]
            lacks = ", ".join((*absent, *self._listed.missing))
            notes.problems.clear()
            notes.add(
                f"made from what lsmem printed{lacks and f', which lacks {lacks}'}; blocks of one "
                "line are taken to be alike"
            )
        now = Observation(
            title=self.tree.name,
            kernel=self._kernel,
            arch=self._arch,
            page_bytes=self._page_bytes,
            block_bytes=self._block_bytes,
            blocks=blocks,
            zones=zones,
            iomem=iomem,
            masks=masks,
            node_ids=node_ids,
            params=params,
            pools=pools,
            config=self._listed.config if self._listed else read_config(self.tree),
            devices=(*read_dax(self.tree), *parse_driver_log(self._log)),
            balloons=read_balloons(self.tree, self._log),
            notes=(*self._blocks.notes, *notes.lines()),
        )
        if last is None or last != now:
            self._last = last = now
        return last

    def _read_blocks(
        self, zones: tuple[ZoneInfo, ...] | None, params: Mapping[str, str], in_sight: Span | None
    ) -> BlockColumns:
        last = self._last
        before = (None, {}) if last is None else (last.zones, last.params)
        counts_changed = zone_counts(*before) != zone_counts(zones, params)
        zones_moved = zone_limits(*before) != zone_limits(zones, params)
        blocks = self._blocks.read(
            counts_changed=counts_changed, zones_moved=zones_moved, in_sight=in_sight
        )
        if zones is not None or last is None or blocks is last.blocks:
            return blocks
        if zone_ends(blocks) == zone_ends(last.blocks):
            return blocks
        return self._blocks.read(counts_changed=True, zones_moved=True, in_sight=in_sight)


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


def read_config(tree: Tree) -> tuple[MemoryConfig, ...]:
    """``/sys/firmware/memory``: the blocks that may be configured; empty where it is not there."""
    try:
        names = tree.subdirectories(CONFIG)
    except FileProblem:
        return ()
    ids = sorted(block_numbers(names)[0].tolist())
    rows = [
        [_truth(tree, f"{CONFIG}/memory{block}/{file}") for file in ("config", "memmap_on_memory")]
        for block in ids
    ]
    said = joined(((block, block, row) for block, row in zip(ids, rows, strict=True)))
    return tuple(MemoryConfig(first, last - first + 1, *row) for first, last, row in said)


def read_log(tree: Tree) -> bytes:
    """The kernel's log, empty where a tree has none."""
    for path in LOGS:
        with suppress(FileProblem):
            return tree.read(path, MAX_FILE)
    return b""


def read_balloons(tree: Tree, log: bytes) -> tuple[str, ...]:
    """The drivers of balloons that are loaded, or that the log names."""
    names = {"hv_balloon"} if b"hv_balloon: " in log else set[str]()
    with suppress(FileProblem):
        names |= {clean(name) for name in tree.names("sys/module") if name.endswith("_balloon")}
    return tuple(sorted(names))


def read_dax(tree: Tree) -> tuple[DriverDevice, ...]:
    """The dax devices and the drivers that hold them, ascending; empty where there are none."""

    def names(path: str) -> Sequence[str]:
        with suppress(FileProblem):
            return tree.names(f"{DAX}/{path}")
        return ()

    drivers = names("drivers")
    held = {name: driver for driver in drivers for name in names(f"drivers/{driver}")}
    devices: list[DriverDevice] = []
    for name in sorted({*names("devices"), *held}):
        if not name.startswith("dax"):
            continue
        path = f"{DAX}/devices/{name}"
        ranges = [
            [_hexadecimal(tree, f"{path}/{mapping}/{end}") for end in ("start", "end")]
            for mapping in sorted(names(f"devices/{name}"))
            if mapping.startswith("mapping")
        ]
        devices.append(
            DriverDevice(
                clean(name),
                clean(held.get(name, "none" if drivers else "")),
                _one_word(tree, f"{path}/state", None) or "",
                _truth(tree, f"{path}/memmap_on_memory"),
                (parse_mask(_one_word(tree, f"{path}/target_node", None) or "0") or (0,))[0],
                tuple((low, high) for low, high in ranges if low < high),
            )
        )
    return tuple(devices)


def _hexadecimal(tree: Tree, path: str) -> int:
    """An address as the kernel prints it, 0 where there is none."""
    word = _one_word(tree, path, None) or ""
    return int(word, 16) if re.fullmatch(r"0x[0-9a-f]{1,15}", word) else 0


def _truth(tree: Tree, path: str) -> bool | None:
    return {"0": False, "1": True}.get(_one_word(tree, path, None) or "")


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


def zone_counts(zones: tuple[ZoneInfo, ...] | None, params: Mapping[str, str]) -> object:
    """What a block that goes online or offline changes; a balloon changes ``managed`` alone."""
    return params, [
        (zone.node, zone.name, zone.start_pfn, zone.spanned, zone.present) for zone in zones or ()
    ]


def zone_limits(zones: tuple[ZoneInfo, ...] | None, params: Mapping[str, str]) -> object:
    """What ``valid_zones`` follows from, beside the block's own state (``valid_zones_show``).

    Zones' spans (``default_zone_for_pfn``; before 4.13 ``zone_can_shift``), and what is present
    only where ``auto_movable_zone_for_pfn`` decides.
    """
    if params.get("online_policy") == "auto-movable":
        return zone_counts(zones, params)
    return params, [(zone.node, zone.name, zone.start_pfn, zone.spanned) for zone in zones or ()]


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


def _release(tree: Tree) -> str | None:
    """The kernel's release as ``/proc/version`` has it, or ``uname -a`` in a report of sos."""
    for path in ("proc/version", "sos_commands/kernel/uname_-a"):
        try:
            release = parse_release(tree.read(path, 1 << 12))
        except FileProblem:
            continue
        if release is not None:
            return release
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
    given = _boot_words(tree)
    told = {name: word for name, word in given if name in PARAM_VALUES}
    from_boot = {name: told[name] for name in told if name not in {name for name, _, _ in found}}
    found += [(name, word, "proc/cmdline") for name, word in from_boot.items()]
    params: dict[str, str] = {}
    for name, word, path in found:
        try:
            params[name] = dict(Params().with_word(name, word).words())[name]
        except InputError:
            notes.add(f"{path}: {word!r} is no value of {name}")
            from_boot.pop(name, None)
    if words := [f"{name}={params[name]}" for name in from_boot if name != "movable_node"]:
        notes.add(f"from the kernel's command line: {', '.join(words)}")
    for name, word in given:
        if name in _SPLITS:
            notes.add(f"the kernel's command line says {name}={word}: boot memory is in Movable")
    return params


def _boot_words(tree: Tree) -> list[tuple[str, str]]:
    """What the kernel's command line says of hotplug; nothing else of it is kept.

    Names as ``set`` has them; the last word of a name counts, ``-`` and ``_`` are the same in it.
    """
    try:
        line = tree.read("proc/cmdline", 1 << 16).decode("ascii", "replace")
    except FileProblem:
        return []
    out: dict[str, str] = {}
    for word in line.replace('"', " ").split():
        name, equals, value = word.partition("=")
        name = name.replace("-", "_").removeprefix(MODULE)
        name = CORE_PARAMS.get(name, name)
        if name == "movable_node" and not equals:
            out[name] = "Y"
        elif equals and name in (*PARAMETER_NAMES, *CORE_PARAMS.values(), *_SPLITS):
            out[name] = clean(value)
    return list(out.items())


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
