"""The sysfs files that a shell line reads and writes, on a simulated machine.

Source: ``drivers/base/memory.c`` (``state_store``, ``auto_online_blocks_store``,
``probe_store``, ``valid_zones_show`` …) and ``drivers/base/core.c:online_store`` of 6.12.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from pfnmap.engine.arrays import NDArray
from pfnmap.engine.commands import SysfsRead, SysfsWrite
from pfnmap.engine.errors import InputError
from pfnmap.engine.kinds import REAL_ZONES, BlockState, OnlineType, ZoneType
from pfnmap.engine.limits import MAX_GLOB_FILES, MAX_HUGE_PAGES
from pfnmap.engine.memory.spans import grow
from pfnmap.engine.memory.state import Resource, State
from pfnmap.engine.memory.transaction import Transaction
from pfnmap.engine.operations import (
    add,
    allocations,
    hugetlb,
    kmem,
    offline,
    online,
    pending,
    remove,
)
from pfnmap.engine.operations.many_ranges import Reach, do_ranges
from pfnmap.engine.operations.zone_policy import valid_zones
from pfnmap.engine.outcome import NOT_MODELLED, Refusal
from pfnmap.engine.params import ONLINE_WORDS, kstrtobool, kstrtoull
from pfnmap.engine.sizes import format_mask
from pfnmap.engine.sysfs_words import (
    BIND,
    DAX_FILE,
    DAX_MODE,
    HUGEPAGES_DIR,
    MEMORY_DIR,
    NODE_DIR,
    NODE_FILES,
    PARAMETERS_DIR,
)

_BLOCK = re.compile(re.escape(MEMORY_DIR) + r"/memory(0|[1-9][0-9]{0,9})/(\w+)\Z")
_NODE_LINK = re.compile(re.escape(NODE_DIR) + r"/node([0-9]{1,4})/(memory([0-9]{1,10})/\w+)\Z")
_IN_BLOCK = re.compile(rf"(?:{re.escape(MEMORY_DIR)}|{re.escape(NODE_DIR)}/node\w+)/memory\w+\Z")
_NODE_MEMINFO = re.compile(re.escape(NODE_DIR) + r"/node([0-9]{1,4})/meminfo\Z")
_POOL = re.compile(re.escape(HUGEPAGES_DIR) + r"/hugepages-([1-9][0-9]{0,9})kB/nr_hugepages\Z")
_NODE_POOL = re.compile(
    re.escape(NODE_DIR)
    + r"/node([0-9]{1,4})/hugepages/hugepages-([1-9][0-9]{0,9})kB/nr_hugepages\Z"
)
_POISON = re.compile(re.escape(MEMORY_DIR) + r"/(hard|soft)_offline_page\Z")
_EJECT = re.compile(r"/sys/bus/acpi/devices/PNP0C80:([0-9a-f]{2})/eject\Z")


def _followed(state: State, path: str) -> str:
    """The path of a block for the link to it in its node's folder; any other as it is."""
    if path.startswith(NODE_DIR) and (found := _NODE_LINK.match(path)):
        row = state.blocks.at(int(found[3]))
        if row is not None and int(row["node"]) == int(found[1]):
            return f"{MEMORY_DIR}/{found[2]}"
    return path


def write(tx: Transaction, command: SysfsWrite) -> Refusal | None:
    """``echo WORD > PATH``; with a glob, from tee, each file in turn, and the last failure."""
    paths = expand(tx.state, command.path)
    if paths == [command.path]:
        return _write(tx, command.path, command.word)
    refusals = [refusal for _, refusal in write_each(tx, command.word, paths)]
    return refusals[-1] if refusals else None


def write_each(tx: Transaction, word: str, paths: Sequence[str]) -> Iterator[tuple[int, Refusal]]:
    """Write a word into one file after another; the index of each that refuses it, and why.

    Files of blocks whose numbers ascend are ranges of one block (:func:`do_ranges`).
    """
    at = 0
    while at < len(paths):
        blocks = _ascending(paths[at:])
        if not len(blocks):
            if (refusal := _write(tx, paths[at], word)) is not None:
                yield at, refusal
            at += 1
            continue
        name = paths[at].rpartition("/")[2]

        def one(tx: Transaction, first: int, _last: int, name: str = name) -> Refusal | None:
            return _write(tx, f"{MEMORY_DIR}/memory{first}/{name}", word)

        ranges = np.stack((blocks, blocks + 1), axis=1)
        for block, refusal in do_ranges(tx, ranges, one, _reach(name, word)):
            yield at + int(blocks.searchsorted(block)), refusal
        at += len(blocks)


