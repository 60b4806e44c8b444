"""Small trees of kernel files, made by the tests that read them."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

MEMORY = "sys/devices/system/memory"
NODE = "sys/devices/system/node"
PARAMETERS = "sys/module/memory_hotplug/parameters"
POOLS = "sys/kernel/mm/hugepages"
MIB = 1 << 20


class Tree:
    """A directory in the layout of ``/sys`` and ``/proc``."""

    def __init__(self, root: Path, *, block_size: str | None = "8000000") -> None:
        self.root = root
        (root / MEMORY).mkdir(parents=True)
        if block_size is not None:
            self.write(f"{MEMORY}/block_size_bytes", f"{block_size}\n")

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file, its directories too."""
        file = self.root / path
        data = text if isinstance(text, bytes) else text.encode()
        try:
            self._put(f"{self.root}/{path}", data)
        except FileNotFoundError:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._put(f"{self.root}/{path}", data)
        return file

    @staticmethod
    def _put(name: str, data: bytes) -> None:
        with open(name, "wb", buffering=0) as file:
            file.write(data)

    def block(
        self,
        number: int,
        state: str | None = "online",
        zones: str | None = "Normal",
        *,
        node: int | None = 0,
        removable: str | None = "1",
        phys_device: str | None = "0",
    ) -> None:
        """A memory block; None leaves a file out."""
        directory = f"{self.root}/{MEMORY}/memory{number}"
        with suppress(FileExistsError):
            os.mkdir(directory)
        for name, value in (
            ("state", state),
            ("valid_zones", zones),
            ("removable", removable),
            ("phys_device", phys_device),
        ):
            if value is not None:
                self._put(f"{directory}/{name}", f"{value}\n".encode())
        if node is not None:
            with suppress(FileExistsError):
                os.symlink(f"../../node/node{node}", f"{directory}/node{node}")

    def blocks(self, first: int, last: int, state: str = "online", zones: str = "Normal") -> None:
        """Equal blocks first..last on node 0."""
        for number in range(first, last + 1):
            self.block(number, state, zones)

    def remove_block(self, number: int) -> None:
        """Take a block away."""
        shutil.rmtree(self.root / f"{MEMORY}/memory{number}")

    def node(self, number: int, *blocks: int) -> None:
        """A node's directory with links to its blocks."""
        directory = self.root / f"{NODE}/node{number}"
        directory.mkdir(parents=True, exist_ok=True)
        for block in blocks:
            os.symlink(f"../../memory/memory{block}", f"{directory}/memory{block}")

    def masks(self, **masks: str) -> None:
        """Node masks."""
        for name, text in masks.items():
            self.write(f"{NODE}/{name}", f"{text}\n")

    def params(self, **words: str) -> None:
        """Module parameters, and auto_online_blocks."""
        for name, word in words.items():
            directory = MEMORY if name == "auto_online_blocks" else PARAMETERS
            self.write(f"{directory}/{name}", f"{word}\n")

    def pool(self, kib: int, total: int, free: int, directory: str = POOLS) -> None:
        """A pool of huge pages."""
        for name, value in (
            ("nr_hugepages", total),
            ("free_hugepages", free),
            ("resv_hugepages", 0),
            ("surplus_hugepages", 0),
        ):
            self.write(f"{directory}/hugepages-{kib}kB/{name}", f"{value}\n")

    def zoneinfo(self, *zones: str) -> None:
        """``/proc/zoneinfo`` of these pieces (see :func:`zone`)."""
        self.write("proc/zoneinfo", "".join(zones))

    def iomem(self, *lines: str) -> None:
        """``/proc/iomem``."""
        self.write("proc/iomem", "".join(f"{line}\n" for line in lines))

    def kernel(self, release: str, arch: str | None = None) -> None:
        """The kernel's release and machine name."""
        self.write("proc/sys/kernel/osrelease", f"{release}\n")
        if arch is not None:
            self.write("proc/sys/kernel/arch", f"{arch}\n")


