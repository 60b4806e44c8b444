"""Random machines and random lines of the command language that suit a machine's state.

Everything comes from one :class:`random.Random`, so a seed is a sequence. Most lines mean
something on the machine (they name blocks and devices that exist); some are off by one, too
large or aimed at nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from pfnmap.engine.geometry import ARCHITECTURES
from pfnmap.engine.kinds import BlockState
from pfnmap.engine.memory.state import State
from pfnmap.engine.operations.allocations import PIN_KINDS
from pfnmap.engine.phases import FAILABLE_PHASES
from pfnmap.engine.profile import RULE_VALUES

MERGED_PROFILES = ("6.12", "6.1", "6.12", "6.1", "7.3", "6.8", "6.6", "5.14", "5.5")
HISTORICAL_PROFILES = (
    "4.19",
    "4.12",
    "memmap-v1",
    "memmap-v2",
    "memmap-v3",
    "shrink-rfc2",
    "shrink-oct2018",
)
PARAMETERS = {
    "memmap_on_memory": ("N", "Y", "Y", "force"),
    "online_policy": ("contig-zones", "auto-movable"),
    "auto_movable_ratio": ("0", "1", "50", "301", "4294967295"),
    "auto_movable_numa_aware": ("Y", "N"),
    "auto_online_blocks": ("offline", "online", "online_kernel", "online_movable"),
    "movable_node": ("Y", "N"),
    "vmemmap_hotplug": ("enable", "disable"),
    "hugetlb_free_vmemmap": ("on", "off"),
}
LAYOUTS = (
    "shrink", "removal", "memmap", "zone_shifting", "online_whole_pageblocks", "counts_poison",
)  # fmt: skip
"""Rules that say where zones end and what is theirs: of two kernels mixed they keep no identity,
in Linux neither."""
ERRNOS = ("ENOMEM", "EBUSY", "EINTR", "EINVAL", "EPERM")
MEMORY = "/sys/devices/system/memory"
POOLS = (0, 3, 4, 12, 64, 2048, 16384, 32768, 524288, 1 << 33)
"""Sizes of huge pages in kB, most of them of no architecture."""
HUGEPAGES = "/sys/kernel/mm/hugepages"


def random_machine(rng: random.Random, profile: str) -> str:
    """A ``machine`` line: mostly small x86_64 machines, at times another or a huge one.

    ``profile``: of a kernel; with ``/`` and an architecture always of that one.
    """
    profile, _, only = profile.partition("/")
    words = ["machine", f"profile={profile}"]
    ram = rng.choice(("128M", "512M", "1G", "2G", "3G", "4G", "5G", "3200M", "4000M"))
    arch = "x86_64"
    if only or rng.random() < 0.2:
        arch = only or rng.choice(("arm64-4k", *sorted(ARCHITECTURES)))
        ram = "4G"
        words.append(f"arch={arch}")
    if rng.random() < 0.1:  # what cannot be is refused, at once
        ram = rng.choice(("64G", "1T", "1P", "100G", "4095T", "16383P", f"{rng.getrandbits(40)}K"))
    words.append(f"ram={ram}")
    if arch == "x86_64" and rng.random() < 0.25:
        words.append(f"block={rng.choice(('256M', '512M', '1G', '2G'))}")
    if rng.random() < 0.5:
        nodes = rng.choice((2, 2, 2, 2, 3, 3, 3, 3, 4, 64))
        words.append(f"nodes={nodes}")
        words += [
            f"ram{node}={rng.choice(('128M', '512M', '1G', '192M'))}"
            for node in range(1, nodes)
            if rng.random() < 0.5
        ]
    for name, values in PARAMETERS.items():
        if rng.random() < 0.3:
            words.append(f"{name}={rng.choice(values)}")
    return " ".join(words)


class LineMaker:
    """Random lines for a machine as it is at this moment."""

    def __init__(self, rng: random.Random, *, any_rule: bool) -> None:
        """``any_rule``: whether :data:`LAYOUTS` may change on the way."""
        self.rng = rng
        self.any_rule = any_rule
        self.number = 0

    def line(self, state: State) -> str:
        """One more line."""
        weights = dict(_MAKERS)
        maker = self.rng.choices(list(weights), list(weights.values()))[0]
        return maker(self, state)

    # -- pieces ----------------------------------------------------------------------
    def name(self) -> str:
        """A new name."""
        self.number += 1
        return f"n{self.number}"

    def size(self, state: State) -> str:
        """A size: a few blocks, at times an odd one."""
        block = state.geometry.block_bytes
        pages = state.geometry.page_bytes
        if self.rng.random() < 0.05:
            # Removal before 5.5 goes section by section: a petabyte would take minutes.
            huge = "16G" if self.any_rule else "1P"
            return self.rng.choice(("0K", "4K", f"{block + pages >> 10}K", huge, "8P", "3M"))
        if self.rng.random() < 0.02:  # of which the cost must not grow with the size
            return f"{1 << self.rng.randrange(10 if self.any_rule else 24)}G"
        return f"{block * self.rng.choice((1, 1, 2, 2, 3, 4, 8)) >> 10}K"

    def at(self, state: State) -> str:
        """`` at=…`` or nothing."""
        if self.rng.random() < 0.55:
            return ""
        block = state.geometry.block_bytes
        address = (4 << 30) // block + self.rng.randrange(0, 24)
        if self.rng.random() < 0.15:
            return f" at={self.rng.choice((0, 3 << 30, (3 << 30) - block, 1 << 51, 1 << 52)):#x}"
        odd = self.rng.choice((4096, 2 << 20, 65536)) if self.rng.random() < 0.05 else 0
        return f" at={address * block + odd:#x}"

    def node(self, state: State) -> str:
        """`` node=…`` or nothing."""
        if self.rng.random() < 0.5:
            return ""
        return f" node={self.rng.randrange(len(state.nodes) + (self.rng.random() < 0.03))}"

    def device(self, state: State, kind: str) -> str:
        """The name of a device, rarely of none."""
        names = [d.name for d in state.devices.values() if d.kind == kind]
        return self.rng.choice(names) if names and self.rng.random() < 0.97 else "nobody"

    def block(self, state: State, *wanted: BlockState) -> int:
        """A block id, preferably of a hot-added block in one of these states."""
        rows = [r for r in state.blocks.rows if not wanted or int(r["state"]) in wanted]
        hot = [r for r in rows if not r["early"]]
        if self.rng.random() < 0.9 and hot:
            rows = hot
        if not rows or self.rng.random() < 0.02:
            return self.rng.randrange(0, 200)
        row = self.rng.choice(rows)
        return self.rng.randrange(int(row["start"]), int(row["start"] + row["count"]))

    def ref(self, state: State, *wanted: BlockState) -> str:
        """A REF: one block, a short range, or a part of a device."""
        roll = self.rng.random()
        block = self.block(state, *wanted)
        if roll < 0.6:
            return str(block)
        if roll < 0.75:
            return f"{block}-{block + self.rng.randrange(0, 4)}"
        size = state.geometry.block_bytes
        if roll < 0.8:
            return f"{block * size:#x}-{(block + self.rng.randrange(1, 3)) * size - 1:#x}"
        name = self.device(state, "dimm")
        if roll < 0.9:
            return name
        first = self.rng.randrange(0, 4)
        return f"{name}[{first}-{first + self.rng.randrange(0, 3)}]"

    def pfn(self, state: State) -> int:
        """A page near something interesting."""
        block = self.block(state)
        pages = state.geometry.block_pages
        inside = self.rng.choice(
            (0, 1, 8, pages - 1, pages // 2, self.rng.randrange(pages), self.rng.randrange(1024))
        )
        return block * pages + inside % pages

    # -- lines -----------------------------------------------------------------------
    def add(self, state: State) -> str:
        memmap, size = "", self.size(state)
        # The layouts of 2019 are torn down section by section: no petabyte of those either.
        if self.rng.random() < 0.3 and not size.endswith("P"):
            memmap = f" memmap={self.rng.choice(('ram', 'device', 'memblock', 'on_memory'))}"
        return f"add {self.name()} {size}{self.at(state)}{self.node(state)}{memmap}"

    def online(self, state: State) -> str:
        kind = self.rng.choice(("", " kernel", " movable"))
        return f"online {self.ref(state, BlockState.OFFLINE)}{kind}"

    def offline(self, state: State) -> str:
        return f"offline {self.ref(state, BlockState.ONLINE)}"

    def remove(self, state: State) -> str:
        return f"remove {self.device(state, 'dimm')}"

    def remove_blocks(self, state: State) -> str:
        return f"remove {self.ref(state, BlockState.OFFLINE)}"

    def shrink(self, state: State) -> str:
        zone = self.rng.choice(("Normal", "Movable", "Movable", "DMA32", "Device"))
        blocks = self.rng.choice(("", "", " blocks=2", " blocks=5"))
        return f"shrink {zone}{self.node(state)}{blocks}"

    def device_add(self, state: State) -> str:
        altmap = self.rng.choice(("", "", " altmap=2M", " altmap=4M", " altmap=32M", " altmap=0K"))
        size = self.rng.choice(("2M", "4M", "128M", "256M", "66M", self.size(state)))
        return f"device-add {self.name()} {size}{self.at(state)}{self.node(state)}{altmap}"

    def device_del(self, state: State) -> str:
        return f"device-del {self.device(state, 'pmem')}"

    def kmem(self, state: State) -> str:
        memmap = self.rng.choice(("", "", " memmap=ram", " memmap=on_memory"))
        return f"kmem {self.device(state, 'pmem')}{memmap}"

    def kmem_del(self, state: State) -> str:
        return f"kmem-del {self.device(state, 'kmem')}"

    def virtio_mem(self, state: State) -> str:
        name, requested = self.device(state, "virtio-mem"), self.rng.randrange(0, 1300)
        if name != "nobody" and self.rng.random() < 0.8:
            return f"virtio-mem {name} requested={requested // 2 * 2}M"
        unit = self.rng.choice(("", "", "", " block-size=4M", " block-size=1M", " block-size=256M"))
        size = self.rng.choice(("1G", "2G", "256M", "1300M", "64G", "2T", "3M"))
        return (
            f"virtio-mem {self.name()} size={size} requested={requested}M{unit}{self.at(state)}"
            f"{self.node(state)}"
        )

    def virtio_mem_del(self, state: State) -> str:
        return f"virtio-mem-del {self.device(state, 'virtio-mem')}"

    def daxctl(self, state: State) -> str:
        name = self.device(state, self.rng.choice(("kmem", "pmem")))
        mode = self.rng.choice(("system-ram", "system-ram --no-online", "devdax", "devdax --force"))
        action = self.rng.choice(
            (f"reconfigure-device -m {mode}", "online-memory", "offline-memory")
        )
        return f"daxctl {action} {name}"

    def cxl(self, state: State) -> str:
        number = self.rng.randrange(3)
        region = f"cxl create-region -m -d decoder0.{number} -w1 mem0"
        size = self.rng.choice(("", " -s 256M", " -s 1G", " -s 100M"))
        verb = self.rng.choice(("enable-region", "disable-region -f", "destroy-region"))
        return self.rng.choice(("cxl list", "daxctl list", region + size, f"cxl {verb} region0"))

    def kmem_file(self, state: State) -> str:
        name = self.device(state, self.rng.choice(("kmem", "dax", "pmem")))
        state_words = ("unplugged", "online", "online_movable", "online_kernel", "offline")
        return self.rng.choice(
            (
                f"echo {self.rng.choice(state_words)} > /sys/bus/dax/devices/{name}/state",
                f"echo {self.rng.choice('01')} > /sys/bus/dax/devices/{name}/memmap_on_memory",
                f"echo {name} > /sys/bus/dax/drivers/kmem/{self.rng.choice(('bind', 'new_id'))}",
                f"echo {name} > /sys/bus/dax/drivers/{self.rng.choice(('kmem', 'device_dax'))}"
                "/unbind",
                f"echo {name} > /sys/bus/dax/drivers/device_dax/bind",
            )
        )

    def _where(self, state: State) -> str:
        if self.rng.random() < 0.5:
            return self.ref(state, BlockState.ONLINE)
        return f"pfn={self.pfn(state)}"

    def pin(self, state: State) -> str:
        pages = self.rng.choice(("", "", " pages=1", " pages=7", " pages=512", " pages=40000"))
        kind = self.rng.choice(("", *(f" kind={kind}" for kind in PIN_KINDS)))
        return f"pin {self._where(state)}{pages}{kind}"

    def unpin(self, state: State) -> str:
        pages = self.rng.choice(("", " pages=3", " pages=600", " pages=100000"))
        kind = self.rng.choice(("", "", *(f" kind={kind}" for kind in PIN_KINDS)))
        return f"unpin {self._where(state)}{pages}{kind}"

    def hugetlb(self, state: State) -> str:
        size = self.rng.choice(("2M", "2M", "2M", "1G", "64K", "16M", "3M", "4M"))
        count = self.rng.choice(("", "", " count=3", " count=70", " count=500"))
        pages = (int(size[:-1]) << {"K": 10, "M": 20, "G": 30}[size[-1]]) // 4096
        where = ""
        if self.rng.random() < 0.4:
            where = f" pfn={self.pfn(state) // max(1, pages) * max(1, pages)}"
        return f"hugetlb {self.name()} {size}{count}{where}{self.node(state)}"

    def hugetlb_free(self, state: State) -> str:
        names = [held.name for held in state.hugetlb.values()]
        return f"hugetlb-free {self.rng.choice(names) if names else 'nobody'}"

    def set(self, state: State) -> str:
        name = self.rng.choice(list(PARAMETERS))
        return f"set {name}={self.rng.choice(PARAMETERS[name])}"

    def rule(self, state: State) -> str:
        layouts = () if self.any_rule else LAYOUTS
        name = self.rng.choice([rule for rule in RULE_VALUES if rule not in layouts])
        return f"rule {name}={self.rng.choice(RULE_VALUES[name])}"

    def fail(self, state: State) -> str:
        phase = self.rng.choice(list(FAILABLE_PHASES))
        return f"fail next at={phase} errno={self.rng.choice(ERRNOS)}"

    def free(self, state: State) -> str:
        size = self.rng.choice(("0K", "1M", "2M", "64M", "200M", "1G"))
        return f"free {size}{self.node(state)}"

    def freelist(self, state: State) -> str:
        orders = self.rng.sample(range(state.geometry.max_order + 1), self.rng.randrange(1, 5))
        counts = " ".join(f"{order}:{self.rng.choice((0, 1, 3, 700))}" for order in orders)
        return f"freelist {counts}{self.node(state)}"

    def echo(self, state: State) -> str:
        block = self.block(state)
        size = state.geometry.block_bytes
        words = ("online", "online_movable", "online_kernel", "offline", "on")
        return self.rng.choice(
            (
                f"echo {self.rng.choice(words)} > {MEMORY}/memory{block}/state",
                f"echo {self.rng.choice(words)} > {MEMORY}/memory{block}/state",
                f"echo {self.rng.choice(words)} > {MEMORY}/memory{block}/state",
                f"echo {self.rng.choice('01x')} > {MEMORY}/memory{block}/online",
                f"echo {self.rng.choice(words)} > {MEMORY}/auto_online_blocks",
                f"echo {self.rng.randrange(64) * size:#x} > {MEMORY}/probe",
                f"echo {self.rng.choice((0, 1, 40, 300, 'x'))} > /proc/sys/vm/nr_hugepages",
                f"echo {self.rng.choice((0, 1, 2))} > {HUGEPAGES}/hugepages-1048576kB/nr_hugepages",
                f"echo 1 > {HUGEPAGES}/hugepages-{self.rng.choice(POOLS)}kB/nr_hugepages",
                f"echo {self.rng.choice('01')} > /proc/sys/vm/hugetlb_optimize_vmemmap",
                "echo auto-movable > /sys/module/memory_hotplug/parameters/online_policy",
                "echo Y > /sys/module/memory_hotplug/parameters/memmap_on_memory",
            )
        )

    def chmem(self, state: State) -> str:
        block = self.block(state)
        what = self.rng.choice(("1", "3", "256M", f"-b {block}", f"-b {block}-{block + 2}"))
        return f"chmem -{self.rng.choice('ed')} {what}"

    def loop(self, state: State) -> str:
        block = self.block(state)
        words = self.rng.choice(
            (f"{block} {block + 1}", f"{{{block}..{block + 3}}}", "{0..100000}")
        )
        word = self.rng.choice(("online", "offline", "online_movable"))
        return f"for i in {words}; do echo {word} > {MEMORY}/memory$i/state; done"

    def signal(self, state: State) -> str:
        return "signal"

    def cat(self, state: State) -> str:
        block = self.block(state)
        return self.rng.choice(
            (
                f"cat {MEMORY}/memory{block}/valid_zones",
                f"grep . {MEMORY}/memory3?/valid_zones",
                f"cat {MEMORY}/block_size_bytes",
                f"cat {MEMORY}/memory{block}/phys_index",
            )
        )


_MAKERS: tuple[tuple[Callable[[LineMaker, State], str], int], ...] = (
    (LineMaker.add, 14),
    (LineMaker.online, 22),
    (LineMaker.offline, 14),
    (LineMaker.remove, 5),
    (LineMaker.remove_blocks, 4),
    (LineMaker.shrink, 5),
    (LineMaker.device_add, 3),
    (LineMaker.device_del, 2),
    (LineMaker.kmem, 3),
    (LineMaker.kmem_del, 2),
    (LineMaker.kmem_file, 2),
    (LineMaker.daxctl, 1),
    (LineMaker.cxl, 1),
    (LineMaker.virtio_mem, 6),
    (LineMaker.virtio_mem_del, 1),
    (LineMaker.pin, 5),
    (LineMaker.unpin, 3),
    (LineMaker.hugetlb, 4),
    (LineMaker.hugetlb_free, 2),
    (LineMaker.set, 3),
    (LineMaker.rule, 1),
    (LineMaker.fail, 3),
    (LineMaker.free, 1),
    (LineMaker.freelist, 1),
    (LineMaker.echo, 8),
    (LineMaker.signal, 1),
    (LineMaker.chmem, 1),
    (LineMaker.loop, 1),
    (LineMaker.cat, 1),
)