def _ascending(paths: Sequence[str]) -> NDArray[np.int64]:
    """The blocks that the first paths are files of, of one name each, as far as they ascend."""
    blocks: list[int] = []
    name = ""
    for path in paths:
        found = _BLOCK.match(path)
        if found is None or (blocks and (int(found[1]) <= blocks[-1] or found[2] != name)):
            break
        blocks.append(int(found[1]))
        name = found[2]
    return np.array(blocks, np.int64)


def _reach(name: str, word: str) -> Reach | None:
    """How far a word onlines blocks into one zone; None where it onlines none."""
    if name == "online":
        return online.reach(OnlineType.ONLINE, through="online") if kstrtobool(word) else None
    kind = ONLINE_WORDS.get(word, OnlineType.OFFLINE)
    return online.reach(kind) if kind != OnlineType.OFFLINE else None


def _write(tx: Transaction, path: str, word: str) -> Refusal | None:
    path = _followed(tx.state, path)
    hotplug = _BLOCK.match(path) or _EJECT.match(path) or path == f"{MEMORY_DIR}/probe"
    hotplug = hotplug or path.startswith("/sys/bus/dax/")
    if hotplug and (refusal := pending.waits(tx)) is not None:
        return refusal
    if found := _BLOCK.match(path):
        return _write_block(tx, int(found[1]), found[2], word)
    if path == f"{MEMORY_DIR}/auto_online_blocks":
        return _write_param(tx, "auto_online_blocks", word, ONLINE_WORDS)
    if path == f"{MEMORY_DIR}/probe":
        if not tx.state.probe_file:
            return Refusal("EACCES", "sysfs", "this kernel is without CONFIG_ARCH_MEMORY_PROBE")
        return _probe(tx, word)
    if path == f"{MEMORY_DIR}/vmemmap_hotplug":
        if not tx.state.profile.vmemmap_knob:
            return Refusal("ENOENT", "sysfs", f"{tx.state.profile.name} has no vmemmap_hotplug")
        return _write_param(tx, "vmemmap_hotplug", word, ("enable", "disable"))
    if found := _POISON.match(path):
        return _poison(tx, found[1], word)
    if found := _EJECT.match(path):
        return _eject(tx, found[1], word)
    if path.startswith(PARAMETERS_DIR + "/"):
        return _write_parameter(tx, path.rpartition("/")[2], word)
    if found := _POOL.match(path):
        return _resize_pool(tx, int(found[1]) << 10, word)
    if found := _NODE_POOL.match(path):
        if int(found[1]) not in tx.state.nodes_in("online"):
            return Refusal("ENOENT", "sysfs", f"node {found[1]} is not online")
        return _resize_pool(tx, int(found[2]) << 10, word, int(found[1]))
    if path == "/proc/sys/vm/nr_hugepages":
        return _resize_pool(tx, tx.state.geometry.hugetlb_bytes[0], word)
    if path == "/proc/sys/vm/hugetlb_optimize_vmemmap":
        if not re.fullmatch(r"[0-9]{1,19}", word):
            return Refusal("EINVAL", "proc_dobool", f"{word} is no number")
        return _write_param(tx, "hugetlb_free_vmemmap", "on" if int(word) else "off", ("on", "off"))
    if found := BIND.match(path):
        if found[1] == "dax":
            return kmem.write_driver(tx, found[2], found[3], word)
        return _bind(tx, found[2], found[3], word)
    if (found := DAX_MODE.match(path)) and (region := _region(tx.state, _number(found[1]))):
        where, hosting = (region.start, region.end), word == "pmem"
        tx.state = kmem.with_region(tx.state, found[1], *where, hosting=hosting)
        tx.event("mode_store", f"{found[1]}: struct pages in {word}")
        return None
    if found := DAX_FILE.match(path):
        return kmem.write_file(tx, found[1], found[2], word)
    if _is_modelled(path):
        return Refusal("ENOENT", "sysfs", f"{path}: there is no such file")
    tx.notes.append(f"{path}{NOT_MODELLED}; nothing is written")
    return None


def _poison(tx: Transaction, how: str, word: str) -> Refusal | None:
    """``hard_offline_page_store`` and ``soft_offline_page_store``: an address."""
    if (address := kstrtoull(word)) is None:
        return Refusal("EINVAL", f"{how}_offline_page_store", f"{word} is no address")
    if address >> 64:
        return Refusal("ERANGE", f"{how}_offline_page_store", f"{word} has more than 64 bits")
    pfn = address >> tx.state.geometry.page_shift
    return allocations.poison(tx, pfn, hard=how == "hard")