def zone(
    node: int,
    name: str,
    start: int,
    spanned: int,
    present: int,
    managed: int | None = None,
    cma: int = 0,
) -> str:
    """A zone as the kernel prints it, with statistics and page sets around the counters."""
    managed = present if managed is None else managed
    text = (
        f"Node {node}, zone {name:>8}\n"
        "  per-node stats\n"
        "      nr_inactive_anon 4711\n"
        "  pages free     17\n"
        "        boost    0\n"
        "        min      3\n"
        f"        spanned  {spanned}\n"
        f"        present  {present}\n"
        f"        managed  {managed}\n"
        f"        cma      {cma}\n"
        "        protection: (0, 0, 0, 0, 0)\n"
    )
    if not present:
        return text + "\n"
    return text + (
        "      nr_free_pages 17\n"
        "  pagesets\n"
        "    cpu: 0\n"
        "              count: 1\n"
        "              high:  2\n"
        "  vm stats threshold: 10\n"
        "  node_unreclaimable:  0\n"
        f"  start_pfn:           {start}\n"
    )


def dimm_tree(root: Path) -> Tree:
    """1 GiB at boot, then a DIMM of two blocks of which one is offline."""
    tree = Tree(root)
    tree.blocks(0, 7, zones="DMA32")
    tree.block(32, "online", "Movable")
    tree.block(33, "offline", "Normal Movable")
    return tree


def ratio_tree(root: Path) -> Tree:
    """x86_64, Linux 6.12: 1 GiB at boot, 40 blocks offline at 4 GiB, auto-movable at 200%.

    One after another, 16 of them fit into Movable: twice the 8 blocks of boot memory.
    """
    tree = Tree(root)
    tree.kernel("6.12.9-amd64", "x86_64")
    tree.block(0, zones="none")
    tree.blocks(1, 7, zones="DMA32")
    tree.blocks(32, 71, "offline", "Normal Movable")
    tree.node(0, *range(8), *range(32, 72))
    tree.masks(online="0", possible="0-1", has_memory="0", has_normal_memory="0", has_cpu="0")
    tree.params(
        memmap_on_memory="N",
        online_policy="auto-movable",
        auto_movable_ratio="200",
        auto_movable_numa_aware="Y",
    )
    return tree


def x86_tree(root: Path, *, memmap_on_memory: str = "Y") -> Tree:
    """x86_64, Linux 6.12: 1 GiB at boot, a DIMM of 256 MiB Movable and one offline at 4 GiB.

    With ``memmap_on_memory`` the Movable blocks hold their own struct pages.
    """
    tree = Tree(root)
    tree.kernel("6.12.9-amd64", "x86_64")
    tree.block(0, zones="none")
    tree.blocks(1, 7, zones="DMA32")
    tree.blocks(32, 33, zones="Movable")
    tree.blocks(34, 35, "offline", "Normal Movable")
    tree.node(0, *range(8), 32, 33, 34, 35)
    tree.masks(online="0", possible="0-1", has_memory="0", has_normal_memory="0", has_cpu="0")
    tree.params(
        memmap_on_memory=memmap_on_memory,
        online_policy="contig-zones",
        auto_movable_ratio="301",
        auto_movable_numa_aware="Y",
        auto_online_blocks="offline",
    )
    vmemmap = 0 if memmap_on_memory == "N" else 1024
    tree.zoneinfo(
        zone(0, "DMA", 1, 4095, 3998, 3840),
        zone(0, "DMA32", 4096, 258048, 258016, 240000),
        zone(0, "Normal", 0, 0, 0),
        zone(0, "Movable", 0x100000, 65536, 65536, 65536 - vmemmap),
        zone(0, "Device", 0, 0, 0),
    )
    tree.iomem(
        "00000000-00000fff : Reserved",
        "00001000-0009fbff : System RAM",
        "000f0000-000fffff : System ROM",
        "00100000-3ffdffff : System RAM",
        "  01000000-02200fff : Kernel code",
        "  02400000-02e08fff : Kernel rodata",
        "3ffe0000-3fffffff : Reserved",
        "fd000000-fdffffff : 0000:00:01.0",
        "100000000-10fffffff : System RAM",
        "110000000-11fffffff : System RAM",
    )
    tree.pool(2048, 8, 8)
    return tree