def _eject(tx: Transaction, index: str, word: str) -> Refusal | None:
    """``eject_store``: the write succeeds once the request is queued, whatever comes of it."""
    if not word.startswith("1"):
        return Refusal("EINVAL", "eject_store", f"{word}: expected 1")
    number = int(index, 16)
    held = next((d for d in tx.state.devices.values() if d.acpi_index == number), None)
    failed = next((d for d in tx.state.failed_dimms if d.acpi_index == number), None)
    if failed is not None and failed.bound:
        add.unplug_failed(tx, failed.name)
    elif held is None:
        return Refusal("ENODEV", "eject_store", f"no driver holds PNP0C80:{index}")
    elif (refusal := remove.eject(tx, held)) is not None:
        tx.notes.append(f"the eject fails later: {refusal.errno}, {refusal.rule}")
    return None


def _write_block(tx: Transaction, block: int, name: str, word: str) -> Refusal | None:
    if tx.state.blocks.at(block) is None:
        return Refusal("ENOENT", "sysfs", f"there is no memory block {block}", block)
    if name == "state":
        if word not in ONLINE_WORDS:
            return Refusal("EINVAL", "state_store", f"{word} is no state", block)
        kind = ONLINE_WORDS[word]
        if kind == OnlineType.OFFLINE:
            return offline.offline_blocks(tx, block, block)
        return online.online_blocks(tx, block, block, kind)
    if name == "online":
        if (truth := kstrtobool(word)) is None:
            return Refusal("EINVAL", "online_store", f"{word} is no boolean", block)
        if truth:
            if word in ONLINE_WORDS:
                tx.event(
                    "online_store",
                    f"kstrtobool takes {word} for 1 and looks at no letter behind 'on': no zone is "
                    "asked for; the file that takes a zone is `state`",
                    block=block,
                )
            return online.online_blocks(tx, block, block, OnlineType.ONLINE, through="online")
        return offline.offline_blocks(tx, block, block, through="online")
    return Refusal("EACCES", "sysfs", f"memory{block}/{name} cannot be written", block)


def _write_param(
    tx: Transaction, name: str, word: str, allowed: tuple[str, ...] | dict[str, OnlineType]
) -> Refusal | None:
    if word not in allowed:
        return Refusal("EINVAL", f"{name}_store", f"{word}: expected {', '.join(allowed)}")
    tx.state = replace(tx.state, params=tx.state.params.with_word(name, word))
    tx.event(f"{name}_store", f"{name} is {word}")
    return None


def _write_parameter(tx: Transaction, name: str, word: str) -> Refusal | None:
    has = tx.state.profile.has_param(name)
    if name == "memmap_on_memory" and has:
        return Refusal("EACCES", "sysfs", "memmap_on_memory is 0444: the boot line decides")
    if not has or name not in ("online_policy", "auto_movable_ratio", "auto_movable_numa_aware"):
        return Refusal("ENOENT", "sysfs", f"memory_hotplug has no parameter {name}")
    try:
        params = tx.state.params.with_word(name, word)
    except InputError:
        return Refusal("EINVAL", "param_attr_store", f"{word} is no value of {name}")
    tx.state = replace(tx.state, params=params)
    tx.event("param_attr_store", f"{name} is {word}")
    return None


def _probe(tx: Transaction, word: str) -> Refusal | None:
    """``probe_store``: hot-add exactly one block (CONFIG_ARCH_MEMORY_PROBE)."""
    if (address := kstrtoull(word)) is None:
        return Refusal("EINVAL", "probe_store", f"{word} is no address")
    if address >> 64:
        return Refusal("ERANGE", "probe_store", f"{word} has more than 64 bits")
    size = tx.state.geometry.block_bytes
    if address % size:
        return Refusal("EINVAL", "probe_store", f"{address:#x} is no multiple of {size:#x}")
    return add.probe(tx, address)


def _resize_pool(
    tx: Transaction, page_bytes: int, word: str, node: int | None = None
) -> Refusal | None:
    """``nr_hugepages_store``: grow or shrink the pool of one size, on one node or anywhere."""
    if page_bytes not in tx.state.geometry.hugetlb_bytes:
        rule = f"{tx.state.geometry.arch} has no huge pages of {page_bytes >> 10} kB"
        return Refusal("ENOENT", "sysfs", rule)
    if not re.fullmatch(r"\+?[0-9]+", word):
        return Refusal("EINVAL", "nr_hugepages_store", f"{word} is no number")
    if len(word.lstrip("+0")) > 20 or int(word) >> 64:
        return Refusal("ERANGE", "nr_hugepages_store", f"{word} has more than 64 bits")
    pages = page_bytes // tx.state.geometry.page_bytes
    held = [h for h in tx.state.hugetlb.values() if h.page_pages == pages]
    counts = [hugetlb.count_on(tx.state, pool, node) for pool in held]
    wanted, have = int(word), sum(counts)
    if wanted > have:
        name = f"nr_hugepages-{page_bytes >> 10}kB-{tx.state.next_id}"
        missing = min(wanted - have, MAX_HUGE_PAGES)
        if node is not None:
            starts = hugetlb.find(tx.state, node, pages, missing)
        else:
            starts, following = hugetlb.find_round_robin(tx.state, pages, missing)
            tx.state = replace(tx.state, next_huge_node=following)
        if starts:
            hugetlb.allocate(tx, name, starts, pages)
    for pool, here in reversed(list(zip(held, counts, strict=True))):
        count = min(here, have - wanted)
        if count > 0:
            hugetlb.release_pages(tx, pool, count, node, function="update_and_free_pages_bulk")
            have -= count
    tx.event("nr_hugepages_store", f"{word} pages of {page_bytes >> 10} kB were asked for")
    return None


def _bind(tx: Transaction, driver: str, verb: str, word: str) -> Refusal | None:
    """Bind or unbind a pmem namespace: its ZONE_DEVICE span grows once and stays.

    The raw namespace of an NVDIMM that was plugged in has no struct pages
    (``pmem_should_map_pages``).
    """
    number = _number(word)
    device = tx.state.device_named(f"dax{number}.0")
    region = _region(tx.state, number)
    if verb == "bind" and region and not (device and word.startswith("namespace")):
        shift, node = tx.state.geometry.page_shift, device.node if device else 0
        start, end = region.start >> shift, (region.end + 1) >> shift
        tx.state = grow(tx.state, node, ZoneType.DEVICE, start, end - start)
    tx.event(f"{verb}_store", f"{word}: a ZONE_DEVICE span only grows")
    if verb == "bind" and region and driver == "dax_pmem":
        kmem.bind_region(tx, word, region)
    elif driver == "dax_pmem":
        kmem.unbind_region(tx, word)
    return None


def _number(word: str) -> int:
    digits = re.search(r"\d+", word)
    return int(digits[0]) if digits else 0


def _region(state: State, number: int) -> Resource | None:
    """The pmem region of a number: the one that its namespace lies in, else by address."""
    regions = [r for r in state.resources if not r.system_ram and r.depth == 0]
    inside = [r.start for r in state.resources if r.name == f"namespace{number}.0"]
    found = (r for r in regions for start in inside if r.start <= start <= r.end)
    return next(found, regions[number] if number < len(regions) else None)


def _read_block(state: State, block: int, name: str) -> str | None:
    if (row := state.blocks.at(block)) is None:
        return None
    match name:
        case "state":
            return BlockState(int(row["state"])).word
        case "online":
            return str(int(row["state"] == BlockState.ONLINE))
        case "valid_zones":
            return " ".join(valid_zones(state, block, row)[0])
        case "removable":
            return "1"
        case "phys_index":
            return f"{block:08x}"
        case "phys_device":
            return "0"
    return None


def _read_file(state: State, path: str) -> list[str] | None:
    """The lines of one file, None where there is none."""
    path = _followed(state, path)
    if found := _BLOCK.match(path):
        text = _read_block(state, int(found[1]), found[2])
        return None if text is None else [text]
    params = dict(state.params.words())
    if path == "/proc/meminfo":
        return _meminfo(state)
    if (found := _NODE_MEMINFO.match(path)) and int(found[1]) in state.nodes_in("online"):
        return _meminfo(state, int(found[1]))
    if path.startswith(PARAMETERS_DIR + "/"):
        name = path.rpartition("/")[2]
        text = params.get(name) if state.profile.has_param(name) else None
        return None if text is None else [text]
    if found := _POOL.match(path):
        if int(found[1]) << 10 not in state.geometry.hugetlb_bytes:
            return None
        pages = (int(found[1]) << 10) // state.geometry.page_bytes
        return [str(sum(h.count for h in state.hugetlb.values() if h.page_pages == pages))]
    if found := DAX_FILE.match(path):
        text = kmem.read_file(state, found[1], found[2])
        return None if text is None else [text]
    directory, _, name = path.rpartition("/")
    if directory == NODE_DIR and name in NODE_FILES:
        return [format_mask(state.nodes_in(name))]
    if path == "/proc/iomem":
        return [f"{'  ' * r.depth}{r.start:08x}-{r.end:08x} : {r.name}" for r in state.resources]
    if path == "/proc/zoneinfo":
        return _zoneinfo(state)
    fixed = {
        f"{MEMORY_DIR}/block_size_bytes": f"{state.geometry.block_bytes:x}",
        f"{MEMORY_DIR}/auto_online_blocks": params["auto_online_blocks"],
    }
    if state.profile.vmemmap_knob:
        fixed[f"{MEMORY_DIR}/vmemmap_hotplug"] = params["vmemmap_hotplug"] + "d"
    return [fixed[path]] if path in fixed else None


def _meminfo(state: State, node: int | None = None) -> list[str]:
    """The lines of ``meminfo`` that the model knows, of the machine or of a node."""
    nodes = state.nodes if node is None else (state.nodes[node],)
    managed = sum(zone.managed for each in nodes for zone in each.zones)
    size = state.geometry.hugetlb_bytes[0]
    pools = [h for h in state.hugetlb.values() if h.page_pages == size // state.geometry.page_bytes]
    count = sum(hugetlb.count_on(state, pool, node) for pool in pools)
    total = f"MemTotal:       {managed * state.geometry.page_bytes >> 10:8} kB"
    if node is not None:  # hugetlb_report_node_meminfo
        return [f"Node {node} {total}", f"Node {node} HugePages_Total: {count:5}"]
    return [total, f"HugePages_Total:   {count:5}", f"Hugepagesize:   {size >> 10:8} kB"]


def _zoneinfo(state: State) -> list[str]:
    """The lines of ``/proc/zoneinfo`` that the model knows."""
    lines = []
    for number, node in enumerate(state.nodes):
        for kind in REAL_ZONES if node.online else ():
            zone = node.zones[kind]
            lines.append(f"Node {number}, zone {kind.label:>8}")
            lines += [
                f"        {name:<7}  {getattr(zone, name)}"
                for name in ("spanned", "present", "managed")
            ]
            if zone.present:
                lines.append(f"  start_pfn:           {zone.start_pfn}")
    return lines


def is_glob(path: str) -> bool:
    """Whether a path may stand for several files."""
    return re.search(r"[*?\[]", path) is not None


def expand(state: State, path: str) -> list[str]:
    """The files a glob matches, in block order."""
    if not is_glob(path):
        return [path]
    directory, _, name = path.rpartition("/")
    if directory == MEMORY_DIR:  # the folders of blocks themselves
        directory, name = path, ""
    pattern = directory.rpartition("/")[2]
    if not directory.startswith(MEMORY_DIR):
        return [path]
    matches = re.compile(fnmatch.translate(pattern)).match
    found: list[str] = []
    for row in state.blocks.rows:
        for block in range(int(row["start"]), int(row["start"] + row["count"])):
            if matches(f"memory{block}"):
                found.append(f"{MEMORY_DIR}/memory{block}/{name}".rstrip("/"))
                if len(found) > MAX_GLOB_FILES:
                    raise InputError(
                        f"{path}: more than {MAX_GLOB_FILES} files match; name fewer blocks"
                    )
    # A shell sorts the names, so memory10 stands before memory9.
    return sorted(found)


def read(tx: Transaction, command: SysfsRead) -> Refusal | None:
    """``cat`` and ``grep .``: each line as the shell shows it.

    Like grep, a line carries its file's name where more than one file is read.
    """
    missing: Refusal | None = None
    paths = [path for pattern in command.paths for path in expand(tx.state, pattern)]
    shows = re.compile(command.pattern).search
    for path in paths:
        lines = _read_file(tx.state, path)
        if lines is None and not _is_modelled(path):
            tx.notes.append(f"{path}{NOT_MODELLED}; what Linux has there is not known")
            continue
        if lines is None:
            missing = Refusal("ENOENT", "sysfs", f"{path}: there is no such file")
            continue
        named = command.named and len(paths) > 1
        lines = [line for line in lines if shows(line)]
        tx.output.extend(f"{path}:{line}" if named else line for line in lines)
    return missing


def _is_modelled(path: str) -> bool:
    """Whether Linux has a file of that path if and only if the model has it."""
    folder, _, name = path.rpartition("/")
    if folder == PARAMETERS_DIR or path in (f"{MEMORY_DIR}/probe", f"{MEMORY_DIR}/vmemmap_hotplug"):
        return True
    if _POOL.match(path) or _NODE_POOL.match(path) or _NODE_MEMINFO.match(path):
        return True
    if (found := DAX_FILE.match(path)) and found[2] in ("state", "memmap_on_memory"):
        return True
    return bool(_IN_BLOCK.match(folder)) and name not in ("uevent", "subsystem", "power")
